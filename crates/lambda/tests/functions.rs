//! The functions' handlers on a store in memory: what comes in by one trigger comes out by another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test should say so at once")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use auditlake_event::{Region, Timestamp};
use auditlake_lake::clock::Clock;
use auditlake_lake::period::SealRule;
use auditlake_lake::seal::ShardWorkers;
use auditlake_lake::{Codec, Period, SealTime, layout};
use auditlake_lambda::clients::LakeAccess;
use auditlake_lambda::compact::{CompactFunction, LiveView};
use auditlake_lambda::environment::{Environment, LakeSettings};
use auditlake_lambda::import::{Buckets, ImportFunction};
use auditlake_lambda::ingest::{BatchQueue, IngestFunction};
use auditlake_lambda::land::LandFunction;
use auditlake_lambda::queue::{pack, unpack};
use auditlake_lambda::runtime::Invocation;
use auditlake_lambda::telemetry::Metrics;
use auditlake_store::memory::{Action, MemoryStore, Point};
use auditlake_store::{ErrorKind, SharedStore, Store};
use serde_json::{Value, json};

/// A clock that is set.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A queue that is looked into.
#[derive(Default)]
struct HeldQueue {
    messages: Mutex<Vec<String>>,
    is_down: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl BatchQueue for HeldQueue {
    async fn send(&self, message: String) -> Result<(), String> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err("the queue is down".to_owned());
        }
        self.messages.lock().unwrap().push(message);
        Ok(())
    }
}

struct World {
    store: MemoryStore,
    clock: Arc<SetClock>,
    access: Arc<LakeAccess>,
    queue: Arc<HeldQueue>,
    ingest: IngestFunction,
    land: LandFunction,
}

fn invocation() -> Invocation {
    Invocation { request_id: "r-1".to_owned(), deadline: Timestamp::from_millis(i64::MAX / 2) }
}

impl World {
    fn new() -> Self {
        let store = MemoryStore::new();
        // The API judges event times by the machine's clock; the lake's clock starts there too.
        let now = auditlake_lake::clock::SystemClock.now();
        let clock = Arc::new(SetClock(AtomicI64::new(now.millis())));
        let settings = LakeSettings {
            landing_bucket: "l".to_owned(),
            archive_bucket: "a".to_owned(),
            region: Region::parse("eu-west-1").unwrap(),
            period: Period::from_seconds(60).unwrap(),
            slack_ms: 1_000,
            codec: Codec::Snappy,
        };
        let access = Arc::new(LakeAccess::of_store(Arc::new(store.clone()), settings, Arc::clone(&clock) as _));
        let queue = Arc::new(HeldQueue::default());
        let environment = Environment::of_pairs(&[("AUDITLAKE_OPERATOR_PERMISSION", "ops")]);
        let ingest = IngestFunction::new(&environment, Arc::clone(&access), Arc::clone(&queue) as _).unwrap();
        Self { store, clock, land: LandFunction::new(Arc::clone(&access)), access, queue, ingest }
    }

    fn compact(&self, pairs: &[(&str, &str)], workers: Option<Arc<dyn ShardWorkers>>) -> CompactFunction {
        CompactFunction::new(&Environment::of_pairs(pairs), Arc::clone(&self.access), workers, None).unwrap()
    }

    async fn post(&self, tenant: &str, permissions: Value, body: &str) -> (u16, Value) {
        let event = json!({
            "version": "2.0", "rawPath": "/v1/events", "rawQueryString": "", "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST"}, "stage": "$default",
                "authorizer": {"jwt": {"claims": {"tenant": tenant, "permissions": permissions}}}},
            "body": body, "isBase64Encoded": false,
        });
        let (answer, _) =
            self.ingest.handle(serde_json::from_value(event).unwrap(), invocation(), Metrics::of("ingest")).await;
        let answer = answer.unwrap();
        (answer.status(), serde_json::from_slice(&answer.body()).unwrap())
    }

    async fn deliver(&self, messages: &[(&str, &str)]) -> Vec<String> {
        let records: Vec<Value> =
            messages.iter().map(|(id, body)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"})).collect();
        let event = serde_json::from_value(json!({"Records": records})).unwrap();
        let (response, _) = self.land.handle(event, invocation(), Metrics::of("land")).await;
        response.unwrap().batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.store.snapshot().into_keys().filter(|key| key.starts_with(prefix)).collect()
    }

    fn pass_minutes(&self, minutes: i64) {
        self.clock.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    fn event(&self, id: &str) -> String {
        json!({"event_id": id, "event_time": self.clock.now().to_string(), "action": "role_assign"}).to_string()
    }
}

const WRITE: &str = "[iam:tenant:iam:audit:write]";

#[tokio::test]
async fn a_post_goes_through_queue_landing_and_archive() {
    let world = World::new();
    let (status, answer) = world.post("acme", json!(WRITE), &world.event("e-1")).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)));
    let messages = world.queue.messages.lock().unwrap().clone();
    assert_eq!(messages.len(), 1);
    assert!(world.keys(layout::LANDING).is_empty(), "the queue has it, landing not yet");
    // Delivered twice, and one of the deliveries together with another message.
    assert_eq!(world.deliver(&[("m-1", &messages[0])]).await, [""; 0]);
    let (status, _) = world.post("acme", json!(WRITE), &world.event("e-2")).await;
    assert_eq!(status, 202);
    let second = world.queue.messages.lock().unwrap()[1].clone();
    assert_eq!(world.deliver(&[("m-1", &messages[0]), ("m-2", &second)]).await, [""; 0]);
    assert_eq!(world.keys(layout::LANDING).len(), 2, "one landing object an invocation");

    world.pass_minutes(3);
    let compact = world.compact(&[], None);
    let (preview, _) = compact.handle(json!({"dry_run": true}), invocation(), Metrics::of("compact")).await;
    let preview = preview.unwrap();
    assert!(world.keys(layout::SEALS).is_empty(), "a dry run writes nothing");
    let rows: u64 = preview["due"].as_array().unwrap().iter().map(|period| period["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 3);
    let (run, metrics) = compact.handle(json!({"tick": true}), invocation(), Metrics::of("compact")).await;
    let run = run.unwrap();
    assert_eq!((&run["rows_in"], &run["rows_out"], &run["duplicates"]), (&json!(3), &json!(2), &json!(1)));
    let document: Value = serde_json::from_str(&metrics.document(0, "r").unwrap()).unwrap();
    assert_eq!((&document["RowsSealed"], &document["SealFailures"]), (&json!(2), &json!(0)));
    assert!(document["SealLagSeconds"].as_u64().unwrap() < 60 && document["OldestUnsealedSeconds"] == 0);
    assert!(world.keys(layout::ARCHIVE).iter().all(|key| key.contains("organization=org-acme/")));
}

#[tokio::test]
async fn who_may_not_write_is_refused_and_only_the_refusal_is_queued() {
    let world = World::new();
    for (tenant, permissions, expected) in [
        ("acme", json!("[iam:tenant:iam:audit:read]"), 403),
        ("[acme globex]", json!(WRITE), 403),
        ("acme globex", json!(WRITE), 403),
        ("", json!(WRITE), 403),
    ] {
        assert_eq!(world.post(tenant, permissions, &world.event("e")).await.0, expected, "{tenant}");
    }
    let foreign = json!({"event_time": world.clock.now().to_string(), "action": "x", "organization": "globex"}).to_string();
    let (status, problem) = world.post("acme", json!(WRITE), &foreign).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("organization")));
    // The token that names its tenant is on record; the others belong to no log.
    let messages = world.queue.messages.lock().unwrap().clone();
    let queued: Vec<_> = messages.iter().flat_map(|message| unpack(message).unwrap()).collect();
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].action.as_ref(), queued[0].outcome.as_str()), ("permission_check", "denied"));
    assert_eq!(queued[0].organization, "acme");
}

#[tokio::test]
async fn a_batch_too_large_for_a_message_is_landed_at_once() {
    let world = World::new();
    let noise = |seed: u64| -> String {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..400)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                format!("{state:016x}")
            })
            .collect()
    };
    let time = world.clock.now().to_string();
    let events: Vec<Value> = (0..400)
        .map(|number| json!({"event_id": format!("e-{number}"), "event_time": time, "action": "x", "noise": noise(number)}))
        .collect();
    let (status, answer) = world.post("acme", json!(WRITE), &json!(events).to_string()).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(400)));
    assert!(world.queue.messages.lock().unwrap().is_empty());
    assert_eq!(world.keys(layout::LANDING).len(), 1);
}

#[tokio::test]
async fn nothing_is_acknowledged_that_the_queue_does_not_have() {
    let world = World::new();
    world.queue.is_down.store(true, Ordering::SeqCst);
    assert_eq!(world.post("acme", json!(WRITE), &world.event("e")).await.0, 503);
}

#[tokio::test]
async fn a_poison_message_is_quarantined_with_its_reason_and_blocks_nothing() {
    let world = World::new();
    world.post("acme", json!(WRITE), &world.event("e-1")).await;
    let good = world.queue.messages.lock().unwrap()[0].clone();
    for _ in 0..2 {
        assert_eq!(world.deliver(&[("bad", "{\"format\":1,\"oops"), ("good", &good)]).await, [""; 0]);
    }
    let quarantined = world.keys("quarantine/queue=ingest/");
    assert_eq!(quarantined.len(), 1, "the same message is the same object");
    let kept: Value = serde_json::from_slice(&world.store.snapshot()[&quarantined[0]]).unwrap();
    assert_eq!((&kept["message_id"], &kept["body"]), (&json!("bad"), &json!("{\"format\":1,\"oops")));
    assert!(kept["reason"].as_str().unwrap().contains("not a message"));
    assert_eq!(world.keys(layout::LANDING).len(), 2);
    // What a newer version wrote waits for the upgrade.
    assert_eq!(world.deliver(&[("new", "{\"format\":2}"), ("good", &good)]).await, ["new"]);
}

#[tokio::test]
async fn a_message_no_door_let_in_is_quarantined() {
    let world = World::new();
    world.post("acme", json!(WRITE), &world.event("e-1")).await;
    let good = world.queue.messages.lock().unwrap()[0].clone();
    let mut events = unpack(&good).unwrap();
    for (event_time, fits) in [
        (events[0].received_time.plus_millis(300_000), true),
        (events[0].received_time.plus_millis(300_001), false),
        (Timestamp::parse("1999-12-31T23:59:59Z").unwrap(), false),
    ] {
        let before = (world.keys(layout::LANDING).len(), world.keys("quarantine/").len());
        events[0].event_time = event_time;
        let message = pack(&events).unwrap().unwrap();
        assert_eq!(world.deliver(&[("m", &message)]).await, [""; 0]);
        let after = (world.keys(layout::LANDING).len(), world.keys("quarantine/").len());
        assert_eq!(after, (before.0 + usize::from(fits), before.1 + usize::from(!fits)), "{event_time}");
    }
}

#[tokio::test]
async fn a_lake_that_cannot_be_reached_is_an_answer_and_the_next_request_tries_again() {
    let world = World::new();
    world.store.set_faults(
        |point: Point<'_>| {
            if point.key == layout::LAKE_FILE { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
        },
    );
    let (status, problem) = world.post("acme", json!(WRITE), &world.event("e-1")).await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("send the same request again"), "{problem}");
    world.store.clear_faults();
    assert_eq!(world.post("acme", json!(WRITE), &world.event("e-1")).await.0, 202);
}

#[tokio::test]
async fn messages_come_again_if_landing_or_quarantine_fails() {
    let world = World::new();
    world.post("acme", json!(WRITE), &world.event("e-1")).await;
    let good = world.queue.messages.lock().unwrap()[0].clone();
    world.store.set_faults(|point: Point<'_>| {
        let fails = point.operation == "put" && (point.key.starts_with("landing/") || point.key.starts_with("quarantine/"));
        if fails { Action::Fail(ErrorKind::Unavailable) } else { Action::Go }
    });
    assert_eq!(world.deliver(&[("bad", "x"), ("a", &good), ("b", &good)]).await, ["bad", "a", "b"]);
    world.store.clear_faults();
    assert_eq!(world.deliver(&[("bad", "x"), ("a", &good), ("b", &good)]).await, [""; 0]);
}

/// Remembers what it was bound to.
#[derive(Default)]
struct BoundView(Mutex<Vec<SealTime>>);

#[async_trait]
impl LiveView for BoundView {
    async fn bind(&self, sealed_until: SealTime, _: &SealRule) -> Result<(), String> {
        self.0.lock().unwrap().push(sealed_until);
        Ok(())
    }
}

#[tokio::test]
async fn the_view_is_bound_at_the_first_tick_and_after_each_seal() {
    let world = World::new();
    let view = Arc::new(BoundView::default());
    let environment = Environment::of_pairs(&[]);
    let compact = CompactFunction::new(&environment, Arc::clone(&world.access), None, Some(Arc::clone(&view) as _)).unwrap();
    let mut expected = Vec::new();
    for minutes in [0, 0, 3, 0] {
        world.pass_minutes(minutes);
        let run = compact.handle(json!({}), invocation(), Metrics::of("compact")).await.0.unwrap();
        let sealed_until: SealTime = serde_json::from_value(run["sealed_until"].clone()).unwrap();
        if expected.last() != Some(&sealed_until) {
            expected.push(sealed_until);
        }
    }
    assert_eq!(*view.0.lock().unwrap(), expected);
    assert_eq!(expected.len(), 2);
}

/// Remembers the shards it was asked for, as messages.
#[derive(Default)]
struct Asked(Mutex<Vec<Value>>);

#[async_trait]
impl ShardWorkers for Asked {
    async fn request(&self, seal_time: SealTime, shards: &[usize]) -> Result<(), String> {
        let message = |shard: &usize| json!({"messageId": format!("s-{shard}"), "eventSource": "aws:sqs", "body": json!({"seal_time": seal_time, "shard": shard}).to_string()});
        self.0.lock().unwrap().extend(shards.iter().map(message));
        Ok(())
    }
}

#[tokio::test]
async fn a_large_period_fans_out_over_the_queue_and_ends_at_a_later_tick() {
    let world = World::new();
    for organization in 0..4 {
        let time = world.clock.now().to_string();
        let events: Vec<Value> = (0..2_000)
            .map(|number| json!({"event_time": time, "action": "x", "event_id": format!("e-{number}"), "k": "v".repeat(number % 50)}))
            .collect();
        for _ in 0..2 {
            world.post(&format!("org{organization}"), json!(WRITE), &json!(events).to_string()).await;
        }
    }
    let messages = world.queue.messages.lock().unwrap().clone();
    for message in &messages {
        assert_eq!(world.deliver(&[("m", message)]).await, [""; 0]);
    }
    world.pass_minutes(3);
    let asked = Arc::new(Asked::default());
    // The smallest shard there is.
    let compact = world.compact(&[("AUDITLAKE_SHARD_MB", "1"), ("AUDITLAKE_OBJECT_MB", "1")], Some(Arc::clone(&asked) as _));
    let tick = || compact.handle(json!({}), invocation(), Metrics::of("compact"));
    let mut rows_out = 0;
    for _ in 0..20 {
        let run = tick().await.0.unwrap();
        rows_out += run["rows_out"].as_u64().unwrap();
        let shards = std::mem::take(&mut *asked.0.lock().unwrap());
        if run["more_due"] == false {
            break;
        }
        let (response, _) = compact.handle(json!({"Records": shards}), invocation(), Metrics::of("compact")).await;
        assert_eq!(response.unwrap()["batchItemFailures"], json!([]));
    }
    assert_eq!(rows_out, 8_000);
}

#[tokio::test]
async fn a_seal_that_is_held_up_says_by_what_in_its_metrics() {
    let world = World::new();
    world.pass_minutes(3);
    let compact = world.compact(&[], None);
    let tick = || compact.handle(json!({}), invocation(), Metrics::of("compact"));
    let run = tick().await.0.unwrap();
    let due = Timestamp::parse(run["sealed_until"].as_str().unwrap()).unwrap();
    let key = layout::plan_key(SealTime::from_start(due));
    world.store.overwrite(&key, "garbage");
    world.pass_minutes(3);
    let (run, metrics) = tick().await;
    assert!(run.unwrap_err().to_string().contains(&key));
    let document: Value = serde_json::from_str(&metrics.document(0, "r").unwrap()).unwrap();
    assert_eq!((&document["SealHeldUp"], &document["held_up_by"]), (&json!(1), &json!(key)));
    // The end of the period, its slack, and the second before it is closed.
    assert_eq!(document["held_up_since"], due.plus_millis(60_000 + 1_000 + 1_000).to_string());
    assert!(world.store.expire(&key));
    let (run, metrics) = tick().await;
    assert!(run.unwrap()["periods"].as_u64() > Some(0));
    let document: Value = serde_json::from_str(&metrics.document(0, "r").unwrap()).unwrap();
    assert_eq!((&document["SealHeldUp"], &document["held_up_by"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn an_hour_by_hand_and_its_bad_spelling() {
    let world = World::new();
    world.post("acme", json!(WRITE), &world.event("e-1")).await;
    world.pass_minutes(3);
    let compact = world.compact(&[], None);
    let earlier = world.clock.now().plus_millis(-48 * 3_600_000).to_string();
    let (run, _) = compact.handle(json!({"hour": earlier}), invocation(), Metrics::of("compact")).await;
    assert_eq!(run.unwrap()["periods"], 0, "that hour is before the lake");
    let (run, _) = compact.handle(json!({"hour": "yesterday"}), invocation(), Metrics::of("compact")).await;
    assert!(run.unwrap_err().to_string().contains("hour must be a time"));
    let mut late = invocation();
    late.deadline = world.clock.now();
    let (run, _) = compact.handle(json!({}), late, Metrics::of("compact")).await;
    assert_eq!(run.unwrap()["more_due"], true, "nothing is begun inside the deadline's margin");
}

/// One bucket of another system.
struct Logs(MemoryStore);

impl Buckets for Logs {
    fn bucket(&self, name: &str) -> SharedStore {
        assert_eq!(name, "logs");
        Arc::new(self.0.clone())
    }
}

fn notification(key: &str) -> Value {
    json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "logs"}, "object": {"key": key}}}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notified_object_is_imported_once_however_often_it_is_told() {
    let world = World::new();
    let logs = MemoryStore::new();
    let trail = json!({"Records": [{"eventVersion": "1.08", "eventTime": "2026-03-01T11:42:36Z", "eventName": "GetObject",
        "eventID": "a-1", "awsRegion": "eu-west-1"}, {"eventTime": "nonsense"}]});
    logs.put_if_absent("AWSLogs/a b/ä.json", trail.to_string().into()).await.unwrap();
    logs.put_if_absent("AWSLogs/picture.png", bytes::Bytes::from_static(b"\x89PNG....")).await.unwrap();
    let rules = r#"[{"bucket":"logs","prefix":"AWSLogs/","organization":"acme"}]"#;
    let environment = Environment::of_pairs(&[("AUDITLAKE_IMPORT_RULES", rules)]);
    let import = ImportFunction::new(&environment, Arc::clone(&world.access), Arc::new(Logs(logs))).unwrap();
    let handle = |event: Value| import.handle(event, invocation(), Metrics::of("import"));

    let message = |id: &str, body: &Value| json!({"messageId": id, "eventSource": "aws:sqs", "body": body.to_string()});
    let trail_told = notification("AWSLogs/a+b/%C3%A4.json");
    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"});
    let batch = json!({"Records": [
        message("1", &trail_told), message("2", &test_event), message("3", &notification("other/x")),
        message("4", &notification("AWSLogs/picture.png")), message("5", &json!("rubbish")), message("6", &trail_told),
    ]});
    let (answer, metrics) = handle(batch).await;
    assert_eq!(serde_json::to_value(answer.unwrap()).unwrap(), json!({"batchItemFailures": []}));
    let document: Value = serde_json::from_str(&metrics.document(0, "r").unwrap()).unwrap();
    assert_eq!(
        (&document["ObjectsImported"], &document["RecordsImported"], &document["ObjectsLeftOut"]),
        (&json!(3), &json!(2), &json!(1))
    );
    let (direct, _) = handle(trail_told).await;
    assert_eq!(serde_json::to_value(direct.unwrap()).unwrap(), json!({"objects": 1}));
    assert_eq!(world.keys("quarantine/queue=import/").len(), 1, "what is no notification");
    assert_eq!(world.keys("quarantine/source=unknown/").len(), 1, "what no source knows");
    assert_eq!(world.keys("quarantine/source=aws.cloudtrail/").len(), 1, "the bad record");

    world.pass_minutes(3);
    let (run, _) = world.compact(&[], None).handle(json!({}), invocation(), Metrics::of("compact")).await;
    let run = run.unwrap();
    assert_eq!((&run["rows_in"], &run["rows_out"]), (&json!(3), &json!(1)), "three times told, once there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_had_now_comes_again_and_one_that_is_gone_is_set_aside() {
    let world = World::new();
    let logs = MemoryStore::new();
    logs.put_if_absent("there.json", json!({"Records": []}).to_string().into()).await.unwrap();
    let environment = Environment::of_pairs(&[(
        "AUDITLAKE_IMPORT_RULES",
        r#"[{"bucket":"logs","organization":"acme","source":"aws.cloudtrail"}]"#,
    )]);
    let import = ImportFunction::new(&environment, Arc::clone(&world.access), Arc::new(Logs(logs.clone()))).unwrap();
    logs.set_faults(|_: Point<'_>| Action::Fail(ErrorKind::Unavailable));
    let told = |key: &str| json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": notification(key).to_string()}]});
    let (answer, _) = import.handle(told("there.json"), invocation(), Metrics::of("import")).await;
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "m"}]});
    assert_eq!(serde_json::to_value(answer.unwrap()).unwrap(), failed);
    let (direct, _) = import.handle(notification("there.json"), invocation(), Metrics::of("import")).await;
    assert!(direct.is_err(), "Lambda tries again");
    logs.clear_faults();
    for key in ["there.json", "gone.json"] {
        let (answer, _) = import.handle(told(key), invocation(), Metrics::of("import")).await;
        assert_eq!(serde_json::to_value(answer.unwrap()).unwrap(), json!({"batchItemFailures": []}), "{key}");
    }
    assert_eq!(world.keys("quarantine/queue=import/").len(), 1);
}
