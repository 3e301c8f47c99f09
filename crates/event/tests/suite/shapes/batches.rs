//! Whole bodies: events of several shapes together, and what holds for all of them.

use auditlake_event::input::Shape;
use serde_json::{Value, json};

use super::{errors, metadata, only, post, posted, read, refused, retraced, with, workos};

#[test]
fn a_batch_may_be_mixed_and_a_bad_event_costs_no_other() {
    let ours = json!({"event_id": "o1", "event_time": "2026-03-01T10:00:00Z", "action": "login"});
    let no_time = json!({"action": "login", "organization": "acme"});
    let bad = with(workos(), "/actor/id", json!(7));
    let bulk = json!({"events": [ours, workos(), no_time, retraced(), bad, 5, retraced()]});
    for body in [bulk.clone(), bulk["events"].clone()] {
        let parsed = post(&body);
        let actions: Vec<&str> = parsed.events.iter().map(|event| event.action.as_ref()).collect();
        assert_eq!(actions, ["login", "document.shared", "spreadsheet.create", "spreadsheet.create"]);
        let indexes: Vec<usize> = parsed.receipts.iter().map(|receipt| receipt.index).collect();
        assert_eq!((indexes, parsed.count, parsed.refused()), (vec![0, 1, 3, 6], 7, 3));
        let expected =
            [(2, "event_time", "is required"), (4, "actor.id", "must be a string"), (5, "event", "must be a JSON object")];
        assert_eq!(errors(&parsed), expected.map(|(index, field, rule)| (index, field.to_owned(), rule.to_owned())));
    }
    let lines: Vec<String> = bulk["events"].as_array().unwrap().iter().map(Value::to_string).collect();
    let parsed = read(lines.join("\n").as_bytes(), Shape::Sniff, Some("acme")).unwrap();
    assert_eq!((parsed.events.len(), parsed.errors.len()), (4, 3));
}

#[test]
fn an_event_of_ours_stays_ours_whatever_else_it_states() {
    let ours = json!({"event_time": "2026-03-01T10:00:00Z", "action": "a", "crud": "c", "created": "x", "actor": {"id": "1"},
        "occurred_at": "x", "targets": [1]});
    let event = posted(&ours);
    let expected = json!({"crud": "c", "created": "x", "actor": {"id": "1"}, "occurred_at": "x", "targets": [1]});
    assert_eq!((metadata(&event), event.actor_id), (expected, None));
    let mut no_time = ours;
    no_time.as_object_mut().unwrap().remove("event_time");
    no_time["event_id"] = json!("e1");
    assert_eq!(refused(&no_time), ("event_time".to_owned(), "is required".to_owned()));
    assert_eq!(refused(&json!({"action": "a", "occurred_at": "x"})), ("event_time".to_owned(), "is required".to_owned()));
}

#[test]
fn a_caller_for_every_organization_states_it_in_our_words() {
    let read = |body: &Value| read(body.to_string().as_bytes(), Shape::Sniff, None).unwrap();
    assert_eq!(errors(&read(&workos())), [(0, "organization".to_owned(), "is required".to_owned())]);
    for event in [workos(), retraced(), json!({"organization_id": "org_1", "event": workos()})] {
        let parsed = read(&with(with(event, "/organization", json!("acme")), "/region", json!("eu-west-1")));
        let event = only(parsed);
        assert_eq!((&*event.organization, &*event.region), ("acme", "eu-west-1"));
    }
}

#[test]
fn numbers_stay_as_they_were_sent() {
    let event = workos().to_string().replace("1.5", "1.50").replace("\"size\":4", "\"size\":12345678901234567890123");
    let parsed = only(read(event.as_bytes(), Shape::Sniff, Some("acme")).unwrap());
    let kept = parsed.metadata.unwrap();
    assert!(kept.contains("\"price\":1.50") && kept.contains("\"size\":12345678901234567890123"), "{kept}");
}

#[test]
fn the_size_that_counts_is_that_of_the_event_as_sent() {
    let large = |length: usize| {
        let mut event = workos();
        event["metadata"] = json!({"long": "x".repeat(length)});
        event
    };
    assert_eq!(post(&large(64_000)).events.len(), 1);
    assert_eq!(refused(&large(66_000)), ("event".to_owned(), "must not be larger than 65536 bytes".to_owned()));
}
