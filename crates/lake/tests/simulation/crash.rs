//! A seal that dies at any storage call, or whose storage fails at any call, and is run again, leaves the same lake as one that
//! was never disturbed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auditlake_event::Timestamp;
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::layout::{self, ArchiveKey};
use auditlake_lake::seal::plan::PlanSettings;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::{RunLimits, SealError, SealRun, SealSettings, Sealer};
use auditlake_lake::{Codec, Lake, Period};
use auditlake_store::ErrorKind;
use auditlake_store::memory::{Action, MemoryStore, Moment, Point};
use bytes::Bytes;

use crate::block_on;
use crate::world::{CountedEntropy, SkewedClock, event};

const PERIOD_MS: i64 = 60_000;

pub(crate) struct Prepared {
    pub store: MemoryStore,
    pub lake: Lake,
    pub now: Arc<std::sync::atomic::AtomicI64>,
}

/// A lake whose first periods are sealed, with two periods due that hold fresh rows, equal and conflicting copies within the seal
/// and against the archive, late rows, an object that cannot be read, a name that is not ours, and an empty period between.
pub(crate) fn prepare() -> Prepared {
    let created = Timestamp::parse("2026-02-28T23:57:30Z").unwrap();
    let lake = Lake::new(created, Period::from_seconds(60).unwrap(), 5_000, 30_000, Codec::Snappy);
    let now = Arc::new(std::sync::atomic::AtomicI64::new(created.millis()));
    let store = MemoryStore::new();
    let prepared = Prepared { store, lake, now };
    let start = created.plus_millis(10_000);
    let land = |events: &[auditlake_event::Event<'static>]| {
        let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
        let entropy = Arc::new(CountedEntropy(AtomicU64::new(prepared.now.load(Ordering::SeqCst) as u64), 1));
        let writer = LandingWriter::new(Arc::new(prepared.store.clone()), prepared.lake.clone(), clock, entropy);
        block_on(writer.land(events)).unwrap();
        prepared.now.fetch_add(1_000, Ordering::SeqCst);
    };
    let first: Vec<_> =
        (0..6).map(|index| event(&format!("first-{index}"), start.plus_millis(index * 900), index as u64 % 2, 0)).collect();
    land(&first);
    prepared.now.fetch_add(2 * PERIOD_MS + 10_000, Ordering::SeqCst);
    run(&prepared.store, &prepared).unwrap();

    let mut conflicting_late = first[1].clone();
    conflicting_late.actor_id = Some("someone-else".into());
    // Late rows of more than one minute, so that their partition can be cut.
    land(&[
        first[0].clone(),
        conflicting_late,
        event("late", start.plus_millis(77), 2, 1),
        event("late-too", start.plus_millis(61_000), 2, 1),
    ]);
    let fresh = Timestamp::from_millis(prepared.now.load(Ordering::SeqCst));
    let second: Vec<_> =
        (0..8).map(|index| event(&format!("second-{index}"), fresh.plus_millis(index * 300), index as u64 % 3, 0)).collect();
    land(&second);
    let mut conflicting = second[2].clone();
    conflicting.actor_id = Some("someone-else".into());
    land(&[second[0].clone(), conflicting, event("third", fresh, 1, 1)]);
    let arrival = auditlake_lake::Arrival(Timestamp::from_millis(prepared.now.load(Ordering::SeqCst)));
    let broken = layout::LandingKey::new(arrival, [9; 10]).to_string();
    prepared.store.overwrite(&broken, Bytes::from_static(b"PAR1 but not really PAR1"));
    prepared.store.overwrite(&format!("{}notes.txt", layout::arrival_prefix(arrival)), Bytes::from_static(b"hello"));
    prepared.now.fetch_add(3 * PERIOD_MS, Ordering::SeqCst);
    let later = Timestamp::from_millis(prepared.now.load(Ordering::SeqCst));
    land(&[event("fourth", later, 0, 0)]);
    prepared.now.fetch_add(2 * PERIOD_MS, Ordering::SeqCst);
    prepared
}

pub(crate) fn run_with(store: &MemoryStore, prepared: &Prepared, settings: SealSettings) -> Result<SealRun, SealError> {
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut sealer = Sealer::new(Arc::new(store.clone()), prepared.lake.clone(), clock, settings);
    block_on(sealer.run(RunLimits::default(), &mut |_| {}))
}

fn run(store: &MemoryStore, prepared: &Prepared) -> Result<SealRun, SealError> {
    run_with(store, prepared, SealSettings { concurrency: 3, ..SealSettings::default() })
}

pub(crate) fn assert_same(seen: &MemoryStore, expected: &BTreeMap<String, Bytes>, what: &str) {
    let seen = seen.snapshot();
    let keys = |objects: &BTreeMap<String, Bytes>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&seen), keys(expected), "{what}");
    for (key, bytes) in expected {
        assert_eq!(&seen[key], bytes, "{what}: {key}");
    }
}

#[test]
fn the_prepared_lake_has_everything_that_can_go_wrong_in_it() {
    let prepared = prepare();
    let result = run(&prepared.store, &prepared).unwrap();
    assert!(!result.more_due);
    assert_eq!((result.rows_in, result.rows_out), (16, 12));
    assert_eq!((result.duplicates, result.conflicts), (2, 2));
    assert!(result.late_rows >= 3);
    let mut set_aside: Vec<_> = result.set_aside.iter().map(|object| object.reason.as_str()).collect();
    set_aside.sort_unstable();
    assert_eq!(set_aside.len(), 2, "{set_aside:?}");
    let snapshot = prepared.store.snapshot();
    let quarantined = snapshot.keys().filter(|key| key.starts_with("quarantine/landing/")).count();
    assert_eq!(quarantined, 2);
    let copies = snapshot.iter().filter(|(key, _)| key.starts_with("quarantine/conflicts/"));
    assert_eq!(copies.flat_map(|(_, bytes)| bytes.iter().filter(|byte| **byte == b'\n')).count(), 2);
    // What was read is tagged, what could not be read is not.
    for key in snapshot.keys().filter(|key| key.starts_with(layout::LANDING)) {
        let is_tagged = prepared.store.tags(key).contains_key("sealed");
        let is_newest = layout::LandingKey::parse(key)
            .is_some_and(|key| prepared.lake.rule().last_window_of(key.arrival()) >= result.sealed_until);
        let is_unusable = key.ends_with("notes.txt") || snapshot[key].starts_with(b"PAR1 but");
        assert_eq!(is_tagged, !is_newest && !is_unusable, "{key}");
    }
}

#[test]
fn a_seal_that_dies_at_any_storage_call_and_is_run_again_leaves_the_same_lake() {
    let prepared = prepare();
    let undisturbed = prepared.store.fork();
    run(&undisturbed, &prepared).unwrap();
    let calls = undisturbed.points();
    let expected = undisturbed.snapshot();
    assert!(calls > 60, "{calls} points are not a seal");
    for crash_at in 0..calls {
        let store = prepared.store.fork();
        store.set_faults(
            move |point: Point<'_>| {
                if point.index >= crash_at { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
            },
        );
        // A tag that cannot be written stops nothing: at the last ones everything else is there.
        if run(&store, &prepared).is_ok() {
            assert_same(&store, &expected, &format!("without tags from point {crash_at}"));
        }
        store.clear_faults();
        run(&store, &prepared).unwrap();
        assert_same(&store, &expected, &format!("dead at point {crash_at}"));
    }
}

#[test]
fn a_single_failure_of_any_kind_at_any_storage_call_changes_nothing() {
    let prepared = prepare();
    let undisturbed = prepared.store.fork();
    run(&undisturbed, &prepared).unwrap();
    let (calls, expected) = (undisturbed.points(), undisturbed.snapshot());
    for kind in [ErrorKind::Timeout, ErrorKind::Conflict] {
        for fail_at in 0..calls {
            let store = prepared.store.fork();
            store.set_faults(move |point: Point<'_>| if point.index == fail_at { Action::Fail(kind) } else { Action::Go });
            let mut tries = 0;
            while let Err(error) = run(&store, &prepared) {
                tries += 1;
                assert!(error.retryable() && tries < 3, "{error}");
            }
            assert_same(&store, &expected, &format!("{kind:?} at point {fail_at}"));
        }
    }
}

#[test]
fn a_run_that_would_plan_otherwise_follows_the_plan_that_is_there() {
    let prepared = prepare();
    let undisturbed = prepared.store.fork();
    run(&undisturbed, &prepared).unwrap();
    let (calls, expected) = (undisturbed.points(), undisturbed.snapshot());
    let otherwise = SealSettings {
        plan: PlanSettings { max_object_bytes: 1, max_shard_bytes: 1 },
        memory_budget: 1 << 12,
        ..SealSettings::default()
    };
    let differently = prepared.store.fork();
    run_with(&differently, &prepared, otherwise.clone()).unwrap();
    let archive = |objects: &BTreeMap<String, Bytes>| objects.keys().filter(|key| ArchiveKey::parse(key).is_some()).count();
    assert!(archive(&differently.snapshot()) > archive(&expected), "the other settings cut the same objects");
    for crash_at in 0..calls {
        let store = prepared.store.fork();
        store.set_faults(
            move |point: Point<'_>| {
                if point.index >= crash_at { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
            },
        );
        // A tag that cannot be written stops nothing: at the last ones everything else is there.
        if run(&store, &prepared).is_ok() {
            assert_same(&store, &expected, &format!("without tags from point {crash_at}"));
        }
        store.clear_faults();
        let planned: Vec<String> = store.snapshot().into_keys().filter(|key| key.ends_with(".plan.json")).collect();
        run_with(&store, &prepared, otherwise.clone()).unwrap();
        for key in planned {
            let record_key = key.replace("/_", "/").replace(".plan.json", ".json");
            assert_eq!(store.snapshot()[&record_key], expected[&record_key], "{record_key}");
        }
    }
}

#[test]
fn a_plan_or_an_object_of_a_newer_version_stops_the_seal() {
    let prepared = prepare();
    let next = block_on(auditlake_lake::status::sealed_until(&prepared.store, &prepared.lake, None)).unwrap();
    let newer = String::from_utf8(auditlake_lake::seal::plan::empty(next, Codec::Snappy).to_bytes().unwrap()).unwrap();
    for (from, to) in [("\"rules_version\":2", "\"rules_version\":3"), ("\"schema_version\":1", "\"schema_version\":9")] {
        let store = prepared.store.fork();
        store.overwrite(&layout::close_key(next), Bytes::new());
        store.overwrite(&layout::plan_key(next), newer.replace(from, to));
        let error = run(&store, &prepared).unwrap_err();
        assert!(matches!(error, SealError::Plan { .. }) && !error.retryable(), "{error}");
    }
}

#[test]
fn a_planned_object_that_was_replaced_stops_the_seal() {
    let prepared = prepare();
    // Dies right after the first plan with rows was written.
    prepared.store.set_faults({
        let mut is_dead = false;
        move |point: Point<'_>| {
            is_dead |= point.key.starts_with(layout::ARCHIVE) && point.operation == "put" && point.moment == Moment::Before;
            if is_dead { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
        }
    });
    run(&prepared.store, &prepared).unwrap_err();
    prepared.store.clear_faults();
    let snapshot = prepared.store.snapshot();
    let plans = snapshot.iter().filter(|(key, _)| key.ends_with(".plan.json"));
    let unfinished = plans.filter(|(key, _)| !snapshot.contains_key(&key.replace("/_", "/").replace(".plan.json", ".json")));
    let plan = unfinished
        .map(|(_, bytes)| auditlake_lake::seal::plan::Plan::parse(bytes).unwrap())
        .find(|plan| plan.rows() > 0)
        .unwrap();
    prepared.store.overwrite(&plan.inputs[0].key, snapshot[&plan.inputs[0].key].clone());
    let error = run(&prepared.store, &prepared).unwrap_err();
    assert!(matches!(error, SealError::InputChanged { .. }), "{error}");
}

#[test]
fn after_a_weekend_of_standstill_every_period_is_sealed_in_order() {
    let created = Timestamp::parse("2026-02-27T18:00:00Z").unwrap();
    let lake = Lake::new(created, Period::from_seconds(10).unwrap(), 1_000, 300_000, Codec::Snappy);
    let now = Arc::new(std::sync::atomic::AtomicI64::new(created.millis()));
    let store = MemoryStore::new();
    let clock = Arc::new(SkewedClock { world: Arc::clone(&now), skew_ms: 0 });
    let entropy = Arc::new(CountedEntropy(AtomicU64::new(1), 1));
    let writer = LandingWriter::new(Arc::new(store.clone()), lake.clone(), Arc::clone(&clock) as _, entropy);
    block_on(writer.land(&[event("friday", created, 0, 0)])).unwrap();
    now.fetch_add(60 * 3_600_000, Ordering::SeqCst);
    block_on(writer.land(&[event("monday", Timestamp::from_millis(now.load(Ordering::SeqCst)), 0, 0)])).unwrap();
    now.fetch_add(60_000, Ordering::SeqCst);
    let mut sealer = Sealer::new(Arc::new(store.clone()), lake.clone(), clock, SealSettings::default());
    let mut seal_times = Vec::new();
    let before = store.points();
    let mut observer = |record: &SealRecord| seal_times.push(record.seal_time);
    let run = block_on(sealer.run(RunLimits::default(), &mut observer)).unwrap();
    assert!(run.periods > 21_600 && !run.more_due, "{run:?}");
    assert_eq!((run.rows_in, run.rows_out, run.objects), (2, 2, 2));
    let in_order = std::iter::successors(Some(lake.first_period), |seal_time| Some(lake.period().next(*seal_time)));
    assert!(in_order.zip(&seal_times).all(|(expected, seen)| expected == *seen));
    let calls_per_period = (store.points() - before) / 2 / run.periods;
    assert!(calls_per_period <= 3, "{calls_per_period} storage calls for an empty period");
}
