//! An object of an earlier seal that late rows are looked for in.

use std::ops::Range;
use std::sync::Arc;

use auditlake_store::{ErrorKind, Store, StoreError};
use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;

use crate::archive::error::StoredObjectError;
use crate::archive::object::{Fetching, ObjectParts, StoredRanges, read_footer};

/// How much of the end of an object is read to learn its footer, in bytes. Most objects are not larger.
const END_BYTES: u64 = 96 * 1024;

/// Parts of an object are fetched together if little lies between them.
const FETCHING: Fetching = Fetching { gap: 64 * 1024, side_by_side: 8 };

/// An object whose footer is known. Its end is in memory, the rest is read as it is needed.
pub(crate) struct OpenObject<'a> {
    /// The footer, with the page index if there is one.
    pub metadata: Arc<ParquetMetaData>,
    source: StoredRanges<'a>,
    parts: ObjectParts,
}

impl<'a> OpenObject<'a> {
    /// Reads the footer of an object.
    pub async fn open(store: &'a dyn Store, key: String) -> Result<Self, StoredObjectError> {
        let end = store.get_suffix(&key, END_BYTES).await?;
        let mut parts = ObjectParts::suffix(end.size, end.bytes);
        let source = StoredRanges { store, key };
        let footer = read_footer(&source, &mut parts, Some(&source.key), |_| true).await?;
        Ok(Self { metadata: Arc::new(footer.metadata), source, parts })
    }

    /// About how much memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.parts.memory() + self.metadata.memory_size()
    }

    /// The bytes of ranges, in the order of the ranges. They are not kept.
    pub async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoredObjectError> {
        Ok(self.fetched(ranges).await?.1)
    }

    /// The parts that are in memory together with those of `ranges`, and the bytes of the ranges.
    async fn fetched(&self, ranges: &[Range<u64>]) -> Result<(ObjectParts, Vec<Bytes>), StoredObjectError> {
        let mut parts = self.parts.clone();
        parts.fetch(&self.source, ranges.to_vec(), FETCHING).await?;
        let outside = || StoreError::new(ErrorKind::Invalid, "get_range", &self.source.key, "fewer bytes than asked for");
        let bytes = ranges.iter().map(|range| parts.range(range).map_err(|_| outside())).collect::<Result<_, _>>()?;
        Ok((parts, bytes))
    }

    /// The parts that are in memory together with a range.
    pub async fn with_range(&self, range: Range<u64>) -> Result<ObjectParts, StoredObjectError> {
        Ok(self.fetched(std::slice::from_ref(&range)).await?.0)
    }
}
