//! What is broken costs itself and nothing else.

use crate::common::{Collector, compact, context, fixture, gzip, read, read_with};
use serde_json::Value;

const NAMES: [&str; 3] = ["assume_role_by_vendor", "get_object_by_presigned_url", "put_role_policy"];
const ACTIONS: [&str; 3] = ["AssumeRole", "GetObject", "PutRolePolicy"];

fn log_file(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// A record as AWS writes it, with `eventVersion` first.
fn as_delivered(name: &str) -> String {
    let value: Value = serde_json::from_slice(&fixture(name)).unwrap();
    let mut members: Vec<(&String, &Value)> = value.as_object().unwrap().iter().collect();
    members.sort_by_key(|(name, _)| *name != "eventVersion");
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_broken_record_inside_a_log_file_costs_itself() {
    let records = NAMES.map(as_delivered);
    let broken = [
        ("a word that is none", records[1].replace("\"readOnly\":true", "\"readOnly\":treu")),
        ("a missing quote", records[1].replace("\"requestID\":\"", "\"requestID\":")),
        ("an additional quote", records[1].replace("\"s3.amazonaws.com\"", "\"s3.amazonaws.com\"\"")),
        ("a lost end", records[1][..records[1].len() / 2].to_owned()),
        ("a lost beginning", records[1][records[1].len() / 2..].to_owned()),
        ("a bracket too many", records[1].replacen("\"awsRegion\":", "\"awsRegion\":}", 1)),
        ("numbers", "1, [2, 3], \"four\", {}, 5".to_owned()),
        ("a member twice", records[1].replace("\"readOnly\":true", "\"readOnly\":true,\"readOnly\":false")),
        ("a line break in a text", records[1].replace("eu-west-1", "eu-\nwest-1")),
        ("a number", "17".to_owned()),
        ("a word", "lorem".to_owned()),
        ("a text", "\"}]\"".to_owned()),
        ("null", "null".to_owned()),
    ];
    for (what, middle) in broken {
        for separator in [",", ",\n"] {
            let object = format!("{{\"Records\":[{}]}}", [records[0].as_str(), &middle, &records[2]].join(separator));
            let collector = read(object.as_bytes());
            assert_eq!(collector.column("action"), [ACTIONS[0], ACTIONS[2]], "{what}: {:?}", collector.quarantined);
            assert!(!collector.quarantined.is_empty(), "{what}");
        }
        let object = [records[0].as_str(), &middle, &records[2]].join("\n");
        let collector = read(object.as_bytes());
        assert_eq!(collector.column("action"), [ACTIONS[0], ACTIONS[2]], "{what}, by lines: {:?}", collector.quarantined);
        assert!(!collector.quarantined.is_empty(), "{what}, by lines");
    }
}

#[test]
fn a_broken_line_costs_itself_and_says_where_it_is() {
    let records = NAMES.map(compact);
    for broken in [
        "{\"a\":1",
        "{\"a\":\"unclosed",
        "{\"a\":[1,2}",
        "not json at all",
        "}",
        "]",
        "{\"a\" 1}",
        "\u{1}",
        "2026-03-01 INFO started",
    ] {
        let object = format!("{}\n{broken}\n{}\n", records[0], records[2]);
        let collector = read(object.as_bytes());
        assert_eq!(collector.column("action"), [ACTIONS[0], ACTIONS[2]], "{broken:?}: {:?}", collector.quarantined);
        let [(reason, position, bytes, length)] = &collector.quarantined[..] else {
            panic!("{broken:?}: {:?}", collector.quarantined)
        };
        assert!(!reason.is_empty());
        assert_eq!((position.byte_offset, position.record_index), (records[0].len() as u64 + 1, 1), "{broken:?}");
        assert_eq!(String::from_utf8_lossy(bytes).trim_end(), broken);
        assert_eq!(*length, bytes.len() as u64);
    }
}

#[test]
fn a_file_cut_anywhere_gives_what_lies_before_the_cut() {
    let object = log_file(&NAMES.map(compact));
    let whole = read(object.as_bytes());
    // 12 bytes stand before the first record, one comma before each other.
    let ends: Vec<usize> = NAMES
        .iter()
        .scan(11, |end, name| {
            *end += compact(name).len() + 1;
            Some(*end)
        })
        .collect();
    for cut in 0..object.len() {
        let collector = read(&object.as_bytes()[..cut]);
        let complete = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(collector.events, whole.events[..complete], "cut at {cut}");
        let expected_breaks = usize::from(cut != 0);
        assert_eq!(collector.quarantined.len(), expected_breaks, "cut at {cut}: {:?}", collector.quarantined);
    }
}

#[test]
fn a_gzip_cut_anywhere_gives_what_can_be_inflated_and_names_the_break() {
    let records: Vec<String> =
        (0..40).map(|number| compact("put_role_policy").replace("read-all", &format!("read-{number}"))).collect();
    let object = gzip(log_file(&records).as_bytes());
    let whole = read(&object);
    assert_eq!(whole.events.len(), 40);
    let mut most = 0;
    for cut in (2..object.len()).step_by(7).chain([object.len() - 1]) {
        let collector = read(&object[..cut]);
        assert_eq!(collector.events, whole.events[..collector.events.len()], "cut at {cut}");
        assert_eq!(collector.quarantined.len(), 1, "cut at {cut}: {:?}", collector.reasons());
        assert!(collector.reasons()[0].contains("gzip stream is cut off"), "{:?}", collector.reasons());
        most = most.max(collector.events.len());
    }
    assert_eq!(most, 40, "only the trailer is missing at the last cut");
}

#[test]
fn a_damaged_gzip_or_zstd_is_quarantined_with_its_reason() {
    let content = log_file(&NAMES.map(compact));
    let mut wrong_sum = gzip(content.as_bytes());
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0xff;
    let collector = read(&wrong_sum);
    assert_eq!((collector.events.len(), collector.reasons()), (3, vec!["the gzip stream is broken"]));

    let followed = [gzip(content.as_bytes()), b"garbage".to_vec()].concat();
    assert_eq!(read(&followed).reasons(), ["bytes that are not gzip follow the gzip stream"]);

    let zstd = zstd::encode_all(content.as_bytes(), 3).unwrap();
    let collector = read(&zstd[..zstd.len() / 2]);
    assert_eq!(collector.reasons(), ["the zstd stream is cut off"]);

    assert_eq!(read(&[0x1f, 0x8b, 0xff, 0xff, 0xff]).reasons(), ["the gzip stream is broken"]);
}

#[test]
fn a_bomb_is_bounded_by_the_largest_record_and_the_largest_object() {
    let mut context = context();
    context.max_record_bytes = 64 * 1024;
    // One record whose text inflates to 64 MiB.
    let bomb = gzip(
        format!("{{\"Records\":[{{\"eventVersion\":\"{}\"}},{}]}}", "a".repeat(64 << 20), compact("put_role_policy"))
            .as_bytes(),
    );
    assert!(bomb.len() < 100_000);
    let collector = read_with(&bomb, &context);
    assert_eq!(collector.column("action"), ["PutRolePolicy"]);
    let [(reason, _, bytes, length)] = &collector.quarantined[..] else { panic!("{:?}", collector.reasons()) };
    assert_eq!(reason, "a record is larger than 65536 bytes");
    assert_eq!(bytes.len(), 65536);
    assert!(*length > 64 << 20);

    context.max_inflated_bytes = 1 << 20;
    let spaces = gzip(format!("{}{}", compact("put_role_policy"), " ".repeat(8 << 20)).as_bytes());
    let collector = read_with(&spaces, &context);
    assert_eq!(collector.events.len(), 1);
    assert_eq!(collector.reasons(), ["the object is larger than allowed after inflating"]);
}

#[test]
fn text_that_is_no_unicode_costs_characters_and_not_the_record() {
    let text = compact("put_role_policy");
    let bytes = text.replace("203.0.113.9", "x").into_bytes();
    let at = text.find("cloudformation.amazonaws.com\",\"userIdentity").unwrap();
    let mut invalid = bytes.clone();
    invalid[at] = 0xff;
    let surrogate = text.replace("\"userAgent\":\"cloudformation", "\"userAgent\":\"\\ud83dcloudformation");
    for object in [invalid, surrogate.into_bytes()] {
        let collector = read(&object);
        assert_eq!(collector.reasons(), Vec::<&str>::new());
        assert!(collector.column("user_agent")[0].contains('\u{fffd}'), "{}", collector.column("user_agent")[0]);
        assert!(collector.column("metadata")[0].contains("\"unicode_replaced\":true"));
    }
}

/// Inputs that make a careless parser slow. A quadratic one needs hours for these.
#[test]
fn time_is_linear_whatever_the_input() {
    let mut context = context();
    context.max_record_bytes = 1 << 20;
    let size = 4 << 20;
    let fill = |unit: &str| unit.repeat(size / unit.len()).into_bytes();
    for unit in [
        "{\"a\":1\n",
        "[",
        "{\"a\":",
        "\"",
        "\\",
        "{",
        "}",
        "]",
        ",",
        "{\"eventVersion\"",
        "{\"eventVersion\":",
        "{\"eventVersion\":\"",
        "{\"Records\":[",
        "{\"Records\":[]",
        "{\"a\":\"\n",
        "x\n",
        "{\"eventVersion\":1,}",
        "\n{",
        "{\"a\":[1,2}",
        "1",
        "nul ",
        "\u{0}",
        "{\"message\":\"{\\\"message\\\":\"}",
    ] {
        let start = std::time::Instant::now();
        let collector = read_with_light(&fill(unit), &context);
        let seconds = start.elapsed().as_secs_f64();
        println!("{unit:?}: {collector} records, {seconds:.2} s");
        assert!(seconds < 60.0, "{unit:?} took {seconds} s for {} records", collector);
    }
}

/// Reads without keeping anything; the number of records.
fn read_with_light(object: &[u8], context: &auditlake_sources::ImportContext) -> u64 {
    struct Nothing;
    impl auditlake_sources::Sink for Nothing {
        fn event(&mut self, _: &auditlake_event::Event<'_>) -> Result<(), auditlake_sources::SinkError> {
            Ok(())
        }
        fn quarantined(&mut self, _: &auditlake_sources::Quarantined<'_>) -> Result<(), auditlake_sources::SinkError> {
            Ok(())
        }
        fn set_aside(&mut self, _: &auditlake_sources::SetAside<'_>) -> Result<(), auditlake_sources::SinkError> {
            Ok(())
        }
    }
    let (_, summary) =
        auditlake_sources::import(object, "x", Some(crate::common::cloudtrail()), context, &mut Nothing).unwrap();
    assert_eq!(summary.records, summary.events + summary.quarantined + summary.set_aside);
    assert_eq!(summary.bytes, object.len() as u64);
    summary.records
}

#[test]
fn a_sink_that_refuses_ends_the_reading() {
    struct Full(Collector);
    impl auditlake_sources::Sink for Full {
        fn event(&mut self, event: &auditlake_event::Event<'_>) -> Result<(), auditlake_sources::SinkError> {
            if self.0.events.len() == 2 {
                return Err("the disk is full".into());
            }
            self.0.event(event)
        }
        fn quarantined(&mut self, record: &auditlake_sources::Quarantined<'_>) -> Result<(), auditlake_sources::SinkError> {
            self.0.quarantined(record)
        }
        fn set_aside(&mut self, record: &auditlake_sources::SetAside<'_>) -> Result<(), auditlake_sources::SinkError> {
            self.0.set_aside(record)
        }
    }
    let object = log_file(&NAMES.map(compact));
    let mut full = Full(Collector::default());
    let result = auditlake_sources::import(object.as_bytes(), "x", None, &context(), &mut full);
    assert!(
        matches!(&result, Err(auditlake_sources::ReadError::Sink(error)) if error.to_string() == "the disk is full"),
        "{result:?}"
    );
    assert_eq!(full.0.events.len(), 2);
}
