//! CloudEvents: the envelope, and what lies in it.

use auditlake_event::Outcome;
use auditlake_event::input::{BodyErrorKind, Shape};
use serde_json::{Value, json};

use super::{RETRACED_ID, cloudevent, envelope, metadata, read, retraced, text, with, workos};

/// UUIDv5 of Python's uuid module: uuid5(UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1"), "/billing\0a-1").
const ID: &str = "8b1b65f8-ed13-55dc-b144-46e4f7f06c29";

#[test]
fn what_data_does_not_state_comes_from_the_envelope() {
    let event =
        cloudevent(&envelope(&json!({"time": "2026-03-01T10:00:00Z", "subject": "role/admin", "traceparent": "00-x",
        "data": {"action": "role_assign", "outcome": "success", "actor_id": null, "ticket": 7}})));
    assert_eq!((&*event.event_id, &*event.action, event.outcome), (ID, "role_assign", Outcome::Success));
    assert_eq!(
        (event.event_time.to_string().as_str(), text(&event.resource_id)),
        ("2026-03-01T10:00:00.000Z", "role/admin")
    );
    let expected = json!({"ticket": 7, "cloudevent": {"id": "a-1", "source": "/billing", "type": "com.example.role",
        "time": "2026-03-01T10:00:00Z", "subject": "role/admin", "traceparent": "00-x"}});
    assert_eq!(metadata(&event), expected);
    let own = json!({"time": "2026-03-01T10:00:00Z", "data": {"event_id": "mine", "event_time": "2026-03-01T09:00:00Z"}});
    let own = cloudevent(&envelope(&own));
    assert_eq!((&*own.event_id, own.event_time.to_string().as_str()), ("mine", "2026-03-01T09:00:00.000Z"));
}

#[test]
fn data_that_is_no_object_is_kept_with_the_envelope() {
    for (name, value) in [("data", json!("text")), ("data", json!([1])), ("data_base64", json!("AAEC"))] {
        let event = cloudevent(&envelope(&json!({"time": "2026-03-01T10:00:00Z", name: value})));
        assert_eq!((&metadata(&event)["cloudevent"][name], &*event.action), (&value, "com.example.role"));
    }
}

#[test]
fn a_cloudevent_around_a_foreign_event_is_converted_through_both() {
    let event = cloudevent(&envelope(&json!({"data": {"organization_id": "org_1", "event": workos()}})));
    assert_eq!((&*event.event_id, &*event.action, text(&event.actor_id)), (ID, "document.shared", "user_7"));
    assert_eq!(
        (&metadata(&event)["cloudevent"]["source"], &metadata(&event)["ticket"]),
        (&json!("/billing"), &json!("T-9"))
    );
    let mut no_time = retraced();
    no_time["created"] = Value::Null;
    let event = cloudevent(&envelope(&json!({"time": "2026-03-01T08:00:00Z", "data": no_time})));
    assert_eq!((&*event.event_id, event.outcome), (RETRACED_ID, Outcome::Success));
    assert_eq!(event.event_time.to_string(), "2026-03-01T08:00:00.000Z");
}

#[test]
fn an_event_is_known_by_source_and_id_together() {
    let id = |source: &str, id: &str| {
        let event = cloudevent(&envelope(&json!({"id": id, "source": source, "time": "2026-03-01T10:00:00Z"})));
        event.event_id.into_owned()
    };
    // UUIDv5 of Python's uuid module: uuid5(UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1"), "/a\0x y").
    assert_eq!(id("/a", "x y"), "16c510e5-ad25-5202-850d-c04dc27f443b");
    // An id that could be ours is unique in its source only, too.
    assert_eq!(id("/billing", "a-1"), ID);
    assert_ne!(id("/billing", "a-1"), id("/crm", "a-1"));
}

#[test]
fn a_bad_cloudevent_costs_no_other_and_names_its_attribute() {
    let time = json!({"time": "2026-03-01T10:00:00Z"});
    let good = envelope(&time);
    let batch = json!([
        good, {"id": "x"}, 7, envelope(&json!({"id": 5})), envelope(&json!({"specversion": "0.3"})),
        envelope(&json!({"time": "2026-03-01T10:00:00Z", "data": 1, "data_base64": "AA=="})),
        envelope(&json!({})), envelope(&json!({"time": 5})), envelope(&json!({"data": {"outcome": "maybe", "event_time": "x"}})),
        envelope(&json!({"data": with(retraced(), "/created", json!(null))})),
        envelope(&json!({"data": with(workos(), "/actor/id", json!(7))})),
        with(good.clone(), "/id", json!("last")),
    ]);
    let parsed = read(batch.to_string().as_bytes(), Shape::CloudEventBatch, Some("acme")).unwrap();
    let indexes: Vec<usize> = parsed.receipts.iter().map(|receipt| receipt.index).collect();
    assert_eq!((indexes, parsed.refused()), (vec![0, 11], 10));
    let found: Vec<String> = parsed.errors.iter().map(|error| format!("{}:{}", error.index, error.field)).collect();
    let expected = [
        "1:specversion",
        "2:event",
        "3:id",
        "4:specversion",
        "5:data_base64",
        "6:time",
        "7:time",
        "8:data.event_time",
        "8:data.outcome",
        "9:time",
        "10:data.actor.id",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_body_that_holds_no_cloudevents_is_refused_as_a_whole() {
    let kind = |body: &str, shape| read(body.as_bytes(), shape, Some("acme")).unwrap_err().kind();
    assert_eq!(kind("{", Shape::CloudEvent), BodyErrorKind::Malformed);
    assert_eq!(kind("{}", Shape::CloudEventBatch), BodyErrorKind::Malformed);
    assert_eq!(kind("[{}] 1", Shape::CloudEventBatch), BodyErrorKind::Malformed);
    assert_eq!(kind("[]", Shape::CloudEventBatch), BodyErrorKind::Unprocessable);
    assert_eq!(kind(" ", Shape::CloudEvent), BodyErrorKind::Unprocessable);
}

#[test]
fn an_envelope_whose_name_is_taken_gets_another_one() {
    let data = json!({"metadata": {"cloudevent": 1}, "other_cloudevent": 2});
    let event = cloudevent(&envelope(&json!({"time": "2026-03-01T10:00:00Z", "data": data})));
    let kept = metadata(&event);
    assert_eq!((&kept["cloudevent"], &kept["other_cloudevent"]), (&json!(1), &json!(2)));
    assert_eq!(kept["other_other_cloudevent"]["source"], "/billing");
}
