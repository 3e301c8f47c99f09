//! The referee's judgement: every kind of statement, run by Trino over tables that our DDL made, answers as the model does. The
//! same questions are put to DuckDB, as a second reading of the statements, and to the scan engine, so that all agree.
//!
//! `AUDITLAKE_TRINO=1 cargo test -p auditlake-athena --test suite referee -- --nocapture`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auditlake_athena::tables::{TableOptions, tables};
use auditlake_athena::{AthenaEngine, EngineOptions, Identifier, LakeStatus, RunOptions, Tables};
use auditlake_event::{Organization, Region, Timestamp};
use auditlake_lake::clock::Clock;
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::layout::{LAKE_FILE, plan_key, record_key};
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::{Codec, SealTime};
use auditlake_query::scan::{ScanEngine, Settings};
use auditlake_query::{
    Condition, CountRequest, Engine, EngineExt, Field, GroupBy, Interval, MetadataKey, Order, Query, QueryError,
    SearchRequest, TimeZone,
};
use auditlake_store::Store;
use auditlake_store::memory::MemoryStore;

use crate::athena_server::AthenaServer;
use crate::duckdb::DuckDb;
use crate::lake::{self, ACTIONS, ACTORS, EMAILS, HOSTILE, KEYS, Lake, RESOURCES, time};
use crate::s3_server::S3Server;
use crate::statements::{FIELDS, GROUPS, INTERVALS};
use crate::trino::Trino;

/// How many questions are asked at once.
const AT_ONCE: usize = 3;
/// An answer that takes longer is reported.
const SLOW: Duration = Duration::from_secs(5);

struct SealedLake;

#[async_trait]
impl LakeStatus for SealedLake {
    async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        Ok(lake::sealed_until())
    }

    async fn archive_since(&self, _: &Organization) -> Result<Timestamp, QueryError> {
        Ok(time("2025-12-31T23:00:00Z"))
    }
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        lake::now()
    }
}

fn engine(server: &AthenaServer, tables: Tables) -> AthenaEngine {
    let counter = AtomicU64::new(1);
    let run_options = RunOptions {
        first_poll: Duration::from_millis(2),
        longest_poll: Duration::from_millis(50),
        ..RunOptions::in_workgroup("auditlake")
    };
    let options = EngineOptions::new(tables, lake::RULE);
    let random = Arc::new(move || counter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed));
    AthenaEngine::new(server.client(), run_options, options, Arc::new(SealedLake), Arc::new(FixedClock), random)
}

fn acme(from: Option<&str>, to: Option<&str>) -> Query {
    let organization = Organization::parse("acme").unwrap();
    let parse = |text: Option<&str>| text.map(|text| Timestamp::parse_with_nanos(text).unwrap()).unzip();
    let ((from, from_nanos), (to, to_nanos)) = (parse(from), parse(to));
    let (from_nanos, to_nanos) = (from_nanos.unwrap_or(0), to_nanos.unwrap_or(0));
    Query { from, to, from_nanos, to_nanos, ..Query::all(organization) }
}

fn condition(field: Field, negated: bool, values: &[&str]) -> Condition {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Condition { negated, ..Condition::any_of(field, values) }
}

fn ordinary_values(field: Field) -> Vec<&'static str> {
    match field {
        Field::EventId => vec!["id-1", "late-2026-03-01T02:10:00Z", "twice", "early"],
        Field::Actor => ["BOB@example.ORG", "ΝΊΚΟΣ@EXAMPLE.ORG"].iter().chain(&ACTORS).copied().collect(),
        Field::ActorEmail => {
            let others = ["ALICE@EXAMPLE.ORG", "intruder@example.org", "zoË.müller@STRAẞE.example", "νίκος@example.org"];
            others.iter().chain(&EMAILS).copied().collect()
        }
        Field::ActorVia => vec!["role/admin"],
        Field::Credential => KEYS.to_vec(),
        Field::Action => ACTIONS.to_vec(),
        Field::Category => vec!["data_access", "other"],
        Field::Outcome => vec!["denied", "failure"],
        Field::ResourceType => vec!["document"],
        Field::ResourceId => RESOURCES.to_vec(),
        Field::Source => vec!["api"],
        Field::SourceIp => {
            vec!["10.0.0.0/24", "2001:db8::1", "10.0.1.0-10.0.1.255", "::/0", "10.0.0.0/8", "balancer.example.org"]
        }
        Field::ScopeType => vec!["workspace"],
        Field::ScopeId => vec!["ws-2", "ws-9"],
        Field::RequestId => vec!["r-1"],
        Field::ServiceName => vec!["gateway"],
        Field::ErrorCode => vec!["AccessDenied"],
        Field::HttpStatus => vec!["403", "200"],
        Field::ChangesField => vec!["role", "plan"],
        Field::ChangesBefore | Field::ChangesAfter | Field::ChangesValue => vec!["admin", "10", "true", "null"],
        Field::Metadata(_) => vec!["x"],
        Field::Text => vec!["KITCHEN", "alice", "o'h", "/TO/", "ÜLLER", "straẞe", "νικοσ"],
    }
}

const ALL_TIME: (Option<&str>, Option<&str>) = (None, None);
/// Across a month's end, archive and landing.
const RECENT: (Option<&str>, Option<&str>) = (Some("2026-02-28T22:00:00Z"), None);

/// The space of filters.
fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    let mut add = |range: (Option<&str>, Option<&str>), region: Option<&str>, conditions: Vec<Condition>| {
        let region = region.map(|region| Region::parse(region).unwrap());
        queries.push(Query { region, conditions, ..acme(range.0, range.1) });
    };
    for range in [
        ALL_TIME,
        RECENT,
        (Some("2025-12-31T23:30:00Z"), Some("2026-01-01T00:10:00Z")),
        (Some("2026-02-28T23:59:59.999Z"), Some("2026-03-01T00:00:00Z")),
        (Some("2026-03-01T00:00:00Z"), Some("2026-03-01T00:00:00.001Z")),
        (Some("2026-02-28T22:15:00Z"), Some("2026-03-01T01:10:00Z")),
        (Some("2026-02-28T22:50:01.0005Z"), Some("2026-02-28T23:30:00.0005Z")),
        (Some("2026-02-28T23:30:00.000001Z"), Some("2026-02-28T23:30:00.000999999Z")),
        (Some("2026-03-01T02:00:01.0002Z"), Some("2026-03-01T02:00:01.0008Z")),
        (Some("2026-03-01T01:00:00Z"), None),
        (Some("2026-03-01T00:59:59.999Z"), Some("2026-03-01T01:00:00.001Z")),
        (None, Some("2026-01-01T00:00:00Z")),
        (Some("2019-06-01T00:00:00Z"), Some("2019-06-02T00:00:00Z")),
        (Some("2026-02-10T00:00:00Z"), Some("2026-02-11T00:00:00Z")),
    ] {
        add(range, None, Vec::new());
        add(range, Some("eu-west-1"), vec![condition(Field::Outcome, true, &["success"])]);
    }
    let long = format!("{}'{}", "x".repeat(999), "y".repeat(1_500));
    for field in FIELDS {
        let ordinary = ordinary_values(field);
        for negated in [false, true] {
            add(RECENT, None, vec![condition(field, negated, &ordinary[..1])]);
            add(RECENT, None, vec![condition(field, negated, &ordinary)]);
            add(RECENT, Some("us-east-1"), vec![condition(field, negated, HOSTILE)]);
            add(RECENT, None, vec![condition(field, negated, &[&long, ordinary[0]])]);
        }
    }
    // Each hostile value alone, where it occurs: as an actor, in free text, in JSON.
    for (position, value) in HOSTILE.iter().enumerate() {
        let field = [Field::Actor, Field::Text, Field::Credential, Field::ActorEmail][position % 4];
        add(RECENT, None, vec![condition(field, position % 3 == 0, &[value])]);
    }
    for (field, value) in [(Field::ChangesAfter, "admin"), (Field::ChangesBefore, "10"), (Field::ChangesValue, "true")] {
        let role = condition(Field::ChangesField, false, &["role"]);
        add(RECENT, None, vec![role.clone(), condition(field, false, &[value])]);
        add(RECENT, None, vec![role, condition(field, true, &[value])]);
    }
    for (key, values) in [
        ("note", &["x"][..]),
        ("access_key_id", &["AKIA1", "5", "it's"]),
        ("deeper.access_key_id", &["AKIA2"]),
        ("a\"]b'?", &["x"]),
    ] {
        let field = Field::Metadata(MetadataKey::new(key).unwrap());
        add(RECENT, None, vec![condition(field, false, values)]);
        add(RECENT, None, vec![condition(field, true, values)]);
    }
    add(
        ALL_TIME,
        Some("us-east-1"),
        vec![
            condition(Field::Outcome, false, &["denied", "failure"]),
            condition(Field::Action, true, &["read"]),
            condition(Field::Text, false, &["e"]),
        ],
    );
    queries
}

fn count_requests() -> Vec<CountRequest> {
    let mut requests = Vec::new();
    let intervals = INTERVALS.iter().copied().map(Some).chain([None]);
    let groups: Vec<Option<GroupBy>> = GROUPS.iter().copied().map(Some).chain([None]).collect();
    for interval in intervals {
        for (position, group_by) in groups.iter().enumerate() {
            let mut query = acme(RECENT.0, RECENT.1);
            if position % 2 == 0 {
                query.conditions.push(condition(Field::Outcome, true, &["denied"]));
            }
            let limit = [3, 100, 1][position % 3];
            requests.push(CountRequest { time_zone: None, query, interval, group_by: *group_by, limit });
        }
    }
    // Few events, so that totals are equal at the limit.
    for (position, group_by) in GROUPS.iter().enumerate() {
        let query = acme(Some("2026-02-28T22:50:00Z"), Some("2026-02-28T23:02:00Z"));
        requests.push(CountRequest {
            time_zone: None,
            query,
            interval: None,
            group_by: Some(*group_by),
            limit: 1 + position % 3,
        });
    }
    for key in ["note", "access_key_id", "nothing"] {
        let query = acme(RECENT.0, RECENT.1);
        let group_by = MetadataKey::new(key).map(GroupBy::Metadata);
        requests.push(CountRequest { time_zone: None, query, interval: None, group_by, limit: 100 });
    }
    for group_by in [None, Some(GroupBy::Outcome)] {
        let time_zone = TimeZone::parse("America/New_York");
        let query = acme(Some("2025-12-01T00:00:00Z"), None);
        requests.push(CountRequest { time_zone, query, interval: Some(Interval::Day), group_by, limit: 100 });
    }
    let nothing = acme(Some("2026-02-10T00:00:00Z"), Some("2026-02-11T00:00:00Z"));
    requests.push(CountRequest { time_zone: None, query: nothing.clone(), interval: None, group_by: None, limit: 5 });
    requests.push(CountRequest {
        time_zone: None,
        query: nothing,
        interval: Some(Interval::Hour),
        group_by: Some(GroupBy::Action),
        limit: 5,
    });
    requests
}

/// Reads page by page and compares each row with the model.
async fn check_search(engine: &dyn Engine, lake: &Lake, query: Query, order: Order, limit: usize, with_raw: bool) {
    let began = Instant::now();
    let mut expected = lake.search(&query);
    if order == Order::OldestFirst {
        expected.reverse();
    }
    if !with_raw {
        expected.iter_mut().for_each(|event| event.raw = None);
    }
    let mut request = SearchRequest { order, query, after: None, limit, with_raw };
    let mut found = Vec::new();
    loop {
        let answer = engine.search(&request).await.unwrap_or_else(|error| panic!("{error}: {request:?}"));
        assert_eq!(answer.facts.sealed_until, lake::sealed_until());
        found.extend(answer.found.events);
        let Some(next) = answer.found.next else { break };
        request.after = Some(next);
    }
    assert_eq!(found.len(), expected.len(), "{request:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{request:?}");
    }
    report_slow(began, &request);
}

/// Says which question took long, so that a change for the worse is seen.
fn report_slow(began: Instant, question: &dyn std::fmt::Debug) {
    let took = began.elapsed();
    if took > SLOW {
        println!("{} ms: {question:?}", took.as_millis());
    }
}

async fn check_count(engine: &dyn Engine, lake: &Lake, request: CountRequest) {
    let began = Instant::now();
    let expected = lake.count(&request.query, request.interval, request.time_zone.as_ref(), request.group_by, request.limit);
    let found = engine.count(&request).await.unwrap_or_else(|error| panic!("{error}: {request:?}"));
    assert_eq!((found.found.counts, found.found.truncated), expected, "{request:?}");
    report_slow(began, &request);
}

/// Puts every question to an engine; returns how many.
async fn ask_everything(engine: Arc<dyn Engine>, lake: &Arc<Lake>) -> usize {
    let mut running = tokio::task::JoinSet::new();
    let mut questions = 0;
    for (position, query) in queries().into_iter().enumerate() {
        let (engine, lake) = (Arc::clone(&engine), Arc::clone(lake));
        // Wide answers are read in pages, some of them within one millisecond.
        let limit = if position % 10 == 3 { 45 } else { 1_000 };
        let order = if position % 5 == 3 { Order::OldestFirst } else { Order::NewestFirst };
        running.spawn(async move { check_search(engine.as_ref(), &lake, query, order, limit, position % 4 == 0).await });
        questions += 1;
        while running.len() >= AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
    }
    for request in count_requests() {
        let (engine, lake) = (Arc::clone(&engine), Arc::clone(lake));
        running.spawn(async move { check_count(engine.as_ref(), &lake, request).await });
        questions += 1;
        while running.len() >= AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    questions
}

/// No partition outside of the asked range may be listed or read.
async fn check_pruning(engine: &AthenaEngine, s3: &S3Server) {
    for (from, to, hours) in [
        (
            "2026-02-28T22:30:00Z",
            "2026-03-01T00:30:00Z",
            &["02/day=28/hour=22", "02/day=28/hour=23", "03/day=01/hour=00"][..],
        ),
        ("2025-12-31T23:30:00Z", "2026-01-01T00:10:00Z", &["12/day=31/hour=23", "01/day=01/hour=00"]),
        ("2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z", &[]),
    ] {
        drop(s3.take_asked());
        let request = SearchRequest {
            order: Order::NewestFirst,
            query: acme(Some(from), Some(to)),
            after: None,
            limit: 1_000,
            with_raw: false,
        };
        engine.search(&request).await.unwrap();
        for asked in s3.take_asked() {
            if let Some(archive) = asked.strip_prefix("etl/v1/data/") {
                assert!(archive.contains("organization=org-acme/"), "{asked}");
                assert!(hours.iter().any(|hour| archive.contains(hour)), "{asked} is outside of {from} – {to}");
            } else if let Some(landing) = asked.strip_prefix("landing/arrival=") {
                assert!(("2026-03-01T00".."2026-03-01T04").contains(&&landing[..13]), "{asked}");
            } else {
                assert!(asked.starts_with("_metastore"), "{asked}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn referee_answers_as_the_model_does() {
    let lake = Arc::new(Lake::new());
    let s3 = S3Server::start(lake.objects.clone()).await;
    let endpoint = s3.endpoint.clone();
    let Some(trino) = tokio::task::spawn_blocking(move || Trino::start(&endpoint, "lake")).await.unwrap() else { return };
    let began = Instant::now();
    let database = Identifier::parse("auditlake").unwrap();
    let options = TableOptions {
        database: database.clone(),
        archive: "s3://lake".into(),
        landing: "s3://lake".into(),
        regions: vec![Region::parse("us-east-1").unwrap(), Region::parse("eu-west-1").unwrap()],
    };
    let client = trino.client();
    tokio::task::spawn_blocking(move || {
        client.run("CREATE SCHEMA lake.auditlake").unwrap();
        for table in tables(&options) {
            client.run(&table.trino_ddl()).unwrap();
        }
        // The table for people, asked as people ask it.
        let people = "SELECT count(*) FROM auditlake.events WHERE organization = 'acme' AND year = '2026' AND month = '02' AND day = '28'";
        assert_ne!(client.run(people).unwrap().rows[0][0].as_deref(), Some("0"));
    })
    .await
    .unwrap();
    let server = AthenaServer::start(trino.client()).await;
    let engine = Arc::new(engine(&server, Tables::in_database(database)));

    let questions = ask_everything(engine.clone(), &lake).await;
    check_pruning(&engine, &s3).await;
    let statements = server.calls("StartQueryExecution").len();
    println!("{questions} questions, {statements} statements, {} s", began.elapsed().as_secs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_scan_engine_answers_as_the_model_does() {
    let lake = Arc::new(Lake::new());
    let store = MemoryStore::new();
    for (key, bytes) in &lake.objects {
        store.put_if_absent(key, bytes.clone().into()).await.unwrap();
    }
    // The lake's first period is the one before `sealed until`: one record says so.
    let created = lake::sealed_until().start().plus_millis(-1);
    let file = auditlake_lake::Lake {
        first_period: lake::RULE.period.previous(lake::sealed_until()),
        ..auditlake_lake::Lake::new(created, lake::RULE.period, lake::RULE.slack_ms, lake::RULE.lead_ms, Codec::Snappy)
    };
    store.put_if_absent(LAKE_FILE, file.to_bytes().unwrap().into()).await.unwrap();
    let plan = auditlake_lake::seal::plan::empty(file.first_period, Codec::Snappy).to_bytes().unwrap();
    let record = SealRecord::of_nothing(file.first_period, sha256_hex(&plan), None).to_bytes().unwrap();
    store.put_if_absent(&plan_key(file.first_period), plan.into()).await.unwrap();
    store.put_if_absent(&record_key(file.first_period), record.into()).await.unwrap();
    let engine = Arc::new(ScanEngine::new(Arc::new(store), file, Settings::default()));
    ask_everything(engine, &lake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn duckdb_answers_as_the_model_does() {
    let lake = Arc::new(Lake::new());
    let Some(duckdb) = DuckDb::start(&lake.objects) else { return };
    let server = AthenaServer::start(duckdb).await;
    let tables = Tables::in_database(Identifier::parse("auditlake").unwrap());
    ask_everything(Arc::new(engine(&server, tables)), &lake).await;
}
