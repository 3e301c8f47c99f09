//! Bringing all rows of one seal time together in order, in bounded memory.
//!
//! A [`Gatherer`] takes the batches of landing objects one object after another and keeps the rows of its seal time. While they
//! fit into three quarters of the memory budget they stay where they are; beyond that they are written to temporary files as sorted runs.
//! [`Gatherer::sorted`] then gives the rows of each partition in the order (event_time, event_id, source, arrival), merged as
//! they are read.
//!
//! Guarantees:
//! - GA-1: the multiset of rows is preserved; [`SortedRows::rows`] is their number;
//! - GA-2: what comes out is a function of the rows and of the ranks of their objects alone: not of the order of adding, of how
//!   rows were cut into batches, or of the budget;
//! - GA-3: memory is bounded by the budget and one batch of output, whatever the number of rows or objects (index entries of
//!   about 32 bytes for each megabyte of rows and each partition aside);
//! - an object is taken whole or not at all: after [`GatherError::BadObject`] the gatherer is as it was before.

mod error;
mod held;
mod incoming;
mod keyed;
mod sorted;
mod spill;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use auditlake_event::columns::archive_schema;

pub use error::GatherError;
pub use keyed::{BatchLimit, SortedBatch};
pub use sorted::{PieceRows, SortedRows};
pub use summary::{MinuteSummary, PartitionSummary};

use crate::landing::file::LandingObject;
use crate::layout::Partition;
use crate::period::{SealRule, SealTime};
use held::Held;
use incoming::Incoming;
use keyed::{KeyedBatch, index_u32};
use spill::{RunWriter, Segment, SpilledRun};
use summary::SummaryBuilder;

/// The memory budget unless stated otherwise, in bytes (256 MiB).
pub const DEFAULT_MEMORY_BUDGET: usize = 256 * 1024 * 1024;

/// Most sorted runs that are merged at once; more are first merged among themselves.
const MAX_RUNS: usize = 32;

/// Takes rows of one seal time in, see the module's text.
pub struct Gatherer {
    seal_time: SealTime,
    rule: SealRule,
    memory_budget: usize,
    spill_directory: Option<PathBuf>,
    only: Option<BTreeSet<Partition>>,
    numbers: BTreeMap<Partition, u32>,
    partitions: Vec<SummaryBuilder>,
    held: Held,
    runs: Vec<SpilledRun>,
    rows: u64,
}

impl Gatherer {
    /// For the rows of `seal_time`. `memory_budget` in bytes; temporary files go to `spill_directory`, or to the system's own
    /// place for them.
    pub fn new(seal_time: SealTime, rule: SealRule, memory_budget: usize, spill_directory: Option<PathBuf>) -> Self {
        Self {
            seal_time,
            rule,
            memory_budget,
            spill_directory,
            only: None,
            numbers: BTreeMap::new(),
            partitions: Vec::new(),
            held: Held::default(),
            runs: Vec::new(),
            rows: 0,
        }
    }

    /// Keeps the rows of these partitions only. Rows of others are counted by [`Gatherer::add`] and left for others.
    pub fn only(mut self, partitions: BTreeSet<Partition>) -> Self {
        self.only = Some(partitions);
        self
    }

    /// Takes the rows of one landing object that have this gatherer's seal time and says how many they are. `ordinal` is the rank
    /// of the object's key among those of the plan: the smaller, the earlier it arrived; each may be used once. Objects may be
    /// added in any order.
    pub fn add(&mut self, ordinal: u32, object: LandingObject) -> Result<u64, GatherError> {
        self.add_batches(ordinal, &object.batches)
    }

    /// As [`Gatherer::add`], for an object's batches (of the landing schema, in file order).
    pub fn add_batches(&mut self, ordinal: u32, batches: &[RecordBatch]) -> Result<u64, GatherError> {
        let incoming = Incoming::read(self.seal_time, ordinal, batches)?;
        let rows = incoming.rows();
        for (batch, mut ranges) in incoming.batches {
            if let Some(only) = &self.only {
                ranges.retain(|range| only.contains(&range.partition));
            }
            if !ranges.is_empty() {
                self.hold(batch, ranges);
            }
        }
        if self.held.bytes > self.memory_budget / 4 * 3 {
            self.spill()?;
        }
        Ok(rows)
    }

    fn hold(&mut self, batch: KeyedBatch, ranges: Vec<incoming::PartitionRange>) {
        let position = index_u32(self.held.batches.len());
        for range in ranges {
            let next_number = index_u32(self.partitions.len());
            let number = *self.numbers.entry(range.partition.clone()).or_insert(next_number);
            if number == next_number {
                self.partitions.push(SummaryBuilder::default());
            }
            self.partitions[number as usize].add(&batch, range.start, range.end, &self.rule, self.seal_time);
            self.held.segments.entry(number).or_default().push(Segment {
                batch: position,
                start: range.start,
                end: range.end,
                min_time: batch.time(range.start),
                max_time: batch.time(range.end - 1),
            });
            let rows = u64::from(range.end - range.start);
            self.held.rows += rows;
            self.rows += rows;
        }
        self.held.bytes += batch.columns().get_array_memory_size();
        self.held.batches.push(Arc::new(batch));
    }

    /// The batches of a run: one of each of [`MAX_RUNS`] runs, twice over, takes up a quarter of the budget.
    fn run_batches(&self) -> BatchLimit {
        BatchLimit { rows: 4096, bytes: (self.memory_budget / (8 * MAX_RUNS)).clamp(1 << 10, 1 << 20) }
    }

    /// Partitions in order, by number.
    fn numbers_in_order(&self) -> Vec<u32> {
        self.numbers.values().copied().collect()
    }

    fn spill(&mut self) -> Result<(), GatherError> {
        let held = std::mem::take(&mut self.held);
        let mut run = RunWriter::create(self.spill_directory.as_deref(), held.present_columns(), self.run_batches())?;
        for number in self.numbers_in_order() {
            if let Some(segments) = held.segments.get(&number) {
                let (batches, rows) = held.sorted_rows(segments);
                run.push(number, batches, rows)?;
            }
        }
        self.runs.push(run.finish()?);
        tracing::debug!(bytes = held.bytes, rows = held.rows, runs = self.runs.len(), "rows spilled");
        if self.runs.len() >= MAX_RUNS { self.merge_runs() } else { Ok(()) }
    }

    fn merge_runs(&mut self) -> Result<(), GatherError> {
        let mut present = vec![false; archive_schema().fields().len()];
        for run in &self.runs {
            for (merged, own) in present.iter_mut().zip(&run.present) {
                *merged |= *own;
            }
        }
        let mut merged = RunWriter::create(self.spill_directory.as_deref(), present, self.run_batches())?;
        for number in self.numbers_in_order() {
            let mut scan = sorted::Scan::new(&self.held, &mut self.runs, number, i64::MIN, i64::MAX);
            while let Some((batches, rows)) = scan.next_chunk()? {
                merged.push(number, batches, rows)?;
            }
        }
        self.runs = vec![merged.finish()?];
        Ok(())
    }

    /// How many rows were taken and kept.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What was taken, by partition in order.
    pub fn summary(&self) -> Vec<PartitionSummary> {
        let partitions = self.numbers.iter();
        partitions.map(|(partition, number)| self.partitions[*number as usize].finish(partition.clone())).collect()
    }

    /// All rows in order.
    pub fn sorted(self) -> Result<SortedRows, GatherError> {
        Ok(SortedRows {
            numbers: self.numbers,
            held: self.held,
            runs: self.runs,
            rows: self.rows,
            temporary_directory: self.spill_directory,
        })
    }
}
