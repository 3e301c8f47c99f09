//! Public samples, where they are at hand: every file is accounted for, and the fields on which another program (Elastic's
//! ingest pipelines, `*-expected.json`) has an opinion too are compared.

use std::path::Path;

use crate::common::azure::read;
use crate::common::samples::{Comparison, Totals, ecs, files, group_of, is_record_file, samples, with_documents};
use crate::common::{Collector, Columns, context};
use auditlake_sources::detect;
use serde_json::{Value, json};

/// The records that a test runner's lines wrap: `{"rule":…,"test":…,"log":…}`.
fn unwrapped(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["log"].clone()).collect()
}

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("azure") else { return };
    let mut totals = Totals::default();
    for path in &files(&folder) {
        let mut collector = Collector::default();
        let bytes = std::fs::read(path).unwrap();
        let name = path.to_string_lossy();
        let source = auditlake_sources::by_name("azure.storage");
        let (_, summary) = auditlake_sources::import(&bytes[..], &name, source, &context(), &mut collector).unwrap();
        collector.check(summary);
        // Elastic's expected documents hold the record in `event.original`, which is looked into: they are read too.
        assert!(summary.records > 0, "{name}: neither an event nor a reason");
        if is_record_file(path) {
            println!("{name}: {:?}", collector.reasons());
            totals.add(group_of(&folder, path), summary);
        }
    }
    // Records as a few lines of Python with its json module count them. Quarantined: kube-audit, whose entries say only
    // `{"kind":"Event"}`. In misc: three of CloudGrappler's files state no time (one of them is cut off besides), Dynatrace's
    // begins with a heading. Panther's are wrapped.
    totals.assert(&[
        ("elastic_beats", 3, 1, 2, 0),
        ("elastic_integrations", 22, 20, 2, 0),
        ("misc", 6, 1, 5, 0),
        ("panther_analysis", 161, 0, 161, 0),
        ("storage", 5, 5, 0, 0),
    ]);
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
        "resource" if ours["scope_type"] == "tenant" => {
            Some("theirs is the directory of the audit record, ours what was changed in it")
        }
        _ => None,
    }
}

#[test]
fn elastic_and_we_agree_on_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("azure") else { return };
    let mut comparison = Comparison::default();
    for (log, theirs) in with_documents(&folder) {
        // What is no event here.
        let is_kube =
            |event: &&Value| ecs(event, "azure.platformlogs.category").is_some_and(|category| category == "kube-audit");
        let theirs: Vec<&Value> = theirs.iter().filter(|event| !is_kube(event)).collect();
        let ours = read(&std::fs::read(&log).unwrap()).events;
        assert_eq!(theirs.len(), ours.len(), "{}", log.display());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let fields = [
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
            ];
            comparison.columns(&log, theirs, ours, &fields, justification);
            // What both read from nobody stays null here.
            if ecs(theirs, "source.ip").or(ecs(theirs, "source.address")).is_none() {
                assert_eq!(ours.get("source_ip"), None, "{}", log.display());
            }
        }
    }
    comparison.finish(75);
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
