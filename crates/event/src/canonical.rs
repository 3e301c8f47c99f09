//! The canonical form of an event and its hash.
//!
//! The canonical form is RFC 8785 (JCS) JSON of the non-null columns other than `received_time` and `seal_time`: times as
//! RFC 3339 in UTC with three fraction digits, integers as numbers, `changes` and `metadata` as strings that hold the
//! normalised JSON text as it stands in the column. The event hash is the SHA-256 of that form.
//!
//! The same bytes come from an [`Event`] ([`write_canonical`]) and from a row of a landing or archive batch
//! ([`ColumnarHasher`]), so that a receipt given at the door can be found again in the archive.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{Array, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::{DataType, TimeUnit};

use crate::byte_buffer::ByteBuffer;
use crate::columns::{Column, ColumnKind};
use crate::json::RawString;
use crate::model::Event;
use crate::name::{Organization, Region};
use crate::sha256;
use crate::time::Timestamp;

/// The columns of the canonical form in the order of RFC 8785 section 3.2.3 (all names are ASCII: byte order).
pub const CANONICAL_ORDER: [Column; 31] = [
    Column::Action,
    Column::ActorEmail,
    Column::ActorId,
    Column::ActorName,
    Column::ActorType,
    Column::ActorVia,
    Column::Category,
    Column::Changes,
    Column::ErrorCode,
    Column::ErrorMessage,
    Column::EventId,
    Column::EventTime,
    Column::EventTimeNanos,
    Column::HttpMethod,
    Column::HttpPath,
    Column::HttpStatus,
    Column::Metadata,
    Column::Organization,
    Column::Outcome,
    Column::Raw,
    Column::Region,
    Column::RequestId,
    Column::ResourceId,
    Column::ResourceName,
    Column::ResourceType,
    Column::ScopeId,
    Column::ScopeType,
    Column::ServiceName,
    Column::Source,
    Column::SourceIp,
    Column::UserAgent,
];

/// The columns of an event whose texts are known to need no escapes, one bit each: they stood in JSON strings without any. Every
/// other text is looked at before it is written, wherever it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlainColumns(u64);

impl PlainColumns {
    /// Notes the string that a column was read from.
    #[inline]
    pub fn note(&mut self, column: Column, string: RawString<'_>) {
        self.0 |= u64::from(string.is_plain()) << column.index();
    }

    #[inline(always)]
    const fn has(self, column: Column) -> bool {
        self.0 >> column.index() & 1 == 1
    }
}

const _: () = assert!(Column::ALL.len() <= 64, "`PlainColumns` has one bit a column");

// The keys of texts and times end with the opening quote of the value.

#[inline]
fn put_text(out: &mut ByteBuffer, key: &[u8], text: &str) {
    out.put(key);
    out.put_escaped(text);
    out.push(b'"');
}

#[inline]
fn put_time(out: &mut ByteBuffer, key: &[u8], time: Timestamp) {
    match time.rfc3339_bytes() {
        Some(bytes) => out.put_quoted(key, &bytes),
        None => out.put_quoted(key, time.to_string().as_bytes()),
    }
}

#[inline]
fn put_integer(out: &mut ByteBuffer, key: &[u8], value: Option<i32>) {
    let Some(value) = value else { return };
    out.put(key);
    let mut digits = [0_u8; 10];
    let mut position = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        position -= 1;
        digits[position] = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.put_bytes(&digits[position..]);
}

/// Replaces the content of `out` by the canonical form of `event`.
pub fn write_canonical(event: &Event<'_>, out: &mut Vec<u8>) {
    replace(out, |form| append_canonical(event, form));
}

/// Appends the canonical form of an event.
pub(crate) fn append_canonical(event: &Event<'_>, out: &mut ByteBuffer) {
    append_form(event, true, PlainColumns::default(), out);
}

/// Appends the canonical form of an event that was read, whose texts in the columns `plain` were borrowed as they were read.
pub(crate) fn append_canonical_as_read(event: &Event<'_>, plain: PlainColumns, out: &mut ByteBuffer) {
    let start = out.len();
    append_form(event, true, plain, out);
    debug_assert_eq!(hash_canonical(&out.as_slice()[start..]), event_hash(event), "a plain text needs escapes");
}

/// Replaces the content of `out` by the canonical form of `event` without its `event_id`: what a derived id is made of.
pub fn write_canonical_without_id(event: &Event<'_>, out: &mut Vec<u8>) {
    replace(out, |form| append_form(event, false, PlainColumns::default(), form));
}

/// Replaces the content of `out` by what is written.
fn replace(out: &mut Vec<u8>, write: impl FnOnce(&mut ByteBuffer)) {
    let mut buffer = ByteBuffer::over(std::mem::take(out));
    write(&mut buffer);
    *out = buffer.into_vec();
}

#[inline(always)]
fn append_form(event: &Event<'_>, with_id: bool, plain: PlainColumns, out: &mut ByteBuffer) {
    let text = |out: &mut ByteBuffer, column: Column, key: &[u8], text: &Cow<'_, str>| match text {
        // What was made of a text, as of an address, is owned, and looked at.
        Cow::Borrowed(text) if plain.has(column) => out.put_quoted(key, text.as_bytes()),
        text => put_text(out, key, text),
    };
    macro_rules! put {
        ($column:ident, $text:expr, $key:literal) => {
            text(out, Column::$column, concat!($key, "\":\"").as_bytes(), &$text)
        };
    }
    macro_rules! put_if_any {
        ($column:ident, $text:expr, $key:literal) => {
            if let Some(value) = &$text {
                put!($column, *value, $key);
            }
        };
    }
    macro_rules! put_listed {
        ($text:expr, $key:literal) => {
            out.put_quoted(concat!($key, "\":\"").as_bytes(), $text.as_bytes())
        };
    }
    put!(Action, event.action, "{\"action");
    put_if_any!(ActorEmail, event.actor_email, ",\"actor_email");
    put_if_any!(ActorId, event.actor_id, ",\"actor_id");
    put_if_any!(ActorName, event.actor_name, ",\"actor_name");
    if let Some(value) = event.actor_type {
        put_listed!(value.as_str(), ",\"actor_type");
    }
    put_if_any!(ActorVia, event.actor_via, ",\"actor_via");
    if let Some(value) = event.category {
        put_listed!(value.as_str(), ",\"category");
    }
    put_if_any!(Changes, event.changes, ",\"changes");
    put_if_any!(ErrorCode, event.error_code, ",\"error_code");
    put_if_any!(ErrorMessage, event.error_message, ",\"error_message");
    if with_id {
        put!(EventId, event.event_id, ",\"event_id");
    }
    put_time(out, b",\"event_time\":\"", event.event_time);
    put_integer(out, b",\"event_time_nanos\":", event.event_time_nanos);
    put_if_any!(HttpMethod, event.http_method, ",\"http_method");
    put_if_any!(HttpPath, event.http_path, ",\"http_path");
    put_integer(out, b",\"http_status\":", event.http_status);
    put_if_any!(Metadata, event.metadata, ",\"metadata");
    put!(Organization, event.organization, ",\"organization");
    put_listed!(event.outcome.as_str(), ",\"outcome");
    put_if_any!(Raw, event.raw, ",\"raw");
    put!(Region, event.region, ",\"region");
    put_if_any!(RequestId, event.request_id, ",\"request_id");
    put_if_any!(ResourceId, event.resource_id, ",\"resource_id");
    put_if_any!(ResourceName, event.resource_name, ",\"resource_name");
    put_if_any!(ResourceType, event.resource_type, ",\"resource_type");
    put_if_any!(ScopeId, event.scope_id, ",\"scope_id");
    put_if_any!(ScopeType, event.scope_type, ",\"scope_type");
    put_if_any!(ServiceName, event.service_name, ",\"service_name");
    // The door states the source, it is not read.
    put_text(out, b",\"source\":\"", &event.source);
    put_if_any!(SourceIp, event.source_ip, ",\"source_ip");
    put_if_any!(UserAgent, event.user_agent, ",\"user_agent");
    out.push(b'}');
}

/// SHA-256 of the canonical form.
pub fn event_hash(event: &Event<'_>) -> [u8; 32] {
    let mut canonical = Vec::with_capacity(1024);
    write_canonical(event, &mut canonical);
    hash_canonical(&canonical)
}

/// SHA-256 of bytes that are a canonical form.
pub fn hash_canonical(canonical: &[u8]) -> [u8; 32] {
    sha256::digest(canonical)
}

/// Why a batch has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A column is missing and no constant stands in for it.
    #[error("the batch lacks the column `{0}`")]
    MissingColumn(&'static str),
    /// A column has another type.
    #[error("the column `{column}` has the type {found}")]
    WrongType {
        /// Which column.
        column: &'static str,
        /// The type it has.
        found: DataType,
    },
    /// A column that we do not know: hashing without it would be wrong.
    #[error("the batch has the unknown column `{0}`")]
    UnknownColumn(String),
}

enum Values<'a> {
    Text(&'a StringArray),
    Int32(&'a Int32Array),
    Time(&'a TimestampMillisecondArray),
    Constant(&'a str),
}

/// The canonical form and hash of the rows of a batch, computed from the columns without building events.
pub struct ColumnarHasher<'a> {
    /// Those that hold anything, with what stands before a value.
    columns: Vec<(Vec<u8>, Values<'a>)>,
    rows: usize,
}

impl<'a> ColumnarHasher<'a> {
    /// For a landing batch (`partition` is `None`) or an archive batch, whose region and organization are its path's.
    /// Fails if a column is missing, has another type, or is not known.
    pub fn new(batch: &'a RecordBatch, partition: Option<(&'a Region, &'a Organization)>) -> Result<Self, NotCanonical> {
        let schema = batch.schema_ref();
        if let Some(unknown) = schema.fields().iter().find(|field| Column::from_name(field.name()).is_none()) {
            return Err(NotCanonical::UnknownColumn(unknown.name().clone()));
        }
        let mut columns = Vec::with_capacity(CANONICAL_ORDER.len());
        for column in CANONICAL_ORDER {
            let separator = if column == CANONICAL_ORDER[0] { '{' } else { ',' };
            let quote = if column.kind() == ColumnKind::Int32 { "" } else { "\"" };
            let key = format!("{separator}\"{}\":{quote}", column.name()).into_bytes();
            let values = match (column, partition) {
                (Column::Region, Some((region, _))) => Values::Constant(region.as_str()),
                (Column::Organization, Some((_, organization))) => Values::Constant(organization.as_str()),
                _ => {
                    let array = batch.column_by_name(column.name()).ok_or(NotCanonical::MissingColumn(column.name()))?;
                    typed_values(column, array)?
                }
            };
            if !values.are_null() {
                columns.push((key, values));
            }
        }
        Ok(Self { columns, rows: batch.num_rows() })
    }

    /// Replaces the content of `out` by the canonical form of a row. The row must lie in the batch.
    pub fn canonical(&self, row: usize, out: &mut Vec<u8>) {
        replace(out, |form| self.append(row, form));
    }

    fn append(&self, row: usize, out: &mut ByteBuffer) {
        for (key, values) in &self.columns {
            match values {
                Values::Text(array) if array.is_valid(row) => put_text(out, key, array.value(row)),
                Values::Int32(array) if array.is_valid(row) => put_integer(out, key, Some(array.value(row))),
                Values::Time(array) if array.is_valid(row) => {
                    put_time(out, key, Timestamp::from_millis(array.value(row)));
                }
                Values::Constant(text) => put_text(out, key, text),
                Values::Text(_) | Values::Int32(_) | Values::Time(_) => {}
            }
        }
        out.push(b'}');
    }

    /// The event hash of each row of the batch.
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        let mut hashes = Vec::with_capacity(self.rows);
        let mut forms = CanonicalForms::default();
        for row in 0..self.rows {
            self.append(row, forms.next());
            forms.keep();
            if forms.is_enough() || row + 1 == self.rows {
                hashes.append(&mut forms.hash());
            }
        }
        hashes
    }
}

/// Canonical forms that are hashed together, because that is quicker.
#[derive(Default)]
pub(crate) struct CanonicalForms {
    forms: ByteBuffer,
    /// Where each form ends.
    ends: Vec<usize>,
}

impl CanonicalForms {
    /// As many as lie in a core's own cache.
    const ENOUGH: usize = 32;

    /// Where the next form is to be appended.
    pub fn next(&mut self) -> &mut ByteBuffer {
        self.forms.truncate(self.ends.last().copied().unwrap_or_default());
        &mut self.forms
    }

    /// Keeps the form that was appended last; one that is not kept is forgotten.
    pub fn keep(&mut self) {
        self.ends.push(self.forms.len());
    }

    /// Whether it is time to hash them.
    pub fn is_enough(&self) -> bool {
        self.ends.len() >= Self::ENOUGH
    }

    /// The hashes of the forms, in their order; the forms are forgotten.
    pub fn hash(&mut self) -> Vec<[u8; 32]> {
        let forms = self.forms.as_slice();
        let start = |position: usize| position.checked_sub(1).map_or(0, |before| self.ends[before]);
        let hashes = sha256::digest_each((0..self.ends.len()).map(|form| &forms[start(form)..self.ends[form]]));
        self.ends.clear();
        hashes
    }
}

impl Values<'_> {
    fn are_null(&self) -> bool {
        let is_null = |array: &dyn Array| array.null_count() == array.len();
        match self {
            Values::Text(array) => is_null(array),
            Values::Int32(array) => is_null(array),
            Values::Time(array) => is_null(array),
            Values::Constant(_) => false,
        }
    }
}

fn typed_values(column: Column, array: &dyn Array) -> Result<Values<'_>, NotCanonical> {
    let values = match column.kind() {
        ColumnKind::Text => array.as_string_opt::<i32>().map(Values::Text),
        ColumnKind::Int32 => array.as_primitive_opt::<Int32Type>().map(Values::Int32),
        ColumnKind::Time => match array.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                array.as_primitive_opt::<TimestampMillisecondType>().map(Values::Time)
            }
            _ => None,
        },
    };
    values.ok_or_else(|| NotCanonical::WrongType { column: column.name(), found: array.data_type().clone() })
}
