//! `auditlake verify` on a lake that `serve` wrote: verdicts, findings and exit codes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a failed test should say so at once")]

mod common;

use std::path::{Path, PathBuf};

use common::{Finished, Server, event, files, run, wait_for};
use serde_json::Value;

fn verify(data: &Path, arguments: &[&str]) -> Finished {
    run(["verify", "--data", data.to_str().unwrap()].into_iter().chain(arguments.iter().copied()))
}

fn copied(from: &Path, to: &Path) -> PathBuf {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
    to.to_owned()
}

#[test]
fn a_lake_verifies_and_what_is_done_to_a_copy_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("lake");
    let none = verify(&data, &[]);
    assert_eq!(none.code, Some(4), "{none:?}");
    assert!(none.stderr.contains("no lake"), "{none:?}");
    let server = Server::start(&data, &["--seal-period", "10s", "--slack", "1s"]);
    for number in 0..5 {
        assert_eq!(server.post(&event(&format!("e-{number}"))).0, 202);
    }
    let archived = wait_for("the events are sealed", 60, || {
        let archived = files(&data.join("etl"), ".parquet");
        let is_sealed = !files(&data.join("digests"), ".json").is_empty();
        (!archived.is_empty() && is_sealed).then_some(archived)
    });
    // Verified while it runs.
    let report = wait_for("a record", 30, || {
        let report = verify(&data, &["-o", "json"]);
        (report.json()["events"] == 5).then_some(report)
    });
    server.terminate();
    assert_eq!((report.code, &report.json()["proven"]), (Some(3), &Value::from("as far as it goes")), "{report:?}");
    let newest = verify(&data, &["-o", "json"]).json()["newest_sha256"].as_str().unwrap().to_owned();
    let anchored = verify(&data, &["--known", &newest]);
    assert_eq!(anchored.code, Some(0), "{anchored:?}");
    assert!(anchored.stdout.contains("Nothing altered, missing or added"), "{anchored:?}");
    let quick = verify(&data, &["--quick"]);
    assert_eq!(quick.code, Some(3), "{quick:?}");
    let other = "0".repeat(64);
    let rewritten = verify(&data, &["--known", &other, "-o", "json"]);
    assert_eq!((rewritten.code, &rewritten.json()["findings"][0]["kind"]), (Some(1), &Value::from("known_record_absent")));
    for wrong in [&["--known", "abc"][..], &["--since", "yesterday"], &["--organization", "A B"]] {
        assert_eq!(verify(&data, wrong).code, Some(2), "{wrong:?}");
    }

    let copy = folder.path().join("moved");
    std::fs::create_dir(&copy).unwrap();
    copied(&data, &copy);
    assert_eq!(verify(&copy, &[]).code, Some(3));
    let victim = copy.join(archived[0].strip_prefix(&data).unwrap());
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[1_000] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let found = verify(&copy, &["-o", "json"]);
    assert_eq!((found.code, &found.json()["findings"][0]["kind"]), (Some(1), &Value::from("object_changed")), "{found:?}");
    std::fs::remove_file(&victim).unwrap();
    let found = verify(&copy, &[]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("object_missing") && found.stdout.contains("1 problem found"), "{found:?}");
}
