//! Records are found in every form in which they are delivered, and are the same events each time.

use crate::common::azure::{NAMES, event_of, read, value};
use crate::common::{Columns, fixture_file, gzip, read_sniffed};
use auditlake_sources::{SetAsideKind, detect};
use serde_json::{Value, json};

#[test]
fn every_envelope_gives_the_same_events() {
    let records: Vec<Value> = NAMES.iter().map(|name| value(name)).collect();
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let expected = read(lines.as_bytes());
    assert_eq!((expected.events.len(), expected.reasons()), (NAMES.len(), vec![]));
    let texts =
        |name: &str| -> String { records.iter().map(|record| format!("{}\n", json!({name: record.to_string()}))).collect() };
    let all = json!({ "records": &records });
    let objects = [
        ("an array", json!(records).to_string()),
        ("an array over lines", serde_json::to_string_pretty(&records).unwrap()),
        ("records", all.to_string()),
        ("Records behind another member", json!({"a": [1], "Records": &records}).to_string()),
        ("value", json!({"@odata.context": "https://example.com", "value": &records, "@odata.nextLink": "x"}).to_string()),
        ("objects with commas and no array", records.iter().map(Value::to_string).collect::<Vec<_>>().join(",\n")),
        ("objects without anything between", records.iter().map(Value::to_string).collect()),
        ("CRLF and a byte order mark", format!("\u{feff}{}", lines.replace('\n', "\r\n"))),
        ("message", texts("message")),
        ("log", texts("log")),
        ("_raw", texts("_raw")),
        ("records in a message", format!("{}\n", json!({"@timestamp": "x", "message": all.to_string()}))),
        ("an array in a message", format!("{}\n", json!({"message": json!(records).to_string()}))),
        ("data", records.iter().map(|record| json!({"data": record, "eventType": "X"}).to_string()).collect()),
        ("a message in data in records", {
            let wrapped: Vec<Value> =
                records.iter().map(|record| json!({"data": {"message": record.to_string()}})).collect();
            json!({ "records": wrapped }).to_string()
        }),
    ];
    for (what, object) in objects {
        let collector = read(object.as_bytes());
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{what}");
        assert_eq!(collector.events, expected.events, "{what}");
    }
    assert_eq!(read(&gzip(lines.as_bytes())).events, expected.events);
}

#[test]
fn a_longer_copy_of_a_growing_blob_gives_the_same_events_for_the_lines_that_were_there() {
    let lines: Vec<String> = NAMES.iter().map(|name| format!("{}\n", value(name))).collect();
    let whole = read(lines.concat().as_bytes());
    for count in 0..=lines.len() {
        let blob = lines[..count].concat();
        assert_eq!(read(blob.as_bytes()).events, whole.events[..count], "{count} lines");
    }
}

#[test]
fn a_line_that_is_cut_goes_to_quarantine_and_is_an_event_when_the_blob_is_read_whole() {
    let lines: Vec<String> = NAMES.iter().map(|name| format!("{}\n", value(name))).collect();
    let blob = lines.concat();
    let whole = read(blob.as_bytes());
    let before: usize = lines[..5].iter().map(String::len).sum();
    for cut in [1, 10, lines[5].len() / 2, lines[5].len() - 2] {
        let collector = read(&blob.as_bytes()[..before + cut]);
        assert_eq!(collector.events, whole.events[..5], "cut at {cut}");
        assert_eq!(collector.reasons(), ["the input ends inside a record"], "cut at {cut}");
        assert_eq!(collector.quarantined[0].1.byte_offset, before as u64);
    }
    assert_eq!(whole.events.len(), lines.len());
}

#[test]
fn a_blob_may_be_read_from_any_line_on() {
    let lines: Vec<String> = NAMES.iter().map(|name| format!("{}\n", value(name))).collect();
    let whole = read(lines.concat().as_bytes());
    let (first, second) = lines.split_at(7);
    let halves = [read(first.concat().as_bytes()).events, read(second.concat().as_bytes()).events].concat();
    assert_eq!(halves, whole.events);
}

#[test]
fn the_order_of_members_does_not_matter() {
    fn reversed(value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let members: Vec<String> =
                    members.iter().rev().map(|(name, value)| format!("{}: {}", json!(name), reversed(value))).collect();
                format!("{{ {} }}", members.join(" , "))
            }
            Value::Array(elements) => format!("[{}]", elements.iter().map(reversed).collect::<Vec<_>>().join(", ")),
            other => other.to_string(),
        }
    }
    for name in NAMES {
        let record = value(name);
        assert_eq!(read(reversed(&record).as_bytes()).events, [event_of(&record)], "{name}");
    }
}

#[test]
fn names_of_members_count_in_any_case() {
    fn lowered(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.to_ascii_lowercase(), lowered(value))).collect()
            }
            Value::Array(elements) => elements.iter().map(lowered).collect(),
            other => other.clone(),
        }
    }
    let columns = |event: &Columns| {
        let mut event = event.clone();
        // What a record is made of as it stands differs, and the ids that are derived from it.
        for column in ["raw", "metadata", "changes", "event_id"] {
            event.remove(column);
        }
        event
    };
    for name in NAMES {
        let record = value(name);
        assert_eq!(columns(&event_of(&lowered(&record))), columns(&event_of(&record)), "{name}");
    }
}

#[test]
fn properties_as_json_in_a_text_are_the_object_they_are() {
    let record = value("get_blob_by_token");
    let mut as_text = record.clone();
    as_text["properties"] = json!(record["properties"].to_string());
    assert_eq!(event_of(&as_text), event_of(&record));
}

#[test]
fn what_is_known_to_hold_no_act_is_set_aside_and_counted() {
    let collector = read(&fixture_file("azure/not_audit.jsonl"));
    assert_eq!((collector.events.len(), collector.reasons()), (0, vec![]));
    let kinds: Vec<SetAsideKind> = collector.set_aside.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [SetAsideKind::NotAudit; 4]);
}

#[test]
fn what_may_hold_an_act_and_names_nobody_goes_to_quarantine() {
    let id = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.OTHER/THINGS/T";
    for (record, reason) in [
        (
            json!({"time": "2026-03-01T09:00:00Z", "category": "AuditEvent", "operationName": "Other", "resourceId": id}),
            "the category AuditEvent is not read on its own, and the record says nothing about who acted",
        ),
        (
            json!({"time": "2026-03-01T09:00:00Z", "category": "OperationalLogs", "message": "Connection opened", "resourceId": id}),
            "operationName is missing",
        ),
    ] {
        let collector = read(record.to_string().as_bytes());
        assert_eq!((collector.reasons(), collector.set_aside.len()), (vec![reason], 0), "{record}");
    }
}

#[test]
fn what_is_none_of_azure_s_goes_to_quarantine_with_its_reason() {
    let not_azure = "no record of Azure: category and resourceId name none of its logs";
    for (text, reason) in [
        ("{}", not_azure),
        (r#"{"category":"Something","time":"2026-03-01T09:00:00Z"}"#, not_azure),
        (r#"{"message":"started"}"#, not_azure),
        (r#"{"eventVersion":"1.08","eventName":"GetObject","eventTime":"2026-03-01T09:00:00Z"}"#, not_azure),
        (r#"{"message":"{\"category\":"}"#, "the record inside the envelope is not JSON"),
        (r#"{"data":{"data":{"data":{"data":{"category":"StorageRead"}}}}}"#, not_azure),
        (r#"{"category":"StorageRead","time":"2026-03-01T09:00:00Z"}"#, "operationName is missing"),
        (r#"{"category":"StorageRead","operationName":"GetBlob"}"#, "time is missing"),
        ("[[1]]", "a record must be a JSON object"),
    ] {
        assert_eq!(read(text.as_bytes()).reasons(), [reason], "{text}");
    }
}

#[test]
fn of_several_records_in_one_text_the_bad_ones_are_not_lost() {
    let good = value("get_blob_by_signature");
    let bad = {
        let mut record = good.clone();
        record["time"] = json!("never");
        record
    };
    let line = json!({"message": json!({"records": [good, bad, good]}).to_string()}).to_string();
    let collector = read(line.as_bytes());
    assert_eq!(collector.events.len(), 2);
    assert_eq!(collector.reasons(), ["time is no time in a known form"]);
    assert_eq!(collector.quarantined[0].2, line.as_bytes());
}

#[test]
fn azure_s_objects_are_recognised_and_no_others() {
    let name_of = |head: &[u8], name: &str| detect(head, name).map(|source| source.name());
    for name in NAMES {
        let record = value(name);
        for object in [
            record.to_string(),
            serde_json::to_string_pretty(&record).unwrap(),
            json!({"records": [record]}).to_string(),
            json!({"message": record.to_string()}).to_string(),
            record.to_string().replace("resourceId", "resourceid").replace("operationName", "operationname"),
        ] {
            assert_eq!(name_of(object.as_bytes(), "x"), Some("azure.storage"), "{object}");
        }
    }
    for object in [
        r#"{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"storage.objects.get"},"logName":"projects/p/logs/x","resource":{"labels":{"subscription_id":"projects/p/subscriptions/s"}}}"#,
        r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventTime":"2026-03-01T09:00:00Z","eventName":"GetObject"}"#,
        r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","data":{"category":"x"}}"#,
        r#"{"@timestamp":"2026-03-01T09:00:00Z","azure":{"resource":{"id":"/SUBSCRIPTIONS/S"},"activitylogs":{"category":"Action"}},"event":{"original":"{\"resourceId\":\"/subscriptions/s\",\"category\":\"Administrative\"}"}}"#,
        r#"{"action":"user.signed_in","actor":{"id":"u"},"targets":[{"type":"user"}],"occurred_at":"2026-03-01T09:00:00Z"}"#,
        r#"{"id":"1","category":"SomethingElse","operationName":"x"}"#,
        "time,category,operationName\n",
        "category: StorageRead\noperationName: GetBlob\n",
        "0123 bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - - REST.GET.OBJECT k \"GET / HTTP/1.1\" 200",
        "",
    ] {
        assert_ne!(name_of(object.as_bytes(), "x"), Some("azure.storage"), "{object}");
    }
    let blob = "insights-logs-storageread/resourceId=/subscriptions/s/y=2026/m=03/d=01/h=09/m=00/PT1H.json";
    assert_eq!(name_of(b"", blob), Some("azure.storage"));
    let (collector, _) = read_sniffed(&fixture_file("azure/server_side_copy.jsonl"), "PT1H.json").unwrap();
    assert_eq!(collector.events.len(), 3);
}
