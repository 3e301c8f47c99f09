//! The public samples, where they are at hand, and what another program made of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auditlake_sources::Summary;
use serde_json::Value;

use super::Columns;

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

/// Whether a file holds records, not what another program made of them, or its settings.
pub fn is_record_file(path: &Path) -> bool {
    let name = path.to_string_lossy();
    !name.ends_with("-expected.json") && !name.ends_with(".yml")
}

/// The folder or file right below the samples' folder that a path belongs to.
pub fn group_of(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap().iter().next().unwrap().to_string_lossy().into_owned()
}

/// What became of the records of each group.
#[derive(Default)]
pub struct Totals(BTreeMap<String, Summary>);

impl Totals {
    pub fn add(&mut self, group: String, summary: Summary) {
        *self.0.entry(group).or_default() += summary;
    }

    /// Asserts the groups' records, events, quarantined and set aside: these groups and no others.
    pub fn assert(&self, expected: &[(&str, u64, u64, u64, u64)]) {
        for (group, total) in &self.0 {
            println!(
                "{group:28} {:>6} records {:>6} events {:>4} quarantined {:>3} set aside",
                total.records, total.events, total.quarantined, total.set_aside
            );
        }
        for (group, records, events, quarantined, set_aside) in expected {
            let total = self.0[*group];
            assert_eq!(
                (total.records, total.events, total.quarantined, total.set_aside),
                (*records, *events, *quarantined, *set_aside),
                "{group}"
            );
        }
        assert_eq!(self.0.len(), expected.len());
    }
}

/// A field of an ECS document by its path, in nested or dotted form.
pub fn ecs<'v>(event: &'v Value, path: &str) -> Option<&'v Value> {
    event.get(path).or_else(|| path.split('.').try_fold(event, |value, part| value.get(part)))
}

/// The logs that have another program's documents beside them (`<log>-expected.json`), with these.
pub fn with_documents(folder: &Path) -> Vec<(PathBuf, Vec<Value>)> {
    let mut found = Vec::new();
    for path in files(folder) {
        let Some(log) = path.to_string_lossy().strip_suffix("-expected.json").map(PathBuf::from) else { continue };
        if !log.exists() {
            println!("{}: no log beside it", path.display());
            continue;
        }
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        found.push((log, document.get("expected").unwrap_or(&document).as_array().unwrap().clone()));
    }
    found
}

/// What two programs say of the same records.
#[derive(Default)]
pub struct Comparison {
    compared: usize,
    unjustified: usize,
}

impl Comparison {
    /// Compares two values; `why` is asked why they may differ, where they do.
    pub fn value(&mut self, log: &Path, what: &str, theirs: &str, ours: &str, why: impl FnOnce() -> Option<&'static str>) {
        self.compared += 1;
        if theirs == ours {
            return;
        }
        let why = why();
        self.unjustified += usize::from(why.is_none());
        println!(
            "{:44} | {what:12} | theirs {theirs:28} | ours {ours:28} | {}",
            log.file_name().unwrap().to_string_lossy(),
            why.unwrap_or("UNJUSTIFIED")
        );
    }

    /// Compares the fields (what, ECS path, column) of which both documents state the text.
    pub fn columns(
        &mut self,
        log: &Path,
        theirs: &Value,
        ours: &Columns,
        fields: &[(&str, &str, &str)],
        why: impl Fn(&str, &str, &Columns) -> Option<&'static str>,
    ) {
        for (what, path, column) in fields {
            let (Some(their_value), Some(our_value)) = (ecs(theirs, path).and_then(Value::as_str), ours.get(column)) else {
                continue;
            };
            self.value(log, what, their_value, our_value, || why(what, their_value, ours));
        }
    }

    /// Asserts that there was enough to compare and a reason for every difference.
    pub fn finish(self, more_than: usize) {
        println!("{} values compared", self.compared);
        assert!(self.compared > more_than, "{}", self.compared);
        assert_eq!(self.unjustified, 0);
    }
}
