//! How a sealer works, what a run did, why it stopped.

use std::path::PathBuf;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_store::StoreError;

use super::ShardWorkers;
use crate::gather::GatherError;
use crate::integrity::{SealRecord, SetAside};
use crate::landing::file::LandingError;
use crate::period::SealTime;
use crate::plan::{InvalidPlan, Plan, PlanSettings};
use crate::shard::ShardError;

/// How a sealer works. None of it changes what is sealed, only how objects are cut and how much is done at once.
#[derive(Clone)]
pub struct SealSettings {
    /// How objects and shards are cut.
    pub plan: PlanSettings,
    /// Bytes of decoded rows held in memory before they are spilled to disk.
    pub memory_budget: usize,
    /// Where spilled rows go; the system's temporary directory if `None`.
    pub spill_dir: Option<PathBuf>,
    /// How long after the end of its window a period is closed, in ms. More means fewer rows that must land again.
    pub close_delay_ms: i64,
    /// Storage requests under way at once.
    pub concurrency: usize,
    /// Most periods that are closed together while catching up.
    pub batch: usize,
    /// Who writes the shards of a plan that has several, side by side; the sealer itself, one after the other, if `None`.
    pub workers: Option<Arc<dyn ShardWorkers>>,
}

impl Default for SealSettings {
    fn default() -> Self {
        Self {
            plan: PlanSettings::default(),
            memory_budget: 256 << 20,
            spill_dir: None,
            close_delay_ms: 2_000,
            concurrency: 16,
            batch: 1_024,
            workers: None,
        }
    }
}

/// When a run stops by itself, the rest being left to the next one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// Most periods to seal.
    pub max_periods: Option<u64>,
    /// No period is begun at or after this moment.
    pub stop_at: Option<Timestamp>,
    /// Only periods that start before this time are sealed.
    pub until: Option<Timestamp>,
}

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

/// Why a seal stopped. What it has written stays and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plan that this version cannot follow.
    #[error("{key}: {error}")]
    Plan {
        /// The plan's key.
        key: String,
        /// What is wrong with it.
        error: InvalidPlan,
    },
    /// A landing object of a newer version: this version must not touch the period.
    #[error("landing object {key}: {error}")]
    NewerVersion {
        /// The object.
        key: String,
        /// What is newer in it.
        error: LandingError,
    },
    /// A planned landing object is no longer what the plan says.
    #[error("landing object {key} {problem}: the plan of {seal_time} cannot be followed")]
    InputChanged {
        /// The period.
        seal_time: SealTime,
        /// The object.
        key: String,
        /// How it differs.
        problem: String,
    },
    /// The shards of a plan could not be handed to workers.
    #[error("shards of {seal_time} cannot be handed out: {reason}")]
    Workers {
        /// The period.
        seal_time: SealTime,
        /// What went wrong.
        reason: String,
    },
    /// There is no plan, or no such shard in it.
    #[error("the plan of {seal_time} has no shard {shard}")]
    NoSuchShard {
        /// The period.
        seal_time: SealTime,
        /// The number asked for.
        shard: usize,
    },
    /// Rows could not be sorted.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// A shard failed.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Rows went missing or came from nowhere: nothing is recorded.
    #[error(
        "seal of {seal_time}: {rows_in} rows planned, {rows_out} written, {duplicates} equal copies, {conflicts} contradicting"
    )]
    RowsDoNotAddUp {
        /// The period.
        seal_time: SealTime,
        /// Rows in the plan.
        rows_in: u64,
        /// Rows written.
        rows_out: u64,
        /// Equal copies.
        duplicates: u64,
        /// Contradicting copies.
        conflicts: u64,
    },
    /// A plan, digest, record or statement cannot be written.
    #[error("cannot be written as JSON: {0}")]
    Write(#[from] serde_json::Error),
    /// A write-once object is there and says something else.
    #[error("{0} exists and differs from what this seal states; see SealFailures in the runbook")]
    Contradiction(String),
    /// A plan or record is there of a period that is not closed: no seal wrote it.
    #[error("{0} is there although its period is not closed: no seal wrote it; see SealFailures in the runbook")]
    NotOurs(String),
}

impl SealError {
    /// The object that stands in the way, if it is one: what an operator must look at.
    pub fn key(&self) -> Option<&str> {
        match self {
            SealError::Contradiction(key)
            | SealError::NotOurs(key)
            | SealError::Plan { key, .. }
            | SealError::NewerVersion { key, .. }
            | SealError::InputChanged { key, .. }
            | SealError::Shard(
                ShardError::Mismatch { key, .. } | ShardError::Occupied { key, .. } | ShardError::Archived { key, .. },
            ) => Some(key),
            SealError::Store(error) if !error.retryable() => Some(&error.key),
            _ => None,
        }
    }

    /// Whether running again later may help without anybody's intervention.
    pub fn retryable(&self) -> bool {
        match self {
            SealError::Store(error) => error.retryable(),
            SealError::Shard(error) => error.retryable(),
            SealError::Workers { .. } => true,
            _ => false,
        }
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
