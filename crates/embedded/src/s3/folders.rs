//! Folders, made so that they last, and synced together.
//!
//! A file that is on disk is lost all the same if the entry in its folder is not, or that folder's entry in its own parent.
//! So a folder is only handed out once its entry in the parent was synced, up to the root; and who added an entry asks
//! [`Folder::sync`], which many callers share: one `fsync` covers every entry made before it began.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Open folders kept at once: file descriptors are scarce.
const MOST_OPEN: usize = 64;
/// Folders remembered as durable; more than a lake of a year has in use.
const MOST_KNOWN: usize = 200_000;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    handle: File,
    /// Syncs asked for so far.
    asked: AtomicU64,
    syncs: Mutex<Syncs>,
    #[cfg(test)]
    fail_next_sync: std::sync::atomic::AtomicBool,
}

/// How the syncs of a folder went. The system reports an error once and forgets what was not written, so a sync that succeeds after
/// one that failed says nothing about what the failed one covered.
#[derive(Debug, Default)]
struct Syncs {
    /// Syncs asked for before the last one that succeeded began.
    done: u64,
    /// Syncs asked for before the last one began, however it ended.
    tried: u64,
    /// Those covered by one that failed: after the first number, up to the second.
    failed: Vec<(u64, u64)>,
}

impl Syncs {
    /// What is known of a sync that was asked for.
    fn outcome(&self, ticket: u64) -> Option<io::Result<()>> {
        if self.failed.iter().any(|&(after, upto)| after < ticket && ticket <= upto) {
            return Some(Err(io::Error::other("the folder could not be synced; nothing new in it is known to be on disk")));
        }
        (self.done >= ticket).then_some(Ok(()))
    }
}

impl Folder {
    fn new(handle: File) -> Self {
        Self {
            handle,
            asked: AtomicU64::new(0),
            syncs: Mutex::default(),
            #[cfg(test)]
            fail_next_sync: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// The open folder, for calls relative to it.
    pub(super) fn handle(&self) -> &File {
        &self.handle
    }

    /// Puts every entry made before this call on disk. Callers that wait at the same time share one `fsync`, also if it fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut syncs = lock(&self.syncs);
        if let Some(outcome) = syncs.outcome(ticket) {
            return outcome;
        }
        let covered = self.asked.load(Ordering::SeqCst);
        let synced = self.sync_all();
        match &synced {
            Ok(()) => syncs.done = covered,
            Err(_) => {
                let after = syncs.tried;
                syncs.failed.push((after, covered));
            }
        }
        syncs.tried = covered;
        synced
    }

    /// Whether a sync ever failed: then what others say of it is worth nothing.
    pub(super) fn has_failed(&self) -> bool {
        !lock(&self.syncs).failed.is_empty()
    }

    fn sync_all(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.fail_next_sync.swap(false, Ordering::SeqCst) {
            return Err(io::Error::other("a test lets the sync fail"));
        }
        self.handle.sync_all()
    }

    /// Lets the next sync fail.
    #[cfg(test)]
    pub(super) fn fail_next_sync(&self) {
        self.fail_next_sync.store(true, Ordering::SeqCst);
    }
}

/// The folders below a root, by their path relative to it (no slash at the end; empty is the root).
#[derive(Debug)]
pub(super) struct Folders {
    path: PathBuf,
    root: Arc<Folder>,
    open: Mutex<HashMap<String, Arc<Folder>>>,
    /// Whose entry in the parent is known to be on disk, and all above them.
    durable: Mutex<HashSet<String>>,
}

impl Folders {
    /// The folders below `path`, which is made if it is absent.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        make_root(path)?;
        let root = Arc::new(Folder::new(File::open(path)?));
        let path = path.to_owned();
        Ok(Self { path, root, open: Mutex::new(HashMap::new()), durable: Mutex::new(HashSet::new()) })
    }

    /// The folder `path`, made if absent, its entries up to the root on disk. [`io::ErrorKind::NotADirectory`] if a file is in
    /// the way.
    pub(super) fn ensure(&self, path: &str) -> io::Result<Arc<Folder>> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.root));
        }
        if let Some(folder) = lock(&self.open).get(path) {
            return Ok(Arc::clone(folder));
        }
        if lock(&self.durable).contains(path) {
            match File::open(self.path.join(path)) {
                Ok(handle) => return Ok(self.keep(path, handle)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget(path),
                Err(error) => return Err(error),
            }
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.ensure(parent)?;
        match rustix::fs::mkdirat(&parent.handle, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = File::from(rustix::fs::openat(&parent.handle, name, flags, Mode::empty())?);
        // Also if it was there: another process may have made it a moment ago and not have synced yet.
        parent.sync()?;
        let mut durable = lock(&self.durable);
        if durable.len() >= MOST_KNOWN {
            durable.clear();
        }
        durable.insert(path.to_owned());
        drop(durable);
        Ok(self.keep(path, handle))
    }

    /// Whether the root is still where it was: the folder that was opened, not one in its place, and not nothing.
    pub(super) fn root_is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (std::fs::metadata(&self.path), self.root.handle.metadata()) {
            (Ok(there), Ok(opened)) => (there.dev(), there.ino()) == (opened.dev(), opened.ino()),
            _ => false,
        }
    }

    /// No longer trusts that `path` and the folders above it are there.
    pub(super) fn forget(&self, path: &str) {
        let (mut open, mut durable) = (lock(&self.open), lock(&self.durable));
        let mut current = path;
        while !current.is_empty() {
            open.remove(current);
            durable.remove(current);
            current = current.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    fn keep(&self, path: &str, handle: File) -> Arc<Folder> {
        let mut open = lock(&self.open);
        if open.len() >= MOST_OPEN {
            // One whose sync failed is kept: what it knows must not be forgotten.
            open.retain(|_, folder| folder.has_failed());
        }
        // Another thread may have been quicker: then its folder is shared, so that syncs are shared too.
        Arc::clone(open.entry(path.to_owned()).or_insert_with(|| Arc::new(Folder::new(handle))))
    }
}

/// Makes the root and the folders above it, each entry synced.
fn make_root(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_root(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

/// A poisoned lock only says that another thread ended; what these locks guard is right after each step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_found_again_and_made_again_after_they_vanished() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::open(&dir.path().join("new/lake")).unwrap();
        folders.ensure("a/b/c").unwrap();
        assert!(dir.path().join("new/lake/a/b/c").is_dir());
        assert!(Arc::ptr_eq(&folders.ensure("a/b").unwrap(), &folders.ensure("a/b").unwrap()));
        std::fs::remove_dir_all(dir.path().join("new/lake/a")).unwrap();
        folders.forget("a/b/c");
        folders.ensure("a/b/c").unwrap();
        assert!(dir.path().join("new/lake/a/b/c").is_dir());
    }

    #[test]
    fn a_file_in_the_way_is_said_to_be_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), b"x").unwrap();
        let folders = Folders::open(dir.path()).unwrap();
        assert_eq!(folders.ensure("a/b").unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn more_folders_than_are_kept_open_can_be_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::open(dir.path()).unwrap();
        for _ in 0..2 {
            for number in 0..MOST_OPEN * 2 {
                folders.ensure(&format!("f{number}")).unwrap();
            }
        }
        assert!(lock(&folders.open).len() <= MOST_OPEN);
    }

    #[test]
    fn a_sync_that_failed_stays_failed_for_all_that_it_covered() {
        let mut syncs = Syncs::default();
        assert!(syncs.outcome(1).is_none());
        (syncs.done, syncs.tried) = (3, 3);
        // Those asked for as number 4 and 5 fail; 6 comes later and succeeds.
        syncs.failed.push((3, 5));
        (syncs.done, syncs.tried) = (6, 6);
        let outcomes: Vec<_> = (1..=7).map(|ticket| syncs.outcome(ticket).map(|outcome| outcome.is_ok())).collect();
        assert_eq!(outcomes, [Some(true), Some(true), Some(true), Some(false), Some(false), Some(true), None]);
    }
}
