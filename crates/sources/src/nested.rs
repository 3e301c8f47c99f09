//! Records inside of records: what an envelope holds is read as an object of its own, by whichever source knows it.
//!
//! Bounds: envelopes lie in each other at most [`MAX_DEPTH`] deep, and what one record of the object holds inflates to at most
//! [`Nesting::INFLATED_PER_RECORD`] (or 16 of the largest records). What is inside has the position of what it lies in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Cursor};
use std::rc::Rc;
use std::sync::Arc;

use auditlake_event::Event;

use crate::archive::Budget;
use crate::context::ImportContext;
use crate::envelope::{self, Envelope, Opened};
use crate::finding::{Finder, MAX_DEPTH, bytes_of};
use crate::json::Json;
use crate::reader;
use crate::source::{
    Counted, Nesting, Position, Quarantined, ReadError, Registry, SetAside, Sink, SinkError, Source, UNKNOWN, UNKNOWN_FORMAT,
};
use crate::summary::Summary;

/// The sink of a whole object: the caller's, and what is known meanwhile.
pub(crate) struct Root<'s> {
    sink: &'s mut dyn Sink,
    nesting: Nesting,
}

impl<'s> Root<'s> {
    pub(crate) fn new(
        sink: &'s mut dyn Sink,
        known: Registry,
        context: &ImportContext,
        object_name: &str,
        stated: Option<&'static dyn Source>,
    ) -> Self {
        Self { sink, nesting: Nesting::new(known, context, object_name, stated) }
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
    let (allowed, depth, known) = (nesting.left, nesting.depth, nesting.known);
    let mut inflated = reader::open(Cursor::new(bytes), allowed)?;
    let is_compressed = inflated.compression() != reader::Compression::None;
    let reader = match inflated.fill_buf() {
        Ok(head) => Finder { known, stated, depth }.reader_of(head, ""),
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
