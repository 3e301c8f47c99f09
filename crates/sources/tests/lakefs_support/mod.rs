//! Parquet files for the tests of `lakefs`, and short ways to read.
#![allow(dead_code)]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use auditlake_sources::ImportContext;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::common::{Collector, Columns, context, fixture_file, read_as};

pub const TEXT_COLUMNS: [&str; 9] = [
    "data_user",
    "data_repository",
    "data_ref",
    "data_service_name",
    "data_request_id",
    "data_path",
    "data_operation_id",
    "data_method",
    "data_time",
];

/// Reads an object as `lakefs`.
pub fn read(object: &[u8]) -> Collector {
    read_with(object, &context())
}

pub fn read_with(object: &[u8], context: &ImportContext) -> Collector {
    read_as("lakefs", object, "object", context)
}

/// The rows of the fixture.
pub fn rows() -> Vec<Value> {
    serde_json::from_slice(&fixture_file("lakefs/rows.json")).unwrap()
}

/// A row that says as little as it may, with some fields set otherwise.
pub fn row(fields: &Value) -> Value {
    let mut row = json!({
        "data_user": "loader", "data_status_code": 200, "data_service_name": "rest_api",
        "data_request_id": "0a6c1f6e-52a4-4b7e-9d10-1f6a2b3c4dff", "data_path": "/api/v1/healthcheck",
        "data_operation_id": "healthCheck", "data_method": "GET", "data_time": "2026-03-01T09:15:00.000Z",
    });
    for (name, value) in fields.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// The rows as lakeFS types them.
pub fn batch(rows: &[Value]) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for name in TEXT_COLUMNS {
        fields.push(Field::new(name, DataType::Utf8, true));
        let texts: StringArray = rows.iter().map(|row| row.get(name).and_then(Value::as_str)).collect();
        arrays.push(Arc::new(texts));
    }
    fields.push(Field::new("data_status_code", DataType::Int32, true));
    let codes: Int32Array = rows.iter().map(|row| Some(row.get("data_status_code")?.as_i64()? as i32)).collect();
    arrays.push(Arc::new(codes));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// A Parquet file of these columns.
pub fn parquet_of(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    written(&[batch], WriterProperties::builder().build())
}

pub fn written(batches: &[RecordBatch], properties: WriterProperties) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        // Each batch is a row group.
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

/// A Parquet file as lakeFS Cloud writes it, one row group.
pub fn parquet(rows: &[Value]) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    written(&[batch(rows)], properties)
}

/// The only event of a file of one row.
pub fn event_of(fields: &Value) -> Columns {
    only_event(&parquet(&[row(fields)]))
}

/// The only event of an object.
pub fn only_event(object: &[u8]) -> Columns {
    let collector = read(object);
    assert_eq!(collector.reasons(), Vec::<&str>::new());
    assert_eq!(collector.events.len(), 1);
    collector.events.into_iter().next().unwrap()
}

pub fn metadata(event: &Columns) -> Value {
    event.get("metadata").map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}
