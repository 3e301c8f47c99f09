//! Events as Arrow columns, and rows of Arrow columns as events.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::ArrowError;

use crate::columns::{Column, ColumnKind, landing_schema};
use crate::model::{ActorType, Category, Event, Outcome};
use crate::name::{Organization, Region};
use crate::time::Timestamp;

enum ColumnBuilder {
    Text(StringBuilder),
    Time(TimestampMillisecondBuilder),
    Int32(Int32Builder),
}

/// How many bytes of text a column is expected to hold per event.
const EXPECTED_TEXT_BYTES: usize = 24;

/// Collects events as columns of [`landing_schema`].
pub struct EventBatchBuilder {
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

impl EventBatchBuilder {
    /// A builder that has room for `rows` events before it allocates again.
    pub fn with_capacity(rows: usize) -> Self {
        let columns = Column::ALL.iter().map(|column| match column.kind() {
            ColumnKind::Text => ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * EXPECTED_TEXT_BYTES)),
            ColumnKind::Time => ColumnBuilder::Time(TimestampMillisecondBuilder::with_capacity(rows)),
            ColumnKind::Int32 => ColumnBuilder::Int32(Int32Builder::with_capacity(rows)),
        });
        Self { columns: columns.collect(), rows: 0 }
    }

    /// How many events were appended since the last batch.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether nothing was appended since the last batch.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends an event; `seal_time` is the start of the period it is sealed with.
    pub fn append(&mut self, event: &Event<'_>, seal_time: Timestamp) {
        for (column, builder) in Column::ALL.iter().zip(&mut self.columns) {
            match builder {
                ColumnBuilder::Text(texts) => texts.append_option(event.text(*column)),
                ColumnBuilder::Time(times) => times.append_value(match column {
                    Column::EventTime => event.event_time.millis(),
                    Column::ReceivedTime => event.received_time.millis(),
                    _ => seal_time.millis(),
                }),
                ColumnBuilder::Int32(numbers) => numbers.append_option(match column {
                    Column::HttpStatus => event.http_status,
                    _ => event.event_time_nanos,
                }),
            }
        }
        self.rows += 1;
    }

    /// The batch of what was appended; the builder is empty afterwards. Fails only if a text column exceeds 2 GiB.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let arrays = self.columns.iter_mut().map(|builder| -> ArrayRef {
            match builder {
                ColumnBuilder::Text(texts) => Arc::new(texts.finish()),
                ColumnBuilder::Time(times) => Arc::new(times.finish().with_timezone("UTC")),
                ColumnBuilder::Int32(numbers) => Arc::new(numbers.finish()),
            }
        });
        RecordBatch::try_new(landing_schema(), arrays.collect())
    }
}

/// Why a row is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    /// A column is missing.
    #[error("the batch lacks the column `{0}`")]
    MissingColumn(&'static str),
    /// A column has another type.
    #[error("the column `{0}` has another type than an event's")]
    WrongType(&'static str),
    /// A value that must be there is null.
    #[error("row {row}: `{column}` is null")]
    Null {
        /// The row in the batch.
        row: usize,
        /// The column.
        column: &'static str,
    },
    /// A value is none of those that the column may hold.
    #[error("row {row}: `{column}` holds the unknown value {value:?}")]
    UnknownValue {
        /// The row in the batch.
        row: usize,
        /// The column.
        column: &'static str,
        /// The value found.
        value: String,
    },
}

/// The rows of a landing or archive batch as events that borrow from it.
pub struct EventRows<'a> {
    texts: [Option<&'a StringArray>; Column::ALL.len()],
    constants: Option<(&'a str, &'a str)>,
    event_time: &'a TimestampMillisecondArray,
    received_time: &'a TimestampMillisecondArray,
    seal_time: &'a TimestampMillisecondArray,
    event_time_nanos: &'a Int32Array,
    http_status: &'a Int32Array,
    rows: usize,
}

fn find(batch: &RecordBatch, column: Column) -> Result<&ArrayRef, NotAnEvent> {
    batch.column_by_name(column.name()).ok_or(NotAnEvent::MissingColumn(column.name()))
}

fn times(batch: &RecordBatch, column: Column) -> Result<&TimestampMillisecondArray, NotAnEvent> {
    let array = find(batch, column)?.as_primitive_opt::<TimestampMillisecondType>();
    array.ok_or(NotAnEvent::WrongType(column.name()))
}

fn numbers(batch: &RecordBatch, column: Column) -> Result<&Int32Array, NotAnEvent> {
    let array = find(batch, column)?.as_primitive_opt::<Int32Type>();
    array.ok_or(NotAnEvent::WrongType(column.name()))
}

impl<'a> EventRows<'a> {
    /// A view of a landing batch (`partition` is `None`) or an archive batch, whose region and organization are its path's.
    /// Fails if a column of an event is missing or has another type.
    pub fn new(batch: &'a RecordBatch, partition: Option<(&'a Region, &'a Organization)>) -> Result<Self, NotAnEvent> {
        let mut texts = [None; Column::ALL.len()];
        for column in Column::ALL {
            let from_path = column.is_partition() && partition.is_some();
            if column.kind() != ColumnKind::Text || from_path {
                continue;
            }
            let array = find(batch, *column)?.as_string_opt::<i32>();
            texts[column.index()] = Some(array.ok_or(NotAnEvent::WrongType(column.name()))?);
        }
        Ok(Self {
            texts,
            constants: partition.map(|(region, organization)| (region.as_str(), organization.as_str())),
            event_time: times(batch, Column::EventTime)?,
            received_time: times(batch, Column::ReceivedTime)?,
            seal_time: times(batch, Column::SealTime)?,
            event_time_nanos: numbers(batch, Column::EventTimeNanos)?,
            http_status: numbers(batch, Column::HttpStatus)?,
            rows: batch.num_rows(),
        })
    }

    /// How many rows the batch has.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch has no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn text(&self, column: Column, row: usize) -> Option<&'a str> {
        match (column, self.constants) {
            (Column::Region, Some((region, _))) => return Some(region),
            (Column::Organization, Some((_, organization))) => return Some(organization),
            _ => {}
        }
        let array = self.texts[column.index()]?;
        array.is_valid(row).then(|| array.value(row))
    }

    fn optional(&self, column: Column, row: usize) -> Option<Cow<'a, str>> {
        self.text(column, row).map(Cow::Borrowed)
    }

    fn required(&self, column: Column, row: usize) -> Result<Cow<'a, str>, NotAnEvent> {
        self.optional(column, row).ok_or(NotAnEvent::Null { row, column: column.name() })
    }

    fn listed<T>(&self, column: Column, row: usize, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, NotAnEvent> {
        let Some(text) = self.text(column, row) else { return Ok(None) };
        let unknown = || NotAnEvent::UnknownValue { row, column: column.name(), value: text.to_owned() };
        parse(text).map(Some).ok_or_else(unknown)
    }

    /// The start of the period a row is sealed with.
    pub fn seal_time(&self, row: usize) -> Result<Timestamp, NotAnEvent> {
        time(self.seal_time, Column::SealTime, row)
    }

    /// The event of a row, which must lie in the batch. Fails if a required value is null or a listed value is unknown.
    pub fn event(&self, row: usize) -> Result<Event<'a>, NotAnEvent> {
        let outcome = self.listed(Column::Outcome, row, Outcome::parse)?;
        Ok(Event {
            event_id: self.required(Column::EventId, row)?,
            event_time: time(self.event_time, Column::EventTime, row)?,
            event_time_nanos: number(self.event_time_nanos, row),
            received_time: time(self.received_time, Column::ReceivedTime, row)?,
            region: self.required(Column::Region, row)?,
            organization: self.required(Column::Organization, row)?,
            source: self.required(Column::Source, row)?,
            action: self.required(Column::Action, row)?,
            category: self.listed(Column::Category, row, Category::parse)?,
            outcome: outcome.ok_or(NotAnEvent::Null { row, column: Column::Outcome.name() })?,
            error_code: self.optional(Column::ErrorCode, row),
            error_message: self.optional(Column::ErrorMessage, row),
            actor_id: self.optional(Column::ActorId, row),
            actor_type: self.listed(Column::ActorType, row, ActorType::parse)?,
            actor_name: self.optional(Column::ActorName, row),
            actor_email: self.optional(Column::ActorEmail, row),
            actor_via: self.optional(Column::ActorVia, row),
            resource_type: self.optional(Column::ResourceType, row),
            resource_id: self.optional(Column::ResourceId, row),
            resource_name: self.optional(Column::ResourceName, row),
            scope_type: self.optional(Column::ScopeType, row),
            scope_id: self.optional(Column::ScopeId, row),
            changes: self.optional(Column::Changes, row),
            source_ip: self.optional(Column::SourceIp, row),
            user_agent: self.optional(Column::UserAgent, row),
            service_name: self.optional(Column::ServiceName, row),
            request_id: self.optional(Column::RequestId, row),
            http_method: self.optional(Column::HttpMethod, row),
            http_path: self.optional(Column::HttpPath, row),
            http_status: number(self.http_status, row),
            metadata: self.optional(Column::Metadata, row),
            raw: self.optional(Column::Raw, row),
        })
    }
}

fn time(array: &TimestampMillisecondArray, column: Column, row: usize) -> Result<Timestamp, NotAnEvent> {
    if array.is_null(row) {
        return Err(NotAnEvent::Null { row, column: column.name() });
    }
    Ok(Timestamp::from_millis(array.value(row)))
}

fn number(array: &Int32Array, row: usize) -> Option<i32> {
    array.is_valid(row).then(|| array.value(row))
}
