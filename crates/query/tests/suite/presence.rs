//! Archive objects that are gone: an answer that would have shown their events fails and names them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::meddling::Meddling;
use auditlake_event::{Event, Organization, Outcome, Timestamp};
use auditlake_lake::clock::{Clock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::layout::{self, ARCHIVE, ArchiveKey, DIGESTS};
use auditlake_lake::seal::{RunLimits, SealSettings, Sealer};
use auditlake_lake::{Codec, Lake, Period, SealTime};
use auditlake_query::scan::ArchiveExpiry;
use auditlake_query::{
    Answer, Choice, ChoosingEngine, CountRequest, Engine, EngineExt, Order, Page, Progress, Query, QueryError,
    QueryErrorKind, Question, ScanEngine, SearchRequest, Settings,
};
use auditlake_store::SharedStore;
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn event(at: &str, region: &'static str, organization: &'static str) -> Event<'static> {
    Event {
        event_id: format!("{at}-{region}").into(),
        event_time: time(at),
        received_time: time(at),
        region: region.into(),
        organization: organization.into(),
        source: "api".into(),
        action: "act".into(),
        outcome: Outcome::Success,
        ..Event::default()
    }
}

/// A lake, the moments at which something was sealed, and what its storage held after each.
struct Prepared {
    lake: Lake,
    store: MemoryStore,
    steps: Vec<BTreeMap<String, Bytes>>,
}

/// Events of each hour from ten to three, of two days before (late), and late ones of noon that come at three.
async fn prepare() -> Prepared {
    let created = time("2026-03-03T10:00:30Z");
    let lake = Lake::new(created, Period::from_seconds(600).unwrap(), 5_000, 30_000, Codec::Snappy);
    let clock = Arc::new(Hands(AtomicI64::new(created.millis())));
    let store = MemoryStore::new();
    let shared: SharedStore = Arc::new(store.clone());
    let writer = LandingWriter::new(Arc::clone(&shared), lake.clone(), Arc::clone(&clock) as _, Arc::new(SystemEntropy));
    let mut sealer = Sealer::new(Arc::clone(&shared), lake.clone(), Arc::clone(&clock) as _, SealSettings::default());
    let mut steps = Vec::new();
    for (now, events) in [
        (
            "2026-03-03T10:05:00Z",
            vec![event("2026-03-03T10:04:00Z", "eu", "acme"), event("2026-03-01T23:59:00Z", "eu", "acme")],
        ),
        (
            "2026-03-03T11:05:00Z",
            vec![event("2026-03-03T11:04:00Z", "eu", "acme"), event("2026-03-03T11:04:00Z", "us", "acme")],
        ),
        (
            "2026-03-03T12:05:00Z",
            vec![event("2026-03-03T12:04:00Z", "us", "acme"), event("2026-03-03T12:04:00Z", "eu", "globex")],
        ),
        ("2026-03-03T12:25:00Z", vec![event("2026-03-03T12:24:00Z", "us", "acme")]),
        ("2026-03-03T13:05:00Z", vec![event("2026-03-03T13:04:00Z", "eu", "acme")]),
        (
            "2026-03-03T15:05:00Z",
            vec![event("2026-03-03T15:04:00Z", "eu", "acme"), event("2026-03-03T12:30:00Z", "us", "acme")],
        ),
        ("2026-03-03T16:05:00Z", vec![event("2026-03-03T16:04:00Z", "eu", "globex")]),
    ] {
        clock.0.store(time(now).millis(), Ordering::SeqCst);
        sealer.run(RunLimits::default(), &mut |_| {}).await.unwrap();
        steps.push(store.snapshot());
        writer.land(&events).await.unwrap();
    }
    clock.0.fetch_add(1_200_000, Ordering::SeqCst);
    sealer.run(RunLimits::default(), &mut |_| {}).await.unwrap();
    steps.push(store.snapshot());
    Prepared { lake, store, steps }
}

impl Prepared {
    fn engine(&self, store: &MemoryStore) -> ScanEngine {
        ScanEngine::new(Arc::new(store.clone()), self.lake.clone(), Settings::default())
    }

    fn archived(&self, organization: &str) -> Vec<ArchiveKey> {
        let keys = self.store.snapshot().into_keys();
        let keys = keys.filter_map(|key| ArchiveKey::parse(&key));
        keys.filter(|key| key.partition.organization.as_str() == organization).collect()
    }
}

fn of(parameters: &[(&str, &str)]) -> Query {
    Query::from_parameters(Organization::parse("acme").unwrap(), parameters.iter().copied()).unwrap()
}

async fn search(engine: &dyn Engine, query: &Query, order: Order, limit: usize) -> Result<Answer<Page>, QueryError> {
    engine.search(&SearchRequest { query: query.clone(), order, after: None, limit, with_raw: false }).await
}

async fn total(engine: &dyn Engine, query: &Query) -> Result<u64, QueryError> {
    let request = CountRequest { query: query.clone(), interval: None, time_zone: None, group_by: None, limit: 10 };
    Ok(engine.count(&request).await?.found.counts.iter().map(|count| count.count).sum())
}

fn assert_names(error: &QueryError, key: &str) {
    assert_eq!(error.kind, QueryErrorKind::Damaged, "{error}");
    assert!(error.message.contains(key) && error.message.contains("runbook"), "{error} does not name {key}");
}

#[tokio::test]
async fn an_object_that_is_gone_is_named_whatever_is_cached_and_in_either_order() {
    let prepared = prepare().await;
    let objects = prepared.archived("acme");
    assert_eq!(objects.len(), 9, "{objects:?}");
    assert!(objects.iter().any(|key| key.partition.hour == time("2026-03-01T23:00:00Z")), "the only one of a day");
    assert!(objects.iter().any(|key| key.seal_time.start() > key.partition.hour.plus_millis(3_600_000)), "a late one");
    let hours = of(&[("from", "2026-03-01"), ("to", "2026-03-03T16:00:00Z")]);
    for key in &objects {
        let (key, store) = (key.to_string(), prepared.store.fork());
        let (warm, cold) = (prepared.engine(&store), prepared.engine(&store));
        for query in [of(&[]), hours.clone()] {
            assert_eq!(search(&warm, &query, Order::NewestFirst, 100).await.unwrap().found.events.len(), 9);
            assert_eq!(total(&warm, &query).await.unwrap(), 9);
        }
        store.expire(&key);
        for engine in [&warm, &cold] {
            for query in [of(&[]), hours.clone(), of(&[("from", "2026-03-01")])] {
                for order in [Order::NewestFirst, Order::OldestFirst] {
                    assert_names(&search(engine, &query, order, 100).await.unwrap_err(), &key);
                }
                assert_names(&total(engine, &query).await.unwrap_err(), &key);
                assert_names(&engine.check_presence(&query, None, 1_000).await.unwrap_err(), &key);
            }
        }
    }
}

#[tokio::test]
async fn every_object_of_an_organization_gone_is_no_empty_answer() {
    let prepared = prepare().await;
    let store = prepared.store.fork();
    for key in prepared.archived("acme") {
        store.expire(&key.to_string());
    }
    let engine = prepared.engine(&store);
    for query in [of(&[]), of(&[("from", "2026-03-03T11:00:00Z"), ("to", "2026-03-03T12:00:00Z")])] {
        assert_eq!(search(&engine, &query, Order::NewestFirst, 1).await.unwrap_err().kind, QueryErrorKind::Damaged);
    }
    let globex = Query::all(Organization::parse("globex").unwrap());
    assert_eq!(search(&engine, &globex, Order::NewestFirst, 10).await.unwrap().found.events.len(), 2);
    let nobody = Query::all(Organization::parse("initech").unwrap());
    assert_eq!(total(&engine, &nobody).await.unwrap(), 0);
}

#[tokio::test]
async fn a_late_object_is_missed_by_a_query_of_its_hour_alone() {
    let prepared = prepare().await;
    let late = prepared.archived("acme").into_iter().find(|key| {
        key.partition.hour == time("2026-03-03T12:00:00Z") && key.seal_time.start() == time("2026-03-03T15:00:00Z")
    });
    let late = late.unwrap().to_string();
    let store = prepared.store.fork();
    store.expire(&late);
    let noon = of(&[("from", "2026-03-03T12:00:00Z"), ("to", "2026-03-03T13:00:00Z")]);
    let engine = prepared.engine(&store);
    assert_names(&search(&engine, &noon, Order::NewestFirst, 10).await.unwrap_err(), &late);
    // Without reading on behind the range, it is missed only once another query has read that digest.
    let settings = Settings { late_digests: 0, ..Settings::default() };
    let engine = ScanEngine::new(Arc::new(store), prepared.lake.clone(), settings);
    assert_eq!(total(&engine, &noon).await.unwrap(), 2);
    assert_eq!(total(&engine, &of(&[("from", "2026-03-03T15:00:00Z")])).await.unwrap(), 1);
    assert_names(&total(&engine, &noon).await.unwrap_err(), &late);
}

#[tokio::test]
async fn what_a_query_does_not_need_may_be_gone() {
    let prepared = prepare().await;
    let gone = prepared.archived("acme").into_iter().find(|key| key.partition.hour == time("2026-03-03T11:00:00Z"));
    let gone = gone.unwrap();
    assert_eq!(gone.partition.region.as_str(), "eu");
    let store = prepared.store.fork();
    store.expire(&gone.to_string());
    let engine = prepared.engine(&store);
    for query in [of(&[("from", "2026-03-03T12:00:00Z")]), of(&[("to", "2026-03-03T11:00:00Z")]), of(&[("region", "us")])] {
        total(&engine, &query).await.unwrap();
    }
    // A page that ends before it.
    assert_eq!(search(&engine, &of(&[]), Order::NewestFirst, 4).await.unwrap().found.events.len(), 4);
    assert_names(&search(&engine, &of(&[]), Order::NewestFirst, 5).await.unwrap_err(), &gone.to_string());
}

#[tokio::test]
async fn a_digest_that_is_damaged_or_gone_is_replaced_by_the_record_of_its_seal() {
    let prepared = prepare().await;
    let organization = Organization::parse("acme").unwrap();
    let hour = of(&[("from", "2026-03-03T11:00:00Z"), ("to", "2026-03-03T13:30:00Z")]);
    let seal_time = SealTime::from_start(time("2026-03-03T11:00:00Z"));
    let digest = layout::digest_key(&organization, seal_time);
    let object = prepared.archived("acme").into_iter().find(|key| key.seal_time == seal_time).unwrap().to_string();
    for damage in [None, Some("garbage"), Some("{}")] {
        let store = prepared.store.fork();
        match damage {
            None => assert!(store.expire(&digest)),
            Some(text) => store.overwrite(&digest, text),
        }
        let engine = prepared.engine(&store);
        assert_eq!(total(&engine, &hour).await.unwrap(), 6, "{damage:?}");
        store.expire(&object);
        assert_names(&total(&engine, &hour).await.unwrap_err(), &object);
        assert_names(&total(&prepared.engine(&store), &hour).await.unwrap_err(), &object);
        store.overwrite(&layout::record_key(seal_time), "garbage");
        assert_names(&total(&prepared.engine(&store), &hour).await.unwrap_err(), &digest);
    }
}

#[tokio::test]
async fn a_digest_of_a_stranger_makes_no_answer_fail() {
    let prepared = prepare().await;
    let organization = Organization::parse("acme").unwrap();
    let (digest, bytes) = prepared
        .store
        .snapshot()
        .into_iter()
        .rfind(|(key, _)| key.starts_with(&layout::digests_prefix(&organization)))
        .unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    // Under the key of a period in which the organization has none, and altered under its own.
    let stray = digest.replace("T150000Z", "T151000Z");
    let forged = text.replace("15:00:00.000Z", "15:10:00.000Z").replace("T150000Z", "T151000Z");
    let altered = text.replace("-0000-snappy", "-0007-snappy");
    assert!(stray != digest && forged != text && altered != text);
    for (key, text) in [(&stray, forged), (&stray, "garbage".to_owned()), (&digest, altered)] {
        let store = prepared.store.fork();
        store.overwrite(key, text);
        assert_eq!(total(&prepared.engine(&store), &of(&[])).await.unwrap(), 9, "{key}");
    }
}

#[tokio::test]
async fn a_seal_at_any_call_of_a_query_makes_no_answer_fail() {
    let prepared = prepare().await;
    for (before, after) in prepared.steps.iter().zip(&prepared.steps[1..]).map(|(before, after)| (before, after.clone())) {
        let landed: Vec<_> = after.iter().filter(|(key, _)| key.starts_with("landing/")).collect();
        let sealed: Vec<_> = after.iter().filter(|(key, bytes)| before.get(*key) != Some(*bytes)).collect();
        // Nothing of the seal; all but the record; all.
        let is_record = |key: &str| key.starts_with("seals/") && !key.contains("/_");
        let partial: Vec<_> = sealed.iter().filter(|(key, _)| !is_record(key)).copied().collect();
        let half: Vec<_> = partial.iter().filter(|(key, _)| !key.starts_with(ARCHIVE)).copied().collect();
        let write = |store: &MemoryStore, objects: &[(&String, &Bytes)]| {
            for (key, bytes) in objects {
                store.overwrite(key, (*bytes).clone());
            }
        };
        let fresh = || {
            let store = MemoryStore::new();
            write(&store, &before.iter().collect::<Vec<_>>());
            write(&store, &landed);
            store
        };
        let expected = total(&prepared.engine(&fresh()), &of(&[])).await.unwrap();
        for objects in [&half, &partial] {
            let store = fresh();
            write(&store, objects);
            assert_eq!(total(&prepared.engine(&store), &of(&[])).await.unwrap(), expected, "a seal under way");
        }
        for at in 0.. {
            let objects: Vec<(String, Bytes)> =
                sealed.iter().map(|(key, bytes)| ((*key).clone(), (*bytes).clone())).collect();
            let store = Arc::new(Meddling::new(fresh()).before_call(at, move |store| {
                for (key, bytes) in objects {
                    store.overwrite(&key, bytes);
                }
            }));
            let engine = ScanEngine::new(Arc::clone(&store) as _, prepared.lake.clone(), Settings::default());
            assert_eq!(total(&engine, &of(&[])).await.unwrap(), expected, "sealed before call {at}");
            if at >= store.calls().len() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_a_lifecycle_rule_may_have_removed_is_not_missed() {
    let prepared = prepare().await;
    let objects = prepared.archived("acme");
    let (old, new) = (objects.iter().find(|key| key.partition.hour == time("2026-03-03T11:00:00Z")), objects.last());
    let (old, new) = (old.unwrap().to_string(), new.unwrap().to_string());
    let day = 86_400_000;
    let clock = Arc::new(Hands(AtomicI64::new(time("2026-04-02T12:00:00Z").millis())));
    let expiry = Some(ArchiveExpiry { after_ms: 30 * day, clock: Arc::clone(&clock) as _ });
    let settings = Settings { archive_expiry: expiry, ..Settings::default() };
    let store = prepared.store.fork();
    let engine = ScanEngine::new(Arc::new(store.clone()), prepared.lake.clone(), settings);
    store.expire(&old);
    assert_eq!(total(&engine, &of(&[])).await.unwrap(), 8);
    store.expire(&new);
    assert_names(&total(&engine, &of(&[])).await.unwrap_err(), &new);
    clock.0.fetch_add(day, Ordering::SeqCst);
    assert_eq!(total(&engine, &of(&[])).await.unwrap(), 7);
}

/// An engine that does not notice that an object is gone.
struct Blind;

#[async_trait::async_trait]
impl Engine for Blind {
    async fn ask(&self, _: &Question, _: Duration) -> Result<Progress<Answer>, QueryError> {
        Err(QueryError::new(QueryErrorKind::Cancelled, "asked"))
    }
}

#[tokio::test]
async fn an_engine_that_does_not_notice_is_not_asked() {
    let prepared = prepare().await;
    let store = prepared.store.fork();
    let choosing = ChoosingEngine::new(Arc::new(Blind), Arc::new(prepared.engine(&store)), Choice::default());
    assert_eq!(total(&choosing, &of(&[])).await.unwrap_err().message, "asked");
    let gone = prepared.archived("acme").remove(0).to_string();
    store.expire(&gone);
    assert_names(&total(&choosing, &of(&[])).await.unwrap_err(), &gone);
    assert_names(&search(&choosing, &of(&[]), Order::OldestFirst, 10).await.unwrap_err(), &gone);
}

#[tokio::test]
async fn digests_are_read_once_and_only_as_far_as_a_page_needs() {
    let prepared = prepare().await;
    let store = Arc::new(Meddling::new(prepared.store.fork()));
    let engine = ScanEngine::new(Arc::clone(&store) as _, prepared.lake.clone(), Settings::default());
    let digest_calls = |before: usize| {
        let calls = store.calls();
        let of_digests = |wanted: &str| {
            calls[before..].iter().filter(|(operation, key)| key.starts_with(DIGESTS) && *operation == wanted).count()
        };
        (of_digests("get"), of_digests("list"), of_digests("list_prefixes"))
    };
    let today = of(&[("from", "2026-03-03"), ("to", "2026-03-04")]);
    search(&engine, &today, Order::NewestFirst, 1).await.unwrap();
    // One of the newest hour, three of the two before it, in which the row more than asked for is looked for.
    assert_eq!(digest_calls(0), (4, 1, 0));
    let before = store.calls().len();
    total(&engine, &today).await.unwrap();
    assert_eq!(digest_calls(before), (2, 0, 0), "each of the six digests once");
    let before = store.calls().len();
    total(&engine, &today).await.unwrap();
    assert_eq!(digest_calls(before), (0, 0, 0));
    let lists =
        store.calls()[before..].iter().filter(|(operation, key)| *operation == "list" && key.starts_with(ARCHIVE)).count();
    assert_eq!(lists, 2, "objects are listed each time, once a region");
}
