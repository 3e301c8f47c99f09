//! Every way an entry is delivered gives the same event, and objects are recognised whatever the way.

use crate::common::samples::{files, samples};
use crate::common::{context, fixture_file, gzip, read_as, read_sniffed};
use auditlake_sources::{Confidence, by_name, detect};
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["set_iam_policy", "object_read_through_service_account", "key_created"];

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("gcp/{name}.json"))).unwrap()
}

fn entries() -> Vec<Value> {
    NAMES.map(fixture).to_vec()
}

fn lines(values: impl IntoIterator<Item = Value>) -> Vec<u8> {
    values.into_iter().map(|value| format!("{value}\n")).collect::<String>().into_bytes()
}

/// Base64 by RFC 4648, section 4, bit by bit: not the way the code under test does it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let groups = bits.as_bytes().chunks(6).map(|group| {
        let group = format!("{:0<6}", std::str::from_utf8(group).unwrap());
        char::from(ALPHABET[usize::from_str_radix(&group, 2).unwrap()])
    });
    let text: String = groups.collect();
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

fn pubsub(entry: &Value) -> Value {
    json!({"data": base64(entry.to_string().as_bytes()), "messageId": "1", "publishTime": "2026-03-01T09:15:09Z", "attributes": {"logging.googleapis.com/timestamp": entry["timestamp"]}})
}

#[test]
fn every_envelope_gives_the_same_events() {
    let expected = read_as("gcp.audit", &lines(entries()), "object", &context()).events;
    assert_eq!(expected.len(), 3);
    let cloud_event =
        |data: Value, kind: &str| json!({"specversion": "1.0", "id": "1", "source": "//s", "type": kind, "data": data});
    let audit_event = |entry: Value| cloud_event(entry, "google.cloud.audit.log.v1.written");
    let pubsub_event = |entry: Value| {
        cloud_event(json!({"message": pubsub(&entry), "subscription": "s"}), "google.cloud.pubsub.topic.v1.messagePublished")
    };
    let envelopes: Vec<(&str, Vec<u8>)> = vec![
        ("lines", lines(entries())),
        ("lines, gzip", gzip(&lines(entries()))),
        ("lines, zstd", zstd::encode_all(&lines(entries())[..], 3).unwrap()),
        ("array", json!(entries()).to_string().into_bytes()),
        ("array, printed", serde_json::to_vec_pretty(&json!(entries())).unwrap()),
        ("entries.list", json!({"entries": entries(), "nextPageToken": "t"}).to_string().into_bytes()),
        ("Pub/Sub push", lines(entries().iter().map(|entry| json!({"message": pubsub(entry), "subscription": "projects/p/subscriptions/s"})))),
        ("Pub/Sub pull", json!({"receivedMessages": entries().iter().map(|entry| json!({"ackId": "a", "message": pubsub(entry)})).collect::<Vec<_>>()}).to_string().into_bytes()),
        ("Pub/Sub pull, as the command line prints it", json!(entries().iter().map(|entry| json!({"ackId": "a", "message": pubsub(entry)})).collect::<Vec<_>>()).to_string().into_bytes()),
        ("CloudEvents", lines(entries().into_iter().map(audit_event))),
        ("CloudEvents of Pub/Sub", lines(entries().into_iter().map(pubsub_event))),
        ("CloudEvents with text", lines(entries().iter().map(|entry| audit_event(entry.to_string().into())))),
        ("CloudEvents with base64", lines(entries().iter().map(|entry| json!({"specversion": "1.0", "type": "google.cloud.audit.log.v1.written", "data_base64": base64(entry.to_string().as_bytes())})))),
        ("a collector's message", lines(entries().iter().map(|entry| json!({"@timestamp": "2026-03-01T09:15:09Z", "message": entry.to_string()})))),
        ("a collector's log", lines(entries().iter().map(|entry| json!({"log": entry.to_string(), "stream": "s"})))),
        ("a collector's _raw", lines(entries().iter().map(|entry| json!({"_raw": entry.to_string()})))),
    ];
    for (name, bytes) in envelopes {
        let (collector, _) = read_sniffed(&bytes, "object").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
        assert_eq!(collector.events, expected, "{name}");
    }
    let deepest = lines(entries().into_iter().map(|entry| json!({"message": pubsub_event(entry).to_string()})));
    assert_eq!(read_as("gcp.audit", &deepest, "object", &context()).events, expected, "not sniffed, but read");
}

#[test]
fn redelivered_halved_and_turned_around_an_entry_is_the_same_event() {
    let names = ["set_iam_policy", "operation_last", "bigquery_export", "login_failure", "split_part", "request_with_http"];
    let texts = names.map(|name| fixture(name).to_string());
    let whole = read_as("gcp.audit", texts.join("\n").as_bytes(), "a", &context()).events;
    let twice = read_as("gcp.audit", [texts.join("\n"), texts.join("\n")].join("\n").as_bytes(), "b", &context()).events;
    assert_eq!(twice, [whole.clone(), whole.clone()].concat());
    let (first, second) = texts.split_at(3);
    let halves = [first, second].map(|half| read_as("gcp.audit", half.join("\n").as_bytes(), "c", &context()).events);
    assert_eq!(halves.concat(), whole);
    // serde_json's map is sorted; writing the members by hand gives them in the opposite order.
    let reversed = names.map(|name| {
        let entry = fixture(name);
        let members = entry.as_object().unwrap().iter().rev();
        let members: Vec<String> =
            members.map(|(name, value)| format!("{} : {value}", Value::from(name.as_str()))).collect();
        format!("{{ {} }}", members.join(" ,\n"))
    });
    assert_eq!(read_as("gcp.audit", reversed.join("\n").as_bytes(), "d", &context()).events, whole);
}

#[test]
fn an_exporters_spelling_does_not_change_the_id_or_what_is_said() {
    let entry = fixture("set_iam_policy");
    let mut lower = json!({});
    for (name, value) in entry.as_object().unwrap() {
        lower[name.to_lowercase()] = value.clone();
    }
    let columns = |entry: &Value| {
        let mut event = read_as("gcp.audit", entry.to_string().as_bytes(), "object", &context()).events.remove(0);
        event.remove("raw");
        event
    };
    assert_eq!(columns(&lower), columns(&entry));
    let mut printed = entry.clone();
    printed["timestamp"] = "2026-03-01 09:15:00.250000 UTC".into();
    assert_eq!(columns(&printed)["event_id"], columns(&entry)["event_id"]);
}

#[test]
fn an_envelope_that_holds_no_entry_is_quarantined_with_the_reason() {
    let two = format!("{} {}", fixture("set_iam_policy"), fixture("set_iam_policy"));
    for (object, reason) in [
        (json!({"message": {"data": "***"}}), "the envelope's data is no base64"),
        (json!({"message": {"data": base64(b"hello")}}), "the entry inside the envelope is not JSON"),
        (json!({"message": {"data": base64(b"{}")}}), "no audit log entry: protoPayload is missing"),
        (json!({"message": {"attributes": {}}}), "no audit log entry: protoPayload is missing"),
        (json!({"message": "{\"insertId\":"}), "the entry inside the envelope is not JSON"),
        (json!({"message": "hello"}), "no audit log entry: protoPayload is missing"),
    ] {
        let collector = read_as("gcp.audit", object.to_string().as_bytes(), "object", &context());
        assert_eq!(collector.reasons(), [reason], "{object}");
    }
    // Two entries in one envelope are two events.
    let collector = read_as("gcp.audit", json!({ "message": two }).to_string().as_bytes(), "object", &context());
    assert_eq!((collector.events.len(), collector.reasons()), (2, Vec::<&str>::new()));
    let endless = (0..9).fold(fixture("set_iam_policy").to_string(), |inner, _| json!({ "message": inner }).to_string());
    assert_eq!(read_as("gcp.audit", endless.as_bytes(), "object", &context()).reasons().len(), 1);
}

#[test]
fn an_empty_object_has_no_records() {
    for object in ["", " \n", "[]", "{\"entries\":[]}", "{\"receivedMessages\":[]}"] {
        let collector = read_as("gcp.audit", object.as_bytes(), "object", &context());
        assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 0), "{object:?}");
    }
}

#[test]
fn sniffing_goes_by_content_and_by_name_only_where_the_content_says_nothing() {
    let sniff = |head: &[u8], name: &str| by_name("gcp.audit").unwrap().sniff(head, name);
    for name in ["set_iam_policy", "bigquery_export", "operation_last"] {
        assert_eq!(sniff(&fixture_file(&format!("gcp/{name}.json")), "x"), Confidence::Certain, "{name}");
    }
    for name in ["text_payload", "json_payload"] {
        assert_eq!(sniff(fixture(name).to_string().as_bytes(), "x"), Confidence::Likely, "{name}");
    }
    assert_eq!(sniff(b"", "cloudaudit.googleapis.com/activity/2026/03/01/09:00:00_09:59:59_S0.json"), Confidence::Name);
    let other: [(&str, &[u8]); 13] = [
        ("nothing", b""),
        ("text", b"2026-03-01 INFO protoPayload started"),
        ("CloudTrail", br#"{"Records":[{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","userIdentity":{}}]}"#),
        ("Azure", br#"{"time":"2026-03-01T00:00:00Z","resourceId":"/SUBSCRIPTIONS/1","operationName":"GetBlob","category":"StorageRead"}"#),
        ("Airbyte", br#"[{"id":"1","timestamp":1,"actor":{"actorId":"a"},"operation":"createUser","success":true}]"#),
        ("S3 access", b"79a59df900b949e5 bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - ID REST.GET.OBJECT k"),
        ("lakeFS", br#"{"level":"info","msg":"HTTP call ended","log_audit":true,"path":"/api/v1/x"}"#),
        ("another CloudEvent", br#"{"specversion":"1.0","type":"com.example","source":"/s","id":"1","data":{"logName":"x"}}"#),
        ("another Pub/Sub message", br#"{"message":{"data":"aGVsbG8gd29ybGQ=","messageId":"1"},"subscription":"s"}"#),
        ("WorkOS", br#"{"action":"user.signed_in","occurred_at":"2026-03-01T00:00:00Z","actor":{"id":"u"},"targets":[]}"#),
        ("ECS with the entry as text", br#"{"expected":[{"event":{"original":"{\"insertId\":\"x\",\"protoPayload\":{}}"},"log":{"logger":"projects/p/logs/cloudaudit.googleapis.com%2Factivity"},"message":"m"}]}"#),
        ("YAML", b"fields:\n  tags:\n    - protoPayload\n"),
        ("CSV", b"\"time_micros\",\"c_ip\"\n\"1554306916471623\",\"192.0.2.1\"\n"),
    ];
    for (name, head) in other {
        assert_eq!(sniff(head, "x"), Confidence::None, "{name}");
    }
}

#[test]
fn samples_are_recognised_and_those_of_other_formats_are_not() {
    for folder in ["airbyte", "azure", "cloudtrail", "gcp_audit", "lakefs", "ocsf", "s3_access", "s3_access_fuzz"] {
        let Some(path) = samples(folder) else { continue };
        for path in files(&path) {
            let bytes = std::fs::read(&path).unwrap();
            let name = path.to_string_lossy();
            let head = &bytes[..bytes.len().min(64 * 1024)];
            let is_other = ["-expected.json", ".yml", ".csv", ".txt", ".md"].iter().any(|end| name.ends_with(end));
            let expected = folder == "gcp_audit" && !is_other;
            let is_ours = detect(head, "object").is_some_and(|source| source.name() == "gcp.audit");
            assert_eq!(is_ours, expected, "{name}");
        }
    }
}

#[test]
fn several_entries_in_one_text_are_all_read() {
    let text = String::from_utf8(lines(entries())).unwrap();
    let expected = read_as("gcp.audit", text.as_bytes(), "object", &context()).events;
    let object = json!({"message": text}).to_string();
    assert_eq!(read_as("gcp.audit", object.as_bytes(), "object", &context()).events, expected);
    // Whoever asks the source itself, without the envelopes, is told.
    let mut collector = crate::common::Collector::default();
    let mut input = object.as_bytes();
    by_name("gcp.audit").unwrap().read(&mut input, "object", &context(), &mut collector).unwrap();
    assert_eq!(collector.reasons(), ["the envelope holds more than one entry"]);
}
