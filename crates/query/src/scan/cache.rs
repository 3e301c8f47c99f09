//! What a scan remembers between queries. Only immutable things are kept, each kind bounded by bytes, least recently used first out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A map that holds values of at most `budget` bytes together.
pub struct ByteLru<V> {
    budget: usize,
    state: Mutex<State<V>>,
}

struct State<V> {
    entries: HashMap<String, Entry<V>>,
    /// Keys by the tick of their last use.
    by_use: BTreeMap<u64, String>,
    tick: u64,
    bytes: usize,
}

struct Entry<V> {
    value: V,
    bytes: usize,
    last_use: u64,
}

impl<V: Clone> ByteLru<V> {
    /// An empty one.
    pub fn new(budget: usize) -> Self {
        let state = State { entries: HashMap::new(), by_use: BTreeMap::new(), tick: 0, bytes: 0 };
        Self { budget, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a key, which is now the one most recently used.
    pub fn get(&self, key: &str) -> Option<V> {
        let mut guard = self.state();
        let state = &mut *guard;
        let entry = state.entries.get_mut(key)?;
        state.tick += 1;
        if let Some(name) = state.by_use.remove(&entry.last_use) {
            state.by_use.insert(state.tick, name);
        }
        entry.last_use = state.tick;
        Some(entry.value.clone())
    }

    /// Remembers a value of `bytes` bytes. One that alone exceeds a quarter of the budget is not kept.
    pub fn insert(&self, key: &str, value: V, bytes: usize) {
        if bytes > self.budget / 4 {
            return;
        }
        let mut guard = self.state();
        let state = &mut *guard;
        state.tick += 1;
        let tick = state.tick;
        if let Some(previous) = state.entries.insert(key.to_owned(), Entry { value, bytes, last_use: tick }) {
            state.by_use.remove(&previous.last_use);
            state.bytes -= previous.bytes;
        }
        state.by_use.insert(tick, key.to_owned());
        state.bytes += bytes;
        while state.bytes > self.budget {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            if let Some(entry) = state.entries.remove(&oldest) {
                state.bytes -= entry.bytes;
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut state = self.state();
        state.entries.clear();
        state.by_use.clear();
        state.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_the_budget_holds() {
        let cache = ByteLru::new(100);
        for key in ["a", "b", "c", "d"] {
            cache.insert(key, key.to_owned(), 25);
        }
        assert_eq!(cache.get("a").as_deref(), Some("a"));
        cache.insert("e", "e".to_owned(), 25);
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a").as_deref(), Some("a"));
        cache.insert("huge", "huge".to_owned(), 26);
        assert_eq!(cache.get("huge"), None);
        cache.insert("a", "A".to_owned(), 10);
        cache.insert("f", "f".to_owned(), 15);
        assert_eq!(cache.get("c").as_deref(), Some("c"));
        assert_eq!(cache.state().bytes, 100);
    }
}
