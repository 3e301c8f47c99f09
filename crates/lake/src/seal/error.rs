//! Why a seal, or one shard of it, stopped; whether it may go on by itself, and what an operator can do.

use arrow_schema::ArrowError;
use auditlake_event::canonical::NotCanonical;
use auditlake_store::{ErrorKind, StoreError};
use parquet::errors::ParquetError;

use super::gather::GatherError;
use super::plan::InvalidPlan;
use crate::archive::{LateError, StoredObjectError};
use crate::landing::file::LandingError;
use crate::period::SealTime;

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
    /// Rows of a landing object that a seal record omits cannot be landed again.
    #[error("landing object {key} is not in the seal record of its period, and its rows cannot be landed again: {error}")]
    Omitted {
        /// The object.
        key: String,
        /// Why not.
        error: String,
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
            | SealError::Omitted { key, .. }
            | SealError::Shard(
                ShardError::Mismatch { key, .. } | ShardError::Occupied { key, .. } | ShardError::Archived { key, .. },
            ) => Some(key),
            SealError::Store(error) if !error.retryable() => Some(&error.key),
            _ => None,
        }
    }

    /// Whether running again later may help by itself.
    pub fn retryable(&self) -> bool {
        match self {
            SealError::Store(error) => error.retryable(),
            SealError::Shard(error) => error.retryable(),
            SealError::Workers { .. } => true,
            _ => false,
        }
    }

    /// What an operator can do about it.
    pub fn help(&self) -> String {
        match (self, self.key()) {
            (
                SealError::NewerVersion { .. } | SealError::Plan { error: InvalidPlan::UnknownVersion { .. }, .. },
                Some(key),
            ) => {
                format!(
                    "deploy the version of auditlake that wrote it; if that was taken back for good, \
                     `auditlake seal --set-aside '{key}'` (runbook, SealFailures)"
                )
            }
            (SealError::Store(error), _) if error.kind == ErrorKind::Denied => {
                "give back the rights that the deployment gave (runbook, SealFailures)".to_owned()
            }
            (_, Some(key)) => format!(
                "restore it from a sound version; if there is none, `auditlake seal --set-aside '{key}'` (runbook, SealFailures)"
            ),
            (_, None) => "see SealFailures in the runbook".to_owned(),
        }
    }
}

/// Why a shard could not be written. What is written stays; the same call may be made again.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows could not be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// Rows could not be encoded.
    #[error("archive object cannot be made: {0}")]
    Encode(#[from] ParquetError),
    /// Rows could not be copied.
    #[error("rows cannot be brought together: {0}")]
    Arrow(#[from] ArrowError),
    /// A row has no canonical form.
    #[error("a row has no canonical form: {0}")]
    NotCanonical(#[from] NotCanonical),
    /// An object of an earlier seal, needed to judge late rows, cannot be read.
    #[error("{key}: {error}")]
    Archived {
        /// The object.
        key: String,
        /// What is wrong with it.
        error: StoredObjectError,
    },
    /// An object is there already, and it is not the one that belongs there: the archive was tampered with.
    #[error("{key} exists and is not what this seal writes: {reason}")]
    Mismatch {
        /// The object.
        key: String,
        /// How it differs.
        reason: String,
    },
    /// Objects are there already under this piece's key and under those beside it, and none can be read.
    #[error("{key} exists and {reason}; so do the objects beside it that were to take its place")]
    Occupied {
        /// The last object tried.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows got lost or appeared from nowhere (SH-2).
    #[error(
        "{key}: {rows_in} of {expected} rows read, {rows_out} written, {duplicates} equal copies, {conflicts} differing copies"
    )]
    RowsLost {
        /// The object.
        key: String,
        /// Rows gathered.
        expected: u64,
        /// Rows read.
        rows_in: u64,
        /// Rows written.
        rows_out: u64,
        /// Equal copies.
        duplicates: u64,
        /// Differing copies.
        conflicts: u64,
    },
}

impl From<LateError> for ShardError {
    fn from(error: LateError) -> Self {
        match error {
            LateError::List(error) => Self::Store(error),
            LateError::Object { key, error } => Self::Archived { key, error },
        }
    }
}

impl ShardError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            ShardError::Store(error) | ShardError::Archived { error: StoredObjectError::Store(error), .. } => {
                error.retryable()
            }
            _ => false,
        }
    }
}
