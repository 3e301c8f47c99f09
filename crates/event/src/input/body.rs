//! A body taken apart into events.

use std::hash::{BuildHasher, RandomState};
use std::str::Utf8Error;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::context::DoorContext;
use super::door::{Door, Foreign};
use super::errors::BodyError;
use super::foreign;
use super::{ParsedBody, Receipt};
use crate::columns::Column;
use crate::json::{Reader, SyntaxError};
use crate::model::Event;
use crate::shapes::ForeignShape;

/// How a body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON text: an event, an array of events, or an object with `events`.
    Json,
    /// One event a line.
    Ndjson,
    /// Whichever it looks like.
    Sniff,
    /// One CloudEvent.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEventBatch,
}

impl Shape {
    /// The shape that a `Content-Type` states; `None` for one that cannot hold events (415). A body without a content type is
    /// to be sniffed.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" | "text/json" => Some(Shape::Sniff),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/jsonlines"
            | "application/x-json-stream" => Some(Shape::Ndjson),
            _ => None,
        }
    }
}

/// No event that can be accepted is shorter: it states an organization or a region, a time and an action.
const LEAST_EVENT_BYTES: usize = 64;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the events of a body. `random` gives the bytes of ids that cannot be derived.
///
/// Fails only if the body as a whole cannot be read or is too large; what is wrong with single events is in the result.
///
/// ```
/// use auditlake_event::input::{DoorContext, Shape, parse_body};
/// use auditlake_event::{Region, Timestamp};
///
/// let region = Region::parse("us-east-1")?;
/// let context = DoorContext::api(Timestamp::parse("2026-03-01T12:00:00Z")?, &region, None);
/// let body = br#"{"organization":"acme","event_time":"2026-03-01T11:59:58Z","action":"role_assign","ticket":7}"#;
/// let parsed = parse_body(body, Shape::Sniff, &context, &mut || [0; 10])?;
/// assert_eq!(parsed.events[0].action, "role_assign");
/// assert_eq!(parsed.events[0].metadata.as_deref(), Some(r#"{"ticket":7}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_body<'a>(
    body: &'a [u8],
    shape: Shape,
    context: &DoorContext<'a>,
    random: &mut dyn FnMut() -> [u8; 10],
) -> Result<ParsedBody<'a>, BodyError> {
    if body.len() > context.max_body_bytes {
        return Err(BodyError::TooLarge { bytes: body.len(), limit: context.max_body_bytes });
    }
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mark_bytes = body.len() - text.len();
    let shape = shape_of(text, shape);
    let announced = matches!(shape, Shape::CloudEvent | Shape::CloudEventBatch).then_some(ForeignShape::CloudEvents);
    let batch = Batch::new(*context, announced);
    let invalid_utf8 = |error: Utf8Error| BodyError::InvalidUtf8 { position: mark_bytes + error.valid_up_to() };
    let parsed = match shape {
        Shape::Ndjson => batch.read_lines(text, random)?,
        Shape::Json | Shape::Sniff => batch.read_json(std::str::from_utf8(text).map_err(invalid_utf8)?, random)?,
        Shape::CloudEvent | Shape::CloudEventBatch => {
            let text = std::str::from_utf8(text).map_err(invalid_utf8)?;
            batch.read_cloudevents(text, shape == Shape::CloudEventBatch, random)?
        }
    };
    if parsed.count == 0 { Err(BodyError::Empty) } else { Ok(parsed) }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

fn is_one_json_value(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut reader = Reader::new(text);
    reader.skip_whitespace();
    let is_value = reader.skip_value().is_ok();
    reader.skip_whitespace();
    is_value && reader.rest().is_empty()
}

/// Decides what a body is that does not say: an object alone in its first line with more after it begins NDJSON. If the first
/// line is broken, a second line that begins an object of its own speaks for NDJSON, unless the whole is one JSON value.
fn shape_of(text: &[u8], shape: Shape) -> Shape {
    if shape != Shape::Sniff {
        return shape;
    }
    let text = text.trim_ascii_start();
    let Some(line_end) = memchr::memchr(b'\n', text) else { return Shape::Json };
    let (first_line, rest) = text.split_at(line_end);
    if text.first() == Some(&b'[') || is_blank(rest) {
        return Shape::Json;
    }
    let next_begins_object = rest.trim_ascii_start().first() == Some(&b'{');
    if next_begins_object && (is_one_json_value(first_line) || !is_one_json_value(text)) {
        return Shape::Ndjson;
    }
    // Only the first line is an object, the next one is broken.
    if first_line.first() == Some(&b'{') && is_one_json_value(first_line) { Shape::Ndjson } else { Shape::Json }
}

/// The events of one body while it is read.
struct Batch<'a> {
    context: DoorContext<'a>,
    door: Door<'a>,
    parsed: ParsedBody<'a>,
    /// The positions of the first accepted event of each client-given key.
    by_key: HashTable<usize>,
    hasher: RandomState,
}

/// A hash of the key that a client gives an event.
fn hash_of_key(hasher: &RandomState, event: &Event<'_>) -> u64 {
    hasher.hash_one((&event.event_id, event.event_time.millis()))
}

impl<'a> Batch<'a> {
    /// `announced` is the shape that all events of the body have; `None` if each may have its own.
    fn new(context: DoorContext<'a>, announced: Option<ForeignShape>) -> Self {
        Self {
            context,
            door: Door::new(context, announced.map_or(Foreign::Found, Foreign::Announced)),
            parsed: ParsedBody::default(),
            by_key: HashTable::new(),
            hasher: RandomState::new(),
        }
    }

    fn finish(mut self) -> ParsedBody<'a> {
        self.hash_kept();
        self.parsed.errors = self.door.take_errors();
        self.parsed
    }

    /// Makes room for the events of `body_bytes` bytes, of which one takes `event_bytes`.
    fn expect_events(&mut self, body_bytes: usize, event_bytes: usize) {
        let expected = (body_bytes / event_bytes.max(LEAST_EVENT_BYTES) + 1).min(self.context.max_events);
        self.parsed.events.reserve(expected);
        self.parsed.receipts.reserve(expected);
        let (events, hasher, known) = (&self.parsed.events, &self.hasher, &mut self.by_key);
        known.reserve(expected, |position| events.get(*position).map_or(0, |event| hash_of_key(hasher, event)));
    }

    /// The position of the next event. Fails if there may be no more.
    fn next_index(&mut self) -> Result<usize, BodyError> {
        let index = self.parsed.count;
        if index >= self.context.max_events {
            return Err(BodyError::TooManyEvents { limit: self.context.max_events });
        }
        self.parsed.count += 1;
        Ok(index)
    }

    /// Hashes the events that were taken in since the last time: they are the last ones.
    fn hash_kept(&mut self) {
        let hashes = self.door.forms().hash();
        let known = self.parsed.receipts.len().saturating_sub(hashes.len());
        for (receipt, event_hash) in self.parsed.receipts.iter_mut().skip(known).zip(hashes) {
            receipt.event_hash = event_hash;
        }
    }

    /// Takes the last of the events in, unless one with the same key and other content is in already.
    fn accept(&mut self, index: usize) {
        let Some((event, others)) = self.parsed.events.split_last() else { return };
        let hash = hash_of_key(&self.hasher, event);
        let is_same = |position: &usize| others.get(*position).is_some_and(|other| is_same_event(other, event));
        let rehash = |position: &usize| others.get(*position).map_or(0, |other| hash_of_key(&self.hasher, other));
        let first = match self.by_key.entry(hash, is_same, rehash) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(unknown) => {
                unknown.insert(others.len());
                None
            }
        };
        self.door.forms().keep();
        // The hash follows when there are enough to be hashed together.
        self.parsed.receipts.push(Receipt { index, event_hash: [0; 32] });
        if first.is_some() || self.door.forms().is_enough() {
            self.hash_kept();
        }
        if let Some(first) = first {
            self.refuse_if_other(index, first);
        }
    }

    /// Refuses the last of the events, which has the key of the one at the position `first`, if its content differs.
    fn refuse_if_other(&mut self, index: usize, first: usize) {
        let receipts = &mut self.parsed.receipts;
        let Some((last, original)) = receipts.last().zip(receipts.get(first)) else { return };
        if last.event_hash == original.event_hash {
            return;
        }
        let detail = format!("is that of the event at index {} of this batch, whose content differs", original.index);
        receipts.pop();
        self.parsed.events.pop();
        self.door.refuse_column(index, Column::EventId, detail);
    }

    fn read_lines(mut self, body: &'a [u8], random: &mut dyn FnMut() -> [u8; 10]) -> Result<ParsedBody<'a>, BodyError> {
        let whole = std::str::from_utf8(body).ok();
        let mut line_start = 0;
        while line_start < body.len() {
            let line_end = memchr::memchr(b'\n', &body[line_start..]).map_or(body.len(), |length| line_start + length);
            let line = &body[line_start..line_end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = match whole {
                Some(whole) => Ok(&whole[line_start..line_start + line.len()]),
                None => std::str::from_utf8(line),
            };
            line_start = line_end + 1;
            if line.first() != Some(&b'{') && is_blank(line) {
                continue;
            }
            let index = self.next_index()?;
            if index == 0 {
                self.expect_events(body.len(), line.len());
            }
            match text {
                Ok(text) => self.read_line(index, text, random),
                Err(error) => {
                    let detail = format!("is not valid UTF-8 at byte {} of its line", error.valid_up_to());
                    self.door.refuse(index, detail);
                }
            }
        }
        Ok(self.finish())
    }

    fn read_line(&mut self, index: usize, line: &'a str, random: &mut dyn FnMut() -> [u8; 10]) {
        if self.context.is_refused_for_its_size(line.trim_ascii().len()) {
            self.door.refuse_large(index);
            return;
        }
        let accepted = self.parsed.events.len();
        match self.event_of_line(index, line, random) {
            Ok(true) => self.accept(index),
            Ok(false) => {}
            Err(error) => {
                self.parsed.events.truncate(accepted);
                self.door.forget(index);
                self.door.refuse(index, format!("is not JSON: {error}"));
            }
        }
    }

    fn event_of_line(
        &mut self,
        index: usize,
        line: &'a str,
        random: &mut dyn FnMut() -> [u8; 10],
    ) -> Result<bool, SyntaxError> {
        let mut reader = Reader::new(line);
        reader.skip_whitespace();
        let is_event = foreign::read(&mut self.door, index, &mut reader, random, &mut self.parsed.events)?;
        reader.skip_whitespace();
        if reader.rest().is_empty() { Ok(is_event) } else { Err(reader.error("the end of the line")) }
    }

    fn read_json(mut self, text: &'a str, random: &mut dyn FnMut() -> [u8; 10]) -> Result<ParsedBody<'a>, BodyError> {
        let mut reader = Reader::new(text);
        reader.skip_whitespace();
        match reader.peek() {
            None => return Err(BodyError::Empty),
            Some(b'[') => self.read_array(&mut reader, random)?,
            Some(b'{') => match envelope(&reader)? {
                Some((mut events, end)) => {
                    self.read_array(&mut events, random)?;
                    reader.position = end;
                }
                None => self.read_event(&mut reader, random)?,
            },
            Some(_) => {
                reader.skip_value()?;
                return Err(BodyError::WrongType);
            }
        }
        self.end(&mut reader)
    }

    fn read_cloudevents(
        mut self,
        text: &'a str,
        is_batch: bool,
        random: &mut dyn FnMut() -> [u8; 10],
    ) -> Result<ParsedBody<'a>, BodyError> {
        let mut reader = Reader::new(text);
        reader.skip_whitespace();
        match reader.peek() {
            None => return Err(BodyError::Empty),
            Some(b'[') if is_batch => self.read_array(&mut reader, random)?,
            Some(_) if is_batch => {
                reader.skip_value()?;
                return Err(BodyError::NoBatch);
            }
            Some(_) => self.read_event(&mut reader, random)?,
        }
        self.end(&mut reader)
    }

    /// What was read, if nothing follows it.
    fn end(self, reader: &mut Reader<'a>) -> Result<ParsedBody<'a>, BodyError> {
        reader.skip_whitespace();
        if !reader.rest().is_empty() {
            return Err(reader.error("the end of the body").into());
        }
        Ok(self.finish())
    }

    fn read_event(&mut self, reader: &mut Reader<'a>, random: &mut dyn FnMut() -> [u8; 10]) -> Result<(), BodyError> {
        let index = self.next_index()?;
        let (start, body_bytes) = (reader.position, reader.rest().len());
        if foreign::read(&mut self.door, index, reader, random, &mut self.parsed.events)? {
            if index == 0 {
                self.expect_events(body_bytes, reader.position - start);
            }
            self.accept(index);
        }
        Ok(())
    }

    fn read_array(&mut self, reader: &mut Reader<'a>, random: &mut dyn FnMut() -> [u8; 10]) -> Result<(), BodyError> {
        reader.position += 1;
        reader.skip_whitespace();
        if reader.take(b']') {
            return Ok(());
        }
        loop {
            self.read_event(reader, random)?;
            if !reader.comma_or(b']')? {
                return Ok(());
            }
        }
    }
}

fn is_same_event(left: &Event<'_>, right: &Event<'_>) -> bool {
    left.event_id == right.event_id
        && left.event_time == right.event_time
        && left.organization == right.organization
        && left.region == right.region
        && left.source == right.source
}

/// If the object that is next is `{"events":[…]}`: a reader at that array, and where the object ends. An object with an array `events` that states an
/// `event_time` is an event.
fn envelope<'a>(reader: &Reader<'a>) -> Result<Option<(Reader<'a>, usize)>, BodyError> {
    let mut reader = reader.clone();
    reader.position += 1;
    reader.skip_whitespace();
    if reader.take(b'}') {
        return Ok(None);
    }
    let mut events = None;
    let mut other = None;
    loop {
        if reader.peek() != Some(b'"') {
            return Err(reader.error("a member's name").into());
        }
        let name = reader.string()?.raw();
        reader.colon()?;
        match name {
            "events" if reader.peek() == Some(b'[') && events.is_none() => events = Some(reader.clone()),
            _ if name == Column::EventTime.name() => return Ok(None),
            _ => {
                other.get_or_insert(name);
            }
        }
        reader.skip_value()?;
        if !reader.comma_or(b'}')? {
            break;
        }
    }
    match (events, other) {
        (Some(_), Some(member)) => Err(BodyError::UnknownMember { member: member.to_owned() }),
        (events, _) => Ok(events.map(|events| (events, reader.position))),
    }
}
