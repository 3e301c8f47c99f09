//! `auditlake serve` as a user meets it: the real binary, real sockets, a real directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop where something is not as expected")]

mod common;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Server, agent, auditlake, event, files, now, post, run, wait_for};
use serde_json::{Value, json};

const QUICK: &[&str] = &["--seal-period", "10s", "--slack", "1s"];

fn times_seen(events: &[Value]) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for event in events {
        *seen.entry(event["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    seen
}

#[test]
fn a_posted_event_is_answered_at_once_and_sealed_in_seconds() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), QUICK);
    let (status, answer) = server.post(&event("first"));
    assert_eq!(status, 202, "{answer}");
    let began = Instant::now();
    let link = answer["receipts"][0]["link"].as_str().unwrap();
    let (status, one) = server.get(link);
    assert_eq!((status, one["event_id"].as_str()), (200, Some("first")), "{one}");
    assert_eq!(server.all_events("acme").len(), 1);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(server.all_events("other").is_empty());
    assert_eq!(files(&data.path().join("landing"), ".parquet").len(), 1);

    let event_time = one["event_time"].as_str().unwrap().to_owned();
    wait_for("the event's period is sealed", 60, || {
        let (_, status) = server.get("/v1/status");
        (status["sealed_until"].as_str().unwrap() > event_time.as_str()).then_some(())
    });
    let sealed = files(&data.path().join("etl/v1/data/region=local/organization=org-acme"), "-snappy.parquet");
    assert_eq!(sealed.len(), 1, "{sealed:?}");
    assert!(!files(&data.path().join("digests/organization=org-acme"), ".json").is_empty());
    let events = server.all_events("acme");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["event_time"], event_time.as_str());
    let (_, page) = server.get(&format!("/v1/events?organization=acme&to={event_time}"));
    assert_eq!(page["complete"], true, "{page}");
    // The same post again is the same event, though it is sealed already.
    let mut again = event("first");
    again["event_time"] = json!(event_time);
    assert_eq!(server.post(&again).0, 202);
    assert_eq!(server.all_events("acme").len(), 1);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn kill_9_loses_nothing_acknowledged_and_doubles_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..3 {
        let server = Server::start(data.path(), QUICK);
        let (api, posted) = (server.api.clone(), AtomicUsize::new(0));
        let mut of_round = Vec::new();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..6)
                .map(|worker| {
                    let (api, posted) = (&api, &posted);
                    scope.spawn(move || {
                        let agent = agent();
                        let mut acknowledged = Vec::new();
                        for number in 0.. {
                            // Workers of several sizes, so that single posts, groups and large posts are under way.
                            let size = [1, 1, 1, 3, 40, 1_200][worker];
                            let ids: Vec<String> =
                                (0..size).map(|index| format!("r{round}-w{worker}-{number}-{index}")).collect();
                            let events: Vec<Value> = ids.iter().map(|id| event(id)).collect();
                            match post(&agent, api, &json!(events)) {
                                Ok((202, _)) => acknowledged.extend(ids),
                                Ok((status, answer)) => assert_eq!(status, 503, "{answer}"),
                                Err(_) => return acknowledged,
                            }
                            posted.fetch_add(size, Ordering::Relaxed);
                        }
                        acknowledged
                    })
                })
                .collect();
            wait_for("enough is posted", 60, || (posted.load(Ordering::Relaxed) > 3_000).then_some(()));
            server.kill();
            for worker in workers {
                of_round.extend(worker.join().unwrap());
            }
        });
        assert!(!of_round.is_empty());
        acknowledged.extend(of_round);
    }
    let server = Server::start(data.path(), QUICK);
    let seen = times_seen(&server.all_events("acme"));
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !seen.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {:?}", lost.len(), acknowledged.len(), lost.first());
    assert!(seen.values().all(|times| *times == 1), "some event is answered twice");
    // And once more when all of it is sealed.
    let last = now();
    wait_for("everything is sealed", 90, || {
        let (_, status) = server.get("/v1/status");
        (status["sealed_until"].as_str().unwrap() > last.as_str()).then_some(())
    });
    let sealed = times_seen(&server.all_events("acme"));
    assert_eq!(sealed.len(), seen.len());
    assert!(sealed == seen, "sealed events differ from those before the seal");
}

#[test]
fn sigterm_answers_what_is_in_flight_and_exits_with_0() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let (api, stopped) = (server.api.clone(), AtomicBool::new(false));
    let acknowledged: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (api, stopped) = (&api, &stopped);
                scope.spawn(move || {
                    let agent = agent();
                    for number in 0.. {
                        match post(&agent, api, &event(&format!("w{worker}-{number}"))) {
                            Ok((202, _)) => {}
                            // A connection that was idle when the server stopped; nothing is in flight on it.
                            Err(_) if stopped.load(Ordering::SeqCst) => return number,
                            other => panic!("{other:?}"),
                        }
                    }
                    0
                })
            })
            .collect();
        wait_for("posts are under way", 30, || (!files(&data.path().join("landing"), ".parquet").is_empty()).then_some(()));
        stopped.store(true, Ordering::SeqCst);
        assert_eq!(server.terminate(), Some(0));
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let server = Server::start(data.path(), &[]);
    assert!(server.all_events("acme").len() >= acknowledged);
}

#[test]
fn a_body_that_is_too_large_is_answered_413_though_it_is_still_being_sent() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = vec![b' '; 20_000_000];
    let request = agent().post(format!("{}/v1/events", server.api)).header("content-type", "application/json");
    let response = request.send(body.as_slice()).unwrap();
    assert_eq!(response.status().as_u16(), 413);
    assert_eq!(server.post(&event("after")).0, 202);
}

#[test]
fn pages_of_other_origins_and_rebound_names_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let status = |name: &str, value: &str| {
        agent().get(format!("{}/v1/status", server.api)).header(name, value).call().unwrap().status().as_u16()
    };
    assert_eq!(status("origin", "https://evil.example"), 403);
    assert_eq!(status("host", "evil.example"), 421);
    assert_eq!(status("origin", &server.api), 200);
}

#[test]
fn a_page_of_this_machine_may_read_answers_and_ask_what_it_may_send() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let origin = "http://localhost:5173";
    let read = agent().get(format!("{}/v1/status", server.api)).header("origin", origin).call().unwrap();
    assert_eq!(read.headers()["access-control-allow-origin"], origin);
    assert!(read.headers()["access-control-expose-headers"].to_str().unwrap().contains("link"));
    let preflight = agent().options(format!("{}/v1/events", server.api)).header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "POST").call().unwrap();
    assert_eq!(
        (preflight.status().as_u16(), &preflight.headers()["access-control-allow-origin"]),
        (204, &origin.parse().unwrap())
    );
    assert!(preflight.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert!(preflight.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let plain = agent().get(format!("{}/v1/status", server.api)).call().unwrap();
    assert!(plain.headers().get("access-control-allow-origin").is_none());
}

#[test]
fn the_console_is_served_with_its_settings() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--organization", "globex", "--contact", "security@globex.example"]);
    let (status, page) = server.get("/");
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().starts_with("<!doctype html>"), "{page}");
    let (status, settings) = server.get("/console.json");
    assert_eq!((status, &settings["mode"], &settings["oidc"]), (200, &json!("local"), &Value::Null));
    assert_eq!((&settings["organization"], &settings["contact"]), (&json!("globex"), &json!("security@globex.example")));
}

#[test]
fn an_issuer_that_cannot_be_trusted_or_has_no_audience_is_refused() {
    for (arguments, hint) in [
        (&["--oidc-issuer", "http://id.example", "--oidc-audience", "lake"][..], "http://id.example is no origin"),
        (&["--oidc-issuer", "https://id.example"], "--oidc-audience"),
        (&["--oidc-client-id", "console"], "--oidc-issuer"),
    ] {
        let ended = run(std::iter::once("serve").chain(arguments.iter().copied()));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(hint), "{ended:?}");
    }
}

#[test]
fn with_an_issuer_nobody_asks_without_a_token() {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--oidc-issuer", "https://id.example", "--oidc-audience", "lake", "--oidc-client-id", "console"];
    let server = Server::start(data.path(), &arguments);
    assert_eq!(server.get("/v1/events?organization=acme").0, 401);
    let (status, settings) = server.get("/console.json");
    let oidc =
        json!({"issuer": "https://id.example", "client_id": "console", "scope": "openid profile email", "audience": "lake"});
    assert_eq!((status, &settings["oidc"], &settings["must_name_organization"]), (200, &oidc, &json!(false)));
}

#[test]
fn a_port_in_use_names_the_flag() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--listen", "--s3-listen"), ("--s3-listen", "--listen")] {
        let data = data.path().to_str().unwrap();
        let ended = run(["serve", "--data", data, flag, &address, other, "127.0.0.1:0"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("another process uses the port") && ended.stderr.contains(flag), "{ended:?}");
    }
}

#[test]
fn a_lake_keeps_the_period_it_was_created_with_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--seal-period", "15m"]);
    assert_eq!(server.ready["seal_period_seconds"], 900);
    server.kill();
    let mut command = auditlake();
    command.args(["serve", "--seal-period", "10s", "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--ready-json"]);
    let mut child = command.arg("--data").arg(data.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut ready).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(ready.contains("\"seal_period_seconds\":900"), "{ready}");
    assert!(
        stderr.contains("--seal-period has no effect") && stderr.contains("15m") && stderr.contains("lake.json"),
        "{stderr}"
    );
}

#[test]
fn settings_come_from_the_environment_too() {
    let data = tempfile::tempdir().unwrap();
    let mut command = auditlake();
    command.arg("serve").env("AUDITLAKE_DATA", data.path()).env("AUDITLAKE_LISTEN", "127.0.0.1:0");
    command.env("AUDITLAKE_S3_LISTEN", "127.0.0.1:0").env("AUDITLAKE_READY_JSON", "true").env("AUDITLAKE_SEAL_PERIOD", "1m");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut ready).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.contains("\"seal_period_seconds\":60"), "{ready}");
}

#[test]
fn a_question_without_patience_is_answered_under_its_id() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.post(&event("first")).0, 202);
    // A scan of one event may be quicker than no wait at all.
    let left_running = |path: &str| {
        wait_for("a question that is left running", 20, || {
            let (status, answer) = server.get(path);
            (status == 202).then(|| answer["link"].as_str().unwrap().to_owned())
        })
    };
    let link = left_running("/v1/events?organization=acme&wait=0");
    let (status, page) = server.get(&link);
    assert_eq!((status, page["events"][0]["event_id"].as_str()), (200, Some("first")), "{page}");
    assert!(page["engine_ms"].is_u64() && page.get("billed_bytes").is_none(), "{page}");
    let link = left_running("/v1/stats?organization=acme&wait=0");
    assert_eq!(server.get(&format!("{link}?organization=other")).0, 404);
    assert_eq!(server.get(&link).1["counts"][0]["count"], 1);
    let url = format!("{}{link}", server.ready["api"].as_str().unwrap());
    assert_eq!(agent().delete(&url).call().unwrap().status(), 204);
}
