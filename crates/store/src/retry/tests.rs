//! Faults of an in-memory store: what is tried again, how often, how long.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::ErrorKind;
use crate::memory::{Action, MemoryStore, Moment, Point};

const POLICY: RetryPolicy = RetryPolicy {
    tries: 4,
    base_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(3),
    total: Duration::from_secs(60),
};

/// A store whose first `faults` calls fail with `kind`, before or after their effect.
fn failing(faults: u32, kind: ErrorKind, when: Moment) -> Retrying<MemoryStore> {
    let store = MemoryStore::new();
    let left = AtomicU32::new(faults);
    store.set_faults(move |point: Point<'_>| {
        let is_due = point.moment == when && left.load(Ordering::Relaxed) > 0;
        if is_due {
            left.fetch_sub(1, Ordering::Relaxed);
            return Action::Fail(kind);
        }
        Action::Go
    });
    Retrying::new(store, POLICY, 1)
}

#[test]
fn the_generator_is_splitmix64() {
    // First outputs for seed 1234567 as published with the algorithm's reference implementation.
    let jitter = Jitter::new(1_234_567);
    let numbers: Vec<u64> = (0..3).map(|_| jitter.next()).collect();
    assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

#[test]
fn waits_stay_below_a_ceiling_that_doubles_up_to_its_limit() {
    let policy = RetryPolicy::default();
    let ceilings: Vec<u128> = (1..=9).map(|tried| policy.ceiling(tried).as_millis()).collect();
    assert_eq!(ceilings, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    assert_eq!(policy.ceiling(200), policy.longest_wait);
    let jitter = Jitter::new(7);
    let waits: Vec<Duration> = (0..1000).map(|_| jitter.wait(Duration::from_millis(100))).collect();
    assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(100)));
    assert!(waits.iter().any(|wait| *wait < Duration::from_millis(10)));
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(90)));
    assert_eq!(jitter.wait(Duration::ZERO), Duration::ZERO);
}

#[tokio::test]
async fn what_passes_is_tried_again_until_it_works() {
    for kind in [ErrorKind::Conflict, ErrorKind::Unavailable, ErrorKind::Timeout] {
        let store = failing(3, kind, Moment::Before);
        let put = store.put_if_absent("a", Bytes::from_static(b"1")).await.unwrap();
        assert!(matches!(put, Put::Created { .. }), "{kind:?}");
        assert_eq!(store.get("a").await.unwrap().bytes, "1");
    }
}

#[tokio::test]
async fn a_put_whose_answer_got_lost_is_found_to_exist() {
    let store = failing(1, ErrorKind::Timeout, Moment::After);
    assert_eq!(store.put_if_absent("a", Bytes::from_static(b"1")).await.unwrap(), Put::Exists);
    assert_eq!(store.get("a").await.unwrap().bytes, "1");
}

#[tokio::test]
async fn tries_are_bounded_and_the_last_error_is_handed_on() {
    let store = failing(4, ErrorKind::Unavailable, Moment::Before);
    let error = store.head("a").await.unwrap_err();
    assert_eq!((error.kind, error.operation), (ErrorKind::Unavailable, "head"));
    assert_eq!(store.inner().points(), 4);
    assert_eq!(store.head("a").await.unwrap(), None);
}

#[test]
fn time_is_bounded() {
    let policy = RetryPolicy { tries: u32::MAX, total: Duration::from_secs(20), ..RetryPolicy::default() };
    let (jitter, mut elapsed, mut tried) = (Jitter::new(3), Duration::ZERO, 0);
    loop {
        tried += 1;
        // A try takes no time, a wait all of it.
        let Some(wait) = policy.wait(tried, elapsed, &jitter) else { break };
        elapsed += wait;
    }
    assert!(elapsed <= Duration::from_secs(20), "{elapsed:?}");
    // It gives up only when the next wait, of 5 s at most, would pass the bound.
    assert!(elapsed > Duration::from_secs(15), "{elapsed:?}");
    assert_eq!(policy.wait(1, Duration::from_secs(21), &jitter), None);
    assert_eq!(RetryPolicy::none().wait(1, Duration::ZERO, &jitter), None);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for kind in [ErrorKind::NotFound, ErrorKind::Denied, ErrorKind::Invalid] {
        let store = failing(1, kind, Moment::Before);
        assert_eq!(store.get("a").await.unwrap_err().kind, kind);
        assert_eq!(store.inner().points(), 1);
    }
}

#[tokio::test]
async fn an_uploads_conflict_at_its_end_is_left_to_the_caller() {
    let store = Retrying::new(MemoryStore::new(), POLICY, 1);
    store.inner().set_faults(|point: Point<'_>| match point.operation {
        "upload.finish" => Action::Fail(ErrorKind::Conflict),
        _ => Action::Go,
    });
    let mut upload = store.upload("a").await.unwrap();
    upload.write(Bytes::from_static(b"1")).await.unwrap();
    let points = store.inner().points();
    assert_eq!(upload.finish().await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(store.inner().points(), points + 1);
}

#[tokio::test]
async fn every_call_is_tried_again() {
    let store = failing(1, ErrorKind::Unavailable, Moment::Before);
    store.put_if_absent("a/b", Bytes::from_static(b"12")).await.unwrap();
    let fail_once = || {
        let failed = AtomicU32::new(0);
        store.inner().set_faults(move |_: Point<'_>| match failed.fetch_add(1, Ordering::Relaxed) {
            0 => Action::Fail(ErrorKind::Unavailable),
            _ => Action::Go,
        });
    };
    fail_once();
    assert_eq!(store.get_range("a/b", 1..2).await.unwrap(), "2");
    fail_once();
    assert_eq!(store.get_suffix("a/b", 1).await.unwrap().bytes, "2");
    fail_once();
    assert_eq!(store.list_page("", None, 1).await.unwrap().len(), 1);
    fail_once();
    assert_eq!(store.list_prefixes("").await.unwrap(), ["a/"]);
    fail_once();
    store.tag("a/b", "sealed", "true").await.unwrap();
    fail_once();
    assert!(store.head("a/b").await.unwrap().is_some());
}
