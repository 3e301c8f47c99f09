//! The directory of actors: uploaded, listed, shown beside events, and found by.

use std::sync::Arc;

use crate::common::{Fixture, event, organization};
use auditlake_api::{Caller, Door, Recorder};
use auditlake_event::{Category, Region};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

async fn put(fixture: &Fixture, uri: &str, media_type: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(Method::PUT).uri(uri).header("content-type", media_type);
    let (response, value) = fixture.send(request.body(Bytes::from(body.to_owned())).unwrap()).await;
    (response.status().as_u16(), value)
}

const ACTORS: &str = "/v1/directory/actors?organization=acme";

#[tokio::test]
async fn whom_the_directory_knows_stands_beside_the_event_which_stays_as_it_was() {
    let fixture = Fixture::new();
    fixture.post_json(event("e-1", "x").to_string()).await;
    let before = fixture.get("/v1/events?organization=acme").await.1["events"][0].clone();
    let (status, answer) =
        put(&fixture, ACTORS, "text/csv", "actor_id,email,name\nalice,alice@acme.example,Alice A.\n").await;
    assert_eq!((status, answer), (200, json!({"actors": 1})));
    let mut after = fixture.get("/v1/events?organization=acme").await.1["events"][0].clone();
    assert_eq!(after["actor_directory"], json!({"email": "alice@acme.example", "name": "Alice A."}));
    after.as_object_mut().unwrap().remove("actor_directory");
    assert_eq!(after, before);
    let one = fixture.get("/v1/events/e-1?organization=acme&at=2026-03-01T11:59:00.500Z").await.1;
    assert_eq!(one["actor_directory"]["name"], "Alice A.");
    // An empty directory is one too.
    assert_eq!(put(&fixture, ACTORS, "application/json", "[]").await.1, json!({"actors": 0}));
    assert_eq!(fixture.get("/v1/events?organization=acme").await.1["events"][0], before);
}

#[tokio::test]
async fn actors_are_listed_in_pages_in_the_order_of_their_ids() {
    let fixture = Fixture::new();
    let all: Vec<Value> =
        (0..25).map(|number| json!({"actor_id": format!("u{number:02}"), "name": format!("N {number}")})).collect();
    assert_eq!(put(&fixture, ACTORS, "application/json", &json!({"actors": all}).to_string()).await.0, 200);
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = fixture.get(&format!("{ACTORS}&limit=10{cursor}")).await;
        assert_eq!((status, &page["total"]), (200, &json!(25)));
        listed.extend(page["actors"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, all);
    assert_eq!(fixture.get("/v1/directory/actors?organization=globex").await.1["total"], 0, "another tenant has its own");
}

#[tokio::test]
async fn an_upload_with_a_fault_changes_nothing() {
    let fixture = Fixture::new();
    put(&fixture, ACTORS, "application/x-ndjson", "{\"actor_id\":\"a\",\"name\":\"A\"}\n").await;
    let (status, problem) =
        put(&fixture, ACTORS, "application/json", r#"[{"actor_id":"b","name":"B"},{"actor_id":""}]"#).await;
    assert_eq!(
        (status, &problem["errors"][0]["index"], &problem["errors"][0]["field"]),
        (422, &json!(1), &json!("actor_id"))
    );
    assert_eq!(put(&fixture, ACTORS, "application/xml", "<a/>").await.0, 415);
    assert_eq!(
        put(&fixture, "/v1/directory/actors", "text/csv", "actor_id,name\na,A\n").await.0,
        400,
        "an operator names whose"
    );
    assert_eq!(fixture.get(ACTORS).await.1["actors"], json!([{"actor_id": "a", "name": "A"}]));
}

#[tokio::test]
async fn a_tenant_changes_its_own_directory_if_it_may_write_and_the_change_is_recorded() {
    let acme = |may_write| Caller::tenant(organization("acme"), true, may_write);
    let mut fixture = Fixture::with_caller(acme(true));
    let door = Arc::clone(&fixture.memory) as Arc<dyn Door>;
    fixture.api.recorder = Some(Recorder { door, region: Region::parse("eu-west-1").unwrap() });
    let upload = "actor_id,name\na,A\n";
    assert_eq!(put(&fixture, "/v1/directory/actors", "text/csv", upload).await.0, 200);
    assert_eq!(put(&fixture, "/v1/directory/actors?organization=globex", "text/csv", upload).await.0, 403);
    fixture.caller = acme(false);
    assert_eq!(put(&fixture, "/v1/directory/actors", "text/csv", upload).await.0, 403);
    let events = fixture.memory.events.lock().unwrap();
    let actions: Vec<_> = events.iter().map(|event| (event.action.as_ref(), event.category.unwrap())).collect();
    let refused = ("permission_check", Category::PermissionCheck);
    assert_eq!(actions, [("audit_log_directory_update", Category::Configuration), refused, refused]);
    assert_eq!(events[2].metadata.as_deref(), Some(r#"{"permission":"iam:tenant:iam:audit:write"}"#));
}
