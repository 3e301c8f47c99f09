//! One Parquet object: opening it, and decoding columns of chosen rows of one row group.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, new_null_array};
use arrow_schema::{DataType, TimeUnit};
use auditlake_event::Column;
use auditlake_event::columns::ColumnKind;
use auditlake_lake::archive::object::{self, Fetching, ObjectParts};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::context::Context;
use super::error::{Damaged, ScanError, guarded};
use super::footer::{Footer, Texts};
use super::handle::Handle;

/// Requests for parts of one object that are under way at once.
const REQUESTS_OF_AN_OBJECT: usize = 64;

/// An object whose footer is known, and the parts of it that are in memory.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The object.
    pub handle: Arc<Handle>,
    /// Its footer.
    pub footer: Arc<Footer>,
    /// Its bytes as far as they were fetched.
    pub parts: ObjectParts,
}

impl Opened {
    /// Opens an object: its footer comes from memory or from one request for its last bytes (a small object is fetched whole,
    /// which costs no more).
    pub async fn open(context: &Context<'_>, handle: &Arc<Handle>) -> Result<Self, ScanError> {
        let key = &handle.key;
        let cached_bytes = handle.merged.clone().or_else(|| context.engine.objects.get(key));
        let cached_footer = context.engine.footers.get(key);
        if let Some(footer) = cached_footer {
            let mut parts = cached_bytes.map_or_else(|| ObjectParts::empty(handle.size), ObjectParts::whole);
            parts.check_by(footer.checksums.as_ref()).map_err(|damaged| ScanError::damaged(handle, damaged.into()))?;
            return Ok(Self { handle: Arc::clone(handle), footer, parts });
        }
        let mut parts = match cached_bytes {
            Some(bytes) => ObjectParts::whole(bytes),
            None => Self::fetch_end(context, handle).await?,
        };
        let footer = Arc::new(read_footer(context, handle, &mut parts).await?);
        context.engine.footers.insert(key, Arc::clone(&footer), footer.memory());
        Ok(Self { handle: Arc::clone(handle), footer, parts })
    }

    async fn fetch_end(context: &Context<'_>, handle: &Handle) -> Result<ObjectParts, ScanError> {
        let settings = &context.engine.settings;
        let fetched = if handle.size <= settings.whole_object_bytes {
            let object = context.meter.get(context.store(), &handle.key).await;
            object.map(|object| {
                context.engine.objects.insert(&handle.key, object.bytes.clone(), object.bytes.len());
                ObjectParts::whole(object.bytes)
            })
        } else {
            // Large objects have large footers: a second request for the rest costs more than a few bytes too many.
            let tail = settings.tail_bytes.max(handle.size / 512).min(handle.size);
            let suffix = context.meter.get_suffix(context.store(), &handle.key, tail).await;
            suffix.map(|suffix| ObjectParts::suffix(suffix.size, suffix.bytes))
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
        let fetching = Fetching { gap: context.engine.settings.gap_bytes, side_by_side: REQUESTS_OF_AN_OBJECT };
        let fetched = self.parts.fetch(&context.ranges(&self.handle), ranges, fetching).await;
        fetched.map_err(|error| context.read_error(&self.handle, error))
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
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.parts.clone(), metadata)
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

async fn read_footer(context: &Context<'_>, handle: &Handle, parts: &mut ObjectParts) -> Result<Footer, ScanError> {
    let own_key = handle.partition.as_ref().map(|_| handle.key.as_str());
    let page_index_pays = |metadata: &ParquetMetaData| {
        let most_rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).max().unwrap_or(0);
        usize::try_from(most_rows).is_ok_and(|rows| rows >= context.engine.settings.page_index_rows)
    };
    let footer = object::read_footer(&context.ranges(handle), parts, own_key, page_index_pays).await;
    let footer = footer.map_err(|error| context.read_error(handle, error))?;
    guarded(|| Footer::new(footer.metadata, footer.checksums)).map_err(|damaged| ScanError::damaged(handle, damaged))
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
