//! Events over the limit: refused, or trimmed.

use auditlake_event::Event;
use auditlake_event::input::{FieldError, LargeEvents, Shape};
use auditlake_event::limits::{DEFAULT_MAX_EVENT_BYTES, MAX_LONG_TEXT_BYTES};
use serde_json::{Value, json};

use super::{errors_of, event_with, parse, parse_as};

#[test]
fn an_event_that_is_too_large_is_refused_alone() {
    let large = event_with(json!({"event_id": "b", "note": "x".repeat(DEFAULT_MAX_EVENT_BYTES)})).to_string();
    let small = event_with(json!({"event_id": "a"})).to_string();
    for body in [format!("[{large},{small}]"), format!("{large}\n{small}")] {
        let parsed = parse(&body).unwrap();
        assert_eq!(parsed.events.len(), 1);
        let expected = FieldError { index: 0, field: "event".into(), detail: "must not be larger than 65536 bytes".into() };
        assert_eq!(parsed.errors, [expected]);
    }
}

fn trimmed(members: Value, max_event_bytes: usize) -> Event<'static> {
    let body = event_with(members).to_string();
    assert!(body.len() > max_event_bytes);
    let parsed = parse_as(body.as_bytes(), Shape::Sniff, |context| {
        context.max_event_bytes = max_event_bytes;
        context.large_events = LargeEvents::Trim;
    });
    let parsed = parsed.unwrap();
    assert_eq!(parsed.errors, []);
    let event = parsed.events.into_iter().next().unwrap();
    let mut form = Vec::new();
    auditlake_event::canonical::write_canonical(&event, &mut form);
    assert!(form.len() <= max_event_bytes, "{} bytes", form.len());
    event
}

fn metadata_of(event: &Event<'_>) -> Value {
    serde_json::from_str(event.metadata.as_deref().unwrap()).unwrap()
}

#[test]
fn the_largest_free_fields_of_a_large_event_give_way_and_are_named() {
    let text = "é".repeat(2_000);
    let event =
        trimmed(json!({"actor_id": "ada", "user_agent": "x".repeat(300), "metadata": {"body": text, "n": 1.50}}), 2_000);
    assert_eq!((event.actor_id.as_deref(), event.user_agent.as_deref()), (Some("ada"), Some(&*"x".repeat(300))));
    let metadata = metadata_of(&event);
    assert_eq!(metadata["trimmed"], json!({"metadata.body": 4_002}));
    let body = metadata["body"].as_str().unwrap();
    assert!(body.len() <= 256 && body.ends_with("é…") && body.starts_with("éé"), "{body}");
    assert_eq!(metadata["n"], 1.5);

    let event = trimmed(
        json!({"changes": [{"field": "policy", "before": {"text": text}, "after": [text]}], "trimmed": 1, "user_agent": "y".repeat(900)}),
        1_500,
    );
    let changes: Value = serde_json::from_str(event.changes.as_deref().unwrap()).unwrap();
    assert_eq!((&changes[0]["field"], &changes[0]["after"]), (&json!("policy"), &json!("…")));
    assert_eq!(metadata_of(&event)["trimmed"], 1);
    let named: Vec<String> = metadata_of(&event)["other_trimmed"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(named, ["changes[0].after", "changes[0].before.text", "user_agent"]);
}

#[test]
fn many_small_values_give_way_too_and_what_identifies_an_event_never_does() {
    let many: serde_json::Map<String, Value> = (0..2_000).map(|number| (format!("k{number}"), json!("value"))).collect();
    let event = trimmed(json!({"metadata": {"many": many, "one": 1}}), 4_000);
    assert_eq!((&metadata_of(&event)["many"], &metadata_of(&event)["one"]), (&json!("…"), &json!(1)));
    let long = json!({"actor_id": "a".repeat(1_500)});
    let body = event_with(long).to_string();
    let parsed = parse_as(body.as_bytes(), Shape::Sniff, |context| {
        context.max_event_bytes = 1_024;
        context.large_events = LargeEvents::Trim;
    });
    let errors = parsed.unwrap().errors;
    assert_eq!((errors[0].field.as_str(), &*errors[0].detail), ("event", "must not be larger than 1024 bytes"));
}

#[test]
fn a_text_over_its_own_limit_is_cut_only_where_events_are_trimmed() {
    let body = event_with(json!({"user_agent": "x".repeat(MAX_LONG_TEXT_BYTES + 1)})).to_string();
    assert_eq!(errors_of(&body)[0].0, "user_agent");
    let parsed = parse_as(body.as_bytes(), Shape::Ndjson, |context| context.large_events = LargeEvents::Trim).unwrap();
    assert_eq!(parsed.errors, []);
    let agent = parsed.events[0].user_agent.as_deref().unwrap();
    assert_eq!((agent.len(), agent.ends_with("x…")), (MAX_LONG_TEXT_BYTES, true));
    assert_eq!(metadata_of(&parsed.events[0])["trimmed"], json!({"user_agent": MAX_LONG_TEXT_BYTES + 1}));
    let foreign = json!({"organization": "acme", "action": "a", "crud": "c", "created": "2026-03-01T11:00:00Z",
        "description": "d".repeat(3_000)});
    let parsed = parse_as(foreign.to_string().as_bytes(), Shape::Ndjson, |context| {
        context.max_event_bytes = 1_024;
        context.large_events = LargeEvents::Trim;
    });
    assert_eq!(metadata_of(&parsed.unwrap().events[0])["trimmed"], json!({"metadata.description": 3_002}));
}
