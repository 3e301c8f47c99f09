//! The keys by which other tools reach the storage of `serve`: random for each lake, in a file that only its owner reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use auditlake_lake::clock::Entropy;
use serde::{Deserialize, Serialize};

use crate::private_file;
use crate::s3::EmbeddedS3Credentials;

const FILE: &str = "storage-keys";

#[derive(Serialize, Deserialize)]
struct Stored {
    access_key: String,
    secret_key: String,
}

/// The file of the keys of the lake in `directory`.
#[must_use]
pub fn path(directory: &Path) -> PathBuf {
    directory.join(private_file::FOLDER).join(FILE)
}

/// The keys of the lake in `directory`; `None` if none were made yet.
pub fn load(directory: &Path) -> io::Result<Option<EmbeddedS3Credentials>> {
    let bytes = match fs::read(path(directory)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Stored { access_key, secret_key } = serde_json::from_slice(&bytes)?;
    if access_key.is_empty() || secret_key.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file of the storage's keys holds none: remove it"));
    }
    Ok(Some(EmbeddedS3Credentials { access_key, secret_key }))
}

/// The keys of the lake in `directory`, made if there are none.
pub fn load_or_create(directory: &Path, entropy: &dyn Entropy) -> io::Result<EmbeddedS3Credentials> {
    if let Some(keys) = load(directory)? {
        return Ok(keys);
    }
    let EmbeddedS3Credentials { access_key, secret_key } = EmbeddedS3Credentials::random(entropy);
    let bytes = serde_json::to_vec(&Stored { access_key, secret_key })?;
    private_file::create(&directory.join(private_file::FOLDER), FILE, &bytes)?;
    // Another process may have been quicker: then its keys count.
    load(directory)?.ok_or_else(|| io::Error::other("the file of the storage's keys vanished"))
}

#[cfg(test)]
mod tests {
    use auditlake_lake::clock::SystemEntropy;

    use super::*;

    #[test]
    fn each_lake_has_keys_of_its_own_that_stay_and_only_the_owner_reads() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(load(first.path()).unwrap(), None);
        let keys = load_or_create(first.path(), &SystemEntropy).unwrap();
        assert!(keys.access_key.len() >= 20 && keys.secret_key.len() >= 40);
        assert_eq!(load_or_create(first.path(), &SystemEntropy).unwrap(), keys);
        assert_eq!(load(first.path()).unwrap(), Some(keys.clone()));
        let others = load_or_create(second.path(), &SystemEntropy).unwrap();
        assert!(others.access_key != keys.access_key && others.secret_key != keys.secret_key);
        #[cfg(unix)]
        {
            let metadata = fs::metadata(path(first.path())).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
        }
        let left: Vec<_> = fs::read_dir(path(first.path()).parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_file_without_keys_is_an_error_and_not_an_open_door() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(private_file::FOLDER)).unwrap();
        for text in ["", "{}", "{\"access_key\":\"\",\"secret_key\":\"\"}"] {
            fs::write(path(folder.path()), text).unwrap();
            assert!(load_or_create(folder.path(), &SystemEntropy).is_err(), "{text}");
        }
    }
}
