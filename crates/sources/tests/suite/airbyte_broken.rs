//! What is broken costs itself; what is delivered again, in whatever wrapping, is the same event; and other formats' objects are left
//! alone.

use crate::common::{Collector, Columns, context, fixture_file, gzip, read_as};
use auditlake_sources::{Confidence, by_name};
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    fixture_file(&format!("airbyte/{name}.json"))
}

fn read(object: &[u8]) -> Collector {
    read_as("airbyte", object, "object", &context())
}

fn entries() -> Vec<Value> {
    serde_json::from_slice(&fixture("entries")).unwrap()
}

fn sniff(head: &[u8], name: &str) -> Confidence {
    by_name("airbyte").unwrap().sniff(head, name)
}

/// A record as Airbyte writes it, with the member `first` first.
fn as_delivered(record: &Value, first: &str) -> String {
    let mut members: Vec<(&String, &Value)> = record.as_object().unwrap().iter().collect();
    members.sort_by_key(|(name, _)| *name != first);
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_broken_record_costs_itself() {
    let log: Value = serde_json::from_slice(&fixture("log_events")).unwrap();
    let entries: Vec<String> = entries().iter().take(3).map(|entry| as_delivered(entry, "id")).collect();
    let log_events: Vec<String> =
        log["events"].as_array().unwrap().iter().take(3).map(|event| as_delivered(event, "timestamp")).collect();
    for (records, ids, object) in [(entries, ["a-00", "a-02"], "["), (log_events, ["e-00", "e-02"], "{\"events\":[")] {
        for broken in [
            records[1].replace(":null", ":nul"),
            records[1][..records[1].len() / 2].to_owned(),
            records[1][records[1].len() / 2..].to_owned(),
            records[1].replace("\":\"", "\"\""),
            records[1].replace(",\"", "\",\""),
            records[1].replacen('{', "{\"level\":1,\"level\":2,\"success\":true,\"success\":true,", 1),
            "17".to_owned(),
            "null".to_owned(),
            "\"text\"".to_owned(),
            "{}".to_owned(),
        ] {
            let whole = format!("{object}{},{broken},{}]", records[0], records[2]);
            let collector = read(whole.as_bytes());
            assert_eq!(collector.column("event_id"), ids, "{broken}: {:?}", collector.reasons());
            assert!(!collector.quarantined.is_empty(), "{broken}");
            let lines = [&records[0], &broken, &records[2]].map(String::as_str).join("\n");
            assert_eq!(read(lines.as_bytes()).column("event_id"), ids, "{broken}, by lines");
        }
    }
}

#[test]
fn a_compressed_object_that_breaks_at_once_is_quarantined() {
    let collector = read(b"\x1f\x8b\x08\x00 no gzip behind its head");
    assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 1), "{:?}", collector.reasons());
}

#[test]
fn a_record_that_states_too_little_says_why_it_is_no_event() {
    let entry = &entries()[6];
    for (member, value, reason) in [
        ("timestamp", Value::Null, "timestamp is no time in milliseconds"),
        ("timestamp", json!("yesterday"), "timestamp is no time in milliseconds"),
        ("timestamp", json!(1.75e12), "timestamp is no time in milliseconds"),
        ("timestamp", json!(17), "event time lies before the year 2000"),
        ("timestamp", json!(4_000_000_000_000_i64), "event time lies in the future"),
        ("operation", json!({}), "operation is no text"),
        ("operation", json!(""), "operation is no text"),
        ("operation", Value::Null, "no Airbyte audit entry: neither operation nor message is there"),
    ] {
        let mut entry = entry.clone();
        entry[member] = value;
        assert_eq!(read(entry.to_string().as_bytes()).reasons(), [reason], "{member}");
    }
    for (member, value) in [("success", Value::Null), ("success", json!("perhaps"))] {
        let mut entry = entry.clone();
        entry[member] = value;
        assert_eq!(read(entry.to_string().as_bytes()).column("outcome"), ["unknown"]);
    }
}

#[test]
fn ids_are_taken_as_they_are() {
    let mut entry = entries()[6].clone();
    let id_of = |entry: &Value| read(entry.to_string().as_bytes()).events.remove(0);
    entry["id"] = json!("1c26c465-58h8-43e6-8jko-not-hexadecimal");
    assert_eq!(id_of(&entry)["event_id"], "1c26c465-58h8-43e6-8jko-not-hexadecimal");
    let long = "x".repeat(129);
    entry["id"] = json!(long);
    let event = id_of(&entry);
    assert_eq!(event["event_id"].len(), 36);
    assert!(event["metadata"].contains(&format!("\"source_event_id\":\"{long}\"")));
    // Without an id the record is its own; another record is another.
    entry["id"] = Value::Null;
    let first = id_of(&entry)["event_id"].clone();
    assert_eq!((first.len(), &first), (36, &id_of(&entry)["event_id"]));
    entry["operation"] = json!("deleteSource");
    assert_ne!(id_of(&entry)["event_id"], first);
}

fn reordered(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .rev()
                .map(|(name, value)| format!("{} : {}", Value::from(name.as_str()), reordered(value)))
                .collect();
            format!("{{\n{}}}", members.join(" , "))
        }
        Value::Array(elements) => format!("[ {} ]", elements.iter().map(reordered).collect::<Vec<_>>().join(",\n")),
        other => other.to_string(),
    }
}

#[test]
fn an_entry_delivered_again_in_whatever_wrapping_is_the_same_event() {
    for name in ["entries", "entries_with_organization"] {
        let object = fixture(name);
        let expected = read(&object).events;
        let records: Vec<Value> = serde_json::from_slice(&object).unwrap();
        let halves = records.split_at(records.len() / 2);
        let wrapped = [
            gzip(&object),
            [object.clone(), object.clone()].concat(),
            records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes(),
            records.iter().map(Value::to_string).collect::<String>().into_bytes(),
            serde_json::to_vec_pretty(&records).unwrap(),
            [json!(halves.0).to_string(), json!(halves.1).to_string()].concat().into_bytes(),
            reordered(&Value::Array(records.clone())).replace("[1.5]", "[1.50]").into_bytes(),
        ];
        for (index, object) in wrapped.iter().enumerate() {
            let collector = read(object);
            // serde_json writes 1.50 as 1.5: a number as it is written is part of the record.
            let same = |events: &[Columns]| format!("{events:?}").replace("1.50", "1.5");
            assert_eq!(same(&collector.events[..expected.len()]), same(&expected), "{name}, {index}");
            assert_eq!(
                same(&collector.events[collector.events.len() - expected.len()..]),
                same(&expected),
                "{name}, {index}"
            );
        }
    }
    let log = fixture("log_events");
    let expected = read(&log);
    let value: Value = serde_json::from_slice(&log).unwrap();
    for object in [
        reordered(&value).into_bytes(),
        value["events"].to_string().into_bytes(),
        format!("\u{feff}  \"events\" : {}", value["events"]).into_bytes(),
        format!("\"events\":{},\"version\":\"1\"", value["events"]).into_bytes(),
    ] {
        let again = read(&object);
        assert_eq!(again.events, expected.events, "{:?}", again.reasons());
        assert_eq!(again.reasons(), expected.reasons());
        assert_eq!(again.set_aside.len(), expected.set_aside.len());
    }
}

#[test]
fn one_entry_in_two_generations_shapes_has_one_id_and_time() {
    let message = "Logging audit entry: AuditLogEntry(id=a-06, timestamp=1750000000006, user=User(userId=u-ada, email=ada@example.com, \
                   ipAddress=192.0.2.10, userAgent=ExampleBrowser/7.0 (X11; Linux x86_64) KHTML, like Gecko), actionName=deleteWorkspace, \
                   summary={\"workspaceId\":\"w-2\"}, success=true, errorMessage=null)";
    let older = read(json!({"events": [{"timestamp": 1_750_000_000_011_i64, "message": message}]}).to_string().as_bytes());
    let newer = read(entries()[6].to_string().as_bytes());
    for column in
        ["event_id", "event_time", "action", "actor_id", "actor_email", "source_ip", "user_agent", "resource_id", "outcome"]
    {
        assert_eq!(older.column(column), newer.column(column), "{column}");
    }
    assert_ne!(older.column("raw"), newer.column("raw"));
}

#[test]
fn a_list_without_braces_is_read_only_at_the_beginning_and_says_where_it_breaks() {
    let bare = fixture("bare_list");
    let text = String::from_utf8(bare).unwrap();
    for (what, object, events, reasons) in [
        ("whole", text.clone(), 1, vec![]),
        ("with what follows", format!("{},\n\"version\": \"1\"\n", text.trim_end()), 1, vec![]),
        ("a brace at the end", format!("{}}}", text.trim_end()), 1, vec!["a record must be a JSON object"]),
        (
            "cut behind a record",
            text.trim_end().trim_end_matches(']').to_owned(),
            1,
            vec!["the input ends inside a list of records"],
        ),
        ("cut inside a record", text[..text.len() / 2].to_owned(), 0, vec!["the input ends inside a record"]),
        ("another list", text.replace("\"events\"", "\"others\""), 0, vec!["a record must be a JSON object"]),
        (
            "behind a record",
            format!("{{\"a\":1}}\n{text}"),
            0,
            vec!["no Airbyte audit entry: neither operation nor message is there", "a record must be a JSON object"],
        ),
        ("a name alone", "\"events\"".to_owned(), 0, vec!["a record must be a JSON object"]),
        ("no list", "\"events\": 5".to_owned(), 0, vec!["a record must be a JSON object"]),
    ] {
        let collector = read(object.as_bytes());
        assert_eq!(collector.reasons(), reasons, "{what}");
        assert_eq!(collector.events.len(), events, "{what}");
    }
    let cut = read(&text.as_bytes()[..text.len() / 2]);
    let (_, position, bytes, _) = &cut.quarantined[0];
    let start = text.find('{').unwrap();
    assert_eq!(position.byte_offset, start as u64, "counted in the input as it is");
    assert_eq!(bytes, &text.as_bytes()[start..text.len() / 2]);
}

#[test]
fn text_that_is_no_unicode_costs_characters_and_not_the_record() {
    let text = entries()[6].to_string().replace("ada@", "\\ud83dada@");
    let event = read(text.as_bytes()).events.remove(0);
    assert_eq!(event["actor_email"], "\u{fffd}ada@example.com");
    assert!(event["metadata"].contains("\"unicode_replaced\":true"));
}

#[test]
fn its_objects_are_recognised_by_what_is_in_them() {
    for name in ["log_events", "bare_list", "entries", "entries_with_organization", "single_entry"] {
        let object = fixture(name);
        assert_eq!(sniff(&object, "x"), Confidence::Certain, "{name}");
        assert_eq!(sniff(&object[..object.len().min(900)], "x"), Confidence::Certain, "{name}, cut off");
    }
    let lines = [entries()[0].to_string(), entries()[1].to_string()].join("\n");
    assert_eq!(sniff(lines.as_bytes(), "x"), Confidence::Certain);
    // A job's log looks the same and has no audit entry in it.
    let job_log = br#"{"events":[{"timestamp":1737000000000,"message":"started","level":"INFO","logSource":"source","caller":null}],"version":"1"}"#;
    assert_eq!(sniff(job_log, "job-logging/x.json"), Confidence::Likely);
    assert_eq!(sniff(b"[]", "audit-logging/20250116_host_0.json"), Confidence::Name);
}

#[test]
fn other_formats_objects_are_left_alone() {
    for (what, object) in [
        (
            "CloudTrail",
            r#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-03-01T00:00:00Z","eventName":"X","userIdentity":{}}]}"#,
        ),
        (
            "GCP",
            r#"{"insertId":"a","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","operation":{"id":"o"},"timestamp":"2026-03-01T00:00:00Z","protoPayload":{"request":{},"response":{}}}"#,
        ),
        (
            "Azure",
            r#"{"records":[{"time":"2026-03-01T00:00:00Z","operationName":"x","resourceId":"y","identity":{"actor":1}}]}"#,
        ),
        (
            "lakeFS",
            r#"{"operation_id":"get_object","path":"/api/v1","time":"2026-03-01T00:00:00Z","level":"info","msg":"HTTP call ended","log_audit":true}"#,
        ),
        (
            "S3 access",
            "79a5 bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a5 3E57 REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200",
        ),
        ("CloudEvents", r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"actor":{},"operation":"x"}}"#),
        (
            "WorkOS",
            r#"{"action":"user.signed_in","occurred_at":"2026-03-01T00:00:00Z","actor":{"id":"u"},"targets":[],"context":{}}"#,
        ),
        ("Retraced", r#"{"events":[{"action":"a","crud":"c","actor":{"id":"u"},"target":{"id":"t"}}]}"#),
        ("CloudWatch", r#"{"events":[{"timestamp":1,"message":"{\"eventVersion\":\"1\"}","ingestionTime":2}]}"#),
        ("ECS", r#"{"@timestamp":"2026-03-01T00:00:00Z","event":{"action":"a"},"message":"Logging audit entry: "}"#),
        ("YAML", "id: 1\noperation: x\nactor: y\n"),
        ("CSV", "id,timestamp,actor,operation\n1,2,3,4\n"),
        ("text", "Logging audit entry: AuditLogEntry(id=1"),
        ("nothing", ""),
    ] {
        assert_eq!(sniff(object.as_bytes(), "x"), Confidence::None, "{what}");
    }
}

/// How long it takes to read an entry and a message that hold `text` wherever callers may write.
fn seconds_of_hostile(text: &str) -> f64 {
    let mut hostile = entries()[5].clone();
    for member in ["errorMessage", "request"] {
        hostile[member] = json!(text);
    }
    hostile["actor"]["ipAddress"] = json!(text);
    let message = format!(
        "Logging audit entry: AuditLogEntry(id=e, timestamp=1737000000000, user=User(userId=u, email=m, ipAddress=i, \
         userAgent={text}), actionName=a, summary=, success=false, errorMessage={text})"
    );
    let mut context = context();
    context.max_record_bytes = 64 << 20;
    let objects = [hostile.to_string(), json!({"message": message}).to_string()];
    let start = std::time::Instant::now();
    for object in objects {
        let collector = read_as("airbyte", object.as_bytes(), "object", &context);
        assert_eq!((collector.events.len(), collector.reasons()), (1, vec![]));
    }
    start.elapsed().as_secs_f64()
}

/// Texts that make a careless search for secrets or for readings slow. One text takes as long as sixteen that hold a sixteenth of it
/// each; where time is quadratic, sixteen times as long.
#[test]
fn time_is_linear_whatever_a_text_holds() {
    const LONG: usize = 256 << 10;
    const PARTS: usize = 16;
    const MOST: f64 = 4.0;
    for unit in [
        "\"password",
        "\"password\"",
        "\"password\":",
        "\"password\":\"",
        "\"token\":{",
        "\"token\":{\"a\":[",
        "\"token\":1",
        "\\\"token\\\":\\\"",
        "\\",
        "\\\"",
        "\"",
        "\" ",
        "\"secret\"                ",
        "?sig=",
        "{",
        "[\"",
        "{\"a\":\"",
        "192.0.2.1,",
        "), actionName=a, summary={\"\":\"",
        "), actionName=a, summary=, success=false, errorMessage=",
    ] {
        let (long, short) = (unit.repeat(LONG / unit.len()), unit.repeat(LONG / PARTS / unit.len()));
        let mut tried = Vec::new();
        // On a busy machine a run may have to wait; a quadratic one is never quick.
        while tried.len() < 6 && tried.iter().all(|ratio| *ratio >= MOST) {
            let in_parts: f64 = (0..PARTS).map(|_| seconds_of_hostile(&short)).sum();
            tried.push(seconds_of_hostile(&long) / in_parts);
        }
        println!("{unit:?}: {tried:.2?} times as long");
        assert!(tried.iter().any(|ratio| *ratio < MOST), "{unit:?}: {tried:?} times as long");
    }
}
