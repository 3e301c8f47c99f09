//! One archive object, read by ranges: the footer first, then what is needed.

use std::ops::Range;
use std::sync::Arc;

use auditlake_store::{Store, StoreError};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use super::error::StoredObjectError;
use super::file::is_of_another_key;
use crate::checksums::{self, ChecksumError, Checksums};
use crate::damage::check_layout;

/// How much of the end of an object is read to learn its footer, in bytes. Most objects are not larger.
const END_BYTES: u64 = 96 * 1024;

/// Ranges nearer to each other than this are read at once, in bytes.
const NEAR_BYTES: u64 = 64 * 1024;

/// Ranges read side by side.
const SIDE_BY_SIDE: usize = 8;

/// An object whose footer is known.
pub(crate) struct OpenObject<'a> {
    /// The footer, with the page index if there is one.
    pub metadata: Arc<ParquetMetaData>,
    bytes: ObjectBytes<'a>,
}

/// An object's bytes: its end is in memory, the rest is read as it is needed. What is read is what was written.
struct ObjectBytes<'a> {
    store: &'a dyn Store,
    key: String,
    checksums: Option<Checksums>,
    end: Bytes,
    end_start: u64,
}

impl<'a> OpenObject<'a> {
    /// Reads the footer of an object.
    pub async fn open(store: &'a dyn Store, key: String) -> Result<Self, StoredObjectError> {
        let suffix = store.get_suffix(&key, END_BYTES).await?;
        let (size, mut end) = (suffix.size, suffix.bytes);
        let footer = checksums::footer_bytes(&end)?;
        if footer as u64 > size {
            return Err(ChecksumError::NoFooter.into());
        }
        if footer > end.len() {
            end = store.get_range(&key, size - footer as u64..size).await?;
        }
        let end_start = size - end.len() as u64;
        let checksums = Checksums::of(&end, size)?;
        if let Some(checksums) = &checksums {
            checksums.check(end_start, &end)?;
        }
        let mut decoder = ParquetMetaDataPushDecoder::try_new(size)?.with_page_index_policy(PageIndexPolicy::Optional);
        decoder.push_range(end_start..size, end.clone())?;
        let bytes = ObjectBytes { store, key, checksums, end, end_start };
        let metadata = loop {
            match decoder.try_decode()? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    if ranges.iter().any(|range| range.end > size) {
                        return Err(StoredObjectError::Unreadable("its footer points beyond its end".to_owned()));
                    }
                    let found = bytes.read(&ranges).await?;
                    decoder.push_ranges(ranges, found)?;
                }
                DecodeResult::Finished => return Err(StoredObjectError::Unreadable("it has no footer".to_owned())),
            }
        };
        if is_of_another_key(&metadata, &bytes.key) {
            return Err(StoredObjectError::Foreign("its footer says that it belongs elsewhere".to_owned()));
        }
        check_layout(&metadata, size).map_err(StoredObjectError::Unreadable)?;
        Ok(Self { metadata: Arc::new(metadata), bytes })
    }

    /// About how much memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes.end.len() + self.metadata.memory_size()
    }

    /// The bytes of ranges, in the order of the ranges.
    pub async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoredObjectError> {
        self.bytes.read(ranges).await
    }
}

impl ObjectBytes<'_> {
    async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoredObjectError> {
        let outside_end = ranges.iter().filter(|range| range.start < self.end_start);
        let mut spans: Vec<Range<u64>> = match &self.checksums {
            Some(checksums) => outside_end.map(|range| checksums.whole_blocks(range.clone())).collect(),
            None => outside_end.cloned().collect(),
        };
        spans.sort_by_key(|span| span.start);
        spans.dedup_by(|next, span| {
            let is_near = next.start <= span.end + NEAR_BYTES;
            if is_near {
                span.end = span.end.max(next.end);
            }
            is_near
        });
        let reads = spans.iter().map(|span| async move {
            let bytes = self.store.get_range(&self.key, span.clone()).await?;
            if let Some(checksums) = &self.checksums {
                checksums.check(span.start, &bytes)?;
            }
            Ok::<(u64, Bytes), StoredObjectError>((span.start, bytes))
        });
        let mut read: Vec<(u64, Bytes)> = stream::iter(reads).buffered(SIDE_BY_SIDE).try_collect().await?;
        read.push((self.end_start, self.end.clone()));
        let slice = |range: &Range<u64>| {
            let after = read.partition_point(|(start, _)| *start <= range.start);
            let (start, bytes) = read.get(after.checked_sub(1)?)?;
            let from = usize::try_from(range.start - start).ok()?;
            let until = usize::try_from(range.end - start).ok()?;
            (until <= bytes.len()).then(|| bytes.slice(from..until))
        };
        let outside =
            || StoreError::new(auditlake_store::ErrorKind::Invalid, "get_range", &self.key, "fewer bytes than asked for");
        ranges.iter().map(|range| slice(range).ok_or_else(|| outside().into())).collect()
    }
}
