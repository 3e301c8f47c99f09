//! What becomes of the members of an accepted event.

use auditlake_event::{Category, Event, Outcome, Timestamp};
use serde_json::json;

use super::{event_with, now, only_event};

#[test]
fn a_full_event_is_taken_as_it_is() {
    let event = only_event(
        json!({
            "event_id": "3989efb2-64ac-40f8-a754-116397c60caa", "event_time": "2026-03-01T13:29:59.123456+01:30",
            "region": "eu-west-1", "organization": "acme-00", "source": "api", "action": "role_assign",
            "category": "role_management", "outcome": "denied", "error_code": "AccessDenied", "error_message": "no",
            "actor_id": "usr_1", "actor_type": "api_key", "actor_name": "Alice \"A\" \u{1f600}", "actor_email": " a@b.example ",
            "actor_via": "arn:aws:sts::1:assumed-role/x", "resource_type": "role", "resource_id": "role/1",
            "resource_name": "Admins", "scope_type": "workspace", "scope_id": "w1", "source_ip": "10.0.0.1",
            "user_agent": "curl/8", "service_name": "svc-iam", "request_id": "r1", "http_method": "POST",
            "http_path": "/v1/roles", "http_status": 403, "metadata": {"b": 1, "a": "x"},
            "changes": [{"field": "role", "before": "viewer", "after": null}],
        })
        .to_string(),
    );
    let text = |text: &'static str| Some(text.into());
    let expected = Event {
        event_id: "3989efb2-64ac-40f8-a754-116397c60caa".into(),
        event_time: Timestamp::parse("2026-03-01T11:59:59.123Z").unwrap(),
        event_time_nanos: Some(456_000),
        received_time: now(),
        region: "eu-west-1".into(),
        organization: "acme-00".into(),
        source: "api".into(),
        action: "role_assign".into(),
        category: Some(Category::RoleManagement),
        outcome: Outcome::Denied,
        error_code: text("AccessDenied"),
        error_message: text("no"),
        actor_id: text("usr_1"),
        actor_type: Some(auditlake_event::ActorType::ApiKey),
        actor_name: text("Alice \"A\" \u{1f600}"),
        actor_email: text("a@b.example"),
        actor_via: text("arn:aws:sts::1:assumed-role/x"),
        resource_type: text("role"),
        resource_id: text("role/1"),
        resource_name: text("Admins"),
        scope_type: text("workspace"),
        scope_id: text("w1"),
        changes: text(r#"[{"after":null,"before":"viewer","field":"role"}]"#),
        source_ip: text("10.0.0.1"),
        user_agent: text("curl/8"),
        service_name: text("svc-iam"),
        request_id: text("r1"),
        http_method: text("POST"),
        http_path: text("/v1/roles"),
        http_status: Some(403),
        metadata: text(r#"{"a":"x","b":1}"#),
        raw: None,
    };
    assert_eq!(event, expected);
}

#[test]
fn what_is_left_out_or_empty_is_null() {
    let event = only_event(event_with(json!({
        "actor_id": "", "actor_name": null, "actor_email": "  ", "source_ip": " ", "metadata": {}, "changes": [], "http_status": null,
        "outcome": "", "region": "", "source": "", "event_time_nanos": 7,
    })).to_string());
    assert_eq!((event.actor_id, event.actor_name, event.actor_email, event.source_ip), (None, None, None, None));
    assert_eq!((event.metadata, event.changes, event.http_status, event.raw), (None, None, None, None));
    assert_eq!((event.outcome, event.region.as_ref(), event.source.as_ref()), (Outcome::Unknown, "us-east-1", "api"));
    assert_eq!(event.event_time_nanos, Some(7));
}

#[test]
fn addresses_are_written_in_one_way() {
    // Expected: RFC 5952 section 4, RFC 4291 section 2.5.5.2.
    for (sent, kept) in [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("::ffff:192.0.2.128", "192.0.2.128"),
        ("AWS Internal", "AWS Internal"),
        ("s3.amazonaws.com", "s3.amazonaws.com"),
        ("192.0.2.001", "192.0.2.001"),
    ] {
        assert_eq!(only_event(event_with(json!({ "source_ip": sent })).to_string()).source_ip.as_deref(), Some(kept));
    }
}

#[test]
fn an_address_has_one_text_and_what_it_was_taken_from_is_kept() {
    for (stated, address, kept) in [
        ("203.0.113.7", "203.0.113.7", None),
        (" 203.0.113.7 ", "203.0.113.7", None),
        ("::FFFF:203.0.113.7", "203.0.113.7", None),
        ("2001:DB8:0:0::7", "2001:db8::7", None),
        ("203.0.113.7:52100", "203.0.113.7", Some("203.0.113.7:52100")),
        ("203.0.113.7, 10.0.0.1", "203.0.113.7", Some("203.0.113.7, 10.0.0.1")),
        ("[2001:DB8::7]:443, 10.0.0.1", "2001:db8::7", Some("[2001:DB8::7]:443, 10.0.0.1")),
        ("[2001:db8::7]", "2001:db8::7", Some("[2001:db8::7]")),
        ("fe80::1%eth0", "fe80::1", Some("fe80::1%eth0")),
        ("unknown", "unknown", None),
    ] {
        let event = only_event(event_with(json!({"source_ip": stated})).to_string());
        let metadata = kept.map(|kept| json!({"source_ip": kept}).to_string());
        assert_eq!(
            (event.source_ip.as_deref(), event.metadata.as_deref()),
            (Some(address), metadata.as_deref()),
            "{stated}"
        );
    }
    let taken = only_event(event_with(json!({"source_ip": "192.0.2.1:80", "metadata": {"source_ip": 1}})).to_string());
    assert_eq!(taken.metadata.as_deref(), Some(r#"{"other_source_ip":"192.0.2.1:80","source_ip":1}"#));
}

#[test]
fn unknown_members_are_kept_in_metadata() {
    let event = only_event(
        event_with(json!({"ticket": 7, "metadata": {"b": 1}, "a": {"z": 1, "y": [true]}, "none": null})).to_string(),
    );
    assert_eq!(event.metadata.as_deref(), Some(r#"{"a":{"y":[true],"z":1},"b":1,"none":null,"ticket":7}"#));
}

#[test]
fn json_is_kept_in_one_form_and_numbers_as_they_were_written() {
    let start = r#"{"event_time":"2026-03-01T11:59:59Z","organization":"acme","action":"login","#;
    // The names are those of RFC 8785 section 3.2.3, in the order published there.
    let event = only_event(format!(
        r#"{start}"metadata":{{ "\u20ac":1, "\r":2, "\ufb33":3, "1":12345678901234567890, "\ud83d\ude00":1.0e+05, "\u0080":-0, "\u00f6":"\/\u0041" }}}}"#
    ));
    let expected = "{\"\\r\":2,\"1\":12345678901234567890,\"\u{80}\":-0,\"\u{f6}\":\"/A\",\"\u{20ac}\":1,\"\u{1f600}\":1.0e+05,\"\u{fb33}\":3}";
    assert_eq!(event.metadata.as_deref(), Some(expected));
}

#[test]
fn changes_come_in_three_shapes_and_are_kept_in_one() {
    let listed = r#"[{"after":2,"before":1,"field":"quota"},{"after":null,"before":{"a":[1],"b":2},"field":"role"}]"#;
    for changes in [
        json!([{"field": "quota", "before": 1, "after": 2}, {"after": null, "field": "role", "before": {"b": 2, "a": [1]}}]),
        json!([{"field": "quota", "before": 1, "after": 2}, {"field": "role", "before": {"b": 2, "a": [1]}}]),
        json!({"before": {"role": {"b": 2, "a": [1]}, "quota": 1, "same": "x"}, "after": {"quota": 2, "same": "x"}}),
        json!({"role": {"before": {"b": 2, "a": [1]}, "after": null}, "quota": {"after": 2, "before": 1}}),
    ] {
        let event = only_event(event_with(json!({ "changes": changes })).to_string());
        assert_eq!(event.changes.as_deref(), Some(listed));
    }
    for (changes, kept) in [
        (json!({"before": null, "after": {"a": 1}}), Some(r#"[{"after":1,"before":null,"field":"a"}]"#)),
        (
            json!({"after": {"b": 1, "a": 1}}),
            Some(r#"[{"after":1,"before":null,"field":"a"},{"after":1,"before":null,"field":"b"}]"#),
        ),
        (json!({"before": {"a": 1}, "after": {"a": 1}}), None),
        (json!({"before": null, "after": null}), None),
        (json!({}), None),
        (json!(null), None),
    ] {
        let event = only_event(event_with(json!({ "changes": changes.clone() })).to_string());
        assert_eq!(event.changes.as_deref(), kept, "{changes}");
    }
}

#[test]
fn texts_without_escapes_borrow_from_the_body() {
    let event = only_event(event_with(json!({"actor_id": "plain", "actor_name": "a\nb"})).to_string());
    assert!(matches!(event.actor_id, Some(std::borrow::Cow::Borrowed("plain"))));
    assert_eq!(event.actor_name.as_deref(), Some("a\nb"));
}
