//! Which copy of an event is kept: the one an earlier seal wrote, else the first that arrived.

use arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMillisecondType;
use arrow::error::ArrowError;
use auditlake_event::canonical::ColumnarHasher;
use auditlake_event::{Column, Timestamp};
use auditlake_store::Store;
use serde_json::value::RawValue;

use crate::archived_rows::{ArchivedRows, LateRow};
use crate::layout::Partition;
use crate::merkle::Hash;
use crate::shard::{Conflict, PieceCounts, ShardContext, ShardError};

/// The columns by which copies are recognised, in a batch of archive columns.
pub(crate) struct IdentityColumns<'a> {
    /// When it happened.
    pub times: &'a TimestampMillisecondArray,
    /// The id.
    pub ids: &'a StringArray,
    /// The door.
    pub sources: &'a StringArray,
}

impl<'a> IdentityColumns<'a> {
    /// Finds them by name.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let wrong_type = || ArrowError::SchemaError("an identity column has another type".to_owned());
        let position = |column: Column| batch.schema_ref().index_of(column.name());
        let texts = |column: Column| {
            let array = batch.column(position(column)?);
            array.as_string_opt::<i32>().ok_or_else(wrong_type)
        };
        let times = batch.column(position(Column::EventTime)?).as_primitive_opt::<TimestampMillisecondType>();
        Ok(Self { times: times.ok_or_else(wrong_type)?, ids: texts(Column::EventId)?, sources: texts(Column::Source)? })
    }

    fn is_same(&self, row: usize, other: usize) -> bool {
        self.times.value(row) == self.times.value(other)
            && self.ids.value(row) == self.ids.value(other)
            && self.sources.value(row) == self.sources.value(other)
    }
}

/// The copy that is kept of the event judged last.
struct Kept {
    hash: Hash,
    by_earlier_seal: bool,
}

/// The identity of the last row of the batch before.
struct LastRow {
    time: i64,
    id: String,
    source: String,
}

/// Judges the rows of one piece, batch by batch, in order.
pub(crate) struct Resolver<'a> {
    partition: &'a Partition,
    context: &'a ShardContext,
    archived: ArchivedRows<'a>,
    last_row: Option<LastRow>,
    kept: Kept,
    counts: PieceCounts,
}

impl<'a> Resolver<'a> {
    /// For rows of `partition`.
    pub fn new(store: &'a dyn Store, partition: &'a Partition, context: &'a ShardContext) -> Self {
        let archived = ArchivedRows::new(store, partition, context.rule, context.seal_time);
        let kept = Kept { hash: Hash::new([0; 32]), by_earlier_seal: false };
        Self { partition, context, archived, last_row: None, kept, counts: PieceCounts::default() }
    }

    /// The rows of the next batch that are written, and their event hashes.
    pub async fn resolve(&mut self, batch: RecordBatch) -> Result<(RecordBatch, Vec<Hash>), ShardError> {
        let rows = batch.num_rows();
        let mut hasher = ColumnarHasher::new(&batch, Some((&self.partition.region, &self.partition.organization)))?;
        let mut hashes: Vec<Hash> = (0..rows).map(|row| hasher.hash(row).into()).collect();
        let columns = IdentityColumns::of(&batch)?;
        let late = |time: &i64| self.context.rule.is_late(Timestamp::from_millis(*time), self.context.seal_time);
        let late_rows = columns.times.values().partition_point(late);
        let late_row = |row: usize| LateRow {
            time: columns.times.value(row),
            id: columns.ids.value(row),
            source: columns.sources.value(row),
        };
        let late_rows: Vec<LateRow<'_>> = (0..late_rows).map(late_row).collect();
        let archived_hashes = self.archived.find(&late_rows).await?;
        self.counts.rows_in += rows as u64;
        self.counts.late_rows += late_rows.len() as u64;

        let mut is_kept = vec![true; rows];
        for row in 0..rows {
            let is_copy = if row > 0 { columns.is_same(row, row - 1) } else { self.continues(&columns) };
            if !is_copy {
                let archived = archived_hashes.get(row).copied().flatten();
                self.kept = Kept { hash: archived.unwrap_or(hashes[row]), by_earlier_seal: archived.is_some() };
                if archived.is_none() {
                    continue;
                }
            }
            is_kept[row] = false;
            if hashes[row] == self.kept.hash {
                self.counts.duplicates += 1;
                self.counts.late_duplicates += u64::from(self.kept.by_earlier_seal);
            } else {
                let conflict = self.conflict(&hasher, &columns, row, hashes[row])?;
                self.counts.conflicts.push(conflict);
            }
        }
        if let Some(last) = rows.checked_sub(1) {
            let (id, source) = (columns.ids.value(last).to_owned(), columns.sources.value(last).to_owned());
            self.last_row = Some(LastRow { time: columns.times.value(last), id, source });
        }
        if is_kept.iter().all(|is_kept| *is_kept) {
            return Ok((batch, hashes));
        }
        let mut flags = is_kept.iter();
        hashes.retain(|_| flags.next().is_some_and(|is_kept| *is_kept));
        Ok((filter_record_batch(&batch, &BooleanArray::from(is_kept))?, hashes))
    }

    /// Whether the first row of a batch is a copy of the last row of the batch before.
    fn continues(&self, columns: &IdentityColumns<'_>) -> bool {
        self.last_row.as_ref().is_some_and(|last| {
            last.time == columns.times.value(0) && last.id == columns.ids.value(0) && last.source == columns.sources.value(0)
        })
    }

    fn conflict(
        &self,
        hasher: &ColumnarHasher<'_>,
        columns: &IdentityColumns<'_>,
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
            kept_hash: self.kept.hash,
            other_hash,
            other,
        })
    }

    /// What became of the rows.
    pub fn finish(self) -> PieceCounts {
        self.counts
    }
}
