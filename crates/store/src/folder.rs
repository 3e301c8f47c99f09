//! A folder of files as a store that is only read: a lake's directory, or a copy of one, wherever it was moved.
//!
//! The file `a/b` below the root is the object of the key `a/b`. Symbolic links are not followed and not shown, nor are names that
//! begin with a dot or are not UTF-8. Writes are refused. Calls read the file system as they are made and block meanwhile: use it in
//! programs that do nothing else, such as a verification.

use std::collections::BinaryHeap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};

/// A folder that is only read.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: PathBuf,
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && !part.contains('\\')
}

fn failed(operation: &'static str, key: &str, error: &io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, key, error.to_string())
}

fn refused(operation: &'static str, key: &str) -> StoreError {
    StoreError::new(ErrorKind::Denied, operation, key, "this folder is only read")
}

fn meta_of(key: &str, metadata: &Metadata) -> ObjectMeta {
    let since = metadata.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let nanos = since.map_or(0, |since| since.as_nanos());
    ObjectMeta {
        key: key.to_owned(),
        size: metadata.len(),
        etag: format!("{nanos:x}-{:x}", metadata.len()),
        modified_ms: since.and_then(|since| i64::try_from(since.as_millis()).ok()),
    }
}

impl FolderStore {
    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file of a key and what is known of it, unless a part of the path is a symbolic link.
    fn find(&self, operation: &'static str, key: &str) -> Result<(PathBuf, Metadata), StoreError> {
        let absent = || StoreError::new(ErrorKind::NotFound, operation, key, "no such object");
        if !key.split('/').all(is_part) {
            return Err(absent());
        }
        let mut path = self.root.clone();
        let mut found = None;
        for part in key.split('/') {
            path.push(part);
            let metadata = path.symlink_metadata().map_err(|error| failed(operation, key, &error))?;
            if metadata.is_symlink() {
                return Err(absent());
            }
            found = Some(metadata);
        }
        let metadata = found.filter(Metadata::is_file).ok_or_else(absent)?;
        Ok((path, metadata))
    }

    fn read(
        &self,
        operation: &'static str,
        key: &str,
        range: impl FnOnce(u64) -> Range<u64>,
    ) -> Result<(Bytes, ObjectMeta), StoreError> {
        let (path, metadata) = self.find(operation, key)?;
        let wanted = range(metadata.len());
        if wanted.start > wanted.end || wanted.end > metadata.len() {
            return Err(StoreError::new(ErrorKind::Invalid, operation, key, "the range lies outside the object"));
        }
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(wanted.start))?;
            let length = wanted.end - wanted.start;
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| failed(operation, key, &error))?;
        if bytes.len() as u64 != wanted.end - wanted.start {
            return Err(StoreError::new(ErrorKind::Unavailable, operation, key, "the file changed while it was read"));
        }
        Ok((bytes.into(), meta_of(key, &metadata)))
    }

    /// The first `most` names in a folder after `after`, in the order of keys; the names of folders end in a slash.
    fn names(path: &Path, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            other => other?,
        };
        let mut first = BinaryHeap::new();
        for entry in entries {
            let entry = entry?;
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            if !is_part(&name) || !(kind.is_dir() || kind.is_file()) {
                continue;
            }
            if kind.is_dir() {
                name.push('/');
            }
            let is_beyond = first.len() >= most && first.peek().is_some_and(|last| name >= *last);
            if is_beyond || after.is_some_and(|after| name.as_str() <= after) {
                continue;
            }
            first.push(name);
            if first.len() > most {
                first.pop();
            }
        }
        Ok(first.into_sorted_vec())
    }

    /// Adds the objects below a folder (its key is empty or ends in `/`) until there are `limit`.
    fn walk(
        &self,
        folder: &str,
        prefix: &str,
        start_after: &str,
        limit: usize,
        found: &mut Vec<ObjectMeta>,
    ) -> io::Result<()> {
        let path = self.root.join(folder);
        let mut after: Option<String> = None;
        while found.len() < limit {
            let names = Self::names(&path, after.as_deref(), limit)?;
            for name in &names {
                let key = format!("{folder}{name}");
                if name.ends_with('/') {
                    let may_match = key.starts_with(prefix) || prefix.starts_with(&key);
                    if may_match && (key.as_str() > start_after || start_after.starts_with(&key)) {
                        self.walk(&key, prefix, start_after, limit, found)?;
                    }
                } else if key.starts_with(prefix) && key.as_str() > start_after {
                    match path.join(name).symlink_metadata() {
                        Ok(metadata) => found.push(meta_of(&key, &metadata)),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
                if found.len() >= limit {
                    return Ok(());
                }
            }
            if names.len() < limit {
                return Ok(());
            }
            after = names.into_iter().next_back();
        }
        Ok(())
    }
}

#[async_trait]
impl Store for FolderStore {
    async fn put_if_absent(&self, key: &str, _: Bytes) -> Result<Put, StoreError> {
        Err(refused("put", key))
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        Err(refused("upload", key))
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        let (bytes, meta) = self.read("get", key, |size| 0..size)?;
        Ok(Object { bytes, etag: meta.etag })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        Ok(self.read("get_range", key, |_| range)?.0)
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        let (bytes, meta) = self.read("get_suffix", key, |size| size.saturating_sub(length)..size)?;
        Ok(Suffix { bytes, size: meta.size, etag: meta.etag })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        match self.find("head", key) {
            Ok((_, metadata)) => Ok(Some(meta_of(key, &metadata))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        let folder = prefix.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let mut found = Vec::new();
        if folder.is_empty() || folder.trim_end_matches('/').split('/').all(is_part) {
            let walked = self.walk(&folder, prefix, start_after.unwrap_or_default(), limit.max(1), &mut found);
            walked.map_err(|error| failed("list", prefix, &error))?;
        }
        Ok(found)
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut prefixes = Vec::new();
        let names = Self::names(&self.root.join(prefix), None, usize::MAX);
        for name in names.map_err(|error| failed("list_prefixes", prefix, &error))? {
            // A folder without objects is no prefix of one.
            if name.ends_with('/') {
                let key = format!("{prefix}{name}");
                if !self.list_page(&key, None, 1).await?.is_empty() {
                    prefixes.push(key);
                }
            }
        }
        Ok(prefixes)
    }

    async fn tag(&self, key: &str, _: &str, _: &str) -> Result<(), StoreError> {
        Err(refused("tag", key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::memory::MemoryStore;

    fn key() -> impl Strategy<Value = String> {
        proptest::collection::vec("[-0a=b]{1,3}", 1..4).prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn a_folder_reads_as_the_store_in_memory_does(
            keys in proptest::collection::btree_set(key(), 0..25),
            lists in proptest::collection::vec((key(), proptest::option::of(key()), 1_usize..9, any::<bool>()), 1..12),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let memory = MemoryStore::new();
            let mut kept = BTreeSet::new();
            for key in keys {
                let path = folder.path().join(&key);
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && std::fs::write(&path, &key).is_ok() {
                    memory.overwrite(&key, key.clone());
                    kept.insert(key);
                }
            }
            std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
            let store = FolderStore::new(folder.path());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for (prefix, after, limit, is_folder) in lists {
                    let prefix = if is_folder { format!("{prefix}/") } else { prefix };
                    let keys_of = |page: Vec<ObjectMeta>| page.into_iter().map(|meta| (meta.key, meta.size)).collect::<Vec<_>>();
                    let expected = memory.list_page(&prefix, after.as_deref(), limit).await.unwrap();
                    let found = store.list_page(&prefix, after.as_deref(), limit).await.unwrap();
                    prop_assert_eq!(keys_of(found), keys_of(expected), "{} {:?} {}", prefix, after, limit);
                    if is_folder {
                        prop_assert_eq!(store.list_prefixes(&prefix).await.unwrap(), memory.list_prefixes(&prefix).await.unwrap());
                    }
                }
                for key in &kept {
                    prop_assert_eq!(&store.get(key).await.unwrap().bytes[..], key.as_bytes());
                    prop_assert_eq!(&store.get_range(key, 1..1).await.unwrap()[..], b"");
                    let suffix = store.get_suffix(key, 2).await.unwrap();
                    prop_assert_eq!(&suffix.bytes[..], &key.as_bytes()[key.len().saturating_sub(2)..]);
                    prop_assert_eq!(store.head(key).await.unwrap().unwrap().size, key.len() as u64);
                }
                for absent in ["none", "", "..", "a/../a", "loop/a", "/etc/passwd"] {
                    if !kept.contains(absent) {
                        prop_assert_eq!(store.get(absent).await.unwrap_err().kind, ErrorKind::NotFound, "{}", absent);
                    }
                }
                prop_assert_eq!(store.put_if_absent("x", Bytes::new()).await.unwrap_err().kind, ErrorKind::Denied);
                Ok(())
            })?;
        }
    }
}
