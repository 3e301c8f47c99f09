//! What mappings to OCSF get wrong, and what looks like OCSF and is none.

use crate::common::{Collector, Columns, assert_columns, context, fixture_file, json_of, only_event, read_as};
use auditlake_sources::{detect, import};
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fixture_file(&format!("ocsf/{name}.json"))).unwrap()
}

fn read(record: &Value) -> Collector {
    read_as("ocsf", record.to_string().as_bytes(), "object", &context())
}

/// The event of a fixture with some members set otherwise, or taken away (null).
fn altered(name: &str, members: &[(&str, Value)]) -> Columns {
    let record = with(name, members);
    only_event(&read(&record), &record.to_string())
}

fn with(name: &str, members: &[(&str, Value)]) -> Value {
    let mut record = fixture(name);
    for (pointer, value) in members {
        match record.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => record[pointer.trim_start_matches('/')] = value.clone(),
        }
    }
    record
}

#[test]
fn times_in_other_units_and_forms_are_understood_and_kept() {
    for (time, dt, expected, nanos, kept) in [
        (json!(1772356500250_i64), Value::Null, "2026-03-01T09:15:00.250Z", None, Value::Null),
        (json!("1772356500250"), Value::Null, "2026-03-01T09:15:00.250Z", None, Value::Null),
        (json!(1772356500), Value::Null, "2026-03-01T09:15:00.000Z", None, json!(1772356500)),
        (json!(1772356500.25), Value::Null, "2026-03-01T09:15:00.250Z", None, json!(1772356500.25)),
        (json!(1772356500250001_i64), Value::Null, "2026-03-01T09:15:00.250Z", Some("1000"), json!(1772356500250001_i64)),
        (json!("2026-03-01T09:15:00.25Z"), Value::Null, "2026-03-01T09:15:00.250Z", None, json!("2026-03-01T09:15:00.25Z")),
        (Value::Null, json!("2026-03-01T09:15:00.250001Z"), "2026-03-01T09:15:00.250Z", Some("1000"), Value::Null),
        (json!("soon"), json!("2026-03-01T09:15:00Z"), "2026-03-01T09:15:00.000Z", None, json!("soon")),
    ] {
        let event = altered("group", &[("/time", time.clone()), ("/time_dt", dt)]);
        assert_columns(&event, &[("event_time", Some(expected)), ("event_time_nanos", nanos)], &time.to_string());
        assert_eq!(json_of(&event, "metadata")["time"], kept, "{time}");
    }
    for (time, reason) in [
        (Value::Null, "time is missing"),
        (json!("soon"), "time is no time"),
        (json!({"ms": 1}), "time is no time"),
        (json!(12), "event time lies before the year 2000"),
        (json!(4102444800000_i64), "event time lies in the future"),
    ] {
        assert_eq!(read(&with("group", &[("/time", time)])).reasons(), [reason]);
    }
}

#[test]
fn a_class_is_known_by_number_text_type_or_name() {
    for (class, kind) in [
        (json!(3006), json!(300603)),
        (json!("3006"), json!(300603)),
        (Value::Null, json!(300603)),
        (json!("Group Management"), Value::Null),
        (json!({"id": 3006}), json!("300603")),
    ] {
        let event = altered("group", &[("/class_uid", class.clone()), ("/type_uid", kind)]);
        assert_columns(&event, &[("category", Some("group_management")), ("resource_id", Some("g-1"))], &class.to_string());
    }
    let unknown =
        with("group", &[("/class_uid", json!("Gardening")), ("/class_name", Value::Null), ("/type_uid", Value::Null)]);
    assert_eq!(read(&unknown).reasons(), ["class_uid is no number"]);
}

#[test]
fn classes_that_are_not_known_are_mapped_in_general() {
    let members = [
        ("/class_uid", json!(3099)),
        ("/class_name", json!("Badge Change")),
        ("/type_uid", json!(309999)),
        ("/activity_id", json!(99)),
        ("/activity_name", json!("Revoked")),
    ];
    let event = altered("account_change", &members);
    let expected = [
        ("action", Some("Badge Change: Revoked")),
        ("category", Some("other")),
        ("resource_id", Some("u-200")),
        ("actor_id", Some("u-100")),
    ];
    assert_columns(&event, &expected, "3099");
    // A class of an extension: its number stands before the class's own.
    let event = altered(
        "account_change",
        &[
            ("/class_uid", json!(203099)),
            ("/category_uid", Value::Null),
            ("/class_name", Value::Null),
            ("/activity_name", Value::Null),
            ("/activity_id", json!(99)),
        ],
    );
    assert_columns(&event, &[("action", Some("class 203099: activity 99")), ("resource_id", Some("u-200"))], "extension");
}

#[test]
fn enumerations_that_say_nothing_decide_nothing() {
    for (id, status, expected) in [
        (json!(0), json!("Unknown"), "unknown"),
        (json!(99), json!("Partial"), "unknown"),
        (json!(99), json!("failed"), "failure"),
        (Value::Null, Value::Null, "unknown"),
        (json!("2"), Value::Null, "failure"),
        (json!("1"), json!("Success"), "success"),
        (json!(true), json!("Success"), "success"),
    ] {
        let event = altered("group", &[("/status_id", id.clone()), ("/status", status.clone())]);
        assert_columns(&event, &[("outcome", Some(expected))], &format!("{id} {status}"));
    }
    for (member, value, expected) in [
        ("/action_id", json!(2), "denied"),
        ("/disposition_id", json!(2), "denied"),
        ("/http_response", json!({"code": 403}), "success"),
    ] {
        assert_columns(&altered("group", &[(member, value)]), &[("outcome", Some(expected))], member);
    }
    let event =
        altered("group", &[("/status_id", Value::Null), ("/status", Value::Null), ("/http_response", json!({"code": 403}))]);
    assert_columns(&event, &[("outcome", Some("denied")), ("http_status", Some("403"))], "403");
    let event =
        altered("group", &[("/activity_id", json!(99)), ("/activity_name", json!("Other")), ("/type_uid", json!(300699))]);
    assert_columns(&event, &[("action", Some("Group Management: Other")), ("changes", None)], "99");
    let event = altered("group", &[("/activity_name", Value::Null), ("/class_name", Value::Null)]);
    assert_columns(&event, &[("action", Some("Group Management: Add User"))], "by number");
}

#[test]
fn lists_of_an_event_are_not_lists_of_events() {
    for name in ["data", "value", "results", "entries"] {
        let pointer = format!("/{name}");
        let event = altered("group", &[(&pointer, json!([{"a": 1}]))]);
        assert_eq!(json_of(&event, "metadata")["rest"][name], json!([{"a": 1}]));
    }
}

#[test]
fn words_for_nothing_are_nothing() {
    let event = altered("group", &[("/actor", json!({"user": {"uid": "-", "name": "unknown", "email_addr": ""}}))]);
    assert_columns(
        &event,
        &[("actor_id", None), ("actor_name", None), ("actor_type", None), ("actor_email", None)],
        "nobody",
    );
}

#[test]
fn without_an_id_it_is_derived_and_a_long_one_is_replaced() {
    let without = altered("group", &[("/metadata/uid", Value::Null)]);
    let again = altered("group", &[("/metadata/uid", json!("-"))]);
    assert_eq!(without["event_id"].len(), 36);
    assert_ne!(without["event_id"], again["event_id"], "another record");
    assert_eq!(without["event_id"], altered("group", &[("/metadata/uid", Value::Null)])["event_id"]);
    let long = "x".repeat(200);
    let event = altered("group", &[("/metadata/uid", json!(long))]);
    assert_eq!(json_of(&event, "metadata")["source_event_id"], json!(long));
    // The code names a kind of event, not an event.
    let event = altered("group", &[("/metadata/uid", Value::Null), ("/metadata/event_code", json!("4624"))]);
    assert_ne!(event["event_id"], "4624");
}

#[test]
fn structures_in_texts_are_taken_out_of_them() {
    let expected = altered("api_activity", &[]);
    let record = fixture("api_activity");
    for depth in 1..=4 {
        let mut written = record.clone();
        for name in
            ["actor", "api", "cloud", "resources", "metadata", "src_endpoint", "http_request", "unmapped", "observables"]
        {
            for _ in 0..depth {
                written[name] = json!(written[name].to_string());
                if depth > 1 && name != "actor" {
                    break;
                }
            }
        }
        assert_eq!(only_event(&read(&written), "in texts"), expected, "{depth}");
    }
    let mut inner = record.clone();
    inner["api"]["request"]["data"] = json!(record["api"]["request"]["data"].to_string());
    inner["actor"]["user"] = json!(record["actor"]["user"].to_string());
    assert_eq!(only_event(&read(&inner), "inside"), expected);
    // Deeper it stays a text, in the metadata.
    let mut deep = record.clone();
    for _ in 0..8 {
        deep["actor"] = json!(deep["actor"].to_string());
    }
    let event = only_event(&read(&deep), "deep");
    assert_eq!(event.get("actor_id"), None);
    assert!(json_of(&event, "metadata")["rest"]["actor"].is_string());
}

#[test]
fn ocsf_is_told_from_what_looks_like_it() {
    let name_of = |object: &Value| detect(object.to_string().as_bytes(), "object").map(auditlake_sources::Source::name);
    assert_eq!(name_of(&fixture("api_activity")), Some("ocsf"));
    assert_eq!(name_of(&json!({"class_uid": 3002, "note": "a course of a school"})), None);
    assert_eq!(name_of(&json!({"metadata": {"version": "1.0"}, "time": 1})), None);
    // A record of CloudTrail that holds an event of OCSF, and the reverse.
    let mut trail: Value = serde_json::from_slice(&fixture_file("cloudtrail/put_role_policy.json")).unwrap();
    trail["requestParameters"]["event"] = fixture("group");
    assert_eq!(name_of(&trail), Some("aws.cloudtrail"));
    let mut event = fixture("api_activity");
    event["raw_data"] = json!(trail.to_string());
    event["message"] = json!(trail.to_string());
    event["unmapped"] = trail;
    assert_eq!(name_of(&event), Some("ocsf"));
    assert_eq!(name_of(&json!([event])), Some("ocsf"));
    assert_eq!(name_of(&json!({ "Records": [event] })), Some("ocsf"));
    // Fixtures of the other sources are not OCSF's.
    let root = format!("{}/tests/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut looked_at = 0;
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let bytes = std::fs::read(&file).unwrap();
            let found = detect(&bytes, "object").map(auditlake_sources::Source::name);
            assert_eq!(found == Some("ocsf"), folder.ends_with("ocsf"), "{}", file.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 50);
}

#[test]
fn a_record_that_is_none_is_quarantined_with_the_reason() {
    for (record, reason) in [
        (json!({"a": 1}), "no OCSF event: class_uid is missing"),
        (json!({"class_uid": 3002}), "no OCSF event: beside class_uid neither category_uid, type_uid nor metadata.version"),
        (json!([1]), "a record must be a JSON object"),
    ] {
        let mut collector = Collector::default();
        let source = auditlake_sources::by_name("ocsf");
        import(record.to_string().as_bytes(), "object", source, &context(), &mut collector).unwrap();
        assert_eq!(collector.reasons(), [reason]);
    }
}
