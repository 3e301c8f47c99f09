//! Fuzzes one source, `archives` (tar and zip, of any source), or `posting`, named by `AUDITLAKE_FUZZ_SOURCE`. `fuzz/run` builds it with coverage and runs every one in turn.
//!
//! Beside crashes, hangs and memory, which libFuzzer watches, each input must keep the promises of every source: all records
//! are counted, events are such as the lake can take, and reading again gives the same.
#![no_main]
#![allow(clippy::panic, clippy::expect_used, reason = "a broken promise must crash: that is how it is found")]

mod posting;

use std::io::{self, BufReader, Read};
use std::sync::OnceLock;

use auditlake_event::limits::MAX_EVENT_ID_CHARS;
use auditlake_event::{Event, Organization, Region, Timestamp};
use auditlake_sources::{ImportContext, Quarantined, SetAside, Sink, SinkError, Source, Summary, by_name, import};
use libfuzzer_sys::fuzz_target;

/// Small, so that its edges are met.
const MAX_RECORD_BYTES: usize = 16 * 1024;

struct Target {
    /// `None`: whichever source knows it.
    source: Option<&'static dyn Source>,
    context: ImportContext,
}

/// What is fuzzed.
fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| std::env::var("AUDITLAKE_FUZZ_SOURCE").expect("AUDITLAKE_FUZZ_SOURCE must name a source"))
}

fn target() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = name();
        let source = by_name(name);
        assert!(source.is_some() || name == "archives", "AUDITLAKE_FUZZ_SOURCE names no source");
        let mut context = ImportContext::new(
            Region::parse("eu-west-1").expect("a region"),
            Organization::parse("acme").expect("an organization"),
            Timestamp::parse("2100-01-01T00:00:00Z").expect("a time"),
        );
        context.max_record_bytes = MAX_RECORD_BYTES;
        Target { source, context }
    })
}

/// Everything that was handed on, as text.
#[derive(Default, PartialEq)]
struct Handed {
    events: Vec<String>,
    quarantined: Vec<(String, Vec<u8>)>,
    set_aside: usize,
}

fn check(event: &Event<'_>) {
    assert!(!event.event_id.is_empty() && event.event_id.chars().count() <= MAX_EVENT_ID_CHARS, "event_id {event:?}");
    assert!(!event.action.is_empty(), "action {event:?}");
    assert!(event.event_time_nanos.is_none_or(|nanos| (0..1_000_000).contains(&nanos)), "event_time_nanos {event:?}");
    if let Some(metadata) = &event.metadata {
        let value: serde_json::Value = serde_json::from_str(metadata).expect("metadata is JSON");
        assert!(value.as_object().is_some_and(|members| !members.is_empty()), "metadata {metadata}");
    }
    if let Some(changes) = &event.changes {
        let value: serde_json::Value = serde_json::from_str(changes).expect("changes are JSON");
        let all_name_a_field = |changes: &Vec<serde_json::Value>| changes.iter().all(|change| change["field"].is_string());
        assert!(value.as_array().is_some_and(all_name_a_field), "changes {changes}");
    }
}

impl Sink for Handed {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        check(event);
        self.events.push(format!("{event:?}"));
        Ok(())
    }

    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        assert!(
            !record.reason.is_empty()
                && record.bytes.len() <= MAX_RECORD_BYTES
                && record.length >= record.bytes.len() as u64
        );
        self.quarantined.push((record.reason.to_owned(), record.bytes.to_vec()));
        Ok(())
    }

    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        self.set_aside += 1;
        Ok(())
    }
}

/// Gives a few bytes at a time, as a network does.
struct Slow<'d>(&'d [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.0.len()).min(1 + self.0.len() % 251);
        let (now, later) = self.0.split_at(length);
        buffer.get_mut(..length).unwrap_or_default().copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

fn read(object: impl Read) -> (Handed, Summary) {
    let target = target();
    let mut handed = Handed::default();
    let read = import(object, "fuzzed", target.source, &target.context, &mut handed);
    let (_, summary) = read.expect("broken content is no failure");
    assert_eq!(summary.records, summary.events + summary.quarantined + summary.set_aside);
    assert_eq!(summary.events, handed.events.len() as u64);
    assert_eq!(summary.quarantined, handed.quarantined.len() as u64);
    assert_eq!(summary.set_aside, handed.set_aside as u64);
    (handed, summary)
}

fuzz_target!(|data: &[u8]| {
    if name() == "posting" {
        posting::check(data);
        return;
    }
    let _ = target().source.map(|source| source.sniff(data, "fuzzed"));
    let (at_once, _) = read(data);
    let (in_pieces, _) = read(BufReader::with_capacity(7, Slow(data)));
    assert!(at_once == in_pieces, "what is read depends on how it comes");
});
