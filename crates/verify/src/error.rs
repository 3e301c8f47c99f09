//! Why a verification did not come to its end.

use auditlake_store::StoreError;

/// Why a verification did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no lake.
    #[error("there is no lake here: neither lake.json nor seal records")]
    NoLake,
    /// A temporary file failed, or a worker was stopped.
    #[error("{0}")]
    Worker(String),
}
