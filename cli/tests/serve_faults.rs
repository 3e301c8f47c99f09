//! The server under faults: nobody reads its log, clients that stand still, a folder that goes, signals; and what it costs in memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a failed test should say so at once")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Server, agent, auditlake, event, get, post, run, wait_for};
use serde_json::Value;

/// A server whose standard error is piped, with its first line of standard output.
fn spawn(data: &Path, arguments: &[&str]) -> (Child, Value) {
    let mut command = auditlake();
    command.arg("serve").arg("--data").arg(data).args(["--listen", "127.0.0.1:0", "--ready-json"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {:?}", child.wait()));
    (child, ready)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The exit code, if the process ends in time.
fn ended(child: &mut Child, within: Duration) -> Option<i32> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    None
}

fn connect(api: &str) -> TcpStream {
    let stream = TcpStream::connect(api.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

#[test]
fn memory_does_not_follow_the_number_of_landing_objects_that_are_read() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let memory = || server.get("/v1/status").1["server"]["memory_bytes"].as_u64().unwrap() / 1_000_000;
    let read = || {
        let (status, counts) = server.get("/v1/stats?organization=acme&group_by=action");
        assert_eq!(status, 200, "{counts}");
        counts["counts"][0]["count"].as_u64().unwrap()
    };
    let mut posted: u64 = 0;
    let mut post_and_read = |events: u32| {
        for _ in 0..events {
            posted += 1;
            assert_eq!(server.post(&event(&format!("e{posted}"))).0, 202);
            if posted.is_multiple_of(50) {
                assert_eq!(read(), posted);
            }
        }
    };
    // Each object that was read used to cost 80 kB or more: 40 MB between these two, and more than the bound before that.
    post_and_read(600);
    let before = memory();
    post_and_read(500);
    let after = memory();
    assert!(after < 150 && after.saturating_sub(before) < 25, "{before} MB, then {after} MB");
    let status = server.get("/v1/status").1;
    for cache in status["server"]["caches"].as_array().unwrap() {
        assert!(cache["bytes"].as_u64() <= cache["budget_bytes"].as_u64(), "{cache}");
    }
    for task in status["server"]["tasks"].as_array().unwrap() {
        assert_eq!((&task["state"], &task["failures"]), (&"running".into(), &0.into()), "{task}");
    }
}

#[test]
fn a_log_that_nobody_reads_ends_neither_posting_nor_sealing() {
    let data = tempfile::tempdir().unwrap();
    let mut command = auditlake();
    command.arg("serve").arg("--data").arg(data.path()).args(["--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0"]);
    command.args(["--seal-period", "10s", "--slack", "1s", "--ready-json"]).env("AUDITLAKE_LOG", "info");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    // From now on each line of the log meets a broken pipe.
    drop(child.stderr.take());
    let (agent, api) = (agent(), ready["api"].as_str().unwrap().to_owned());
    let status = || get(&agent, &api, "/v1/status").unwrap().1;
    let before = status()["sealed_until"].as_str().unwrap().to_owned();
    assert_eq!(post(&agent, &api, &event("first")).unwrap().0, 202);
    wait_for("a period is sealed", 60, || (status()["sealed_until"].as_str().unwrap() > before.as_str()).then_some(()));
    assert_eq!(post(&agent, &api, &event("second")).unwrap().0, 202);
    let tasks = status()["server"]["tasks"].clone();
    assert!(tasks.as_array().unwrap().iter().all(|task| task["restarts"] == 0 && task["state"] == "running"), "{tasks}");
    signal(&child, "TERM");
    assert_eq!(ended(&mut child, Duration::from_secs(20)), Some(0));
}

#[test]
fn a_client_that_ends_its_side_after_the_request_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut stream = connect(&server.api);
    let body = event("half-closed").to_string();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(answer.to_ascii_lowercase().matches("\r\ndate: ").count(), 1, "{answer}");
}

#[test]
fn stopping_is_quick_whatever_clients_do_and_asking_again_ends_at_once() {
    let data = tempfile::tempdir().unwrap();
    let unfinished = |api: &str| {
        let mut stream = connect(api);
        stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{").unwrap();
        // The server does not show that it has begun to read, and a request it has not begun is simply not served.
        std::thread::sleep(Duration::from_millis(300));
        stream
    };
    for name in ["INT", "TERM", "HUP"] {
        let (mut child, ready) = spawn(data.path(), &["--s3-listen", "127.0.0.1:0"]);
        let _stream = unfinished(ready["api"].as_str().unwrap());
        signal(&child, name);
        assert_eq!(ended(&mut child, Duration::from_secs(9)), Some(0), "{name}");
    }
    let (mut child, ready) = spawn(data.path(), &["--s3-listen", "127.0.0.1:0"]);
    let _stream = unfinished(ready["api"].as_str().unwrap());
    let began = Instant::now();
    signal(&child, "INT");
    // Two signals at the same moment would be delivered as one.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_eq!(ended(&mut child, Duration::from_secs(2)), Some(1), "after {:?}", began.elapsed());
}

#[test]
fn a_folder_that_is_gone_is_said_and_not_answered_as_empty() {
    let parent = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (parent.path().join("lake"), parent.path().join("elsewhere"));
    let server = Server::start(&data, &[]);
    assert_eq!(server.post(&event("kept")).0, 202);
    std::fs::rename(&data, &elsewhere).unwrap();
    for path in ["/v1/events?organization=acme&from=2026-01-01&to=2026-01-02", "/v1/stats?organization=acme", "/v1/status"] {
        let (status, answer) = server.get(path);
        assert_eq!(status, 503, "{path}: {answer}");
    }
    assert_eq!(server.post(&event("refused")).0, 503);
    std::fs::rename(&elsewhere, &data).unwrap();
    let events = server.all_events("acme");
    assert_eq!(events.len(), 1, "{events:?}");
}

#[test]
fn the_storage_has_keys_of_its_own_and_is_closed_where_tokens_guard_the_api() {
    let data = tempfile::tempdir().unwrap();
    let keys_of = |data: &Path| run(["status", "--storage-keys", "--data", data.to_str().unwrap()]);
    let none = keys_of(data.path());
    assert!(none.code == Some(1) && none.stderr.contains("auditlake serve"), "{none:?}");
    let issuer = ["--oidc-issuer", "https://id.example", "--oidc-audience", "lake"];
    let (mut child, ready) = spawn(data.path(), &issuer);
    assert_eq!(ready["s3"], Value::Null);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(keys_of(data.path()).code, Some(1));
    let (mut child, ready) = spawn(data.path(), &[&issuer[..], &["--s3-listen", "127.0.0.1:0"]].concat());
    assert!(ready["s3"].is_string());
    child.kill().unwrap();
    child.wait().unwrap();
    let keys = keys_of(data.path());
    let lines: Vec<&str> = keys.stdout.lines().collect();
    assert!(lines[0].starts_with("AWS_ACCESS_KEY_ID=") && lines[1].starts_with("AWS_SECRET_ACCESS_KEY="), "{keys:?}");
    assert!(!lines[1].ends_with("=auditlake"), "{keys:?}");
}

#[test]
fn a_value_that_cannot_be_is_a_wrong_command_line() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for (arguments, hint) in [
        (&["--outcome", "deny"][..], "did you mean denied?"),
        (&["--category", "role_managment"], "did you mean role_management?"),
        (&["--columns", "actr"], "columns are named"),
        (&["--where", "nothing"], "NAME=VALUE"),
    ] {
        let data = data.path().to_str().unwrap();
        let asked = run(["query", "--organization", "acme", "--data", data].into_iter().chain(arguments.iter().copied()));
        assert_eq!(asked.code, Some(2), "{asked:?}");
        assert!(asked.stderr.contains(hint), "{asked:?}");
    }
    drop(server);
}
