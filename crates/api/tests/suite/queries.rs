//! Questions that take longer than their caller waits: 202, polling, cancelling, and who may do so.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Fixture, Memory, Mood, NOW, event, organization};
use async_trait::async_trait;
use auditlake_api::{Caller, Door, Recorder};
use auditlake_event::{Region, Timestamp};
use auditlake_lake::clock::Clock;
use auditlake_query::{Answer, Engine, Progress, QueryError, QueryErrorKind, Question, Ticket, signed};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The key of the fixture.
const KEY: &[u8] = b"a key of the test";

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Pends as often as it is told; then answers as the plain engine does.
struct Slow {
    memory: Arc<Memory>,
    pends: u64,
    begun: AtomicU64,
    cancelled: Mutex<BTreeSet<u64>>,
    patience: Mutex<Vec<Duration>>,
}

impl Slow {
    fn new(memory: &Arc<Memory>, pends: u64) -> Arc<Self> {
        let (begun, cancelled, patience) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Arc::new(Self { memory: Arc::clone(memory), pends, begun, cancelled, patience })
    }

    /// `None` if it is time to answer.
    fn pend(&self, ticket: Option<&Ticket>, patience: Duration) -> Result<Option<Ticket>, QueryError> {
        self.patience.lock().unwrap().push(patience);
        let (number, left) = match ticket {
            Some(ticket) => ticket.read::<(u64, u64)>("slow").unwrap(),
            None => (self.begun.fetch_add(1, Ordering::SeqCst), self.pends),
        };
        if self.cancelled.lock().unwrap().contains(&number) {
            return Err(QueryError::new(QueryErrorKind::Cancelled, "stopped"));
        }
        Ok(if left == 0 { None } else { Some(Ticket::new("slow", &(number, left - 1)).unwrap()) })
    }

    fn cancelled(&self) -> Vec<u64> {
        self.cancelled.lock().unwrap().iter().copied().collect()
    }
}

#[async_trait]
impl Engine for Slow {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        match self.pend(None, patience)? {
            Some(ticket) => Ok(Progress::Pending(ticket)),
            None => self.memory.ask(question, patience).await,
        }
    }

    async fn resume(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        match self.pend(Some(ticket), patience)? {
            Some(ticket) => Ok(Progress::Pending(ticket)),
            None => self.memory.ask(question, patience).await,
        }
    }

    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        self.cancelled.lock().unwrap().insert(ticket.read::<(u64, u64)>("slow").unwrap().0);
        Ok(())
    }
}

struct World {
    fixture: Fixture,
    slow: Arc<Slow>,
    clock: Arc<SetClock>,
}

impl World {
    fn new(pends: u64) -> Self {
        let mut fixture = Fixture::with_caller(Caller::tenant(organization("acme"), true, true));
        let slow = Slow::new(&fixture.memory, pends);
        let clock = Arc::new(SetClock(AtomicI64::new(Timestamp::parse(NOW).unwrap().millis())));
        let reader = fixture.api.reader.as_mut().unwrap();
        reader.engine = Arc::clone(&slow) as _;
        reader.clock = Arc::clone(&clock) as _;
        Self { fixture, slow, clock }
    }

    /// A world with 25 events.
    async fn with_events(pends: u64) -> Self {
        let world = Self::new(pends);
        let events: Vec<Value> = (0..25).map(|index| event(&format!("e{index:02}"), "role_assign")).collect();
        assert_eq!(world.fixture.post_json(json!(events).to_string()).await.0, 202);
        world
    }

    async fn call(&self, caller: &Caller, method: Method, uri: &str) -> Response<Bytes> {
        let request = Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        self.fixture.api.handle(caller, request).await
    }

    async fn own(&self, method: Method, uri: &str) -> (u16, Value) {
        let response = self.call(&self.fixture.caller, method, uri).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
    }

    async fn get(&self, uri: &str) -> (u16, Value) {
        self.own(Method::GET, uri).await
    }

    /// The link of a question that is left running.
    async fn link(&self, uri: &str) -> String {
        let (status, answer) = self.get(uri).await;
        assert_eq!(status, 202, "{answer}");
        answer["link"].as_str().unwrap().to_owned()
    }

    fn pass_minutes(&self, minutes: i64) {
        self.clock.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    fn record(&mut self) {
        let door = Arc::clone(&self.fixture.memory) as Arc<dyn Door>;
        self.fixture.api.recorder = Some(Recorder { door, region: Region::parse("eu-west-1").unwrap() });
    }
}

const QUESTIONS: [&str; 4] = [
    "/v1/events?action=role_assign&limit=10",
    "/v1/events/e07?at=2026-03-01T11:59:00.500Z",
    "/v1/events/e07",
    "/v1/stats?action=role_assign&interval=hour&group_by=outcome",
];

#[tokio::test]
async fn whoever_comes_back_gets_the_very_same_answer() {
    for question in QUESTIONS {
        let at_once = World::with_events(0).await;
        let (status, expected) = at_once.get(question).await;
        assert_eq!(status, 200, "{expected}");
        let world = World::with_events(3).await;
        let response = world.call(&world.fixture.caller, Method::GET, question).await;
        assert_eq!(response.status(), 202);
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        let link = answer["link"].as_str().unwrap();
        assert_eq!((&answer["status"], &answer["expires"]), (&json!("running"), &json!("2026-03-01T12:30:00.000Z")));
        assert_eq!(link, format!("/v1/queries/{}", answer["query_id"].as_str().unwrap()));
        assert_eq!(response.headers()["location"], link);
        assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
        // Later than it was asked: the answer is to the question as it was.
        world.pass_minutes(1);
        let (mut link, mut polls) = (link.to_owned(), 0);
        let answer = loop {
            let (status, answer) = world.get(&link).await;
            match status {
                202 => link = answer["link"].as_str().unwrap().to_owned(),
                200 => break answer,
                other => panic!("{other} {answer}"),
            }
            polls += 1;
            // However often it is asked, its time ends when it was to end.
            assert_eq!(answer["expires"], "2026-03-01T12:30:00.000Z");
        };
        assert_eq!((answer, polls), (expected, 2), "{question}");
        assert_eq!(world.slow.begun.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn pages_go_on_after_a_page_that_was_slow() {
    let world = World::with_events(1).await;
    let (mut seen, mut uri) = (Vec::new(), "/v1/events?limit=10".to_owned());
    loop {
        let (status, page) = world.get(&world.link(&uri).await).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        assert_eq!(page["cut"], "limit");
        uri = format!("/v1/events?limit=10&cursor={cursor}");
    }
    assert_eq!(seen, (0..25).rev().map(|index| format!("e{index:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_caller_says_how_long_it_waits() {
    let world = World::with_events(1).await;
    for (uri, seconds) in
        [("/v1/events?wait=0", 0), ("/v1/events/x?wait=7", 7), ("/v1/stats", 20), ("/v1/stats?wait=20", 20)]
    {
        let link = world.link(uri).await;
        assert_eq!(world.slow.patience.lock().unwrap().last(), Some(&Duration::from_secs(seconds)), "{uri}");
        world.get(&format!("{link}?wait=3")).await;
        assert_eq!(world.slow.patience.lock().unwrap().last(), Some(&Duration::from_secs(3)));
        assert_eq!(world.get(&format!("{link}?limit=3")).await.0, 400, "the question is in the id");
    }
    for uri in ["/v1/events?wait=21", "/v1/stats?wait=-1", "/v1/events/x?wait=soon"] {
        let (status, problem) = world.get(uri).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("wait")), "{uri}");
    }
}

#[tokio::test]
async fn an_id_with_any_character_changed_is_none() {
    let world = World::with_events(5).await;
    let link = world.link(QUESTIONS[0]).await;
    let (prefix, id) = link.split_at("/v1/queries/".len());
    let forged = world.get("/v1/queries/AAAA").await.1["detail"].clone();
    for at in 0..id.len() {
        for to in ["A", "f", "_", "7"] {
            let changed = format!("{prefix}{}{to}{}", &id[..at], &id[at + 1..]);
            if changed == link {
                continue;
            }
            for method in [Method::GET, Method::DELETE] {
                let (status, problem) = world.own(method, &changed).await;
                assert_eq!((status, &problem["detail"]), (404, &forged), "{at} {to}");
            }
        }
    }
    for shorter in [&link[..link.len() - 1], &format!("{link}A"), &format!("{prefix}{}", "A".repeat(6_001))] {
        assert_eq!(world.get(shorter).await.0, 404);
    }
    // What the same key signs for another purpose is no id.
    for other in ["auditlake query", "auditlake cursor", ""] {
        assert_eq!(world.get(&format!("{prefix}{}", signed::sign(other, b"\x01{}", KEY))).await.0, 404);
    }
    assert_eq!(world.slow.cancelled(), Vec::<u64>::new());
    assert_eq!(world.get(&link).await.0, 202, "untouched");
}

#[tokio::test]
async fn to_another_tenant_a_query_is_none() {
    let world = World::with_events(1).await;
    let stranger = Caller::tenant(organization("globex"), true, true);
    for question in QUESTIONS {
        let link = world.link(question).await;
        let forged = world.call(&stranger, Method::GET, "/v1/queries/AAAA").await;
        let of = |response: &Response<Bytes>| -> Value {
            let mut problem: Value = serde_json::from_slice(response.body()).unwrap();
            problem["request_id"].take();
            problem
        };
        for uri in [link.clone(), format!("{link}?organization=globex"), format!("{link}?organization=acme")] {
            for method in [Method::GET, Method::DELETE] {
                let response = world.call(&stranger, method, &uri).await;
                assert_eq!((response.status().as_u16(), of(&response)), (404, of(&forged)));
            }
        }
        assert_eq!(world.get(&format!("{link}?organization=globex")).await.0, 404);
        assert_eq!(world.slow.cancelled(), Vec::<u64>::new());
        // Who may read nothing learns nothing of ids either.
        let blind = Caller::tenant(organization("acme"), false, true);
        for uri in [link.as_str(), "/v1/queries/AAAA"] {
            assert_eq!(world.call(&blind, Method::GET, uri).await.status(), 403);
        }
        // An operator may read every organization.
        let operator = Caller::operator(None);
        assert_eq!(world.call(&operator, Method::GET, &format!("{link}?organization=acme")).await.status(), 200);
        assert_eq!(world.get(&link).await.0, 200);
    }
}

#[tokio::test]
async fn a_deleted_query_is_stopped_and_gone() {
    let world = World::with_events(9).await;
    let link = world.link("/v1/stats").await;
    let response = world.call(&world.fixture.caller, Method::DELETE, &link).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    assert_eq!(world.slow.cancelled(), [0]);
    let (status, problem) = world.get(&link).await;
    assert_eq!((status, &problem["type"]), (410, &json!("urn:auditlake:problem:query-gone")), "{problem}");
    assert_eq!(world.own(Method::DELETE, &link).await.0, 204, "again is no error");
    assert_eq!(world.own(Method::POST, &link).await.0, 405);
}

#[tokio::test]
async fn a_query_ends_by_age_and_is_stopped_then() {
    let world = World::with_events(9).await;
    let link = world.link("/v1/events").await;
    world.pass_minutes(30);
    let (status, answer) = world.get(&link).await;
    assert_eq!(status, 202, "{answer}");
    // A newer id is no younger.
    let newer = answer["link"].as_str().unwrap();
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(world.own(method, newer).await.0, 410);
    }
    assert_eq!(world.slow.cancelled(), [0]);
    let stranger = Caller::tenant(organization("globex"), true, true);
    assert_eq!(world.call(&stranger, Method::GET, newer).await.status(), 404, "to others it never was");
}

#[tokio::test]
async fn what_an_id_cannot_hold_is_stopped_with_advice() {
    let world = World::with_events(1).await;
    // Text that does not compress: each digest depends on the one before.
    let mut values = String::new();
    let mut digest = String::from("seed");
    for _ in 0..5 {
        let mut value = String::new();
        while value.len() < 2_000 {
            digest = hex::encode(Sha256::digest(&digest));
            value.push_str(&digest);
        }
        values.push_str(&format!("&resource_id={}", &value[..2_000]));
    }
    let (status, problem) = world.get(&format!("/v1/events?limit=1{values}")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("urn:auditlake:problem:query-too-large")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("shorter time range"), "{problem}");
    assert_eq!(world.slow.cancelled(), [0]);
}

#[tokio::test]
async fn engines_that_are_throttled_say_when_to_come_back() {
    let world = World::with_events(1).await;
    let link = world.link("/v1/events").await;
    for (kind, expected) in [(QueryErrorKind::Throttled, 429), (QueryErrorKind::Unavailable, 503)] {
        *world.fixture.memory.failure.lock().unwrap() = Some(kind);
        let response = world.call(&world.fixture.caller, Method::GET, &link).await;
        assert_eq!(response.status(), expected);
        assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
        assert!(!String::from_utf8_lossy(response.body()).contains("internal-3"));
    }
    *world.fixture.memory.failure.lock().unwrap() = None;
    assert_eq!(world.get(&link).await.0, 200, "the id is as good as before");
}

#[tokio::test]
async fn each_step_is_recorded_without_the_id() {
    let mut world = World::with_events(1).await;
    world.record();
    let link = world.link("/v1/events?action=role_assign&limit=4").await;
    assert_eq!(world.get(&link).await.0, 200);
    assert_eq!(world.own(Method::DELETE, &link).await.0, 204);
    let events = world.fixture.memory.events.lock().unwrap();
    let records: Vec<_> = events.iter().filter(|event| event.source == "auditlake.api").collect();
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let metadata: Value = serde_json::from_str(record.metadata.as_deref().unwrap()).unwrap();
            assert_eq!(metadata["filters"]["conditions"][0]["values"], json!(["role_assign"]));
            let what = (record.action.as_ref(), record.resource_id.as_deref().unwrap());
            (what, record.http_path.as_deref().unwrap(), record.http_status.unwrap(), metadata["rows"].as_u64().unwrap())
        })
        .collect();
    let what = ("audit_log_query", "events");
    assert_eq!(seen, [(what, "/v1/events", 202, 0), (what, "/v1/queries/{id}", 200, 4)]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_left_running() {
    let mut world = World::with_events(2).await;
    world.record();
    let link = world.link("/v1/events").await;
    *world.fixture.memory.mood.lock().unwrap() = Mood::Broken;
    assert_eq!(world.get("/v1/events").await.0, 503);
    assert_eq!(world.slow.cancelled(), [1]);
    assert_eq!(world.get(&link).await.0, 503);
    assert_eq!(world.slow.cancelled(), [1], "its caller has an id and may come back");
}
