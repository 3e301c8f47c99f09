//! How an export ended: `manifest.json`, which is written last.

use auditlake_query::{ExportFile, ExportProgress, ExportState, QueryError, QueryErrorKind};
use serde::{Deserialize, Serialize};

/// How an export ended, beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub status: End,
    pub rows: u64,
    pub scanned_bytes: u64,
    pub unreadable_objects: usize,
    pub files: Vec<ExportFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ManifestError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    Done,
    Failed,
    Cancelled,
}

/// Why an export failed, as far as its caller is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestError {
    /// Whether asking for less may help; else trying again may.
    pub too_large: bool,
    pub message: String,
}

/// What is known of an export that runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub rows: u64,
    pub scanned_bytes: u64,
    pub unreadable_objects: usize,
}

pub(super) fn manifest_key(folder: &str) -> String {
    format!("{folder}manifest.json")
}

impl Manifest {
    pub(super) fn into_progress(self) -> ExportProgress {
        let state = match (self.status, self.error) {
            (End::Done, _) => ExportState::Done(self.files),
            (End::Cancelled, _) => ExportState::Cancelled,
            (End::Failed, error) => {
                let error = error.unwrap_or(ManifestError { too_large: false, message: String::new() });
                let kind = if error.too_large { QueryErrorKind::TooLarge } else { QueryErrorKind::Unavailable };
                ExportState::Failed(QueryError::new(kind, error.message))
            }
        };
        ExportProgress {
            state,
            rows: Some(self.rows),
            scanned_bytes: self.scanned_bytes,
            unreadable_objects: self.unreadable_objects,
        }
    }
}
