//! What every source has in common: the trait, what it is told about an import, and what it hands on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

use auditlake_event::limits::{EARLIEST_EVENT_TIME_MS, LEAD_MS, MAX_EVENT_ID_CHARS};
use auditlake_event::{Event, Organization, Region, Timestamp};
use uuid::Uuid;

use crate::nested::Nesting;

/// Largest record by default, in bytes (4 MiB): CloudTrail's own limit is 1 MB, and a whole EventBridge envelope fits too.
pub const DEFAULT_MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;
/// Largest object by default after inflating, in bytes (64 GiB): what a gzip bomb may cost.
pub const DEFAULT_MAX_INFLATED_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// How sure a source is that an object is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Nothing speaks for it.
    None,
    /// Only the object's name does.
    Name,
    /// The content does, but another source could write the like.
    Likely,
    /// The content does; nothing else looks so.
    Certain,
}

/// A log format: it recognises its objects and reads them record by record.
pub trait Source: Sync {
    /// The name in the column `source`, such as `aws.cloudtrail`.
    fn name(&self) -> &'static str;

    /// Judges an object by its beginning and its name. Both come from whoever wrote the object: trust neither.
    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence;

    /// Reads an inflated object to its end and hands every record to `sink`, in the object's order.
    ///
    /// Fails only if the bytes cannot be had or the sink refuses; whatever is wrong with a record goes to quarantine.
    /// `object_name` is the object's key or path, for what only stands there; anybody may have chosen it.
    fn read(
        &self,
        input: &mut dyn BufRead,
        object_name: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError>;
}

/// What an import knows and its records do not say.
#[derive(Debug, Clone)]
pub struct ImportContext {
    /// The installation region of every event.
    pub region: Region,
    /// The organization of every event whose account is not in `account_organizations`.
    pub organization: Organization,
    /// Cloud account (or project, subscription) to organization.
    pub account_organizations: BTreeMap<String, Organization>,
    /// Whether our own JSON keeps the organization and the region that each event states, and all else that the lake it comes
    /// from had set: an operator moves a lake. An event that states no organization goes to quarantine then.
    pub keep_organizations: bool,
    /// When the lake takes the events in.
    pub received_time: Timestamp,
    /// Whether each event keeps its original record in the column `raw`.
    pub keep_raw: bool,
    /// How far after `received_time` an event time may lie, in milliseconds.
    pub lead_ms: i64,
    /// Largest record, in bytes; a larger one goes to quarantine, cut.
    pub max_record_bytes: usize,
    /// Largest object after inflating, in bytes; the rest of a larger one goes unread, which quarantine says.
    pub max_inflated_bytes: u64,
}

impl ImportContext {
    /// A context with the defaults: raw records kept, 5 minutes of lead, the limits above.
    pub fn new(region: Region, organization: Organization, received_time: Timestamp) -> Self {
        Self {
            region,
            organization,
            account_organizations: BTreeMap::new(),
            keep_organizations: false,
            received_time,
            keep_raw: true,
            lead_ms: LEAD_MS,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            max_inflated_bytes: DEFAULT_MAX_INFLATED_BYTES,
        }
    }

    /// The organization of an account.
    pub fn organization_of(&self, account: Option<&str>) -> &Organization {
        account.and_then(|account| self.account_organizations.get(account)).unwrap_or(&self.organization)
    }

    /// An event of a source that states nothing yet but where it belongs.
    pub(crate) fn event<'a>(&'a self, source: &'static str, account: Option<&str>) -> Event<'a> {
        Event {
            received_time: self.received_time,
            region: Cow::Borrowed(self.region.as_str()),
            organization: Cow::Borrowed(self.organization_of(account).as_str()),
            source: Cow::Borrowed(source),
            ..Event::default()
        }
    }

    /// Why an event time cannot be taken, if so: before 2000, or further in the future than the lead.
    pub fn refuse_time(&self, event_time: Timestamp) -> Option<&'static str> {
        if event_time.millis() < EARLIEST_EVENT_TIME_MS {
            return Some("event time lies before the year 2000");
        }
        if event_time > self.received_time.plus_millis(self.lead_ms) {
            return Some("event time lies in the future");
        }
        None
    }
}

/// Where in an object a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The record's first byte, counted from 0 in the inflated object, or in the inflated member of an archive. For a member that
    /// could not be read: where it begins in the archive.
    pub byte_offset: u64,
    /// The record's number in the object or member, from 0, quarantined ones and those set aside included. For a member that could
    /// not be read: its number in the archive.
    pub record_index: u64,
}

/// A record that could not become an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined<'a> {
    /// Why, lower-case, for people.
    pub reason: &'a str,
    /// Where it lies.
    pub position: Position,
    /// Its bytes as they stand in the object, at most [`ImportContext::max_record_bytes`] of them.
    pub bytes: &'a [u8],
    /// How many bytes it has; more than `bytes` holds if it was cut.
    pub length: u64,
    /// The member of an archive that it lies in, with `!/` between an archive and a member of it where archives lie in each other
    /// (`inner.zip!/trail.json`); empty if it lies in the object itself. Whoever made the archive chose it: it is no path to follow.
    pub member: &'a str,
}

/// What a record is that was recognised but is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetAsideKind {
    /// A statement of integrity, such as a CloudTrail digest file.
    Digest,
    /// Statistics about events, such as CloudTrail Insights.
    Insight,
    /// A message of the transport, such as the probe CloudWatch Logs sends to a new subscriber.
    Control,
    /// Counts of events that a system summed up, such as CloudTrail's aggregated events.
    Aggregated,
    /// A notice that something was delivered, or the test of such notices.
    Notification,
    /// An entry of a log that is shared with audit records and is known to be none: a program's own messages.
    NotAudit,
    /// What macOS keeps about files and folders beside them: `._…` and `.DS_Store`.
    FileAttributes,
}

impl SetAsideKind {
    /// Every kind, in the order of reports.
    pub const ALL: [SetAsideKind; 7] = [
        SetAsideKind::Digest,
        SetAsideKind::Insight,
        SetAsideKind::Aggregated,
        SetAsideKind::Notification,
        SetAsideKind::Control,
        SetAsideKind::NotAudit,
        SetAsideKind::FileAttributes,
    ];

    /// The kind's name in reports and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            SetAsideKind::Digest => "digest",
            SetAsideKind::Insight => "insight",
            SetAsideKind::Aggregated => "aggregated",
            SetAsideKind::Notification => "notification",
            SetAsideKind::Control => "control",
            SetAsideKind::NotAudit => "not_audit",
            SetAsideKind::FileAttributes => "file_attributes",
        }
    }
}

/// A record that was recognised but is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside<'a> {
    /// What it is.
    pub kind: SetAsideKind,
    /// Where it lies.
    pub position: Position,
    /// Its bytes as they stand in the object.
    pub bytes: &'a [u8],
}

/// Why a sink refused what it was handed.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes what a source reads. A refusal ends the reading.
pub trait Sink {
    /// Takes an event. Its texts live only during the call.
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError>;
    /// Takes a record that could not become an event.
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError>;
    /// Takes a record that is no event.
    fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), SinkError>;
    /// What is known about the object that is read, for records inside of records. Only this crate's own sinks know.
    #[doc(hidden)]
    fn nesting(&mut self) -> Option<&mut Nesting> {
        None
    }
}

/// How many records were set aside, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAsideCounts([u64; SetAsideKind::ALL.len()]);

impl SetAsideCounts {
    /// The kinds of which there are any, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (SetAsideKind, u64)> {
        SetAsideKind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    fn add(&mut self, kind: SetAsideKind) {
        for (count, _) in self.0.iter_mut().zip(SetAsideKind::ALL).filter(|(_, of)| *of == kind) {
            *count += 1;
        }
    }
}

impl std::ops::AddAssign for SetAsideCounts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

/// `3 digest, 2 insight`; `0` if nothing was set aside.
impl std::fmt::Display for SetAsideCounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (kind, count) in self.iter() {
            write!(formatter, "{separator}{count} {}", kind.as_str())?;
            separator = ", ";
        }
        if separator.is_empty() { formatter.write_str("0") } else { Ok(()) }
    }
}

/// What was read of an object. `records` = `events` + `quarantined` + `set_aside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Records met.
    pub records: u64,
    /// Records that became events.
    pub events: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Records that are no events.
    pub set_aside: u64,
    /// The same, by kind.
    pub set_aside_by_kind: SetAsideCounts,
    /// Bytes of the object, inflated.
    pub bytes: u64,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.events += other.events;
        self.quarantined += other.quarantined;
        self.set_aside += other.set_aside;
        self.set_aside_by_kind += other.set_aside_by_kind;
        self.bytes += other.bytes;
    }
}

/// Why an object could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be had; trying again may help.
    #[error("the object could not be read")]
    Io(#[from] io::Error),
    /// The sink refused a record.
    #[error("a record could not be taken")]
    Sink(#[source] SinkError),
}

/// Whether some bytes hold others.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Whether a text holds another in any ASCII case.
pub(crate) fn contains_any_case(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// The namespace of ids derived from imported records. Never changes: the same record must give the same id for ever.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6f2b_3c1e_9d4a_5b87_a1c0_52e7_d83f_4e19);

/// The id of a record that has none of its own: UUIDv5 over the source's name, a zero byte and `text`.
pub(crate) fn derived_id(source: &str, text: &str) -> String {
    let content = [source.as_bytes(), &[0], text.as_bytes()].concat();
    Uuid::new_v5(&ID_NAMESPACE, &content).to_string()
}

/// A source's own id as an event's id, unless it is empty; one over the limit is replaced by a derived id, and comes back second.
pub(crate) fn own_id<'r>(source: &str, id: Cow<'r, str>) -> (Cow<'r, str>, Option<Cow<'r, str>>) {
    if id.chars().count() <= MAX_EVENT_ID_CHARS {
        return (id, None);
    }
    (Cow::Owned(derived_id(source, &id)), Some(id))
}

/// What a time states below the millisecond: nothing, if it has no more than three fraction digits. (A leap second, which is
/// kept as the end of the second before it, states more than it says.)
pub(crate) fn stated_nanos(time: &str, nanos: i32) -> Option<i32> {
    let fraction = time.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    (nanos != 0 || digits > 3).then_some(nanos)
}

/// Counts what goes to a sink, so that a source's summary cannot disagree with it.
pub(crate) struct Counted<'s> {
    sink: &'s mut dyn Sink,
    summary: Summary,
}

impl<'s> Counted<'s> {
    pub(crate) fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, summary: Summary::default() }
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), ReadError> {
        self.summary.records += 1;
        self.summary.events += 1;
        self.sink.event(event).map_err(ReadError::Sink)
    }

    pub(crate) fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), ReadError> {
        self.summary.records += 1;
        self.summary.quarantined += 1;
        self.sink.quarantined(record).map_err(ReadError::Sink)
    }

    pub(crate) fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), ReadError> {
        self.summary.records += 1;
        self.summary.set_aside += 1;
        self.summary.set_aside_by_kind.add(record.kind);
        self.sink.set_aside(record).map_err(ReadError::Sink)
    }

    /// How many events there were.
    pub(crate) fn events(&self) -> u64 {
        self.summary.events
    }

    /// The sink that is counted.
    pub(crate) fn sink(&mut self) -> &mut dyn Sink {
        self.sink
    }

    pub(crate) fn finish(self, bytes: u64) -> Summary {
        Summary { bytes, ..self.summary }
    }
}
