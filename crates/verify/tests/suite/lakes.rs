//! Small lakes to verify: several organizations, regions and hours, late events, copies and contradictions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use auditlake_event::{Event, Outcome, Timestamp};
use auditlake_lake::clock::{Clock, Entropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_lake::layout;
use auditlake_lake::opening::open_or_create;
use auditlake_lake::seal::{RunLimits, SealSettings, Sealer};
use auditlake_lake::{Codec, Lake, Period};
use auditlake_store::memory::MemoryStore;
use auditlake_verify::{Options, Report, verify};

struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Counted(AtomicU64);

impl Entropy for Counted {
    fn bytes(&self) -> [u8; 10] {
        let mut bytes = [7; 10];
        bytes[2..].copy_from_slice(&self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).to_be_bytes());
        bytes
    }
}

/// Random numbers that follow from a seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap()
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(work)
}

fn event(id: String, time: Timestamp, random: &mut Random) -> Event<'static> {
    Event {
        event_id: id.into(),
        event_time: time,
        received_time: time,
        region: format!("region-{}", random.below(2)).into(),
        organization: format!("organization-{}", random.below(3)).into(),
        source: "api".into(),
        action: "role_assign".into(),
        outcome: Outcome::Success,
        actor_id: Some(format!("user-{}", random.below(9)).into()),
        ..Event::default()
    }
}

/// A lake whose newest period is sealed, with a landing object that is not.
pub fn lake(seed: u64) -> MemoryStore {
    let mut random = Random(seed);
    let created = Timestamp::parse("2026-02-28T22:57:30Z").unwrap();
    let wanted = Lake::new(created, Period::from_seconds(600).unwrap(), 5_000, 30_000, Codec::Snappy);
    let store = MemoryStore::new();
    let clock = Arc::new(At(AtomicI64::new(created.millis())));
    block_on(async {
        let lake = open_or_create(&store, &wanted).await.unwrap();
        let shared = Arc::new(store.clone());
        let entropy = Arc::new(Counted(AtomicU64::new(seed)));
        let writer = LandingWriter::new(shared.clone(), lake.clone(), clock.clone(), entropy);
        let mut sealer = Sealer::new(shared, lake, clock.clone(), SealSettings::default());
        let mut sent: Vec<Event<'static>> = Vec::new();
        for round in 0..10 + random.below(6) {
            let now = clock.now();
            let mut batch: Vec<Event<'static>> = Vec::new();
            for number in 0..random.below(12) {
                let late = if random.below(4) == 0 { random.below(7_000_000) } else { random.below(20_000) };
                let time = now.plus_millis(-i64::try_from(late).unwrap()).max(created);
                batch.push(event(format!("e-{round}-{number}"), time, &mut random));
            }
            if !sent.is_empty() && random.below(2) == 0 {
                let mut copy = random.pick(&sent).clone();
                if random.below(3) == 0 {
                    copy.actor_id = Some("someone-else".into());
                }
                batch.push(copy);
            }
            if !batch.is_empty() {
                writer.land(&batch).await.unwrap();
                sent.extend(batch);
            }
            clock.0.fetch_add(i64::try_from(200_000 + random.below(900_000)).unwrap(), Ordering::SeqCst);
            sealer.run(RunLimits::default(), &mut |_| {}).await.unwrap();
        }
        let last = event("last".to_owned(), clock.now(), &mut random);
        writer.land(&[last]).await.unwrap();
    });
    store
}

/// Keys below a prefix.
pub fn keys(store: &MemoryStore, prefix: &str) -> Vec<String> {
    store.snapshot().into_keys().filter(|key| key.starts_with(prefix)).collect()
}

/// The seal records, in order.
pub fn records(store: &MemoryStore) -> Vec<String> {
    let name = |key: &String| key.rsplit_once('/').unwrap().1.starts_with('2');
    keys(store, layout::SEALS).into_iter().filter(name).collect()
}

pub fn check(store: &MemoryStore, options: &Options) -> Report {
    block_on(verify(Arc::new(store.clone()), options, &|_| {})).unwrap()
}
