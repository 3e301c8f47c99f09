//! What is broken costs itself and nothing else; what is delivered again is the same event.

use crate::common::samples::{files, samples};
use crate::common::{Collector, context, fixture_file, gzip, read_as, read_sniffed};
use auditlake_sources::{Confidence, by_name, detect};
use serde_json::{Value, json};

const FILES: [(&str, &str); 4] = [
    ("cloudevents", "cloudevents.ndjson"),
    ("workos", "workos.ndjson"),
    ("retraced", "retraced.json"),
    ("auditlake", "auditlake.json"),
];

fn read(source: &str, object: impl AsRef<[u8]>) -> Collector {
    read_as(source, object.as_ref(), "object", &context())
}

fn file(name: &str) -> Vec<u8> {
    fixture_file(&format!("shapes/{name}"))
}

/// An object whose compression breaks before it gave a byte is one record in quarantine, whoever reads it: what was delivered is
/// never nothing.
#[test]
fn what_breaks_in_its_first_bytes_is_quarantined_by_every_source() {
    // The header of a gzip member (RFC 1952, section 2.3), then a block of the type that RFC 1951, section 3.2.3 reserves.
    let object = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0xff; 8]].concat();
    let names = ["object", "AWSLogs/1/CloudTrail/eu-west-1/2026/03/01/1_CloudTrail_eu-west-1_20260301T0000Z_x.json.gz"];
    let all = auditlake_sources::SOURCES.iter().map(|source| Some(*source)).chain([None]);
    for (source, name) in all.flat_map(|source| names.map(|name| (source, name))) {
        let mut collector = Collector::default();
        let (read_by, summary) = auditlake_sources::import(&object[..], name, source, &context(), &mut collector).unwrap();
        collector.check(summary);
        assert_eq!((summary.records, summary.quarantined), (1, 1), "{read_by} of {name}");
        assert!(collector.reasons()[0].contains("gzip"), "{:?}", collector.reasons());
    }
}

/// The records of a fixture, one by one.
fn records(name: &str) -> Vec<Value> {
    let text = String::from_utf8(file(name)).unwrap();
    match serde_json::from_str::<Value>(&text) {
        Ok(list) => list["events"].as_array().unwrap().clone(),
        Err(_) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

/// The first record of a fixture, changed.
fn changed(name: &str, pointer: &str, value: Value) -> Value {
    let mut record = records(name).remove(0);
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    record.pointer_mut(parent).unwrap()[member] = value;
    record
}

#[test]
fn the_same_record_is_the_same_event_however_it_is_delivered() {
    for (source, name) in FILES {
        let expected = read(source, file(name)).events;
        let records = records(name);
        assert_eq!(expected.len(), records.len());
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        let pretty: Vec<String> = records.iter().map(|record| serde_json::to_string_pretty(record).unwrap()).collect();
        for (what, object) in [
            ("lines", lines.join("\n")),
            ("lines of CRLF", lines.join("\r\n")),
            ("one after the other", lines.concat()),
            ("printed", pretty.join("\n")),
            ("an array", format!("[{}]", lines.join(","))),
            ("a list", format!("{{\"events\":[{}]}}", lines.join(","))),
            ("a list behind another member", format!("{{\"count\":3,\"events\":[{}],\"next\":null}}", lines.join(","))),
            ("several lists", format!("{{\"events\":[{}]}}\n{{\"events\":[{}]}}", lines[0], lines[1..].join(","))),
            ("a byte order mark", format!("\u{feff}{}", lines.join("\n"))),
        ] {
            let found = read(source, &object);
            assert_eq!(found.reasons(), Vec::<&str>::new(), "{source}: {what}");
            assert_eq!(found.events, expected, "{source}: {what}");
            assert_eq!(read(source, gzip(object.as_bytes())).events, expected, "{source}: {what}, gzip");
            let (sniffed, _) = read_sniffed(object.as_bytes(), "object").unwrap();
            assert_eq!(sniffed.events, expected, "{source}: {what}, sniffed");
        }
        let again = read(source, [file(name), b"\n".to_vec(), file(name)].concat());
        assert_eq!(again.events, [expected.clone(), expected.clone()].concat(), "{source}: twice");
        let halves: Vec<_> = lines.iter().flat_map(|line| read(source, line).events).collect();
        assert_eq!(halves, expected, "{source}: one by one");
    }
}

#[test]
fn a_broken_record_goes_to_quarantine_with_the_senders_field_and_the_rule() {
    for (source, record, reason) in [
        ("cloudevents", changed("cloudevents.ndjson", "/specversion", json!("0.3")), "specversion: must be 1.0"),
        ("cloudevents", changed("cloudevents.ndjson", "/time", json!(null)), "time: is required"),
        (
            "cloudevents",
            changed("cloudevents.ndjson", "/data/outcome", json!("ok")),
            "data.outcome: must be one of success, failure, denied, unknown",
        ),
        (
            "cloudevents",
            changed("cloudevents.ndjson", "/data/organization", json!("other")),
            "data.organization: must be `acme`, the organization of the caller, or left out",
        ),
        ("workos", changed("workos.ndjson", "/actor/id", json!([1])), "actor.id: must be a string"),
        (
            "workos",
            changed("workos.ndjson", "/occurred_at", json!("1999-12-31T23:59:59Z")),
            "occurred_at: must not lie before 2000-01-01T00:00:00.000Z",
        ),
        ("workos", json!({"action": 1}), "occurred_at: is required; action: must be a string"),
        ("retraced", changed("retraced.json", "/created", json!(null)), "created: is required"),
        ("retraced", changed("retraced.json", "/is_failure", json!("false")), "is_failure: must be true or false"),
        ("auditlake", changed("auditlake.json", "/event_time", json!(null)), "event_time: is required"),
        (
            "auditlake",
            changed("auditlake.json", "/organization", json!("other")),
            "organization: must be `acme`, the organization of the caller, or left out",
        ),
        ("auditlake", json!({}), "event_time: is required; action: is required"),
    ] {
        let name = FILES.iter().find(|(known, _)| *known == source).unwrap().1;
        let good = records(name);
        let object = format!("{}\n{record}\n{}\n", good[0], good[1]);
        let collector = read(source, &object);
        assert_eq!(collector.reasons(), [reason]);
        assert_eq!(collector.events.len(), 2, "{source}: {record}");
        assert_eq!(collector.quarantined[0].2, record.to_string().into_bytes());
    }
    let lines = format!("{}\nnot json\n[1]\n{}", records("workos.ndjson")[0], records("workos.ndjson")[1]);
    assert_eq!((read("workos", &lines).events.len(), read("workos", &lines).quarantined.len()), (2, 2));
}

#[test]
fn half_a_character_costs_itself_and_says_so() {
    for (source, name) in FILES {
        let record = records(name)[0]
            .to_string()
            .replace("\"action\":\"", "\"action\":\"\\ud800")
            .replace("\"type\":\"com", "\"type\":\"\\ud800com");
        let collector = read(source, &record);
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{source}");
        assert!(collector.events[0]["action"].starts_with('\u{fffd}'), "{source}");
        assert!(collector.events[0]["metadata"].contains("\"unicode_replaced\":true"), "{source}");
    }
}

#[test]
fn a_cloudevent_is_known_by_source_and_id_together() {
    let id = |source: &str, id: &str| {
        let mut record = changed("cloudevents.ndjson", "/source", json!(source));
        record["id"] = json!(id);
        read("cloudevents", record.to_string()).events[0]["event_id"].clone()
    };
    assert_eq!(id("/a", "1"), "/a|1");
    assert_ne!(id("/a", "1"), id("/b", "1"));
    // However they are put together, two pairs are two ids.
    assert_ne!(id("a|b", "c"), id("a", "b|c"));
    let long = "x".repeat(130);
    assert_eq!((id("/a", &long).len(), id("/a", &long) == id("/b", &long)), (36, false));
    let stated = changed("cloudevents.ndjson", "/data/event_id", json!("mine"));
    assert_eq!(read("cloudevents", stated.to_string()).events[0]["event_id"], "mine");
}

#[test]
fn an_event_may_have_an_array_called_events() {
    let ours = json!({"event_time": "2026-03-01T06:00:00Z", "action": "a", "events": [1, {"b": 2}]});
    let collector = read("auditlake", ours.to_string());
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    assert_eq!(collector.column("metadata"), [r#"{"events":[1,{"b":2}]}"#]);
}

#[test]
fn time_is_linear_in_the_members_of_a_record() {
    for (source, name) in FILES {
        let mut record = records(name).remove(0);
        let many: serde_json::Map<String, Value> = (0..50_000).map(|number| (format!("member{number}"), json!(1))).collect();
        // Once beside the columns, once in the metadata, with every name taken twice.
        record.as_object_mut().unwrap().extend(many.clone());
        if source != "auditlake" {
            record["metadata"] = Value::Object(many);
        }
        let collector = read(source, record.to_string());
        assert_eq!(collector.reasons(), Vec::<&str>::new());
        assert_eq!(collector.events.len(), 1);
        assert!(collector.events[0]["metadata"].contains("\"member49999\":1"), "{source}");
    }
}

#[test]
fn each_shape_is_recognised_and_no_other_claims_it() {
    for (source, name) in FILES {
        assert_eq!(detect(&file(name), "object").map(|found| found.name()), Some(source));
        for (other, _) in FILES.iter().filter(|(other, _)| *other != source) {
            assert_eq!(by_name(other).unwrap().sniff(&file(name), "object"), Confidence::None, "{other} of {name}");
        }
        let confidence = by_name(source).unwrap().sniff(&file(name), "object");
        let expected = if source == "cloudevents" { Confidence::Likely } else { Confidence::Certain };
        assert_eq!(confidence, expected, "{source}");
        // What is cut, or begins with a broken line, is recognised too.
        let cut = &file(name)[..400.min(file(name).len())];
        assert_eq!(detect(cut, "object").map(|found| found.name()), Some(source), "{source}, cut");
        let broken = [b"{\"broken\":\n".as_slice(), records(name)[0].to_string().as_bytes()].concat();
        assert_eq!(detect(&broken, "object").map(|found| found.name()), Some(source), "{source}, broken");
    }
}

#[test]
fn what_has_another_shape_is_left_to_others() {
    let google = json!({"specversion": "1.0", "id": "1", "source": "//cloudaudit.googleapis.com/projects/p", "type": "google.cloud.audit.log.v1.written",
        "data": {"protoPayload": {"methodName": "m"}}});
    let by_payload = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"protoPayload": {}}});
    for object in [
        google.to_string(),
        by_payload.to_string(),
        json!({"event": {"action": "a", "created": "2026-03-01T00:00:00Z"}, "@timestamp": "2026-03-01T00:00:00Z"})
            .to_string(),
        json!({"id": "x", "timestamp": 1, "actor": {"actorId": "1"}, "operation": "o"}).to_string(),
        json!({"time": "2026-03-01T00:00:00Z", "category": "StorageRead", "operationName": "GetBlob"}).to_string(),
        json!({"action": "a", "created": "2026-03-01T00:00:00Z"}).to_string(),
        "event_time,action\n2026-03-01T00:00:00Z,a\n".to_owned(),
        "---\nevent_time: 2026-03-01\naction: a\n".to_owned(),
        "\"event_time\" and \"action\" in a text".to_owned(),
        String::new(),
    ] {
        for (source, _) in FILES {
            assert_eq!(
                by_name(source).unwrap().sniff(object.as_bytes(), "events.json"),
                Confidence::None,
                "{source}: {object}"
            );
        }
    }
    let retraced = json!({"action": "a", "created": "2026-03-01T00:00:00Z", "actor": {"id": "1"}}).to_string();
    assert_eq!(by_name("retraced").unwrap().sniff(retraced.as_bytes(), ""), Confidence::Likely);
    // What a record says inside does not make it another one.
    let inside = json!({"event_time": "2026-03-01T00:00:00Z", "action": "a",
        "metadata": {"specversion": "1.0", "crud": "c", "eventSource": "s", "eventName": "n", "userIdentity": {}}});
    assert_eq!(detect(inside.to_string().as_bytes(), "").map(|source| source.name()), Some("auditlake"));
}

#[test]
fn no_public_sample_of_another_format_is_claimed() {
    let folders = ["airbyte", "azure", "cloudtrail", "gcp_audit", "lakefs", "ocsf", "s3_access", "s3_access_fuzz"];
    let mut looked_at = 0;
    for folder in folders.iter().filter_map(|folder| samples(folder)) {
        for path in files(&folder) {
            let bytes = std::fs::read(&path).unwrap();
            looked_at += 1;
            for (source, _) in FILES {
                let confidence = by_name(source).unwrap().sniff(&bytes, &path.to_string_lossy());
                assert_eq!(confidence, Confidence::None, "{source} claims {}", path.display());
            }
        }
    }
    println!("{looked_at} files looked at");
}
