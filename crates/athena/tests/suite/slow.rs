//! Answers that a caller comes back for: tickets, what goes on without a caller, what is stopped, and what it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auditlake_athena::{AthenaEngine, EngineOptions, Identifier, RunOptions, Tables};
use auditlake_event::Timestamp;
use auditlake_lake::period::{Period, SealRule};
use auditlake_query::{
    Answer, CountRequest, Engine, EngineExt, Interval, Page, Progress, Query, QueryErrorKind, SearchRequest, Ticket,
};

use crate::athena_server::{AthenaServer, End};
use crate::protocol::{AdvancingLake, FixedClock, LONG, acme, counted, random, rows, run_options, search, time};

const NOW: Duration = Duration::ZERO;
const FOREVER: u32 = u32::MAX;
const MIB: u64 = 1024 * 1024;

fn engine_of(server: &AthenaServer, run: RunOptions, change: impl FnOnce(&mut EngineOptions)) -> AthenaEngine {
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let mut options = EngineOptions::new(Tables::in_database(Identifier::parse("auditlake").unwrap()), rule);
    change(&mut options);
    let lake = Arc::new(AdvancingLake(AtomicU64::new(0)));
    AthenaEngine::new(server.client(), run, options, lake, Arc::new(FixedClock), random())
}

fn engine(server: &AthenaServer) -> AthenaEngine {
    engine_of(server, run_options(), |_| {})
}

fn pending<T: std::fmt::Debug>(progress: Progress<T>) -> Ticket {
    match progress {
        // As it comes back from a caller.
        Progress::Pending(ticket) => serde_json::from_str(&serde_json::to_string(&ticket).unwrap()).unwrap(),
        Progress::Done(answer) => panic!("it should still run: {answer:?}"),
    }
}

fn done(progress: Progress<Answer>) -> Answer<Page> {
    match progress {
        Progress::Done(answer) => answer.into_page().unwrap(),
        Progress::Pending(ticket) => panic!("it should be there: {ticket:?}"),
    }
}

fn ids(answer: &Answer<Page>) -> Vec<&str> {
    answer.found.events.iter().map(|event| event.event_id.as_ref()).collect()
}

#[tokio::test]
async fn a_search_is_left_running_and_fetched_when_its_caller_comes_back() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    server.set_polls_until_done(FOREVER);
    let engine = engine(&server);
    let request = search(10).into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    let ticket = pending(engine.resume(&request, &ticket, Duration::from_millis(30)).await.unwrap());
    assert!(server.calls("GetQueryExecution").len() >= 2, "it is polled while the caller waits");
    server.finish_all();
    let answer = done(engine.resume(&request, &ticket, NOW).await.unwrap());
    assert_eq!(answer.found.events.len(), 10);
    // The first `sealed until`, though the lake has been sealed further since.
    assert_eq!(answer.facts.sealed_until.start(), time("2026-03-01T00:00:00Z"));
    assert_eq!((server.calls("StartQueryExecution").len(), server.stopped()), (1, vec![]));
    // Polling again with the same ticket returns the same result.
    let again = done(engine.resume(&request, &ticket, NOW).await.unwrap());
    assert_eq!(ids(&again), ids(&answer));
}

#[tokio::test]
async fn a_finished_step_is_not_run_again_and_the_next_one_asks_by_the_same_snapshot() {
    let calls = AtomicU64::new(0);
    let server = AthenaServer::start(move |_: &str, _: &[String]| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => rows("acme", 6..10),
        _ => rows("acme", 0..3),
    })
    .await;
    server.set_polls_until_done(FOREVER);
    let engine = engine(&server);
    let request = search(10).into();
    let first = pending(engine.ask(&request, NOW).await.unwrap());
    server.finish_all();
    let second = pending(engine.resume(&request, &first, NOW).await.unwrap());
    assert_ne!(first, second);
    // The old ticket leads to the execution that was started by it.
    pending(engine.resume(&request, &first, NOW).await.unwrap());
    server.finish_all();
    let answer = done(engine.resume(&request, &second, NOW).await.unwrap());
    assert_eq!(ids(&answer), ["id-000006", "id-000007", "id-000008", "id-000009", "id-000000", "id-000001", "id-000002"]);
    assert_eq!(answer.facts.scanned_bytes, 2_000);
    let starts = server.calls("StartQueryExecution");
    assert_eq!(starts.len(), 3, "a step was asked for twice");
    assert_eq!(starts[1]["ClientRequestToken"], starts[2]["ClientRequestToken"]);
    let sealed = "seal_time < TIMESTAMP '2026-03-01 00:00:00.000'";
    assert!(starts.iter().all(|start| start["QueryString"].as_str().unwrap().contains(sealed)));
}

#[tokio::test]
async fn a_count_is_left_running_too() {
    let server = AthenaServer::start(|_: &str, _: &[String]| counted(42)).await;
    server.set_polls_until_done(FOREVER);
    let engine = engine(&server);
    let request =
        CountRequest { time_zone: None, query: acme(), interval: Some(Interval::Hour), group_by: None, limit: 10 }.into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    server.finish_all();
    let Progress::Done(answer) = engine.resume(&request, &ticket, NOW).await.unwrap() else { panic!("it should be there") };
    assert_eq!(answer.into_counts().unwrap().found.counts[0].count, 42);
}

#[tokio::test]
async fn an_object_that_went_away_meanwhile_begins_the_answer_anew_with_a_new_ticket() {
    let tries = AtomicU64::new(0);
    let server = AthenaServer::start(move |_: &str, _: &[String]| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => End::Failed("HIVE_CANNOT_OPEN_SPLIT: NoSuchKey: s3://b/landing/x.parquet".into()),
        _ => rows("acme", 0..11),
    })
    .await;
    server.set_polls_until_done(FOREVER);
    let engine = engine(&server);
    let request = search(10).into();
    let first = pending(engine.ask(&request, NOW).await.unwrap());
    server.finish_all();
    let second = pending(engine.resume(&request, &first, NOW).await.unwrap());
    server.finish_all();
    let answer = done(engine.resume(&request, &second, NOW).await.unwrap());
    assert_eq!(answer.facts.sealed_until.start(), time("2026-03-01T01:00:00Z"), "read again");
}

#[tokio::test]
async fn cancelling_stops_the_execution_and_says_so_to_whoever_comes_back() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    let engine = engine(&server);
    let request = search(10).into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    engine.cancel(&ticket).await.unwrap();
    assert_eq!(server.stopped().len(), 1);
    let error = engine.resume(&request, &ticket, NOW).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Cancelled);
    engine.cancel(&ticket).await.unwrap();
}

#[tokio::test]
async fn only_what_nobody_can_come_back_for_is_stopped_when_its_caller_goes() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    let engine = engine(&server);
    let request = search(10).into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    let waiting = engine.resume(&request, &ticket, LONG);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    let waiting = engine.ask(&request, LONG);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    while server.stopped().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.stopped(), ["00000001-0000-0000-0000-000000000000"], "not the one with a ticket");
}

#[tokio::test]
async fn throttling_while_polling_costs_neither_the_execution_nor_the_ticket() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    server.set_polls_until_done(FOREVER);
    let engine = engine(&server);
    let request = search(10).into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    (0..4).for_each(|_| server.fail_next("GetQueryExecution", "ThrottlingException"));
    let error = engine.resume(&request, &ticket, NOW).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Throttled);
    server.finish_all();
    assert_eq!(done(engine.resume(&request, &ticket, NOW).await.unwrap()).found.events.len(), 10);
    assert_eq!((server.calls("StartQueryExecution").len(), server.stopped()), (1, vec![]));
}

#[tokio::test]
async fn a_search_that_cannot_be_polled_leaves_nothing_running() {
    let server = AthenaServer::start(|_: &str, _: &[String]| End::Never).await;
    (0..100).for_each(|_| server.fail_next("GetQueryExecution", "ThrottlingException"));
    let error = engine(&server).ask(&search(10).into(), LONG).await.unwrap_err();
    assert_eq!((error.kind, server.stopped().len()), (QueryErrorKind::Throttled, 1));
}

#[tokio::test]
async fn an_execution_that_fails_for_now_is_started_anew_with_another_token() {
    let tries = AtomicU64::new(0);
    let server = AthenaServer::start(move |_: &str, _: &[String]| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => End::Failed("Please reduce your request rate. (Service: Amazon S3; Status Code: 503; SlowDown)".into()),
        _ => rows("acme", 0..11),
    })
    .await;
    let answer = done(engine(&server).ask(&search(10).into(), LONG).await.unwrap());
    assert_eq!(answer.found.events.len(), 10);
    let starts = server.calls("StartQueryExecution");
    assert_ne!(starts[0]["ClientRequestToken"], starts[1]["ClientRequestToken"]);
    assert_eq!(starts[0]["QueryString"], starts[1]["QueryString"]);
}

#[tokio::test]
async fn a_ticket_of_other_statements_is_stopped_and_begun_anew() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    server.set_polls_until_done(FOREVER);
    let ticket = pending(engine(&server).ask(&search(10).into(), NOW).await.unwrap());
    // A newer version that cuts its steps otherwise.
    let newer = engine_of(&server, run_options(), |options| options.first_step_ms = Timestamp::HOUR_MS);
    let ticket = pending(newer.resume(&search(10).into(), &ticket, NOW).await.unwrap());
    assert_eq!(server.stopped(), ["00000000-0000-0000-0000-000000000000"]);
    server.finish_all();
    assert_eq!(done(newer.resume(&search(10).into(), &ticket, NOW).await.unwrap()).found.events.len(), 10);
}

#[tokio::test]
async fn an_answer_states_time_and_bill_of_all_its_executions() {
    let server = AthenaServer::start(|_: &str, _: &[String]| match rows("acme", 0..4) {
        End::Rows { columns, rows, .. } => End::Rows { columns, rows, scanned_bytes: 512 * MIB - 5 },
        other => other,
    })
    .await;
    let engine = engine_of(&server, run_options(), |options| options.usd_per_tb = Some(5.0));
    let answer = engine.search(&search(10)).await.unwrap();
    assert_eq!((answer.facts.cost.engine_ms, answer.facts.cost.billed_bytes), (10, Some(1024 * MIB)));
    // 1 GB of 1,024 to a TB at 5 dollars.
    assert_eq!((answer.facts.cost.cost_usd, answer.facts.cost.reused_result), (Some(0.004_882_813), false));
    let counts = CountRequest { time_zone: None, query: acme(), interval: None, group_by: None, limit: 1 };
    let nothing =
        CountRequest { time_zone: None, query: Query { from: Some(time("2030-01-01T00:00:00Z")), ..acme() }, ..counts };
    assert_eq!(engine.count(&nothing).await.unwrap().facts.cost.billed_bytes, Some(0), "nothing was asked");
}

#[tokio::test]
async fn a_stored_result_may_answer_only_what_is_sealed_whole() {
    let server = AthenaServer::start(|_: &str, _: &[String]| rows("acme", 0..11)).await;
    let run = RunOptions { reuse_minutes: Some(60), ..run_options() };
    // Sealed until 2026-03-01T00:00, 01:00, …: one hour further with each question.
    let engine = engine_of(&server, run, |_| {});
    let until = |to: &str| SearchRequest {
        order: auditlake_query::Order::NewestFirst,
        query: Query { to: Some(time(to)), ..acme() },
        ..search(10)
    };
    for to in ["2026-03-01T00:00:00Z", "2026-03-01T01:00:00.001Z"] {
        engine.search(&until(to)).await.unwrap();
    }
    let starts = server.calls("StartQueryExecution");
    let may_reuse: Vec<bool> = starts.iter().map(|start| start.get("ResultReuseConfiguration").is_some()).collect();
    assert_eq!(may_reuse, [true, false]);
}
