//! What is wrong with an event, and which member is named.

use auditlake_event::input::{DoorContext, Lookalikes, Shape, parse_body};
use auditlake_event::limits::{MAX_LONG_TEXT_BYTES, MAX_SHORT_TEXT_BYTES};
use auditlake_event::{Region, Timestamp};
use serde_json::{Value, json};

use super::{errors_of, event_with, only_event};

#[test]
fn every_rule_names_the_field_and_says_what_is_wrong() {
    let short = "x".repeat(MAX_SHORT_TEXT_BYTES + 1);
    let long = "x".repeat(MAX_LONG_TEXT_BYTES + 1);
    let deep = serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).unwrap();
    let name_rule = "must match [a-z0-9][a-z0-9_-]{0,62}";
    let time_rule = "must be an RFC 3339 time such as 2026-03-01T12:00:00.123Z";
    let set_by_lake = "is set by the lake and must not be stated";
    let outcomes = "must be one of success, failure, denied, unknown";
    let shape_rule = "must be an array of {\"field\",\"before\",\"after\"}, an object of a `before` and an `after` object, or an \
                      object of {\"before\",\"after\"} by field";
    let entry_rule = "must be an object of `field`, `before` and `after` and nothing else";
    for (members, field, detail) in [
        (json!({"event_time": null}), "event_time", "is required"),
        (json!({"event_time": ""}), "event_time", "is required"),
        (json!({"event_time": 1_772_366_400_000_i64}), "event_time", "must be a string"),
        (json!({"event_time": "yesterday"}), "event_time", time_rule),
        (json!({"event_time": "2026-03-01T12:00:00"}), "event_time", time_rule),
        (
            json!({"event_time": "2026-03-01T12:05:00.001Z"}),
            "event_time",
            "must not lie more than 300 seconds in the future",
        ),
        (json!({"event_time": "9999-01-01T00:00:00Z"}), "event_time", "must not lie more than 300 seconds in the future"),
        (json!({"event_time": "1999-12-31T23:59:59.999Z"}), "event_time", "must not lie before 2000-01-01T00:00:00.000Z"),
        (json!({"event_time_nanos": 1_000_000}), "event_time_nanos", "must be an integer from 0 to 999999"),
        (json!({"event_time_nanos": -1}), "event_time_nanos", "must be an integer from 0 to 999999"),
        (json!({"event_time_nanos": "5"}), "event_time_nanos", "must be an integer from 0 to 999999"),
        (
            json!({"event_time": "2026-03-01T11:59:59.1234Z", "event_time_nanos": 5}),
            "event_time_nanos",
            "must not be stated if `event_time` has digits below the millisecond",
        ),
        (json!({"received_time": "2026-03-01T11:59:59Z"}), "received_time", set_by_lake),
        (json!({"seal_time": 5}), "seal_time", set_by_lake),
        (json!({"raw": {}}), "raw", set_by_lake),
        (json!({"action": null}), "action", "is required"),
        (json!({"action": ""}), "action", "is required"),
        (json!({"action": 7}), "action", "must be a string"),
        (json!({"action": short}), "action", "must not be longer than 2048 bytes"),
        (json!({"organization": null}), "organization", "is required"),
        (json!({"organization": "Acme"}), "organization", name_rule),
        (json!({"organization": "../acme"}), "organization", name_rule),
        (json!({"organization": 5}), "organization", "must be a string"),
        (json!({"region": "us east"}), "region", name_rule),
        (json!({"source": "lakefs"}), "source", "must be `api` or left out: it is set by the door"),
        (json!({"event_id": "a b"}), "event_id", "must match [A-Za-z0-9._~:@+=-]{1,128}"),
        (json!({"event_id": "a/b"}), "event_id", "must match [A-Za-z0-9._~:@+=-]{1,128}"),
        (json!({"event_id": "é"}), "event_id", "must match [A-Za-z0-9._~:@+=-]{1,128}"),
        (json!({"event_id": "x".repeat(129)}), "event_id", "must match [A-Za-z0-9._~:@+=-]{1,128}"),
        (json!({"event_id": 17}), "event_id", "must be a string"),
        // Steps in the path of a link, encoded or not.
        (json!({"event_id": "."}), "event_id", "must not be `.` or `..`: no link can lead to it"),
        (json!({"event_id": ".."}), "event_id", "must not be `.` or `..`: no link can lead to it"),
        (json!({"outcome": "ok"}), "outcome", outcomes),
        (json!({"outcome": "Success"}), "outcome", outcomes),
        (json!({"outcome": true}), "outcome", "must be a string"),
        (
            json!({"category": "x"}),
            "category",
            "must be one of user_management, role_management, group_management, permission_check, authentication, \
             data_access, configuration, other",
        ),
        (json!({"actor_type": "human"}), "actor_type", "must be one of user, service, role, api_key, system, anonymous"),
        (json!({"actor_id": 12345}), "actor_id", "must be a string"),
        (json!({"actor_id": {"id": "a"}}), "actor_id", "must be a string"),
        (json!({"actor_name": ["a"]}), "actor_name", "must be a string"),
        (json!({"user_agent": long}), "user_agent", "must not be longer than 16384 bytes"),
        (json!({"source_ip": 1}), "source_ip", "must be a string"),
        (json!({"http_status": "200"}), "http_status", "must be an integer from 100 to 599"),
        (json!({"http_status": 99}), "http_status", "must be an integer from 100 to 599"),
        (json!({"http_status": 600}), "http_status", "must be an integer from 100 to 599"),
        (json!({"http_status": 200.0}), "http_status", "must be an integer from 100 to 599"),
        (json!({"http_status": [200]}), "http_status", "must be an integer from 100 to 599"),
        (json!({"metadata": [1]}), "metadata", "must be a JSON object"),
        (json!({"metadata": "{}"}), "metadata", "must be a JSON object"),
        (
            json!({"metadata": {"a": deep}}),
            &format!("metadata.a{}", "[0]".repeat(63)),
            "must not be nested deeper than 64 levels",
        ),
        (json!({"ticket": deep}), &format!("ticket{}", "[0]".repeat(63)), "must not be nested deeper than 64 levels"),
        (
            json!({"ticket": 1, "metadata": {"ticket": 2}}),
            "ticket",
            "is no column, and `metadata` has a member of this name already",
        ),
        (json!({"changes": "role"}), "changes", shape_rule),
        (json!({"changes": 1}), "changes", shape_rule),
        (json!({"changes": [1]}), "changes[0]", entry_rule),
        (json!({"changes": [{"before": 1, "after": 2}]}), "changes[0].field", "must be a text that is not empty"),
        (json!({"changes": [{"field": 3}]}), "changes[0].field", "must be a text that is not empty"),
        (json!({"changes": [{"field": "a"}, {"field": "b", "old": 1}]}), "changes[1].old", entry_rule),
        (json!({"changes": {"role": 1}}), "changes.role", "must be an object of `before` and `after` and nothing else"),
        (json!({"changes": {"role": {}}}), "changes.role", "must be an object of `before` and `after` and nothing else"),
        (
            json!({"changes": {"role": {"before": 1, "x": 2}}}),
            "changes.role.x",
            "must be an object of `before` and `after` and nothing else",
        ),
    ] {
        let event = event_with(members).to_string();
        assert_eq!(errors_of(&event), [(field.to_owned(), detail.to_owned())], "{event}");
    }
}

#[test]
fn metadata_may_be_nested_up_to_the_limit() {
    let deep = serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(63), "]".repeat(63))).unwrap();
    for members in [json!({"metadata": {"a": deep}}), json!({"a": deep})] {
        let event = only_event(event_with(members).to_string());
        assert_eq!(event.metadata.unwrap().len(), 63 * 2 + 1 + 6);
    }
}

#[test]
fn what_only_text_can_break_is_refused_with_its_field() {
    let start = r#"{"event_time":"2026-03-01T11:59:59Z","organization":"acme","action":"login""#;
    for (rest, field, detail) in [
        (r#","action":"again"}"#, "action", "is stated twice"),
        (r#","\u0061ction":"again"}"#, "action", "is stated twice"),
        (r#","ticket":1,"ticket":1}"#, "ticket", "is stated twice"),
        (r#","metadata":{"a":1,"a":2}}"#, "metadata.a", "is stated twice"),
        (r#","metadata":{"a":[{"b":1,"c":2,"b":3}]}}"#, "metadata.a[0].b", "is stated twice"),
        (r#","more":{"b":1,"b":3}}"#, "more.b", "is stated twice"),
        (r#","changes":{"before":{"a":1,"a":2}}}"#, "changes.before.a", "is stated twice"),
        (r#","actor_id":"\ud800"}"#, "actor_id", "must not contain half a surrogate pair"),
        (r#","metadata":{"a":["\udc00x"]}}"#, "metadata.a[0]", "must not contain half a surrogate pair"),
    ] {
        assert_eq!(errors_of(&format!("{start}{rest}")), [(field.to_owned(), detail.to_owned())], "{rest}");
    }
}

#[test]
fn an_event_with_several_faults_lists_them_all() {
    let fields: Vec<_> = errors_of(r#"{"outcome":"ok","http_status":"x"}"#).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["event_time", "organization", "action", "outcome", "http_status"]);
}

#[test]
fn a_member_that_looks_like_a_column_is_refused_with_the_name_that_was_meant() {
    for (name, meant) in
        [("outcom", "outcome"), ("actor_emial", "actor_email"), ("actorEmail", "actor_email"), ("resouce_id", "resource_id")]
    {
        let detail =
            format!("is no member of an event: did you mean `{meant}`? With ?unknown=keep it is kept in `metadata`");
        assert_eq!(errors_of(&event_with(json!({name: "x"})).to_string()), [(name.to_owned(), detail)]);
    }
    let mut event = event_with(json!({"eventTime": "2026-03-01T11:59:59Z"}));
    event.as_object_mut().unwrap().remove("event_time");
    let fields: Vec<String> = errors_of(&event.to_string()).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["event_time", "eventTime"]);
}

#[test]
fn a_lookalike_is_kept_where_nothing_is_lost_or_the_caller_says_so() {
    // The column is stated too; another word; nothing is said.
    for members in [json!({"outcome": "denied", "outcomes": ["a"]}), json!({"event_type": "a"}), json!({"actorEmail": null})]
    {
        let name = members.as_object().unwrap().keys().next_back().unwrap().clone();
        let kept = only_event(event_with(members.clone()).to_string()).metadata.unwrap().into_owned();
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), json!({&name: members[&name]}));
    }
    let region = Region::parse("us-east-1").unwrap();
    let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    let context = DoorContext { lookalikes: Lookalikes::Keep, ..DoorContext::api(now, &region, None) };
    let body = event_with(json!({"outcom": "denied"})).to_string();
    let parsed = parse_body(body.as_bytes(), Shape::Sniff, &context, &mut || [0; 10]).unwrap();
    assert_eq!(parsed.events[0].metadata.as_deref(), Some(r#"{"outcom":"denied"}"#));
}
