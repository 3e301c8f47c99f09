//! Looking for late rows inside one archive object.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use auditlake_event::Column;
use auditlake_event::canonical::ColumnarHasher;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, RowFilter, RowSelection};
use parquet::arrow::push_decoder::{ParquetPushDecoderBuilder, RowGroupSelection};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::opened::OpenObject;
use crate::archive::error::StoredObjectError;
use crate::archive::object::{bloom_range, integer_bounds, rows_of_pages};
use crate::hash::Hash;
use crate::layout::Partition;
use crate::row_key::{RowKey, RowKeyColumns};

/// Matching rows that are read in full at once.
const BATCH_ROWS: usize = 1024;

/// A block of late rows, to be looked up.
pub(crate) struct Wanted {
    times: BTreeSet<i64>,
    /// By event time: id, source and position in the block.
    by_time: HashMap<i64, Vec<(String, String, usize)>>,
}

impl Wanted {
    /// The rows of a block.
    pub fn new(rows: &[RowKey<'_>]) -> Self {
        let mut by_time: HashMap<i64, Vec<(String, String, usize)>> = HashMap::new();
        for (position, row) in rows.iter().enumerate() {
            by_time.entry(row.time).or_default().push((row.id.to_owned(), row.source.to_owned(), position));
        }
        Self { times: rows.iter().map(|row| row.time).collect(), by_time }
    }

    /// The positions of the rows with these values: all copies of one event.
    fn positions<'a>(&'a self, time: i64, id: &'a str, source: &'a str) -> impl Iterator<Item = usize> + 'a {
        let rows = self.by_time.get(&time).into_iter().flatten();
        rows.filter(move |(own_id, own_source, _)| own_id == id && own_source == source).map(|(_, _, position)| *position)
    }

    fn contains(&self, time: i64, id: &str, source: &str) -> bool {
        self.positions(time, id, source).next().is_some()
    }

    fn any_id_between(&self, min: i64, max: i64, mut is_candidate: impl FnMut(&str) -> bool) -> bool {
        let times = self.times.range(min..=max).filter_map(|time| self.by_time.get(time));
        times.flatten().any(|(id, _, _)| is_candidate(id))
    }
}

/// Whether one of the times lies between the bounds of a row group or page.
fn any_between(times: &BTreeSet<i64>, min: i64, max: i64) -> bool {
    min <= max && times.range(min..=max).next().is_some()
}

fn time_column(metadata: &ParquetMetaData) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| column.name() == Column::EventTime.name())
}

/// First and last event time of a row group in ms, if stated.
fn group_bounds(metadata: &ParquetMetaData, group: usize) -> Option<(i64, i64)> {
    integer_bounds(metadata.row_group(group).column(time_column(metadata)?))
}

/// First and last event time of an object in ms, if it states them.
pub(crate) fn time_bounds(metadata: &ParquetMetaData) -> Option<(i64, i64)> {
    let mut bounds = None;
    for group in 0..metadata.num_row_groups() {
        let (min, max) = group_bounds(metadata, group)?;
        let (lowest, highest) = bounds.unwrap_or((min, max));
        bounds = Some((min.min(lowest), max.max(highest)));
    }
    bounds
}

/// The rows of a row group whose page may hold one of the times; all of them if pages do not state theirs.
fn page_selection(
    metadata: &ParquetMetaData,
    group: usize,
    wanted: &Wanted,
) -> Result<Option<RowSelection>, StoredObjectError> {
    let Some(leaf) = time_column(metadata) else { return Ok(None) };
    let may_hold = |values: &ColumnIndexMetaData, page: usize| match values {
        ColumnIndexMetaData::INT64(times) => match (times.min_value(page), times.max_value(page)) {
            (Some(min), Some(max)) => any_between(&wanted.times, *min, *max),
            _ => true,
        },
        _ => true,
    };
    let Some(ranges) = rows_of_pages(metadata, group, leaf, may_hold)? else { return Ok(None) };
    let rows = usize::try_from(metadata.row_group(group).num_rows());
    let rows = rows.map_err(|_| StoredObjectError::Foreign("a row group has no size".to_owned()))?;
    Ok(Some(RowSelection::from_consecutive_ranges(ranges.into_iter(), rows)))
}

/// The bloom filter of a row group's event ids, if it has one.
async fn id_filter(object: &OpenObject<'_>, group: usize) -> Result<Option<Sbbf>, StoredObjectError> {
    let columns = object.metadata.row_group(group).columns();
    let column = columns.iter().find(|column| column.column_descr().name() == Column::EventId.name());
    let Some((column, range)) = column.and_then(|column| Some((column, bloom_range(column)?))) else { return Ok(None) };
    object.with_range(range).await?.bloom_filter(column)
}

/// The row groups and rows in which a wanted row may lie.
async fn selections(object: &OpenObject<'_>, wanted: &Wanted) -> Result<Vec<RowGroupSelection>, StoredObjectError> {
    let metadata = &object.metadata;
    let mut selections = Vec::new();
    for group in 0..metadata.num_row_groups() {
        let (min, max) = group_bounds(metadata, group).unwrap_or((i64::MIN, i64::MAX));
        if !any_between(&wanted.times, min, max) {
            continue;
        }
        if let Some(filter) = id_filter(object, group).await?
            && !wanted.any_id_between(min, max, |id| filter.check(id))
        {
            continue;
        }
        let rows = page_selection(metadata, group, wanted)?;
        if rows.as_ref().is_none_or(RowSelection::selects_any) {
            selections.push(RowGroupSelection::new(group, rows));
        }
    }
    Ok(selections)
}

/// Only rows whose time is wanted, then only those whose whole key is.
fn row_filter(metadata: &ParquetMetaData, wanted: &Arc<Wanted>) -> RowFilter {
    let schema = metadata.file_metadata().schema_descr();
    let times = ProjectionMask::columns(schema, [Column::EventTime.name()]);
    let keys = ProjectionMask::columns(schema, [Column::EventId.name(), Column::EventTime.name(), Column::Source.name()]);
    let (by_time, by_key) = (Arc::clone(wanted), Arc::clone(wanted));
    let time_is_wanted = ArrowPredicateFn::new(times, move |batch: RecordBatch| {
        let times = batch.column(0).as_primitive_opt::<TimestampMillisecondType>();
        let times = times.ok_or_else(|| ArrowError::SchemaError("event_time is no time".to_owned()))?;
        Ok(BooleanArray::from_unary(times, |time| by_time.by_time.contains_key(&time)))
    });
    let key_is_wanted = ArrowPredicateFn::new(keys, move |batch: RecordBatch| {
        let columns = RowKeyColumns::of(&batch)?;
        let is_wanted = |row: usize| {
            let (time, id, source) = (columns.times.value(row), columns.ids.value(row), columns.sources.value(row));
            Some(by_key.contains(time, id, source))
        };
        Ok((0..batch.num_rows()).map(is_wanted).collect())
    });
    RowFilter::new(vec![Box::new(time_is_wanted), Box::new(key_is_wanted)])
}

/// The positions of the wanted rows that are in the object, each with the event hash of the copy there.
pub(crate) async fn search(
    object: &OpenObject<'_>,
    partition: &Partition,
    wanted: &Arc<Wanted>,
) -> Result<Vec<(usize, Hash)>, StoredObjectError> {
    let selections = selections(object, wanted).await?;
    if selections.is_empty() {
        return Ok(Vec::new());
    }
    let mut decoder = ParquetPushDecoderBuilder::try_new_decoder(Arc::clone(&object.metadata))?
        .with_row_group_selections(selections)
        .with_row_filter(row_filter(&object.metadata, wanted))
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut matches = Vec::new();
    loop {
        match decoder.try_decode()? {
            DecodeResult::NeedsData(ranges) => {
                let bytes = object.read(&ranges).await?;
                decoder.push_ranges(ranges, bytes)?;
            }
            DecodeResult::Data(batch) => {
                let hashes = ColumnarHasher::new(&batch, Some((&partition.region, &partition.organization)))?.hashes();
                let columns = RowKeyColumns::of(&batch)?;
                for (row, hash) in hashes.into_iter().enumerate() {
                    let (time, id, source) = (columns.times.value(row), columns.ids.value(row), columns.sources.value(row));
                    let hash = Hash::new(hash);
                    matches.extend(wanted.positions(time, id, source).map(|position| (position, hash)));
                }
            }
            DecodeResult::Finished => return Ok(matches),
        }
    }
}
