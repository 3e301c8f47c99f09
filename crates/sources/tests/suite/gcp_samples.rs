//! Public samples, where they are at hand: every file is accounted for, and the fields on which another program (Elastic's
//! ingest pipeline, `*-expected.json`) has an opinion too are compared.

use std::collections::BTreeMap;

use crate::common::samples::{Comparison, Totals, files, group_of, is_record_file, samples, with_documents};
use crate::common::{Collector, Columns, context, read_as};
use auditlake_sources::{Summary, by_name, import};
use serde_json::Value;

fn read(object: &[u8], name: &str) -> (Collector, Summary) {
    let mut collector = Collector::default();
    let (_, summary) = import(object, name, by_name("gcp.audit"), &context(), &mut collector).unwrap();
    collector.check(summary);
    (collector, summary)
}

/// The records in the envelopes of a test runner (`{rule, test, expected_alert, log}`), one a line.
fn unwrapped(object: &[u8]) -> Vec<u8> {
    let envelopes = std::str::from_utf8(object).unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    envelopes.map(|envelope| format!("{}\n", envelope["log"])).collect::<String>().into_bytes()
}

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("gcp_audit") else { return };
    let mut totals = Totals::default();
    let mut reasons: BTreeMap<(String, String), usize> = BTreeMap::new();
    for path in files(&folder) {
        let name = path.to_string_lossy();
        let bytes = std::fs::read(&path).unwrap();
        let (collector, summary) = read(&bytes, &name);
        assert!(summary.records > 0, "{name}: neither an event nor a reason");
        if !is_record_file(&path) {
            assert_eq!(summary.events, 0, "{name}");
            continue;
        }
        let group = group_of(&folder, &path);
        let mut results = vec![(group.clone(), collector, summary)];
        if group == "panther_analysis" {
            let (collector, summary) = read(&unwrapped(&bytes), &name);
            results.push((format!("{group}, unwrapped"), collector, summary));
        }
        for (group, collector, summary) in results {
            for (reason, ..) in collector.quarantined {
                *reasons.entry((group.clone(), reason)).or_default() += 1;
            }
            totals.add(group, summary);
        }
    }
    println!("{reasons:#?}");
    // A few lines of Python with its json module count them: an object with an object under `protoPayload` (in any spelling),
    // `methodName` in that and a timestamp is an event; one with `jsonPayload` is set aside; any other one is quarantined. The
    // records of misc are 4 entries and the 13 lines of a CSV, those of panther_analysis are trimmed here and there.
    totals.assert(&[
        ("cloudevents", 6, 6, 0, 0),
        ("csa", 12, 10, 0, 2),
        ("elastic_beats", 11, 11, 0, 0),
        ("elastic_integrations", 18, 18, 0, 0),
        ("misc", 17, 4, 13, 0),
        ("panther_analysis", 125, 0, 125, 0),
        ("panther_analysis, unwrapped", 125, 105, 20, 0),
    ]);
}

/// A time without the zeros at its end.
fn digits(time: &str) -> &str {
    time.trim_end_matches('Z').trim_end_matches('0')
}

/// Our time with what it has below the millisecond.
fn exact_time(ours: &Columns) -> String {
    let nanos: u32 = ours.get("event_time_nanos").map_or(0, |nanos| nanos.parse().unwrap());
    format!("{}{nanos:06}", ours["event_time"].trim_end_matches('Z'))
}

fn justification(what: &str, theirs: &str, ours: &Columns) -> Option<&'static str> {
    let column = |name: &str| ours.get(name).map(String::as_str).unwrap_or_default();
    let is_unfinished =
        column("metadata").contains("\"operation\":{\"first\":true,\"id\"") && !column("metadata").contains("\"last\":true");
    match what {
        "outcome" if theirs == "failure" && column("outcome") == "denied" => Some("ECS has no word for denied"),
        "outcome" if theirs == "success" && column("outcome") == "unknown" && is_unfinished => {
            Some("an operation that began: how it ends is in another entry")
        }
        "outcome"
            if theirs == "unknown" && column("outcome") == "success" && column("metadata").contains("\"last\":true") =>
        {
            Some("the last entry of an operation, without a status: that is OK")
        }
        "time" if digits(theirs) == digits(&exact_time(ours)) => Some("theirs is exact, or has zeros at the end"),
        "project" if column("metadata").contains(&format!("\"project_id\":\"{theirs}\"")) => {
            Some("theirs is the project of the resource, ours the log's")
        }
        _ => None,
    }
}

#[test]
fn elastic_and_we_agree_on_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("gcp_audit") else { return };
    let mut comparison = Comparison::default();
    for (log, theirs) in with_documents(&folder) {
        let ours = read(&std::fs::read(&log).unwrap(), "object").0.events;
        assert_eq!(theirs.len(), ours.len(), "{}", log.display());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let fields = [
                ("action", "event.action", "action"),
                ("service", "service.name", "service_name"),
                ("outcome", "event.outcome", "outcome"),
                ("user", "client.user.email", "actor_id"),
                ("user", "user.email", "actor_id"),
                ("source", "source.ip", "source_ip"),
                ("time", "@timestamp", "event_time"),
                ("user agent", "user_agent.original", "user_agent"),
                ("resource", "gcp.audit.resource_name", "resource_id"),
                ("message", "gcp.audit.status.message", "error_message"),
                ("project", "cloud.project.id", "scope_id"),
            ];
            comparison.columns(&log, theirs, ours, &fields, justification);
        }
    }
    comparison.finish(200);
}

#[test]
fn the_demonstration_questions_have_answers() {
    let Some(folder) = samples("gcp_audit") else { return };
    let mut events = Vec::new();
    for path in files(&folder).iter().filter(|path| is_record_file(path)) {
        let bytes = std::fs::read(path).unwrap();
        let is_wrapped = path.to_string_lossy().contains("panther_analysis");
        let object = if is_wrapped { unwrapped(&bytes) } else { bytes };
        events.extend(read_as("gcp.audit", &object, "object", &context()).events);
    }
    let get = |event: &Columns, column: &str| event.get(column).cloned().unwrap_or_default();
    let count = |column: &str, value: &str| events.iter().filter(|event| get(event, column) == value).count();
    println!("{} events, {} denied, {} unknown", events.len(), count("outcome", "denied"), count("outcome", "unknown"));
    // Counted with Python: code 7, or no error and all that is stated of `granted` false.
    assert_eq!(count("outcome", "denied"), 13);
    let owners: Vec<String> =
        events.iter().map(|event| get(event, "changes")).filter(|changes| changes.contains("roles/owner")).collect();
    println!("{owners:#?}");
    assert!(
        owners
            .iter()
            .any(|changes| changes == r#"[{"after":"user:backdoor@example.com","before":null,"field":"role roles/owner"}]"#)
    );
    let key = "a378358365ff3d22e9c1a72fecf4605ddff76b47";
    let by_key =
        events.iter().filter(|event| get(event, "metadata").contains(&format!("\"access_key_id\":\"{key}\""))).count();
    assert_eq!(by_key, 2, "entries whose serviceAccountKeyName ends with it");
}
