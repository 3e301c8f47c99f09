//! Uploads in parts that are under way.
//!
//! They live in the process: an upload ends with the server that began it, and whoever made it begins again. So a part that a
//! power loss tore can never become part of an object, and parts need no syncing of their own: the whole is synced when it is
//! put together.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::files::{Files, Shelved, Unfinished};
use super::folders::lock;
use super::key::Key;
use super::tags::Tags;

/// Unfinished files older than this are removed, as the bucket's lifecycle would.
pub(super) const LONGEST_UPLOAD: Duration = Duration::from_secs(24 * 60 * 60);
/// Uploads that nobody went on with for so long are given up: their parts are files.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// Least bytes of every part but the last, as S3 has it.
pub(super) const LEAST_PART: u64 = 5 << 20;
/// The highest part number.
pub(super) const MOST_PARTS: i32 = 10_000;

/// One upload under way.
#[derive(Debug)]
pub(super) struct Upload {
    /// What it will become.
    pub key: Key,
    /// The tags it will have.
    pub tags: Tags,
    /// When it began.
    pub begun: SystemTime,
    /// When it last got a part.
    pub touched: SystemTime,
    /// Its parts so far by number.
    pub parts: BTreeMap<i32, Shelved>,
}

/// Why parts cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssembleError {
    /// A part that is named is not there, or another.
    #[error("part {0} was not uploaded, or was replaced")]
    NoSuchPart(i32),
    /// Parts are not named in ascending order, or none is.
    #[error("parts must be named in ascending order, at least one")]
    Order,
    /// A part other than the last is below 5 MiB.
    #[error("part {0} is smaller than 5 MiB and not the last")]
    TooSmall(i32),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The uploads under way in this server.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    by_id: Mutex<HashMap<String, Upload>>,
}

impl Uploads {
    /// Gives up uploads that nobody goes on with. Blocks: the files of their parts are removed.
    pub(super) fn give_up_stale(&self, now: SystemTime) -> usize {
        let is_stale = |upload: &Upload| now.duration_since(upload.touched).is_ok_and(|pause| pause > LONGEST_PAUSE);
        let mut by_id = lock(&self.by_id);
        let stale: Vec<String> = by_id.iter().filter(|(_, upload)| is_stale(upload)).map(|(id, _)| id.clone()).collect();
        let given_up: Vec<Upload> = stale.iter().filter_map(|id| by_id.remove(id)).collect();
        drop(by_id);
        // Files are removed outside the lock.
        given_up.len()
    }

    /// Begins an upload; its id.
    pub(super) fn begin(&self, key: Key, tags: Tags, now: SystemTime) -> String {
        let id = Uuid::now_v7().simple().to_string();
        lock(&self.by_id).insert(id.clone(), Upload { key, tags, begun: now, touched: now, parts: BTreeMap::new() });
        id
    }

    /// Whether there is such an upload of this key.
    pub(super) fn is_open(&self, id: &str, key: &Key) -> bool {
        lock(&self.by_id).get(id).is_some_and(|upload| upload.key == *key)
    }

    /// Adds a part, in place of an earlier one of its number. `false` if there is no such upload.
    pub(super) fn add(&self, id: &str, key: &Key, number: i32, part: Shelved) -> bool {
        let mut by_id = lock(&self.by_id);
        let Some(upload) = by_id.get_mut(id).filter(|upload| upload.key == *key) else { return false };
        upload.touched = SystemTime::now();
        let replaced = upload.parts.insert(number, part);
        drop(by_id);
        drop(replaced);
        true
    }

    /// Takes an upload out: from now on nobody else can complete it.
    pub(super) fn take(&self, id: &str, key: &Key) -> Option<Upload> {
        let mut by_id = lock(&self.by_id);
        if !by_id.get(id).is_some_and(|upload| upload.key == *key) {
            return None;
        }
        by_id.remove(id)
    }

    /// Puts an upload back that could not be completed.
    pub(super) fn put_back(&self, id: &str, upload: Upload) {
        lock(&self.by_id).insert(id.to_owned(), upload);
    }

    /// Reads what is known of an upload.
    pub(super) fn look<T>(&self, id: &str, key: &Key, look: impl FnOnce(&Upload) -> T) -> Option<T> {
        lock(&self.by_id).get(id).filter(|upload| upload.key == *key).map(look)
    }

    /// Id, key and begin of every upload, by key and id.
    pub(super) fn all(&self) -> Vec<(String, String, SystemTime)> {
        let mut all: Vec<_> = lock(&self.by_id)
            .iter()
            .map(|(id, upload)| (upload.key.as_str().to_owned(), id.clone(), upload.begun))
            .collect();
        all.sort();
        all
    }
}

/// Puts the named parts (number, entity tag) together into a file that is not visible yet.
pub(super) fn assemble(
    files: &Files,
    upload: &Upload,
    named: &[(i32, Option<String>)],
) -> Result<Unfinished, AssembleError> {
    if named.is_empty() || named.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(AssembleError::Order);
    }
    let mut whole = files.begin()?;
    for (position, (number, etag)) in named.iter().enumerate() {
        let part = upload.parts.get(number).ok_or(AssembleError::NoSuchPart(*number))?;
        if etag.as_ref().is_some_and(|etag| *etag != part.stamp.etag()) {
            return Err(AssembleError::NoSuchPart(*number));
        }
        if position + 1 < named.len() && part.stamp.size < LEAST_PART {
            return Err(AssembleError::TooSmall(*number));
        }
        let mut file: File = part.open().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => AssembleError::NoSuchPart(*number),
            _ => error.into(),
        })?;
        if whole.append(&mut file)? != part.stamp.size {
            return Err(AssembleError::NoSuchPart(*number));
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_nobody_goes_on_with_is_given_up_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path(), "p".to_owned()).unwrap();
        let temp = folder.path().join(super::super::files::TEMP);
        let (uploads, key) = (Uploads::default(), Key::parse("work/a").unwrap());
        let now = SystemTime::now();
        let old = uploads.begin(key.clone(), Tags::new(), now - Duration::from_secs(7_200));
        let slow = uploads.begin(key.clone(), Tags::new(), now - Duration::from_secs(7_200));
        for id in [&old, &slow] {
            let mut part = files.begin().unwrap();
            part.write(b"part").unwrap();
            assert!(uploads.add(id, &key, 1, files.shelve(part).unwrap()));
        }
        // Both were touched a moment ago.
        assert_eq!(uploads.give_up_stale(now), 0);
        lock(&uploads.by_id).get_mut(&old).unwrap().touched = now - LONGEST_PAUSE - Duration::from_secs(1);
        assert_eq!(uploads.give_up_stale(now), 1);
        assert!(!uploads.is_open(&old, &key) && uploads.is_open(&slow, &key));
        assert_eq!(std::fs::read_dir(temp).unwrap().count(), 1);
    }
}
