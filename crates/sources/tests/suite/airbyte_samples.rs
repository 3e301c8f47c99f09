//! Samples of Airbyte's audit log, where they are at hand: every record is accounted for, and no other format's file is taken for one.

use std::path::Path;

use crate::common::samples::{Totals, files, group_of, samples};
use crate::common::{Collector, context, read_as};
use auditlake_sources::{by_name, detect};

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("airbyte") else { return };
    let mut totals = Totals::default();
    for path in files(&folder) {
        let mut collector = Collector::default();
        let bytes = std::fs::read(&path).unwrap();
        let (_, summary) =
            auditlake_sources::import(&bytes[..], &name_of(&path), by_name("airbyte"), &context(), &mut collector).unwrap();
        collector.check(summary);
        println!("{}: {:?}", path.display(), collector.reasons());
        for event in &collector.events {
            for (column, value) in event.iter().filter(|(column, _)| **column != "raw" && **column != "received_time") {
                println!("    {column:16} {value}");
            }
            println!();
        }
        totals.add(group_of(&folder, &path), summary);
    }
    // Counted with Python's json module: the members of `events` or of the list, or the one object. The documentation's list of
    // log events stands without braces; they were put around it. Every message begins with "Logging audit entry: ".
    totals.assert(&[
        ("docs_1.7_sample.json", 1, 1, 0, 0),
        ("docs_sample_verbatim_malformed.json", 1, 1, 0, 0),
        ("gen1", 7, 7, 0, 0),
        ("gen1_5", 1, 1, 0, 0),
        ("gen2", 6, 6, 0, 0),
    ]);
}

#[test]
fn sniffing_picks_these_files_and_no_others() {
    let Some(folder) = samples("airbyte") else { return };
    let all = files(folder.parent().unwrap());
    let mut taken = 0;
    for path in &all {
        let bytes = std::fs::read(path).unwrap();
        let head = bytes.get(..16 * 1024).unwrap_or(&bytes);
        // Whatever the name says: only the content counts here.
        let found = detect(head, "object").map_or("nobody", |source| source.name());
        assert_eq!(found == "airbyte", path.starts_with(&folder), "{}: {found}", path.display());
        taken += usize::from(found == "airbyte");
    }
    println!("{taken} of {} files", all.len());
    assert_eq!(taken, 5);
}

#[test]
fn the_samples_answer_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("airbyte") else { return };
    for path in files(&folder) {
        let collector = read_as("airbyte", &std::fs::read(&path).unwrap(), &name_of(&path), &context());
        for event in &collector.events {
            for column in ["event_id", "event_time", "action", "category", "resource_type"] {
                assert!(event.contains_key(column), "{}: {column}: {event:?}", path.display());
            }
            assert_ne!(event["outcome"], "unknown");
            // Nobody is named in one entry, and two state no address.
            assert_eq!(event.contains_key("actor_id"), event.get("actor_type").is_some_and(|kind| kind == "user"));
        }
    }
}
