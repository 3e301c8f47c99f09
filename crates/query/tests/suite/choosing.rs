//! The choice between engines: by what a query could read, and without a difference in the answer.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{World, arrivals, query, writing};
use async_trait::async_trait;
use auditlake_event::Timestamp;
use auditlake_lake::layout::{ARCHIVE, ArchiveKey, LANDING, LandingKey};
use auditlake_query::{
    Answer, Choice, ChoosingEngine, Count, CountRequest, Engine, EngineExt, Facts, Position, Progress, Query, QueryError,
    QueryErrorKind, Question, ScanEngine, SearchRequest, Settings,
};
use auditlake_store::memory::MemoryStore;
use proptest::prelude::*;

/// An engine of another name that answers the same: a stand-in for the one that is asked over the network.
struct Far(ScanEngine);

#[async_trait]
impl Engine for Far {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        let progress = self.0.ask(question, patience).await?;
        progress.and_then(|Answer { facts, found }| Ok(Answer { facts: Facts { engine: "far", ..facts }, found }))
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn scan(store: &MemoryStore, world: &World) -> ScanEngine {
    ScanEngine::new(Arc::new(store.clone()), world.lake.clone(), Settings::default())
}

fn choosing(store: &MemoryStore, world: &World, choice: Choice) -> ChoosingEngine {
    ChoosingEngine::new(Arc::new(Far(scan(store, world))), Arc::new(scan(store, world)), choice)
}

/// The bytes of every object that can hold a row of the query, worked out from keys and sizes alone.
fn bytes_in_range(store: &MemoryStore, world: &World, sealed: i64, query: &Query) -> u64 {
    let earliest = query.from.map_or(i64::MIN, Timestamp::millis);
    let latest = query.to.map_or(i64::MAX, Timestamp::millis);
    let sealed_until = world.after_periods(sealed).start().millis();
    let counts = |key: &str| {
        if let Some(key) = ArchiveKey::parse(key).filter(|_| key.starts_with(ARCHIVE)) {
            let hour = key.partition.hour.millis();
            return key.partition.organization == query.organization
                && query.region.as_ref().is_none_or(|region| *region == key.partition.region)
                && hour < latest
                && earliest < hour + 3_600_000;
        }
        LandingKey::parse(key).filter(|_| key.starts_with(LANDING)).is_some_and(|key| {
            // No row of it may happen later than five minutes after it arrived.
            key.arrival().0.millis() >= sealed_until.max(earliest).saturating_sub(300_000)
                && key.arrival().0.millis() >= sealed_until - 300_000
        })
    };
    store.snapshot().iter().filter(|(key, _)| counts(key)).map(|(_, bytes)| bytes.len() as u64).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn whichever_engine_is_chosen_answers_as_the_list_of_events_does(
        arrivals in arrivals(),
        sealed in 0i64..9,
        writing in writing(),
        queries in prop::collection::vec((query(), 1usize..6), 1..4),
        limit_bytes in prop::sample::select(vec![1u64, 20_000, 60_000, 1_000_000_000]),
    ) {
        let world = World::new(3_600, &arrivals, writing);
        let store = MemoryStore::new();
        world.land(&store);
        world.seal(&store, world.lake.first_period, world.after_periods(sealed));
        let engine = choosing(&store, &world, Choice { scan_up_to_bytes: limit_bytes, refuse_above_bytes: 0 });
        run(async {
            for (query, limit) in queries {
                let is_empty = query.from.zip(query.to).is_some_and(|(from, to)| from >= to);
                let bytes = if is_empty { 0 } else { bytes_in_range(&store, &world, sealed, &query) };
                let wanted = if bytes <= limit_bytes { "scan" } else { "far" };
                let expected = world.expected(&query);
                let request = SearchRequest { order: auditlake_query::Order::NewestFirst,  query: query.clone(), after: None, limit, with_raw: true };
                let answer = engine.search(&request).await.unwrap();
                assert_eq!(answer.facts.engine, wanted, "{bytes} bytes");
                assert_eq!(answer.found.events.iter().collect::<Vec<_>>(), expected[..limit.min(expected.len())]);
                let Progress::Done(again) = engine.ask(&request.into(), Duration::from_secs(60)).await.unwrap() else {
                    unreachable!("neither engine pends")
                };
                let again = again.into_page().unwrap();
                assert_eq!((again.found.events, again.facts.engine), (answer.found.events, wanted));
                let request = CountRequest { time_zone: None,  query, interval: None, group_by: None, limit: 10 };
                let counts = engine.count(&request).await.unwrap();
                assert_eq!(counts.found.counts, [Count { time: None, value: None, count: expected.len() as u64 }]);
                assert_eq!(counts.facts.engine, wanted);
            }
        });
    }

    #[test]
    fn an_estimate_is_the_size_of_every_object_in_range_and_of_no_other(
        arrivals in arrivals(),
        sealed in 0i64..9,
        writing in writing(),
        query in query(),
    ) {
        let world = World::new(3_600, &arrivals, writing);
        let store = MemoryStore::new();
        world.land(&store);
        world.seal(&store, world.lake.first_period, world.after_periods(sealed));
        let is_empty = query.from.zip(query.to).is_some_and(|(from, to)| from >= to);
        let bytes = if is_empty { 0 } else { bytes_in_range(&store, &world, sealed, &query) };
        let scan = scan(&store, &world);
        let estimate = run(scan.estimate(&query, None, u64::MAX)).unwrap();
        prop_assert_eq!((estimate.bytes(), estimate.is_cut), (bytes, false));
        // What is enough ends the count, with as much as was said or more.
        let enough = run(scan.estimate(&query, None, bytes / 2)).unwrap();
        prop_assert!(enough.bytes() <= bytes && (enough.bytes() > bytes / 2 || bytes == 0));
    }
}

#[test]
fn a_query_above_the_limit_is_refused_before_anything_is_read_and_a_narrower_one_is_not() {
    let spec =
        |id: usize| crate::model::Spec { organization: 0, region: 0, age: 0, id, source: 0, content: 7, copy_of: None };
    let writing = crate::model::Writing {
        rows_per_group: 5,
        rows_per_page: 5,
        statistics: true,
        bloom_filters: false,
        dictionaries: true,
    };
    let arrivals: Vec<_> = (0..12).map(|_| (35, vec![spec(0), spec(1)])).collect();
    let world = World::new(3_600, &arrivals, writing);
    let store = MemoryStore::new();
    world.land(&store);
    world.seal(&store, world.lake.first_period, world.after_periods(7));
    let all = Query::all(auditlake_event::Organization::parse("acme").unwrap());
    let whole = bytes_in_range(&store, &world, 7, &all);
    let engine = choosing(&store, &world, Choice { scan_up_to_bytes: 0, refuse_above_bytes: whole - 1 });
    let request = |query: &Query| SearchRequest {
        order: auditlake_query::Order::NewestFirst,
        query: query.clone(),
        after: None,
        limit: 10,
        with_raw: false,
    };
    let error = run(engine.search(&request(&all))).unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::TooLarge, "{error}");
    let count = CountRequest { time_zone: None, query: all.clone(), interval: None, group_by: None, limit: 10 };
    assert_eq!(run(engine.ask(&count.into(), Duration::ZERO)).unwrap_err().kind, QueryErrorKind::TooLarge);
    let newest = world.expected(&all)[0].event_time;
    let narrow = Query { from: Some(newest.hour()), ..all.clone() };
    assert_eq!(run(engine.search(&request(&narrow))).unwrap().facts.engine, "far");
    // A later page cannot read what is newer than where it begins.
    let oldest = world.expected(&all).last().map(|event| Position::of(event)).unwrap();
    let page = SearchRequest { order: auditlake_query::Order::NewestFirst, after: Some(oldest), ..request(&all) };
    assert_eq!(run(engine.search(&page)).unwrap().found.events.len(), 0);
}
