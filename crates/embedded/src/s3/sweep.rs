//! What a bucket's lifecycle rules do in a deployment, by hand.

use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use auditlake_lake::layout;
use bytes::Bytes;

use super::files::TEMP;
use super::retired::Records;
use super::tags::{TAGS, Tags};
use super::uploads::LONGEST_UPLOAD;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Landing objects that were sealed.
    pub landing_objects: u64,
    /// Their bytes.
    pub landing_bytes: u64,
    /// Landing objects that are tagged as sealed although no seal record says that all of their rows were read: they stay.
    pub not_retired: u64,
    /// Files of puts and uploads that were never finished.
    pub unfinished: u64,
}

/// Removes landing objects tagged `sealed=true` at least `keep_for` before `now`, then what puts and uploads left unfinished for
/// a day, and empty landing folders of a day ago. An object without that tag is never removed, however old, nor one that has it while
/// the seal records do not say that each of its rows was read. Blocks; may run while servers serve the directory.
pub fn sweep(directory: &Path, now: SystemTime, keep_for: Duration) -> io::Result<Swept> {
    let mut swept = Swept { unfinished: clear_temporary(directory, now)?, ..Swept::default() };
    let tags = directory.join(TAGS);
    let mut records = Records::new(directory);
    for folder in entries(&tags.join(layout::LANDING))? {
        let landing = directory.join(layout::LANDING).join(folder.file_name());
        for tag_file in entries(&folder.path())? {
            if !is_older(&tag_file, now, keep_for)? || !is_sealed(&tag_file.path())? {
                continue;
            }
            let object = landing.join(tag_file.file_name());
            if !is_retired(&mut records, &folder, &tag_file, &object)? {
                swept.not_retired += 1;
                continue;
            }
            if let Some(bytes) = remove(&object)? {
                swept.landing_objects += 1;
                swept.landing_bytes += bytes;
            }
            // Last, so that a sweep that is cut off here is finished by the next one.
            remove(&tag_file.path())?;
        }
        remove_if_empty(&folder, now)?;
    }
    for folder in entries(&directory.join(layout::LANDING))? {
        remove_if_empty(&folder, now)?;
    }
    Ok(swept)
}

/// Whether the seal records retire an object, or it is gone already.
fn is_retired(records: &mut Records<'_>, folder: &DirEntry, tag_file: &DirEntry, object: &Path) -> io::Result<bool> {
    let (Ok(folder), Ok(name)) = (folder.file_name().into_string(), tag_file.file_name().into_string()) else {
        return Ok(false);
    };
    let bytes = match std::fs::read(object) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(true),
        Err(error) => return Err(error),
    };
    let key = format!("{}{folder}/{name}", layout::LANDING);
    let is_retired = records.retire(&key, &bytes)?;
    if !is_retired {
        tracing::error!(
            alarm = true,
            key,
            "a landing object is tagged as sealed, but no seal record says so: it stays; who wrote the tag?"
        );
    }
    Ok(is_retired)
}

/// Removes files of puts and uploads that have not been touched for a day: their processes are dead, or gave up.
pub(super) fn clear_temporary(directory: &Path, now: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for file in entries(&directory.join(TEMP))? {
        if is_older(&file, now, LONGEST_UPLOAD)? && remove(&file.path())?.is_some() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The entries of a folder; none if there is no such folder.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_older(entry: &DirEntry, now: SystemTime, age: Duration) -> io::Result<bool> {
    match entry.metadata().and_then(|metadata| metadata.modified()) {
        // A time in the future is no age at all.
        Ok(modified) => Ok(now.duration_since(modified).is_ok_and(|since| since >= age)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_sealed(tag_file: &Path) -> io::Result<bool> {
    let bytes = match std::fs::read(tag_file) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => return Ok(false),
        Err(error) => return Err(error),
    };
    match serde_json::from_slice::<Tags>(&bytes) {
        Ok(tags) => Ok(tags.get("sealed").is_some_and(|value| value == "true")),
        Err(error) => {
            tracing::warn!(path = %tag_file.display(), %error, "unreadable tags, the object stays");
            Ok(false)
        }
    }
}

/// Removes a file and says how large it was; `None` if it was not there.
fn remove(path: &Path) -> io::Result<Option<u64>> {
    let size = path.symlink_metadata().map(|metadata| metadata.len());
    match size.and_then(|size| std::fs::remove_file(path).map(|()| size)) {
        Ok(size) => Ok(Some(size)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a folder that is empty and was last changed a day ago or more: an hour's landing folder that nobody writes to any
/// more.
fn remove_if_empty(folder: &DirEntry, now: SystemTime) -> io::Result<()> {
    if !folder.file_type()?.is_dir() || !is_older(folder, now, LONGEST_UPLOAD)? {
        return Ok(());
    }
    match std::fs::remove_dir(folder.path()) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Err(error),
        _ => Ok(()),
    }
}
