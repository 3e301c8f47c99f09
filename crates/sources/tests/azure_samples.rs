//! Public samples, where they are at hand: every file is accounted for, and the fields on which another program (Elastic's
//! ingest pipelines, `*-expected.json`) has an opinion too are compared.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auditlake_sources::{Summary, detect};
use common::azure::read;
use common::samples::{ecs, files, samples};
use common::{Collector, Columns, context};
use serde_json::{Value, json};

fn is_record_file(path: &Path) -> bool {
    let name = path.to_string_lossy();
    !name.ends_with("-expected.json") && !name.ends_with(".yml")
}

/// The records that a test runner's lines wrap: `{"rule":…,"test":…,"log":…}`.
fn unwrapped(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["log"].clone()).collect()
}

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("azure") else { return };
    let mut totals: BTreeMap<String, Summary> = BTreeMap::new();
    for path in &files(&folder) {
        let mut collector = Collector::default();
        let bytes = std::fs::read(path).unwrap();
        let name = path.to_string_lossy();
        let source = auditlake_sources::by_name("azure.storage");
        let (_, summary) = auditlake_sources::import(&bytes[..], &name, source, &context(), &mut collector).unwrap();
        collector.check(summary);
        assert!(summary.records > 0, "{name}: neither an event nor a reason");
        if is_record_file(path) {
            let group = path.strip_prefix(&folder).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
            println!("{name}: {:?}", collector.reasons());
            *totals.entry(group).or_default() += summary;
        } else {
            assert_eq!(summary.events, 0, "{name}");
        }
    }
    for (group, total) in &totals {
        println!(
            "{group:22} {:>6} records {:>6} events {:>4} quarantined {:>3} set aside",
            total.records, total.events, total.quarantined, total.set_aside
        );
    }
    // Records as a few lines of Python with its json module count them. Set aside: kube-audit. In misc: three of CloudGrappler's
    // files state no time (one of them is cut off besides), Dynatrace's begins with a heading. Panther's are wrapped.
    let expected = [
        ("elastic_beats", 3, 1, 0, 2),
        ("elastic_integrations", 22, 20, 0, 2),
        ("misc", 6, 1, 5, 0),
        ("panther_analysis", 161, 0, 161, 0),
        ("storage", 5, 5, 0, 0),
    ];
    assert_eq!(totals.len(), expected.len());
    for (group, records, events, quarantined, set_aside) in expected {
        let total = totals[group];
        assert_eq!(
            (total.records, total.events, total.quarantined, total.set_aside),
            (records, events, quarantined, set_aside),
            "{group}"
        );
    }
}

#[test]
fn records_in_a_test_runner_s_envelope_are_events() {
    let Some(folder) = samples("azure") else { return };
    // Set aside: two recommendations of the platform.
    for (name, events, set_aside) in [("Azure.Audit.tests.jsonl", 32, 0), ("Azure.MonitorActivity.tests.jsonl", 127, 2)] {
        let records = unwrapped(&folder.join("panther_analysis").join(name));
        let collector = read(json!({ "records": records }).to_string().as_bytes());
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
        assert_eq!((collector.events.len(), collector.set_aside.len()), (events, set_aside), "{name}");
        for event in &collector.events {
            for column in ["action", "category", "source_ip", "scope_id"] {
                assert!(event.contains_key(column), "{column} in {event:?}");
            }
        }
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        assert_eq!(read(lines.as_bytes()).events, collector.events, "{name}");
    }
}

#[test]
fn the_eleven_forms_of_a_time_are_read_exactly() {
    let Some(folder) = samples("azure") else { return };
    let path = folder.join("elastic_integrations/platformlogs/test-time-formats-corner-cases.log");
    let collector = read(&std::fs::read(path).unwrap());
    let instant = "2007-01-09T09:41:00.000Z";
    let mut expected = [instant; 11];
    expected[6] = "2007-01-09T09:41:00.220Z";
    expected[7] = "2007-01-09T09:41:00.681Z";
    expected[8] = "2007-01-09T09:41:00.535Z";
    expected[9] = "2007-01-09T09:41:00.992Z";
    assert_eq!(collector.column("event_time"), expected);
    assert_eq!(collector.column("event_time_nanos")[7..10], ["666300", "404056", "99000"]);
}

#[test]
fn azure_s_samples_are_recognised_and_no_others() {
    let Some(folder) = samples("azure") else { return };
    let name_of = |path: &Path| detect(&std::fs::read(path).unwrap(), "object").map(|source| source.name());
    for path in files(&folder) {
        let is_azure = name_of(&path) == Some("azure.storage");
        assert_eq!(is_azure, is_record_file(&path), "{}", path.display());
    }
    let mut others = 0;
    for name in ["airbyte", "cloudtrail", "gcp_audit", "lakefs", "ocsf", "s3_access", "s3_access_fuzz"] {
        let Some(folder) = samples(name) else { continue };
        for path in files(&folder) {
            others += 1;
            assert_ne!(name_of(&path), Some("azure.storage"), "{}", path.display());
        }
    }
    println!("{others} files of other sources");
}

fn justification(what: &str, theirs: &str, ours: &Columns) -> Option<&'static str> {
    match what {
        "outcome" if theirs == "succeeded" && ours["outcome"] == "success" => Some("theirs is the service's word"),
        "subscription" if theirs.eq_ignore_ascii_case(&ours["scope_id"]) => Some("ours is in lower case"),
        _ => None,
    }
}

#[test]
fn elastic_and_we_agree_on_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("azure") else { return };
    let found = files(&folder);
    let (mut compared, mut unjustified) = (0, 0);
    for path in found.iter().filter(|path| path.to_string_lossy().ends_with("-expected.json")) {
        let log = PathBuf::from(path.to_string_lossy().strip_suffix("-expected.json").unwrap());
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let theirs = document.get("expected").unwrap_or(&document).as_array().unwrap();
        // What is no event here.
        let is_kube =
            |event: &&Value| ecs(event, "azure.platformlogs.category").is_some_and(|category| category == "kube-audit");
        let theirs: Vec<&Value> = theirs.iter().filter(|event| !is_kube(event)).collect();
        let ours = read(&std::fs::read(&log).unwrap()).events;
        assert_eq!(theirs.len(), ours.len(), "{}", log.display());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            for (what, path, column) in [
                ("action", "event.action", "action"),
                ("outcome", "event.outcome", "outcome"),
                ("source", "source.ip", "source_ip"),
                ("source", "source.address", "source_ip"),
                ("time", "@timestamp", "event_time"),
                ("request", "azure.correlation_id", "request_id"),
                ("resource", "azure.resource.id", "resource_id"),
                ("resource name", "azure.resource.name", "resource_name"),
                ("subscription", "azure.subscription_id", "scope_id"),
                ("tenant", "azure.tenant_id", "scope_id"),
                ("event id", "azure.auditlogs.properties.id", "event_id"),
                ("logged by", "azure.auditlogs.properties.logged_by_service", "service_name"),
                ("actor name", "azure.auditlogs.identity", "actor_name"),
                ("actor", "azure.auditlogs.properties.initiated_by.app.servicePrincipalId", "actor_id"),
                (
                    "actor",
                    "azure.activitylogs.identity.claims.http://schemas_microsoft_com/identity/claims/objectidentifier",
                    "actor_id",
                ),
                ("target type", "azure.auditlogs.properties.target_resources.0.type", "resource_type"),
                ("target", "azure.auditlogs.properties.target_resources.0.id", "resource_id"),
            ] {
                // Their resource of a directory audit record is the directory, ours what was changed in it.
                let is_directory = ours["scope_type"] == "tenant" && what == "resource";
                let (Some(their_value), Some(our_value)) = (ecs(theirs, path).and_then(Value::as_str), ours.get(column))
                else {
                    continue;
                };
                compared += 1;
                if their_value == our_value || is_directory {
                    continue;
                }
                let why = justification(what, their_value, ours);
                unjustified += usize::from(why.is_none());
                println!(
                    "{:44} | {what:12} | theirs {their_value:28} | ours {our_value:28} | {}",
                    log.file_name().unwrap().to_string_lossy(),
                    why.unwrap_or("UNJUSTIFIED")
                );
            }
            // What both read from nobody stays null here.
            if ecs(theirs, "source.ip").or(ecs(theirs, "source.address")).is_none() {
                assert_eq!(ours.get("source_ip"), None, "{}", log.display());
            }
        }
    }
    println!("{compared} values compared");
    assert!(compared > 75, "{compared}");
    assert_eq!(unjustified, 0);
}

#[test]
fn the_demonstration_questions_have_answers() {
    let Some(folder) = samples("azure") else { return };
    let copy = read(&std::fs::read(folder.join("storage/PT1H_secura_1.json")).unwrap()).events;
    // Who touched that blob: it was copied by key, and read by a signature made with the same key.
    let path = "/diag7fff8f1ab8425b12/securacontainer/passwords.txt";
    let touched: Vec<&Columns> = copy.iter().filter(|event| event.get("resource_id").is_some_and(|id| id == path)).collect();
    let actions: Vec<&str> = touched.iter().map(|event| event["action"].as_str()).collect();
    assert_eq!(actions, ["GetBlob", "CopyBlobSource"]);
    let metadata: Vec<Value> = touched.iter().map(|event| serde_json::from_str(&event["metadata"]).unwrap()).collect();
    assert_eq!(metadata[0]["account_key"], metadata[1]["access_key_id"]);
    let requests = copy.iter().filter(|event| event["metadata"].contains(r#""copy_part":"request""#)).count();
    assert_eq!(requests, 1, "one copy");
    for event in &copy {
        assert!(!event.values().any(|text| text.contains("sig=XXXXX")), "{event:?}");
    }
    let activity = unwrapped(&folder.join("panther_analysis/Azure.MonitorActivity.tests.jsonl"));
    let events = read(json!(activity).to_string().as_bytes()).events;
    // Records with the resultSignature 403, and one with the metricResponseType AuthorizationFailure, counted with Python.
    assert_eq!(events.iter().filter(|event| event["outcome"] == "denied").count(), 4);
}
