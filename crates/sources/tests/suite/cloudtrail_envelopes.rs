//! Every way a record is delivered gives the same event.

use std::io::{self, Read, Write};

use crate::common::{cloudtrail, compact, fixture, gzip, read, read_sniffed};
use auditlake_sources::{Confidence, ReadError, SetAsideKind, detect, open};
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["assume_role_by_vendor", "get_object_by_presigned_url", "put_role_policy"];

fn records() -> Vec<Value> {
    NAMES.map(|name| serde_json::from_slice(&fixture(name)).unwrap()).to_vec()
}

fn lines(separator: &str) -> Vec<u8> {
    NAMES.map(compact).join(separator).into_bytes()
}

#[test]
fn every_envelope_gives_the_same_events() {
    let expected = read(&lines("\n")).events;
    assert_eq!(expected.len(), 3);
    let as_texts = |member: &str| -> Vec<Value> {
        records().iter().map(|record| json!({"id": "1", "timestamp": 1, member: record.to_string()})).collect()
    };
    let pretty = |value: &Value| serde_json::to_vec_pretty(value).unwrap();
    let log_file = json!({"Records": records()});
    let envelopes: Vec<(&str, Vec<u8>)> = vec![
        ("log file", log_file.to_string().into_bytes()),
        ("log file, gzip", gzip(log_file.to_string().as_bytes())),
        ("log file, zstd", zstd::encode_all(log_file.to_string().as_bytes(), 3).unwrap()),
        ("log file, printed", pretty(&log_file)),
        ("log files, concatenated", [gzip(b"{\"Records\":[]}"), gzip(log_file.to_string().as_bytes())].concat()),
        ("log file with a byte order mark", [b"\xef\xbb\xbf".as_slice(), log_file.to_string().as_bytes()].concat()),
        ("array", Value::Array(records()).to_string().into_bytes()),
        ("array, printed", pretty(&Value::Array(records()))),
        ("records, printed one after the other", records().iter().map(pretty).collect::<Vec<_>>().join(&b'\n')),
        ("records without anything between them", lines("")),
        ("records on lines of CRLF", lines("\r\n")),
        ("records with commas", lines(",\n")),
        (
            "EventBridge",
            records()
                .iter()
                .map(|record| json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "account": "1", "time": "2026-03-01T00:00:00Z", "region": "eu-west-1", "resources": [], "detail": record}).to_string())
                .collect::<Vec<_>>()
                .join("\n")
                .into_bytes(),
        ),
        (
            "lookup-events",
            pretty(&json!({
                "Events": records().iter().map(|record| json!({"EventId": record["eventID"], "EventName": record["eventName"], "EventTime": 1772356500.0, "Resources": [], "CloudTrailEvent": record.to_string()})).collect::<Vec<_>>(),
                "NextToken": "abc=="
            })),
        ),
        (
            "CloudWatch Logs subscription, two deliveries in one object",
            format!(
                "{}{}",
                json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"], "logEvents": as_texts("message")[..2]}),
                json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"], "logEvents": as_texts("message")[2..]}),
            )
            .into_bytes(),
        ),
        ("filter-log-events", json!({"events": as_texts("message"), "searchedLogStreams": []}).to_string().into_bytes()),
        ("a collector's lines", as_texts("log").iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes()),
    ];
    for (name, bytes) in envelopes {
        let (collector, _) = read_sniffed(&bytes, "object").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(collector.reasons(), Vec::<&str>::new(), "{name}");
        assert_eq!(collector.events, expected, "{name}");
    }
}

#[test]
fn a_copy_in_another_order_is_equal_in_every_column() {
    let record = compact("put_role_policy");
    // serde_json's map is sorted; reversing the members by hand gives the same record in the opposite order.
    let value: Value = serde_json::from_str(&record).unwrap();
    let members: Vec<String> = value
        .as_object()
        .unwrap()
        .iter()
        .rev()
        .map(|(name, value)| format!("{} : {value}", Value::from(name.as_str())))
        .collect();
    let reversed = format!("{{ {} }}", members.join(" ,\n"));
    assert_ne!(record, reversed);
    assert_eq!(read(record.as_bytes()).events, read(reversed.as_bytes()).events);
}

#[test]
fn what_is_recognised_but_no_event_is_set_aside() {
    let object = format!(
        "{}\n{}\n{}\n{}",
        compact("digest"),
        compact("insight"),
        json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": ""}),
        json!({"detail-type": "AWS Insight via CloudTrail", "detail": serde_json::from_slice::<Value>(&fixture("insight")).unwrap()})
    );
    let collector = read(object.as_bytes());
    let kinds: Vec<_> = collector.set_aside.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [SetAsideKind::Digest, SetAsideKind::Insight, SetAsideKind::Control, SetAsideKind::Insight]);
    assert_eq!(collector.set_aside[0].2, compact("digest").into_bytes());
    assert_eq!(collector.set_aside[1].1.byte_offset, compact("digest").len() as u64 + 1);
    assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 0));
}

#[test]
fn a_wrapper_that_no_aws_service_writes_is_quarantined_whole() {
    let object =
        json!({"rule": "r.yml", "test": "t", "log": serde_json::from_slice::<Value>(&fixture("put_role_policy")).unwrap()})
            .to_string();
    let collector = read(object.as_bytes());
    assert_eq!(collector.reasons(), ["no CloudTrail record: eventName or eventTime is missing"]);
    assert_eq!(collector.quarantined[0].2, object.as_bytes());
    let endless = (0..9).fold(compact("put_role_policy"), |inner, _| json!({ "message": inner }).to_string());
    assert_eq!(read(endless.as_bytes()).reasons().len(), 1);
}

#[test]
fn an_empty_object_has_no_records() {
    for object in ["", " \n", "[]", "{\"Records\":[]}", "{ \"Records\" : [ ] }\n"] {
        let collector = read(object.as_bytes());
        assert_eq!((collector.events.len(), collector.quarantined.len()), (0, 0), "{object:?}");
    }
    assert_eq!(read(&gzip(b"")).quarantined.len(), 0);
}

#[test]
fn sniffing_goes_by_content_and_by_name_only_where_the_content_says_nothing() {
    let sniff = |head: &[u8], name: &str| cloudtrail().sniff(head, name);
    assert_eq!(sniff(&fixture("put_role_policy"), "x"), Confidence::Certain);
    assert_eq!(sniff(compact("digest").as_bytes(), "x"), Confidence::Certain);
    assert_eq!(
        sniff(
            b"{\"Records\":[]}",
            "AWSLogs/1/CloudTrail/eu-west-1/2026/03/01/1_CloudTrail_eu-west-1_20260301T0000Z_x.json.gz"
        ),
        Confidence::Name
    );
    assert_eq!(sniff(b"{\"Records\":[]}", "x"), Confidence::None);
    assert_eq!(sniff(b"79a59df900b949e5 bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3", "access.log"), Confidence::None);
    // What another program made of a record, with the record as text inside.
    assert_eq!(
        sniff(br#"{"expected":[{"event":{"original":"{\"eventVersion\":\"1.0\",\"eventSource\":1}"}}]}"#, "x"),
        Confidence::None
    );
    assert!(detect(b"hello", "notes.txt").is_none());
    let (unknown, summary) = read_sniffed(b"hello", "notes.txt").unwrap();
    assert_eq!((summary.records, summary.bytes, unknown.reasons()), (1, 5, vec!["no known log format"]));
}

/// Gives one byte at a time, then fails or ends.
struct Trickle<'a>(&'a [u8], Option<io::ErrorKind>);

impl Read for Trickle<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match (self.0.split_first(), self.1) {
            (Some((byte, rest)), _) => {
                target[0] = *byte;
                self.0 = rest;
                Ok(1)
            }
            (None, Some(kind)) => Err(kind.into()),
            (None, None) => Ok(0),
        }
    }
}

#[test]
fn slow_bytes_make_no_difference_and_lost_ones_are_no_bad_record() {
    for bytes in [lines("\n"), gzip(&lines("\n"))] {
        let mut slow = crate::common::Collector::default();
        auditlake_sources::import(Trickle(&bytes, None), "x", None, &crate::common::context(), &mut slow).unwrap();
        assert_eq!(slow.events, read(&bytes).events);

        let half = &bytes[..bytes.len() / 2];
        let mut cut = crate::common::Collector::default();
        let result = auditlake_sources::import(
            Trickle(half, Some(io::ErrorKind::ConnectionReset)),
            "x",
            Some(cloudtrail()),
            &crate::common::context(),
            &mut cut,
        );
        assert!(
            matches!(&result, Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset),
            "{result:?}"
        );
        assert_eq!(cut.quarantined.len(), 0);
    }
}

#[test]
fn gzip_and_zstd_are_taken_off_whole() {
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(|number| number.to_le_bytes()).collect();
    let (first, second) = content.split_at(1_234_567);
    let padded = [gzip(&content), vec![0; 1000]].concat();
    for object in [
        content.clone(),
        gzip(&content),
        [gzip(first), gzip(second)].concat(),
        padded,
        zstd::encode_all(&content[..], 1).unwrap(),
    ] {
        let mut inflated = Vec::new();
        open(&object[..], u64::MAX).unwrap().read_to_end(&mut inflated).unwrap();
        assert!(inflated == content);
    }
}

/// What is inflated of an object, and why it ends.
fn inflated(object: impl Read) -> (Vec<u8>, Option<String>) {
    let mut content = Vec::new();
    let ended = open(object, u64::MAX).unwrap().read_to_end(&mut content);
    (content, ended.err().map(|error| error.to_string()))
}

#[test]
fn what_comes_before_a_broken_block_of_zstd_is_read_however_it_comes() {
    // A frame without a size; a block of five bytes as they are; a block of the type that is reserved.
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 5 << 3, 0, 0][..], b"hello", &[0x06, 0, 0]].concat();
    for (content, reason) in [inflated(&frame[..]), inflated(Trickle(&frame, None))] {
        assert_eq!(content, b"hello");
        assert!(reason.as_ref().is_some_and(|reason| reason.starts_with("the zstd stream is broken")), "{reason:?}");
    }
}

#[test]
fn a_broken_object_is_read_as_far_in_pieces_as_at_once() {
    let content: Vec<u8> = (0..60_000_u32).flat_map(|number| (number % 700).to_le_bytes()).collect();
    let with_sum = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&content).unwrap();
        encoder.finish().unwrap()
    };
    for object in [gzip(&content), with_sum, zstd::bulk::compress(&content, 1).unwrap()] {
        assert_eq!(inflated(Trickle(&object, None)), (content.clone(), None));
        for at in (4..object.len()).step_by(1 + object.len() / 300) {
            let mut damaged = object.clone();
            damaged[at] ^= 0x55;
            let (at_once, in_pieces) = (inflated(&damaged[..]), inflated(Trickle(&damaged, None)));
            assert_eq!(
                (at_once.0.len(), &at_once.1),
                (in_pieces.0.len(), &in_pieces.1),
                "byte {at} of {:02x?}",
                &object[..4]
            );
            assert!(at_once.0 == in_pieces.0, "byte {at}");
            assert!(inflated(&object[..at]) == inflated(Trickle(&object[..at], None)), "cut at {at} of {}", object.len());
        }
    }
}
