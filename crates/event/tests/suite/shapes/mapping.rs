//! WorkOS and Retraced: what each member becomes, and what is said of one that cannot be read.

use auditlake_event::input::Shape;
use auditlake_event::{ActorType, Outcome};
use serde_json::{Value, json};

use super::{RETRACED_ID, errors, metadata, posted, read, refused, retraced, text, with, workos};

#[test]
fn a_workos_event_answers_who_what_when_and_from_where() {
    let event = posted(&workos());
    assert_eq!((event.event_time.to_string().as_str(), event.event_time_nanos), ("2026-03-01T10:00:00.123Z", Some(456_000)));
    assert_eq!((&*event.action, event.outcome, &*event.source), ("document.shared", Outcome::Unknown, "api"));
    assert_eq!((text(&event.actor_id), text(&event.actor_name)), ("user_7", "Ada Byron"));
    assert_eq!(event.actor_type, Some(ActorType::User));
    let resource = (text(&event.resource_type), text(&event.resource_id), text(&event.resource_name));
    assert_eq!(resource, ("document", "doc_1", "Plan"));
    assert_eq!((text(&event.source_ip), text(&event.user_agent)), ("192.0.2.17", "Chrome/104.0"));
    let expected = json!({
        "ticket": "T-9", "price": 1.5, "urgent": true, "version": 2, "actor": {"metadata": {"role": "owner"}},
        "targets": [{"id": "doc_1", "name": "Plan", "type": "document"},
            {"id": "team_2", "type": "team", "metadata": {"size": 4}}],
    });
    assert_eq!(metadata(&event), expected);
}

#[test]
fn one_workos_target_that_says_no_more_than_its_columns_is_not_kept_twice() {
    let one = with(workos(), "/targets", json!([{"id": "doc_1", "type": "document", "name": null}]));
    assert_eq!(metadata(&posted(&one)).get("targets"), None);
    let more = json!([{"id": "doc_1", "type": "document", "metadata": {"pages": 3}}]);
    let event = posted(&with(workos(), "/targets", more.clone()));
    assert_eq!(metadata(&event)["targets"], more);
    let none = posted(&with(workos(), "/targets", json!([])));
    assert_eq!((none.resource_id, none.resource_type), (None, None));
}

#[test]
fn a_wrapped_workos_event_and_the_spelling_of_the_sdks_are_read_alike() {
    let wire = json!({"organization_id": "org_1", "idempotency_key": "k 1", "event": workos()});
    let event = posted(&wire);
    assert_eq!((text(&event.scope_type), text(&event.scope_id)), ("organization", "org_1"));
    assert_eq!(metadata(&event)["organization_id"], "org_1");
    assert_eq!(metadata(&event)["idempotency_key"], "k 1");
    let mut inner = workos();
    let members = inner.as_object_mut().unwrap();
    let time = members.remove("occurred_at").unwrap();
    members.insert("occurredAt".to_owned(), time);
    members["context"] = json!({"location": "192.0.2.17", "userAgent": "Chrome/104.0"});
    let sdk = json!({"organizationId": "org_1", "idempotencyKey": "k 1", "event": inner});
    assert_eq!(posted(&sdk), event);
    // Without the wrapping the tenant may stand in the event.
    let mut bare = workos();
    bare["organization_id"] = json!("org_1");
    bare["idempotency_key"] = json!("k 1");
    assert_eq!(posted(&bare), event);
}

#[test]
fn a_workos_idempotency_key_is_the_id_together_with_the_organization() {
    let id = |organization: Value, key: &str| {
        let wrapped = json!({"organization_id": organization, "event": workos(), "idempotency_key": key});
        posted(&wrapped).event_id.into_owned()
    };
    // UUIDv5 of Python's uuid module: uuid5(UUID("75a2c0dd-6d76-4966-972e-ac193dd229f5"), "org_1\0k").
    assert_eq!(id(json!("org_1"), "k"), "267c6a1b-2bfa-5e99-a42e-9e2a18e7e00c");
    assert_ne!(id(json!("org_1"), "k"), id(json!("org_2"), "k"));
    assert_ne!(id(json!("org_1"), "k"), id(json!("org_1"), "l"));
    assert_ne!(id(json!(null), "k"), id(json!("org_1"), "k"));
    // Events that WorkOS forwards have an id of its own.
    let mut forwarded = workos();
    forwarded["id"] = json!("audit_event_01");
    assert_eq!(posted(&forwarded).event_id, "audit_event_01");
}

#[test]
fn types_of_actors_are_ours_only_if_they_are_a_word_of_ours() {
    for (theirs, ours) in [
        ("User", Some(ActorType::User)),
        ("api-key", Some(ActorType::ApiKey)),
        ("apiKey", Some(ActorType::ApiKey)),
        ("SYSTEM", Some(ActorType::System)),
        ("robot", None),
    ] {
        let event = posted(&with(workos(), "/actor/type", json!(theirs)));
        assert_eq!(event.actor_type, ours, "{theirs}");
        let kept = metadata(&event)["actor"].get("type").cloned();
        assert_eq!(kept, ours.is_none().then(|| json!(theirs)), "{theirs}");
    }
}

#[test]
fn of_a_list_of_addresses_the_first_counts_and_all_are_kept() {
    let event = posted(&with(workos(), "/context/location", json!("2001:DB8::1, 10.0.0.1")));
    assert_eq!(text(&event.source_ip), "2001:db8::1");
    assert_eq!(metadata(&event)["context"], json!({"location": "2001:DB8::1, 10.0.0.1"}));
    let event = posted(&with(retraced(), "/source_ip", json!("192.0.2.9:443")));
    assert_eq!((text(&event.source_ip), &metadata(&event)["source_ip"]), ("192.0.2.9", &json!("192.0.2.9:443")));
}

#[test]
fn names_in_the_senders_metadata_yield_to_ours_and_are_kept() {
    let theirs = json!({"version": "theirs", "action": "x", "metadata": 1, "free": 2});
    let event = posted(&with(workos(), "/metadata", theirs));
    let kept = metadata(&event);
    assert_eq!((&kept["version"], &kept["action"], &kept["free"]), (&json!(2), &json!("x"), &json!(2)));
    assert_eq!(kept["metadata"], json!({"version": "theirs", "metadata": 1}));
    assert_eq!(event.action, "document.shared");
}

#[test]
fn every_rule_names_the_member_that_was_sent() {
    let too_long = "x".repeat(2_049);
    let time_rule = "must be an RFC 3339 time such as 2026-03-01T12:00:00.123Z";
    for (pointer, value, field, detail) in [
        ("/occurred_at", json!("yesterday"), "occurred_at", time_rule),
        ("/occurred_at", json!(1_772_359_200), "occurred_at", "must be a string"),
        ("/action", json!(null), "action", "is required"),
        ("/actor", json!("ada"), "actor", "must be a JSON object"),
        ("/actor/id", json!(7), "actor.id", "must be a string"),
        ("/actor/name", json!(too_long), "actor.name", "must not be longer than 2048 bytes"),
        ("/targets", json!({"id": "x"}), "targets", "must be an array of JSON objects"),
        ("/targets", json!([{"id": "x"}, 7]), "targets[1]", "must be a JSON object"),
        ("/targets", json!([{"id": ["x"]}]), "targets[0].id", "must be a string"),
        ("/context", json!([]), "context", "must be a JSON object"),
        ("/context/user_agent", json!(1), "context.user_agent", "must be a string"),
        ("/metadata", json!("x"), "metadata", "must be a JSON object"),
        ("/organization", json!("other"), "organization", "must be `acme`, the organization of the caller, or left out"),
        ("/idempotency_key", json!(5), "idempotency_key", "must be a string"),
    ] {
        let bad = with(workos(), pointer, value);
        assert_eq!(refused(&bad), (field.to_owned(), detail.to_owned()));
        let (outside, rest) = match field {
            "organization" | "idempotency_key" => continue,
            inside => (format!("event.{inside}"), detail),
        };
        assert_eq!(refused(&json!({"organization_id": "org_1", "event": bad})), (outside, rest.to_owned()));
    }
}

#[test]
fn what_only_text_can_break_is_named_as_it_was_sent() {
    let event = workos().to_string();
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for (from, to, field, detail) in [
        ("\"role\":\"owner\"", "\"role\":1,\"role\":2", "actor.metadata.role", "is stated twice"),
        ("\"Ada Byron\"", "\"\\ud800\"", "actor.name", "must not contain half a surrogate pair"),
        ("\"T-9\"", &deep(62), "metadata.ticket", ""),
        ("\"owner\"", &deep(62), "actor.metadata.role", "must not be nested deeper than 64 levels"),
    ] {
        assert!(event.contains(from), "{from}");
        let parsed = read(event.replace(from, to).as_bytes(), Shape::Sniff, Some("acme")).unwrap();
        let found = errors(&parsed);
        if detail.is_empty() {
            assert_eq!(found, [], "{field}");
            continue;
        }
        let [(0, at, rule)] = &found[..] else { panic!("{found:?}") };
        assert!(at.starts_with(field) && rule == detail, "{at}: {rule}");
    }
}

#[test]
fn a_retraced_event_answers_who_what_when_from_where_and_how_it_ended() {
    let event = posted(&retraced());
    assert_eq!((&*event.event_id, &*event.action), (RETRACED_ID, "spreadsheet.create"));
    assert_eq!((event.event_time.to_string().as_str(), event.outcome), ("2026-03-01T10:00:00.000Z", Outcome::Success));
    assert_eq!((text(&event.actor_id), text(&event.actor_name), event.actor_type), ("u1", "ada@example.com", None));
    let resource = (text(&event.resource_type), text(&event.resource_id), text(&event.resource_name));
    assert_eq!(resource, ("spreadsheet", "s1", "Budget"));
    assert_eq!((text(&event.scope_type), text(&event.scope_id)), ("group", "g1"));
    assert_eq!((text(&event.source_ip), text(&event.service_name)), ("192.0.2.30", "sheets"));
    let expected = json!({
        "crud": "c", "external_id": "ext-1", "description": "made a sheet", "fields": {"cells": "10"}, "version": "v2", "trace": "t1",
        "group": {"name": "Customers"}, "actor": {"href": "https://example.com/u1", "fields": {"plan": "pro"}},
        "target": {"href": "https://example.com/s1", "fields": {"a": "b"}},
    });
    assert_eq!(metadata(&event), expected);
}

#[test]
fn a_retraced_outcome_is_what_is_stated_and_else_unknown() {
    for (is_failure, outcome) in
        [(json!(true), Outcome::Failure), (json!(false), Outcome::Success), (json!(null), Outcome::Unknown)]
    {
        assert_eq!(posted(&with(retraced(), "/is_failure", is_failure)).outcome, outcome);
    }
    let anonymous = posted(&with(with(retraced(), "/is_anonymous", json!(true)), "/actor", json!(null)));
    assert_eq!((anonymous.actor_type, anonymous.actor_id), (Some(ActorType::Anonymous), None));
}

#[test]
fn retraced_rules_name_the_member_that_was_sent() {
    for (pointer, value, field, detail) in [
        ("/created", json!(null), "created", "is required"),
        ("/created", json!("2099-01-01T00:00:00Z"), "created", "must not lie more than 300 seconds in the future"),
        ("/action", json!(""), "action", "is required"),
        ("/is_failure", json!("no"), "is_failure", "must be true or false"),
        ("/is_anonymous", json!(0), "is_anonymous", "must be true or false"),
        ("/group", json!("g1"), "group", "must be a JSON object"),
        ("/group/id", json!(1), "group.id", "must be a string"),
        ("/target/type", json!({}), "target.type", "must be a string"),
        ("/component", json!(1), "component", "must be a string"),
        ("/external_id", json!(1), "external_id", "must be a string"),
    ] {
        assert_eq!(refused(&with(retraced(), pointer, value)), (field.to_owned(), detail.to_owned()));
    }
}

#[test]
fn an_external_id_counts_within_its_group_and_is_kept() {
    for external_id in ["ext-1", "a b/c"] {
        let id = |group: &str| {
            let event = posted(&with(with(retraced(), "/external_id", json!(external_id)), "/group/id", json!(group)));
            assert_eq!(metadata(&event)["external_id"], external_id);
            event.event_id.into_owned()
        };
        assert_eq!((id("g1").len(), id("g1") == id("g1"), id("g1") == id("g2")), (36, true, false));
    }
    let without_group = posted(&with(retraced(), "/group", json!(null)));
    assert_eq!((&*without_group.event_id, metadata(&without_group).get("external_id")), ("ext-1", None));
}
