//! What a run of a sealer did, and what the next one would do.

use super::plan::Plan;
use super::record::{SealRecord, SetAside};
use crate::period::SealTime;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRun {
    /// The first period not sealed after the run.
    pub sealed_until: SealTime,
    /// Periods sealed by this run.
    pub periods: u64,
    /// Landing rows read.
    pub rows_in: u64,
    /// Rows written to the archive.
    pub rows_out: u64,
    /// Equal copies left out.
    pub duplicates: u64,
    /// Contradicting copies quarantined.
    pub conflicts: u64,
    /// Rows sealed later than their own period.
    pub late_rows: u64,
    /// Archive objects written.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Landing objects that could not be used: each is an alarm.
    pub set_aside: Vec<SetAside>,
    /// Whether periods are due that a limit, or shards that others still write, left to the next run.
    pub more_due: bool,
    /// The shards of the next period that others still write.
    pub waiting_shards: usize,
}

impl SealRun {
    pub(super) fn add(&mut self, record: &SealRecord) {
        self.periods += 1;
        self.rows_in += record.rows_in;
        self.rows_out += record.rows_out;
        self.duplicates += record.duplicates;
        self.conflicts += record.conflicts;
        self.late_rows += record.late_rows;
        self.objects += record.outputs.len() as u64;
        self.bytes += record.outputs.iter().map(|object| object.bytes).sum::<u64>();
        self.set_aside.extend(record.set_aside.iter().cloned());
    }
}

/// What would be sealed, as [`Sealer::preview`](super::Sealer::preview) tells.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The plan that would be written now.
    pub plan: Plan,
    /// Whether the period was closed already.
    pub closed: bool,
}
