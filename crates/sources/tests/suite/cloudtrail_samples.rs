//! Public samples, where they are at hand: every file is accounted for, and the fields on which another program (Elastic's
//! ingest pipeline, `*-expected.json`) has an opinion too are compared.

use std::collections::BTreeMap;

use crate::common::samples::{Comparison, Totals, ecs, files, group_of, is_record_file, samples, with_documents};
use crate::common::{Collector, cloudtrail, context, read};
use serde_json::Value;

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("cloudtrail") else { return };
    let found = files(&folder);
    let mut totals = Totals::default();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for path in &found {
        let mut collector = Collector::default();
        let bytes = std::fs::read(path).unwrap();
        let name = path.to_string_lossy();
        let (_, summary) =
            auditlake_sources::import(&bytes[..], &name, Some(cloudtrail()), &context(), &mut collector).unwrap();
        collector.check(summary);
        assert!(summary.records > 0, "{name}: neither an event nor a reason");
        for (reason, ..) in &collector.quarantined {
            *reasons.entry(reason.clone()).or_default() += 1;
        }
        if is_record_file(path) {
            totals.add(group_of(&folder, path), summary);
        }
    }
    println!("{reasons:#?}");
    // Records and digests as a few lines of Python with its json module count them. In misc two records' times are
    // templates, streamalert's and panther's are wrapped in the envelopes of their own test runners.
    totals.assert(&[
        ("constructed", 4, 4, 0, 0),
        ("elastic_beats", 37, 35, 0, 2),
        ("elastic_integrations", 36, 34, 0, 2),
        ("invictus", 2039, 2039, 0, 0),
        ("misc", 9, 7, 2, 0),
        ("panther_analysis", 327, 0, 327, 0),
        ("stratus", 261, 261, 0, 0),
        ("streamalert", 41, 0, 41, 0),
    ]);
}

fn justification(what: &str, theirs: &str, ours: &crate::common::Columns) -> Option<&'static str> {
    let column = |name: &str| ours.get(name).map(String::as_str).unwrap_or_default();
    match what {
        "outcome" if theirs == "failure" && column("outcome") == "denied" => Some("ECS has no word for denied"),
        "user name" if column("actor_id").contains(&format!(":assumed-role/{theirs}/")) => {
            Some("theirs is the role, ours the session")
        }
        _ => None,
    }
}

#[test]
fn elastic_and_we_agree_on_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("cloudtrail") else { return };
    let mut comparison = Comparison::default();
    for (log, theirs) in with_documents(&folder) {
        let theirs: Vec<&Value> = theirs.iter().filter(|event| ecs(event, "event.action").is_some()).collect();
        let ours = read(&std::fs::read(&log).unwrap()).events;
        assert_eq!(theirs.len(), ours.len(), "{}", log.display());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let fields = [
                ("action", "event.action", "action"),
                ("service", "event.provider", "service_name"),
                ("outcome", "event.outcome", "outcome"),
                ("user name", "user.name", "actor_name"),
                ("source", "source.address", "source_ip"),
                ("time", "@timestamp", "event_time"),
                ("error", "aws.cloudtrail.error_code", "error_code"),
                ("user agent", "user_agent.original", "user_agent"),
                ("account", "cloud.account.id", "scope_id"),
            ];
            comparison.columns(&log, theirs, ours, &fields, justification);
        }
    }
    comparison.finish(400);
}

#[test]
fn the_demonstration_questions_have_answers() {
    let Some(folder) = samples("cloudtrail") else { return };
    let found = files(&folder);
    let mut events = Vec::new();
    for path in found.iter().filter(|path| !path.to_string_lossy().ends_with("-expected.json")) {
        events.extend(read(&std::fs::read(path).unwrap()).events);
    }
    let get = |event: &crate::common::Columns, column: &str| event.get(column).cloned().unwrap_or_default();
    let assumed: Vec<_> =
        events.iter().filter(|event| get(event, "action") == "AssumeRole" && get(event, "outcome") == "success").collect();
    for event in &assumed {
        assert!(event.contains_key("actor_id") && event.contains_key("source_ip"), "{event:?}");
    }
    let with_role = assumed.iter().filter(|event| get(event, "resource_id").contains(":role/")).count();
    println!("{} roles assumed, {with_role} of them named", assumed.len());
    let denied = events.iter().filter(|event| get(event, "outcome") == "denied").count();
    println!("{denied} denied");
    // Records outside the wrapped ones whose errorCode holds "nauthorized" or "AccessDenied", counted with Python.
    assert_eq!(denied, 83);
    let by_key =
        events.iter().filter(|event| get(event, "metadata").contains("\"access_key_id\":\"ASIAEXAMPLEKEYID0001\"")).count();
    assert_eq!(by_key, 3, "the constructed file: one AssumeRole gives the key out, three records use it");
}
