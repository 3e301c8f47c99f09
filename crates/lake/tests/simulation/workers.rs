//! Shards written by workers, who may be asked twice, in any order, and die anywhere, leave the same lake as one sealer alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use auditlake_lake::SealTime;
use auditlake_lake::seal::plan::PlanSettings;
use auditlake_lake::seal::{RunLimits, SealError, SealSettings, Sealer, ShardWorkers};
use auditlake_store::ErrorKind;
use auditlake_store::memory::{Action, MemoryStore, Point};
use bytes::Bytes;

use crate::block_on;
use crate::crash::{Prepared, assert_same, prepare, run_with};
use crate::world::SkewedClock;

/// Remembers what it was asked for.
#[derive(Default)]
struct Asked(Mutex<Vec<(SealTime, usize)>>);

#[async_trait]
impl ShardWorkers for Asked {
    async fn request(&self, seal_time: SealTime, shards: &[usize]) -> Result<(), String> {
        self.0.lock().unwrap().extend(shards.iter().map(|shard| (seal_time, *shard)));
        Ok(())
    }
}

impl Asked {
    fn take(&self) -> Vec<(SealTime, usize)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn small_shards(workers: Option<Arc<Asked>>) -> SealSettings {
    let plan = PlanSettings { max_object_bytes: 1, max_shard_bytes: 1 };
    SealSettings { plan, concurrency: 3, workers: workers.map(|asked| asked as _), ..SealSettings::default() }
}

fn write_shard(store: &MemoryStore, prepared: &Prepared, shard: (SealTime, usize)) -> Result<bool, SealError> {
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut worker = Sealer::new(Arc::new(store.clone()), prepared.lake.clone(), clock, small_shards(None));
    block_on(worker.seal_shard(shard.0, shard.1)).map(|done| done.is_some())
}

/// Runs ticks until nothing is due; `work` does what is asked for in between.
fn seal_with(store: &MemoryStore, prepared: &Prepared, mut work: impl FnMut(Vec<(SealTime, usize)>)) -> usize {
    let asked = Arc::new(Asked::default());
    let mut handed_out = 0;
    for _ in 0..200 {
        let run = run_with(store, prepared, small_shards(Some(Arc::clone(&asked)))).unwrap();
        let shards = asked.take();
        assert_eq!(run.waiting_shards, shards.len());
        if !run.more_due {
            return handed_out;
        }
        handed_out += shards.len();
        work(shards);
    }
    panic!("the seal does not come to its end");
}

/// The lake without the workers' statements, which a sealer alone does not write.
fn without_statements(store: &MemoryStore) -> MemoryStore {
    let kept = MemoryStore::new();
    for (key, bytes) in store.snapshot() {
        if !key.contains(".shard-") {
            kept.overwrite(&key, bytes);
        }
    }
    kept
}

fn alone(prepared: &Prepared) -> BTreeMap<String, Bytes> {
    let store = prepared.store.fork();
    run_with(&store, prepared, small_shards(None)).unwrap();
    store.snapshot()
}

#[test]
fn workers_in_any_order_and_asked_twice_leave_what_one_sealer_leaves() {
    let prepared = prepare();
    let expected = alone(&prepared);
    let store = prepared.store.fork();
    let handed_out = seal_with(&store, &prepared, |shards| {
        for shard in shards.iter().rev().chain(&shards) {
            write_shard(&store, &prepared, *shard).unwrap();
        }
    });
    assert!(handed_out > 6, "{handed_out} shards are no fan-out");
    assert_same(&without_statements(&store), &expected, "by workers");
    let tagged = |store: &MemoryStore| {
        let keys = store.snapshot().into_keys().filter(|key| key.starts_with("landing/"));
        keys.filter(|key| store.tags(key).contains_key("sealed")).collect::<Vec<_>>()
    };
    let one = prepared.store.fork();
    run_with(&one, &prepared, small_shards(None)).unwrap();
    assert_eq!(tagged(&store), tagged(&one), "the same landing objects are retired");
}

#[test]
fn a_shard_nobody_writes_is_asked_for_again_at_each_tick() {
    let prepared = prepare();
    let expected = alone(&prepared);
    let store = prepared.store.fork();
    let mut ticks = 0;
    seal_with(&store, &prepared, |shards| {
        ticks += 1;
        // Only one of those asked for is ever written.
        let chosen = shards[ticks % shards.len()];
        assert!(write_shard(&store, &prepared, chosen).unwrap());
    });
    assert_same(&without_statements(&store), &expected, "one shard a tick");
}

#[test]
fn a_worker_that_dies_at_any_storage_call_is_followed_by_another() {
    let prepared = prepare();
    let expected = alone(&prepared);
    for crash_at in 0..60 {
        let store = prepared.store.fork();
        let mut deaths = 0;
        seal_with(&store, &prepared, |shards| {
            for shard in shards {
                let before = store.points();
                store.set_faults(move |point: Point<'_>| {
                    if point.index >= before + crash_at { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
                });
                deaths += usize::from(write_shard(&store, &prepared, shard).is_err());
                store.clear_faults();
                write_shard(&store, &prepared, shard).unwrap();
            }
        });
        assert!(deaths > 0 || crash_at > 8, "nobody died at {crash_at}");
        assert_same(&without_statements(&store), &expected, &format!("workers dead at point {crash_at}"));
    }
}

#[test]
fn a_shard_that_no_plan_has_is_said() {
    let prepared = prepare();
    let next = block_on(auditlake_lake::status::sealed_until(&prepared.store, &prepared.lake, None)).unwrap();
    let error = write_shard(&prepared.store, &prepared, (next, 0)).unwrap_err();
    assert!(matches!(error, SealError::NoSuchShard { .. }), "{error}");
}

#[test]
fn only_periods_before_the_stated_time_are_sealed() {
    let prepared = prepare();
    let store = prepared.store.fork();
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut sealer = Sealer::new(Arc::new(store), prepared.lake.clone(), clock, SealSettings::default());
    let next = block_on(sealer.sealed_until()).unwrap();
    let until = prepared.lake.period().next(next).start();
    let run = block_on(sealer.run(RunLimits { until: Some(until), ..RunLimits::default() }, &mut |_| {})).unwrap();
    assert_eq!((run.periods, run.sealed_until.start()), (1, until));
}
