//! A copy of `lake.json` where the storage does not reach: a file that was edited, or made anew, after the first start is noticed.

use std::io;
use std::path::{Path, PathBuf};

use auditlake_lake::Lake;

/// The file in the private folder.
const FILE: &str = "lake.json";

/// Why a lake is not served.
#[derive(Debug, thiserror::Error)]
pub enum LakeCopyError {
    /// The copy cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The copy.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// `lake.json` says something else than when this lake was served first.
    #[error(
        "lake.json is not the one that this lake was served with before: restore it from {0}, or remove that file if the change is meant"
    )]
    Changed(PathBuf),
}

/// Compares a lake with the copy in `private`; makes the copy if there is none.
pub fn check(private: &Path, lake: &Lake) -> Result<(), LakeCopyError> {
    let path = private.join(FILE);
    let failed = |error| LakeCopyError::File { path: path.clone(), error };
    match std::fs::read(&path) {
        Ok(bytes) if Lake::parse(&bytes).as_ref() == Ok(lake) => Ok(()),
        Ok(_) => Err(LakeCopyError::Changed(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(private).map_err(failed)?;
            let unfinished = private.join("lake.json.new");
            let bytes = lake.to_bytes().map_err(|error| failed(error.into()))?;
            std::fs::write(&unfinished, bytes).map_err(failed)?;
            std::fs::rename(&unfinished, &path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use auditlake_event::Timestamp;
    use auditlake_lake::{Codec, Period};

    use super::*;

    #[test]
    fn another_lake_json_than_at_the_first_start_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join(".auditlake");
        let created = Timestamp::parse("2026-03-01T12:02:03.456Z").unwrap();
        let lake = Lake::new(created, Period::HOUR, 300_000, 300_000, Codec::Snappy);
        check(&private, &lake).unwrap();
        check(&private, &lake).unwrap();
        let edited = Lake { lead_ms: 0, ..lake };
        let error = check(&private, &edited).unwrap_err();
        assert!(matches!(error, LakeCopyError::Changed(path) if path.ends_with(".auditlake/lake.json")));
    }
}
