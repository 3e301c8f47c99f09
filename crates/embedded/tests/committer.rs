//! The group commit: who is answered when, and what happens when a write fails or too much waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop where something is not as expected")]

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_api::{Door, DoorError};
use auditlake_embedded::committer::{GroupCommit, wait_for_company};
use auditlake_embedded::vitals::TaskHealth;
use auditlake_event::{Event, Outcome, Timestamp};
use auditlake_lake::clock::{Clock, SystemClock, SystemEntropy};
use auditlake_lake::landing::{self, LandingWriter};
use auditlake_lake::layout::LandingKey;
use auditlake_lake::period::SealRule;
use auditlake_lake::{Codec, Lake, Period};
use auditlake_store::memory::MemoryStore;
use auditlake_store::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};
use bytes::Bytes;
use tokio::sync::Semaphore;

/// A store whose puts wait for a permit each, and fail if told so.
struct Gated {
    memory: MemoryStore,
    gate: Semaphore,
    fails: AtomicBool,
}

#[async_trait]
impl Store for Gated {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::new(ErrorKind::Unavailable, "put", key, "the disk is full"));
        }
        self.memory.put_if_absent(key, bytes).await
    }
    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        self.memory.upload(key).await
    }
    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        self.memory.get(key).await
    }
    async fn get_range(&self, key: &str, range: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
        self.memory.get_range(key, range).await
    }
    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        self.memory.get_suffix(key, length).await
    }
    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        self.memory.head(key).await
    }
    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        self.memory.list_page(prefix, start_after, limit).await
    }
    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.memory.list_prefixes(prefix).await
    }
    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        self.memory.tag(key, name, value).await
    }
}

fn fixture() -> (Arc<Gated>, Arc<GroupCommit>, tokio::task::JoinHandle<()>) {
    let store = Arc::new(Gated { memory: MemoryStore::new(), gate: Semaphore::new(0), fails: AtomicBool::new(false) });
    let lake = Lake::new(SystemClock.now(), Period::HOUR, 300_000, 300_000, Codec::Snappy);
    let writer = LandingWriter::new(Arc::clone(&store) as _, lake, Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (door, task) = GroupCommit::start(writer, TaskHealth::new("landing"));
    (store, door, task)
}

fn event(id: &str) -> Event<'static> {
    let now: Timestamp = SystemClock.now();
    Event {
        event_id: Cow::Owned(id.to_owned()),
        event_time: now,
        received_time: now,
        region: Cow::Borrowed("local"),
        organization: Cow::Borrowed("acme"),
        source: Cow::Borrowed("api"),
        action: Cow::Borrowed("x"),
        outcome: Outcome::Success,
        ..Event::default()
    }
}

fn post(door: &Arc<GroupCommit>, events: Vec<Event<'static>>) -> tokio::task::JoinHandle<Result<(), DoorError>> {
    let door = Arc::clone(door);
    tokio::spawn(async move { door.accept(&events).await })
}

/// Lets every other task run until all of them wait.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// How many rows each landing object holds, in the order of arrival.
fn landed(store: &Gated) -> Vec<usize> {
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let objects = store.memory.snapshot().into_iter().filter_map(|(key, bytes)| Some((LandingKey::parse(&key)?, bytes)));
    objects.map(|(key, bytes)| landing::file::decode(bytes, key.arrival(), &rule).unwrap().index.rows()).collect()
}

#[tokio::test]
async fn posts_that_come_during_a_write_are_written_together_and_nobody_is_answered_before() {
    let (store, door, _task) = fixture();
    let first = post(&door, vec![event("first")]);
    settle().await;
    let others: Vec<_> = (0..50).map(|index| post(&door, vec![event(&format!("e{index}"))])).collect();
    settle().await;
    assert!(!first.is_finished() && others.iter().all(|other| !other.is_finished()));
    store.gate.add_permits(1);
    first.await.unwrap().unwrap();
    settle().await;
    assert!(others.iter().all(|other| !other.is_finished()), "the second object is not written yet");
    store.gate.add_permits(1);
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(landed(&store), [1, 50]);
}

#[tokio::test]
async fn a_failed_write_answers_every_post_in_it_and_the_next_one_succeeds() {
    let (store, door, _task) = fixture();
    let first = post(&door, vec![event("first")]);
    settle().await;
    let others: Vec<_> = (0..5).map(|index| post(&door, vec![event(&format!("e{index}"))])).collect();
    settle().await;
    store.gate.add_permits(1);
    first.await.unwrap().unwrap();
    store.fails.store(true, Ordering::SeqCst);
    store.gate.add_permits(1);
    for other in others {
        assert!(matches!(other.await.unwrap(), Err(DoorError::Failed(_))));
    }
    store.fails.store(false, Ordering::SeqCst);
    store.gate.add_permits(1);
    door.accept(&[event("later")]).await.unwrap();
    assert_eq!(landed(&store).len(), 2);
}

#[tokio::test]
async fn a_large_post_is_an_object_of_its_own_and_does_not_wait_for_small_ones() {
    let (store, door, _task) = fixture();
    let small = post(&door, vec![event("small")]);
    settle().await;
    let large = post(&door, (0..2_000).map(|index| event(&format!("l{index}"))).collect());
    settle().await;
    store.gate.add_permits(2);
    small.await.unwrap().unwrap();
    large.await.unwrap().unwrap();
    let mut rows = landed(&store);
    rows.sort_unstable();
    assert_eq!(rows, [1, 2_000]);
}

#[tokio::test]
async fn what_waits_is_bounded_and_more_is_refused_at_once() {
    let (store, door, _task) = fixture();
    let mut heavy = event("heavy");
    heavy.metadata = Some(Cow::Owned(format!("{{\"text\":\"{}\"}}", "x".repeat(900_000))));
    // 64 MiB of room: some 70 posts of 0.9 MB fit, not 100.
    let posts: Vec<_> = (0..100)
        .map(|index| post(&door, vec![Event { event_id: Cow::Owned(format!("h{index}")), ..heavy.clone() }]))
        .collect();
    settle().await;
    let refused = posts.iter().filter(|post| post.is_finished()).count();
    assert!((20..50).contains(&refused), "{refused}");
    store.gate.add_permits(100);
    let mut kept = 0;
    for post in posts {
        match post.await.unwrap() {
            Ok(()) => kept += 1,
            Err(error) => assert!(matches!(error, DoorError::Busy), "{error}"),
        }
    }
    assert_eq!(kept, 100 - refused);
    door.accept(&[event("later")]).await.unwrap();
}

#[tokio::test]
async fn what_waits_when_the_door_closes_is_still_written() {
    let (store, door, task) = fixture();
    let first = post(&door, vec![event("first")]);
    settle().await;
    let second = post(&door, vec![event("second")]);
    settle().await;
    drop(door);
    store.gate.add_permits(2);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    task.await.unwrap();
    assert_eq!(landed(&store).len(), 2);
}

#[test]
fn only_after_many_objects_an_hour_a_lonely_post_waits_for_company() {
    assert_eq!(wait_for_company(0, 1), Duration::ZERO);
    assert_eq!(wait_for_company(10_000, 1), Duration::ZERO);
    assert_eq!(wait_for_company(11_000, 1), Duration::from_millis(10));
    assert_eq!(wait_for_company(1_000_000, 1), Duration::from_millis(250));
    assert_eq!(wait_for_company(1_000_000, 16), Duration::ZERO);
}
