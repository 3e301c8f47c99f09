//! One lake in two buckets: keys of some prefixes lie in one store, all others in another.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Object, ObjectMeta, Put, SharedStore, Store, StoreError, Suffix, Upload};

/// Sends every call to the store in which the key lies.
///
/// Lists must not span both stores: a listed prefix lies inside one of the routed prefixes or outside of all of them.
pub struct RoutedStore {
    routed: SharedStore,
    other: SharedStore,
    prefixes: &'static [&'static str],
}

impl RoutedStore {
    /// Keys that begin with one of `prefixes` lie in `routed`, all others in `other`.
    pub fn new(routed: SharedStore, other: SharedStore, prefixes: &'static [&'static str]) -> Self {
        Self { routed, other, prefixes }
    }

    fn of(&self, key: &str) -> &dyn Store {
        if self.prefixes.iter().any(|prefix| key.starts_with(prefix)) { self.routed.as_ref() } else { self.other.as_ref() }
    }
}

#[async_trait]
impl Store for RoutedStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.of(key).put_if_absent(key, bytes).await
    }

    async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.of(key).replace(key, bytes).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        self.of(key).upload(key).await
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        self.of(key).get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.of(key).get_range(key, range).await
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        self.of(key).get_suffix(key, length).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.of(key).head(key).await
    }

    fn page_size(&self) -> usize {
        self.routed.page_size().min(self.other.page_size())
    }

    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        self.of(prefix).list_page(prefix, start_after, limit).await
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.of(prefix).list_prefixes(prefix).await
    }

    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        self.of(key).tag(key, name, value).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::memory::MemoryStore;

    #[tokio::test]
    async fn each_key_lies_in_the_store_of_its_prefix() {
        let (landing, archive) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        let both = RoutedStore::new(Arc::clone(&landing) as _, Arc::clone(&archive) as _, &["landing/", "lake.json"]);
        for key in ["landing/a", "lake.json", "seals/x"] {
            both.put_if_absent(key, Bytes::from_static(b"1")).await.unwrap();
            assert!(both.head(key).await.unwrap().is_some(), "{key}");
        }
        assert!(landing.head("landing/a").await.unwrap().is_some() && landing.head("lake.json").await.unwrap().is_some());
        assert!(landing.head("seals/x").await.unwrap().is_none() && archive.head("seals/x").await.unwrap().is_some());
        assert_eq!(both.list_page("landing/", None, 10).await.unwrap().len(), 1);
        assert_eq!(both.list_page("seals/", None, 10).await.unwrap().len(), 1);
    }
}
