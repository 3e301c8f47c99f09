//! The function `query` with settings of its own: who answers, and what is refused. Nobody answers at Athena's address, so a question
//! that is asked there fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_event::{Event, Outcome, Region};
use auditlake_lake::clock::{Clock, SystemClock};
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

/// A request without a token, as a browser makes it that opens a page.
async fn browse(function: &QueryFunction, method: &str, path: &str) -> (Value, Vec<u8>) {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {"accept-encoding": "gzip"},
        "requestContext": {"http": {"method": method}, "stage": "$default"}, "isBase64Encoded": false,
    });
    let invocation =
        Invocation { request_id: "r-1".to_owned(), deadline: auditlake_event::Timestamp::from_millis(i64::MAX / 2) };
    let (answer, _) = function.handle(serde_json::from_value(event).unwrap(), invocation, Metrics::of("query")).await;
    let answer = answer.unwrap();
    let body = answer.body();
    (serde_json::to_value(answer).unwrap(), body)
}

#[tokio::test]
async fn the_console_is_served_without_a_token_and_what_is_compressed_goes_as_base64() {
    let settings = [
        ("AUDITLAKE_CONSOLE", "true"),
        ("AUDITLAKE_OIDC_ISSUER", "https://id.example/"),
        ("AUDITLAKE_OIDC_AUDIENCE", "console,lake"),
        ("AUDITLAKE_OIDC_CLIENT_ID", "console"),
        ("AUDITLAKE_CONNECT_ORIGINS", "https://tokens.example"),
        ("AUDITLAKE_CONTACT", "security@acme.example"),
    ];
    let function = function(&settings).await;
    let (answer, body) = browse(&function, "GET", "/console.json").await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({
            "version": env!("CARGO_PKG_VERSION"), "mode": "deployed", "organization": null, "organizations": [],
            "must_name_organization": false, "contact": "security@acme.example",
            "oidc": {"issuer": "https://id.example/", "client_id": "console", "scope": "openid profile email", "audience": "lake"},
        })
    );
    let policy = answer["headers"]["content-security-policy"].as_str().unwrap();
    assert!(policy.contains("connect-src 'self' https://id.example https://tokens.example;"), "{policy}");
    assert_eq!(answer["headers"]["strict-transport-security"], "max-age=31536000");

    let (page, _) = browse(&function, "GET", "/").await;
    assert_eq!((&page["statusCode"], &page["headers"]["content-type"]), (&json!(200), &json!("text/html; charset=utf-8")));
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist/assets");
    let mut compressed = 0;
    for entry in std::fs::read_dir(assets).unwrap() {
        let name = entry.unwrap().file_name();
        let (asset, body) = browse(&function, "GET", &format!("/assets/{}", name.to_str().unwrap())).await;
        assert_eq!(asset["statusCode"], 200, "{name:?}");
        if asset["headers"]["content-encoding"] == "gzip" {
            assert_eq!((&asset["isBase64Encoded"], &body[..2]), (&json!(true), &[0x1f, 0x8b][..]), "{name:?}");
            compressed += 1;
        }
    }
    assert!(compressed > 0);
    assert_eq!(browse(&function, "POST", "/").await.0["statusCode"], 405);
    for path in ["/v1/events", "/v1/status", "/v1/exports/x"] {
        assert_eq!(browse(&function, "GET", path).await.0["statusCode"], 401, "{path}");
    }
}

#[tokio::test]
async fn without_the_console_its_paths_are_not_there() {
    let function = function(&[]).await;
    for path in ["/", "/console.json", "/favicon.svg"] {
        assert_eq!(browse(&function, "GET", path).await.0["statusCode"], 401, "{path}");
    }
    assert_eq!(browse(&function, "GET", "/openapi.json").await.0["statusCode"], 200);
}

#[tokio::test]
async fn queries_are_routed_by_their_id() {
    let function = function(&[]).await;
    for method in ["GET", "DELETE"] {
        let (status, problem) = call(&function, method, "/v1/queries/AAAA", "").await;
        assert_eq!((status, &problem["type"]), (404, &json!("urn:auditlake:problem:not-found")), "{method}");
    }
}
