//! Which files an import reads.

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

/// Every file among `paths`, folders walked to their end, in order of their paths. Names that begin with a dot are left out, save
/// for those given; links inside folders are not followed, so that a walk ends.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()))
                .advise("name files or folders that are there and can be read")
        })?;
        if metadata.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(Found { path: path.clone(), bytes: metadata.len() });
        }
    }
    if found.is_empty() {
        return Err(Failure::new("there is no file to import").advise("the folders given are empty"));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<Found>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut entries = std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(Found { path: entry.path(), bytes: entry.metadata().map_err(failed)?.len() });
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
        let found = find(&[root.path().to_owned()]).unwrap();
        let names: Vec<_> =
            found.iter().map(|found| found.path.strip_prefix(root.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.json", "b/1.json", "b/2.json"]);
        assert_eq!(found[1].bytes, 8);
        assert!(find(&[root.path().join("nothing")]).is_err());
    }
}
