//! Whose an event is, and its id.

use auditlake_event::input::{FieldError, IDEMPOTENCY_NAMESPACE, Shape, parse_body};
use serde_json::json;

use super::{event_with, parse, parse_as, with_context};

#[test]
fn the_organization_is_the_callers() {
    with_context(Some("acme"), |context| {
        let mut random = || [0; 10];
        let body = r#"[{"event_time":"2026-03-01T11:59:59Z","action":"a"},
            {"event_time":"2026-03-01T11:59:59Z","action":"a","organization":"acme"},
            {"event_time":"2026-03-01T11:59:59Z","action":"a","organization":"globex"}]"#;
        let parsed = parse_body(body.as_bytes(), Shape::Sniff, &context, &mut random).unwrap();
        assert!(parsed.events.iter().all(|event| event.organization == "acme"));
        let detail = "must be `acme`, the organization of the caller, or left out";
        assert_eq!(parsed.errors, [FieldError { index: 2, field: "organization".into(), detail: detail.into() }]);
    });
}

#[test]
fn ids_are_kept_derived_from_the_idempotency_key_or_made() {
    let good = event_with(json!({"event_id": null}));
    let body = format!("[{good},{good}]");
    let made = parse(&body).unwrap();
    // RFC 9562 section 5.7: 48 bits of milliseconds, version 7, variant 10.
    assert!(made.events[0].event_id.starts_with("019ca945-0a00-7101-8101-"), "{}", made.events[0].event_id);
    assert_ne!(made.events[0].event_id, made.events[1].event_id);

    let derive = |key: &'static str| {
        let parsed = parse_as(body.as_bytes(), Shape::Sniff, |context| context.idempotency_key = Some(key)).unwrap();
        parsed.events.iter().map(|event| event.event_id.to_string()).collect::<Vec<_>>()
    };
    let first = derive("key-1");
    assert_eq!(first, derive("key-1"));
    assert_ne!(first, derive("key-2"));
    assert_ne!(first[0], first[1]);
    let canonical = r#"{"action":"login","event_time":"2026-03-01T11:59:59.000Z","organization":"acme","outcome":"unknown","region":"us-east-1","source":"api"}"#;
    let expected = uuid::Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, format!("key-1\01\0{canonical}").as_bytes());
    assert_eq!(first[1], expected.to_string());
}

#[test]
fn a_repeated_id_is_one_event_only_if_its_content_is_the_same() {
    let event =
        |action: &str, organization: &str| event_with(json!({"action": action, "organization": organization})).to_string();
    let body =
        [event("a", "acme"), event("b", "globex"), event("a", "acme"), event("b", "acme"), event("b", "globex")].join("\n");
    let parsed = parse(&body).unwrap();
    assert_eq!(parsed.receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(parsed.receipts[0].event_hash, parsed.receipts[2].event_hash);
    let detail = "is that of the event at index 0 of this batch, whose content differs";
    assert_eq!(parsed.errors, [FieldError { index: 3, field: "event_id".into(), detail: detail.into() }]);
}
