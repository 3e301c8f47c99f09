//! Reading what was gathered, partition by partition, in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::GatherError;
use super::held::Held;
use super::keyed::{BatchLimit, KeyedBatch, RowQueue, RowRef, SortedBatch, index_u32, sort_rows};
use super::spill::{Segment, SpilledRun};
use crate::layout::Partition;
use crate::piece::Piece;

/// All rows of one seal time. A piece can be read as often as need be.
pub struct SortedRows {
    pub(super) numbers: BTreeMap<Partition, u32>,
    pub(super) held: Held,
    pub(super) runs: Vec<SpilledRun>,
    pub(super) rows: u64,
    pub(super) temporary_directory: Option<PathBuf>,
}

/// Rows of one batch that are still to come.
struct Current {
    batch: Arc<KeyedBatch>,
    start: u32,
    end: u32,
}

impl Current {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// One sorted sequence of rows of a partition.
struct Source {
    /// The run whose segments are still to be read, `None` for rows in memory.
    run: Option<usize>,
    /// Segments still to be read, the next one last.
    waiting: Vec<Segment>,
    current: Option<Current>,
}

/// Rows in order, and the batches they lie in.
type Chunk = (Vec<Arc<KeyedBatch>>, Vec<RowRef>);

/// A merge of all sequences of one partition, chunk by chunk.
pub(super) struct Scan<'a> {
    runs: &'a mut [SpilledRun],
    sources: Vec<Source>,
    from: i64,
    until: i64,
}

impl<'a> Scan<'a> {
    /// The rows of partition `number` with `from <= event_time < until` (ms).
    pub fn new(held: &Held, runs: &'a mut [SpilledRun], number: u32, from: i64, until: i64) -> Self {
        let overlaps = |segment: &&Segment| segment.max_time >= from && segment.min_time < until;
        let mut sources = Vec::new();
        for segment in held.segments.get(&number).into_iter().flatten().filter(overlaps) {
            let current = Some(clip(Arc::clone(&held.batches[segment.batch as usize]), segment, from, until));
            sources.push(Source { run: None, waiting: Vec::new(), current });
        }
        for (index, run) in runs.iter().enumerate() {
            let segments = run.segments.get(&number).into_iter().flatten().rev().filter(overlaps);
            let waiting: Vec<Segment> = segments.copied().collect();
            if !waiting.is_empty() {
                sources.push(Source { run: Some(index), waiting, current: None });
            }
        }
        Self { runs, sources, from, until }
    }

    /// How many rows there are to come.
    fn count(&mut self) -> Result<u64, GatherError> {
        let mut count = 0;
        for source in &self.sources {
            count += source.current.as_ref().map_or(0, |current| u64::from(current.end - current.start));
            let Some(run) = source.run else { continue };
            for segment in &source.waiting {
                let lies_within = segment.min_time >= self.from && segment.max_time < self.until;
                let rows = if lies_within {
                    segment.end - segment.start
                } else {
                    let clipped = clip(self.runs[run].load(segment.batch)?, segment, self.from, self.until);
                    clipped.end - clipped.start
                };
                count += u64::from(rows);
            }
        }
        Ok(count)
    }

    fn load(&mut self) -> Result<(), GatherError> {
        for source in &mut self.sources {
            let Some(run) = source.run else { continue };
            while source.current.as_ref().is_none_or(Current::is_empty) {
                let Some(segment) = source.waiting.pop() else { break };
                source.current = Some(clip(self.runs[run].load(segment.batch)?, &segment, self.from, self.until));
            }
        }
        self.sources.retain(|source| source.current.as_ref().is_some_and(|current| !current.is_empty()));
        Ok(())
    }

    /// The next rows in order; `None` at the end.
    ///
    /// Of a sequence with batches still to be read only the rows up to the last one in memory are known. The smallest of these
    /// last rows is the bound up to which every sequence is known: those rows are sorted and handed out, which uses up at least
    /// the batch that gave the bound.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, GatherError> {
        self.load()?;
        if self.sources.is_empty() {
            return Ok(None);
        }
        let incomplete = self.sources.iter().filter(|source| !source.waiting.is_empty());
        let bound = incomplete
            .filter_map(|source| source.current.as_ref())
            .map(|current| (Arc::clone(&current.batch), current.end - 1))
            .min_by(|(left, left_row), (right, right_row)| left.compare(*left_row, right, *right_row));
        let mut batches = Vec::new();
        let mut rows = Vec::new();
        for source in &mut self.sources {
            let Some(current) = &mut source.current else { continue };
            let end = match &bound {
                Some((batch, row)) => current.batch.first_after(current.start, current.end, batch, *row),
                None => current.end,
            };
            if end > current.start {
                let slot = index_u32(batches.len());
                rows.extend((current.start..end).map(|row| current.batch.reference(slot, row)));
                batches.push(Arc::clone(&current.batch));
                current.start = end;
            }
        }
        sort_rows(&batches, &mut rows);
        Ok(Some((batches, rows)))
    }
}

/// The rows of a segment within the bounds.
fn clip(batch: Arc<KeyedBatch>, segment: &Segment, from: i64, until: i64) -> Current {
    let start = batch.first_not_before(segment.start, segment.end, from);
    let end = batch.first_not_before(start, segment.end, until);
    Current { batch, start, end }
}

impl SortedRows {
    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The partitions that have rows, in order.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.numbers.keys()
    }

    /// Where temporary files go; `None` for the system's own place for them.
    pub fn temporary_directory(&self) -> Option<&Path> {
        self.temporary_directory.as_deref()
    }

    fn scan(&mut self, piece: &Piece) -> Option<Scan<'_>> {
        let number = *self.numbers.get(&piece.partition)?;
        let from = piece.from.map_or(i64::MIN, auditlake_event::Timestamp::millis);
        let until = piece.until.map_or(i64::MAX, auditlake_event::Timestamp::millis);
        Some(Scan::new(&self.held, &mut self.runs, number, from, until))
    }

    /// How many rows lie in a piece.
    pub fn count(&mut self, piece: &Piece) -> Result<u64, GatherError> {
        self.scan(piece).map_or(Ok(0), |mut scan| scan.count())
    }

    /// The rows of a piece, in order, from its first row.
    pub fn read(&mut self, piece: &Piece) -> PieceRows<'_> {
        PieceRows { scan: self.scan(piece), queue: RowQueue::default() }
    }
}

/// The rows of one piece, in order.
pub struct PieceRows<'a> {
    scan: Option<Scan<'a>>,
    queue: RowQueue,
}

impl PieceRows<'_> {
    /// The next rows: a full batch, less only at the end; `None` after it.
    pub fn next(&mut self, limit: BatchLimit) -> Result<Option<SortedBatch>, GatherError> {
        let count = loop {
            if let Some(count) = self.queue.full_batch(limit) {
                break count;
            }
            let Some(scan) = &mut self.scan else { break self.queue.len() };
            match scan.next_chunk()? {
                Some((batches, rows)) => self.queue.push(batches, rows),
                None => self.scan = None,
            }
        };
        if count == 0 { Ok(None) } else { Ok(Some(self.queue.take(count)?)) }
    }
}
