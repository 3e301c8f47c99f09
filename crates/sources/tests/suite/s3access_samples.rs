//! Public samples, where they are at hand: every line is accounted for, and the fields on which another program (Elastic's
//! ingest pipeline, `*-expected.json`) has an opinion too are compared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::samples::{Comparison, ecs, files, group_of, is_record_file, samples, with_documents};
use crate::common::{Collector, Columns, read_as};
use auditlake_event::Timestamp;
use auditlake_sources::{Confidence, ImportContext, Source, Summary, by_name, detect};
use serde_json::Value;

/// One sample line is of July 2026.
fn context() -> ImportContext {
    ImportContext { received_time: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(), ..crate::common::context() }
}

fn read(object: &[u8]) -> Collector {
    read_as("aws.s3access", object, "object", &context())
}

fn source() -> &'static dyn Source {
    by_name("aws.s3access").unwrap()
}

/// Files of the folder that hold lines, not what another program made of them.
fn logs(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut logs = files(folder);
    logs.retain(|path| is_record_file(path));
    logs
}

fn is_ambiguous(event: &Columns) -> bool {
    event["metadata"].contains("\"ambiguous_split\":true")
}

#[test]
fn every_sample_is_accounted_for() {
    let Some(folder) = samples("s3_access") else { return };
    let mut totals: BTreeMap<String, (u64, usize, usize, usize)> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for path in logs(&folder) {
        let collector = read(&std::fs::read(&path).unwrap());
        let total = totals.entry(group_of(&folder, &path)).or_default();
        let ambiguous = collector.events.iter().filter(|event| is_ambiguous(event)).count();
        total.0 += (collector.events.len() + collector.quarantined.len() + collector.set_aside.len()) as u64;
        total.1 += collector.events.len();
        total.2 += collector.quarantined.len();
        total.3 += ambiguous;
        for reason in collector.reasons() {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }
    for (group, (records, events, quarantined, ambiguous)) in &totals {
        println!("{group:42} {records:>4} records {events:>4} events {quarantined:>3} quarantined {ambiguous:>3} ambiguous");
    }
    println!("{reasons:#?}");
    // Records, events, quarantined and ambiguous as some fifty lines of Python count them, which try every split. Panther's
    // samples are parsed already: JSON of its own.
    let expected = [
        ("dandi", 7, 7, 0, 0),
        ("dandi_old", 8, 8, 0, 0),
        ("elastic_beats", 13, 13, 0, 0),
        ("elastic_integrations", 7, 7, 0, 0),
        ("githubjianx_sample_logs.txt", 5, 5, 0, 0),
        ("issue_lines.log", 5, 5, 0, 0),
        ("ncbi", 9, 9, 0, 0),
        ("panther-labs_s3_server_access_samples.log", 1, 1, 0, 0),
        ("panther_analysis", 9, 0, 9, 0),
        ("request-log-analyzer", 5, 5, 0, 0),
    ];
    let expected: BTreeMap<String, _> = expected
        .map(|(group, records, events, quarantined, ambiguous)| {
            (group.to_owned(), (records, events, quarantined, ambiguous))
        })
        .into();
    assert_eq!(totals, expected);
}

#[test]
fn fuzzed_lines_never_panic_and_are_judged_as_by_trying_every_split() {
    let Some(folder) = samples("s3_access_fuzz") else { return };
    let mut total = Summary::default();
    let mut ambiguous = 0;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder) {
        let collector = read(&std::fs::read(&path).unwrap());
        total += Summary {
            records: (collector.events.len() + collector.quarantined.len()) as u64,
            events: collector.events.len() as u64,
            quarantined: collector.quarantined.len() as u64,
            ..Summary::default()
        };
        ambiguous += collector.events.iter().filter(|event| is_ambiguous(event)).count();
        for reason in collector.reasons() {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }
    println!("{total:?}, {ambiguous} ambiguous\n{reasons:#?}");
    // 240 lines have the forms that S3 documents. Ten more say `TLCv1.2` and one has a request id of 15 digits: S3 promises neither form.
    assert_eq!((total.records, total.events, total.quarantined, ambiguous), (3714, 251, 3463, 12));
}

#[test]
fn own_files_are_recognised_and_no_others() {
    let Some(folder) = samples("s3_access") else { return };
    for path in logs(&folder).iter().filter(|path| !path.ends_with("AWS.S3ServerAccess.tests.jsonl")) {
        let name = path.to_string_lossy();
        let found = detect(&std::fs::read(path).unwrap(), "object").map(Source::name);
        assert_eq!(found, Some("aws.s3access"), "{name}");
    }
    let mut others = 0;
    for kind in ["airbyte", "azure", "cloudtrail", "gcp_audit", "lakefs", "ocsf"] {
        let Some(folder) = samples(kind) else { continue };
        for path in files(&folder) {
            others += 1;
            let name = path.to_string_lossy();
            assert_eq!(source().sniff(&std::fs::read(&path).unwrap(), &name), Confidence::None, "{name}");
        }
    }
    println!("{others} files of others");
    assert!(others > 100);
}

fn justification(what: &str, theirs: &str, ours: &Columns) -> Option<&'static str> {
    let column = |name: &str| ours.get(name).map(String::as_str).unwrap_or_default();
    match what {
        "outcome" if theirs == "failure" && column("outcome") == "denied" => Some("ECS has no word for denied"),
        "who" if theirs.strip_prefix("svc:") == Some(column("actor_id")) => Some("a service is called as in CloudTrail"),
        "key" if theirs.replace('+', " ") == column("resource_name") => Some("theirs is the key as it is encoded"),
        _ => None,
    }
}

#[test]
fn elastic_and_we_agree_on_who_what_when_where_and_how_it_ended() {
    let Some(folder) = samples("s3_access") else { return };
    let mut comparison = Comparison::default();
    for (log, theirs) in with_documents(&folder) {
        let ours = read(&std::fs::read(&log).unwrap()).events;
        assert_eq!(theirs.len(), ours.len(), "{}", log.display());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let metadata: Value = serde_json::from_str(&ours["metadata"]).unwrap();
            for (what, path, column) in [
                ("action", "event.action", "action"),
                ("who", "client.user.id", "actor_id"),
                ("outcome", "event.outcome", "outcome"),
                ("source", "client.ip", "source_ip"),
                ("time", "@timestamp", "event_time"),
                ("error", "aws.s3access.error_code", "error_code"),
                ("user agent", "user_agent.original", "user_agent"),
                ("bucket", "aws.s3access.bucket", "scope_id"),
                ("key", "aws.s3access.key", "resource_name"),
                ("request id", "event.id", "request_id"),
                ("method", "http.request.method", "http_method"),
                ("path", "url.original", "http_path"),
                ("status", "http.response.status_code", "http_status"),
                ("version", "http.version", "metadata.http_version"),
                ("owner", "aws.s3access.bucket_owner", "metadata.bucket_owner"),
                ("bytes", "aws.s3access.bytes_sent", "metadata.bytes_sent"),
                ("size", "aws.s3access.object_size", "metadata.object_size"),
                ("total", "aws.s3access.total_time", "metadata.total_time_ms"),
                ("turnaround", "aws.s3access.turn_around_time", "metadata.turnaround_ms"),
                ("host id", "aws.s3access.host_id", "metadata.host_id"),
                ("signature", "aws.s3access.signature_version", "metadata.signature_version"),
                ("cipher", "aws.s3access.cipher_suite", "metadata.cipher_suite"),
                ("auth", "aws.s3access.authentication_type", "metadata.authentication_method"),
                ("host", "aws.s3access.host_header", "metadata.host_header"),
                ("tls", "aws.s3access.tls_version", "metadata.tls_version"),
            ] {
                let Some(their_value) = ecs(theirs, path) else { continue };
                let their_value = their_value.as_str().map_or_else(|| their_value.to_string(), str::to_owned);
                let our_value = match column.strip_prefix("metadata.") {
                    Some(key) => {
                        metadata.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                    }
                    None => ours.get(column).cloned(),
                }
                .unwrap_or_else(|| "nothing".to_owned());
                comparison.value(&log, what, &their_value, &our_value, || justification(what, &their_value, ours));
            }
        }
    }
    comparison.finish(400);
}

#[test]
fn the_awkward_lines_are_read_as_people_read_them() {
    let Some(folder) = samples("s3_access") else { return };
    let read = |path: &str| read(&std::fs::read(folder.join(path)).unwrap()).events;
    let dandi = read("dandi/2022-01-01-05-06-35-0123456789ABCDEF");
    assert!(dandi[0]["user_agent"].starts_with("\"Mozilla/5.0 (Windows NT 10.0;"), "{:?}", dandi[0]);
    assert_eq!((dandi[1]["http_status"].as_str(), dandi[1]["resource_name"].as_str()), ("404", "/"));
    assert!(dandi[1]["user_agent"].contains("Baiduspider"));
    assert!(dandi[3]["metadata"].contains("\"access_key_id\":\"XYZ\""));
    assert!(!dandi[3].values().any(|value| value.contains("XXXXXXXX")), "the signature");
    assert_eq!(dandi[4]["request_id"], dandi[5]["request_id"]);
    assert_ne!(dandi[4]["event_id"], dandi[5]["event_id"]);
    assert_eq!(dandi[6]["actor_name"], "dandi-api-heroku", "two spaces before the requester");
    let ncbi = read("ncbi/aws_testlines.log");
    assert_eq!(ncbi[1]["resource_name"], "SRR9154112/*.fastq*");
    assert_eq!((ncbi[2]["action"].as_str(), ncbi[2]["outcome"].as_str()), ("REST.COPY.OBJECT_GET", "unknown"));
    let differing =
        |events: &[Columns]| events.iter().filter(|event| event["metadata"].contains("key_differs_from_path")).count();
    assert_eq!(differing(&dandi) + differing(&ncbi), 0);
}
