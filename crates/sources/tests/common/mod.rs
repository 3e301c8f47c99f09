//! A sink that keeps what it is handed, and short ways to read.
#![allow(dead_code)]

pub mod archives;
pub mod azure;
pub mod samples;

use std::collections::BTreeMap;

use auditlake_event::{Event, Organization, Region, Timestamp};
use auditlake_sources::{
    ImportContext, Position, Quarantined, ReadError, SetAside, SetAsideKind, Sink, SinkError, Source, Summary, by_name,
    import, import_by_source,
};

/// The columns of an event that are not null, as text.
pub type Columns = BTreeMap<&'static str, String>;

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Collector {
    pub events: Vec<Columns>,
    pub quarantined: Vec<(String, Position, Vec<u8>, u64)>,
    /// The members of archives that the quarantined records lie in.
    pub members: Vec<String>,
    pub set_aside: Vec<(SetAsideKind, Position, Vec<u8>)>,
}

impl Sink for Collector {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.events.push(columns(event));
        Ok(())
    }

    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        self.members.push(record.member.to_owned());
        self.quarantined.push((record.reason.to_owned(), record.position, record.bytes.to_vec(), record.length));
        Ok(())
    }

    fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), SinkError> {
        self.set_aside.push((record.kind, record.position, record.bytes.to_vec()));
        Ok(())
    }
}

/// Takes events and keeps none; refuses what is broken.
pub struct NothingKept;

impl Sink for NothingKept {
    fn event(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        Ok(())
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        Err(record.reason.into())
    }
    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Collector {
    /// The values of one column.
    pub fn column(&self, name: &str) -> Vec<&str> {
        self.events.iter().map(|event| event.get(name).map_or("", String::as_str)).collect()
    }

    pub fn reasons(&self) -> Vec<&str> {
        self.quarantined.iter().map(|(reason, ..)| reason.as_str()).collect()
    }

    pub fn check(&self, summary: Summary) {
        assert_eq!(summary.events, self.events.len() as u64);
        assert_eq!(summary.quarantined, self.quarantined.len() as u64);
        assert_eq!(summary.set_aside, self.set_aside.len() as u64);
        assert_eq!(summary.records, summary.events + summary.quarantined + summary.set_aside);
    }
}

pub fn columns(event: &Event<'_>) -> Columns {
    let mut columns = Columns::new();
    let mut put = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            columns.insert(name, value.to_owned());
        }
    };
    put("event_id", Some(&event.event_id));
    put("event_time", Some(&event.event_time.to_string()));
    put("event_time_nanos", event.event_time_nanos.map(|nanos| nanos.to_string()).as_deref());
    put("received_time", Some(&event.received_time.to_string()));
    put("region", Some(&event.region));
    put("organization", Some(&event.organization));
    put("source", Some(&event.source));
    put("action", Some(&event.action));
    put("category", event.category.map(|category| category.as_str()));
    put("outcome", Some(event.outcome.as_str()));
    put("error_code", event.error_code.as_deref());
    put("error_message", event.error_message.as_deref());
    put("actor_id", event.actor_id.as_deref());
    put("actor_type", event.actor_type.map(|kind| kind.as_str()));
    put("actor_name", event.actor_name.as_deref());
    put("actor_email", event.actor_email.as_deref());
    put("actor_via", event.actor_via.as_deref());
    put("resource_type", event.resource_type.as_deref());
    put("resource_id", event.resource_id.as_deref());
    put("resource_name", event.resource_name.as_deref());
    put("scope_type", event.scope_type.as_deref());
    put("scope_id", event.scope_id.as_deref());
    put("changes", event.changes.as_deref());
    put("source_ip", event.source_ip.as_deref());
    put("user_agent", event.user_agent.as_deref());
    put("service_name", event.service_name.as_deref());
    put("request_id", event.request_id.as_deref());
    put("http_method", event.http_method.as_deref());
    put("http_path", event.http_path.as_deref());
    put("http_status", event.http_status.map(|status| status.to_string()).as_deref());
    put("metadata", event.metadata.as_deref());
    put("raw", event.raw.as_deref());
    columns
}

pub fn context() -> ImportContext {
    ImportContext::new(
        Region::parse("eu-west-1").unwrap(),
        Organization::parse("acme").unwrap(),
        Timestamp::parse("2026-04-01T00:00:00Z").unwrap(),
    )
}

pub fn cloudtrail() -> &'static dyn Source {
    by_name("aws.cloudtrail").unwrap()
}

/// Reads an object as the named source does and checks that the summary says what the sink got.
pub fn read_as(source: &str, object: &[u8], object_name: &str, context: &ImportContext) -> Collector {
    let mut collector = Collector::default();
    let (read_by, summary) = import(object, object_name, by_name(source), context, &mut collector).unwrap();
    assert_eq!(read_by, source);
    collector.check(summary);
    collector
}

/// The one event of an object that held nothing else.
pub fn only_event(collector: &Collector, what: &str) -> Columns {
    assert_eq!(collector.reasons(), Vec::<&str>::new(), "{what}");
    assert_eq!(collector.events.len(), 1, "{what}");
    collector.events[0].clone()
}

/// The JSON in a column; null where the column is.
pub fn json_of(event: &Columns, column: &str) -> serde_json::Value {
    event.get(column).map_or(serde_json::Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// Columns as expected; `None`: null.
pub fn assert_columns(event: &Columns, expected: &[(&str, Option<&str>)], what: &str) {
    for (column, value) in expected {
        assert_eq!(event.get(column).map(String::as_str), *value, "{what}: {column}");
    }
}

/// What a disk or a line may make of an object: it is packed, some bytes are others, the end is missing.
pub fn damaged(
    object: Vec<u8>,
    is_compressed: bool,
    flips: Vec<(proptest::sample::Index, u8)>,
    cut: proptest::sample::Index,
) -> Vec<u8> {
    let mut bytes = if is_compressed { gzip(&object) } else { object };
    for (index, byte) in flips {
        let at = index.index(bytes.len());
        bytes[at] = byte;
    }
    bytes.truncate(cut.index(bytes.len() + 1));
    bytes
}

/// Reads an object as `aws.cloudtrail`.
pub fn read_with(object: &[u8], context: &ImportContext) -> Collector {
    read_as("aws.cloudtrail", object, "object", context)
}

pub fn read(object: &[u8]) -> Collector {
    read_with(object, &context())
}

/// Reads an object whose source is found by sniffing.
pub fn read_sniffed(object: &[u8], name: &str) -> Result<(Collector, Summary), ReadError> {
    let mut collector = Collector::default();
    let (_, summary) = import(object, name, None, &context(), &mut collector)?;
    collector.check(summary);
    Ok((collector, summary))
}

/// Reads an object whose source is found, looks through what lies around the records, and checks the counts of all sources.
pub fn collect(object: &[u8], name: &str, source: Option<&str>, context: &ImportContext) -> Collector {
    let mut collector = Collector::default();
    let source = source.map(|name| by_name(name).unwrap());
    let by_source = import_by_source(object, name, source, context, &mut collector).unwrap();
    let mut total = Summary::default();
    by_source.values().for_each(|summary| total += *summary);
    collector.check(total);
    collector
}

/// The bytes of a file under `tests/fixtures`.
pub fn fixture_file(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The bytes of a fixture of `aws.cloudtrail`.
pub fn fixture(name: &str) -> Vec<u8> {
    fixture_file(&format!("cloudtrail/{name}.json"))
}

/// A fixture's record on one line.
pub fn compact(name: &str) -> String {
    let value: serde_json::Value = serde_json::from_slice(&fixture(name)).unwrap();
    value.to_string()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
