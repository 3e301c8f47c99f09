//! The key that signs cursors, and the ids of queries and exports. It outlives a restart, and so do they.
//!
//! With tokens a signature keeps tenants apart: the key is random, and lies where neither the API nor the storage reaches.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use auditlake_lake::clock::Entropy;

use crate::private_file;

const FILE: &str = "cursor-key";
/// Length of a key in bytes.
const KEY_BYTES: usize = 40;

/// The key in a private folder; made if there is none.
pub fn load_or_create(folder: &Path, entropy: &dyn Entropy) -> io::Result<Arc<[u8]>> {
    let path = folder.join(FILE);
    match fs::read(&path) {
        Ok(key) if key.len() >= KEY_BYTES => return Ok(Arc::from(key)),
        // What is shorter was never a key.
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = Vec::with_capacity(KEY_BYTES);
    while key.len() < KEY_BYTES {
        key.extend_from_slice(&entropy.bytes());
    }
    private_file::create(folder, FILE, &key)?;
    // Another process may have been quicker: then its key counts.
    fs::read(&path).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use auditlake_lake::clock::SystemEntropy;

    use super::*;

    #[test]
    fn a_key_stays_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let key = load_or_create(&folder.path().join("private"), &SystemEntropy).unwrap();
        assert_eq!(key.len(), 40);
        assert_eq!(load_or_create(&folder.path().join("private"), &SystemEntropy).unwrap(), key);
        assert_ne!(load_or_create(&folder.path().join("other"), &SystemEntropy).unwrap(), key);
        #[cfg(unix)]
        {
            let metadata = fs::metadata(folder.path().join("private").join(FILE)).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
        }
    }

    #[test]
    fn half_a_key_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), b"short").unwrap();
        assert_eq!(load_or_create(folder.path(), &SystemEntropy).unwrap().len(), 40);
    }
}
