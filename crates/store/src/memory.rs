//! An in-memory store that fails on purpose.
//!
//! Every call passes two points, *before* and *after* its effect. At each the store asks its [`Faults`] what happens: nothing,
//! an error, a wait. A wait returns `Poll::Pending` once, so that a test's executor can let somebody else go first: with an
//! executor that picks the next task at random, every interleaving of store calls can occur.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};

/// Whether a point lies before or after the effect of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened yet.
    Before,
    /// The effect has happened, its answer is on the way.
    After,
}

/// One point of one call.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// The number of this point since the store was made.
    pub index: u64,
    /// `put`, `upload.write`, `upload.finish`, `get`, `get_range`, `get_suffix`, `head`, `list`, `list_prefixes`, `tag`.
    pub operation: &'static str,
    /// The key or prefix.
    pub key: &'a str,
    /// Before or after the effect.
    pub moment: Moment,
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Go,
    /// Let others go first, once.
    Yield,
    /// Fail with this kind. After the effect: the effect stays, the answer is lost.
    Fail(ErrorKind),
}

/// Decides what happens at each point.
pub trait Faults: Send {
    /// Called at every point in the order in which they are reached.
    fn at(&mut self, point: Point<'_>) -> Action;
}

impl<F: FnMut(Point<'_>) -> Action + Send> Faults for F {
    fn at(&mut self, point: Point<'_>) -> Action {
        self(point)
    }
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    faults: Option<Box<dyn Faults>>,
    points: u64,
    writes: u64,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    etag: String,
    tags: BTreeMap<String, String>,
    /// The number of the write: time as the store counts it.
    written: u64,
}

impl Stored {
    fn meta(&self, key: &str) -> ObjectMeta {
        ObjectMeta {
            key: key.to_owned(),
            size: self.bytes.len() as u64,
            etag: self.etag.clone(),
            modified_ms: i64::try_from(self.written).ok(),
        }
    }
}

/// The store. Clones share their objects.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// An empty store that never fails.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `faults` decides what happens at each point.
    pub fn set_faults(&self, faults: impl Faults + 'static) {
        self.state().faults = Some(Box::new(faults));
    }

    /// From now on nothing fails.
    pub fn clear_faults(&self) {
        self.state().faults = None;
    }

    /// How many points were passed so far.
    pub fn points(&self) -> u64 {
        self.state().points
    }

    /// Every object, key and bytes, in key order.
    pub fn snapshot(&self) -> BTreeMap<String, Bytes> {
        self.state().objects.iter().map(|(key, stored)| (key.clone(), stored.bytes.clone())).collect()
    }

    /// A store of its own with the same objects and no faults.
    pub fn fork(&self) -> Self {
        let state = self.state();
        let fork = State { objects: state.objects.clone(), writes: state.writes, ..State::default() };
        Self { state: Arc::new(Mutex::new(fork)) }
    }

    /// The tags of an object.
    pub fn tags(&self, key: &str) -> BTreeMap<String, String> {
        self.state().objects.get(key).map(|stored| stored.tags.clone()).unwrap_or_default()
    }

    /// Removes an object, as a lifecycle rule would.
    pub fn expire(&self, key: &str) -> bool {
        self.state().objects.remove(key).is_some()
    }

    /// Puts bytes under a key whatever is there, as a stranger with write access would.
    pub fn overwrite(&self, key: &str, bytes: impl Into<Bytes>) {
        let mut state = self.state();
        state.writes += 1;
        let (etag, written) = (format!("{:x}", state.writes), state.writes);
        state.objects.insert(key.to_owned(), Stored { bytes: bytes.into(), etag, tags: BTreeMap::new(), written });
    }

    async fn point(&self, operation: &'static str, key: &str, moment: Moment) -> Result<(), StoreError> {
        let action = {
            let mut state = self.state();
            let index = state.points;
            state.points += 1;
            match &mut state.faults {
                Some(faults) => faults.at(Point { index, operation, key, moment }),
                None => Action::Go,
            }
        };
        match action {
            Action::Go => Ok(()),
            Action::Yield => {
                yield_once().await;
                Ok(())
            }
            Action::Fail(kind) => Err(StoreError::new(kind, operation, key, "injected fault")),
        }
    }

    fn insert_if_absent(&self, key: &str, bytes: Bytes) -> Put {
        let mut state = self.state();
        if state.objects.contains_key(key) {
            return Put::Exists;
        }
        state.writes += 1;
        let (etag, written) = (format!("{:x}", state.writes), state.writes);
        state.objects.insert(key.to_owned(), Stored { bytes, etag: etag.clone(), tags: BTreeMap::new(), written });
        Put::Created { etag }
    }

    fn find(&self, operation: &'static str, key: &str) -> Result<Stored, StoreError> {
        let found = self.state().objects.get(key).cloned();
        found.ok_or_else(|| StoreError::new(ErrorKind::NotFound, operation, key, "no such object"))
    }
}

/// Returns `Pending` once and asks to be polled again.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.point("put", key, Moment::Before).await?;
        let put = self.insert_if_absent(key, bytes);
        self.point("put", key, Moment::After).await?;
        Ok(put)
    }

    async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.point("put", key, Moment::Before).await?;
        {
            let mut state = self.state();
            state.writes += 1;
            let etag = format!("{:x}", state.writes);
            let written = state.writes;
            state.objects.insert(key.to_owned(), Stored { bytes, etag, tags: BTreeMap::new(), written });
        }
        self.point("put", key, Moment::After).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(MemoryUpload { store: self.clone(), key: key.to_owned(), bytes: BytesMut::new() }))
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        self.point("get", key, Moment::Before).await?;
        let found = self.find("get", key);
        self.point("get", key, Moment::After).await?;
        found.map(|stored| Object { bytes: stored.bytes, etag: stored.etag })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.point("get_range", key, Moment::Before).await?;
        let stored = self.find("get_range", key)?;
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else {
            return Err(StoreError::new(ErrorKind::Invalid, "get_range", key, "range too large"));
        };
        if start > end || end > stored.bytes.len() {
            return Err(StoreError::new(ErrorKind::Invalid, "get_range", key, "range outside the object"));
        }
        self.point("get_range", key, Moment::After).await?;
        Ok(stored.bytes.slice(start..end))
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        self.point("get_suffix", key, Moment::Before).await?;
        let stored = self.find("get_suffix", key)?;
        self.point("get_suffix", key, Moment::After).await?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(stored.bytes.len());
        let bytes = stored.bytes.slice(stored.bytes.len() - length..);
        Ok(Suffix { bytes, size: stored.bytes.len() as u64, etag: stored.etag })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.point("head", key, Moment::Before).await?;
        let found = self.find("head", key).ok();
        self.point("head", key, Moment::After).await?;
        Ok(found.map(|stored| stored.meta(key)))
    }

    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        self.point("list", prefix, Moment::Before).await?;
        let page = {
            let state = self.state();
            let from = match start_after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let range = state.objects.range::<str, _>((from, Bound::Unbounded));
            range
                .take_while(|(key, _)| key.starts_with(prefix))
                .take(limit.min(crate::PAGE))
                .map(|(key, stored)| stored.meta(key))
                .collect()
        };
        self.point("list", prefix, Moment::After).await?;
        Ok(page)
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.point("list_prefixes", prefix, Moment::Before).await?;
        let mut prefixes: Vec<String> = Vec::new();
        for key in self.state().objects.keys().filter(|key| key.starts_with(prefix)) {
            if let Some(slash) = key[prefix.len()..].find('/') {
                let next = &key[..prefix.len() + slash + 1];
                if prefixes.last().is_none_or(|last| last != next) {
                    prefixes.push(next.to_owned());
                }
            }
        }
        self.point("list_prefixes", prefix, Moment::After).await?;
        Ok(prefixes)
    }

    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        self.point("tag", key, Moment::Before).await?;
        {
            let mut state = self.state();
            let Some(stored) = state.objects.get_mut(key) else {
                return Err(StoreError::new(ErrorKind::NotFound, "tag", key, "no such object"));
            };
            stored.tags.insert(name.to_owned(), value.to_owned());
        }
        self.point("tag", key, Moment::After).await
    }
}

struct MemoryUpload {
    store: MemoryStore,
    key: String,
    bytes: BytesMut,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.store.point("upload.write", &self.key, Moment::Before).await?;
        self.bytes.extend_from_slice(&bytes);
        self.store.point("upload.write", &self.key, Moment::After).await
    }

    async fn finish(self: Box<Self>) -> Result<Put, StoreError> {
        self.store.point("upload.finish", &self.key, Moment::Before).await?;
        let put = self.store.insert_if_absent(&self.key, self.bytes.freeze());
        self.store.point("upload.finish", &self.key, Moment::After).await?;
        Ok(put)
    }

    async fn abort(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_puts_of_one_key_one_creates() {
        let store = MemoryStore::new();
        let first = store.put_if_absent("a", Bytes::from_static(b"1")).await.unwrap();
        assert!(matches!(first, Put::Created { .. }));
        assert_eq!(store.put_if_absent("a", Bytes::from_static(b"2")).await.unwrap(), Put::Exists);
        assert_eq!(store.get("a").await.unwrap().bytes, "1");
    }

    #[tokio::test]
    async fn lists_are_ordered_and_start_after_is_exclusive() {
        let store = MemoryStore::new();
        for key in ["b/2", "a/1", "b/1", "b/c/3", "c"] {
            store.put_if_absent(key, Bytes::new()).await.unwrap();
        }
        let keys = |page: Vec<ObjectMeta>| page.into_iter().map(|object| object.key).collect::<Vec<_>>();
        assert_eq!(keys(store.list_page("b/", None, 2).await.unwrap()), ["b/1", "b/2"]);
        assert_eq!(keys(store.list_page("b/", Some("b/1"), 9).await.unwrap()), ["b/2", "b/c/3"]);
        assert_eq!(keys(store.list_page("b/", Some("a"), 9).await.unwrap()), ["b/1", "b/2", "b/c/3"]);
        assert_eq!(store.list_prefixes("").await.unwrap(), ["a/", "b/"]);
        assert_eq!(store.list_prefixes("b/").await.unwrap(), ["b/c/"]);
    }

    #[tokio::test]
    async fn a_put_that_fails_after_its_effect_leaves_the_object() {
        let store = MemoryStore::new();
        store.set_faults(|point: Point<'_>| match point.moment {
            Moment::After => Action::Fail(ErrorKind::Timeout),
            Moment::Before => Action::Go,
        });
        assert_eq!(store.put_if_absent("a", Bytes::new()).await.unwrap_err().kind, ErrorKind::Timeout);
        store.clear_faults();
        assert!(store.head("a").await.unwrap().is_some());
    }
}
