//! Objects as files: written aside, synced, then made visible in one step.
//!
//! The order of a put, which is what makes an answer worth something after a power loss:
//! 1. the bytes go to a file of their own in `.auditlake/temp`, its time is set, then `fsync`: bytes, length and time are on
//!    disk;
//! 2. the folders of the key are made, each one's entry in its parent synced ([`Folders::ensure`]);
//! 3. `link(temp, key)`, which fails if the key exists, in every process alike; a plain put uses `rename`;
//! 4. the folder is synced, and only then is the put answered. A put that finds the key taken syncs the folder as well before
//!    it says so, since its caller will act on what the other one wrote.
//!
//! **Entity tags** are the file's modification time in nanoseconds and its size, in hex, then `-1`: known without reading,
//! equal after a restart and after a copy that keeps times, never taken for an MD5. The time is set by us and never twice the
//! same in one process, so that two versions of a key differ.

use std::fs::{File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::folders::{Folder, Folders};
use super::key::{Key, PRIVATE};

/// Where unfinished files lie, below the root.
pub(super) const TEMP: &str = ".auditlake/temp";
/// How often a put tries again when its folder is removed under its hands.
const TRIES: u32 = 8;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// There is no such object.
    #[error("no such object")]
    NotFound,
    /// The key is a folder of other keys, or lies below an object.
    #[error("{0} cannot be an object and a folder of objects at once in a local directory")]
    Blocked(String),
    /// The lake's folder is not there any more, or another one is in its place.
    #[error("the lake's folder {0} is gone; bring it back and start the server again")]
    Gone(PathBuf),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Size and time of a file, and with them its entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: SystemTime,
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> io::Result<Self> {
        Ok(Self { size: metadata.len(), modified: metadata.modified()? })
    }

    /// The entity tag, without quotes.
    pub(super) fn etag(&self) -> String {
        let nanos = self.modified.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or(0);
        format!("{:016x}{:016x}-1", u64::try_from(nanos).unwrap_or(u64::MAX), self.size)
    }
}

/// How a file becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Only if there is none of that key.
    CreateNew,
    /// In place of what is there.
    Replace,
}

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// It is there and on disk.
    Created,
    /// There was one.
    Exists,
}

/// The files below one root.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    folders: Folders,
    /// Makes names unique among processes.
    process: String,
    counter: AtomicU64,
    /// The last time given to a file, in nanoseconds since 1970.
    last_time: AtomicU64,
}

impl Files {
    /// The files below `root`, which is made if absent. `process` is a text no other process has.
    pub(super) fn open(root: &Path, process: String) -> io::Result<Self> {
        let folders = Folders::open(root)?;
        folders.ensure(TEMP)?;
        let (counter, last_time) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { root: root.to_owned(), folders, process, counter, last_time })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Fails if the folder of the lake went away: then that something is not there says nothing.
    pub(super) fn check_root(&self) -> Result<(), FileError> {
        if self.folders.root_is_there() { Ok(()) } else { Err(FileError::Gone(self.root.clone())) }
    }

    /// A key below an object, or one too long for the file system, names no object.
    fn absent(&self, error: io::Error) -> FileError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                self.check_root().err().unwrap_or(FileError::NotFound)
            }
            _ => error.into(),
        }
    }

    /// A new file that nobody sees yet. It is removed when dropped.
    pub(super) fn begin(&self) -> io::Result<Unfinished> {
        let name = format!("{}-{}", self.process, self.counter.fetch_add(1, Ordering::Relaxed));
        let path = self.root.join(TEMP).join(&name);
        let open = |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let mut folder = self.folders.ensure(TEMP)?;
        let file = match open(&path) {
            // Somebody tidied up too well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folders.forget(TEMP);
                folder = self.folders.ensure(TEMP)?;
                open(&path)?
            }
            opened => opened?,
        };
        Ok(Unfinished { file, temporary: Temporary { folder, name, path } })
    }

    /// Puts an unfinished file's bytes and time on disk.
    pub(super) fn settle(&self, unfinished: &Unfinished) -> io::Result<Stamp> {
        unfinished.file.set_times(FileTimes::new().set_modified(self.next_time()))?;
        unfinished.file.sync_all()?;
        Stamp::of(&unfinished.file.metadata()?)
    }

    /// Gives an unfinished file its time and sets it aside, closed, not yet on disk.
    pub(super) fn shelve(&self, unfinished: Unfinished) -> io::Result<Shelved> {
        unfinished.file.set_times(FileTimes::new().set_modified(self.next_time()))?;
        let stamp = Stamp::of(&unfinished.file.metadata()?)?;
        let Unfinished { temporary, .. } = unfinished;
        Ok(Shelved { temporary, stamp })
    }

    /// The time for the next file: now, but later than any given before.
    fn next_time(&self) -> SystemTime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let later = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self.last_time.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).unwrap_or(now);
        UNIX_EPOCH + Duration::from_nanos(now.max(last.saturating_add(1)))
    }

    /// Makes a settled file visible under `key`.
    pub(super) fn publish(&self, unfinished: Unfinished, key: &Key, mode: Mode) -> Result<Published, FileError> {
        for _ in 0..TRIES {
            let folder = match self.folders.ensure(key.folder()) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(blocked(key)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.folders.forget(key.folder());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let done = match mode {
                Mode::CreateNew => link(&unfinished, &folder, key),
                Mode::Replace => rename(&unfinished, &folder, key),
            };
            match done {
                Ok(()) => {
                    drop(unfinished);
                    if let Err(error) = folder.sync() {
                        self.take_back(key, mode);
                        return Err(error.into());
                    }
                    return Ok(Published::Created);
                }
                Err(Errno::NOENT) if unfinished.temporary.path.exists() => self.folders.forget(key.folder()),
                Err(Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY) => {
                    let path = key.path(&self.root);
                    match path.symlink_metadata() {
                        Ok(metadata) if metadata.is_dir() => {
                            // An empty folder is nobody's: it was left by a delete or by a put that failed.
                            if std::fs::remove_dir(&path).is_err() {
                                return Err(blocked(key));
                            }
                            self.folders.forget(key.as_str());
                        }
                        Ok(_) if mode == Mode::CreateNew => {
                            folder.sync()?;
                            if folder.has_failed() {
                                let message =
                                    "a sync of the folder failed earlier; whether the object is on disk is not known";
                                return Err(io::Error::other(message).into());
                            }
                            return Ok(Published::Exists);
                        }
                        // Deleted in between, or replaced: try again.
                        _ => {}
                    }
                }
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Err(io::Error::other("the folder of the object keeps vanishing").into())
    }

    /// Takes a name away that is not known to be on disk: a second try must make it anew, so that its sync has something to write.
    /// What was replaced cannot be brought back.
    fn take_back(&self, key: &Key, mode: Mode) {
        if mode == Mode::Replace {
            return;
        }
        if let Err(error) = std::fs::remove_file(key.path(&self.root)) {
            tracing::error!(alarm = true, key = key.as_str(), %error, "an object that may not be on disk cannot be taken back");
        }
    }

    /// Opens an object.
    pub(super) fn read(&self, key: &Key) -> Result<(File, Stamp), FileError> {
        let file = File::open(key.path(&self.root)).map_err(|error| self.absent(error))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(FileError::NotFound);
        }
        Ok((file, Stamp::of(&metadata)?))
    }

    /// Size and time of an object.
    pub(super) fn stamp(&self, key: &Key) -> Result<Stamp, FileError> {
        let metadata = std::fs::metadata(key.path(&self.root)).map_err(|error| self.absent(error))?;
        if !metadata.is_file() {
            return Err(FileError::NotFound);
        }
        Ok(Stamp::of(&metadata)?)
    }

    /// Removes an object, and the folders that are empty then. `false` if there was none.
    pub(super) fn delete(&self, key: &Key) -> Result<bool, FileError> {
        let path = key.path(&self.root);
        match self.stamp(key) {
            Err(FileError::NotFound) => return Ok(false),
            other => other?,
        };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed?,
        }
        File::open(path.parent().unwrap_or(&self.root))?.sync_all()?;
        self.prune(key.folder());
        Ok(true)
    }

    /// Removes `folder` and those above it as far as they are empty.
    pub(super) fn prune(&self, folder: &str) {
        let mut current = folder;
        while !current.is_empty() && current != PRIVATE {
            self.folders.forget(current);
            if std::fs::remove_dir(self.root.join(current)).is_err() {
                return;
            }
            current = current.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
}

/// A file that is being written and that nobody sees. Dropped, it goes.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: File,
    temporary: Temporary,
}

/// An unfinished file that is closed, so that many can wait.
#[derive(Debug)]
pub(super) struct Shelved {
    temporary: Temporary,
    /// What it was when it was set aside.
    pub stamp: Stamp,
}

impl Shelved {
    /// Opens it for reading.
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(&self.temporary.path)
    }
}

/// The name of an unfinished file; dropped, the name goes.
#[derive(Debug)]
struct Temporary {
    /// The folder of unfinished files it lies in.
    folder: Arc<Folder>,
    name: String,
    path: PathBuf,
}

impl Unfinished {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Appends the whole of another file; the kernel copies where it can.
    pub(super) fn append(&mut self, source: &mut File) -> io::Result<u64> {
        io::copy(source, &mut self.file)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.path) {
            // A rename took it away.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "could not remove a temporary file");
            }
            _ => {}
        }
    }
}

/// Gives an unfinished file its name unless that is taken.
fn link(unfinished: &Unfinished, folder: &Folder, key: &Key) -> Result<(), Errno> {
    let Temporary { folder: from, name, .. } = &unfinished.temporary;
    match rustix::fs::linkat(from.handle(), name, folder.handle(), key.name(), AtFlags::empty()) {
        // File systems without hard links: a rename that never replaces does the same.
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => {
            rustix::fs::renameat_with(from.handle(), name, folder.handle(), key.name(), RenameFlags::NOREPLACE)
        }
        linked => linked,
    }
}

/// Gives an unfinished file its name, whatever had it.
fn rename(unfinished: &Unfinished, folder: &Folder, key: &Key) -> Result<(), Errno> {
    let Temporary { folder: from, name, .. } = &unfinished.temporary;
    rustix::fs::renameat(from.handle(), name, folder.handle(), key.name())
}

fn blocked(key: &Key) -> FileError {
    FileError::Blocked(key.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    fn put(files: &Files, text: &str, bytes: &[u8], mode: Mode) -> Result<(Published, Stamp), FileError> {
        let mut unfinished = files.begin().unwrap();
        unfinished.write(bytes).unwrap();
        let stamp = files.settle(&unfinished).unwrap();
        Ok((files.publish(unfinished, &key(text), mode)?, stamp))
    }

    #[test]
    fn a_put_is_seen_whole_and_leaves_nothing_aside() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "p".to_owned()).unwrap();
        let (published, stamp) = put(&files, "a/b", b"one", Mode::CreateNew).unwrap();
        assert_eq!((published, stamp.size), (Published::Created, 3));
        assert_eq!(put(&files, "a/b", b"two", Mode::CreateNew).unwrap().0, Published::Exists);
        assert_eq!(std::fs::read(dir.path().join("a/b")).unwrap(), b"one");
        assert_eq!(files.stamp(&key("a/b")).unwrap(), stamp);
        let (_, replaced) = put(&files, "a/b", b"two", Mode::Replace).unwrap();
        assert_ne!(replaced.etag(), stamp.etag());
        assert_eq!(std::fs::read(dir.path().join("a/b")).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path().join(TEMP)).unwrap().count(), 0);
    }

    #[test]
    fn an_object_is_no_folder_and_a_folder_no_object() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "p".to_owned()).unwrap();
        put(&files, "a/b", b"x", Mode::CreateNew).unwrap();
        for (blocked, mode) in [("a", Mode::CreateNew), ("a", Mode::Replace), ("a/b/c", Mode::CreateNew)] {
            assert!(matches!(put(&files, blocked, b"y", mode), Err(FileError::Blocked(_))), "{blocked}");
        }
        for absent in ["a", "a/b/c", "b"] {
            assert!(matches!(files.stamp(&key(absent)), Err(FileError::NotFound)));
            assert!(matches!(files.read(&key(absent)), Err(FileError::NotFound)));
        }
        // Once its only object is gone, a folder's name is free.
        assert!(files.delete(&key("a/b")).unwrap());
        assert!(!files.delete(&key("a/b")).unwrap());
        assert_eq!(put(&files, "a", b"y", Mode::CreateNew).unwrap().0, Published::Created);
    }

    #[test]
    fn a_put_makes_its_folder_again_if_another_process_removed_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "p".to_owned()).unwrap();
        put(&files, "a/b/c", b"x", Mode::CreateNew).unwrap();
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        assert_eq!(put(&files, "a/b/c", b"y", Mode::CreateNew).unwrap().0, Published::Created);
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        assert_eq!(put(&files, "a/b/c", b"z", Mode::Replace).unwrap().0, Published::Created);
    }

    #[test]
    fn times_given_to_files_never_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "p".to_owned()).unwrap();
        let times: std::collections::BTreeSet<SystemTime> = (0..10_000).map(|_| files.next_time()).collect();
        assert_eq!(times.len(), 10_000);
    }

    #[test]
    fn a_name_whose_folder_could_not_be_synced_is_not_acknowledged_by_a_second_try() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "p".to_owned()).unwrap();
        put(&files, "a/first", b"x", Mode::CreateNew).unwrap();
        files.folders.ensure("a").unwrap().fail_next_sync();
        assert!(matches!(put(&files, "a/second", b"y", Mode::CreateNew), Err(FileError::Io(_))));
        assert!(!dir.path().join("a/second").exists(), "taken back, so that it is written anew");
        // What was there before the failure can no longer be vouched for; what is made anew can.
        assert!(matches!(put(&files, "a/first", b"x", Mode::CreateNew), Err(FileError::Io(_))));
        assert_eq!(put(&files, "a/second", b"y", Mode::CreateNew).unwrap().0, Published::Created);
    }

    #[test]
    fn where_the_folder_went_away_nothing_is_called_absent() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("lake");
        let files = Files::open(&root, "p".to_owned()).unwrap();
        put(&files, "a/b", b"x", Mode::CreateNew).unwrap();
        assert!(matches!(files.stamp(&key("a/c")), Err(FileError::NotFound)));
        std::fs::rename(&root, dir.path().join("elsewhere")).unwrap();
        for place_is_taken in [false, true] {
            if place_is_taken {
                std::fs::create_dir(&root).unwrap();
            }
            assert!(matches!(files.stamp(&key("a/b")), Err(FileError::Gone(_))), "{place_is_taken}");
            assert!(matches!(files.read(&key("a/b")), Err(FileError::Gone(_))), "{place_is_taken}");
            assert!(files.check_root().is_err(), "{place_is_taken}");
        }
    }
}
