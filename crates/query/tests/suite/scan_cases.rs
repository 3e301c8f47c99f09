//! The scan engine in the cases that a random lake seldom makes: a seal in the middle of a read, damage, crowds, deserts.

use std::sync::Arc;

use crate::model::meddling::Meddling;
use crate::model::{Object, Row, Spec, World, Writing, event, time};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use auditlake_event::{Column, Event, Organization, Timestamp};
use auditlake_lake::landing::file::{decode, encode};
use auditlake_lake::layout::LandingKey;
use auditlake_lake::{Arrival, SealTime};
use auditlake_query::{
    Answer, CountRequest, EngineExt, Interval, Page, Position, Query, QueryErrorKind, ScanEngine, SearchRequest, Settings,
};
use auditlake_store::memory::MemoryStore;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::WriterProperties;

const WRITING: Writing =
    Writing { rows_per_group: 100, rows_per_page: 50, statistics: true, bloom_filters: true, dictionaries: true };

fn acme(parameters: &[(&str, &str)]) -> Query {
    Query::from_parameters(Organization::parse("acme").unwrap(), parameters.iter().copied()).unwrap()
}

async fn search(engine: &ScanEngine, query: &Query, limit: usize) -> Answer<Page> {
    let request = SearchRequest {
        order: auditlake_query::Order::NewestFirst,
        query: query.clone(),
        after: None,
        limit,
        with_raw: false,
    };
    engine.search(&request).await.unwrap()
}

async fn total(engine: &ScanEngine, query: &Query) -> u64 {
    let request = CountRequest { time_zone: None, query: query.clone(), interval: None, group_by: None, limit: 10 };
    engine.count(&request).await.unwrap().found.counts[0].count
}

/// A world of given landing objects instead of random ones.
fn world(objects: Vec<(Timestamp, Vec<Event<'static>>)>) -> World {
    let mut world = World::new(3_600, &[], WRITING);
    for (index, (arrival, events)) in objects.into_iter().enumerate() {
        let arrival = Arrival(arrival);
        let bytes = encode(&events, arrival, &world.lake.rule()).unwrap().bytes;
        let key = LandingKey::new(arrival, (index as u128).to_be_bytes()[6..].try_into().unwrap());
        for event in &events {
            let seal_time = world.lake.rule().seal_time(event.event_time, arrival);
            world.winners.push(Row { event: event.clone(), seal_time });
        }
        world.objects.push(Object { key, bytes, events });
    }
    world
}

fn some_arrivals() -> Vec<(i64, Vec<Spec>)> {
    let spec = |number: usize| Spec {
        organization: number % 7 / 5,
        region: number % 2,
        age: number % 9,
        id: number % 4,
        source: number % 2,
        content: u8::try_from(number * 11 % 256).unwrap(),
        copy_of: number.is_multiple_of(5).then_some(number % 7),
    };
    (0..12usize).map(|object| (19, (0..6).map(|row| spec(object * 6 + row)).collect())).collect()
}

#[tokio::test]
async fn a_seal_at_any_call_of_a_query_changes_nothing_in_its_answer() {
    let world = Arc::new(World::new(900, &some_arrivals(), WRITING));
    let (before, after) = (world.after_periods(3), world.after_periods(13));
    let query = acme(&[("action!", "list_objects")]);
    let expected: Vec<_> = world.expected(&query).into_iter().map(Position::of).collect();
    assert!(expected.len() > 10);
    let counted =
        CountRequest { time_zone: None, query: query.clone(), interval: Some(Interval::Hour), group_by: None, limit: 10 };
    let mut restarts = 0;
    for at in 0.. {
        let store = MemoryStore::new();
        world.land(&store);
        world.seal(&store, world.lake.first_period, before);
        let sealing = Arc::clone(&world);
        let store = Meddling::new(store).before_call(at, move |store| {
            sealing.seal(store, before, after);
            sealing.expire(store, after);
        });
        let store = Arc::new(store);
        let settings = Settings { whole_object_bytes: 100, tail_bytes: 64, concurrency: 2, ..Settings::default() };
        let engine = ScanEngine::new(Arc::clone(&store) as _, world.lake.clone(), settings);
        let answer = search(&engine, &query, 1_000).await;
        assert_eq!(answer.found.events.iter().map(Position::of).collect::<Vec<_>>(), expected, "sealed before call {at}");
        assert_eq!(answer.facts.unreadable_objects, 0);
        restarts += usize::from(answer.facts.sealed_until == after);
        let of_search = store.calls().len();
        let counts = engine.count(&counted).await.unwrap();
        assert_eq!(counts.found.counts.iter().map(|count| count.count).sum::<u64>(), expected.len() as u64);
        if at >= of_search {
            break;
        }
    }
    assert!(restarts > 10, "reads that were overtaken begin again: {restarts}");
}

#[tokio::test]
async fn a_thousand_events_of_one_millisecond_come_page_by_page_each_once() {
    assert_pages_meet(1_000_000).await;
}

#[tokio::test]
async fn pages_that_end_among_events_of_one_millisecond_go_on_behind_them() {
    assert_pages_meet(40).await;
    assert_pages_meet(97).await;
}

/// Pages of 64 over 1,400 events, `per_millisecond` of them at the same time, hold each once.
async fn assert_pages_meet(per_millisecond: usize) {
    let first = time("2026-03-01T10:20:00.123Z");
    let moment = first;
    let make = |number: usize| {
        let at = first.plus_millis(i64::try_from(number / per_millisecond).unwrap());
        event("acme", ["eu-west-1", "us-east-1"][number % 2], at, &format!("{number:04}"), "api", 0)
    };
    let archived: Vec<Event<'static>> = (0..1_000).map(make).collect();
    let unsealed: Vec<Event<'static>> = (1_000..1_400).map(make).collect();
    let world = world(vec![(moment, archived), (time("2026-03-01T12:00:00Z"), unsealed)]);
    let store = MemoryStore::new();
    world.land(&store);
    world.seal(&store, world.lake.first_period, SealTime::from_start(time("2026-03-01T11:00:00Z")));
    let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), Settings::default());
    let query = acme(&[]);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let request = SearchRequest {
            order: auditlake_query::Order::NewestFirst,
            query: query.clone(),
            after,
            limit: 64,
            with_raw: false,
        };
        let answer = engine.search(&request).await.unwrap();
        found.extend(answer.found.events.iter().map(Position::of));
        after = answer.found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, world.expected(&query).into_iter().map(Position::of).collect::<Vec<_>>());
    assert_eq!(found.len(), 1_400);
    assert_eq!(total(&engine, &query).await, 1_400);
}

/// The object with another text in every row of a column, its footer's words kept.
fn with_column(object: &Object, column: Column, text: &str, world: &World) -> Bytes {
    let read = decode(object.bytes.clone(), object.key.arrival(), &world.lake.rule()).unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&object.bytes).unwrap();
    let words = metadata.file_metadata().key_value_metadata().cloned();
    let properties = WriterProperties::builder().set_key_value_metadata(words).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), read.batches[0].schema(), Some(properties)).unwrap();
    for batch in &read.batches {
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns[column.index()] = Arc::new(StringArray::from(vec![text; batch.num_rows()]));
        writer.write(&RecordBatch::try_new(batch.schema(), columns).unwrap()).unwrap();
    }
    writer.into_inner().unwrap().into()
}

#[tokio::test]
async fn broken_and_lying_landing_objects_are_left_out_and_counted() {
    let arrival = time("2026-03-01T10:20:00Z");
    let make = |number: i64| {
        let id = format!("id-{number}");
        (arrival.plus_millis(number), vec![event("acme", "eu-west-1", arrival.plus_millis(number), &id, "api", 0)])
    };
    let world = world((0..6).map(make).collect());
    let store = MemoryStore::new();
    world.land(&store);
    let key = |index: usize| world.objects[index].key.to_string();
    let bytes = |index: usize| world.objects[index].bytes.clone();
    store.overwrite(&key(0), Bytes::from_static(b"PAR1 nonsense PAR1"));
    store.overwrite(&key(1), bytes(1).slice(..bytes(1).len() / 2));
    store.overwrite(&key(2), with_column(&world.objects[2], Column::Organization, "globex", &world));
    let mut garbled = bytes(3).to_vec();
    garbled[4..400].fill(0xa5);
    store.overwrite(&key(3), garbled);
    store.overwrite("landing/arrival=2026-03-01T10/notes.txt", Bytes::from_static(b"what is this"));
    store.overwrite("etl/v1/data/region=eu-west-1/organization=org-acme/year=2026/month=03/day=01/hour=10/x", Bytes::new());
    for settings in [Settings::default(), Settings { whole_object_bytes: 0, tail_bytes: 64, ..Settings::default() }] {
        let engine = ScanEngine::new(Arc::new(store.fork()), world.lake.clone(), settings);
        let answer = search(&engine, &acme(&[]), 10).await;
        assert_eq!(answer.found.events.iter().map(|event| event.event_id.as_ref()).collect::<Vec<_>>(), ["id-5", "id-4"]);
        assert_eq!(answer.facts.unreadable_objects, 4);
        assert_eq!(total(&engine, &acme(&[])).await, 2);
        let globex = Query::all(Organization::parse("globex").unwrap());
        assert_eq!(search(&engine, &globex, 10).await.found.events, []);
    }
}

#[tokio::test]
async fn a_broken_archive_object_fails_the_query_and_is_named() {
    let arrival = time("2026-03-01T10:20:00Z");
    let world = world(vec![(arrival, vec![event("acme", "eu-west-1", arrival, "id", "api", 0)])]);
    let store = MemoryStore::new();
    world.seal(&store, world.lake.first_period, SealTime::from_start(time("2026-03-01T11:00:00Z")));
    let key = store.snapshot().into_keys().find(|key| key.ends_with(".parquet")).unwrap();
    store.overwrite(&key, Bytes::from_static(b"PAR1 nonsense PAR1"));
    let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), Settings::default());
    let request = SearchRequest {
        order: auditlake_query::Order::NewestFirst,
        query: acme(&[]),
        after: None,
        limit: 10,
        with_raw: false,
    };
    let error = engine.search(&request).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Damaged);
    assert!(error.message.contains(&key), "{error}");
}

#[tokio::test]
async fn hostile_values_are_only_compared() {
    let arrival = time("2026-03-01T10:20:00Z");
    let hostile = "x' OR 1=1; --\\\"%_\u{0}\u{1F}../{}$";
    let mut odd = event("acme", "eu-west-1", arrival, "id-1", "api", 1);
    odd.actor_id = Some(hostile.into());
    odd.metadata = Some(serde_json::json!({ "access_key_id": hostile }).to_string().into());
    let plain = event("acme", "eu-west-1", arrival, "id-2", "api", 1);
    let world = world(vec![(arrival, vec![odd, plain])]);
    let store = MemoryStore::new();
    world.land(&store);
    let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), Settings::default());
    for parameter in ["actor", "q", "credential"] {
        let answer = search(&engine, &acme(&[(parameter, hostile)]), 10).await;
        assert_eq!(
            answer.found.events.iter().map(|event| event.event_id.as_ref()).collect::<Vec<_>>(),
            ["id-1"],
            "{parameter}"
        );
    }
    assert_eq!(total(&engine, &acme(&[("action", hostile)])).await, 0);
}

#[tokio::test]
async fn ends_of_a_time_range_are_inclusive_and_exclusive_to_the_millisecond() {
    let at = time("2026-03-01T11:00:00.000Z");
    let make = |offset: i64| event("acme", "eu-west-1", at.plus_millis(offset), &format!("{offset}"), "api", 0);
    let events: Vec<Event<'static>> = (-2..3).map(make).collect();
    let world = world(vec![(at, events)]);
    let store = MemoryStore::new();
    world.land(&store);
    // The hour before the border is sealed, the one after is not.
    world.seal(&store, world.lake.first_period, SealTime::from_start(at));
    let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), Settings::default());
    for (from, to, expected) in [
        ("2026-03-01T10:59:59.999Z", "2026-03-01T11:00:00Z", vec!["-1"]),
        ("2026-03-01T11:00:00Z", "2026-03-01T11:00:00.002Z", vec!["1", "0"]),
        ("2026-03-01T10:59:59.998Z", "2026-03-01T11:00:00.0011Z", vec!["1", "0", "-1", "-2"]),
        ("2026-03-01T11:00:00.003Z", "2026-03-02", vec![]),
        ("2026-03-01", "2026-03-02", vec!["2", "1", "0", "-1", "-2"]),
    ] {
        let query = acme(&[("from", from), ("to", to)]);
        let answer = search(&engine, &query, 10).await;
        assert_eq!(
            answer.found.events.iter().map(|event| event.event_id.as_ref()).collect::<Vec<_>>(),
            expected,
            "{from} {to}"
        );
        assert_eq!(total(&engine, &query).await, expected.len() as u64);
    }
}

#[tokio::test]
async fn the_newest_page_reads_the_newest_hours_only() {
    let start = time("2026-03-01T10:30:00Z");
    let hours: Vec<(Timestamp, Vec<Event<'static>>)> = (0..200i64)
        .map(|hour| {
            let at = start.plus_millis(hour * 3_600_000);
            (
                at,
                (0..10)
                    .map(|row| event("acme", "eu-west-1", at.plus_millis(row), &format!("{hour}-{row}"), "api", 0))
                    .collect(),
            )
        })
        .collect();
    let world = world(hours);
    let store = MemoryStore::new();
    world.seal(&store, world.lake.first_period, world.after_periods(201));
    let store = Arc::new(Meddling::new(store));
    let engine = ScanEngine::new(Arc::clone(&store) as _, world.lake.clone(), Settings::default());
    let answer = search(&engine, &acme(&[]), 15).await;
    assert_eq!(answer.found.events.len(), 15);
    assert_eq!(answer.found.events[14].event_id, "198-5");
    // Besides the newest seal record, its plan and its predecessor, which say what is sealed.
    let calls = store.calls().into_iter().filter(|(_, key)| !key.starts_with("seals/"));
    let calls: Vec<_> = calls.filter(|(operation, _)| operation.starts_with("get")).collect();
    let read = calls.len();
    assert!(read <= 8, "{read} reads: {:?}", store.calls());
    assert_eq!(answer.facts.scanned_bytes, {
        let objects = calls.into_iter().filter(|(operation, _)| *operation == "get").map(|(_, key)| key);
        let mut bytes = 0;
        for key in objects {
            bytes += store_size(&store, &key).await;
        }
        bytes
    });
}

async fn store_size(store: &Meddling, key: &str) -> u64 {
    use auditlake_store::Store;
    store.head(key).await.unwrap().unwrap().size
}

#[tokio::test]
async fn twenty_empty_years_cost_a_handful_of_lists() {
    let arrival = time("2026-03-01T10:20:00Z");
    let old = event("acme", "eu-west-1", time("2006-07-09T01:02:03Z"), "old", "api", 0);
    let new = event("acme", "eu-west-1", arrival, "new", "api", 0);
    let world = world(vec![(arrival, vec![old, new])]);
    let store = MemoryStore::new();
    world.seal(&store, world.lake.first_period, SealTime::from_start(time("2026-03-01T11:00:00Z")));
    let store = Arc::new(Meddling::new(store));
    let engine = ScanEngine::new(Arc::clone(&store) as _, world.lake.clone(), Settings::default());
    let answer = search(&engine, &acme(&[]), 10).await;
    assert_eq!(answer.found.events.iter().map(|event| event.event_id.as_ref()).collect::<Vec<_>>(), ["new", "old"]);
    let calls = store.calls();
    assert!(calls.len() < 30, "{} calls", calls.len());
}

/// An id that does not compress.
fn id(hour: i64, row: i64) -> String {
    let mixed = |seed: i64| {
        (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) ^ (seed + 7).wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    format!("{:016x}{:016x}", mixed(hour * 10_000 + row), mixed((hour * 10_000 + row) << 17))
}

#[tokio::test]
async fn one_id_among_many_objects_reads_their_bloom_filters_only() {
    let start = time("2026-03-01T10:30:00Z");
    let hours: Vec<(Timestamp, Vec<Event<'static>>)> = (0..8i64)
        .map(|hour| {
            let at = start.plus_millis(hour * 3_600_000);
            (at, (0..1_500).map(|row| event("acme", "eu-west-1", at.plus_millis(row), &id(hour, row), "api", 0)).collect())
        })
        .collect();
    let wanted = id(7, 77);
    let mut world = world(hours);
    world.writing = Writing { rows_per_group: 2_000, dictionaries: false, statistics: false, ..WRITING };
    let store = MemoryStore::new();
    world.seal(&store, world.lake.first_period, world.after_periods(9));
    let stored: usize = store.snapshot().values().map(Bytes::len).sum();
    let settings = Settings { whole_object_bytes: 0, tail_bytes: 6_000, gap_bytes: 0, ..Settings::default() };
    let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), settings);
    let answer = search(&engine, &acme(&[("event_id", &wanted)]), 2).await;
    assert_eq!(answer.found.events.len(), 1);
    assert_eq!(answer.found.events[0].event_id, wanted);
    assert!(answer.facts.scanned_bytes * 3 < stored as u64, "{} of {stored} bytes", answer.facts.scanned_bytes);
}
