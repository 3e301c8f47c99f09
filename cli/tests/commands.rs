//! The single commands: what they print, how they end, and that they may run beside a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop where something is not as expected")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use common::{Finished, Server, auditlake, event, files, run, trail_record, wait_for};
use serde_json::{Value, json};

fn on(data: &Path, arguments: &[&str]) -> Finished {
    let (verb, rest) = arguments.split_first().unwrap();
    let data = data.to_str().unwrap();
    run([*verb, "--data", data].iter().chain(rest))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

/// A folder with a gzip trail of 150 records, of which every tenth was denied, and an NDJSON one of 2.
fn trails(folder: &Path) {
    let records: Vec<Value> =
        (0..150).map(|id| trail_record(id, "GetObject", (id % 10 == 0).then_some("AccessDenied"))).collect();
    std::fs::create_dir_all(folder.join("deep/er")).unwrap();
    std::fs::write(folder.join("deep/er/trail.json.gz"), gzip(json!({"Records": records}).to_string().as_bytes())).unwrap();
    let lines = format!("{}\n{}\n", trail_record(200, "AssumeRole", None), trail_record(201, "PutObject", None));
    std::fs::write(folder.join("trail.ndjson"), lines).unwrap();
}

#[test]
fn importing_twice_yields_each_event_once() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trails(logs.path());
    let logs = logs.path().to_str().unwrap();
    let dry = on(data.path(), &["import", logs, "--organization", "acme", "--dry-run", "--output", "json"]);
    assert_eq!((dry.code, dry.json()["sources"]["aws.cloudtrail"]["events"].as_u64()), (Some(0), Some(152)), "{dry:?}");
    assert!(!data.path().join("lake.json").exists(), "a dry run writes nothing");
    for _ in 0..2 {
        let imported = on(data.path(), &["import", logs, "--organization", "acme", "--output", "json"]);
        assert_eq!(imported.code, Some(0), "{imported:?}");
        let of_source = &imported.json()["sources"]["aws.cloudtrail"];
        assert_eq!((of_source["files"].as_u64(), of_source["read"].as_u64()), (Some(2), Some(152)), "{imported:?}");
        assert_eq!(of_source["quarantined"], 0);
    }
    let all = on(data.path(), &["query", "--organization", "acme", "--all", "--output", "ndjson"]);
    let ids: std::collections::BTreeSet<String> = all
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((all.stdout.lines().count(), ids.len()), (152, 152));
    let denied = on(data.path(), &["query", "--organization", "acme", "--outcome", "denied", "--output", "json"]).json();
    assert_eq!(denied["events"].as_array().unwrap().len(), 15);
    let by_key =
        on(data.path(), &["query", "--organization", "acme", "--credential", "AKIAEXAMPLE", "--all", "--output", "csv"]);
    assert_eq!(by_key.stdout.lines().count(), 153, "{by_key:?}");
}

#[test]
fn objects_of_every_source_imported_twice_and_in_halves_are_each_event_once() {
    let (data, halves) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/sources/tests/fixtures");
    // Lines are records in these two: the first half of one, and the whole of it later.
    for name in ["shapes/workos.ndjson", "s3access/batch_deletion.log"] {
        let whole = std::fs::read_to_string(format!("{fixtures}/{name}")).unwrap();
        let first = whole.lines().next().unwrap();
        std::fs::write(halves.path().join(name.replace('/', "-")), format!("{first}\n")).unwrap();
    }
    let import = |path: &str| on(data.path(), &["import", path, "--organization", "acme", "--output", "json"]).json();
    import(halves.path().to_str().unwrap());
    let first = import(fixtures);
    let again = import(fixtures);
    let sources = first["sources"].as_object().unwrap();
    let known: Vec<&str> = auditlake_sources::SOURCES.iter().map(|source| source.name()).collect();
    for name in &known {
        assert!(sources.get(*name).is_some_and(|of_source| of_source["events"].as_u64() > Some(0)), "{name}: {first}");
        assert_eq!(sources[*name]["events"], again["sources"][*name]["events"], "{name}");
    }
    // One record is one event for one source. Fixtures hold a few records twice: what counts is that more imports add none.
    let query = ["query", "--organization", "acme", "--all", "--output", "ndjson"];
    let found = on(data.path(), &query).stdout;
    let names: std::collections::BTreeSet<(String, String, String)> = found
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| ["event_time", "event_id", "source"].map(|name| event[name].as_str().unwrap().to_owned()).into())
        .collect();
    assert_eq!(names.len(), found.lines().count(), "no event is there twice");
    let by_source: std::collections::BTreeSet<&str> = names.iter().map(|(_, _, source)| source.as_str()).collect();
    assert_eq!(by_source, known.into_iter().collect());
    assert_eq!(on(data.path(), &["seal"]).code, Some(0));
    assert_eq!(on(data.path(), &query).stdout.lines().count(), names.len(), "sealing changes none");
}

#[test]
fn archives_are_looked_into_and_their_records_are_the_same_events() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/sources/tests/archive_files");
    let fixture = |name: &str| std::fs::read(format!("{fixtures}/{name}")).unwrap();
    std::fs::create_dir(logs.path().join("months")).unwrap();
    // One record in all, another in the first.
    std::fs::write(logs.path().join("months/trail.tar.gz"), gzip(&fixture("gnu-long-name.tar"))).unwrap();
    std::fs::write(logs.path().join("trail.zip"), fixture("info-zip.zip")).unwrap();
    std::fs::write(logs.path().join("odd.zip"), fixture("bzip2.zip")).unwrap();
    std::fs::write(logs.path().join("secret.zip"), fixture("encrypted.zip")).unwrap();
    let folder = logs.path().to_str().unwrap();
    let file = logs.path().join("months/trail.tar.gz");
    let one = on(data.path(), &["import", file.to_str().unwrap(), "--organization", "acme", "--output", "json"]);
    assert_eq!((one.code, one.json()["sources"]["aws.cloudtrail"]["events"].as_u64()), (Some(0), Some(2)), "{one:?}");
    let all = on(data.path(), &["import", folder, "--organization", "acme", "--output", "json"]);
    assert_eq!(all.code, Some(3), "{all:?}");
    let report = all.json();
    let counts = |source: &str| {
        let counts = &report["sources"][source];
        ["files", "read", "events", "quarantined", "set_aside"].map(|name| counts[name].as_u64().unwrap())
    };
    assert_eq!((counts("aws.cloudtrail"), counts("unknown")), ([3, 4, 4, 0, 0], [2, 2, 0, 2, 0]), "{all:?}");
    let unrecognised = report["unrecognised"].as_array().unwrap();
    assert!(unrecognised.len() == 1 && unrecognised[0].as_str().unwrap().ends_with("secret.zip"), "{report}");
    let found = on(data.path(), &["query", "--organization", "acme", "--all", "--output", "ndjson"]).stdout;
    assert_eq!(found.lines().count(), 2, "{found}");
    let kept = files(&data.path().join("quarantine"), ".ndjson").into_iter();
    let mut kept: Vec<(String, String, String)> = kept
        .map(|path| serde_json::from_str::<Value>(std::fs::read_to_string(path).unwrap().trim()).unwrap())
        .map(|line| ["file", "member", "reason"].map(|name| line[name].as_str().unwrap().to_owned()).into())
        .collect();
    kept.sort();
    assert!(kept[0].0.ends_with("odd.zip") && kept[0].1 == "logs/odd.json" && kept[0].2.contains("bzip2"), "{kept:?}");
    assert!(kept[1].0.ends_with("secret.zip") && kept[1].1 == "logs/1.json" && kept[1].2.contains("encrypted"), "{kept:?}");
}

#[test]
fn what_cannot_be_read_is_quarantined_with_its_reason_and_the_exit_code_says_so() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut bad = trail_record(1, "GetObject", None);
    bad["eventTime"] = json!("not a time");
    let lines = format!("{}\n{bad}\n{}\n", trail_record(0, "GetObject", None), trail_record(2, "GetObject", None));
    std::fs::write(logs.path().join("trail.ndjson"), lines).unwrap();
    std::fs::write(logs.path().join("notes.txt"), "nothing to see here\n").unwrap();
    for _ in 0..2 {
        let imported = on(data.path(), &["import", logs.path().to_str().unwrap(), "--organization", "acme"]);
        assert_eq!(imported.code, Some(3), "{imported:?}");
        assert!(imported.stdout.contains("aws.cloudtrail"), "{imported:?}");
        assert!(
            imported.stderr.contains("2 records were quarantined") && imported.stderr.contains("notes.txt"),
            "{imported:?}"
        );
    }
    let quarantined = files(&data.path().join("quarantine/source=aws.cloudtrail"), ".ndjson");
    assert_eq!(quarantined.len(), 1, "the same import leaves the same objects");
    let unknown = files(&data.path().join("quarantine/source=unknown"), ".ndjson");
    assert!(std::fs::read_to_string(&unknown[0]).unwrap().contains("nothing to see here") && unknown.len() == 1);
    let line: Value = serde_json::from_str(std::fs::read_to_string(&quarantined[0]).unwrap().trim()).unwrap();
    assert_eq!((line["record_index"].as_u64(), line["reason"].as_str().is_some()), (Some(1), true), "{line}");
    assert!(line["record"].as_str().unwrap().contains("not a time"));
    let all = on(data.path(), &["query", "--organization", "acme", "--output", "json"]).json();
    assert_eq!(all["events"].as_array().unwrap().len(), 2);
}

#[test]
fn an_export_of_many_organizations_is_moved_to_another_lake() {
    let (data, other, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut lines = String::new();
    for number in 0..20 {
        let line = json!({"event_id": format!("e-{number}"), "event_time": common::now(), "action": "a", "outcome": "success",
            "organization": format!("tenant-{number}"), "region": "local", "source": "api", "received_time": common::now()});
        lines += &format!("{line}\n");
    }
    let path = files.path().join("export.ndjson");
    std::fs::write(&path, &lines).unwrap();
    let path = path.to_str().unwrap();
    let refused = on(other.path(), &["import", path, "--organization", "tenant-1", "--output", "json"]);
    assert_eq!(refused.json()["sources"]["auditlake"]["quarantined"], 19, "a file cannot choose its tenant: {refused:?}");
    let moved = on(data.path(), &["import", path, "--any-organization", "--output", "json"]);
    assert_eq!((moved.code, moved.json()["landed"].as_u64()), (Some(0), Some(20)), "{moved:?}");
    let found = on(data.path(), &["query", "--organization", "tenant-7", "--all", "--output", "ndjson"]);
    let event: Value = serde_json::from_str(found.stdout.trim()).unwrap();
    assert_eq!((&event["event_id"], &event["source"]), (&json!("e-7"), &json!("api")));
    let wrong = on(data.path(), &["import", path, "--any-organization", "--source", "lakefs"]);
    assert!(wrong.code != Some(0) && wrong.stderr.contains("auditlake only"), "{wrong:?}");
}

#[test]
fn commands_run_beside_a_server_on_the_same_directory() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trails(logs.path());
    let server = Server::start(data.path(), &["--seal-period", "10s", "--slack", "1s"]);
    for index in 0..20 {
        assert_eq!(server.post(&event(&format!("e{index:02}"))).0, 202);
    }
    let queried = on(data.path(), &["query", "--organization", "acme", "--output", "json"]).json();
    assert_eq!(queried["events"].as_array().unwrap().len(), 20);
    let imported = on(data.path(), &["import", logs.path().to_str().unwrap(), "--organization", "acme"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert_eq!(server.all_events("acme").len(), 172);
    let last = common::now();
    // Two sealers at once, the server's and the command's, until everything is sealed.
    wait_for("everything is sealed", 90, || {
        let sealed = on(data.path(), &["seal", "--output", "json"]);
        assert_eq!(sealed.code, Some(0), "{sealed:?}");
        (sealed.json()["sealed_until"].as_str().unwrap() > last.as_str()).then_some(())
    });
    assert_eq!(server.all_events("acme").len(), 172);
    let status = on(data.path(), &["status", "--output", "json"]).json();
    assert!(status["sealed_until"].as_str().unwrap() > last.as_str());
    assert!(!files(&data.path().join("etl/v1/data"), ".parquet").is_empty());
    let dry = on(data.path(), &["seal", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.stderr.contains("nothing was written"), "{dry:?}");
    // Over the server's own storage endpoint, as any S3 tool reaches it.
    let mut command = auditlake();
    command.args(["query", "--organization", "acme", "--all", "--output", "ndjson", "--bucket"]);
    command.arg(server.ready["bucket"].as_str().unwrap()).arg("--endpoint").arg(server.ready["s3"].as_str().unwrap());
    let keys = on(data.path(), &["status", "--storage-keys", "--output", "json"]).json();
    let key = |name: &str| keys[name].as_str().unwrap().to_owned();
    command.env("AWS_ACCESS_KEY_ID", key("access_key")).env("AWS_SECRET_ACCESS_KEY", key("secret_key"));
    command.env("AWS_REGION", "us-east-1");
    let output = command.output().unwrap();
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 172, "{output:?}");
    let mut command = auditlake();
    command.args(["status", "--bucket", "lake", "--endpoint"]).arg(server.ready["s3"].as_str().unwrap());
    command.env("AWS_ACCESS_KEY_ID", key("access_key")).env("AWS_SECRET_ACCESS_KEY", "wrong").env("AWS_REGION", "us-east-1");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && stderr.contains("check the credentials"), "{output:?}");
}

#[test]
fn answers_come_as_table_csv_ndjson_json_and_counts() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trails(logs.path());
    assert_eq!(on(data.path(), &["import", logs.path().to_str().unwrap(), "--organization", "acme"]).code, Some(0));
    let query = |arguments: &[&str]| on(data.path(), &[&["query", "--organization", "acme"], arguments].concat());

    let table = query(&["--limit", "2"]);
    assert!(
        table.stdout.contains("event_time") && table.stdout.contains("AssumeRole") && table.stdout.contains("192.0.2.7"),
        "{table:?}"
    );
    assert!(table.stderr.contains("2 events (there are more"), "{table:?}");
    assert!(query(&["--limit", "1"]).stderr.contains("1 event (there are more"));
    let csv = query(&["--limit", "2", "--output", "csv", "--columns", "event_time,action,actor_name"]);
    assert_eq!(
        csv.stdout,
        "event_time,action,actor_name\r\n2026-03-01T12:03:21.000Z,PutObject,alice\r\n2026-03-01T12:03:20.000Z,AssumeRole,alice\r\n"
    );
    let raw = query(&["--limit", "1", "--output", "ndjson", "--raw"]);
    assert!(serde_json::from_str::<Value>(&raw.stdout).unwrap()["raw"].is_string());
    let without = query(&["--limit", "1", "--output", "ndjson"]);
    assert!(serde_json::from_str::<Value>(&without.stdout).unwrap().get("raw").is_none());
    let document = query(&["--limit", "7", "--output", "json"]).json();
    assert_eq!((document["events"].as_array().unwrap().len(), document["more"].as_bool()), (7, Some(true)));
    assert!(document["scanned_bytes"].as_u64().unwrap() > 0);

    let counts = query(&["--count-by", "action", "--output", "csv"]);
    assert_eq!(counts.stdout, "action,count\r\nGetObject,150\r\nAssumeRole,1\r\nPutObject,1\r\n");
    let by_hour = query(&["--interval", "hour", "--output", "json"]).json();
    assert_eq!(by_hour["counts"], json!([{"time": "2026-03-01T12:00:00.000Z", "value": null, "count": 152}]));
    let excluded = query(&["--where", "action!=GetObject", "--output", "ndjson"]);
    assert_eq!(excluded.stdout.lines().count(), 2);
    let nothing = query(&["--action", "Nothing"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), ""), "{nothing:?}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (data, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trails(logs.path());
    assert_eq!(on(data.path(), &["import", logs.path().to_str().unwrap(), "--organization", "acme"]).code, Some(0));
    let mut command = auditlake();
    command.args(["query", "--organization", "acme", "--all", "--raw", "--output", "ndjson", "--data"]).arg(data.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn errors_say_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let nowhere = empty.path().join("nowhere");
    for (data, verb) in [(empty.path(), "status"), (nowhere.as_path(), "status"), (empty.path(), "seal")] {
        let failed = on(data, &[verb]);
        assert_eq!(failed.code, Some(1), "{failed:?}");
        assert!(failed.stderr.contains("there is no lake in") && failed.stderr.contains("auditlake serve"), "{failed:?}");
    }
    assert!(!nowhere.exists(), "asking makes no directory");
    let failed = on(empty.path(), &["import", "no-such-file", "--organization", "acme"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("no-such-file"), "{failed:?}");
    let failed = on(empty.path(), &["import", "Cargo.toml", "--organization", "acme", "--source", "aws.nothing"]);
    assert!(failed.stderr.contains("known are") && failed.stderr.contains("aws.cloudtrail"), "{failed:?}");
    std::fs::write(empty.path().join("lake.json"), "{\"format_version\":99}").unwrap();
    let failed = on(empty.path(), &["status"]);
    assert!(failed.stderr.contains("upgrade first"), "{failed:?}");
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_right() {
    for (arguments, says) in [
        (&["serve", "--seal-period", "7s"][..], "10s, 15s, 1m"),
        (&["serve", "--slack", "soon"], "10s, 15m, 1h or 7d"),
        (&["serve", "--organization", "Acme Inc"], "[a-z0-9]"),
        (&["query"], "--organization"),
        (&["query", "--organization", "a", "--limit", "0"], "limit"),
        (&["status", "--endpoint", "http://127.0.0.1:1"], "--bucket"),
        (&["nonsense"], "unrecognized subcommand"),
        (&[], "Usage"),
    ] {
        let failed = run(arguments);
        assert_eq!(failed.code, Some(2), "{arguments:?} {failed:?}");
        assert!(failed.stderr.contains(says), "{arguments:?} {failed:?}");
    }
    let data = tempfile::tempdir().unwrap();
    let failed = on(data.path(), &["query", "--organization", "acme", "--from", "yesterday"]);
    assert_eq!(failed.code, Some(2));
    assert!(failed.stderr.contains("from must be an RFC 3339 time"), "{failed:?}");
}

#[test]
fn help_names_every_verb_examples_and_exit_codes() {
    let help = run(["--help"]);
    assert_eq!(help.code, Some(0));
    for word in ["serve", "import", "seal", "query", "status", "completions", "Exit codes", "curl", "AUDITLAKE_LOG"] {
        assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
    }
    for verb in ["serve", "import", "seal", "query"] {
        let help = run([verb, "--help"]);
        assert!(help.stdout.contains("Examples:") && help.stdout.contains("--data"), "{}", help.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completions", shell]);
        assert!(script.code == Some(0) && script.stdout.contains("seal-period"), "{shell}");
    }
}
