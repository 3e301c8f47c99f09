//! Who read the log, and who was refused, is in the log.

use std::sync::Arc;

use crate::common::{Fixture, Mood, NOW, event, organization};
use auditlake_api::{Caller, Door, Identity, Recorder};
use auditlake_event::{Category, Event, Outcome, Region};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

fn fixture(may_read: bool) -> Fixture {
    let identity = Identity {
        id: Some("u-7".to_owned()),
        name: Some("Ada Auditor".to_owned()),
        email: Some("ada@acme.example".to_owned()),
    };
    let caller = Caller::tenant(organization("acme"), may_read, true).with_identity(identity);
    let mut fixture = Fixture::with_caller(caller.with_address(Some("203.0.113.9".to_owned())));
    let door = Arc::clone(&fixture.memory) as Arc<dyn Door>;
    fixture.api.recorder = Some(Recorder { door, region: Region::parse("eu-west-1").unwrap() });
    fixture
}

fn records(fixture: &Fixture) -> Vec<Event<'static>> {
    let events = fixture.memory.events.lock().unwrap();
    events.iter().filter(|event| event.source == "auditlake.api").cloned().collect()
}

async fn get(fixture: &Fixture, uri: &str) -> (u16, Value) {
    let request = Request::get(uri).header("user-agent", "console/1.0").header("x-request-id", "r-1");
    let (response, value) = fixture.send(request.body(Bytes::new()).unwrap()).await;
    (response.status().as_u16(), value)
}

#[tokio::test]
async fn a_read_says_who_asked_what_and_how_much_came_out() {
    let fixture = fixture(true);
    for id in ["a", "b", "c"] {
        let (status, _) = fixture.post_json(event(id, "role_assign").to_string()).await;
        assert_eq!(status, 202);
    }
    let (status, _) = get(&fixture, "/v1/events?action=role_assign&limit=2").await;
    assert_eq!(status, 200);
    let records = records(&fixture);
    assert_eq!(records.len(), 1, "posting is no read");
    let record = &records[0];
    assert_eq!((record.action.as_ref(), record.category), ("audit_log_query", Some(Category::DataAccess)));
    assert_eq!((record.outcome, record.event_time.to_string().as_str()), (Outcome::Success, NOW));
    assert_eq!((record.organization.as_ref(), record.region.as_ref()), ("acme", "eu-west-1"));
    assert_eq!((record.actor_id.as_deref(), record.actor_name.as_deref()), (Some("u-7"), Some("Ada Auditor")));
    assert_eq!(
        (record.actor_email.as_deref(), record.source_ip.as_deref()),
        (Some("ada@acme.example"), Some("203.0.113.9"))
    );
    assert_eq!((record.user_agent.as_deref(), record.request_id.as_deref()), (Some("console/1.0"), Some("r-1")));
    assert_eq!((record.resource_type.as_deref(), record.resource_id.as_deref()), (Some("audit_log"), Some("events")));
    assert_eq!((record.http_method.as_deref(), record.http_path.as_deref()), (Some("GET"), Some("/v1/events")));
    assert_eq!(record.http_status, Some(200));
    let metadata: Value = serde_json::from_str(record.metadata.as_deref().unwrap()).unwrap();
    let conditions = json!([{"field": "action", "negated": false, "values": ["role_assign"]}]);
    assert_eq!((&metadata["rows"], &metadata["scanned_bytes"]), (&json!(2), &json!(1_234)));
    assert_eq!((&metadata["filters"]["conditions"], &metadata["filters"]["organization"]), (&conditions, &json!("acme")));
}

#[tokio::test]
async fn every_kind_of_read_is_recorded_and_a_record_makes_no_further_one() {
    let fixture = fixture(true);
    fixture.post_json(event("a", "x").to_string()).await;
    for (uri, expected) in [
        ("/v1/events", 200),
        ("/v1/events/a?at=2026-03-01T11:59:00.500Z", 200),
        ("/v1/stats", 200),
        // Nothing of the log is in these answers.
        ("/v1/events/none", 404),
        ("/v1/events?colour=red", 400),
        ("/v1/status", 200),
    ] {
        assert_eq!(get(&fixture, uri).await.0, expected, "{uri}");
    }
    let what: Vec<_> = records(&fixture).iter().map(|record| record.resource_id.clone().unwrap().into_owned()).collect();
    assert_eq!(what, ["events", "event", "stats"]);
    // The next read shows the records of those before it, and only those.
    let (_, page) = get(&fixture, "/v1/events?source=auditlake.api").await;
    assert_eq!(page["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_recorded_as_a_denied_permission_check() {
    let fixture = fixture(false);
    assert_eq!(get(&fixture, "/v1/events?action=secret").await.0, 403);
    let records = records(&fixture);
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((record.action.as_ref(), record.category), ("permission_check", Some(Category::PermissionCheck)));
    assert_eq!((record.outcome, record.organization.as_ref()), (Outcome::Denied, "acme"));
    assert_eq!((record.actor_id.as_deref(), record.error_code.as_deref()), (Some("u-7"), Some("forbidden")));
    assert_eq!(record.metadata.as_deref(), Some(r#"{"permission":"iam:tenant:iam:audit:read"}"#));
}

#[tokio::test]
async fn asking_for_another_tenant_is_recorded_with_the_tenant_who_asked() {
    let fixture = fixture(true);
    assert_eq!(get(&fixture, "/v1/events?organization=globex").await.0, 403);
    let records = records(&fixture);
    assert_eq!((records.len(), records[0].organization.as_ref(), records[0].outcome), (1, "acme", Outcome::Denied));
}

#[tokio::test]
async fn a_read_that_cannot_be_recorded_is_not_answered_and_a_refusal_stands_anyway() {
    let fixture_who_may = fixture(true);
    fixture_who_may.post_json(event("a", "x").to_string()).await;
    *fixture_who_may.memory.mood.lock().unwrap() = Mood::Broken;
    let (status, problem) = get(&fixture_who_may, "/v1/events").await;
    assert_eq!(status, 503);
    assert!(!problem.to_string().contains("disk 17") && problem.get("events").is_none(), "{problem}");
    let who_may_not = fixture(false);
    *who_may_not.memory.mood.lock().unwrap() = Mood::Broken;
    assert_eq!(get(&who_may_not, "/v1/events").await.0, 403);
}

#[tokio::test]
async fn where_nothing_is_recorded_reads_leave_no_trace() {
    let mut fixture = fixture(true);
    fixture.api.recorder = None;
    assert_eq!(get(&fixture, "/v1/events").await.0, 200);
    assert!(records(&fixture).is_empty());
}
