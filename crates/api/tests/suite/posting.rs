//! What is posted in binary mode, with members that look like ours, and by senders who number their events.

use crate::common::{Fixture, event, organization};
use auditlake_api::Caller;
use auditlake_event::input::{LargeEvents, Lookalikes};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

const BINARY: [(&str, &str); 6] = [
    ("content-type", "application/json; charset=utf-8"),
    ("ce-specversion", "1.0"),
    ("ce-id", "A-77"),
    ("ce-source", "/app"),
    ("ce-type", "user.invited"),
    ("ce-time", "2026-03-01T11:00:00Z"),
];

fn tenant() -> Fixture {
    Fixture::with_caller(Caller::tenant(organization("acme"), true, true))
}

async fn post_to(fixture: &Fixture, uri: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(uri).header("content-type", "application/json").body(Bytes::from(body.to_string()));
    let (response, value) = fixture.send(request.unwrap()).await;
    (response.status().as_u16(), value)
}

#[tokio::test]
async fn a_cloudevent_in_binary_mode_is_the_one_in_structured_mode() {
    let fixture = tenant();
    let mut headers = BINARY.to_vec();
    headers.extend([("ce-subject", "role%2Fadmin%20%C3%A9"), ("ce-traceparent", "00-1")]);
    let (status, binary) = fixture.post(json!({"actor_id": "ann"}).to_string(), &headers).await;
    assert_eq!(status, 202, "{binary}");
    let structured = json!({"specversion": "1.0", "id": "A-77", "source": "/app", "type": "user.invited",
        "time": "2026-03-01T11:00:00Z", "subject": "role/admin é", "traceparent": "00-1",
        "datacontenttype": "application/json; charset=utf-8", "data": {"actor_id": "ann"}});
    let (status, answer) = fixture.post(structured.to_string(), &[("content-type", "application/cloudevents+json")]).await;
    assert_eq!((status, &answer["receipts"]), (202, &binary["receipts"]), "{answer}");
    // uuid5(UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1"), "/app\0A-77") of Python's uuid module.
    assert_eq!(binary["receipts"][0]["event_id"], "ec0c8624-40e5-5ada-b21e-00b5272f4d73");
    let (_, kept) = fixture.get(binary["receipts"][0]["link"].as_str().unwrap()).await;
    let columns = ["action", "actor_id", "resource_id", "event_time"].map(|column| kept[column].clone());
    assert_eq!(columns, ["user.invited", "ann", "role/admin é", "2026-03-01T11:00:00.000Z"].map(Value::from));
    assert_eq!(kept["metadata"]["cloudevent"]["id"], "A-77");
}

#[tokio::test]
async fn binary_data_may_be_anything_and_errors_name_headers_and_members() {
    let fixture = tenant();
    let post = async |body: &'static [u8], more: &[(&str, &str)], without: &str| {
        let mut headers: Vec<_> = BINARY.iter().filter(|(name, _)| *name != without).copied().collect();
        headers.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        headers.extend(more);
        fixture.post(body, &headers).await
    };
    for (body, content_type) in
        [(b"plain".as_slice(), "text/plain"), (b"\xff\xfe", "application/octet-stream"), (b"", "text/plain")]
    {
        assert_eq!(post(body, &[("content-type", content_type)], "").await.0, 202, "{content_type}");
    }
    let kept = fixture.memory.events.lock().unwrap()[0].metadata.clone().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["cloudevent"]["data"], "plain");
    // A WorkOS event in the body is read as one.
    let workos = br#"{"action":"doc.shared","occurred_at":"2026-03-01T10:00:00Z","targets":[{"id":"d","type":"doc"}]}"#;
    assert_eq!(post(workos, &[], "ce-time").await.0, 202);

    let errors = async |body, more: &[(&str, &str)], without| {
        let (status, answer) = post(body, more, without).await;
        assert_eq!(status, 422, "{answer}");
        answer["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(errors(b"{}", &[], "ce-time").await, ["ce-time"]);
    assert_eq!(errors(b"{}", &[], "ce-id").await, ["ce-id"]);
    assert_eq!(errors(b"{}", &[("ce-specversion", "0.3")], "").await, ["ce-specversion"]);
    assert_eq!(errors(br#"{"actor_id":7,"outcom":"denied"}"#, &[], "").await, ["outcom", "actor_id"]);
    assert_eq!(post(b"{", &[], "").await.0, 400);
    assert_eq!(post(br#"{},"id":"forged"}"#, &[], "").await.0, 400);
    assert_eq!(post(b"{}", &[("ce-id", "%ff")], "").await.0, 400);
}

#[tokio::test]
async fn cloudevents_of_two_sources_with_one_id_are_two_events_and_a_retry_is_one() {
    let fixture = tenant();
    let cloudevent = |source: &str| json!({"specversion": "1.0", "id": "42", "source": source, "type": "t", "time": "2026-03-01T11:00:00Z"});
    let batch = json!([cloudevent("/billing"), cloudevent("/crm"), cloudevent("/billing")]).to_string();
    let (status, answer) = fixture.post(batch, &[("content-type", "application/cloudevents-batch+json")]).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(3)), "{answer}");
    let ids: Vec<&str> = (0..3).map(|index| answer["receipts"][index]["event_id"].as_str().unwrap()).collect();
    assert!(ids[0] == ids[2] && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn a_member_that_looks_like_ours_is_refused_unless_caller_or_deployment_keep_it() {
    let mut fixture = Fixture::new();
    let mut misspelt = event("e-1", "login");
    misspelt.as_object_mut().unwrap().remove("outcome");
    misspelt["outcom"] = json!("denied");
    let (status, answer) = post_to(&fixture, "/v1/events", &json!([event("e-0", "login"), misspelt])).await;
    assert_eq!(status, 207, "{answer}");
    assert_eq!((&answer["errors"][0]["index"], &answer["errors"][0]["field"]), (&json!(1), &json!("outcom")));
    assert!(answer["errors"][0]["detail"].as_str().unwrap().contains("`outcome`"), "{answer}");
    assert_eq!(post_to(&fixture, "/v1/events?unknown=keep", &misspelt).await.0, 202);
    assert_eq!(post_to(&fixture, "/v1/events?unknown=maybe", &misspelt).await.0, 400);
    assert_eq!(post_to(&fixture, "/v1/events?unknwon=keep", &misspelt).await.0, 400);
    fixture.api.ingest.as_mut().unwrap().lookalikes = Lookalikes::Keep;
    assert_eq!(post_to(&fixture, "/v1/events", &misspelt).await.0, 202);
    assert_eq!(post_to(&fixture, "/v1/events?unknown=refuse", &misspelt).await.0, 422);
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused_or_trimmed_as_the_deployment_says() {
    let mut fixture = Fixture::new();
    let mut large = event("e-1", "login");
    large["metadata"] = json!({"body": "x".repeat(100_000)});
    assert_eq!(fixture.post_json(large.to_string()).await.0, 422);
    fixture.api.ingest.as_mut().unwrap().large_events = LargeEvents::Trim;
    let (status, answer) = fixture.post_json(large.to_string()).await;
    assert_eq!(status, 202, "{answer}");
    let (_, kept) = fixture.get(answer["receipts"][0]["link"].as_str().unwrap()).await;
    assert_eq!(kept["metadata"]["trimmed"], json!({"metadata.body": 100_002}));
}
