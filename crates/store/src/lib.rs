//! The narrow object-store trait of the lake.
//!
//! The lake needs little of S3, and nothing that rewrites or deletes: write-once puts, reads, ordered lists, a tag.
//! Everything above this crate is written against [`Store`], so that the same code runs against S3, the embedded S3 and an
//! in-memory store that fails on purpose.
//!
//! Guarantees an implementation gives (they are S3's own):
//! - **read after write**: what a put acknowledged, every later get, head and list shows;
//! - **write once**: of all puts of one key exactly one answers [`Put::Created`];
//! - lists are in ascending byte order of keys.

mod error;
pub mod folder;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
pub mod presign;
pub mod retry;
pub mod routed;
pub mod s3;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::{ErrorKind, StoreError};

/// A shared handle to a store.
pub type SharedStore = Arc<dyn Store>;

/// What a store says of an object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key, without the bucket.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The entity tag, opaque, without quotes.
    pub etag: String,
    /// `Last-Modified`, in ms since 1970-01-01 UTC, if the store says: by the store's clock, in S3 to the second, and where an object
    /// was written in parts the moment its upload began.
    pub modified_ms: Option<i64>,
}

/// An object's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub bytes: Bytes,
    /// The entity tag, opaque, without quotes.
    pub etag: String,
}

/// How a write-once put ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The object is there and is ours.
    Created {
        /// The entity tag, opaque, without quotes.
        etag: String,
    },
    /// An object was there already (412). It may be our own earlier put whose answer got lost: read it.
    Exists,
}

/// The end of an object's bytes, and how large the whole object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix {
    /// The last bytes; the whole object if it is shorter than asked.
    pub bytes: Bytes,
    /// Size of the whole object in bytes.
    pub size: u64,
    /// The entity tag, opaque, without quotes.
    pub etag: String,
}

/// A write-once object that is being written in parts. Dropping it abandons the upload.
#[async_trait]
pub trait Upload: Send {
    /// Appends bytes. Parts are cut as the store needs them.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;
    /// Makes the object visible, unless one of that key exists. A [`ErrorKind::Conflict`] means that nothing is known and
    /// the upload must be made again from its start.
    async fn finish(self: Box<Self>) -> Result<Put, StoreError>;
    /// Gives the upload up and frees its parts.
    async fn abort(self: Box<Self>) -> Result<(), StoreError>;
}

/// One bucket, or one folder of a bucket.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes an object unless one of that key exists (`If-None-Match: *`).
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError>;

    /// Writes an object whatever stands there: the last writer wins. For the few things outside the lake's write-once zones; a
    /// store that replaces nothing answers [`ErrorKind::Invalid`].
    async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        drop(bytes);
        Err(StoreError::new(ErrorKind::Invalid, "replace", key, "this store replaces nothing"))
    }

    /// Begins a write-once object that is too large to hold in memory.
    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError>;

    /// The whole object; [`ErrorKind::NotFound`] if there is none.
    async fn get(&self, key: &str) -> Result<Object, StoreError>;

    /// The bytes of a range that lies inside the object.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// The last `length` bytes and the object's size.
    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError>;

    /// What is known of an object; `None` if there is none.
    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError>;

    /// Most keys that a page may have.
    fn page_size(&self) -> usize {
        PAGE
    }

    /// One page of the objects whose key begins with `prefix` and lies after `start_after` (exclusive), in ascending key
    /// order, at most `limit` (from 1 to [`Store::page_size`]). Fewer than `limit` objects means that there are no more.
    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError>;

    /// The distinct next path parts below `prefix` (which ends in `/` or is empty), in ascending order, each as a whole
    /// prefix that ends in `/`.
    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Adds a tag to an object; other tags are kept.
    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError>;
}

/// Most keys that S3 returns in one page.
pub const PAGE: usize = 1000;

/// Every object whose key begins with `prefix`, lies after `start_after` (exclusive) and, if given, before `end` (exclusive).
pub async fn list_all(
    store: &dyn Store,
    prefix: &str,
    start_after: Option<&str>,
    end: Option<&str>,
) -> Result<Vec<ObjectMeta>, StoreError> {
    let mut objects: Vec<ObjectMeta> = Vec::new();
    let limit = store.page_size();
    loop {
        let after = objects.last().map(|object| object.key.clone()).or_else(|| start_after.map(str::to_owned));
        let page = store.list_page(prefix, after.as_deref(), limit).await?;
        let is_last_page = page.len() < limit;
        for object in page {
            if end.is_some_and(|end| object.key.as_str() >= end) {
                return Ok(objects);
            }
            objects.push(object);
        }
        if is_last_page {
            return Ok(objects);
        }
    }
}
