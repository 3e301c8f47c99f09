//! The function `query` with settings of its own: who answers, and what is refused. Nobody answers at Athena's address, so a question
//! that is asked there fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_event::{Event, Outcome, Region};
use auditlake_lake::landing::{Clock, SystemClock};
use auditlake_lake::{Codec, Period};
use auditlake_lambda::clients::LakeAccess;
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::ingest::BatchQueue;
use auditlake_lambda::query::{CursorKey, QueryFunction};
use auditlake_lambda::runtime::Invocation;
use auditlake_lambda::telemetry::Metrics;
use auditlake_store::memory::MemoryStore;
use serde_json::{Value, json};

struct Key;

#[async_trait]
impl CursorKey for Key {
    async fn key(&self) -> Result<Arc<[u8]>, String> {
        Ok(Arc::from(b"a key of the test".as_slice()))
    }
}

struct Queue;

#[async_trait]
impl BatchQueue for Queue {
    async fn send(&self, _: String) -> Result<(), String> {
        Ok(())
    }
}

fn nobody() -> aws_sdk_athena::Client {
    let config = aws_sdk_athena::Config::builder()
        .endpoint_url("http://127.0.0.1:9")
        .region(aws_sdk_athena::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_athena::config::Credentials::new("test", "test", None, None, "test"))
        .retry_config(aws_sdk_athena::config::retry::RetryConfig::disabled())
        .build();
    aws_sdk_athena::Client::from_conf(config)
}

/// A lake with one event of `acme` that has landed, and the function over it.
async fn function(settings: &[(&str, &str)]) -> QueryFunction {
    let lake_settings = LakeSettings {
        landing_bucket: "l".to_owned(),
        archive_bucket: "a".to_owned(),
        region: Region::parse("eu-west-1").unwrap(),
        period: Period::HOUR,
        slack_ms: 300_000,
        codec: Codec::Snappy,
    };
    let access = Arc::new(LakeAccess::of_store(Arc::new(MemoryStore::new()), lake_settings, Arc::new(SystemClock)));
    let now = SystemClock.now();
    let event = Event {
        event_id: "e-1".into(),
        event_time: now,
        received_time: now,
        region: "eu-west-1".into(),
        organization: "acme".into(),
        source: "api".into(),
        action: "role_assign".into(),
        outcome: Outcome::Success,
        ..Event::default()
    };
    access.writer().await.unwrap().land(&[event]).await.unwrap();
    let mut pairs = vec![
        ("AUDITLAKE_DATABASE", "auditlake"),
        ("AUDITLAKE_WORKGROUP", "auditlake"),
        ("AUDITLAKE_RESULTS_BUCKET", "results"),
    ];
    pairs.extend_from_slice(settings);
    let environment = Environment::of_pairs(&pairs);
    QueryFunction::new(&environment, access, nobody(), Arc::new(Key), Arc::new(Queue), Arc::new(|| 4)).unwrap()
}

async fn call(function: &QueryFunction, method: &str, path: &str, query: &str) -> (u16, Value) {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {},
        "requestContext": {"http": {"method": method}, "stage": "$default",
            "authorizer": {"jwt": {"claims": {"tenant": "acme", "permissions": "[iam:tenant:iam:audit:read]"}}}},
        "isBase64Encoded": false,
    });
    let invocation =
        Invocation { request_id: "r-1".to_owned(), deadline: auditlake_event::Timestamp::from_millis(i64::MAX / 2) };
    let (answer, _) = function.handle(serde_json::from_value(event).unwrap(), invocation, Metrics::of("query")).await;
    let answer = answer.unwrap();
    (answer.status(), serde_json::from_slice(&answer.body()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn by_default_athena_is_asked() {
    let function = function(&[]).await;
    let (status, problem) = call(&function, "GET", "/v1/events", "wait=1").await;
    assert!(status >= 500, "{status} {problem}");
}

#[tokio::test]
async fn what_is_small_is_scanned_where_that_is_switched_on() {
    let function = function(&[("AUDITLAKE_SCAN_MAX_MB", "1")]).await;
    let (status, page) = call(&function, "GET", "/v1/events", "").await;
    assert_eq!((status, &page["events"][0]["event_id"], &page["engine"]), (200, &json!("e-1"), &json!("scan")), "{page}");
    assert_eq!((page.get("billed_bytes"), page.get("cost_usd"), &page["cut"]), (None, None, &Value::Null));
    let (status, counts) = call(&function, "GET", "/v1/stats", "group_by=action").await;
    assert_eq!((status, &counts["counts"][0]["value"]), (200, &json!("role_assign")), "{counts}");
    // A refusal alone needs no scan: what is below it goes to Athena.
    let guarded = self::function(&[("AUDITLAKE_MAX_QUERY_MB", "1")]).await;
    assert!(call(&guarded, "GET", "/v1/events", "wait=1").await.0 >= 500);
}

#[tokio::test]
async fn queries_are_routed_by_their_id() {
    let function = function(&[]).await;
    for method in ["GET", "DELETE"] {
        let (status, problem) = call(&function, method, "/v1/queries/AAAA", "").await;
        assert_eq!((status, &problem["type"]), (404, &json!("urn:auditlake:problem:not-found")), "{method}");
    }
}
