//! What is posted, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

use auditlake_event::input::{
    BodyError, BodyErrorKind, DoorContext, FieldError, IDEMPOTENCY_NAMESPACE, LargeEvents, Lookalikes, ParsedBody, Shape,
    parse_body,
};
use auditlake_event::limits::{
    DEFAULT_MAX_EVENT_BYTES, MAX_EVENTS_PER_REQUEST, MAX_INFLATED_BYTES, MAX_LONG_TEXT_BYTES, MAX_SHORT_TEXT_BYTES,
};
use auditlake_event::{Category, Event, Organization, Outcome, Region, Timestamp};
use serde_json::{Value, json};

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

fn with_context<T>(organization: Option<&str>, run: impl FnOnce(DoorContext<'_>) -> T) -> T {
    let region = Region::parse("us-east-1").unwrap();
    let organization = organization.map(|name| Organization::parse(name).unwrap());
    run(DoorContext::api(now(), &region, organization.as_ref()))
}

fn parse_as(
    body: &[u8],
    shape: Shape,
    change: impl FnOnce(&mut DoorContext<'static>),
) -> Result<ParsedBody<'static>, BodyError> {
    let region: &'static Region = Box::leak(Box::new(Region::parse("us-east-1").unwrap()));
    let mut context = DoorContext::api(now(), region, None);
    change(&mut context);
    let body: &'static [u8] = Box::leak(body.to_vec().into_boxed_slice());
    let mut counter = 0;
    let mut random = || {
        counter += 1;
        [counter; 10]
    };
    parse_body(body, shape, &context, &mut random)
}

fn parse(body: impl AsRef<[u8]>) -> Result<ParsedBody<'static>, BodyError> {
    parse_as(body.as_ref(), Shape::Sniff, |_| {})
}

/// A good event with some members replaced or added; a JSON string so that duplicate members are possible.
fn event_with(members: Value) -> Value {
    let mut event =
        json!({"event_id": "e1", "event_time": "2026-03-01T11:59:59Z", "organization": "acme", "action": "login"});
    for (name, value) in members.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn errors_of(event: &str) -> Vec<(String, String)> {
    let parsed = parse(event).unwrap();
    assert_eq!(parsed.count, 1);
    assert!(parsed.events.is_empty(), "accepted: {event}");
    parsed.errors.into_iter().map(|error| (error.field, error.detail.into_owned())).collect()
}

fn only_event(body: impl AsRef<[u8]>) -> Event<'static> {
    let parsed = parse(body).unwrap();
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.events.len(), 1);
    parsed.events.into_iter().next().unwrap()
}

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
fn a_body_that_is_no_json_is_refused_as_a_whole() {
    for (body, kind, message) in [
        (&b"hello"[..], BodyErrorKind::Malformed, "the body is not JSON: expected a JSON value at byte 0"),
        (
            b"\"hello\"",
            BodyErrorKind::Unprocessable,
            "the body must be an event, an array of events, an object with `events`, or NDJSON",
        ),
        (b"", BodyErrorKind::Unprocessable, "the body holds no event"),
        (b" \r\n ", BodyErrorKind::Unprocessable, "the body holds no event"),
        (b"\xef\xbb\xbf", BodyErrorKind::Unprocessable, "the body holds no event"),
        (b"[]", BodyErrorKind::Unprocessable, "the body holds no event"),
        (b"{\"events\":[]}", BodyErrorKind::Unprocessable, "the body holds no event"),
        (b"[{\"a\":1}", BodyErrorKind::Malformed, "the body is not JSON: it ends at byte 8 where ',' or ']' was expected"),
        (
            b"{\"a\":\"b",
            BodyErrorKind::Malformed,
            "the body is not JSON: it ends at byte 7 where the end of a string was expected",
        ),
        (b"[{\"a\":1},]", BodyErrorKind::Malformed, "the body is not JSON: expected a JSON value at byte 9"),
        (b"{\"a\":1,}", BodyErrorKind::Malformed, "the body is not JSON: expected a member's name at byte 7"),
        (b"{\"a\":01}", BodyErrorKind::Malformed, "the body is not JSON: expected no digit after a leading zero at byte 6"),
        (b"{'a':1}", BodyErrorKind::Malformed, "the body is not JSON: expected a member's name at byte 1"),
        (b"{\"a\":1} x", BodyErrorKind::Malformed, "the body is not JSON: expected the end of the body at byte 8"),
        (b"[1] [2]", BodyErrorKind::Malformed, "the body is not JSON: expected the end of the body at byte 4"),
        (b"{\"a\":\"\xff\"}", BodyErrorKind::Malformed, "the body is not valid UTF-8 at byte 6"),
        (b"\xef\xbb\xbf{\"a\":\"\xff\"}", BodyErrorKind::Malformed, "the body is not valid UTF-8 at byte 9"),
        (
            b"{\"a\":\"\x01\"}",
            BodyErrorKind::Malformed,
            "the body is not JSON: expected no unescaped control character at byte 6",
        ),
        (
            b"{\"events\":[{}],\"version\":1}",
            BodyErrorKind::Unprocessable,
            "beside `events` there must be no other member, but there is `version`",
        ),
    ] {
        let error = parse(body).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, message.to_owned()), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let events = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert_eq!(parse(events(MAX_EVENTS_PER_REQUEST)).unwrap().count, MAX_EVENTS_PER_REQUEST);
    let error = parse(events(MAX_EVENTS_PER_REQUEST + 1)).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (BodyErrorKind::TooLarge, "the body holds more than the 10000 events allowed")
    );
    let error = parse("{}\n".repeat(MAX_EVENTS_PER_REQUEST + 1)).unwrap_err();
    assert_eq!(error, BodyError::TooManyEvents { limit: 10_000 });
    let error = parse(vec![b' '; MAX_INFLATED_BYTES + 1]).unwrap_err();
    assert_eq!(error.to_string(), "the body has 33554433 bytes, more than the 33554432 allowed");
    assert_eq!(error.kind(), BodyErrorKind::TooLarge);
}

#[test]
fn a_body_of_brackets_does_not_exhaust_the_stack() {
    let deep = "[".repeat(1_000_000);
    assert!(matches!(parse(&deep), Err(BodyError::NotJson(_))));
    let closed = format!("[{deep}{}]", "]".repeat(1_000_000));
    let parsed = parse(&closed).unwrap();
    assert_eq!(parsed.errors, [FieldError { index: 0, field: "event".into(), detail: "must be a JSON object".into() }]);
    let inside =
        event_with(json!({})).to_string().replace("\"e1\"", &format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)));
    assert_eq!(errors_of(&inside), [("event_id".into(), "must be a string".into())]);
    let unknown = inside.replace("event_id", "whatever");
    let errors = errors_of(&unknown);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].1, "must not be nested deeper than 64 levels");
}

#[test]
fn one_bad_event_costs_no_other() {
    let good = |id: &str| event_with(json!({ "event_id": id })).to_string();
    let bad_lines = [
        ("{\"a\":", "event", "is not JSON: it ends at byte 5 where a JSON value was expected"),
        ("[1]", "event", "must be a JSON object"),
        ("{} {}", "event", "is not JSON: expected the end of the line at byte 3"),
        ("nonsense", "event", "is not JSON: expected a JSON value at byte 0"),
    ];
    for (bad, field, detail) in bad_lines {
        for line_end in ["\n", "\r\n", "\n\n \r\n"] {
            let body = format!("{}{line_end}{bad}{line_end}{}", good("a"), good("b"));
            let parsed = parse(&body).unwrap();
            let ids: Vec<_> = parsed.events.iter().map(|event| event.event_id.as_ref()).collect();
            let expected = FieldError { index: 1, field: field.into(), detail: detail.into() };
            assert_eq!((ids, parsed.errors), (vec!["a", "b"], vec![expected]), "{body}");
            assert_eq!(parsed.receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [0, 2]);
        }
    }
    let array = format!("[{}, 5, \"x\", null, [], {{\"action\":1}}, {}]", good("a"), good("b"));
    let parsed = parse(&array).unwrap();
    assert_eq!(parsed.events.len(), 2);
    assert_eq!(parsed.receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [0, 6]);
    assert_eq!(parsed.refused(), 5);
    assert!(parsed.errors.iter().take(4).all(|error| error.detail == "must be a JSON object"));
}

#[test]
fn invalid_utf8_costs_one_line_only() {
    let mut body = event_with(json!({"event_id": "a"})).to_string().into_bytes();
    body.extend_from_slice(b"\n{\"action\":\"\xff\"}\n");
    body.extend_from_slice(event_with(json!({"event_id": "b", "actor_name": "Zoë"})).to_string().as_bytes());
    let parsed = parse(&body).unwrap();
    assert_eq!(parsed.events.len(), 2);
    assert_eq!(parsed.events[1].actor_name.as_deref(), Some("Zoë"));
    let expected =
        FieldError { index: 1, field: "event".into(), detail: "is not valid UTF-8 at byte 11 of its line".into() };
    assert_eq!(parsed.errors, [expected]);
}

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

#[test]
fn every_shape_gives_the_same_events() {
    let (one, two) = (event_with(json!({"event_id": "a"})).to_string(), event_with(json!({"event_id": "b"})).to_string());
    let pretty =
        serde_json::to_string_pretty(&json!([event_with(json!({"event_id": "a"})), event_with(json!({"event_id": "b"}))]));
    let ids = |body: &str, shape| -> Vec<String> {
        let parsed = parse_as(body.as_bytes(), shape, |_| {}).unwrap();
        assert_eq!(parsed.errors, [], "{body}");
        parsed.events.iter().map(|event| event.event_id.to_string()).collect()
    };
    for body in [
        format!("[{one},{two}]"),
        format!(" [ {one} , {two} ] \n"),
        format!("\u{feff}[{one},{two}]"),
        format!("{{\"events\":[{one},{two}]}}"),
        format!("{{ \"events\" : [\n{one},\n{two}\n] }}\n"),
        format!("{one}\n{two}"),
        format!("\u{feff}\r\n{one}\r\n\r\n{two}\r\n"),
        pretty.unwrap(),
    ] {
        assert_eq!(ids(&body, Shape::Sniff), ["a", "b"], "{body}");
    }
    assert_eq!(ids(&format!("{one}\n{two}\n"), Shape::Ndjson), ["a", "b"]);
    assert_eq!(ids(&one, Shape::Json), ["a"]);
    assert_eq!(ids(&format!("{one}\n"), Shape::Sniff), ["a"]);
    let pretty = serde_json::to_string_pretty(&event_with(json!({"metadata": {"a": {"b": 1}}}))).unwrap();
    assert_eq!(ids(&pretty, Shape::Sniff), ["e1"]);
}

#[test]
fn a_broken_first_line_does_not_hide_that_a_body_is_ndjson() {
    let good = event_with(json!({})).to_string();
    let parsed = parse(format!("{{\"a\":\n{good}\n{good}")).unwrap();
    assert_eq!((parsed.count, parsed.events.len()), (3, 2));
    let parsed = parse(format!("{good}\nbroken")).unwrap();
    assert_eq!((parsed.count, parsed.events.len()), (2, 1));
}

#[test]
fn an_event_may_have_a_member_called_events() {
    let event = only_event(event_with(json!({"events": [1, 2]})).to_string());
    assert_eq!(event.metadata.as_deref(), Some(r#"{"events":[1,2]}"#));
}

#[test]
fn content_types_say_the_shape_or_are_refused() {
    assert_eq!(Shape::from_content_type("application/json; charset=utf-8"), Some(Shape::Sniff));
    assert_eq!(Shape::from_content_type("Application/X-NDJSON"), Some(Shape::Ndjson));
    assert_eq!(Shape::from_content_type("text/csv"), None);
}

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

#[test]
fn texts_without_escapes_borrow_from_the_body() {
    let event = only_event(event_with(json!({"actor_id": "plain", "actor_name": "a\nb"})).to_string());
    assert!(matches!(event.actor_id, Some(std::borrow::Cow::Borrowed("plain"))));
    assert_eq!(event.actor_name.as_deref(), Some("a\nb"));
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
