//! Why an object of the archive cannot be used.

use arrow_schema::ArrowError;
use auditlake_event::canonical::NotCanonical;
use auditlake_store::StoreError;
use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};

use crate::checksums::ChecksumError;
use crate::damage::{self, GAVE_UP};

/// Why a stored object is not the archive object it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoredObjectError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The temporary file failed.
    #[error("temporary file: {0}")]
    Temporary(#[from] std::io::Error),
    /// It can be read and is not the archive object of that key.
    #[error("not an archive object: {0}")]
    Foreign(String),
    /// It cannot be read: damaged, or no Parquet file.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl From<ParquetError> for StoredObjectError {
    fn from(error: ParquetError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<ArrowError> for StoredObjectError {
    fn from(error: ArrowError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<NotCanonical> for StoredObjectError {
    fn from(error: NotCanonical) -> Self {
        Self::Foreign(error.to_string())
    }
}

impl From<ChecksumError> for StoredObjectError {
    fn from(error: ChecksumError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// Runs the decoder over bytes that may be damaged.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, StoredObjectError>) -> Result<T, StoredObjectError> {
    damage::guarded(|| StoredObjectError::Unreadable(GAVE_UP.to_owned()), decode)
}

/// An object below the archive's keys that a seal could not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// The key.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// Why it is not known whether late rows are in the archive already.
#[derive(Debug, thiserror::Error)]
pub enum LateError {
    /// The objects cannot be listed.
    #[error(transparent)]
    List(#[from] StoreError),
    /// An object cannot be read now.
    #[error("{key}: {error}")]
    Object {
        /// The object.
        key: String,
        /// What is wrong with it.
        error: StoredObjectError,
    },
}
