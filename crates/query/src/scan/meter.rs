//! Counts the bytes that a query fetches.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use auditlake_store::{Object, Store, StoreError, Suffix};
use bytes::Bytes;

/// The bytes fetched from the store for one query.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    requests: AtomicU64,
}

impl Meter {
    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// [`Store::get`], counted.
    pub async fn get(&self, store: &dyn Store, key: &str) -> Result<Object, StoreError> {
        let object = store.get(key).await?;
        self.add(object.bytes.len());
        Ok(object)
    }

    /// [`Store::get_range`], counted.
    pub async fn get_range(&self, store: &dyn Store, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = store.get_range(key, range).await?;
        self.add(bytes.len());
        Ok(bytes)
    }

    /// [`Store::get_suffix`], counted.
    pub async fn get_suffix(&self, store: &dyn Store, key: &str, length: u64) -> Result<Suffix, StoreError> {
        let suffix = store.get_suffix(key, length).await?;
        self.add(suffix.bytes.len());
        Ok(suffix)
    }
}
