//! Public samples, where they are at hand: every file is accounted for, the operations of lakeFS's API are all known.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

mod common;
mod lakefs_support;

use std::collections::BTreeMap;

use auditlake_sources::{by_name, detect, import};
use common::samples::{files, samples};
use common::{Collector, context};
use lakefs_support::metadata;
use serde_json::json;

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("lakefs") else { return };
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut found = 0;
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet")) {
        found += 1;
        let mut collector = Collector::default();
        let bytes = std::fs::read(path).unwrap();
        let name = path.to_string_lossy();
        let (source, summary) = import(&bytes[..], &name, None, &context(), &mut collector).unwrap();
        assert_eq!(source, "lakefs", "{name}");
        collector.check(summary);
        assert_eq!((summary.records, summary.events), (400, 400), "{name}: {:?}", collector.reasons());
        let mut seen = std::collections::BTreeSet::new();
        for event in &collector.events {
            println!("{}", json!(event));
            assert!(seen.insert(&event["event_id"]), "an id twice");
            assert_eq!(metadata(event)["lakefs_organization"], "org-acme");
            for column in ["outcome", "action", "category", "service_name"] {
                *counts.entry((column.to_owned(), event[column].clone())).or_default() += 1;
            }
            let who = if event.contains_key("actor_id") { "named" } else { event["actor_type"].as_str() };
            *counts.entry(("actor".to_owned(), who.to_owned())).or_default() += 1;
            let scope = event.get("scope_id").map_or("none", String::as_str);
            *counts.entry(("scope".to_owned(), scope.to_owned())).or_default() += 1;
            let kind = event.get("resource_type").map_or("none", String::as_str);
            *counts.entry(("resource".to_owned(), kind.to_owned())).or_default() += 1;
        }
    }
    assert_eq!(found, 1);
    for ((column, value), count) in &counts {
        println!("{column:14} {value:24} {count}");
    }
    let _ = counts;
}

/// The operations as lakeFS's API description and gateway name them: fold to snake case, and none is a stranger.
#[test]
fn every_operation_of_lakefs_has_a_name_and_a_category() {
    let Some(folder) = samples("lakefs") else { return };
    let table = std::fs::read_to_string(folder.join("operation_ids.tsv")).unwrap();
    let mut categories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (service, operation, method, path) = (columns[0], columns[1], columns[2], columns[3]);
        let path = if service == "rest_api" { path } else { "/weather" };
        let event = lakefs_support::event_of(&json!({
            "data_service_name": service, "data_operation_id": operation, "data_method": method, "data_path": path,
        }));
        let is_snake = event["action"].chars().all(|character| character.is_ascii_lowercase() || character == '_');
        assert!(is_snake && !event["action"].contains("__"), "{}", event["action"]);
        let flat = |text: &str| text.replace('_', "").to_lowercase();
        assert_eq!(flat(&event["action"]), flat(operation));
        // A path that names a repository gives its scope, and every part of the template is read as what it is.
        assert_eq!(event.get("scope_id").is_some(), path.contains("{repository}"), "{operation}");
        categories.entry(event["category"].clone()).or_default().push(event["action"].clone());
        println!(
            "{:18} {operation:44} {path:90} {} {}", event["category"],
            event.get("resource_type").map_or("-", String::as_str), event.get("resource_id").map_or("-", String::as_str)
        );
    }
    let counts: BTreeMap<&str, usize> = categories.iter().map(|(category, actions)| (category.as_str(), actions.len())).collect();
    println!("{counts:?}\nother: {:?}", categories["other"]);
}

#[test]
fn samples_of_other_sources_are_not_taken_for_lakefs() {
    for folder in ["airbyte", "azure", "cloudtrail", "gcp_audit", "ocsf", "s3_access", "s3_access_fuzz"] {
        let Some(folder) = samples(folder) else { continue };
        for path in files(&folder) {
            let bytes = std::fs::read(&path).unwrap();
            let name = path.to_string_lossy();
            let head = &bytes[..bytes.len().min(128 * 1024)];
            assert_ne!(detect(head, &name).map(|source| source.name()), Some("lakefs"), "{name}");
            let lakefs = by_name("lakefs").unwrap();
            assert_eq!(lakefs.sniff(head, &name), auditlake_sources::Confidence::None, "{name}");
        }
    }
}
