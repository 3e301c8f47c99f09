//! Why rows could not be gathered.

use arrow_schema::ArrowError;

/// Why rows could not be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The object is not what a landing object must be; the gatherer is as it was before. Set the object aside.
    #[error("not a landing object: {0}")]
    BadObject(String),
    /// The temporary files failed: disk full, no such folder.
    #[error("temporary file: {0}")]
    Spill(#[from] std::io::Error),
    /// A temporary file no longer holds what was written.
    #[error("a temporary file does not hold what was written to it")]
    SpillLost,
    /// Rows could not be copied.
    #[error("rows cannot be brought together: {0}")]
    Arrow(#[from] ArrowError),
}
