//! Every kind of bad input has a stated answer: problem details with the field and the rule; and it costs no other event.

use std::io::Write;

use crate::common::{Fixture, Mood, event};
use serde_json::{Value, json};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn assert_problem(answer: &(u16, Value), status: u16, kind: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert_eq!(answer.1["type"], format!("urn:auditlake:problem:{kind}"), "{}", answer.1);
    assert_eq!(answer.1["status"], status);
    for member in ["title", "detail", "request_id"] {
        assert!(answer.1[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", answer.1);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Posts a bad event between two good ones, alone, and as a line of NDJSON; the answer must name the field and the rule each
/// time, and the good ones must be kept.
async fn assert_refused_alone(bad: &Value, field: &str, rule: &str) {
    let fixture = Fixture::new();
    let (status, answer) = fixture.post_json(json!([event("a", "x"), bad, event("b", "x")]).to_string()).await;
    assert_eq!(status, 207, "{answer}");
    assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_u64()), (Some(2), Some(1)), "{answer}");
    let error = &answer["errors"][0];
    assert_eq!((error["index"].as_u64(), error["field"].as_str()), (Some(1), Some(field)), "{answer}");
    assert!(error["detail"].as_str().unwrap().contains(rule), "{answer}");
    let indices: Vec<_> =
        answer["receipts"].as_array().unwrap().iter().map(|receipt| receipt["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 2]);
    assert_eq!(fixture.kept(), 2);

    let alone = fixture.post_json(bad.to_string()).await;
    assert_problem(&alone, 422, "invalid-event");
    assert_eq!(alone.1["errors"][0]["field"], field);
    assert_eq!((alone.1["accepted"].as_u64(), alone.1["refused"].as_u64()), (Some(0), Some(1)));

    let lines = format!("{}\n{bad}\n{}\n", event("c", "x"), event("d", "x"));
    let (status, answer) = fixture.post(lines, NDJSON).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (207, &json!(field)), "{answer}");
    assert_eq!(fixture.kept(), 4);
}

fn changed(name: &str, value: Value) -> Value {
    let mut event = event("bad", "x");
    event[name] = value;
    event
}

#[tokio::test]
async fn what_is_not_json_is_400_and_a_broken_line_costs_itself() {
    let fixture = Fixture::new();
    for body in ["hello", "{\"action\":", "[{}", "{\"a\":1}}", "[1,2", "\u{0}"] {
        assert_problem(&fixture.post_json(body).await, 400, "malformed-body");
    }
    assert_eq!(fixture.kept(), 0);
    let lines = format!("{}\n{{\"action\": nope\n{}\n", event("a", "x"), event("b", "x"));
    let (status, answer) = fixture.post(lines, NDJSON).await;
    assert_eq!(
        (status, answer["accepted"].as_u64(), answer["errors"][0]["index"].as_u64()),
        (207, Some(2), Some(1)),
        "{answer}"
    );
    for body in ["1", "\"text\"", "null"] {
        assert_problem(&fixture.post_json(body).await, 422, "no-events");
    }
}

#[tokio::test]
async fn wrong_types_name_the_field() {
    for (name, value) in [
        ("action", json!(7)),
        ("actor_id", json!({"id": 1})),
        ("http_status", json!("two hundred")),
        ("outcome", json!("maybe")),
        ("category", json!("nonsense")),
        ("metadata", json!("text")),
        ("changes", json!("text")),
    ] {
        assert_refused_alone(&changed(name, value), name, "must").await;
    }
    let fixture = Fixture::new();
    let (status, answer) = fixture.post_json(json!([17, event("a", "x"), null]).to_string()).await;
    assert_eq!((status, answer["accepted"].as_u64(), answer["refused"].as_u64()), (207, Some(1), Some(2)), "{answer}");
    assert_eq!(answer["errors"][1]["field"], "event");
}

#[tokio::test]
async fn unknown_organization_or_id_characters_name_the_field() {
    for name in ["Acme", "a/b", "../x", "a b", "ä", ""] {
        assert_refused_alone(&changed("organization", json!(name)), "organization", "").await;
    }
    for id in ["a b", "a/b", "ä", "a\nb", &"x".repeat(129)] {
        assert_refused_alone(&changed("event_id", json!(id)), "event_id", "must").await;
    }
    let mut none = event("bad", "x");
    none.as_object_mut().unwrap().remove("organization");
    assert_refused_alone(&none, "organization", "required").await;
}

#[tokio::test]
async fn a_missing_future_or_ancient_event_time_names_the_rule() {
    let mut none = event("bad", "x");
    none.as_object_mut().unwrap().remove("event_time");
    assert_refused_alone(&none, "event_time", "required").await;
    assert_refused_alone(&changed("event_time", json!("2026-03-01T12:05:00.001Z")), "event_time", "future").await;
    assert_refused_alone(&changed("event_time", json!("1999-12-31T23:59:59.999Z")), "event_time", "2000").await;
    assert_refused_alone(&changed("event_time", json!("yesterday")), "event_time", "RFC 3339").await;
    assert_refused_alone(&changed("event_time", json!(1_772_366_400)), "event_time", "must").await;
    let fixture = Fixture::new();
    for good in ["2026-03-01T12:05:00Z", "2000-01-01T00:00:00Z", "2026-03-01T13:30:00.123456789+02:00"] {
        let (status, answer) = fixture.post_json(changed("event_time", json!(good)).to_string()).await;
        assert_eq!(status, 202, "{answer}");
    }
}

#[tokio::test]
async fn an_empty_batch_is_422() {
    let fixture = Fixture::new();
    for body in ["[]", "{\"events\":[]}", "", "  \n ", "\n\n"] {
        assert_problem(&fixture.post_json(body).await, 422, "no-events");
        assert_problem(&fixture.post(body, &[]).await, 422, "no-events");
    }
    assert_problem(&fixture.post("\n\n", NDJSON).await, 422, "no-events");
    // `{}` is one event that lacks everything.
    assert_problem(&fixture.post_json("{}").await, 422, "invalid-event");
}

#[tokio::test]
async fn a_20_mb_body_is_413() {
    let fixture = Fixture::new();
    assert_problem(&fixture.post_json(vec![b' '; 20_000_000]).await, 413, "too-large");
}

#[tokio::test]
async fn ten_thousand_events_are_taken_and_one_more_is_413() {
    let fixture = Fixture::new();
    let small = |index: usize| json!({"event_id": index.to_string(), "organization": "acme", "event_time": "2026-03-01T11:00:00Z", "action": "x"});
    let body: Vec<Value> = (0..10_001).map(small).collect();
    let too_many = fixture.post_json(serde_json::to_vec(&body).unwrap()).await;
    assert_problem(&too_many, 413, "too-large");
    assert_eq!(fixture.kept(), 0);
    let (status, answer) = fixture.post_json(serde_json::to_vec(&body[..10_000]).unwrap()).await;
    assert_eq!((status, answer["accepted"].as_u64()), (202, Some(10_000)));
    let lines: Vec<String> = body.iter().map(Value::to_string).collect();
    assert_problem(&fixture.post(lines.join("\n"), NDJSON).await, 413, "too-large");
}

#[tokio::test]
async fn an_event_over_64_kib_is_refused_alone() {
    let large = changed("metadata", json!({"text": "x".repeat(65 * 1024)}));
    assert_refused_alone(&large, "event", "must not be larger than 65536 bytes").await;
}

#[tokio::test]
async fn a_truncated_gzip_is_400_and_a_bomb_413() {
    let fixture = Fixture::new();
    let headers = &[("content-type", "application/json"), ("content-encoding", "gzip")];
    let whole = gzip(json!([event("a", "x")]).to_string().as_bytes());
    let (status, _) = fixture.post(whole.clone(), headers).await;
    assert_eq!(status, 202);
    for length in [whole.len() - 1, whole.len() / 2, 5, 0] {
        let cut = fixture.post(whole[..length].to_vec(), headers).await;
        assert_problem(&cut, 400, "malformed-body");
    }
    let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024);
    assert_problem(&fixture.post(bomb, headers).await, 413, "too-large");
    assert_eq!(fixture.kept(), 1);
}

#[tokio::test]
async fn invalid_utf8_is_400_and_costs_only_its_own_line() {
    let fixture = Fixture::new();
    let mut body = json!([event("a", "x")]).to_string().into_bytes();
    let at = body.windows(5).position(|window| window == b"alice").unwrap();
    body[at] = 0xff;
    let answer = fixture.post_json(body).await;
    assert_problem(&answer, 400, "malformed-body");
    let mut lines = format!("{}\n", event("a", "x")).into_bytes();
    let mut bad = event("bad", "x").to_string().into_bytes();
    let at = bad.windows(5).position(|window| window == b"alice").unwrap();
    bad[at] = 0xff;
    lines.extend(bad);
    lines.extend(format!("\n{}\n", event("b", "x")).into_bytes());
    let (status, answer) = fixture.post(lines, NDJSON).await;
    assert_eq!(
        (status, answer["accepted"].as_u64(), answer["errors"][0]["index"].as_u64()),
        (207, Some(2), Some(1)),
        "{answer}"
    );
}

#[tokio::test]
async fn equal_copies_in_a_batch_are_one_event_and_contradicting_ones_are_refused() {
    let fixture = Fixture::new();
    let (status, answer) = fixture.post_json(json!([event("a", "x"), event("a", "x")]).to_string()).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["receipts"][0]["event_hash"], answer["receipts"][1]["event_hash"]);
    let (status, answer) = fixture.post_json(json!([event("a", "x"), event("a", "y"), event("b", "x")]).to_string()).await;
    assert_eq!((status, answer["accepted"].as_u64()), (207, Some(2)), "{answer}");
    assert_eq!((answer["errors"][0]["index"].as_u64(), answer["errors"][0]["field"].as_str()), (Some(1), Some("event_id")));
    assert!(answer["errors"][0]["detail"].as_str().unwrap().contains("index 0"), "{answer}");
}

#[tokio::test]
async fn types_and_encodings_that_are_not_read_are_415() {
    let fixture = Fixture::new();
    let body = event("a", "x").to_string();
    for content_type in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
    {
        assert_problem(&fixture.post(body.clone(), &[("content-type", content_type)]).await, 415, "unsupported-media-type");
    }
    let encoded = &[("content-type", "application/json"), ("content-encoding", "br")];
    assert_problem(&fixture.post(body.clone(), encoded).await, 415, "unsupported-media-type");
    let (status, _) = fixture.post(body, &[]).await;
    assert_eq!(status, 202, "a body without a type is sniffed");
}

#[tokio::test]
async fn a_source_of_the_clients_own_is_refused() {
    assert_refused_alone(&changed("source", json!("aws.cloudtrail")), "source", "api").await;
}

#[tokio::test]
async fn an_idempotency_key_that_cannot_be_kept_is_400() {
    let fixture = Fixture::new();
    for key in ["", &"k".repeat(256)] {
        let headers = &[("content-type", "application/json"), ("idempotency-key", key)];
        assert_problem(&fixture.post(event("a", "x").to_string(), headers).await, 400, "invalid-parameter");
    }
}

#[tokio::test]
async fn a_door_that_is_busy_or_broken_is_503_and_says_nothing_of_its_insides() {
    let fixture = Fixture::new();
    for mood in [Mood::Busy, Mood::Broken] {
        *fixture.memory.mood.lock().unwrap() = mood;
        let answer = fixture.post(event("a", "x").to_string(), JSON).await;
        assert_problem(&answer, 503, "unavailable");
        assert!(!answer.1.to_string().contains("internal-3"), "{}", answer.1);
    }
    let request = http::Request::post("/v1/events").body(event("a", "x").to_string().into()).unwrap();
    let (response, _) = fixture.send(request).await;
    assert!(response.headers().contains_key("retry-after"));
}
