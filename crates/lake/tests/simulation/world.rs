//! One simulated lake: a store that yields and fails at random, clocks that disagree, and what the clients were told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use auditlake_event::canonical::event_hash;
use auditlake_event::{Event, Outcome, Timestamp};
use auditlake_lake::clock::{Clock, Entropy};
use auditlake_lake::{Codec, Lake, Period};
use auditlake_store::ErrorKind;
use auditlake_store::memory::{Action, MemoryStore, Point};

use crate::random::Random;

/// What makes two rows one event.
pub type Key = (String, String, String, i64, String);

pub fn key_of(event: &Event<'_>) -> Key {
    (
        event.region.to_string(),
        event.organization.to_string(),
        event.source.to_string(),
        event.event_time.millis(),
        event.event_id.to_string(),
    )
}

pub struct SkewedClock {
    pub world: Arc<AtomicI64>,
    pub skew_ms: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.load(Ordering::SeqCst) + self.skew_ms)
    }
}

pub struct CountedEntropy(pub AtomicU64, pub u8);

impl Entropy for CountedEntropy {
    fn bytes(&self) -> [u8; 10] {
        let mut bytes = [self.1; 10];
        bytes[2..].copy_from_slice(&self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).to_be_bytes());
        bytes
    }
}

/// What the clients know.
#[derive(Default)]
pub struct Knowledge {
    /// Keys of events that were acknowledged.
    pub acknowledged: BTreeSet<Key>,
    /// Hashes of every content that was ever submitted under a key.
    pub submitted: BTreeMap<Key, BTreeSet<String>>,
    /// Hashes of every content that was acknowledged under a key.
    pub acknowledged_contents: BTreeMap<Key, BTreeSet<String>>,
}

impl Knowledge {
    pub fn submit(&mut self, events: &[Event<'_>]) {
        for event in events {
            self.submitted.entry(key_of(event)).or_default().insert(hex::encode(event_hash(event)));
        }
    }

    pub fn acknowledge(&mut self, events: &[Event<'_>]) {
        for event in events {
            self.acknowledged.insert(key_of(event));
            self.acknowledged_contents.entry(key_of(event)).or_default().insert(hex::encode(event_hash(event)));
        }
    }
}

pub struct World {
    pub store: MemoryStore,
    pub lake: Lake,
    pub now: Arc<AtomicI64>,
    pub knowledge: Rc<RefCell<Knowledge>>,
    pub random: Random,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let start = Timestamp::parse("2026-02-28T23:58:20Z").unwrap();
        let seconds = [10, 15, 60][random.below(3) as usize];
        let slack = random.between(0, 8_000);
        let lead = random.between(2_000, 30_000);
        let lake = Lake::new(start, Period::from_seconds(seconds).unwrap(), slack, lead, Codec::Snappy);
        let now = Arc::new(AtomicI64::new(start.millis() + 1));
        Self { store: MemoryStore::new(), lake, now, knowledge: Rc::default(), random }
    }

    pub fn clock(&self, skew_ms: i64) -> Arc<dyn Clock> {
        Arc::new(SkewedClock { world: Arc::clone(&self.now), skew_ms })
    }

    /// From now on calls yield and fail at random.
    pub fn disturb(&mut self, fail_per_thousand: u64) {
        let random = Mutex::new(self.random.fork());
        self.store.set_faults(move |point: Point<'_>| {
            let mut random = random.lock().unwrap();
            if random.below(1000) < fail_per_thousand {
                let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Conflict];
                return Action::Fail(kinds[random.below(3) as usize]);
            }
            // A put that takes long is what the fence is for: let others go first more often there.
            let yields = if point.operation == "put" { 90 } else { 60 };
            if random.percent(yields) { Action::Yield } else { Action::Go }
        });
    }
}

/// Moves the simulated time on.
pub fn tick(now: &AtomicI64, random: &mut Random) {
    let step = match random.below(100) {
        0 => random.between(0, 9_000),
        1..=9 => random.between(0, 900),
        _ => random.between(0, 30),
    };
    now.fetch_add(step, Ordering::SeqCst);
}

/// A batch of events as a client might send it: mostly fresh, some late, some ahead of the clock, some sent before.
pub fn batch(
    random: &mut Random,
    now: Timestamp,
    lead_ms: i64,
    earlier: &[Event<'static>],
    number: u64,
) -> Vec<Event<'static>> {
    let count = 1 + random.below(6);
    let mut events = Vec::new();
    for index in 0..count {
        if !earlier.is_empty() && random.percent(20) {
            let mut copy = earlier[random.below(earlier.len() as u64) as usize].clone();
            if random.percent(25) {
                copy.actor_id = Some(format!("someone-else-{number}").into());
            }
            events.push(copy);
            continue;
        }
        let age = match random.below(10) {
            0 => random.between(0, 200_000),
            1 => random.between(-lead_ms, 1),
            2 => 0,
            _ => random.between(0, 3_000),
        };
        let time = Timestamp::from_millis(now.millis() - age);
        // Few different milliseconds, so that equal times with other ids occur.
        let time = if random.percent(30) { Timestamp::from_millis(time.millis() / 1_000 * 1_000) } else { time };
        events.push(event(&format!("e-{number}-{index}"), time, random.below(3), random.below(2)));
    }
    events
}

pub fn event(id: &str, time: Timestamp, organization: u64, region: u64) -> Event<'static> {
    Event {
        event_id: id.to_owned().into(),
        event_time: time,
        received_time: time,
        region: format!("region-{region}").into(),
        organization: format!("organization-{organization}").into(),
        source: "api".into(),
        action: "role_assign".into(),
        outcome: Outcome::Success,
        actor_id: Some(format!("user-{id}").into()),
        ..Event::default()
    }
}
