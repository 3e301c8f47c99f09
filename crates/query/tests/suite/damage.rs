//! Bits that storage alters: an answer is right, or says what could not be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use auditlake_event::{Event, Organization, Outcome, Timestamp};
use auditlake_lake::clock::{Clock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::seal::{RunLimits, SealSettings, Sealer};
use auditlake_lake::{Codec, Lake, Period};
use auditlake_query::{Answer, EngineExt, Page, Query, QueryError, ScanEngine, SearchRequest, Settings};
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn event(number: i64, at: Timestamp) -> Event<'static> {
    Event {
        event_id: format!("event-{number}").into(),
        event_time: at,
        received_time: at,
        region: "eu-west-1".into(),
        organization: "acme".into(),
        source: "api".into(),
        action: format!("action-{}", number % 3).into(),
        outcome: Outcome::Success,
        actor_id: Some(format!("actor {}", number % 5).into()),
        resource_id: Some(format!("resource-{number}").into()),
        metadata: Some(format!("{{\"number\":{number},\"text\":\"{}\"}}", "ab".repeat(number as usize % 40)).into()),
        raw: Some(format!("{{\"n\":{number}}}").into()),
        ..Event::default()
    }
}

/// A lake with `rows` sealed events in one object and as many that wait in another.
async fn lake(rows: i64) -> (MemoryStore, Lake) {
    let created = Timestamp::parse("2026-03-01T12:00:30Z").unwrap();
    let lake = Lake::new(created, Period::from_seconds(600).unwrap(), 5_000, 30_000, Codec::Snappy);
    let clock = Arc::new(Hands(AtomicI64::new(created.millis() + 60_000)));
    let store = MemoryStore::new();
    let shared = Arc::new(store.clone());
    let writer =
        LandingWriter::new(Arc::clone(&shared) as _, lake.clone(), Arc::clone(&clock) as _, Arc::new(SystemEntropy));
    for batch in 0..2 {
        let start = clock.now();
        let events: Vec<_> = (0..rows).map(|row| event(batch * rows + row, start.plus_millis(row * 7 % 20_000))).collect();
        writer.land(&events).await.unwrap();
        if batch == 0 {
            clock.0.fetch_add(1_200_000, Ordering::SeqCst);
            let mut sealer =
                Sealer::new(Arc::clone(&shared) as _, lake.clone(), Arc::clone(&clock) as _, SealSettings::default());
            assert_eq!(sealer.run(RunLimits::default(), &mut |_| {}).await.unwrap().rows_out, rows as u64);
        }
    }
    (store, lake)
}

async fn ask(store: &MemoryStore, lake: &Lake, settings: &Settings) -> Result<Answer<Page>, QueryError> {
    let engine = ScanEngine::new(Arc::new(store.clone()), lake.clone(), settings.clone());
    let query = Query::from_parameters(Organization::parse("acme").unwrap(), [] as [(&str, &str); 0]).unwrap();
    engine
        .search(&SearchRequest {
            order: auditlake_query::Order::NewestFirst,
            query,
            after: None,
            limit: 10_000,
            with_raw: true,
        })
        .await
}

/// Flips one bit at a time and says how many flips were found; the others must have changed nothing.
async fn found(prefix: &str, rows: i64, flips: u64, settings: &Settings) -> u64 {
    let (store, lake) = lake(rows).await;
    let expected = ask(&store, &lake, settings).await.unwrap();
    assert_eq!((expected.found.events.len() as i64, expected.facts.unreadable_objects), (2 * rows, 0));
    let objects: Vec<(String, Bytes)> =
        store.snapshot().into_iter().filter(|(key, _)| key.starts_with(prefix) && key.ends_with(".parquet")).collect();
    // Of two landing objects the newest waits to be sealed.
    let (key, bytes) = objects.last().unwrap();
    let (mut found, mut seed) = (0, 0x9e37_79b9_u64);
    for flip in 0..flips {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (seed >> 33) as usize % bytes.len();
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 1 << (flip % 8);
        let store = store.fork();
        store.overwrite(key, damaged);
        match ask(&store, &lake, settings).await {
            Ok(answer) if answer.facts.unreadable_objects > 0 => {
                assert_eq!(answer.found.events[..], expected.found.events[rows as usize..], "what is sound is answered");
                found += 1;
            }
            Ok(answer) => {
                assert_eq!(answer.found.events, expected.found.events, "bit {} of byte {place} changed an answer", flip % 8)
            }
            Err(error) => {
                assert!(error.to_string().contains(key.as_str()), "{error} names no object");
                found += 1;
            }
        }
    }
    found
}

/// Objects are read piece by piece, with every part that a reader may fetch alone.
fn in_pieces() -> Settings {
    Settings { whole_object_bytes: 100, tail_bytes: 512, gap_bytes: 64, page_index_rows: 100, ..Settings::default() }
}

#[tokio::test]
async fn no_flipped_bit_of_a_landing_object_changes_an_answer() {
    assert_eq!(found("landing/", 40, 200, &Settings::default()).await, 200);
    assert!(found("landing/", 3_000, 200, &in_pieces()).await > 150);
}

#[tokio::test]
async fn no_flipped_bit_of_an_archive_object_changes_an_answer() {
    assert_eq!(found("etl/", 40, 200, &Settings::default()).await, 200);
    assert!(found("etl/", 3_000, 200, &in_pieces()).await > 150);
}

#[tokio::test]
async fn an_archive_object_under_the_key_of_another_is_never_answered() {
    let (store, lake) = lake(20).await;
    let (key, bytes) = store.snapshot().into_iter().find(|(key, _)| key.starts_with("etl/")).unwrap();
    let elsewhere = key.replace("organization=org-acme/", "organization=org-globex/");
    store.overwrite(&elsewhere, bytes);
    let engine = ScanEngine::new(Arc::new(store), lake, Settings::default());
    let query = Query::from_parameters(Organization::parse("globex").unwrap(), [] as [(&str, &str); 0]).unwrap();
    let order = auditlake_query::Order::NewestFirst;
    let request = SearchRequest { query, order, after: None, limit: 10, with_raw: false };
    let error = engine.search(&request).await.unwrap_err();
    assert!(error.to_string().contains(&elsewhere), "{error}");
}
