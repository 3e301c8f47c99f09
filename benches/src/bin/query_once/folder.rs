//! A folder as a store that can only be read: what the scan engine costs without any service between.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use async_trait::async_trait;
use auditlake_store::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};
use bytes::Bytes;

/// The folder.
pub struct Folder(pub PathBuf);

fn failed(operation: &'static str, key: &str, error: &io::Error) -> StoreError {
    let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Invalid };
    StoreError::new(kind, operation, key, error.to_string())
}

fn read_only(key: &str) -> StoreError {
    StoreError::new(ErrorKind::Denied, "put", key, "the folder is only read")
}

impl Folder {
    fn read(&self, key: &str, range: impl FnOnce(u64) -> Range<u64>) -> io::Result<(Bytes, u64)> {
        let file = File::open(self.0.join(key))?;
        let size = file.metadata()?.len();
        let range = range(size);
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok((bytes.into(), size))
    }

    /// Adds the objects below `folder` (a prefix that ends in `/`) in key order.
    fn walk(
        &self,
        folder: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        found: &mut Vec<ObjectMeta>,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(self.0.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let end = if entry.file_type()?.is_dir() { "/" } else { "" };
            names.push(format!("{folder}{}{end}", entry.file_name().to_string_lossy()));
        }
        names.sort_unstable();
        for name in names {
            if found.len() == limit {
                return Ok(());
            }
            let common = name.len().min(prefix.len());
            if name.as_bytes()[..common] != prefix.as_bytes()[..common] {
                continue;
            }
            if name.ends_with('/') {
                let lies_before = after.is_some_and(|after| name.as_str() < after && !after.starts_with(&name));
                if !lies_before {
                    self.walk(&name, prefix, after, limit, found)?;
                }
            } else if after.is_none_or(|after| name.as_str() > after) {
                let size = fs::metadata(self.0.join(&name))?.len();
                found.push(ObjectMeta { key: name, size, etag: String::new(), modified_ms: None });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Folder {
    async fn put_if_absent(&self, key: &str, _: Bytes) -> Result<Put, StoreError> {
        Err(read_only(key))
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        Err(read_only(key))
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        let (bytes, _) = self.read(key, |size| 0..size).map_err(|error| failed("get", key, &error))?;
        Ok(Object { bytes, etag: String::new() })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let (bytes, _) = self.read(key, |_| range).map_err(|error| failed("get_range", key, &error))?;
        Ok(bytes)
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        let read = self.read(key, |size| size.saturating_sub(length)..size);
        let (bytes, size) = read.map_err(|error| failed("get_suffix", key, &error))?;
        Ok(Suffix { bytes, size, etag: String::new() })
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        match fs::metadata(self.0.join(key)) {
            Ok(metadata) => {
                Ok(Some(ObjectMeta { key: key.to_owned(), size: metadata.len(), etag: String::new(), modified_ms: None }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("head", key, &error)),
        }
    }

    async fn list_page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        let folder = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
        let mut found = Vec::new();
        self.walk(folder, prefix, after, limit, &mut found).map_err(|error| failed("list", prefix, &error))?;
        Ok(found)
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(self.0.join(prefix)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list_prefixes", prefix, &error)),
        };
        let mut prefixes = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("list_prefixes", prefix, &error))?;
            let is_folder = entry.file_type().map_err(|error| failed("list_prefixes", prefix, &error))?.is_dir();
            if is_folder {
                prefixes.push(format!("{prefix}{}/", entry.file_name().to_string_lossy()));
            }
        }
        prefixes.sort_unstable();
        Ok(prefixes)
    }

    async fn tag(&self, key: &str, _: &str, _: &str) -> Result<(), StoreError> {
        Err(read_only(key))
    }
}
