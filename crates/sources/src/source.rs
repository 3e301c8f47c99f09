//! What every source has in common: the trait, what it hands on, and what is known while an object is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::rc::Rc;
use std::sync::Arc;

use auditlake_event::Event;
use auditlake_event::limits::MAX_EVENT_ID_CHARS;
use uuid::Uuid;

use crate::archive::Budget;
use crate::context::ImportContext;
use crate::summary::{SetAsideKind, Summary};

/// The name under which an object is counted that no source knows.
pub const UNKNOWN: &str = "unknown";
/// The reason why what no source knows is in quarantine.
pub(crate) const UNKNOWN_FORMAT: &str = "no known log format";

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

/// Who reads what is found: the sources, and who reads what only holds records of others. Given as data, so that what looks for
/// records inside of records need not know the sources.
#[derive(Clone, Copy)]
pub(crate) struct Registry {
    /// The sources, in the order in which ties are decided.
    pub sources: &'static [&'static dyn Source],
    /// Reads tables with a header, each row of which is an envelope, and recognises them.
    pub table: &'static dyn Source,
    /// Reads envelopes, whose payloads are known one by one.
    pub envelopes: &'static dyn Source,
}

impl Registry {
    /// The source of a name, as in the column `source`.
    pub(crate) fn by_name(&self, name: &str) -> Option<&'static dyn Source> {
        self.sources.iter().copied().find(|source| source.name() == name)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.sources.iter().map(|source| source.name())).finish()
    }
}

/// What is known while an object is read, however deep.
#[derive(Debug)]
pub struct Nesting {
    pub(crate) known: Registry,
    pub(crate) context: Arc<ImportContext>,
    pub(crate) object_name: Arc<str>,
    /// The source that the caller stated.
    stated: Option<&'static str>,
    /// How many envelopes lie around what is read.
    pub(crate) depth: usize,
    /// How many bytes may still be inflated inside the record at hand.
    pub(crate) left: u64,
    /// Whether characters of an envelope had to be replaced.
    pub(crate) is_replaced: bool,
    /// What was read inside of envelopes and archives, by source.
    pub(crate) inside: BTreeMap<&'static str, Summary>,
    /// How many archives lie around what is read.
    archives: usize,
    budget: Rc<Budget>,
}

impl Nesting {
    /// How much one record of an object may hold, inflated.
    const INFLATED_PER_RECORD: u64 = 64 * 1024 * 1024;

    pub(crate) fn new(
        known: Registry,
        context: &ImportContext,
        object_name: &str,
        stated: Option<&'static dyn Source>,
    ) -> Self {
        Self {
            known,
            context: Arc::new(context.clone()),
            object_name: Arc::from(object_name),
            stated: stated.map(Source::name),
            depth: 0,
            left: 0,
            is_replaced: false,
            inside: BTreeMap::new(),
            archives: 0,
            budget: Rc::new(Budget::new(context.max_inflated_bytes)),
        }
    }

    /// How much the record at hand may hold, inflated.
    pub(crate) fn allowance(&self) -> u64 {
        (self.context.max_record_bytes as u64).saturating_mul(16).clamp(1, Self::INFLATED_PER_RECORD.max(1))
    }

    /// The source that the caller stated.
    pub(crate) fn stated(&self) -> Option<&'static dyn Source> {
        self.known.by_name(self.stated?)
    }

    /// How many archives lie around what is read.
    pub(crate) fn archives(&self) -> usize {
        self.archives
    }

    /// What archives may still cost.
    pub(crate) fn budget(&self) -> Rc<Budget> {
        Rc::clone(&self.budget)
    }

    /// A member of an archive begins: the object name that was in force.
    pub(crate) fn enter(&mut self, object_name: &str) -> Arc<str> {
        self.archives += 1;
        std::mem::replace(&mut self.object_name, Arc::from(object_name))
    }

    /// It ends, and this was read of it.
    pub(crate) fn leave(&mut self, object_name: Arc<str>, name: &'static str, summary: Summary) {
        self.archives -= 1;
        self.object_name = object_name;
        // A source is named for what holds no record, too; an empty member is nothing.
        if summary.records > 0 || (summary.bytes > 0 && name != UNKNOWN) {
            *self.inside.entry(name).or_default() += summary;
        }
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
