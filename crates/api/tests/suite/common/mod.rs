//! A door that remembers and an engine that answers from what it remembers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_api::{Api, Caller, Directory, Door, DoorError, Ingest, Reader, Room};
use auditlake_event::input::{LargeEvents, Lookalikes};
use auditlake_event::limits::{DEFAULT_MAX_EVENT_BYTES, LEAD_MS};
use auditlake_event::{Event, Organization, Region, Timestamp};
use auditlake_lake::clock::{Clock, Entropy, SystemEntropy};
use auditlake_lake::{Codec, Lake, Period, SealTime};
use auditlake_query::{
    Answer, Cost, Count, CountRequest, Counts, Engine, Facts, Field, Found, Order, Page, Position, Progress, Query,
    QueryError, QueryErrorKind, Question, SearchRequest,
};
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;

/// The time of every test.
pub const NOW: &str = "2026-03-01T12:00:00.000Z";

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse(NOW).unwrap()
    }
}

/// What the door does with the next events.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Open,
    Busy,
    Broken,
}

/// Keeps events in memory; answers questions about them by the plainest reading of the rules.
#[derive(Default)]
pub struct Memory {
    pub events: Mutex<Vec<Event<'static>>>,
    pub mood: Mutex<Mood>,
    pub failure: Mutex<Option<QueryErrorKind>>,
}

#[async_trait]
impl Door for Memory {
    async fn accept(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        match *self.mood.lock().unwrap() {
            Mood::Open => {}
            Mood::Busy => return Err(DoorError::Busy),
            Mood::Broken => return Err(DoorError::Failed("disk 17 of host internal-3 is full".to_owned())),
        }
        self.events.lock().unwrap().extend(events.iter().cloned().map(Event::into_owned));
        Ok(())
    }
}

impl Memory {
    fn matching(&self, query: &Query) -> Result<Vec<Event<'static>>, QueryError> {
        if let Some(kind) = *self.failure.lock().unwrap() {
            return Err(QueryError::new(kind, "bucket internal-3 said no"));
        }
        let is_match = |event: &&Event<'static>| {
            event.organization == query.organization.as_str()
                && query.covers(event.event_time, event.event_time_nanos.unwrap_or(0))
                && query.conditions.iter().all(|condition| {
                    let value = match condition.field {
                        Field::EventId => &event.event_id,
                        Field::Source => &event.source,
                        Field::Action => &event.action,
                        other => panic!("this engine does not know {other:?}"),
                    };
                    condition.values.iter().any(|wanted| wanted == value) != condition.negated
                })
        };
        let mut events: Vec<_> = self.events.lock().unwrap().iter().filter(is_match).cloned().collect();
        events.sort_by_key(|event| std::cmp::Reverse(Position::of(event)));
        Ok(events)
    }
}

fn sealed_until() -> SealTime {
    SealTime::from_start(Timestamp::parse("2026-03-01T11:00:00Z").unwrap())
}

#[async_trait]
impl Engine for Memory {
    async fn ask(&self, question: &Question, _: Duration) -> Result<Progress<Answer>, QueryError> {
        let found = match question {
            Question::Page(request) => Found::Page(self.page(request)?),
            Question::Count(request) => Found::Counts(self.counts(request)?),
        };
        let facts = Facts {
            sealed_until: sealed_until(),
            scanned_bytes: 1_234,
            cost: Cost::default(),
            unreadable_objects: 0,
            engine: "memory",
        };
        Ok(Progress::Done(Answer { facts, found }))
    }
}

impl Memory {
    fn page(&self, request: &SearchRequest) -> Result<Page, QueryError> {
        let mut events = self.matching(&request.query)?;
        if request.order == Order::OldestFirst {
            events.reverse();
        }
        events
            .retain(|event| request.after.as_ref().is_none_or(|after| request.order.is_after(&Position::of(event), after)));
        let more = events.len() > request.limit;
        events.truncate(request.limit);
        if !request.with_raw {
            events.iter_mut().for_each(|event| event.raw = None);
        }
        Ok(Page { next: if more { events.last().map(Position::of) } else { None }, events })
    }

    fn counts(&self, request: &CountRequest) -> Result<Counts, QueryError> {
        let count = self.matching(&request.query)?.len() as u64;
        Ok(Counts { counts: vec![Count { time: None, value: None, count }], truncated: false })
    }
}

/// An API over a [`Memory`], and calls on it.
pub struct Fixture {
    pub api: Api,
    pub memory: Arc<Memory>,
    pub caller: Caller,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_caller(Caller::operator(None))
    }

    pub fn with_caller(caller: Caller) -> Self {
        let memory = Arc::new(Memory::default());
        let now = FixedClock.now();
        let lake = Lake::new(now, Period::HOUR, 300_000, LEAD_MS, Codec::Snappy);
        let api = Api {
            ingest: Some(Ingest {
                door: Arc::clone(&memory) as Arc<dyn Door>,
                region: Region::parse("eu-west-1").unwrap(),
                max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
                lookalikes: Lookalikes::Refuse,
                large_events: LargeEvents::Refuse,
                lead_ms: LEAD_MS,
            }),
            reader: Some(Reader {
                engine: Arc::clone(&memory) as Arc<dyn Engine>,
                store: Arc::new(MemoryStore::new()),
                lake,
                cursor_key: Arc::from(b"a key of the test".as_slice()),
                clock: Arc::new(FixedClock),
                directory: Directory::new(Arc::new(MemoryStore::new())),
                exporter: None,
            }),
            clock: Arc::new(FixedClock),
            entropy: Arc::new(SystemEntropy) as Arc<dyn Entropy>,
            recorder: None,
            room: Room::unbounded(),
            vitals: None,
        };
        Self { api, memory, caller }
    }

    pub async fn send(&self, request: Request<Bytes>) -> (Response<Bytes>, Value) {
        let response = self.api.handle(&self.caller, request).await;
        let value = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response, value)
    }

    pub async fn post(&self, body: impl Into<Bytes>, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = Request::builder().method(Method::POST).uri("/v1/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (response, value) = self.send(request.body(body.into()).unwrap()).await;
        (response.status().as_u16(), value)
    }

    pub async fn post_json(&self, body: impl Into<Bytes>) -> (u16, Value) {
        self.post(body, &[("content-type", "application/json")]).await
    }

    pub async fn get(&self, uri: &str) -> (u16, Value) {
        let (response, value) = self.send(Request::get(uri).body(Bytes::new()).unwrap()).await;
        (response.status().as_u16(), value)
    }

    pub fn kept(&self) -> usize {
        self.memory.events.lock().unwrap().len()
    }
}

pub fn organization(name: &str) -> Organization {
    Organization::parse(name).unwrap()
}

/// A good event as JSON.
pub fn event(id: &str, action: &str) -> Value {
    serde_json::json!({
        "event_id": id, "organization": "acme", "event_time": "2026-03-01T11:59:00.5+00:00", "action": action,
        "outcome": "success", "actor_id": "alice",
    })
}
