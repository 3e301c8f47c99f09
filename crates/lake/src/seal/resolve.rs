//! Which copy of an event is kept: the one an earlier seal wrote, else the first that arrived.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use auditlake_event::Timestamp;
use auditlake_event::canonical::ColumnarHasher;
use auditlake_store::Store;
use serde_json::value::RawValue;

use super::context::ShardContext;
use super::error::ShardError;
use super::gather::SortedBatch;
use super::outcome::{Conflict, PieceCounts};
use super::restamped::{KeptRow, RestampedSearch};
use crate::archive::late::ArchivedRows;
use crate::hash::Hash;
use crate::layout::Partition;
use crate::row_key::{RowKey, RowKeyColumns};

/// The copy that is kept of an event.
#[derive(Clone, Copy)]
struct Kept {
    hash: Hash,
    by_earlier_seal: bool,
}

/// Judges the rows of one piece, batch by batch, in order.
pub(crate) struct Resolver<'a> {
    partition: &'a Partition,
    context: &'a ShardContext,
    archived: ArchivedRows<'a>,
    /// The copy that is kept of the last event of the batches before.
    last: Kept,
    restamped: RestampedSearch,
    counts: PieceCounts,
}

impl<'a> Resolver<'a> {
    /// For rows of `partition`.
    pub fn new(store: &'a dyn Store, partition: &'a Partition, context: &'a ShardContext) -> Self {
        let archived = ArchivedRows::new(store, partition, context.rule, context.seal_time);
        let last = Kept { hash: Hash::new([0; 32]), by_earlier_seal: false };
        let restamped = RestampedSearch::default();
        Self { partition, context, archived, last, restamped, counts: PieceCounts::default() }
    }

    /// The rows of the next batch that are written, and their event hashes.
    pub async fn resolve(&mut self, batch: SortedBatch) -> Result<(RecordBatch, Vec<Hash>), ShardError> {
        let SortedBatch { rows, copies, copy_of } = batch;
        let names = Some((&self.partition.region, &self.partition.organization));
        let hasher = ColumnarHasher::new(&rows, names)?;
        let mut hashes: Vec<Hash> = hasher.hashes().into_iter().map(Hash::new).collect();
        let columns = RowKeyColumns::of(&rows)?;
        let late_rows = self.late_rows(&columns);
        let late_row = |row: usize| RowKey {
            time: columns.times.value(row),
            id: columns.ids.value(row),
            source: columns.sources.value(row),
        };
        let late: Vec<RowKey<'_>> = (0..late_rows).map(late_row).collect();
        let archived = self.archived.find(&late).await?;
        self.counts.rows_in += (rows.num_rows() + copies.num_rows()) as u64;
        self.counts.late_rows += late_rows as u64;

        let kept_of = |row: usize| match archived.get(row).copied().flatten() {
            Some(hash) => Kept { hash, by_earlier_seal: true },
            None => Kept { hash: hashes[row], by_earlier_seal: false },
        };
        if self.context.lists_restamped {
            for row in 0..rows.num_rows() {
                let RowKey { time, id, source } = late_row(row);
                self.restamped.look_at(self.partition, KeptRow { time, id, source, hash: kept_of(row).hash });
            }
        }
        // With the position of the event, so that they end in the order of their keys.
        let mut conflicts: Vec<(Option<usize>, Conflict)> = Vec::new();
        let is_archived = |row: &usize| archived[*row].is_some();
        for row in (0..archived.len()).filter(is_archived) {
            if let Some(conflict) = self.judge(kept_of(row), &hasher, &columns, row, hashes[row])? {
                conflicts.push((Some(row), conflict));
            }
        }
        if copies.num_rows() > 0 {
            let hasher = ColumnarHasher::new(&copies, names)?;
            let columns = RowKeyColumns::of(&copies)?;
            self.counts.late_rows += self.late_rows(&columns) as u64;
            for (row, (original, hash)) in copy_of.iter().zip(hasher.hashes()).enumerate() {
                let kept = original.map_or(self.last, kept_of);
                if let Some(conflict) = self.judge(kept, &hasher, &columns, row, hash.into())? {
                    conflicts.push((*original, conflict));
                }
            }
        }
        conflicts.sort_by_key(|(event, _)| *event);
        self.counts.conflicts.extend(conflicts.into_iter().map(|(_, conflict)| conflict));
        if let Some(last) = rows.num_rows().checked_sub(1) {
            self.last = kept_of(last);
        }
        if archived.iter().all(Option::is_none) {
            return Ok((rows, hashes));
        }
        let is_new: Vec<bool> = (0..rows.num_rows()).map(|row| archived.get(row).copied().flatten().is_none()).collect();
        let mut flags = is_new.iter();
        hashes.retain(|_| flags.next().is_some_and(|is_new| *is_new));
        Ok((filter_record_batch(&rows, &BooleanArray::from(is_new))?, hashes))
    }

    /// How many of the rows, which are in time order, are late: the first ones.
    fn late_rows(&self, columns: &RowKeyColumns<'_>) -> usize {
        let is_late = |time: &i64| self.context.rule.is_late(Timestamp::from_millis(*time), self.context.seal_time);
        columns.times.values().partition_point(is_late)
    }

    /// Counts a row that is not kept; a conflict if it differs from the one that is.
    fn judge(
        &mut self,
        kept: Kept,
        hasher: &ColumnarHasher<'_>,
        columns: &RowKeyColumns<'_>,
        row: usize,
        hash: Hash,
    ) -> Result<Option<Conflict>, ShardError> {
        if hash == kept.hash {
            self.counts.duplicates += 1;
            self.counts.late_duplicates += u64::from(kept.by_earlier_seal);
            return Ok(None);
        }
        self.conflict(kept, hasher, columns, row, hash).map(Some)
    }

    fn conflict(
        &self,
        kept: Kept,
        hasher: &ColumnarHasher<'_>,
        columns: &RowKeyColumns<'_>,
        row: usize,
        other_hash: Hash,
    ) -> Result<Conflict, ShardError> {
        let mut canonical = Vec::new();
        hasher.canonical(row, &mut canonical);
        let text = String::from_utf8(canonical).map_err(|error| ArrowError::ParseError(error.to_string()))?;
        let other = RawValue::from_string(text).map_err(|error| ArrowError::ParseError(error.to_string()))?;
        Ok(Conflict {
            partition: self.partition.clone(),
            source: columns.sources.value(row).to_owned(),
            event_time: Timestamp::from_millis(columns.times.value(row)),
            event_id: columns.ids.value(row).to_owned(),
            kept_hash: kept.hash,
            other_hash,
            other,
        })
    }

    /// What became of the rows.
    pub fn finish(self) -> PieceCounts {
        PieceCounts { unsearched: self.archived.into_damaged(), restamped: self.restamped.finish(), ..self.counts }
    }
}
