//! What is gone or in the way is said by its key, on a real server: by the API, the command and the log.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a failed test should say so at once")]

mod common;

use std::path::Path;
use std::time::Duration;

use auditlake_event::{Organization, Timestamp};
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_lake::layout::{self, ArchiveKey};
use auditlake_lake::{Period, SealTime};
use common::{Finished, Server, event, files, run, wait_for};
use serde_json::Value;

const TEN_SECONDS: [&str; 4] = ["--seal-period", "10s", "--slack", "1s"];

fn period() -> Period {
    Period::from_seconds(10).unwrap()
}

/// A period that begins soon.
fn coming() -> SealTime {
    period().next(period().next(period().start_of(SystemClock.now())))
}

fn put(data: &Path, key: &str, bytes: &[u8]) {
    let path = data.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn command(name: &str, data: &Path, arguments: &[&str]) -> Finished {
    run([name, "--data", data.to_str().unwrap()].into_iter().chain(arguments.iter().copied()))
}

fn status(server: &Server) -> Value {
    let (code, status) = server.get("/v1/status");
    assert_eq!(code, 200, "{status}");
    status
}

/// The seal stops at `key`, everybody says so, and it goes on once the object is set aside.
fn assert_held_up_by(server: &Server, data: &Path, key: &str) {
    let held_up = wait_for("the seal is held up", 60, || {
        let held_up = status(server)["held_up"].clone();
        held_up.is_object().then_some(held_up)
    });
    assert_eq!(held_up["key"], key, "{held_up}");
    assert!(held_up["help"].as_str().unwrap().contains(&format!("auditlake seal --set-aside '{key}'")), "{held_up}");
    let since = Timestamp::parse(held_up["since"].as_str().unwrap()).unwrap();
    assert!((0..120_000).contains(&(SystemClock.now().millis() - since.millis())), "{held_up}");
    assert_eq!(status(server)["server"]["tasks"][0]["state"], "failing");
    let told = command("status", data, &["--output", "json"]);
    assert_eq!((told.code, &told.json()["held_up"]["key"]), (Some(3), &Value::from(key)), "{told:?}");
    assert!(told.stderr.contains(key), "{told:?}");
    let table = command("status", data, &[]);
    assert!(table.stdout.contains(key) && table.stdout.contains("held up since"), "{table:?}");
    let stuck = status(server)["sealed_until"].clone();
    let set_aside = command("seal", data, &["--set-aside", key, "--reason", "a test put it there"]);
    assert_eq!(set_aside.code, Some(0), "{set_aside:?}");
    wait_for("the seal goes on", 90, || {
        let status = status(server);
        (status.get("held_up").is_none() && status["sealed_until"].as_str() > stuck.as_str()).then_some(())
    });
}

#[test]
fn garbage_under_the_key_of_a_plan() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &TEN_SECONDS);
    assert_eq!(server.post(&event("one")).0, 202);
    let key = layout::plan_key(coming());
    put(data.path(), &key, b"garbage");
    assert_held_up_by(&server, data.path(), &key);
    assert_eq!(server.all_events("acme").len(), 1);
}

#[test]
fn garbage_under_the_key_of_a_record() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &TEN_SECONDS);
    assert_eq!(server.post(&event("one")).0, 202);
    let key = layout::record_key(coming());
    put(data.path(), &key, b"garbage");
    assert_held_up_by(&server, data.path(), &key);
    assert_eq!(server.all_events("acme").len(), 1);
}

/// Posts an event in the period of `seal_time`, which begins soon: waits until the clock has reached it, since its time decides the period.
fn post_in(server: &Server, seal_time: SealTime, id: &str) {
    let until = seal_time.start().plus_millis(500).millis() - SystemClock.now().millis();
    std::thread::sleep(Duration::from_millis(u64::try_from(until).unwrap_or(0)));
    assert_eq!(server.post(&event(id)).0, 202);
}

#[test]
fn garbage_under_the_key_of_a_digest() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &TEN_SECONDS);
    let seal_time = coming();
    let key = layout::digest_key(&Organization::parse("acme").unwrap(), seal_time);
    put(data.path(), &key, b"garbage");
    post_in(&server, seal_time, "one");
    assert_held_up_by(&server, data.path(), &key);
    assert_eq!(server.all_events("acme").len(), 1);
}

#[test]
fn an_archive_object_of_another_seal_and_one_that_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &TEN_SECONDS);
    let archived = || files(&data.path().join("etl"), "-snappy.parquet");
    assert_eq!(server.post(&event("one")).0, 202);
    let first = wait_for("a period is sealed", 60, || archived().into_iter().next());

    let key = first.strip_prefix(data.path()).unwrap().to_str().unwrap().to_owned();
    let bytes = std::fs::read(&first).unwrap();
    let seal_time = coming();
    let mut elsewhere = ArchiveKey::parse(&key).unwrap();
    elsewhere.seal_time = seal_time;
    elsewhere.partition.hour = seal_time.start().hour();
    put(data.path(), &elsewhere.to_string(), &bytes);
    post_in(&server, seal_time, "two");
    let held_up = wait_for("the seal is held up", 60, || {
        let held_up = status(&server)["held_up"].clone();
        held_up.is_object().then_some(held_up)
    });
    assert_eq!(held_up["key"], elsewhere.to_string(), "{held_up}");
    let set_aside =
        command("seal", data.path(), &["--set-aside", &elsewhere.to_string(), "--reason", "a test put it there"]);
    assert_eq!(set_aside.code, Some(0), "{set_aside:?}");
    wait_for("the seal goes on", 90, || (archived().len() == 2 && status(&server).get("held_up").is_none()).then_some(()));
    wait_for("both are answered from the archive", 30, || {
        let sealed_until = Timestamp::parse(status(&server)["sealed_until"].as_str()?).ok()?;
        (sealed_until > seal_time.start()).then_some(())
    });
    assert_eq!(server.all_events("acme").len(), 2);
    // All of it is cached now.
    std::fs::remove_file(&first).unwrap();
    for path in ["/v1/events?organization=acme&limit=10", "/v1/stats?organization=acme"] {
        let (code, problem) = server.get(path);
        assert_eq!(code, 503, "{path}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&key) && detail.contains("runbook"), "{problem}");
    }
    let asked = command("query", data.path(), &["--organization", "acme"]);
    assert!(asked.code != Some(0) && asked.stderr.contains(&key), "{asked:?}");
    // Put back, it is answered; removed by a rule that is stated, it is not missed.
    std::fs::write(&first, &bytes).unwrap();
    assert_eq!(server.all_events("acme").len(), 2);
}
