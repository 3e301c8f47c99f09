//! What the bucket's lifecycle does in a deployment, by hand: old exports go.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::EXPORTS;

/// How long the folder of an export stays after its last file was written: its id works for a day, the last link an hour longer.
pub const KEPT_FOR: Duration = Duration::from_secs(25 * 3_600);

/// Removes the folders of exports whose newest file is [`KEPT_FOR`] old; returns how many. Blocks; may run while a server serves
/// the directory.
pub fn sweep(directory: &Path, now: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for organization in folders(&directory.join(EXPORTS))? {
        for export in folders(&organization)? {
            if newest(&export)?.is_some_and(|newest| now.duration_since(newest).is_ok_and(|age| age >= KEPT_FOR)) {
                std::fs::remove_dir_all(&export)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn folders(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// When the folder or a file in it was last written; `None` if it went away meanwhile.
fn newest(folder: &Path) -> io::Result<Option<SystemTime>> {
    let modified = |path: &Path| match path.metadata().and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(Some(modified)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let mut newest = modified(folder)?;
    for entry in std::fs::read_dir(folder)? {
        newest = newest.max(modified(&entry?.path())?);
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_goes_a_day_and_a_link_after_its_last_file_and_nothing_else_goes() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(sweep(directory.path(), SystemTime::now()).unwrap(), 0, "no export was ever made");
        let export = directory.path().join("exports/acme/one");
        std::fs::create_dir_all(&export).unwrap();
        std::fs::write(export.join("part-0001.csv"), "x").unwrap();
        std::fs::write(directory.path().join("exports/acme/note.txt"), "x").unwrap();
        let now = SystemTime::now();
        assert_eq!(sweep(directory.path(), now + Duration::from_secs(24 * 3_600)).unwrap(), 0);
        assert!(export.is_dir());
        assert_eq!(sweep(directory.path(), now + KEPT_FOR + Duration::from_secs(5)).unwrap(), 1);
        assert!(!export.exists() && directory.path().join("exports/acme/note.txt").exists());
    }
}
