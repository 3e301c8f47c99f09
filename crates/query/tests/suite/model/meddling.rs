//! A store that somebody else uses at the same time: something happens just before a chosen call, and every call is noted.

use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use auditlake_store::memory::MemoryStore;
use auditlake_store::{Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};
use bytes::Bytes;

type Event = Box<dyn FnOnce(&MemoryStore) + Send>;

pub struct Meddling {
    inner: MemoryStore,
    event: Mutex<Option<(usize, Event)>>,
    calls: Mutex<Vec<(&'static str, String)>>,
}

impl Meddling {
    pub fn new(inner: MemoryStore) -> Self {
        Self { inner, event: Mutex::new(None), calls: Mutex::new(Vec::new()) }
    }

    /// Lets `event` happen just before the call of number `at`.
    pub fn before_call(self, at: usize, event: impl FnOnce(&MemoryStore) + Send + 'static) -> Self {
        *self.event.lock().unwrap() = Some((at, Box::new(event)));
        self
    }

    /// The calls so far: operation and key.
    pub fn calls(&self) -> Vec<(&'static str, String)> {
        self.calls.lock().unwrap().clone()
    }

    fn call(&self, operation: &'static str, key: &str) {
        let mut calls = self.calls.lock().unwrap();
        let mut slot = self.event.lock().unwrap();
        if slot.as_ref().is_some_and(|(at, _)| *at == calls.len())
            && let Some((_, event)) = slot.take()
        {
            event(&self.inner);
        }
        calls.push((operation, key.to_owned()));
    }
}

#[async_trait]
impl Store for Meddling {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.call("put", key);
        self.inner.put_if_absent(key, bytes).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        self.call("upload", key);
        self.inner.upload(key).await
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        self.call("get", key);
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.call("get_range", key);
        self.inner.get_range(key, range).await
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        self.call("get_suffix", key);
        self.inner.get_suffix(key, length).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.call("head", key);
        self.inner.head(key).await
    }

    async fn list_page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        self.call("list", prefix);
        self.inner.list_page(prefix, after, limit).await
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.call("list_prefixes", prefix);
        self.inner.list_prefixes(prefix).await
    }

    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        self.call("tag", key);
        self.inner.tag(key, name, value).await
    }
}
