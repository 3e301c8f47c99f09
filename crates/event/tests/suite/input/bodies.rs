//! Which bodies are read, in which shapes, and what one bad event costs.

use auditlake_event::input::{BodyError, BodyErrorKind, FieldError, Shape};
use auditlake_event::limits::{MAX_EVENTS_PER_REQUEST, MAX_INFLATED_BYTES};
use serde_json::json;

use super::{errors_of, event_with, only_event, parse, parse_as};

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
