//! One event: its members are read, then checked and normalised column by column.

mod columns;

use std::borrow::Cow;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::context::{DoorContext, IDEMPOTENCY_NAMESPACE};
use super::errors::{FieldError, WHOLE_EVENT};
use super::lookalike::Meanings;
use super::trim::trim;
use crate::byte_buffer::ByteBuffer;
use crate::canonical::{
    CanonicalForms, PlainColumns, append_canonical, append_canonical_as_read, write_canonical_without_id,
};
use crate::columns::Column;
use crate::json::{RawString, Reader, SyntaxError};
use crate::model::Event;
use crate::normal_json::{DUPLICATE_KEY, Fault, LONE_SURROGATE, Member, NodeId, Tree};
use crate::shapes::ForeignShape;

/// The value of a column as it was sent.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Null,
    /// A string.
    Text(RawString<'a>),
    /// A number, `true` or `false`.
    Literal(&'a str),
    /// A container, or anything in `changes` and `metadata`, that was kept.
    Tree(NodeId),
    /// A container where none belongs.
    Container,
    /// Something whose error has been noted.
    Refused,
}

/// What became of an event that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken<'a> {
    /// It keeps every rule.
    Event,
    /// It breaks one, which was noted.
    Refused,
    /// It has a shape of others: this is its text.
    Foreign(ForeignShape, &'a str),
}

/// What a door does about events in shapes of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Every event has this shape.
    Announced(ForeignShape),
    /// An event that lacks what every event of ours states may be one.
    Found,
    /// There are none: they were converted already.
    Converted,
}

/// Reads events one after another with memory that is used again.
pub(super) struct Door<'a> {
    context: DoorContext<'a>,
    foreign: Foreign,
    /// Which columns the event states, one bit each.
    stated: u64,
    /// Which of them are texts that were read without escapes.
    plain: PlainColumns,
    values: [Value<'a>; Column::ALL.len()],
    /// Members that are no columns.
    others: Vec<Member<'a>>,
    meanings: Meanings,
    /// What was cut from the event, and how many bytes it had.
    trimmed: BTreeMap<String, usize>,
    tree: Tree<'a>,
    /// The columns of the event before, in the order stated: most often the next event has the same.
    expected: Vec<Column>,
    errors: Vec<FieldError>,
    index: usize,
    /// JSON that is put together.
    text: ByteBuffer,
    forms: CanonicalForms,
}

const fn bit(column: Column) -> u64 {
    1 << column.index()
}

impl<'a> Door<'a> {
    pub fn new(context: DoorContext<'a>, foreign: Foreign) -> Self {
        Self {
            context,
            foreign,
            stated: 0,
            plain: PlainColumns::default(),
            values: [Value::Null; Column::ALL.len()],
            others: Vec::new(),
            meanings: Meanings::default(),
            trimmed: BTreeMap::new(),
            tree: Tree::default(),
            expected: Vec::with_capacity(Column::ALL.len()),
            errors: Vec::new(),
            index: 0,
            text: ByteBuffer::default(),
            forms: CanonicalForms::default(),
        }
    }

    /// Reads the event that is next, which is the one of position `index`, appends it to `events` and its canonical form to
    /// [`Door::forms`]. Gives what became of it; the errors are in [`Door::take_errors`], and the reader stands behind the event. Fails if it is not JSON.
    pub fn read(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        random: &mut dyn FnMut() -> [u8; 10],
        events: &mut Vec<Event<'a>>,
    ) -> Result<Taken<'a>, SyntaxError> {
        self.index = index;
        self.stated = 0;
        self.plain = PlainColumns::default();
        self.others.clear();
        self.trimmed.clear();
        self.tree.clear();
        let start = reader.position;
        if reader.peek() != Some(b'{') {
            reader.skip_value()?;
            self.refuse_event("must be a JSON object");
            return Ok(Taken::Refused);
        }
        if let Foreign::Announced(shape) = self.foreign {
            let text = reader.skip_value()?;
            if self.context.is_refused_for_its_size(text.len()) {
                self.refuse_large_event();
                return Ok(Taken::Refused);
            }
            return Ok(Taken::Foreign(shape, text));
        }
        let errors_before = self.errors.len();
        self.read_members(reader)?;
        let bytes = reader.position - start;
        if self.context.is_refused_for_its_size(bytes) {
            self.forget(index);
            self.refuse_large_event();
            return Ok(Taken::Refused);
        }
        if let Some(shape) = self.foreign_shape(reader, start) {
            self.forget(index);
            return Ok(Taken::Foreign(shape, reader.text_from(start)));
        }
        events.push(self.event());
        if self.errors.len() > errors_before {
            events.pop();
            return Ok(Taken::Refused);
        }
        if let Some(event) = events.last_mut() {
            let is_large = bytes > self.context.max_event_bytes || !self.trimmed.is_empty();
            if is_large && !trim(event, self.context.max_event_bytes, &mut self.trimmed) {
                events.pop();
                self.refuse_large_event();
                return Ok(Taken::Refused);
            }
            self.identify(event, random);
        }
        Ok(Taken::Event)
    }

    /// The shape of the event that was read from `start` on, if it is none of ours. An event of ours states its time, so that it
    /// costs a look at two columns.
    #[inline]
    fn foreign_shape(&self, reader: &Reader<'a>, start: usize) -> Option<ForeignShape> {
        let is_ours = [Column::EventTime, Column::EventId].iter().any(|column| !matches!(self.value(*column), Value::Null));
        if is_ours || self.foreign != Foreign::Found {
            return None;
        }
        ForeignShape::of_posted(reader.text_from(start))
    }

    /// Appends an event that was read elsewhere, and its canonical form.
    pub(super) fn append(&mut self, event: Event<'a>, events: &mut Vec<Event<'a>>) {
        append_canonical(&event, self.forms.next());
        events.push(event);
    }

    /// Notes what is wrong with the event of position `index`.
    pub(super) fn refuse_with(&mut self, index: usize, errors: Vec<FieldError>) {
        self.errors.extend(errors.into_iter().map(|error| FieldError { index, ..error }));
    }

    /// What the events are read by.
    pub(super) const fn context(&self) -> &DoorContext<'a> {
        &self.context
    }

    /// The canonical forms of the events that are kept, and of the one that was read last.
    pub fn forms(&mut self) -> &mut CanonicalForms {
        &mut self.forms
    }

    /// What was wrong with the events read since the last call.
    pub fn take_errors(&mut self) -> Vec<FieldError> {
        std::mem::take(&mut self.errors)
    }

    /// Forgets what was noted about an event, because something larger is wrong with it.
    pub fn forget(&mut self, index: usize) {
        while self.errors.last().is_some_and(|error| error.index == index) {
            self.errors.pop();
        }
    }

    /// Notes an error of an event that could not be read at all.
    pub fn refuse(&mut self, index: usize, detail: impl Into<Cow<'static, str>>) {
        self.index = index;
        self.refuse_event(detail);
    }

    /// Notes that an event is larger than allowed.
    pub fn refuse_large(&mut self, index: usize) {
        self.index = index;
        self.refuse_large_event();
    }

    /// Notes an error of one column.
    pub fn refuse_column(&mut self, index: usize, column: Column, detail: impl Into<Cow<'static, str>>) {
        self.index = index;
        self.note(column.name(), detail);
    }

    fn refuse_large_event(&mut self) {
        let detail = format!("must not be larger than {} bytes", self.context.max_event_bytes);
        self.refuse_event(detail);
    }

    #[cold]
    fn note(&mut self, field: impl Into<String>, detail: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError { index: self.index, field: field.into(), detail: detail.into() });
    }

    fn refuse_event(&mut self, detail: impl Into<Cow<'static, str>>) {
        self.note(WHOLE_EVENT, detail);
    }

    fn read_members(&mut self, reader: &mut Reader<'a>) -> Result<(), SyntaxError> {
        reader.position += 1;
        reader.skip_whitespace();
        if reader.take(b'}') {
            return Ok(());
        }
        let mut position = 0;
        loop {
            if reader.peek() != Some(b'"') {
                return Err(reader.error("a member's name"));
            }
            match self.expected_column(position, reader) {
                Some(column) => {
                    reader.colon()?;
                    self.read_column(column, reader)?;
                    position += 1;
                }
                None => position += usize::from(self.read_unexpected(position, reader)?),
            }
            if !reader.comma_or(b'}')? {
                return Ok(());
            }
        }
    }

    /// The column at this position of the event before, if its name is what comes next; then the name is read.
    #[inline]
    fn expected_column(&self, position: usize, reader: &mut Reader<'a>) -> Option<Column> {
        let column = *self.expected.get(position)?;
        let name = column.name();
        let next = reader.rest().get(1..name.len() + 2)?.split_last();
        let is_next = next.is_some_and(|(quote, next)| *quote == b'"' && is_same_name(next, name.as_bytes()));
        if !is_next {
            return None;
        }
        reader.position += name.len() + 2;
        Some(column)
    }

    /// Reads a member that is not the expected one; whether it is a column.
    fn read_unexpected(&mut self, position: usize, reader: &mut Reader<'a>) -> Result<bool, SyntaxError> {
        let name = reader.string()?;
        let Ok(name) = name.decode() else {
            self.note(name.raw(), LONE_SURROGATE);
            reader.colon()?;
            reader.skip_value()?;
            return Ok(false);
        };
        reader.colon()?;
        if let Some(column) = Column::from_name(&name) {
            self.expected.truncate(position);
            self.expected.push(column);
            self.read_column(column, reader)?;
            return Ok(true);
        }
        // It becomes a member of `metadata`.
        if let Some(value) = self.read_tree(&name, 1, reader)? {
            self.others.push(Member { name, value });
        }
        Ok(false)
    }

    /// Reads a value into the tree; `None` if it breaks a rule, which is then noted.
    fn read_tree(&mut self, field: &str, levels: usize, reader: &mut Reader<'a>) -> Result<Option<NodeId>, SyntaxError> {
        let start = reader.position;
        match self.tree.read(reader, levels) {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Syntax(error)) => Err(error),
            Err(Fault::Rule { path, detail }) => {
                reader.position = start;
                reader.skip_value()?;
                self.note(format!("{field}{path}"), detail);
                Ok(None)
            }
        }
    }

    #[inline]
    fn read_column(&mut self, column: Column, reader: &mut Reader<'a>) -> Result<(), SyntaxError> {
        let value = match reader.peek() {
            Some(b'"') if !matches!(column, Column::Changes | Column::Metadata) => Value::Text(reader.string()?),
            Some(b'n') => {
                reader.literal()?;
                Value::Null
            }
            _ if matches!(column, Column::Changes | Column::Metadata) => {
                self.read_tree(column.name(), 0, reader)?.map_or(Value::Refused, Value::Tree)
            }
            Some(b'{' | b'[') => {
                reader.skip_value()?;
                Value::Container
            }
            _ => Value::Literal(reader.literal()?),
        };
        if self.stated & bit(column) != 0 {
            self.note(column.name(), DUPLICATE_KEY);
            return Ok(());
        }
        self.stated |= bit(column);
        self.values[column.index()] = value;
        Ok(())
    }

    /// Gives the event an id if it has none, and writes its canonical form.
    fn identify(&mut self, event: &mut Event<'a>, random: &mut dyn FnMut() -> [u8; 10]) {
        if event.event_id.is_empty() {
            event.event_id = match self.context.event_id {
                Some(event_id) => Cow::Borrowed(event_id),
                None => Cow::Owned(self.derived_id(event, random).hyphenated().to_string()),
            };
        }
        append_canonical_as_read(event, self.plain, self.forms.next());
    }

    fn derived_id(&self, event: &Event<'a>, random: &mut dyn FnMut() -> [u8; 10]) -> Uuid {
        let Some(key) = self.context.idempotency_key else {
            let millis = u64::try_from(event.received_time.millis()).unwrap_or(0);
            return uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid();
        };
        let mut canonical = Vec::new();
        write_canonical_without_id(event, &mut canonical);
        let mut name = Vec::with_capacity(key.len() + canonical.len() + 16);
        name.extend_from_slice(key.as_bytes());
        name.push(0);
        name.extend_from_slice(self.index.to_string().as_bytes());
        name.push(0);
        name.extend_from_slice(&canonical);
        Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, &name)
    }
}

/// Whether two names are equal: they are so short that comparing words here is faster than calling a general routine.
#[inline]
fn is_same_name(left: &[u8], right: &[u8]) -> bool {
    let (Some(left_tail), Some(right_tail)) = (left.last_chunk::<8>(), right.last_chunk::<8>()) else {
        return left.iter().eq(right);
    };
    let mut words = left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0);
    left_tail == right_tail && left.len() == right.len() && words.all(|(left, right)| left == right)
}

const _: () = assert!(Column::ALL.len() <= 64, "`Door::stated` has one bit a column");
