//! Records inside of records: what an envelope holds is read as an object of its own, by whichever source knows it.
//!
//! Bounds: envelopes lie in each other at most [`MAX_DEPTH`] deep, and what one record of the object holds inflates to at most
//! [`Nesting::INFLATED_PER_RECORD`] (or 16 of the largest records). What is inside has the position of what it lies in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Cursor};
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};

use auditlake_event::Event;

use crate::archive::Budget;
use crate::csv;
use crate::envelope::{self, Envelope, LISTS, Opened, Payload};
use crate::json::{Failure, Json, Outer, Parser, write_whole};
use crate::reader;
use crate::reading::{UNKNOWN_FORMAT, Verdict, read_json};
use crate::records::Format;
use crate::source::{
    Confidence, Counted, ImportContext, Position, Quarantined, ReadError, SetAside, Sink, SinkError, Source, Summary,
};
use crate::{SOURCES, UNKNOWN};

/// How deep envelopes may lie in each other.
const MAX_DEPTH: usize = 5;
/// How many values at the beginning of an object are looked at to see whether it holds envelopes.
const LOOKED_AT: usize = 4;
/// Bytes by which records are looked for behind a broken envelope.
const MARKER: &[u8] = b"{\"";

const LENIENT: GeneralPurposeConfig =
    general_purpose::NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const PLAIN_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// What is known while an object is read, however deep.
#[derive(Debug)]
pub struct Nesting {
    context: Arc<ImportContext>,
    object_name: Arc<str>,
    /// The source that the caller stated.
    stated: Option<&'static str>,
    depth: usize,
    /// How many bytes may still be inflated inside the record at hand.
    left: u64,
    /// Whether characters of an envelope had to be replaced.
    is_replaced: bool,
    /// What was read inside of envelopes and archives, by source.
    inside: BTreeMap<&'static str, Summary>,
    /// How many archives lie around what is read.
    archives: usize,
    budget: Rc<Budget>,
}

impl Nesting {
    /// How much one record of an object may hold, inflated.
    const INFLATED_PER_RECORD: u64 = 64 * 1024 * 1024;

    fn allowance(&self) -> u64 {
        (self.context.max_record_bytes as u64).saturating_mul(16).clamp(1, Self::INFLATED_PER_RECORD.max(1))
    }

    fn stated(&self) -> Option<&'static dyn Source> {
        self.stated.and_then(crate::by_name)
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

    /// Whether characters of what lies around the records had to be replaced.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced
    }
}

/// The sink of a whole object: the caller's, and what is known meanwhile.
pub(crate) struct Root<'s> {
    sink: &'s mut dyn Sink,
    nesting: Nesting,
}

impl<'s> Root<'s> {
    pub(crate) fn new(
        sink: &'s mut dyn Sink,
        context: &ImportContext,
        object_name: &str,
        stated: Option<&'static dyn Source>,
    ) -> Self {
        let nesting = Nesting {
            context: Arc::new(context.clone()),
            object_name: Arc::from(object_name),
            stated: stated.map(Source::name),
            depth: 0,
            left: 0,
            is_replaced: false,
            inside: BTreeMap::new(),
            archives: 0,
            budget: Rc::new(Budget::new(context.max_inflated_bytes)),
        };
        Self { sink, nesting }
    }

    /// What archives may cost.
    pub(crate) fn budget(&self) -> Rc<Budget> {
        self.nesting.budget()
    }

    /// What was read inside of envelopes and archives, by source.
    pub(crate) fn inside(self) -> BTreeMap<&'static str, Summary> {
        self.nesting.inside
    }
}

impl Sink for Root<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.sink.event(event)
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        self.sink.quarantined(record)
    }
    fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), SinkError> {
        self.sink.set_aside(record)
    }
    fn nesting(&mut self) -> Option<&mut Nesting> {
        Some(&mut self.nesting)
    }
}

/// Hands on what lies in an envelope, at the envelope's position.
struct Inside<'s> {
    outer: &'s mut dyn Sink,
    position: Position,
}

impl Sink for Inside<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.outer.event(event)
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        self.outer.quarantined(&Quarantined { position: self.position, ..record.clone() })
    }
    fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), SinkError> {
        self.outer.set_aside(&SetAside { position: self.position, ..record.clone() })
    }
    fn nesting(&mut self) -> Option<&mut Nesting> {
        self.outer.nesting()
    }
}

/// Who reads an object, or what an envelope holds.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    Source(&'static dyn Source),
    /// Envelopes, whose payloads are known one by one.
    Envelopes,
    /// A table with a header, each row of which is an envelope.
    Table,
}

impl Reader {
    /// The name under which its records are counted.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reader::Source(source) => source.name(),
            Reader::Envelopes | Reader::Table => UNKNOWN,
        }
    }

    /// Reads an object to its end.
    pub(crate) fn read(
        self,
        input: &mut dyn BufRead,
        object_name: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        match self {
            Reader::Source(source) => source.read(input, object_name, context, sink),
            Reader::Envelopes => read_envelopes(input, context, sink),
            Reader::Table => csv::read(input, context, sink),
        }
    }
}

/// Who can read an object that begins so; `None` if nobody can. A stated source reads whatever is no envelope.
pub(crate) fn reader_of(head: &[u8], object_name: &str, stated: Option<&'static dyn Source>) -> Option<Reader> {
    reader_at(head, object_name, stated, 0)
}

fn reader_at(head: &[u8], object_name: &str, stated: Option<&'static dyn Source>, depth: usize) -> Option<Reader> {
    if csv::is_table(head) {
        return Some(Reader::Table);
    }
    let best = match stated {
        Some(stated) => (stated.sniff(head, object_name), Some(stated)),
        None => sniffed(head, object_name),
    };
    let (confidence, source) = (best.0, best.1.map(Reader::Source));
    if confidence == Confidence::Certain {
        return source;
    }
    if holds_envelopes(head, stated, confidence < Confidence::Likely, depth) {
        return Some(Reader::Envelopes);
    }
    // A first value that does not end in sight may be an envelope of many records.
    let is_likely = confidence > Confidence::None;
    let or_envelopes = || (depth == 0 && stated.is_none() && is_cut_off(head)).then_some(Reader::Envelopes);
    source.filter(|_| is_likely).or_else(or_envelopes)
}

/// Whether the first value of an object, which is JSON as far as can be seen, does not end in its head.
fn is_cut_off(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    head.first() == Some(&b'{') && Parser::new(head).value(0) == Err(Failure::Incomplete)
}

/// The first values of an object, as far as its head holds them whole; behind the bracket of a list of envelopes, if it begins
/// with one. Second: whether there is such a list.
pub(crate) fn first_values(head: &[u8]) -> (Vec<Json<'_>>, bool) {
    let mut values = Vec::new();
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    rest = rest.strip_prefix(b"[").unwrap_or(rest);
    let mut parser = Parser::new(rest);
    let is_list = matches!(parser.outer(&LISTS), Ok(Outer::Elements));
    if is_list {
        rest = rest.get(parser.position()..).unwrap_or_default();
    }
    while values.len() < LOOKED_AT {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut parser = Parser::new(rest);
        let Ok(value @ Json::Object(_)) = parser.value(0) else { break };
        rest = rest.get(parser.position()..).unwrap_or_default();
        values.push(value);
    }
    (values, is_list)
}

/// Whether one of the first values of an object is an envelope: `any`, or one that is known by more than what it holds.
fn holds_envelopes(head: &[u8], stated: Option<&'static dyn Source>, any: bool, depth: usize) -> bool {
    let first = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().first();
    if !matches!(first, Some(b'{' | b'[')) || depth > MAX_DEPTH {
        return false;
    }
    first_values(head).0.iter().any(|value| is_envelope(value, stated, any, depth))
}

fn is_envelope(value: &Json<'_>, stated: Option<&'static dyn Source>, any: bool, depth: usize) -> bool {
    match envelope::open(value) {
        Opened::Nothing => false,
        Opened::Control => stated.is_none(),
        Opened::Envelope(opened) if opened.is_certain && stated.is_none() => true,
        Opened::Envelope(opened) if !opened.is_certain && !any => false,
        Opened::Envelope(opened) => opened
            .payloads
            .iter()
            .take(LOOKED_AT * 8)
            .any(|payload| bytes_of(payload).is_ok_and(|bytes| may_be_read(&bytes, stated, depth + 1))),
    }
}

/// Whether somebody may read a payload. What is in gzip shows nothing before it is inflated, which reading does.
fn may_be_read(payload: &[u8], stated: Option<&'static dyn Source>, depth: usize) -> bool {
    payload.starts_with(b"\x1f\x8b") || reader_at(payload, "", stated, depth).is_some()
}

/// The bytes of a payload, or why there are none.
fn bytes_of<'p>(payload: &'p Payload<'_>) -> Result<Cow<'p, [u8]>, &'static str> {
    match payload {
        Payload::Json(value) => {
            let mut text = String::new();
            write_whole(value, &mut text);
            Ok(Cow::Owned(text.into_bytes()))
        }
        Payload::Text(text) => Ok(Cow::Borrowed(text.as_bytes())),
        Payload::Base64(text) => {
            let text = text.trim();
            if text.starts_with(['{', '[']) {
                return Ok(Cow::Borrowed(text.as_bytes()));
            }
            let plain = |text: &[u8]| PLAIN_ALPHABET.decode(text).or_else(|_| URL_ALPHABET.decode(text)).ok();
            let without_breaks = || text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>();
            let decoded = plain(text.as_bytes()).or_else(|| plain(&without_breaks()));
            decoded.map(Cow::Owned).ok_or("the envelope's data is no base64")
        }
    }
}

/// Reads an object of envelopes.
fn read_envelopes(input: &mut dyn BufRead, context: &ImportContext, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let is_list = match crate::reading::look_at_head(input, sink, |head| first_values(head).1) {
        Ok(is_list) => is_list,
        Err(ended) => return ended,
    };
    let lists: &[&str] = if is_list { &LISTS } else { &[] };
    let format = Format { lists, marker: MARKER, max_record_bytes: context.max_record_bytes };
    read_json(input, format, sink, &mut |_, _, _| Ok(Verdict::Quarantine(UNKNOWN_FORMAT.into())))
}

/// What came of looking through a record.
pub(crate) enum Looked {
    /// What is inside was handed on, and counted.
    Through,
    /// It is no envelope, or holds nothing that any source knows: the reason, if there is a better one.
    Closed(Option<String>),
    /// A message of the transport.
    Control,
}

/// Looks through a record that the source `by` could not read: hands on what lies inside.
pub(crate) fn look_through(
    value: &Json<'_>,
    is_replaced: bool,
    position: Position,
    sink: &mut dyn Sink,
) -> Result<Looked, ReadError> {
    let Some(nesting) = sink.nesting() else { return Ok(Looked::Closed(None)) };
    let (stated, depth) = (nesting.stated(), nesting.depth);
    let opened = match envelope::open(value) {
        Opened::Nothing => return Ok(Looked::Closed(None)),
        Opened::Control => return Ok(Looked::Control),
        Opened::Envelope(opened) => opened,
    };
    if depth >= MAX_DEPTH {
        return Ok(Looked::Closed(Some("envelopes lie in each other too deep".to_owned())));
    }
    if depth == 0 {
        nesting.left = nesting.allowance();
    }
    let was_replaced = nesting.is_replaced;
    nesting.is_replaced |= is_replaced;
    nesting.depth += 1;
    let looked = payloads(&opened, stated, position, sink);
    if let Some(nesting) = sink.nesting() {
        nesting.depth = depth;
        nesting.is_replaced = was_replaced;
    }
    looked
}

fn payloads(
    opened: &Envelope<'_>,
    stated: Option<&'static dyn Source>,
    position: Position,
    sink: &mut dyn Sink,
) -> Result<Looked, ReadError> {
    let mut reason = opened.is_certain.then(|| format!("{} that holds no known log format", opened.name));
    let mut has_read = false;
    // Where each payload is a record, one that nobody knows is quarantined alone, unless nobody knows any.
    let mut unknown: Vec<(Cow<'_, [u8]>, String)> = Vec::new();
    for payload in &opened.payloads {
        let bytes = match bytes_of(payload) {
            Ok(bytes) => bytes,
            Err(why) => {
                reason = Some(why.to_owned());
                continue;
            }
        };
        match read_inside(&bytes, stated, position, sink)? {
            true if opened.is_one => return Ok(Looked::Through),
            true => has_read = true,
            false if opened.is_one => {}
            false => unknown.push((bytes, reason.clone().unwrap_or_else(|| UNKNOWN_FORMAT.to_owned()))),
        }
    }
    if !has_read {
        return Ok(Looked::Closed(reason));
    }
    let mut counted = Counted::new(sink);
    for (bytes, reason) in unknown {
        let length = bytes.len() as u64;
        counted.quarantined(&Quarantined { reason: &reason, position, bytes: &bytes, length, member: "" })?;
    }
    let summary = counted.finish(0);
    add(sink, UNKNOWN, summary);
    Ok(Looked::Through)
}

fn add(sink: &mut dyn Sink, name: &'static str, summary: Summary) {
    if summary.records > 0
        && let Some(nesting) = sink.nesting()
    {
        *nesting.inside.entry(name).or_default() += Summary { bytes: 0, ..summary };
    }
}

/// Reads what an envelope holds; returns whether anybody knows it.
fn read_inside(
    bytes: &[u8],
    stated: Option<&'static dyn Source>,
    position: Position,
    sink: &mut dyn Sink,
) -> Result<bool, ReadError> {
    let Some(nesting) = sink.nesting() else { return Ok(false) };
    let (context, object_name) = (Arc::clone(&nesting.context), Arc::clone(&nesting.object_name));
    let (allowed, depth) = (nesting.left, nesting.depth);
    let mut inflated = reader::open(Cursor::new(bytes), allowed)?;
    let is_compressed = inflated.compression() != reader::Compression::None;
    let reader = match inflated.fill_buf() {
        Ok(head) => reader_at(head, "", stated, depth),
        Err(_) => None,
    };
    let Some(reader) = reader else { return Ok(false) };
    let mut inside = Inside { outer: sink, position };
    let summary = reader.read(&mut inflated, &object_name, &context, &mut inside)?;
    if let Some(nesting) = sink.nesting() {
        let spent = if is_compressed { summary.bytes } else { 0 };
        nesting.left = nesting.left.saturating_sub(spent);
    }
    add(sink, reader.name(), summary);
    Ok(true)
}

/// The source that most likely wrote an object, and how sure it is.
pub(crate) fn sniffed(head: &[u8], object_name: &str) -> (Confidence, Option<&'static dyn Source>) {
    let mut best: (Confidence, Option<&'static dyn Source>) = (Confidence::None, None);
    for source in SOURCES.iter().copied() {
        let confidence = source.sniff(head, object_name);
        if confidence > best.0 {
            best = (confidence, Some(source));
        }
    }
    best
}
