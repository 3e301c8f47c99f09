//! Finds the records in a stream of JSON, whatever stands around and between them.
//!
//! Read alike: one value, values one after the other (with or without line breaks: NDJSON, concatenated objects), an array
//! of values, and an object that holds its records in an array under a known name (`{"Records":[…]}`). Arrays and such
//! objects are entered, not kept, so an object of any size is read one record at a time. Such an object may lack its braces
//! at the beginning of the input (`"Records":[…]`), as samples in documentation do.
//!
//! What cannot be read is handed on as broken, with the reason and its bytes, and reading goes on at the nearest of: the
//! end of the broken value by its brackets, a text that only a record begins with, a line that begins with `{`. A byte
//! is looked at a fixed number of times at most, so time is linear whatever the input.

use std::io::{self, BufRead};

use crate::json::{Failure, Json, Outer, Parser};
use crate::reader::broken_content;
use crate::source::Position;

/// Deepest nesting of arrays and list objects that is entered; what lies deeper must fit into one record.
const MAX_ENTERED: usize = 16;
/// How far before a syntax error the next record may begin: an unclosed string swallows the head of what follows it.
const LOOK_BACK: usize = 64;
/// How far a list's name and its bracket reach at most where there is no brace before them.
const MAX_BARE_NAME: usize = 128;
/// How much is read at least when the window runs dry.
const FILL_BYTES: usize = 256 * 1024;

/// What is known about a format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// Names of the arrays that hold records.
    pub lists: &'static [&'static str],
    /// How records begin, usually; found again after an error. Begins with `{`.
    pub marker: &'static [u8],
    /// Largest record, in bytes.
    pub max_record_bytes: usize,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Item<'w> {
    pub position: Position,
    /// The bytes as they stand in the input, cut to the largest record.
    pub bytes: &'w [u8],
    /// How many bytes there are.
    pub length: u64,
    pub content: Content<'w>,
}

/// What an item is.
#[derive(Debug)]
pub(crate) enum Content<'w> {
    /// A value, and whether characters in it had to be replaced.
    Value(&'w Json<'w>, bool),
    /// What could not be read, and why.
    Broken(String),
}

/// Hands every record of `input` to `on_item`, in order, then returns the number of bytes read.
/// Fails if `input` does (broken compression excepted, which is an item) or if `on_item` does.
pub(crate) fn for_each_record<E: From<io::Error>>(
    input: &mut dyn BufRead,
    format: Format,
    on_item: &mut dyn FnMut(Item<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let window = Window { input, buffer: Vec::new(), start: 0, offset: 0, state: State::Open };
    let mut walk = Walk { window, format, entered: Vec::new(), has_begun: false, record_index: 0, on_item };
    walk.run()?;
    Ok(walk.window.offset)
}

enum State {
    Open,
    Ended,
    Broken(String),
}

/// The part of the input that lies in memory: `buffer[start..]`, whose first byte is the input's byte `offset`.
struct Window<'r> {
    input: &'r mut dyn BufRead,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    state: State,
}

impl Window<'_> {
    fn available(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.buffer.len() - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads at least as much again as there is, so that starting over after each fill stays linear.
    /// Returns whether anything was read.
    fn fill(&mut self) -> io::Result<bool> {
        if !matches!(self.state, State::Open) {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        let target = before + before.max(FILL_BYTES);
        while self.buffer.len() < target {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let Some(reason) = broken_content(&error) else { return Err(error) };
                    self.state = State::Broken(reason.to_string());
                    break;
                }
            };
            if chunk.is_empty() {
                self.state = State::Ended;
                break;
            }
            let count = chunk.len();
            self.buffer.extend_from_slice(chunk);
            self.input.consume(count);
        }
        Ok(self.buffer.len() > before)
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.available().is_empty() {
            self.fill()?;
        }
        Ok(self.available().first().copied())
    }

    /// Fills until `count` bytes are there or the input ends.
    fn ensure(&mut self, count: usize) -> io::Result<()> {
        while self.available().len() < count && self.fill()? {}
        Ok(())
    }
}

/// What has been entered and not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entered {
    /// An array: values and commas follow.
    Array,
    /// An object behind its list: members and commas follow.
    ListObject,
    /// Like `ListObject`, but its braces are not there.
    BareListObject,
}

struct Walk<'r, 'f, E> {
    window: Window<'r>,
    format: Format,
    entered: Vec<Entered>,
    /// Whether anything was met but filler.
    has_begun: bool,
    record_index: u64,
    on_item: &'f mut dyn FnMut(Item<'_>) -> Result<(), E>,
}

enum Step {
    /// So many bytes were dealt with.
    Done(usize),
    /// A list was entered; so many bytes up to and with its `[`.
    Entered(usize),
    /// More bytes are needed.
    More,
    /// What begins here is broken, or cut off where the input ends.
    Broken { at: usize, reason: String, is_end: bool },
}

impl<E: From<io::Error>> Walk<'_, '_, E> {
    fn run(&mut self) -> Result<(), E> {
        while let Some(byte) = self.window.peek()? {
            match (self.entered.last().copied(), byte) {
                (_, b' ' | b'\n' | b'\r' | b'\t' | b',' | 0x1e) => {
                    let is_filler = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | 0x1e);
                    let filler = self.window.available().iter().take_while(|byte| is_filler(byte)).count();
                    self.window.consume(filler);
                }
                (Some(Entered::ListObject), b'}') | (Some(Entered::Array), b']') => {
                    self.entered.pop();
                    self.window.consume(1);
                }
                (Some(Entered::ListObject | Entered::BareListObject), b'"') => self.member()?,
                (None, b'"') if self.bare_list_begins()? => {
                    self.entered.push(Entered::BareListObject);
                    self.member()?;
                }
                (None | Some(Entered::Array), b'[') if self.entered.len() < MAX_ENTERED => {
                    self.entered.push(Entered::Array);
                    self.window.consume(1);
                }
                (None, 0xef) if self.window.offset == 0 && self.window.available().starts_with(b"\xef\xbb\xbf") => {
                    self.window.consume(3);
                }
                (None | Some(Entered::Array), b'{' | b'[') => self.record()?,
                (None | Some(Entered::Array), _) => self.skip(0, "a record must be a JSON object".to_owned(), false)?,
                // An object ends here as far as anybody can tell; what follows is judged as if it had.
                (Some(Entered::ListObject | Entered::BareListObject), _) => {
                    self.entered.pop();
                }
            }
            // A mark or white space is consumed, so something is there only behind it.
            self.has_begun |= !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | 0x1e | 0xef);
        }
        self.end()
    }

    /// Whether the input begins here with the name of a list and the list.
    fn bare_list_begins(&mut self) -> io::Result<bool> {
        if self.has_begun {
            return Ok(false);
        }
        self.window.ensure(MAX_BARE_NAME)?;
        let available = self.window.available();
        let mut parser = Parser::new(available.get(..MAX_BARE_NAME).unwrap_or(available));
        let is_list = parser.name().is_ok_and(|name| self.format.lists.contains(&name.as_ref()));
        Ok(is_list && parser.enter_array() == Ok(true))
    }

    /// Says what is wrong with the end of the input, if anything is.
    fn end(&mut self) -> Result<(), E> {
        let reason = match &self.window.state {
            State::Broken(reason) => reason.clone(),
            _ if matches!(self.entered[..], [] | [Entered::BareListObject]) => return Ok(()),
            _ => "the input ends inside a list of records".to_owned(),
        };
        self.report_broken(self.window.offset, &[], 0, reason)
    }

    /// Reads and drops one member of a list object behind its list, or enters a further list.
    fn member(&mut self) -> Result<(), E> {
        loop {
            let mut parser = Parser::new(self.window.available());
            let lists = self.format.lists;
            let result = parser.name().and_then(|name| {
                if lists.contains(&name.as_ref()) && parser.enter_array()? {
                    return Ok(true);
                }
                parser.value(0).map(|_| false)
            });
            let step = self.step(result, parser.position());
            match step {
                Step::Done(length) => {
                    self.window.consume(length);
                    return Ok(());
                }
                Step::Entered(length) => {
                    self.entered.push(Entered::Array);
                    self.window.consume(length);
                    return Ok(());
                }
                Step::More => {
                    self.window.fill()?;
                }
                Step::Broken { at, reason, is_end } => {
                    self.entered.pop();
                    return self.skip(at, reason, is_end);
                }
            }
        }
    }

    /// Reads one value and hands it on, or enters it if it is an object around a list.
    fn record(&mut self) -> Result<(), E> {
        loop {
            let available = self.window.available();
            let mut parser = Parser::new(available);
            let may_enter = self.entered.len() + 2 <= MAX_ENTERED;
            let result = parser.outer(if may_enter { self.format.lists } else { &[] });
            let length = parser.position();
            let mut is_handed_on = false;
            if let Ok(Outer::Value(value)) = &result
                && length <= self.format.max_record_bytes
            {
                let position = Position { byte_offset: self.window.offset, record_index: self.record_index };
                let content = Content::Value(value, parser.has_replaced());
                let bytes = available.get(..length).unwrap_or_default();
                (self.on_item)(Item { position, bytes, length: length as u64, content })?;
                is_handed_on = true;
            }
            let step = self.step(result.map(|outer| matches!(outer, Outer::Elements)), length);
            if is_handed_on {
                self.record_index += 1;
            }
            match step {
                Step::Done(length) => {
                    self.window.consume(length);
                    return Ok(());
                }
                Step::Entered(length) => {
                    self.entered.extend([Entered::ListObject, Entered::Array]);
                    self.window.consume(length);
                    return Ok(());
                }
                Step::More => {
                    self.window.fill()?;
                }
                Step::Broken { at, reason, is_end } => return self.skip(at, reason, is_end),
            }
        }
    }

    /// What a parser's answer means at this place; `Ok(true)`: a list was entered.
    fn step(&self, result: Result<bool, Failure>, position: usize) -> Step {
        let limit = self.format.max_record_bytes;
        let too_large =
            || Step::Broken { at: position, reason: format!("a record is larger than {limit} bytes"), is_end: false };
        let ends_here = |reason: String| Step::Broken { at: position, reason, is_end: true };
        match result {
            Ok(true) => Step::Entered(position),
            Ok(false) if position > limit => too_large(),
            Ok(false) => Step::Done(position),
            Err(Failure::Invalid { at, reason }) => {
                Step::Broken { at, reason: format!("not JSON at byte {at} of the record: {reason}"), is_end: false }
            }
            Err(Failure::Incomplete) if self.window.available().len() > limit => too_large(),
            Err(Failure::Incomplete) => match &self.window.state {
                State::Open => Step::More,
                State::Ended => ends_here("the input ends inside a record".to_owned()),
                State::Broken(reason) => ends_here(format!("{reason}, inside a record")),
            },
        }
    }

    /// Skips what is broken from here on, whose error lies `error_at` bytes ahead, and reports it.
    fn skip(&mut self, error_at: usize, reason: String, is_end: bool) -> Result<(), E> {
        let byte_offset = self.window.offset;
        let mut kept = Vec::new();
        let in_list = self.entered.last() == Some(&Entered::Array);
        let mut search = Resync::new(self.format.marker, in_list, error_at);
        loop {
            // Enough to compare the marker at the last byte looked at.
            self.window.ensure(self.format.marker.len().max(2))?;
            let is_all = !matches!(self.window.state, State::Open);
            let available = self.window.available();
            let found = search.look(available, is_all);
            let length = match found {
                Some(length) => length,
                None if is_all => available.len(),
                None => (available.len() + 1).saturating_sub(self.format.marker.len().max(2)),
            };
            let room = self.format.max_record_bytes - kept.len();
            kept.extend_from_slice(available.get(..length.min(room)).unwrap_or_default());
            search.forget(length);
            self.window.consume(length);
            if found.is_some() || is_all {
                break;
            }
            self.window.fill()?;
        }
        // The end of the input inside a record is the whole story; that its list was not closed either is not another.
        if is_end && self.window.available().is_empty() {
            self.entered.clear();
            self.window.state = State::Ended;
        }
        self.report_broken(byte_offset, &kept, self.window.offset - byte_offset, reason)
    }

    fn report_broken(&mut self, byte_offset: u64, bytes: &[u8], length: u64, reason: String) -> Result<(), E> {
        let position = Position { byte_offset, record_index: self.record_index };
        self.record_index += 1;
        (self.on_item)(Item { position, bytes, length, content: Content::Broken(reason) })
    }
}

/// Looks for the place behind a broken value where reading can go on, byte by byte, across windows.
struct Resync {
    marker: &'static [u8],
    /// Whether commas separate what is looked through; else it is lines.
    in_list: bool,
    /// The first index where a new record may begin.
    earliest: usize,
    /// The first index where the broken value may end.
    error_at: usize,
    at: usize,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// Whether a line begins here.
    line_begins: bool,
    /// Whether the next element of the list begins here.
    element_begins: bool,
}

impl Resync {
    fn new(marker: &'static [u8], in_list: bool, error_at: usize) -> Self {
        let earliest = error_at.saturating_sub(LOOK_BACK).max(1);
        Self {
            marker,
            in_list,
            earliest,
            error_at,
            at: 0,
            depth: 0,
            in_text: false,
            is_escaped: false,
            line_begins: false,
            element_begins: false,
        }
    }

    /// Moves the indices after `count` bytes were consumed.
    fn forget(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
        self.earliest = self.earliest.saturating_sub(count);
        self.error_at = self.error_at.saturating_sub(count);
    }

    /// Looks on through `bytes`; where to go on, if found. Unless these are all bytes there are, the last ones, too few to
    /// hold a marker, are left for the next look.
    fn look(&mut self, bytes: &[u8], is_all: bool) -> Option<usize> {
        let needed = if is_all { 1 } else { self.marker.len().max(2) };
        while let Some(rest) = bytes.get(self.at..).filter(|rest| rest.len() >= needed) {
            let byte = rest.first().copied().unwrap_or_default();
            let may_begin = self.line_begins || self.element_begins || rest.starts_with(self.marker);
            if byte == b'{' && self.at >= self.earliest && may_begin {
                return Some(self.at);
            }
            self.line_begins = byte == b'\n';
            self.at += 1;
            if self.ends_value(byte, rest.get(1)) && self.at > self.error_at {
                return Some(self.at);
            }
        }
        None
    }

    /// Whether the broken value may end with this byte, which `next` follows.
    fn ends_value(&mut self, byte: u8, next: Option<&u8>) -> bool {
        match byte {
            // No text holds a line break, so the quotes were miscounted; outside any brackets a line is all there is.
            b'\n' if self.in_text || (self.depth == 0 && !self.in_list) => {
                (self.in_text, self.is_escaped) = (false, false);
                return true;
            }
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_text => self.is_escaped = true,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    return true;
                }
            }
            _ => {}
        }
        let is_between = self.in_list && self.depth == 0 && !self.in_text;
        let is_space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.element_begins = is_between && (byte == b',' || (self.element_begins && is_space));
        is_between && next == Some(&b']')
    }
}
