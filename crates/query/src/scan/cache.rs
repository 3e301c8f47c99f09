//! What a scan remembers between queries. Only immutable things are kept, each kind bounded by bytes, least recently used first out.
//!
//! What is counted is what an entry costs: its value, its key, and its place in the map. Values must own their bytes: a
//! view into a larger buffer would hold more than is counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use serde::Serialize;

/// What an entry costs besides its key's text and its value: a node of the list, a slot of the hash map, which is partly empty, and the
/// headers of two allocations.
const ENTRY_BYTES: usize = 128;

/// How full a cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CacheUse {
    /// What it remembers.
    pub name: &'static str,
    /// Bytes that its entries cost.
    pub bytes: usize,
    /// Most bytes that they may cost.
    pub budget_bytes: usize,
    /// How many there are.
    pub entries: usize,
}

/// A map whose entries cost at most `budget` bytes together.
pub struct ByteLru<V> {
    budget: usize,
    state: Mutex<State<V>>,
}

struct State<V> {
    entries: LruCache<Box<str>, Entry<V>>,
    bytes: usize,
}

struct Entry<V> {
    value: V,
    bytes: usize,
}

impl<V: Clone> ByteLru<V> {
    /// An empty one.
    pub fn new(budget: usize) -> Self {
        Self { budget, state: Mutex::new(State { entries: LruCache::unbounded(), bytes: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a key, which is now the one most recently used.
    pub fn get(&self, key: &str) -> Option<V> {
        self.state().entries.get(key).map(|entry| entry.value.clone())
    }

    /// Remembers a value of `bytes` bytes. An entry that alone exceeds a quarter of the budget is not kept.
    pub fn insert(&self, key: &str, value: V, bytes: usize) {
        let bytes = bytes + key.len() + ENTRY_BYTES;
        if bytes > self.budget / 4 {
            return;
        }
        let mut state = self.state();
        if let Some(previous) = state.entries.put(Box::from(key), Entry { value, bytes }) {
            state.bytes -= previous.bytes;
        }
        state.bytes += bytes;
        while state.bytes > self.budget {
            let Some((_, oldest)) = state.entries.pop_lru() else { break };
            state.bytes -= oldest.bytes;
        }
    }

    /// How full it is.
    pub fn usage(&self, name: &'static str) -> CacheUse {
        let state = self.state();
        CacheUse { name, bytes: state.bytes, budget_bytes: self.budget, entries: state.entries.len() }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an entry of a key of one letter costs besides its value.
    const COST: usize = ENTRY_BYTES + 1;

    #[test]
    fn the_least_recently_used_goes_first_and_the_budget_holds() {
        let budget = 4 * (25 + COST);
        let cache = ByteLru::new(budget);
        for key in ["a", "b", "c", "d"] {
            cache.insert(key, key.to_owned(), 25);
        }
        assert_eq!(cache.get("a").as_deref(), Some("a"));
        cache.insert("e", "e".to_owned(), 25);
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a").as_deref(), Some("a"));
        cache.insert("huge", "huge".to_owned(), 26 + COST);
        assert_eq!(cache.get("huge"), None);
        cache.insert("a", "A".to_owned(), 10);
        assert_eq!(cache.get("c").as_deref(), Some("c"));
        let expected = CacheUse { name: "test", bytes: budget - 15, budget_bytes: budget, entries: 4 };
        assert_eq!(cache.usage("test"), expected);
    }

    #[test]
    fn a_hundred_thousand_small_entries_cost_their_keys_and_places_too() {
        let cache = ByteLru::new(8 * 1024 * 1024);
        let key = |number: usize| format!("landing/arrival=2026-03-01T12/{number:036}.parquet");
        for number in 0..100_000 {
            cache.insert(&key(number), (), 0);
        }
        let used = cache.usage("test");
        assert!(used.bytes <= used.budget_bytes, "{used:?}");
        // Each costs its key's 74 bytes and its places: 8 MiB hold some tens of thousands, not all.
        assert!((10_000..60_000).contains(&used.entries), "{used:?}");
        assert!(cache.get(&key(99_999)).is_some() && cache.get(&key(0)).is_none());
    }
}
