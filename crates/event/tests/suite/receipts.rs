//! The hash that a receipt states is that of the event, by a second implementation of its canonical form, whatever its texts are
//! and by whichever door they come.

use std::collections::BTreeMap;

use auditlake_event::canonical::event_hash;
use auditlake_event::input::{DoorContext, Shape, parse_body, read_converted};
use auditlake_event::shapes::ForeignShape;
use auditlake_event::{Column, Event, Organization, Region, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// SHA-256 of what serde_json makes of the columns: it escapes exactly what RFC 8785 asks for, and the names are ASCII.
fn independent_hash(event: &Event<'_>) -> [u8; 32] {
    let mut form: BTreeMap<&str, Value> = BTreeMap::new();
    for column in Column::ALL.iter().filter(|column| column.is_canonical()) {
        let value = match column {
            Column::EventTime => Some(json!(event.event_time.to_string())),
            Column::EventTimeNanos => event.event_time_nanos.map(Value::from),
            Column::HttpStatus => event.http_status.map(Value::from),
            column => event.text(*column).map(Value::from),
        };
        form.extend(value.map(|value| (column.name(), value)));
    }
    Sha256::digest(serde_json::to_vec(&form).unwrap()).into()
}

fn region() -> Region {
    Region::parse("us-east-1").unwrap()
}

fn received() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

fn assert_receipts_are_hashes(body: &str, shape: Shape, key: Option<&str>, expected: usize) {
    let (region, organization) = (region(), Organization::parse("acme").unwrap());
    let context = DoorContext { idempotency_key: key, ..DoorContext::api(received(), &region, Some(&organization)) };
    let parsed = parse_body(body.as_bytes(), shape, &context, &mut || [3; 10]).unwrap();
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.events.len(), expected);
    for (event, receipt) in parsed.events.iter().zip(&parsed.receipts) {
        assert_eq!(receipt.event_hash, independent_hash(event), "{event:?}");
    }
}

/// Texts that JSON must escape, may escape, or holds as they are.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["[\\x00-\\x1f\"\\\\]", "[\\x00-\\x7f]{1,80}", "\\PC{1,40}", "[a-z]{0,40}[\"\\\\\n\\x0c\\x7f/]?[a-z]{0,40}x"]
}

fn own(texts: &[String]) -> Value {
    let columns = ["actor_id", "actor_name", "actor_via", "resource_id", "error_message", "user_agent", "source_ip"];
    let mut event = json!({"event_time": "2026-03-01T11:00:00Z", "action": texts[0], "metadata": {&texts[1]: texts[2]}});
    for (name, text) in columns.iter().zip(texts) {
        event[name] = json!(text);
    }
    event["changes"] = json!([{"field": texts[3], "after": texts[4]}]);
    event
}

proptest! {
    #[test]
    fn every_receipt_is_the_hash_of_its_event(texts in prop::collection::vec(hostile(), 8), key in "[ -~]{1,40}") {
        let own = own(&texts);
        let party = json!({"id": texts[1], "name": texts[2], "type": texts[3]});
        let workos = json!({"organization_id": texts[4], "idempotency_key": texts[5], "event": {"action": texts[0],
            "occurred_at": "2026-03-01T11:00:00Z", "actor": party, "targets": [party], "context": {"location": texts[6]}}});
        let retraced = json!({"action": texts[0], "crud": "c", "created": "2026-03-01T11:00:00Z", "external_id": texts[4],
            "group": party, "actor": party, "source_ip": texts[5], "component": texts[6]});
        let envelope = |data: &Value| json!({"specversion": "1.0", "id": texts[0], "source": texts[1], "type": texts[2],
            "subject": texts[3], "time": "2026-03-01T10:00:00Z", "data": data});
        let mixed = json!([own, workos, retraced]);
        assert_receipts_are_hashes(&mixed.to_string(), Shape::Sniff, None, 3);
        assert_receipts_are_hashes(&mixed.to_string(), Shape::Sniff, Some(&key), 3);
        assert_receipts_are_hashes(&format!("{own}\n{workos}\r\n{retraced}\n"), Shape::Ndjson, None, 3);
        for data in [own, workos, retraced, Value::Null, json!(texts[7])] {
            assert_receipts_are_hashes(&envelope(&data).to_string(), Shape::CloudEvent, None, 1);
            assert_receipts_are_hashes(&json!([envelope(&data)]).to_string(), Shape::CloudEventBatch, None, 1);
        }
    }
}

#[test]
fn an_id_that_an_import_brings_is_escaped_in_the_canonical_form() {
    let shape = ForeignShape::CloudEvents;
    let text = r#"{"specversion":"1.0","id":"\f","source":"s","type":"t","time":"2026-03-01T10:00:00Z"}"#;
    let (region, organization) = (region(), Organization::parse("acme").unwrap());
    for id in ["s|\u{c}", "\"", "\\", "\u{0}"] {
        let context = DoorContext { event_id: Some(id), ..DoorContext::api(received(), &region, Some(&organization)) };
        let event = read_converted(&shape.convert(text).unwrap(), 0, &context, &mut || [0; 10]).unwrap();
        assert_eq!(event.event_id, id);
        assert_eq!(event_hash(&event), independent_hash(&event));
    }
}
