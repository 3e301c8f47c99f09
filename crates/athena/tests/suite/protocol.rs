//! The engine against a server that speaks Athena's API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_athena::run::request_token;
use auditlake_athena::{
    AthenaEngine, EngineOptions, ExecutionId, FailureKind, Identifier, LakeStatus, Progress, RunOptions, Runner, Statement,
    Tables,
};
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::clock::Clock;
use auditlake_lake::period::{Period, SealRule};
use auditlake_query::{CountRequest, EngineExt, Interval, Query, QueryError, QueryErrorKind, SearchRequest};

use crate::athena_server::{Answers, AthenaServer, End};

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A lake that is sealed one hour further each time it is asked.
pub struct AdvancingLake(pub AtomicU64);

#[async_trait]
impl LakeStatus for AdvancingLake {
    async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        let hours = i64::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap();
        Ok(SealTime::from_start(time("2026-03-01T00:00:00Z").plus_millis(hours * Timestamp::HOUR_MS)))
    }
}

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        time("2026-03-01T12:00:00Z")
    }
}

pub fn random() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let counter = AtomicU64::new(1);
    Arc::new(move || counter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
}

pub fn run_options() -> RunOptions {
    RunOptions {
        first_poll: Duration::from_millis(1),
        longest_poll: Duration::from_millis(5),
        ..RunOptions::in_workgroup("auditlake")
    }
}

fn runner(server: &AthenaServer) -> Runner {
    Runner::new(server.client(), run_options(), random())
}

fn engine(server: &AthenaServer) -> AthenaEngine {
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let tables = Tables::in_database(Identifier::parse("auditlake").unwrap());
    let options = EngineOptions::new(tables, rule);
    let lake = Arc::new(AdvancingLake(AtomicU64::new(0)));
    AthenaEngine::new(server.client(), run_options(), options, lake, Arc::new(FixedClock), random())
}

pub fn acme() -> Query {
    Query::all(Organization::parse("acme").unwrap())
}

pub fn search(limit: usize) -> SearchRequest {
    SearchRequest { order: auditlake_query::Order::NewestFirst, query: acme(), after: None, limit, with_raw: false }
}

const COLUMNS: [&str; 8] =
    ["event_id", "event_time", "received_time", "region", "organization", "source", "action", "outcome"];

pub fn rows(organization: &str, ids: impl Iterator<Item = usize>) -> End {
    let text = |text: &str| Some(text.to_owned());
    let at = "2026-03-01 11:00:00.000";
    let row = |id: usize| {
        let id = format!("id-{id:06}");
        vec![text(&id), text(at), text(at), text("eu"), text(organization), text("api"), text("read"), text("success")]
    };
    End::Rows { columns: COLUMNS.map(str::to_owned).to_vec(), rows: ids.map(row).collect(), scanned_bytes: 1_000 }
}

pub fn counted(number: u64) -> End {
    let row = vec![Some("2026-03-01 11:00:00.000".to_owned()), Some(number.to_string())];
    End::Rows { columns: vec!["bucket".into(), "events".into()], rows: vec![row], scanned_bytes: 7 }
}

pub const LONG: Duration = Duration::from_secs(60);

async fn failure_of(answers: impl Answers) -> (QueryError, AthenaServer) {
    let server = AthenaServer::start(answers).await;
    let error = engine(&server).search(&search(10)).await.unwrap_err();
    (error, server)
}

#[tokio::test]
async fn a_page_that_the_first_window_fills_takes_one_execution() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    server.set_polls_until_done(3);
    let answer = engine(&server).search(&search(10)).await.unwrap();
    assert_eq!((answer.found.events.len(), answer.facts.scanned_bytes, answer.facts.engine), (10, 1_000, "athena"));
    assert_eq!(answer.found.next.unwrap().event_id, "id-000009");
    let starts = server.calls("StartQueryExecution");
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0]["WorkGroup"], "auditlake");
    assert_eq!(starts[0]["QueryExecutionContext"]["Database"], "auditlake");
    assert_eq!(starts[0].get("ResultReuseConfiguration"), None, "landing is read: an older result may lack events");
    assert_eq!(server.calls("GetQueryExecution").len(), 4);
}

#[tokio::test]
async fn a_page_that_the_first_window_does_not_fill_is_completed_by_the_rest() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..4)).await;
    let answer = engine(&server).search(&search(10)).await.unwrap();
    assert_eq!((answer.found.events.len(), answer.facts.scanned_bytes), (8, 2_000));
    assert_eq!(answer.found.next, None);
    let starts = server.calls("StartQueryExecution");
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0]["ClientRequestToken"], starts[1]["ClientRequestToken"]);
}

#[tokio::test]
async fn a_result_of_many_pages_has_one_header() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..1_001)).await;
    let answer = engine(&server).search(&search(1_000)).await.unwrap();
    assert_eq!(answer.found.events.len(), 1_000);
    assert_eq!(answer.found.events[0].event_id, "id-000000");
    assert_eq!(server.calls("GetQueryResults").len(), 2);
}

#[tokio::test]
async fn counts_are_read() {
    let server = AthenaServer::start(|_: &str, _: &[String]| counted(42)).await;
    let request = CountRequest { time_zone: None, query: acme(), interval: Some(Interval::Hour), group_by: None, limit: 10 };
    let counts = engine(&server).count(&request).await.unwrap();
    assert_eq!((counts.found.counts.len(), counts.found.counts[0].count, counts.found.truncated), (1, 42, false));
    assert_eq!(counts.found.counts[0].time, Some(time("2026-03-01T11:00:00Z")));
}

#[tokio::test]
async fn counts_of_a_range_in_which_nothing_can_be_are_zero_without_an_execution() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    let query = Query { from: Some(time("2030-01-01T00:00:00Z")), ..acme() };
    let request = CountRequest { time_zone: None, query, interval: None, group_by: None, limit: 10 };
    let counts = engine(&server).count(&request).await.unwrap();
    assert_eq!(counts.found.counts[0].count, 0);
    assert_eq!(server.calls("StartQueryExecution").len(), 0);
}

#[tokio::test]
async fn a_throttled_call_is_made_again_with_the_same_token() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    server.fail_next("StartQueryExecution", "TooManyRequestsException");
    server.fail_next("StartQueryExecution", "ThrottlingException");
    server.fail_next("GetQueryExecution", "ThrottlingException");
    server.fail_next("GetQueryResults", "TooManyRequestsException");
    engine(&server).search(&search(10)).await.unwrap();
    let starts = server.calls("StartQueryExecution");
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|start| start["ClientRequestToken"] == starts[0]["ClientRequestToken"]));
}

#[tokio::test]
async fn throttling_that_does_not_end_is_said_to_be_throttling() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..1)).await;
    for _ in 0..100 {
        server.fail_next("StartQueryExecution", "TooManyRequestsException");
    }
    let error = engine(&server).search(&search(10)).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Throttled);
}

#[tokio::test]
async fn refused_calls_tell_rights_from_defects() {
    for (code, kind) in [
        ("AccessDeniedException", QueryErrorKind::Denied),
        ("InvalidRequestException", QueryErrorKind::Internal),
        ("SomethingNewException", QueryErrorKind::Internal),
    ] {
        let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..1)).await;
        server.fail_next("StartQueryExecution", code);
        assert_eq!(engine(&server).search(&search(10)).await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test]
async fn a_scan_cut_off_comes_with_advice_and_is_not_tried_again() {
    let reason = "Query cancelled! : Bytes scanned limit was exceeded";
    let (error, server) = failure_of(move |_: &str, _: &[String]| End::Cancelled(reason.into())).await;
    assert_eq!(error.kind, QueryErrorKind::TooLarge);
    assert!(error.message.contains("ask for a shorter time range"), "{error}");
    assert_eq!(server.calls("StartQueryExecution").len(), 1);
}

#[tokio::test]
async fn an_object_that_went_away_is_answered_with_a_new_sealed_until() {
    let tries = AtomicU64::new(0);
    let server = AthenaServer::start(move |_: &str, _: &[String]| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => End::Failed("HIVE_CANNOT_OPEN_SPLIT: NoSuchKey: s3://b/landing/x.parquet".into()),
        _ => rows("acme", 0..11),
    })
    .await;
    let answer = engine(&server).search(&search(10)).await.unwrap();
    assert_eq!(answer.facts.sealed_until.to_string(), "2026-03-01T01:00:00.000Z");
    let starts = server.calls("StartQueryExecution");
    assert_ne!(starts[0]["QueryString"], starts[1]["QueryString"]);
}

#[tokio::test]
async fn a_row_of_another_organization_is_never_given_out() {
    let (error, _) = failure_of(|_: &str, _: &[String]| rows("other", 0..1)).await;
    assert_eq!(error.kind, QueryErrorKind::Internal);
}

#[tokio::test]
async fn an_execution_that_outlasts_its_deadline_is_stopped() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    let error = engine(&server).answer_within(&search(10).into(), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Unavailable);
    assert_eq!(server.calls("StopQueryExecution").len(), 1);
}

#[tokio::test]
async fn an_execution_that_nobody_waits_for_is_stopped() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    let engine = engine(&server);
    let request = search(10);
    let waiting = engine.search(&request);
    assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
    while server.calls("StopQueryExecution").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn an_execution_can_be_started_polled_fetched_and_stopped_by_itself() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..3)).await;
    server.set_polls_until_done(1);
    let runner = runner(&server);
    let statement = Statement { text: "SELECT 1 WHERE 'a' = ?".into(), parameters: vec!["'a'".into()] };
    let token = request_token("nonce", SealTime::from_start(time("2026-03-01T00:00:00Z")), &statement);
    let id = runner.start("auditlake", &statement, &token, false).await.unwrap();
    assert_eq!(runner.start("auditlake", &statement, &token, false).await.unwrap(), id, "the same token starts nothing new");
    assert!(matches!(runner.poll(&id).await.unwrap(), Progress::Running(_)));
    let Progress::Succeeded(statistics) = runner.poll(&id).await.unwrap() else { panic!("it has ended") };
    assert_eq!(statistics.scanned_bytes, 1_000);
    assert_eq!(runner.fetch(&id, 10).await.unwrap().rows.len(), 3);
    assert_eq!(runner.fetch(&id, 2).await.unwrap_err().kind, FailureKind::TooLarge);
    runner.stop(&id).await.unwrap();
    assert_eq!(runner.poll(&id).await.unwrap_err().kind, FailureKind::Cancelled);
    assert_eq!(runner.poll(&ExecutionId("unknown".into())).await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn a_stored_result_is_used_again_only_where_it_may() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..3)).await;
    let options = RunOptions { reuse_minutes: Some(60), ..run_options() };
    let runner = Runner::new(server.client(), options, random());
    let statement = Statement { text: "SELECT 1".into(), parameters: Vec::new() };
    runner.start("auditlake", &statement, &"a".repeat(64), true).await.unwrap();
    runner.start("auditlake", &statement, &"b".repeat(64), false).await.unwrap();
    let starts = server.calls("StartQueryExecution");
    let age = &starts[0]["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"];
    assert_eq!((age["Enabled"].as_bool(), age["MaxAgeInMinutes"].as_i64()), (Some(true), Some(60)));
    assert_eq!(starts[1].get("ResultReuseConfiguration"), None);
}
