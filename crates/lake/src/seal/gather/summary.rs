//! What was gathered, by partition: enough to plan the seal's objects, and a function of the rows alone.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::keyed::KeyedBatch;
use crate::layout::Partition;
use crate::period::{SealRule, SealTime};

const MINUTE_MS: i64 = 60_000;

/// What a row costs in an archive object beyond its texts, in bytes.
const ARCHIVE_BYTES_PER_ROW: u64 = 16;
/// How many bytes of text one byte of an archive object holds, on average of typical events (see `docs/archive-layout.md`).
const TEXT_BYTES_PER_ARCHIVE_BYTE: u64 = 4;

fn archive_bytes(rows: u64, text_bytes: u64) -> u64 {
    rows * ARCHIVE_BYTES_PER_ROW + text_bytes / TEXT_BYTES_PER_ARCHIVE_BYTE
}

/// The rows of one minute of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinuteSummary {
    /// The start of the minute.
    pub start: Timestamp,
    /// How many rows, duplicates included.
    pub rows: u64,
    /// What they will take up in the archive, in bytes, about.
    pub estimated_bytes: u64,
}

/// The rows of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionSummary {
    /// Which partition.
    pub partition: Partition,
    /// How many rows, duplicates included.
    pub rows: u64,
    /// How many of them are late: these are checked against the archive.
    pub late_rows: u64,
    /// What they will take up in the archive, in bytes, about.
    pub estimated_bytes: u64,
    /// The first event time.
    pub min_event_time: Timestamp,
    /// The last event time.
    pub max_event_time: Timestamp,
    /// The minutes that have rows, in order: where a large partition may be split.
    pub minutes: Vec<MinuteSummary>,
}

impl PartitionSummary {
    /// Times at which to cut the partition into at most `parts` pieces of about equal size: the second piece begins at the
    /// first of them. They lie between minutes that have rows, so fewer come out where there are few minutes.
    pub fn split_bounds(&self, parts: usize) -> Vec<Timestamp> {
        let mut bounds = Vec::new();
        let mut before: u64 = 0;
        for minute in &self.minutes {
            // The next piece begins as soon as those before it have their share.
            let due = (bounds.len() as u128 + 1) * u128::from(self.estimated_bytes);
            if bounds.len() + 1 < parts && before > 0 && u128::from(before) * parts as u128 >= due {
                bounds.push(minute.start);
            }
            before += minute.estimated_bytes;
        }
        bounds
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    rows: u64,
    text_bytes: u64,
}

/// A summary that grows.
#[derive(Debug, Default)]
pub(super) struct SummaryBuilder {
    late_rows: u64,
    min_time: Option<i64>,
    max_time: Option<i64>,
    minutes: BTreeMap<i64, Count>,
}

impl SummaryBuilder {
    /// Adds rows `start..end` of a batch, which are all of this partition and in time order.
    pub fn add(&mut self, batch: &KeyedBatch, start: u32, end: u32, rule: &SealRule, seal_time: SealTime) {
        let is_late = |row: &u32| rule.is_late(Timestamp::from_millis(batch.time(*row)), seal_time);
        self.late_rows += (start..end).take_while(is_late).count() as u64;
        let (first, last) = (batch.time(start), batch.time(end - 1));
        self.min_time = Some(self.min_time.map_or(first, |time| time.min(first)));
        self.max_time = Some(self.max_time.map_or(last, |time| time.max(last)));
        let mut from = start;
        while from < end {
            let minute = batch.time(from).div_euclid(MINUTE_MS);
            let until = batch.first_not_before(from, end, (minute + 1) * MINUTE_MS);
            let count = self.minutes.entry(minute).or_default();
            count.rows += u64::from(until - from);
            count.text_bytes += text_bytes(batch, from, until);
            from = until;
        }
    }

    /// The summary so far.
    pub fn finish(&self, partition: Partition) -> PartitionSummary {
        let minutes: Vec<MinuteSummary> = self
            .minutes
            .iter()
            .map(|(minute, count)| MinuteSummary {
                start: Timestamp::from_millis(minute * MINUTE_MS),
                rows: count.rows,
                estimated_bytes: archive_bytes(count.rows, count.text_bytes),
            })
            .collect();
        PartitionSummary {
            partition,
            rows: minutes.iter().map(|minute| minute.rows).sum(),
            late_rows: self.late_rows,
            estimated_bytes: minutes.iter().map(|minute| minute.estimated_bytes).sum(),
            min_event_time: Timestamp::from_millis(self.min_time.unwrap_or_default()),
            max_event_time: Timestamp::from_millis(self.max_time.unwrap_or_default()),
            minutes,
        }
    }
}

fn text_bytes(batch: &KeyedBatch, start: u32, end: u32) -> u64 {
    let texts = batch.columns().columns().iter().filter(|column| *column.data_type() == DataType::Utf8);
    let lengths = texts.map(|column| {
        let offsets = column.as_string::<i32>().value_offsets();
        i64::from(offsets[end as usize]) - i64::from(offsets[start as usize])
    });
    lengths.sum::<i64>().unsigned_abs()
}
