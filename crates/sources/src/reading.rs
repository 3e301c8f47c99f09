//! The loop of a source: each record of an object is judged, and goes where it belongs.

use std::borrow::Cow;
use std::io::{self, BufRead};

use crate::context::ImportContext;
use crate::json::Json;
use crate::lines::for_each_line;
use crate::nested::{Looked, look_through};
use crate::reader::broken_content;
use crate::records::{Content, Format, for_each_record};
use crate::source::{Counted, Position, Quarantined, ReadError, SetAside, Sink, UNKNOWN_FORMAT};
use crate::summary::{SetAsideKind, Summary};

/// Strings built for one event and reused for the next.
#[derive(Default)]
pub(crate) struct Buffers {
    pub metadata: String,
    pub changes: String,
    pub raw: String,
}

/// What a record is.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// An event, which was handed to the sink already.
    Event,
    SetAside(SetAsideKind),
    /// Nothing the source knows, as far as it can say: it may be an envelope.
    Quarantine(Cow<'static, str>),
    /// A record of the source that is wrong. It is not looked through: what it holds is not a record of its own.
    Refused(Cow<'static, str>),
}

impl Counted<'_> {
    /// Hands on a record that did not become an event.
    pub(crate) fn judged(
        &mut self,
        verdict: Verdict,
        position: Position,
        bytes: &[u8],
        length: u64,
    ) -> Result<(), ReadError> {
        match verdict {
            Verdict::Event => Ok(()),
            Verdict::SetAside(kind) => self.set_aside(&SetAside { kind, position, bytes }),
            Verdict::Quarantine(reason) | Verdict::Refused(reason) => {
                self.quarantined(&Quarantined { reason: &reason, position, bytes, length, member: "" })
            }
        }
    }
}

/// Quarantines an object that is not read, cut to the largest record.
pub(crate) fn quarantine_whole(
    reason: &str,
    input: &mut dyn BufRead,
    context: &ImportContext,
    sink: &mut dyn Sink,
) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let mut kept = Vec::new();
    let mut length = 0_u64;
    let mut broken = None;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What cannot be inflated is as unknown as what was.
            Err(error) => match broken_content(&error) {
                Some(why) => {
                    broken = Some(format!("{reason}; {why}"));
                    &[]
                }
                None => return Err(error.into()),
            },
        };
        if chunk.is_empty() {
            break;
        }
        let room = context.max_record_bytes - kept.len();
        kept.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
        let count = chunk.len();
        length += count as u64;
        input.consume(count);
    }
    if length > 0 || broken.is_some() {
        let (reason, position) = (broken.as_deref().unwrap_or(reason), Position::default());
        sink.quarantined(&Quarantined { reason, position, bytes: &kept, length, member: "" })?;
    }
    Ok(sink.finish(length))
}

/// Sets an object aside.
pub(crate) fn set_aside_whole(
    kind: SetAsideKind,
    input: &mut dyn BufRead,
    sink: &mut dyn Sink,
) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let bytes = input.fill_buf()?.to_vec();
    sink.set_aside(&SetAside { kind, position: Position::default(), bytes: &bytes })?;
    Ok(sink.finish(bytes.len() as u64))
}

/// What `look` says of the first bytes of an object. `Err` holds the end of its reading, if they could not be had: what breaks there
/// is told of only once, and is the object's only record.
pub(crate) fn look_at_head<T>(
    input: &mut dyn BufRead,
    sink: &mut dyn Sink,
    look: impl FnOnce(&[u8]) -> T,
) -> Result<T, Result<Summary, ReadError>> {
    loop {
        match input.fill_buf() {
            Ok(head) => return Ok(look(head)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken_from_the_start(error, sink)),
        }
    }
}

/// The end of an object whose first bytes could not be had; fails if that is not its own fault.
pub(crate) fn broken_from_the_start(error: io::Error, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let Some(reason) = broken_content(&error) else { return Err(error.into()) };
    let mut sink = Counted::new(sink);
    sink.judged(Verdict::Quarantine(reason.to_string().into()), Position::default(), &[], 0)?;
    Ok(sink.finish(0))
}

/// Judges a JSON record, and is told whether characters in it had to be replaced. What becomes an event it hands to the sink.
type JudgeJson<'j> = dyn FnMut(&Json<'_>, bool, &mut Counted<'_>) -> Result<Verdict, ReadError> + 'j;
/// Judges a line. What becomes an event it hands to the sink.
type JudgeLine<'j> = dyn FnMut(&[u8], &mut Counted<'_>) -> Result<Verdict, ReadError> + 'j;

/// Reads an object of JSON records. One that would be quarantined is looked through first: it may be an envelope.
pub(crate) fn read_json(
    input: &mut dyn BufRead,
    format: Format,
    sink: &mut dyn Sink,
    judge: &mut JudgeJson<'_>,
) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let bytes = for_each_record(input, format, &mut |item| {
        let verdict = match &item.content {
            Content::Value(value, is_replaced) => {
                let is_replaced = *is_replaced || sink.sink().nesting().is_some_and(|nesting| nesting.is_replaced);
                let events_before = sink.events();
                match judge(value, is_replaced, &mut sink)? {
                    // What is partly read already is not read again.
                    Verdict::Quarantine(reason) if sink.events() == events_before => {
                        match look_through(value, is_replaced, item.position, sink.sink())? {
                            Looked::Through => return Ok(()),
                            Looked::Control => Verdict::SetAside(SetAsideKind::Control),
                            Looked::Closed(Some(better)) if reason == UNKNOWN_FORMAT => Verdict::Quarantine(better.into()),
                            Looked::Closed(_) => Verdict::Quarantine(reason),
                        }
                    }
                    verdict => verdict,
                }
            }
            Content::Broken(reason) => Verdict::Quarantine(Cow::Owned(reason.clone())),
        };
        sink.judged(verdict, item.position, item.bytes, item.length)
    })?;
    Ok(sink.finish(bytes))
}

/// Reads an object of text lines. Each line that is not blank is judged without its end; lines that are too long or broken
/// are quarantined here.
pub(crate) fn read_lines(
    input: &mut dyn BufRead,
    context: &ImportContext,
    sink: &mut dyn Sink,
    judge: &mut JudgeLine<'_>,
) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let bytes = for_each_line(input, context.max_record_bytes, &mut |line| {
        let verdict = match line.broken {
            Some(reason) => Verdict::Quarantine(Cow::Owned(reason)),
            None => judge(line.bytes, &mut sink)?,
        };
        sink.judged(verdict, line.position, line.bytes, line.length)
    })?;
    Ok(sink.finish(bytes))
}
