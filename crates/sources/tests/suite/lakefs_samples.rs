//! Public samples, where they are at hand: every file is accounted for, the operations of lakeFS's API are all known.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::samples::{files, samples};
use crate::common::{Collector, context};
use crate::lakefs_support::metadata;
use auditlake_sources::{by_name, detect, import};
use serde_json::json;

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("lakefs") else { return };
    let mut found = 0;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet")) {
        found += 1;
        let mut collector = Collector::default();
        let bytes = std::fs::read(path).unwrap();
        let name = path.to_string_lossy();
        let (source, summary) = import(&bytes[..], &name, None, &context(), &mut collector).unwrap();
        assert_eq!(source, "lakefs", "{name}");
        collector.check(summary);
        println!("{} records, {} events, {} quarantined", summary.records, summary.events, summary.quarantined);
        assert_eq!((summary.records, summary.events), (400, 400), "{name}: {:?}", collector.reasons());
        let ids: BTreeSet<&str> = collector.column("event_id").into_iter().collect();
        assert_eq!(ids.len(), 400, "every request has an id of its own");
        for event in &collector.events {
            assert_eq!(metadata(event)["lakefs_organization"], "org-acme");
            for column in ["outcome", "action", "category", "service_name", "actor_type", "scope_id", "resource_type"] {
                let value = event.get(column).map_or("-", String::as_str);
                *counts.entry(format!("{column} {value}")).or_default() += 1;
            }
        }
    }
    assert_eq!(found, 1);
    println!("{counts:#?}");
    // As a few lines of Python with pyarrow count them in the columns of the file.
    for (value, count) in [
        ("outcome success", 264),
        ("outcome failure", 110),
        ("outcome denied", 26),
        ("actor_type anonymous", 60),
        ("actor_type -", 340),
        ("service_name rest_api", 206),
        ("service_name s3_gateway", 194),
        ("scope_id sales", 162),
        ("scope_id ml-data", 148),
        ("scope_id -", 90),
        ("action get_object", 53),
        ("action list_objects", 47),
        ("action create_credentials", 37),
        ("action merge_into_branch", 27),
    ] {
        assert_eq!(counts.get(value), Some(&count), "{value}");
    }
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
        let event = crate::lakefs_support::event_of(&json!({
            "data_service_name": service, "data_operation_id": operation, "data_method": method, "data_path": path,
        }));
        let is_snake = event["action"].chars().all(|character| character.is_ascii_lowercase() || character == '_');
        assert!(is_snake && !event["action"].contains("__"), "{}", event["action"]);
        let flat = |text: &str| text.replace('_', "").to_lowercase();
        assert_eq!(flat(&event["action"]), flat(operation));
        // A path that names a repository gives its scope, and every part of the template is read as what it is.
        assert_eq!(event.contains_key("scope_id"), path.contains("{repository}"), "{operation}");
        categories.entry(event["category"].clone()).or_default().push(event["action"].clone());
    }
    println!("{categories:#?}");
    // Whatever writes is somewhere else than in `other`, but for upkeep.
    let writes = |action: &&String| {
        ["create", "delete", "set_", "update", "put_", "attach", "detach", "add_"]
            .iter()
            .any(|word| action.starts_with(word))
    };
    assert_eq!(categories["other"].iter().filter(writes).count(), 0);
    assert_eq!(categories.values().map(Vec::len).sum::<usize>(), 146);
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
