//! What good calls are answered, and how the API behaves around them.

use crate::common::{Fixture, event, organization};
use auditlake_api::Caller;
use auditlake_query::QueryErrorKind;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[tokio::test]
async fn a_receipt_names_id_hash_and_link_and_the_link_answers_the_event() {
    let fixture = Fixture::new();
    let mut posted = event("id-1", "role_assign");
    posted["changes"] = json!([{"field": "role", "before": null, "after": "admin"}]);
    posted["metadata"] = json!({"z": 1, "a": [true, 1.5]});
    posted["ticket"] = json!(7);
    let (status, answer) = fixture.post_json(posted.to_string()).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_u64()), (Some(1), Some(0)));
    assert_eq!(answer["errors"], json!([]));
    let receipt = &answer["receipts"][0];
    assert_eq!((receipt["index"].as_u64(), receipt["event_id"].as_str()), (Some(0), Some("id-1")));
    // The canonical form of RFC 8785, written by hand.
    let canonical = concat!(
        r#"{"action":"role_assign","actor_id":"alice","changes":"[{\"after\":\"admin\",\"before\":null,\"field\":\"role\"}]","#,
        r#""event_id":"id-1","event_time":"2026-03-01T11:59:00.500Z","metadata":"{\"a\":[true,1.5],\"ticket\":7,\"z\":1}","#,
        r#""organization":"acme","outcome":"success","region":"eu-west-1","source":"api"}"#
    );
    let expected = hex::encode(Sha256::digest(canonical));
    assert_eq!(receipt["event_hash"], expected);

    let link = receipt["link"].as_str().unwrap();
    assert_eq!(link, "/v1/events/id-1?at=2026-03-01T11:59:00.500Z&organization=acme");
    let (status, answer) = fixture.get(link).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["changes"], json!([{"after": "admin", "before": null, "field": "role"}]));
    assert_eq!(answer["metadata"], json!({"a": [true, 1.5], "ticket": 7, "z": 1}));
    assert_eq!(answer["received_time"], crate::common::NOW);
    assert!(answer.get("actor_email").is_none(), "null columns are left out");
    assert_eq!(answer["link"], link);
}

#[tokio::test]
async fn lists_are_newest_first_and_pages_meet_without_gap_or_overlap() {
    let fixture = Fixture::new();
    let events: Vec<Value> = (0..25)
        .map(|index| {
            let mut one = event(&format!("e{index:02}"), if index % 2 == 0 { "even" } else { "odd" });
            one["event_time"] = json!(format!("2026-03-01T10:00:{:02}Z", index / 2));
            one
        })
        .collect();
    assert_eq!(fixture.post_json(json!({"events": events}).to_string()).await.0, 202);
    let mut seen = Vec::new();
    let mut uri = "/v1/events?organization=acme&limit=10".to_owned();
    loop {
        let (status, page) = fixture.get(&uri).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
        assert_eq!((page["engine"].as_str(), page["scanned_bytes"].as_u64()), (Some("memory"), Some(1_234)));
        assert_eq!(page["sealed_until"], "2026-03-01T11:00:00.000Z");
        match page["next_cursor"].as_str() {
            Some(cursor) => uri = format!("/v1/events?organization=acme&limit=10&cursor={cursor}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|index| format!("e{index:02}")).collect();
    assert_eq!(seen, expected);

    let (_, filtered) = fixture.get("/v1/events?organization=acme&action=odd&limit=5").await;
    let cursor = filtered["next_cursor"].as_str().unwrap();
    let (status, answer) = fixture.get(&format!("/v1/events?organization=acme&limit=5&cursor={cursor}")).await;
    assert_eq!(status, 400, "a cursor of another query is refused: {answer}");
    assert_eq!(answer["errors"][0]["field"], "cursor");
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_the_next_goes_on() {
    let fixture = Fixture::new();
    for batch in 0..3 {
        let events: Vec<Value> = (0..60)
            .map(|index| {
                let mut one = event(&format!("e{batch}{index:02}"), "x");
                one["metadata"] = json!({"text": "x".repeat(60_000)});
                one
            })
            .collect();
        let (status, answer) = fixture.post_json(json!(events).to_string()).await;
        assert_eq!(status, 202, "{answer}");
    }
    let (mut seen, mut pages, mut cursor, mut cuts) = (0, 0, String::new(), Vec::new());
    loop {
        let request = Request::get(format!("/v1/events?organization=acme&limit=1000{cursor}")).body(Bytes::new()).unwrap();
        let (response, page) = fixture.send(request).await;
        assert!(response.body().len() < 6_000_000, "{}", response.body().len());
        seen += page["events"].as_array().unwrap().len();
        pages += 1;
        cuts.push(page["cut"].as_str().unwrap_or("last").to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 180);
    assert_eq!(cuts, ["page_size", "page_size", "last"]);
    assert!(pages >= 3, "{pages}");
}

#[tokio::test]
async fn a_range_that_is_sealed_is_complete() {
    let fixture = Fixture::new();
    for (to, complete) in [("&to=2026-03-01T11:00:00Z", true), ("&to=2026-03-01T11:00:00.001Z", false), ("", false)] {
        let (_, page) = fixture.get(&format!("/v1/events?organization=acme{to}")).await;
        assert_eq!(page["complete"], complete, "{to}");
        let (_, counts) = fixture.get(&format!("/v1/stats?organization=acme{to}")).await;
        assert_eq!(counts["complete"], complete, "{to}");
    }
}

#[tokio::test]
async fn parameters_that_break_a_rule_are_400_with_their_name() {
    let fixture = Fixture::new();
    for (uri, parameter) in [
        ("/v1/events", "organization"),
        ("/v1/events?organization=A", "organization"),
        ("/v1/events?organization=acme&limit=0", "limit"),
        ("/v1/events?organization=acme&limit=1001", "limit"),
        ("/v1/events?organization=acme&limit=ten", "limit"),
        ("/v1/events?organization=acme&cursor=xyz", "cursor"),
        ("/v1/events?organization=acme&cursor=", "cursor"),
        ("/v1/events?organization=acme&cursor", "cursor"),
        ("/v1/events?organization=acme&limit=", "limit"),
        ("/v1/events?organization=", "organization"),
        ("/v1/events?organization=acme&action=", "action"),
        ("/v1/events?organization=acme&region!=", "region!"),
        ("/v1/events?organization=acme&source_ip=203.0.113.*", "source_ip"),
        ("/v1/events/id?organization=acme&at=", "at"),
        ("/v1/events/id?organization=acme&source=", "source"),
        ("/v1/stats?organization=acme&interval=", "interval"),
        ("/v1/stats?organization=acme&group_by=", "group_by"),
        ("/v1/directory/actors?organization=acme&cursor=", "cursor"),
        ("/v1/events?organization=acme&colour=red", "colour"),
        ("/v1/events?organization=acme&from=today", "from"),
        ("/v1/events?organization=acme&outcome=good", "outcome"),
        ("/v1/events/id?organization=acme&at=noon", "at"),
        ("/v1/events/id?organization=acme&when=noon", "when"),
        ("/v1/stats?organization=acme&interval=year", "interval"),
        ("/v1/stats?organization=acme&interval=hour&time_zone=Europe/Berlin", "time_zone"),
        ("/v1/stats?organization=acme&time_zone=Europe/Berlin", "time_zone"),
        ("/v1/stats?organization=acme&interval=week&time_zone=Berlin", "time_zone"),
        ("/v1/events?organization=acme&order=newest", "order"),
        ("/v1/stats?organization=acme&group_by=metadata", "group_by"),
        ("/v1/stats?organization=acme&group_by=metadata.", "group_by"),
    ] {
        let (status, answer) = fixture.get(uri).await;
        assert_eq!((status, answer["errors"][0]["field"].as_str()), (400, Some(parameter)), "{uri}: {answer}");
    }
}

#[tokio::test]
async fn an_event_is_found_by_its_id_alone_as_far_back_as_stated() {
    let fixture = Fixture::new();
    let mut old = event("old", "x");
    old["event_time"] = json!("2025-12-01T00:00:00Z");
    fixture.post_json(json!([event("new", "x"), old]).to_string()).await;
    assert_eq!(fixture.get("/v1/events/new?organization=acme").await.0, 200);
    let (status, answer) = fixture.get("/v1/events/old?organization=acme").await;
    assert_eq!(status, 404);
    assert!(answer["detail"].as_str().unwrap().contains("31 days"), "{answer}");
    assert_eq!(fixture.get("/v1/events/old?organization=acme&at=2025-12-01T00:00:00Z").await.0, 200);
    assert_eq!(fixture.get("/v1/events/new?organization=other").await.0, 404, "another organization's event is not there");
}

#[tokio::test]
async fn a_tenant_posts_and_reads_its_own_organization_only() {
    let fixture = Fixture::with_caller(Caller::tenant(organization("acme"), true, true));
    let mut unnamed = event("a", "x");
    unnamed.as_object_mut().unwrap().remove("organization");
    let mut foreign = event("b", "x");
    foreign["organization"] = json!("globex");
    let (status, answer) = fixture.post_json(json!([unnamed, foreign]).to_string()).await;
    assert_eq!((status, answer["errors"][0]["field"].as_str()), (207, Some("organization")), "{answer}");
    assert_eq!(answer["receipts"][0]["link"], "/v1/events/a?at=2026-03-01T11:59:00.500Z");
    assert_eq!(fixture.get("/v1/events").await.1["events"].as_array().unwrap().len(), 1);
    assert_eq!(fixture.get("/v1/events?organization=globex").await.0, 403);
    let reader = Fixture::with_caller(Caller::tenant(organization("acme"), true, false));
    assert_eq!(reader.post_json(event("a", "x").to_string()).await.0, 403);
}

#[tokio::test]
async fn a_default_organization_stands_where_none_is_named() {
    let fixture = Fixture::with_caller(Caller::operator(Some(organization("home"))));
    let mut unnamed = event("a", "x");
    unnamed.as_object_mut().unwrap().remove("organization");
    let (status, answer) = fixture.post_json(json!([unnamed, event("b", "x")]).to_string()).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(fixture.get("/v1/events").await.1["events"][0]["organization"], "home");
    assert_eq!(fixture.get("/v1/events?organization=acme").await.1["events"][0]["event_id"], "b");
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_request_the_same_ids() {
    let fixture = Fixture::new();
    let mut one = event("", "x");
    one.as_object_mut().unwrap().remove("event_id");
    let ids = async |key: Option<&str>| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let (_, answer) = fixture.post(json!([one, one]).to_string(), &headers).await;
        let id = |index: usize| answer["receipts"][index]["event_id"].as_str().unwrap().to_owned();
        (id(0), id(1))
    };
    let first = ids(Some("k1")).await;
    assert_ne!(first.0, first.1, "two positions are two events");
    assert_eq!(ids(Some("k1")).await, first);
    assert_ne!(ids(Some("k2")).await, first);
    assert_ne!(ids(None).await, ids(None).await);
}

#[tokio::test]
async fn unknown_paths_are_404_and_wrong_methods_405_with_allow() {
    let fixture = Fixture::new();
    for path in ["/", "/v1", "/v1/event", "/v1/events/a/b", "/v1/events/%ff"] {
        assert_eq!(fixture.get(path).await.0, 404, "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/events", "GET, HEAD, POST, OPTIONS"),
        (Method::POST, "/v1/status", "GET, HEAD, OPTIONS"),
        (Method::PUT, "/v1/events/x", "GET, HEAD, OPTIONS"),
    ] {
        let (response, problem) =
            fixture.send(Request::builder().method(&method).uri(path).body(Bytes::new()).unwrap()).await;
        assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, allow));
        assert_eq!(problem["type"], "urn:auditlake:problem:method-not-allowed");
        let (response, _) =
            fixture.send(Request::builder().method(Method::OPTIONS).uri(path).body(Bytes::new()).unwrap()).await;
        assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (204, allow));
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let fixture = Fixture::new();
    let uri = "/v1/events?organization=acme";
    let (get, _) = fixture.send(Request::get(uri).body(Bytes::new()).unwrap()).await;
    let (head, _) = fixture.send(Request::head(uri).body(Bytes::new()).unwrap()).await;
    assert_eq!(head.status(), get.status());
    assert!(head.body().is_empty());
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), get.body().len().to_string());
    assert_eq!(head.headers()["content-type"], get.headers()["content-type"]);
}

#[tokio::test]
async fn request_ids_are_echoed_if_harmless_and_made_otherwise() {
    let fixture = Fixture::new();
    let id_of = async |stated: Option<&str>| {
        let mut request = Request::get("/v1/nothing");
        if let Some(stated) = stated {
            request = request.header("x-request-id", stated);
        }
        let (response, problem) = fixture.send(request.body(Bytes::new()).unwrap()).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(problem["request_id"], id);
        id
    };
    assert_eq!(id_of(Some("abc-123")).await, "abc-123");
    assert_ne!(id_of(Some("a b")).await, "a b");
    assert_ne!(id_of(Some(&"x".repeat(129))).await, "x".repeat(129));
    assert_ne!(id_of(None).await, id_of(None).await);
}

#[tokio::test]
async fn failures_of_the_engine_say_what_the_caller_can_do_and_nothing_of_its_insides() {
    let fixture = Fixture::new();
    for (kind, expected) in [
        (QueryErrorKind::Invalid, 400),
        (QueryErrorKind::TooLarge, 422),
        (QueryErrorKind::Unavailable, 503),
        (QueryErrorKind::Throttled, 429),
        (QueryErrorKind::Denied, 500),
        (QueryErrorKind::Internal, 500),
    ] {
        *fixture.memory.failure.lock().unwrap() = Some(kind);
        for uri in ["/v1/events?organization=acme", "/v1/events/a?organization=acme", "/v1/stats?organization=acme"] {
            let (status, answer) = fixture.get(uri).await;
            assert_eq!(status, expected, "{uri} {kind:?}");
            if expected >= 429 && expected != 422 {
                assert!(!answer.to_string().contains("internal-3"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn what_storage_damaged_is_named() {
    let fixture = Fixture::new();
    *fixture.memory.failure.lock().unwrap() = Some(QueryErrorKind::Damaged);
    let (status, answer) = fixture.get("/v1/events?organization=acme").await;
    assert_eq!(status, 503, "{answer}");
    assert!(
        answer["detail"].as_str().unwrap().contains("internal-3"),
        "the engine's words, which name the object: {answer}"
    );
}

#[tokio::test]
async fn status_says_where_the_lake_stands() {
    let fixture = Fixture::new();
    let (status, answer) = fixture.get("/v1/status").await;
    assert_eq!(status, 200, "{answer}");
    // Nothing is sealed: P(12:00:00 - 5 min - 10 s) = 11:00, which can be sealed at 12:00 + 5 min.
    assert_eq!(answer["sealed_until"], "2026-03-01T11:00:00.000Z");
    assert_eq!(answer["lag_seconds"], 3_600);
    assert_eq!(answer["next_seal"], "2026-03-01T12:05:00.000Z");
    assert_eq!((answer["seal_period_seconds"].as_u64(), answer["slack_seconds"].as_f64()), (Some(3_600), Some(300.0)));
    assert_eq!((answer["format_version"].as_u64(), answer["schema_version"].as_u64()), (Some(1), Some(1)));
}

#[tokio::test]
async fn counts_are_answered() {
    let fixture = Fixture::new();
    fixture.post_json(json!([event("a", "x"), event("b", "y")]).to_string()).await;
    let (status, answer) = fixture.get("/v1/stats?organization=acme&action=x&interval=hour&group_by=outcome").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((answer["interval"].as_str(), answer["group_by"].as_str()), (Some("hour"), Some("outcome")));
    assert_eq!(answer["counts"][0]["count"], 1);
}

#[tokio::test]
async fn cloudevents_are_taken_in_alone_and_in_batches_and_a_bad_one_costs_no_other() {
    let fixture = Fixture::new();
    let cloud_event = |id: &str| {
        json!({"specversion": "1.0", "id": id, "source": "/billing", "type": "com.example.role", "time": "2026-03-01T11:59:00Z",
            "subject": "role/admin", "data": {"organization": "acme", "outcome": "denied"}})
    };
    let single = [("content-type", "application/cloudevents+json; charset=utf-8")];
    let (status, answer) = fixture.post(cloud_event("c-1").to_string(), &single).await;
    assert_eq!(
        (status, &answer["receipts"][0]["event_id"]),
        (202, &json!("a8b9536b-de34-50b6-b76b-5866135183f6")),
        "{answer}"
    );
    let (status, kept) = fixture.get(answer["receipts"][0]["link"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{kept}");
    assert_eq!((&kept["action"], &kept["resource_id"]), (&json!("com.example.role"), &json!("role/admin")));
    assert_eq!((&kept["outcome"], &kept["metadata"]["cloudevent"]["source"]), (&json!("denied"), &json!("/billing")));

    let batch = [("content-type", "application/cloudevents-batch+json")];
    let mut no_organization = cloud_event("c-3");
    no_organization["data"] = json!({"outcome": "success"});
    let body = json!([cloud_event("c-2"), {"specversion": "0.3"}, no_organization, cloud_event("c-4")]).to_string();
    let (status, answer) = fixture.post(body, &batch).await;
    assert_eq!((status, &answer["accepted"], &answer["refused"]), (207, &json!(2), &json!(2)), "{answer}");
    let receipts: Vec<_> = answer["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["index"]).collect();
    assert_eq!(receipts, [&json!(0), &json!(3)]);
    let errors: Vec<_> =
        answer["errors"].as_array().unwrap().iter().map(|error| (&error["index"], &error["field"])).collect();
    assert_eq!(errors, [(&json!(1), &json!("specversion")), (&json!(2), &json!("organization"))]);

    assert_eq!(fixture.post("[]", &batch).await.0, 422);
    assert_eq!(fixture.post("[{}]", &batch).await.0, 422);
    assert_eq!(fixture.post("{", &single).await.0, 400);
    assert_eq!(fixture.kept(), 3);
}

fn workos_event() -> Value {
    json!({"action": "document.shared", "occurred_at": "2026-03-01T11:00:00Z", "actor": {"id": "user_7", "type": "user"},
        "targets": [{"id": "doc_1", "type": "document"}], "context": {"location": "192.0.2.17"}})
}

fn retraced_event() -> Value {
    json!({"action": "sheet.delete", "crud": "d", "created": "2026-03-01T11:00:01Z", "external_id": "ext-1", "actor": {"id": "u1"},
        "target": {"id": "s1", "type": "sheet"}, "group": {"id": "g1"}, "is_failure": true})
}

#[tokio::test]
async fn a_batch_may_mix_shapes_and_errors_name_the_member_that_was_sent() {
    let fixture = Fixture::with_caller(Caller::tenant(organization("acme"), true, true));
    let mut bad_workos = workos_event();
    bad_workos["actor"]["id"] = json!(7);
    let mut bad_retraced = retraced_event();
    bad_retraced["created"] = Value::Null;
    let mut ours = event("o-1", "login");
    let mut no_time = event("o-2", "login");
    no_time.as_object_mut().unwrap().remove("event_time");
    ours["crud"] = json!("c");
    let wrapped = json!({"organization_id": "org_1", "idempotency_key": "k", "event": workos_event()});
    let events = json!([ours, bad_workos, wrapped, no_time, retraced_event(), bad_retraced, workos_event()]);
    let lines: Vec<String> = events.as_array().unwrap().iter().map(Value::to_string).collect();
    for (body, headers) in [
        (events.to_string(), [("content-type", "application/json")]),
        (json!({"events": events}).to_string(), [("content-type", "application/json")]),
        (lines.join("\n"), [("content-type", "application/x-ndjson")]),
    ] {
        let (status, answer) = fixture.post(body, &headers).await;
        assert_eq!((status, &answer["accepted"], &answer["refused"]), (207, &json!(4), &json!(3)), "{answer}");
        let receipts: Vec<_> =
            answer["receipts"].as_array().unwrap().iter().map(|receipt| receipt["index"].as_u64().unwrap()).collect();
        assert_eq!(receipts, [0, 2, 4, 6]);
        let expected = json!([
            {"index": 1, "field": "actor.id", "detail": "must be a string"},
            {"index": 3, "field": "event_time", "detail": "is required"},
            {"index": 5, "field": "created", "detail": "is required"},
        ]);
        assert_eq!(answer["errors"], expected);
        assert_eq!(answer["receipts"][2]["event_id"], "cd1fe5d6-334d-56a4-9bab-43dab9e7138a");
    }
    let (status, answer) = fixture.post_json(retraced_event().to_string()).await;
    assert_eq!(status, 202, "{answer}");
    let (status, kept) = fixture.get(answer["receipts"][0]["link"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{kept}");
    let columns =
        ["source", "outcome", "actor_id", "resource_id", "scope_type", "scope_id"].map(|column| kept[column].clone());
    assert_eq!(columns, ["api", "failure", "u1", "s1", "group", "g1"].map(Value::from));
    assert_eq!(kept["metadata"], json!({"crud": "d", "external_id": "ext-1"}));
}

#[tokio::test]
async fn a_repeated_foreign_event_is_the_same_event() {
    let fixture = Fixture::with_caller(Caller::tenant(organization("acme"), true, true));
    let wrapped = json!({"organization_id": "org_1", "idempotency_key": "k", "event": workos_event()}).to_string();
    let (_, first) = fixture.post_json(wrapped.clone()).await;
    let (_, second) = fixture.post_json(wrapped).await;
    assert_eq!(first["receipts"], second["receipts"]);
    // The SDKs of WorkOS send the key as a header: then it counts as it does for events of ours.
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let bare = json!({"organization_id": "org_1", "event": workos_event()}).to_string();
    let (_, first) = fixture.post(bare.clone(), &headers).await;
    let (_, second) = fixture.post(bare, &headers).await;
    assert_eq!(first["receipts"], second["receipts"]);
    assert_eq!(first["receipts"][0]["event_id"].as_str().map(str::len), Some(36));
}

#[tokio::test]
async fn a_cloudevent_may_hold_a_foreign_event() {
    let fixture = Fixture::with_caller(Caller::tenant(organization("acme"), true, true));
    let envelope =
        |id: &str, data: Value| json!({"specversion": "1.0", "id": id, "source": "/relay", "type": "audit", "data": data});
    let mut bad = workos_event();
    bad["targets"] = json!("doc_1");
    let body = json!([envelope("c-1", workos_event()), envelope("c-2", bad), envelope("c-3", retraced_event())]).to_string();
    let (status, answer) = fixture.post(body, &[("content-type", "application/cloudevents-batch+json")]).await;
    assert_eq!(status, 207, "{answer}");
    let ids: Vec<_> = answer["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["event_id"]).collect();
    assert_eq!(ids, [&json!("3f33f132-c7bf-5b0a-8fe4-234009f11e86"), &json!("cd1fe5d6-334d-56a4-9bab-43dab9e7138a")]);
    let expected = json!([{"index": 1, "field": "data.targets", "detail": "must be an array of JSON objects"}]);
    assert_eq!(answer["errors"], expected);
}
