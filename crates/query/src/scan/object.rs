//! One Parquet object: opening it, and decoding columns of chosen rows of one row group.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, new_null_array};
use arrow_schema::{DataType, TimeUnit};
use auditlake_event::Column;
use auditlake_event::columns::ColumnKind;
use auditlake_lake::archive::file::is_of_another_key;
use auditlake_lake::checksums::{self, ChecksumError, Checksums};
use auditlake_lake::damage::check_layout;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMask, PageIndexPolicy, ParquetMetaDataReader, RowGroupMetaData};

use super::blob::{Blob, FetchError};
use super::context::Context;
use super::error::{Damaged, ScanError, guarded};
use super::footer::{Footer, Texts};
use super::handle::Handle;

/// An object whose footer is known, and the parts of it that are in memory.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The object.
    pub handle: Arc<Handle>,
    /// Its footer.
    pub footer: Arc<Footer>,
    /// Its bytes as far as they were fetched.
    pub blob: Blob,
}

impl Opened {
    /// Opens an object: its footer comes from memory or from one request for its last bytes (a small object is fetched whole,
    /// which costs no more).
    pub async fn open(context: &Context<'_>, handle: &Arc<Handle>) -> Result<Self, ScanError> {
        let key = &handle.key;
        let cached_bytes = handle.merged.clone().or_else(|| context.engine.objects.get(key));
        let cached_footer = context.engine.footers.get(key);
        if let Some(footer) = cached_footer {
            let mut blob = cached_bytes.map_or_else(|| Blob::empty(handle.size), Blob::whole);
            blob.check_by(footer.checksums.as_ref()).map_err(|damaged| ScanError::damaged(handle, damaged.into()))?;
            return Ok(Self { handle: Arc::clone(handle), footer, blob });
        }
        let mut blob = match cached_bytes {
            Some(bytes) => Blob::whole(bytes),
            None => Self::fetch_end(context, handle).await?,
        };
        let footer = Arc::new(read_footer(context, handle, &mut blob).await?);
        context.engine.footers.insert(key, Arc::clone(&footer), footer.memory());
        Ok(Self { handle: Arc::clone(handle), footer, blob })
    }

    async fn fetch_end(context: &Context<'_>, handle: &Handle) -> Result<Blob, ScanError> {
        let settings = &context.engine.settings;
        let fetched = if handle.size <= settings.whole_object_bytes {
            let object = context.meter.get(context.store(), &handle.key).await;
            object.map(|object| {
                context.engine.objects.insert(&handle.key, object.bytes.clone(), object.bytes.len());
                Blob::whole(object.bytes)
            })
        } else {
            // Large objects have large footers: a second request for the rest costs more than a few bytes too many.
            let tail = settings.tail_bytes.max(handle.size / 512).min(handle.size);
            let suffix = context.meter.get_suffix(context.store(), &handle.key, tail).await;
            suffix.map(|suffix| Blob::suffix(suffix.size, suffix.bytes))
        };
        fetched.map_err(|error| context.store_error(handle, error))
    }

    /// Fetches what is missing of some columns of a row group, only the pages that hold selected rows where the page index
    /// tells them apart.
    pub async fn fetch_columns(
        &mut self,
        context: &Context<'_>,
        row_group: usize,
        columns: &[Column],
        selection: Option<&RowSelection>,
    ) -> Result<(), ScanError> {
        let mut ranges = Vec::new();
        for &column in columns {
            if self.footer.is_all_null(row_group, column) {
                continue;
            }
            if let Some(leaf) = self.footer.leaf(column) {
                self.add_ranges(row_group, leaf, selection, &mut ranges);
            }
        }
        self.fetch_ranges(context, ranges).await
    }

    /// Fetches what is missing of some ranges.
    pub async fn fetch_ranges(&mut self, context: &Context<'_>, ranges: Vec<Range<u64>>) -> Result<(), ScanError> {
        let gap = context.engine.settings.gap_bytes;
        let fetched = self.blob.fetch(context.store(), &context.meter, &self.handle.key, ranges, gap).await;
        fetched.map_err(|error| fetch_error(context, &self.handle, error))
    }

    fn add_ranges(&self, row_group: usize, leaf: usize, selection: Option<&RowSelection>, ranges: &mut Vec<Range<u64>>) {
        let chunk = self.footer.metadata.row_group(row_group).column(leaf);
        let (start, length) = chunk.byte_range();
        let locations = self.footer.page_index().and_then(|index| index.offset_index(row_group, leaf));
        let (Some(selection), Some(locations)) = (selection, locations) else {
            ranges.push(start..start + length);
            return;
        };
        let locations = locations.page_locations();
        let first_page = locations.first().and_then(|page| u64::try_from(page.offset).ok()).unwrap_or(start);
        if first_page > start {
            ranges.push(start..first_page);
        }
        ranges.extend(selection.scan_ranges(locations));
    }

    /// Decodes columns of the selected rows of a row group; they must have been fetched. Columns that the object lacks, or
    /// that are null throughout, come as nulls without being read.
    pub fn decode(
        &self,
        row_group: usize,
        columns: &[Column],
        selection: Option<&RowSelection>,
        texts: Texts,
    ) -> Result<Vec<ArrayRef>, ScanError> {
        let decoded = guarded(|| self.decode_unguarded(row_group, columns, selection, texts));
        decoded.map_err(|damaged| ScanError::damaged(&self.handle, damaged))
    }

    fn decode_unguarded(
        &self,
        row_group: usize,
        columns: &[Column],
        selection: Option<&RowSelection>,
        texts: Texts,
    ) -> Result<Vec<ArrayRef>, Damaged> {
        let footer = &self.footer;
        let rows = selection.map_or_else(|| footer.rows(row_group), RowSelection::row_count);
        let is_read = |&column: &Column| rows > 0 && !footer.is_all_null(row_group, column);
        let mut leaves: Vec<usize> =
            columns.iter().copied().filter(is_read).filter_map(|column| footer.leaf(column)).collect();
        leaves.sort_unstable();
        leaves.dedup();
        let mut decoded: Vec<(usize, ArrayRef)> = Vec::with_capacity(leaves.len());
        if !leaves.is_empty() {
            let schema = footer.metadata.file_metadata().schema_descr();
            let mask = ProjectionMask::leaves(schema, leaves.iter().copied());
            let metadata = footer.reader_metadata(texts)?.clone();
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.blob.clone(), metadata)
                .with_projection(mask)
                .with_row_groups(vec![row_group])
                .with_batch_size(rows);
            if let Some(selection) = selection {
                builder = builder.with_row_selection(selection.clone());
            }
            let batch = builder.build()?.next().transpose()?.ok_or_else(|| Damaged("it ends before its rows".to_owned()))?;
            if batch.num_rows() != rows {
                return Err(Damaged(format!("it has {} rows where its footer says {rows}", batch.num_rows())));
            }
            decoded.extend(leaves.into_iter().zip(batch.columns().iter().cloned()));
        }
        let find = |column: Column| {
            let leaf = footer.leaf(column)?;
            let position = decoded.binary_search_by_key(&leaf, |(leaf, _)| *leaf).ok()?;
            Some(Arc::clone(&decoded[position].1))
        };
        let array = |&column: &Column| find(column).unwrap_or_else(|| nulls(column.kind(), rows));
        Ok(columns.iter().map(array).collect())
    }
}

fn fetch_error(context: &Context<'_>, handle: &Handle, error: FetchError) -> ScanError {
    match error {
        FetchError::Store(error) => context.store_error(handle, error),
        FetchError::Damaged(error) => ScanError::damaged(handle, error.into()),
    }
}

async fn read_footer(context: &Context<'_>, handle: &Handle, blob: &mut Blob) -> Result<Footer, ScanError> {
    let damaged = |damaged: Damaged| ScanError::damaged(handle, damaged);
    let end = handle.size;
    let fetch = async |blob: &mut Blob, range: Range<u64>| {
        let fetched = blob.fetch(context.store(), &context.meter, &handle.key, vec![range], 0).await;
        fetched.map_err(|error| fetch_error(context, handle, error))
    };
    let mut needed = 8;
    let mut metadata = loop {
        if needed > end {
            return Err(damaged(Damaged("it is shorter than its footer".to_owned())));
        }
        fetch(blob, end - needed..end).await?;
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        let parsed = guarded(|| match reader.try_parse(blob) {
            Ok(()) => Ok(Ok(reader.finish()?)),
            Err(ParquetError::NeedMoreData(more)) => Ok(Err(more as u64)),
            // The footer's length is known from its last bytes, but the footer itself was not fetched yet.
            Err(_) if needed == 8 => Ok(Err(footer_length(blob)?)),
            Err(error) => Err(error.into()),
        });
        match parsed.map_err(damaged)? {
            Ok(metadata) => break metadata,
            Err(more) if more > needed => needed = more,
            Err(_) => return Err(damaged(Damaged("its footer cannot be read".to_owned()))),
        }
    };
    let checksums = footer_checksums(blob).map_err(damaged)?;
    blob.check_by(checksums.as_ref()).map_err(|error| damaged(error.into()))?;
    check_layout(&metadata, end).map_err(|reason| damaged(Damaged(reason)))?;
    if handle.partition.is_some() && is_of_another_key(&metadata, &handle.key) {
        return Err(damaged(Damaged("its footer says that it belongs elsewhere".to_owned())));
    }
    let most_rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).max().unwrap_or(0);
    let page_index_pays = usize::try_from(most_rows).is_ok_and(|rows| rows >= context.engine.settings.page_index_rows);
    if page_index_pays && let Some(range) = page_index_range(metadata.row_groups()) {
        fetch(blob, range).await?;
        metadata = guarded(|| {
            let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
                .with_page_index_policy(PageIndexPolicy::Optional)
                .with_page_index_mask(ColumnChunkMask::all());
            reader.read_page_indexes(blob)?;
            Ok(reader.finish()?)
        })
        .map_err(damaged)?;
    }
    guarded(|| Footer::new(metadata, checksums)).map_err(damaged)
}

/// The checksums in the footer, which must have been fetched.
fn footer_checksums(blob: &Blob) -> Result<Option<Arc<Checksums>>, Damaged> {
    use parquet::file::reader::{ChunkReader, Length};
    let end = blob.get_bytes(blob.len().saturating_sub(8), 8)?;
    let footer = checksums::footer_bytes(&end)?;
    let start = blob.len().checked_sub(footer as u64).ok_or(ChecksumError::NoFooter)?;
    Ok(Checksums::of(&blob.get_bytes(start, footer)?, blob.len())?.map(Arc::new))
}

/// The length of the footer with its last 8 bytes: a little-endian length and `PAR1`.
fn footer_length(blob: &Blob) -> Result<u64, Damaged> {
    use parquet::file::reader::{ChunkReader, Length};
    let tail = blob.get_bytes(blob.len() - 8, 8)?;
    let Some((length, b"PAR1")) = tail.split_first_chunk::<4>() else {
        return Err(Damaged("it is no Parquet file".to_owned()));
    };
    Ok(u64::from(u32::from_le_bytes(*length)) + 8)
}

fn page_index_range(row_groups: &[RowGroupMetaData]) -> Option<Range<u64>> {
    let chunks = row_groups.iter().flat_map(RowGroupMetaData::columns);
    let ranges = chunks.flat_map(|chunk| [chunk.column_index_range(), chunk.offset_index_range()]).flatten();
    ranges.reduce(|all, range| all.start.min(range.start)..all.end.max(range.end))
}

/// A column of nulls.
pub fn nulls(kind: ColumnKind, rows: usize) -> ArrayRef {
    let data_type = match kind {
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        ColumnKind::Int32 => DataType::Int32,
    };
    new_null_array(&data_type, rows)
}
