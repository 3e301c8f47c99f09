//! Which files an import reads.

use std::fs::FileType;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What lies in a folder and is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub kind: &'static str,
}

/// Every file among `paths`, folders walked to their end, in order of their paths; and what was met that is no file. Names that
/// begin with a dot are left out, save for those given; links inside folders are not followed, so that a walk ends. Fails for a
/// path that is neither file nor folder: a pipe or a device may never end.
pub fn find(paths: &[PathBuf]) -> Result<(Vec<Found>, Vec<LeftOut>), Failure> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()))
                .advise("name files or folders that are there and can be read")
        })?;
        if metadata.is_dir() {
            walk(path, &mut found, &mut left_out)?;
        } else if metadata.is_file() {
            found.push(Found { path: path.clone(), bytes: metadata.len() });
        } else {
            let kind = kind_of(metadata.file_type());
            return Err(Failure::new(format!("{}: {kind}, which may never end, is not read", path.display()))
                .advise("write what comes out of it to a file first, and import the file"));
        }
    }
    if found.is_empty() {
        return Err(Failure::new("there is no file to import").advise("the folders given are empty"));
    }
    Ok((found, left_out))
}

/// What something in a folder is that is neither file nor folder.
fn kind_of(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_symlink() { "a link" } else { "no file" }
}

fn walk(folder: &Path, found: &mut Vec<Found>, left_out: &mut Vec<LeftOut>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut entries = std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), found, left_out)?;
        } else if kind.is_file() {
            found.push(Found { path: entry.path(), bytes: entry.metadata().map_err(failed)?.len() });
        } else {
            left_out.push(LeftOut { path: entry.path(), kind: kind_of(kind) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_order_without_hidden_names_and_links() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b/2.json", "b/1.json", "a.json", ".hidden", "b/.git/x"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.path(), root.path().join("b/loop")).unwrap();
        let (found, left_out) = find(&[root.path().to_owned()]).unwrap();
        let names: Vec<_> =
            found.iter().map(|found| found.path.strip_prefix(root.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.json", "b/1.json", "b/2.json"]);
        assert_eq!(found[1].bytes, 8);
        assert!(find(&[root.path().join("nothing")]).is_err());
        #[cfg(unix)]
        assert_eq!(left_out, [LeftOut { path: root.path().join("b/loop"), kind: "a link" }]);
        assert!(cfg!(unix) || left_out.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn what_may_never_end_is_refused_where_it_is_named_and_left_out_of_folders() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.json"), "{}").unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(root.path().join("s")).unwrap();
        let pipe = root.path().join("p");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (found, left_out) = find(&[root.path().to_owned()]).unwrap();
        assert_eq!(found.len(), 1);
        let kinds: Vec<_> = left_out.iter().map(|left_out| left_out.kind).collect();
        assert_eq!(kinds, ["a named pipe", "a socket"]);
        for path in [pipe, root.path().join("s"), PathBuf::from("/dev/zero")] {
            let error = find(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(error.contains("may never end"), "{error}");
        }
    }
}
