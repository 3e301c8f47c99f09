//! Reading one landing object's batches: the rows of one seal time, checked, in order, cut by partition.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use auditlake_event::columns::{archive_schema, landing_schema};
use auditlake_event::{Column, Organization, Region, Timestamp};

use super::error::GatherError;
use super::keyed::{ArrivalOrder, KeyedBatch, index_u32};
use crate::layout::Partition;
use crate::period::SealTime;

/// Consecutive rows of one partition.
pub(super) struct PartitionRange {
    pub partition: Partition,
    pub start: u32,
    pub end: u32,
}

/// One landing object's rows of one seal time.
pub(super) struct Incoming {
    pub batches: Vec<(KeyedBatch, Vec<PartitionRange>)>,
}

/// The columns that the order of rows is made of.
struct OrderColumns<'a> {
    regions: &'a StringArray,
    organizations: &'a StringArray,
    times: &'a TimestampMillisecondArray,
    ids: &'a StringArray,
    sources: &'a StringArray,
}

fn bad(reason: impl Into<String>) -> GatherError {
    GatherError::BadObject(reason.into())
}

fn text(batch: &RecordBatch, column: Column) -> Result<&StringArray, GatherError> {
    batch.column(column.index()).as_string_opt::<i32>().ok_or_else(|| bad(format!("column {} is not text", column.name())))
}

fn times(batch: &RecordBatch, column: Column) -> Result<&TimestampMillisecondArray, GatherError> {
    let array = batch.column(column.index()).as_primitive_opt::<TimestampMillisecondType>();
    array.ok_or_else(|| bad(format!("column {} is not a time in milliseconds", column.name())))
}

impl<'a> OrderColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, GatherError> {
        Ok(Self {
            regions: text(batch, Column::Region)?,
            organizations: text(batch, Column::Organization)?,
            times: times(batch, Column::EventTime)?,
            ids: text(batch, Column::EventId)?,
            sources: text(batch, Column::Source)?,
        })
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let by_organization = || self.organizations.value(row).cmp(other.organizations.value(other_row));
        self.regions
            .value(row)
            .cmp(other.regions.value(other_row))
            .then_with(by_organization)
            .then_with(|| self.times.value(row).cmp(&other.times.value(other_row)))
            .then_with(|| self.ids.value(row).cmp(other.ids.value(other_row)))
            .then_with(|| self.sources.value(row).cmp(other.sources.value(other_row)))
    }

    fn is_sorted(&self) -> bool {
        (1..self.times.len()).all(|row| self.compare(row - 1, self, row) != Ordering::Greater)
    }

    fn hour(&self, row: usize) -> Timestamp {
        Timestamp::from_millis(self.times.value(row)).hour()
    }

    /// Where the partition changes. The rows must be sorted.
    fn partition_ranges(&self) -> Result<Vec<PartitionRange>, GatherError> {
        let mut ranges: Vec<PartitionRange> = Vec::new();
        let mut next_hour = i64::MIN;
        for row in 0..self.times.len() {
            let continues = row > 0
                && self.times.value(row) < next_hour
                && self.organizations.value(row) == self.organizations.value(row - 1)
                && self.regions.value(row) == self.regions.value(row - 1);
            if continues {
                continue;
            }
            if let Some(last) = ranges.last_mut() {
                last.end = index_u32(row);
            }
            let hour = self.hour(row);
            next_hour = hour.plus_millis(Timestamp::HOUR_MS).millis();
            let region = Region::parse(self.regions.value(row)).map_err(|error| bad(format!("region {error}")))?;
            let organization =
                Organization::parse(self.organizations.value(row)).map_err(|error| bad(format!("organization {error}")))?;
            let partition = Partition { region, organization, hour };
            ranges.push(PartitionRange { partition, start: index_u32(row), end: index_u32(self.times.len()) });
        }
        Ok(ranges)
    }
}

fn check_schema(batch: &RecordBatch) -> Result<(), GatherError> {
    let expected = landing_schema();
    if batch.num_columns() != expected.fields().len() {
        return Err(bad(format!("{} columns instead of {}", batch.num_columns(), expected.fields().len())));
    }
    for ((found, expected), array) in batch.schema().fields().iter().zip(expected.fields()).zip(batch.columns()) {
        if found.name() != expected.name() || found.data_type() != expected.data_type() {
            return Err(bad(format!("column {} instead of {}", found.name(), expected.name())));
        }
        if !expected.is_nullable() && array.null_count() > 0 {
            return Err(bad(format!("column {} lacks values", found.name())));
        }
    }
    Ok(())
}

/// The rows of `seal_time`; `None` if there are none.
fn rows_of(seal_time: SealTime, batch: &RecordBatch) -> Result<Option<RecordBatch>, GatherError> {
    let wanted = seal_time.start().millis();
    let seal_times = times(batch, Column::SealTime)?.values();
    let count = seal_times.iter().filter(|found| **found == wanted).count();
    if count == 0 {
        return Ok(None);
    }
    if count == batch.num_rows() {
        return Ok(Some(batch.clone()));
    }
    let mask: BooleanArray = seal_times.iter().map(|found| Some(*found == wanted)).collect();
    Ok(Some(filter_record_batch(batch, &mask)?))
}

/// The columns of the archive; region and organization have become the partition.
fn archive_columns(batch: &RecordBatch) -> Result<RecordBatch, GatherError> {
    let kept = Column::ALL.iter().filter(|column| !column.is_partition());
    let arrays = kept.map(|column| batch.column(column.index()).clone()).collect();
    Ok(RecordBatch::try_new(archive_schema(), arrays)?)
}

impl Incoming {
    /// Reads the batches of one object. Fails with [`GatherError::BadObject`] if they are not a landing object's.
    pub fn read(seal_time: SealTime, ordinal: u32, batches: &[RecordBatch]) -> Result<Self, GatherError> {
        let mut kept = Vec::with_capacity(batches.len());
        for batch in batches {
            check_schema(batch)?;
            kept.extend(rows_of(seal_time, batch)?);
        }
        let rows: usize = kept.iter().map(RecordBatch::num_rows).sum();
        if rows > i32::MAX as usize {
            return Err(bad("more than 2^31 rows"));
        }
        if !Self::is_sorted(&kept)? {
            return Self::read_unsorted(ordinal, &kept);
        }
        let mut first_row = 0;
        let mut incoming = Self { batches: Vec::with_capacity(kept.len()) };
        for batch in kept {
            let ranges = OrderColumns::of(&batch)?.partition_ranges()?;
            let rows = index_u32(batch.num_rows());
            let keyed = KeyedBatch::new(archive_columns(&batch)?, ArrivalOrder::Landed { ordinal, first_row })?;
            incoming.batches.push((keyed, ranges));
            first_row += rows;
        }
        Ok(incoming)
    }

    fn is_sorted(batches: &[RecordBatch]) -> Result<bool, GatherError> {
        let mut previous: Option<OrderColumns<'_>> = None;
        for batch in batches {
            let columns = OrderColumns::of(batch)?;
            let follows = previous.is_none_or(|previous| {
                let last = previous.times.len() - 1;
                previous.compare(last, &columns, 0) != Ordering::Greater
            });
            if !follows || !columns.is_sorted() {
                return Ok(false);
            }
            previous = Some(columns);
        }
        Ok(true)
    }

    /// Our own writer sorts, also by source; another version's may not have. A row's place in the object is kept.
    fn read_unsorted(ordinal: u32, batches: &[RecordBatch]) -> Result<Self, GatherError> {
        let all = concat_batches(&landing_schema(), batches)?;
        let columns = OrderColumns::of(&all)?;
        let mut places: Vec<usize> = (0..all.num_rows()).collect();
        places.sort_by(|left, right| columns.compare(*left, &columns, *right));
        let rows: UInt32Array = places.into_iter().map(index_u32).collect::<Vec<u32>>().into();
        let sorted = take_record_batch(&all, &rows)?;
        let ranges = OrderColumns::of(&sorted)?.partition_ranges()?;
        let ordinals = UInt32Array::from_value(ordinal, rows.len());
        let keyed = KeyedBatch::new(archive_columns(&sorted)?, ArrivalOrder::Listed { ordinals, rows })?;
        Ok(Self { batches: vec![(keyed, ranges)] })
    }

    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|(batch, _)| batch.columns().num_rows() as u64).sum()
    }
}
