//! Small secrets in files that only their owner reads.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The folder of a lake's directory that is no part of the lake.
pub const FOLDER: &str = ".auditlake";

/// Writes a file that is not there yet, readable by its owner only; on disk when it returns. One that is there stays: whoever was
/// first decides.
pub fn create(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{name}.{}.new", uuid::Uuid::new_v4().simple()));
    let written = write_aside(&unfinished, bytes).and_then(|()| match fs::hard_link(&unfinished, folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // File systems without hard links: a rename is as good, but for two that begin at the same moment.
        Err(_) => fs::rename(&unfinished, folder.join(name)),
        Ok(()) => Ok(()),
    });
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => written.and(Err(error)),
        _ => written,
    }
}

fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
