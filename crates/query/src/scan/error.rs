//! Why an attempt at a query ended without an answer.

use auditlake_lake::checksums::ChecksumError;
use auditlake_lake::damage::{self, GAVE_UP};
use auditlake_store::{ErrorKind, StoreError};
use parquet::errors::ParquetError;

use super::handle::Handle;
use crate::error::{QueryError, QueryErrorKind};

/// Why an attempt ended without an answer.
#[derive(Debug)]
pub enum ScanError {
    /// An object that was listed is gone: a newer `sealed until` makes it unnecessary.
    Vanished(String),
    /// A landing object is broken: it is left out, as the seal will leave it out.
    UnreadableLanding {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier copy took a row away that had been counted among the newest.
    ConflictingCopies,
    /// The query fails.
    Query(QueryError),
}

impl From<QueryError> for ScanError {
    fn from(error: QueryError) -> Self {
        ScanError::Query(error)
    }
}

impl From<StoreError> for ScanError {
    fn from(error: StoreError) -> Self {
        ScanError::Query(query_error(&error))
    }
}

impl ScanError {
    /// An object's bytes make no sense.
    pub fn damaged(handle: &Handle, damaged: Damaged) -> Self {
        if handle.partition.is_none() {
            return ScanError::UnreadableLanding { key: handle.key.clone(), reason: damaged.0 };
        }
        let message = format!("the archive object {} cannot be read: {}", handle.key, damaged.0);
        ScanError::Query(QueryError::new(QueryErrorKind::Damaged, message))
    }
}

/// What an error of the store means for a query.
pub fn query_error(error: &StoreError) -> QueryError {
    let kind = match error.kind {
        ErrorKind::Denied => QueryErrorKind::Denied,
        ErrorKind::Invalid | ErrorKind::NotFound => QueryErrorKind::Internal,
        ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Timeout => QueryErrorKind::Unavailable,
    };
    QueryError::new(kind, error.to_string())
}

/// What is wrong with an object's bytes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub String);

impl From<ParquetError> for Damaged {
    fn from(error: ParquetError) -> Self {
        Self(error.to_string())
    }
}

impl From<arrow_schema::ArrowError> for Damaged {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self(error.to_string())
    }
}

impl From<ChecksumError> for Damaged {
    fn from(error: ChecksumError) -> Self {
        Self(error.to_string())
    }
}

/// Runs a decoder over bytes that may be damaged.
pub fn guarded<T>(decode: impl FnOnce() -> Result<T, Damaged>) -> Result<T, Damaged> {
    damage::guarded(|| Damaged(GAVE_UP.to_owned()), decode)
}
