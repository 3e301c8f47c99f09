//! What goes on in the background: until when, how much of it, and what stops it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop where something is not as expected")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_embedded::background_engine::{BackgroundEngine, Limits};
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_query::{
    Answer, Cost, Count, CountRequest, Counts, Engine, Facts, Found, Page, Progress, Query, QueryError, QueryErrorKind,
    Question, SearchRequest, Ticket,
};
use tokio::sync::Semaphore;

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(30);

/// Answers as often as it is let; counts who is inside.
struct Gated {
    gate: Semaphore,
    begun: AtomicUsize,
    inside: AtomicUsize,
}

struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gated {
    fn new() -> Arc<Self> {
        Arc::new(Self { gate: Semaphore::new(0), begun: AtomicUsize::new(0), inside: AtomicUsize::new(0) })
    }

    async fn pass(&self) -> SealTime {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.inside.fetch_add(1, Ordering::SeqCst);
        let _inside = Inside(&self.inside);
        self.gate.acquire().await.unwrap().forget();
        SealTime::from_start(Timestamp::from_millis(0))
    }

    fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }

    /// Waits until so many are being answered.
    async fn until_inside(&self, wanted: usize) {
        let wait = async {
            while self.inside() != wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG, wait).await.unwrap();
    }
}

#[async_trait]
impl Engine for Gated {
    async fn ask(&self, question: &Question, _: Duration) -> Result<Progress<Answer>, QueryError> {
        let sealed_until = self.pass().await;
        let (found, scanned_bytes) = match question {
            Question::Page(SearchRequest { limit: 0, .. }) => {
                return Err(QueryError::new(QueryErrorKind::Invalid, "limit"));
            }
            Question::Page(request) => (Found::Page(Page { events: Vec::new(), next: None }), request.limit as u64),
            Question::Count(request) => {
                let counts = vec![Count { time: None, value: None, count: request.limit as u64 }];
                (Found::Counts(Counts { counts, truncated: false }), 0)
            }
        };
        let cost = Cost::default();
        let facts = Facts { sealed_until, scanned_bytes, cost, unreadable_objects: 0, engine: "gated" };
        Ok(Progress::Done(Answer { facts, found }))
    }
}

fn search(limit: usize) -> Question {
    let query = Query::all(Organization::parse("acme").unwrap());
    SearchRequest { order: auditlake_query::Order::NewestFirst, query, after: None, limit, with_raw: false }.into()
}

fn pending<T: std::fmt::Debug>(progress: Progress<T>) -> Ticket {
    match progress {
        Progress::Pending(ticket) => ticket,
        Progress::Done(answer) => panic!("it should still run: {answer:?}"),
    }
}

fn done<T>(progress: Progress<T>) -> T {
    match progress {
        Progress::Done(answer) => answer,
        Progress::Pending(ticket) => panic!("it should be there: {ticket:?}"),
    }
}

#[tokio::test]
async fn what_takes_longer_goes_on_and_is_asked_once() {
    let gated = Gated::new();
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, Limits::default());
    let ticket = pending(engine.ask(&search(7), NOW).await.unwrap());
    let ticket = pending(engine.resume(&search(7), &ticket, Duration::from_millis(20)).await.unwrap());
    gated.gate.add_permits(1);
    for _ in 0..2 {
        let answer = done(engine.resume(&search(7), &ticket, LONG).await.unwrap());
        assert_eq!(answer.facts.scanned_bytes, 7);
    }
    assert_eq!(gated.begun.load(Ordering::SeqCst), 1);
    let query = Query::all(Organization::parse("acme").unwrap());
    let request = CountRequest { time_zone: None, query, interval: None, group_by: None, limit: 3 }.into();
    let ticket = pending(engine.ask(&request, NOW).await.unwrap());
    gated.gate.add_permits(1);
    let answer = done(engine.resume(&request, &ticket, LONG).await.unwrap());
    assert_eq!(answer.into_counts().unwrap().found.counts[0].count, 3);
}

#[tokio::test]
async fn what_is_quick_needs_no_ticket_and_an_error_is_the_engine_s_own() {
    let gated = Gated::new();
    gated.gate.add_permits(2);
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, Limits::default());
    assert_eq!(done(engine.ask(&search(7), LONG).await.unwrap()).facts.scanned_bytes, 7);
    assert_eq!(engine.ask(&search(0), LONG).await.unwrap_err().kind, QueryErrorKind::Invalid);
}

#[tokio::test]
async fn cancelled_dropped_and_left_behind_tasks_stop() {
    let gated = Gated::new();
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, Limits::default());
    let ticket = pending(engine.ask(&search(7), NOW).await.unwrap());
    gated.until_inside(1).await;
    engine.cancel(&ticket).await.unwrap();
    gated.until_inside(0).await;
    assert_eq!(engine.resume(&search(7), &ticket, LONG).await.unwrap_err().kind, QueryErrorKind::Cancelled);
    // A caller who hangs up before there is a ticket.
    assert!(tokio::time::timeout(Duration::from_millis(20), engine.ask(&search(7), LONG)).await.is_err());
    gated.until_inside(0).await;
    // One who hangs up later may come back.
    let ticket = pending(engine.ask(&search(7), NOW).await.unwrap());
    gated.until_inside(1).await;
    let request = search(7);
    let waiting = engine.resume(&request, &ticket, LONG);
    assert!(tokio::time::timeout(Duration::from_millis(20), waiting).await.is_err());
    assert_eq!(gated.inside(), 1);
    drop(engine);
    gated.until_inside(0).await;
}

#[tokio::test]
async fn a_ticket_that_nobody_knows_any_more_asks_anew() {
    let gated = Gated::new();
    let before = BackgroundEngine::new(Arc::clone(&gated) as _, Limits::default());
    let ticket = pending(before.ask(&search(7), NOW).await.unwrap());
    drop(before);
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, Limits::default());
    gated.gate.add_permits(1);
    assert_eq!(done(engine.resume(&search(7), &ticket, LONG).await.unwrap()).facts.scanned_bytes, 7);
}

#[tokio::test]
async fn only_so_many_run_at_once_and_what_has_ended_makes_room() {
    let gated = Gated::new();
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, Limits { most: 2, ..Limits::default() });
    let first = pending(engine.ask(&search(1), NOW).await.unwrap());
    pending(engine.ask(&search(2), NOW).await.unwrap());
    assert_eq!(engine.ask(&search(3), NOW).await.unwrap_err().kind, QueryErrorKind::Throttled);
    gated.until_inside(2).await;
    engine.cancel(&first).await.unwrap();
    gated.until_inside(1).await;
    pending(engine.ask(&search(4), NOW).await.unwrap());
}

#[tokio::test]
async fn what_takes_too_long_is_stopped_and_what_is_old_is_forgotten() {
    let gated = Gated::new();
    let short = Duration::from_millis(20);
    let limits = Limits { longest: short, keep_for: short, most: 1 };
    let engine = BackgroundEngine::new(Arc::clone(&gated) as _, limits);
    pending(engine.ask(&search(1), NOW).await.unwrap());
    gated.until_inside(1).await;
    gated.until_inside(0).await;
    // Its room is free again.
    pending(engine.ask(&search(2), NOW).await.unwrap());
}
