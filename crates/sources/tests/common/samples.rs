//! The public samples, where they are at hand.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The samples' folder of that name; `None`, said aloud, where it is not here.
pub fn samples(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: ../shared/samples/{name} is not here");
    None
}

/// Every file below a folder, in order of the paths.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A field of an ECS document by its path, in nested or dotted form.
pub fn ecs<'v>(event: &'v Value, path: &str) -> Option<&'v Value> {
    event.get(path).or_else(|| path.split('.').try_fold(event, |value, part| value.get(part)))
}
