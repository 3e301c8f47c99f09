//! Counts the bytes that a query fetches.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use auditlake_lake::archive::object::RangeSource;
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

/// The ranges of one object, counted.
pub struct MeteredRanges<'a> {
    /// Where the object is.
    pub store: &'a dyn Store,
    /// Counts what is fetched.
    pub meter: &'a Meter,
    /// The object's key.
    pub key: &'a str,
}

impl RangeSource for MeteredRanges<'_> {
    async fn get_range(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.meter.get_range(self.store, self.key, range).await
    }
}

#[cfg(test)]
mod tests {
    use auditlake_lake::archive::object::{Fetching, ObjectParts};
    use auditlake_store::memory::MemoryStore;
    use parquet::file::reader::ChunkReader;

    use super::*;

    #[tokio::test]
    async fn neighbours_are_fetched_together_and_nothing_twice() {
        let bytes: Bytes = (0..=255).collect::<Vec<u8>>().into();
        let store = MemoryStore::new();
        store.put_if_absent("k", bytes.clone()).await.unwrap();
        let meter = Meter::default();
        let mut parts = ObjectParts::suffix(256, bytes.slice(250..));
        let source = MeteredRanges { store: &store, meter: &meter, key: "k" };
        let fetching = Fetching { gap: 2, side_by_side: 8 };
        let before = store.points();
        parts.fetch(&source, vec![100..110, 10..20, 22..30, 252..254, 5..5], fetching).await.unwrap();
        assert_eq!(store.points() - before, 4, "two requests");
        assert_eq!(meter.bytes(), 20 + 10);
        assert_eq!(parts.get_bytes(12, 17).unwrap(), bytes.slice(12..29));
        assert!(parts.get_bytes(12, 19).is_err() && parts.get_bytes(31, 1).is_err());
        parts.fetch(&source, vec![10..30, 5..40], fetching).await.unwrap();
        assert_eq!(parts.get_bytes(5, 35).unwrap(), bytes.slice(5..40));
        assert!(parts.holds(&(100..110)) && parts.holds(&(250..256)) && !parts.holds(&(100..111)));
    }
}
