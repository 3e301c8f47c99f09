//! One Parquet object of the lake, read by ranges: its footer first, then what is needed.
//!
//! The seal and the scan of queries read objects through this file: how a footer is found and checked, how neighbouring ranges are
//! fetched together, where bloom filters are and what pages hold stands here once. What is fetched is checked before it is decoded, if
//! the object was written with checksums.

use std::ops::Range;
use std::sync::Arc;

use auditlake_store::{Store, StoreError};
use bytes::{Buf, Bytes};
use futures::stream::{self, StreamExt, TryStreamExt};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMask, ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use super::error::{StoredObjectError, guarded};
use super::file::is_of_another_key;
use crate::checksums::{self, ChecksumError, Checksums, FILE_END_BYTES};
use crate::damage::check_layout;

/// Where the bytes of one object come from.
pub trait RangeSource: Sync {
    /// A range of the object.
    fn get_range(&self, range: Range<u64>) -> impl Future<Output = Result<Bytes, StoreError>> + Send;
}

/// An object in a store.
pub struct StoredRanges<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The object's key.
    pub key: String,
}

impl RangeSource for StoredRanges<'_> {
    async fn get_range(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.store.get_range(&self.key, range).await
    }
}

/// How ranges are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Fetching {
    /// Ranges nearer to each other than this are fetched together, in bytes.
    pub gap: u64,
    /// Requests under way at once.
    pub side_by_side: usize,
}

/// The parts of an object that were fetched so far. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct ObjectParts {
    size: u64,
    /// Start and bytes, ascending, never overlapping.
    parts: Vec<(u64, Bytes)>,
    /// What fetched bytes are checked by, once that is known.
    checksums: Option<Arc<Checksums>>,
}

impl ObjectParts {
    /// Nothing yet of an object of `size` bytes.
    pub const fn empty(size: u64) -> Self {
        Self { size, parts: Vec::new(), checksums: None }
    }

    /// A whole object.
    pub fn whole(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, parts: vec![(0, bytes)], checksums: None }
    }

    /// The last bytes of an object of `size` bytes.
    pub fn suffix(size: u64, bytes: Bytes) -> Self {
        Self { size, parts: vec![(size.saturating_sub(bytes.len() as u64), bytes)], checksums: None }
    }

    /// Checks what is here, and from now on everything that is fetched, by the object's checksums, if it has any.
    pub fn check_by(&mut self, checksums: Option<&Arc<Checksums>>) -> Result<(), ChecksumError> {
        self.checksums = checksums.cloned();
        let Some(checksums) = checksums else { return Ok(()) };
        self.parts.iter().try_for_each(|(start, bytes)| checksums.check(*start, bytes))
    }

    /// Whether all of a range is here.
    pub fn holds(&self, range: &Range<u64>) -> bool {
        self.part_of(range.start).is_some_and(|(start, bytes)| range.end <= start + bytes.len() as u64)
    }

    /// How many bytes are here.
    pub fn memory(&self) -> usize {
        self.parts.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    fn part_of(&self, position: u64) -> Option<(u64, &Bytes)> {
        let index = self.parts.partition_point(|(start, _)| *start <= position).checked_sub(1)?;
        let (start, bytes) = &self.parts[index];
        (position < start + bytes.len() as u64).then_some((*start, bytes))
    }

    fn slice(&self, start: u64, length: Option<usize>) -> Result<Bytes, ParquetError> {
        let missing = || ParquetError::General(format!("the bytes at {start} were not fetched"));
        let (part_start, bytes) = self.part_of(start).ok_or_else(missing)?;
        let from = usize::try_from(start - part_start).map_err(|_| missing())?;
        let to = length.map_or(Some(bytes.len()), |length| from.checked_add(length)).ok_or_else(missing)?;
        if to > bytes.len() { Err(missing()) } else { Ok(bytes.slice(from..to)) }
    }

    /// The bytes of a range, which must have been fetched.
    pub fn range(&self, range: &Range<u64>) -> Result<Bytes, ParquetError> {
        let length = range.end.checked_sub(range.start).and_then(|length| usize::try_from(length).ok());
        match length.ok_or_else(|| ParquetError::General(format!("a range ends before it begins at {}", range.start)))? {
            0 => Ok(Bytes::new()),
            length => self.slice(range.start, Some(length)),
        }
    }

    /// Fetches what is missing of `ranges`, in whole blocks where these have checksums.
    pub async fn fetch(
        &mut self,
        source: &impl RangeSource,
        mut ranges: Vec<Range<u64>>,
        fetching: Fetching,
    ) -> Result<(), StoredObjectError> {
        ranges.retain(|range| range.start < range.end && !self.holds(range));
        if let Some(checksums) = &self.checksums {
            ranges.iter_mut().for_each(|range| *range = checksums.whole_blocks(range.clone()));
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let mut requests: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match requests.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(fetching.gap) => last.end = last.end.max(range.end),
                _ => requests.push(range),
            }
        }
        let mut gets = Vec::with_capacity(requests.len());
        gets.extend(requests.iter().map(|range| source.get_range(range.clone())));
        let fetched: Vec<Bytes> = stream::iter(gets).buffered(fetching.side_by_side).try_collect().await?;
        for (range, bytes) in requests.into_iter().zip(fetched) {
            if let Some(checksums) = &self.checksums {
                checksums.check(range.start, &bytes)?;
            }
            self.insert(range.start, bytes);
        }
        Ok(())
    }

    fn insert(&mut self, start: u64, bytes: Bytes) {
        let end = start + bytes.len() as u64;
        // What lies inside the new part is dropped; an overlap at an edge stays twice in memory but is found once.
        self.parts.retain(|(part, bytes)| *part < start || *part + bytes.len() as u64 > end);
        let index = self.parts.partition_point(|(part, _)| *part <= start);
        self.parts.insert(index, (start, bytes));
    }

    /// The bloom filter of a column chunk, whose [`bloom_range`] must have been fetched; `None` if it has none.
    pub fn bloom_filter(&self, chunk: &ColumnChunkMetaData) -> Result<Option<Sbbf>, StoredObjectError> {
        let Some(range) = bloom_range(chunk) else { return Ok(None) };
        guarded(|| Ok(Some(Sbbf::from_bytes(&self.range(&range)?)?)))
    }
}

impl Length for ObjectParts {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for ObjectParts {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.slice(start, None)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.slice(start, Some(length))
    }
}

/// The footer of an object.
#[derive(Debug)]
pub struct ObjectFooter {
    /// The Parquet metadata, with the page index if it was asked for and there is one.
    pub metadata: ParquetMetaData,
    /// What the object's bytes are checked by; `None` if it was written without checksums.
    pub checksums: Option<Arc<Checksums>>,
}

/// Reads and checks the footer of an object of which `parts` holds some of the end, and fetches what is missing of it: the footer in
/// one request, the page index, if `wants_page_index`, in another. `own_key` is the key that the footer must not contradict.
pub async fn read_footer(
    source: &impl RangeSource,
    parts: &mut ObjectParts,
    own_key: Option<&str>,
    wants_page_index: impl FnOnce(&ParquetMetaData) -> bool,
) -> Result<ObjectFooter, StoredObjectError> {
    const ONE_RANGE: Fetching = Fetching { gap: 0, side_by_side: 1 };
    let size = parts.size;
    let end_of = |bytes: u64| size.checked_sub(bytes).map(|start| start..size).ok_or(ChecksumError::NoFooter);
    let file_end = end_of(FILE_END_BYTES as u64)?;
    parts.fetch(source, vec![file_end.clone()], ONE_RANGE).await?;
    let footer = end_of(checksums::footer_bytes(&parts.range(&file_end)?)? as u64)?;
    parts.fetch(source, vec![footer.clone()], ONE_RANGE).await?;
    let footer = parts.range(&footer)?;
    let checksums = Checksums::of(&footer, size)?.map(Arc::new);
    parts.check_by(checksums.as_ref())?;
    let metadata_bytes = footer.slice(..footer.len() - FILE_END_BYTES);
    let mut metadata = guarded(|| Ok(ParquetMetaDataReader::decode_metadata(&metadata_bytes)?))?;
    if own_key.is_some_and(|own_key| is_of_another_key(&metadata, own_key)) {
        return Err(StoredObjectError::Foreign("its footer says that it belongs elsewhere".to_owned()));
    }
    check_layout(&metadata, size).map_err(StoredObjectError::Unreadable)?;
    if wants_page_index(&metadata)
        && let Some(range) = page_index_range(metadata.row_groups())
    {
        parts.fetch(source, vec![range], ONE_RANGE).await?;
        metadata = guarded(|| {
            let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
                .with_page_index_policy(PageIndexPolicy::Optional)
                .with_page_index_mask(ColumnChunkMask::all());
            reader.read_page_indexes(parts)?;
            Ok(reader.finish()?)
        })?;
    }
    Ok(ObjectFooter { metadata, checksums })
}

fn page_index_range(row_groups: &[RowGroupMetaData]) -> Option<Range<u64>> {
    let chunks = row_groups.iter().flat_map(RowGroupMetaData::columns);
    let ranges = chunks.flat_map(|chunk| [chunk.column_index_range(), chunk.offset_index_range()]).flatten();
    ranges.reduce(|all, range| all.start.min(range.start)..all.end.max(range.end))
}

/// Where the bloom filter of a column chunk is, if it has one.
pub fn bloom_range(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
    Some(start..start.checked_add(length)?)
}

/// The smallest and the largest value of a column chunk of integers or times, if its statistics say.
pub fn integer_bounds(chunk: &ColumnChunkMetaData) -> Option<(i64, i64)> {
    match chunk.statistics()? {
        Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    }
}

/// The rows of those pages of a column in a row group that may hold what is wanted; `None` if there is no page index to tell.
pub fn rows_of_pages(
    metadata: &ParquetMetaData,
    row_group: usize,
    leaf: usize,
    may_hold: impl Fn(&ColumnIndexMetaData, usize) -> bool,
) -> Result<Option<Vec<Range<usize>>>, StoredObjectError> {
    let Some(index) = metadata.page_index() else { return Ok(None) };
    let (Some(values), Some(offsets)) = (index.column_index(row_group, leaf), index.offset_index(row_group, leaf)) else {
        return Ok(None);
    };
    let pages = offsets.page_locations();
    if pages.is_empty() || values.num_pages() != pages.len() as u64 {
        return Ok(None);
    }
    let total = metadata.row_group(row_group).num_rows();
    let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([total]);
    let mut rows = Vec::new();
    for (number, (page, end)) in pages.iter().zip(ends).enumerate() {
        let (Ok(start), Ok(end)) = (usize::try_from(page.first_row_index), usize::try_from(end)) else {
            return Err(not_a_page_index());
        };
        if start > end {
            return Err(not_a_page_index());
        }
        if may_hold(values, number) {
            rows.push(start..end);
        }
    }
    Ok(Some(rows))
}

fn not_a_page_index() -> StoredObjectError {
    StoredObjectError::Foreign("its page index is not one".to_owned())
}
