//! The proof of the heart: for any events, arrivals, batches, retries, late, duplicated and conflicting deliveries, with clocks
//! that disagree, slow writes, storage that fails, two sealers that plan differently and die at any moment, a read at any moment
//! returns each acknowledged event exactly once. Without the fence the same simulation loses events.
//!
//! Everything runs in one thread; at each step an executor picks one task at random and lets it go on to its next storage call.
//! `AUDITLAKE_SIMULATIONS` sets the number of runs, `AUDITLAKE_SEED` repeats one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

mod crash;
mod damage;
mod random;
mod reader;
mod strangers;
mod workers;
mod world;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use auditlake_event::{Event, Organization, Timestamp};
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::layout::{self, ArchiveKey};
use auditlake_lake::seal::digests::Digest;
use auditlake_lake::seal::plan::PlanSettings;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::{RunLimits, SealSettings, Sealer};
use auditlake_lake::{Lake, SealTime};
use auditlake_store::memory::MemoryStore;
use random::Random;
use reader::Reader;
use world::{CountedEntropy, Key, Knowledge, World};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What went wrong for a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    Lost(Key),
    Doubled(Key, usize),
}

fn poll_once(task: &mut Task) -> bool {
    task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000_000 {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future never ends");
}

fn settings(random: &mut Random) -> SealSettings {
    SealSettings {
        // Two sealers that cut differently stand for two versions that plan differently.
        plan: PlanSettings {
            max_object_bytes: [1 << 28, 2_000, 300][random.below(3) as usize],
            max_shard_bytes: [1 << 30, 4_000][random.below(2) as usize],
        },
        memory_budget: [256 << 20, 1 << 16][random.below(2) as usize],
        close_delay_ms: random.between(0, 3_000),
        concurrency: 1 + random.below(4) as usize,
        batch: 1 + random.below(8) as usize,
        ..SealSettings::default()
    }
}

fn client(world: &mut World, number: u64, fenced: bool, batches: u64, done: Rc<Cell<u64>>) -> Task {
    let mut random = world.random.fork();
    let skew = random.between(-15_000, 15_000);
    let clock = world.clock(skew);
    let entropy = Arc::new(CountedEntropy(AtomicU64::new(random.next()), number as u8));
    let writer = LandingWriter::new(Arc::new(world.store.clone()), world.lake.clone(), Arc::clone(&clock), entropy);
    let writer = if fenced { writer } else { writer.without_fence() };
    let knowledge = Rc::clone(&world.knowledge);
    let lead = world.lake.lead_ms;
    // The door's clock is another one than the landing writer's.
    let door = world.clock(random.between(-2_000, 2_000));
    Box::pin(async move {
        let mut sent: Vec<Event<'static>> = Vec::new();
        for index in 0..batches {
            let events = world::batch(&mut random, door.now(), lead, &sent, number * 1_000 + index);
            // One request holds a key once.
            let mut keys = BTreeSet::new();
            let events: Vec<_> = events.into_iter().filter(|event| keys.insert(world::key_of(event))).collect();
            knowledge.borrow_mut().submit(&events);
            loop {
                let landed = writer.land(&events).await;
                if landed.is_ok() {
                    knowledge.borrow_mut().acknowledge(&events);
                }
                // A client that saw no answer sends again, and a queue may deliver twice.
                if landed.is_ok() && !random.percent(10) {
                    break;
                }
                auditlake_store::memory::yield_once().await;
            }
            sent.extend(events);
            for _ in 0..random.below(40) {
                auditlake_store::memory::yield_once().await;
            }
        }
        done.set(done.get() + 1);
    })
}

fn sealer(world: &mut World, stop: Rc<Cell<bool>>) -> Task {
    let mut random = world.random.fork();
    let clock = world.clock(random.between(-15_000, 15_000));
    let store = Arc::new(world.store.clone());
    let lake = world.lake.clone();
    Box::pin(async move {
        while !stop.get() {
            let mut sealer = Sealer::new(Arc::clone(&store) as _, lake.clone(), Arc::clone(&clock), settings(&mut random));
            while !stop.get() {
                let run = sealer.run(RunLimits::default(), &mut |_| {}).await;
                if let Err(error) = &run {
                    assert!(error.retryable(), "{error}");
                    if random.percent(50) {
                        break;
                    }
                }
                auditlake_store::memory::yield_once().await;
            }
        }
    })
}

/// How long landing objects stay after they were tagged. A reader who takes longer must start again: in a deployment this is a
/// day, and no query lasts that long.
const LANDING_KEPT_MS: i64 = 60_000;

/// Removes landing objects that are tagged as sealed, as a lifecycle rule would.
fn lifecycle(world: &mut World, stop: Rc<Cell<bool>>) -> Task {
    let mut random = world.random.fork();
    let store = world.store.clone();
    let now = Arc::clone(&world.now);
    Box::pin(async move {
        let mut tagged_since: BTreeMap<String, i64> = BTreeMap::new();
        while !stop.get() {
            if random.percent(2) {
                let now = now.load(Ordering::SeqCst);
                for key in store.snapshot().into_keys().filter(|key| key.starts_with(layout::LANDING)) {
                    let is_tagged = store.tags(&key).get("sealed").is_some_and(|value| value == "true");
                    if is_tagged && now - *tagged_since.entry(key.clone()).or_insert(now) > LANDING_KEPT_MS {
                        store.expire(&key);
                    }
                }
            }
            auditlake_store::memory::yield_once().await;
        }
    })
}

fn check(expected: &BTreeSet<Key>, knowledge: &Knowledge, seen: &BTreeMap<Key, Vec<String>>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for key in expected {
        if !seen.contains_key(key) {
            wrong.push(Wrong::Lost(key.clone()));
        }
    }
    for (key, hashes) in seen {
        if hashes.len() != 1 {
            wrong.push(Wrong::Doubled(key.clone(), hashes.len()));
        }
        assert!(
            knowledge.submitted.get(key).is_some_and(|known| hashes.iter().all(|hash| known.contains(hash))),
            "altered {key:?}"
        );
    }
    wrong
}

fn reading(world: &mut World, reader: Reader, stop: Rc<Cell<bool>>, wrong: Rc<Cell<Vec<Wrong>>>) -> Task {
    let mut random = world.random.fork();
    let store = world.store.clone();
    let lake = world.lake.clone();
    let knowledge = Rc::clone(&world.knowledge);
    let now = Arc::clone(&world.now);
    Box::pin(async move {
        while !stop.get() {
            let acknowledged = knowledge.borrow().acknowledged.clone();
            let began = now.load(Ordering::SeqCst);
            // An error, or a landing object that is gone while it is read, means: start again with a new `sealed until`.
            if let Ok(seen) = reader.read(&store, &lake).await
                && now.load(Ordering::SeqCst) - began < LANDING_KEPT_MS
            {
                let mut found = wrong.take();
                found.extend(check(&acknowledged, &knowledge.borrow(), &seen));
                wrong.set(found);
            }
            for _ in 0..random.below(60) {
                auditlake_store::memory::yield_once().await;
            }
        }
    })
}

/// Runs one simulation and says what readers saw wrong.
fn simulate(seed: u64, fenced: bool) -> Vec<Wrong> {
    let mut world = World::new(seed);
    let failures = [0, 3, 20][world.random.below(3) as usize];
    world.disturb(failures);
    let (stop, done) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let wrong: Rc<Cell<Vec<Wrong>>> = Rc::default();
    let reader = Reader::default();
    let clients = 1 + world.random.below(4);
    let mut tasks: Vec<Task> = (0..clients).map(|number| client(&mut world, number, fenced, 12, Rc::clone(&done))).collect();
    tasks.push(reading(&mut world, reader.clone(), Rc::clone(&stop), Rc::clone(&wrong)));
    tasks.push(lifecycle(&mut world, Rc::clone(&stop)));
    let mut sealers: Vec<Task> = (0..2).map(|_| sealer(&mut world, Rc::clone(&stop))).collect();
    let mut random = world.random.fork();
    for _ in 0..400_000 {
        if done.get() == clients {
            break;
        }
        world::tick(&world.now, &mut random);
        let chosen = random.below((tasks.len() + sealers.len()) as u64) as usize;
        if chosen < tasks.len() {
            if poll_once(&mut tasks[chosen]) {
                drop(tasks.swap_remove(chosen));
            }
        } else {
            let index = chosen - tasks.len();
            if random.below(300) == 0 {
                // It dies where it stands, and another one comes.
                sealers[index] = sealer(&mut world, Rc::clone(&stop));
            }
            poll_once(&mut sealers[index]);
        }
    }
    assert_eq!(done.get(), clients, "seed {seed}: the clients never came to their end");
    stop.set(true);
    drop(tasks);
    drop(sealers);
    world.store.clear_faults();
    let mut found = wrong.take();
    found.extend(finish(&world, &reader, fenced));
    found
}

/// Lets every period pass, seals all of them undisturbed, and looks at the archive alone.
fn finish(world: &World, reader: &Reader, fenced: bool) -> Vec<Wrong> {
    world.now.fetch_add(600_000, Ordering::SeqCst);
    let store = Arc::new(world.store.clone());
    let mut sealer = Sealer::new(store.clone(), world.lake.clone(), world.clock(0), SealSettings::default());
    let run = block_on(sealer.run(RunLimits::default(), &mut |_| {})).unwrap();
    assert!(!run.more_due);
    if fenced {
        let omitted = store.snapshot().into_keys().find(|key| key.starts_with("quarantine/omitted/"));
        assert_eq!(omitted, None, "no seal omits what was there before the close");
    }
    let seen = block_on(reader.read(&store, &world.lake)).unwrap();
    let knowledge = world.knowledge.borrow();
    let wrong = check(&knowledge.acknowledged, &knowledge, &seen);
    let quarantined = verify_integrity(&world.store, &world.lake, run.sealed_until);
    if fenced {
        for (key, contents) in &knowledge.acknowledged_contents {
            let kept = &seen[key][0];
            for content in contents.iter().filter(|content| *content != kept) {
                assert!(quarantined.contains(content), "a conflicting copy of {key:?} was dropped in silence");
            }
        }
    }
    wrong
}

/// Follows both chains, compares every hash with the stored bytes, and returns the hashes of quarantined copies.
fn verify_integrity(store: &MemoryStore, lake: &Lake, sealed_until: SealTime) -> BTreeSet<String> {
    let objects = store.snapshot();
    let mut unstated: BTreeSet<&String> = objects.keys().filter(|key| key.starts_with(layout::ARCHIVE)).collect();
    let mut heads: BTreeMap<Organization, String> = BTreeMap::new();
    let mut previous_record = None;
    let mut quarantined = BTreeSet::new();
    let mut seal_time = lake.first_period;
    while seal_time < sealed_until {
        let bytes = &objects[&layout::record_key(seal_time)];
        let record: SealRecord = serde_json::from_slice(bytes).unwrap();
        assert_eq!(record.previous_sha256, previous_record, "{seal_time}");
        assert_eq!(record.rows_in, record.rows_out + record.duplicates + record.conflicts);
        assert_eq!(record.plan_sha256, sha256_hex(&objects[&layout::plan_key(seal_time)]));
        for written in &record.digests {
            let bytes = &objects[&written.key];
            assert_eq!(written.sha256, sha256_hex(bytes));
            let digest: Digest = serde_json::from_slice(bytes).unwrap();
            assert_eq!(
                digest.previous.map(|previous| previous.sha256),
                heads.insert(digest.organization, written.sha256.clone())
            );
            for object in &digest.objects {
                let stored = &objects[&object.key];
                assert_eq!(object.sha256.to_string(), sha256_hex(stored));
                assert!(unstated.remove(&object.key), "{} is stated twice", object.key);
                let key = ArchiveKey::parse(&object.key).unwrap();
                let rows = reader::archive_rows(&key, stored.clone());
                assert_eq!(object.rows, rows.len() as u64);
                for ((_, organization, _, event_time, _), _, row_seal_time) in rows {
                    assert_eq!(row_seal_time, seal_time);
                    assert_eq!(organization, key.partition.organization.as_str());
                    assert_eq!(Timestamp::from_millis(event_time).hour(), key.partition.hour);
                }
            }
            quarantined.extend(digest.conflicts.iter().map(|conflict| conflict.other_hash.to_string()));
        }
        previous_record = Some(sha256_hex(bytes));
        seal_time = lake.period().next(seal_time);
    }
    assert!(unstated.is_empty(), "in the archive but in no digest: {unstated:?}");
    quarantined
}

fn seeds(default: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("AUDITLAKE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("AUDITLAKE_SIMULATIONS").unwrap_or(default)).collect(),
    }
}

#[test]
fn a_read_at_any_moment_returns_each_acknowledged_event_exactly_once() {
    for seed in seeds(60) {
        let wrong = simulate(seed, true);
        assert!(wrong.is_empty(), "AUDITLAKE_SEED={seed}: {wrong:?}");
    }
}

#[test]
fn without_the_fence_the_same_simulation_loses_events() {
    let losing =
        seeds(60).into_iter().filter(|seed| simulate(*seed, false).iter().any(|wrong| matches!(wrong, Wrong::Lost(_))));
    assert!(losing.count() > 0, "the simulation cannot tell a fence from none");
}
