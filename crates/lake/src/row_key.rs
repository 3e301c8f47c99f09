//! What a row is recognised by: time, id and source, which all copies of an event in one partition share.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::ArrowError;
use auditlake_event::Column;

/// What a row is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey<'a> {
    /// Event time in ms.
    pub time: i64,
    /// Event id.
    pub id: &'a str,
    /// The door.
    pub source: &'a str,
}

/// The columns by which rows are recognised, in a batch of archive columns.
pub(crate) struct RowKeyColumns<'a> {
    /// When it happened.
    pub times: &'a TimestampMillisecondArray,
    /// The id.
    pub ids: &'a StringArray,
    /// The door.
    pub sources: &'a StringArray,
}

impl<'a> RowKeyColumns<'a> {
    /// Finds them by name.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let wrong_type = || ArrowError::SchemaError("an identity column has another type".to_owned());
        let position = |column: Column| batch.schema_ref().index_of(column.name());
        let texts = |column: Column| {
            let array = batch.column(position(column)?);
            array.as_string_opt::<i32>().ok_or_else(wrong_type)
        };
        let times = batch.column(position(Column::EventTime)?).as_primitive_opt::<TimestampMillisecondType>();
        Ok(Self { times: times.ok_or_else(wrong_type)?, ids: texts(Column::EventId)?, sources: texts(Column::Source)? })
    }
}
