//! A row as JSON.
//!
//! Texts are texts, numbers and decimals numbers, booleans booleans; times are RFC 3339 texts with as many digits as their
//! unit has (without a time zone they count as UTC), dates and times of day texts, intervals ISO 8601 durations; lists are
//! arrays, structures objects, maps arrays of `{"key":…,"value":…}` or, where the source says so, objects. Bytes that are neither text nor said to be are
//! hexadecimal digits. What is null is left out, in a list it is `null`.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTime, IntervalDayTimeType,
    Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, IntervalUnit, TimeUnit};
use auditlake_event::Timestamp;
use uuid::Uuid;

use crate::json;

use super::schema::{Bytes, Columns};

/// Writes rows; knows whether it met bytes in a text that are no UTF-8.
pub(super) struct Renderer<'o> {
    pub out: &'o mut String,
    pub has_replaced: bool,
    pub maps_are_objects: bool,
}

impl Renderer<'_> {
    /// Appends a row. Fails if a value cannot be shown.
    pub(super) fn row(&mut self, batch: &RecordBatch, row: usize, columns: &Columns) -> Result<(), ArrowError> {
        let mut separator = '{';
        for ((array, name), bytes) in batch.columns().iter().zip(&columns.names).zip(&columns.bytes) {
            if array.is_valid(row) {
                self.out.push(separator);
                separator = ',';
                json::write_text(name, self.out);
                self.out.push(':');
                self.value(array.as_ref(), row, *bytes)?;
            }
        }
        self.out.push_str(if separator == '{' { "{}" } else { "}" });
        Ok(())
    }

    fn value(&mut self, array: &dyn Array, row: usize, bytes: Bytes) -> Result<(), ArrowError> {
        if array.is_null(row) {
            self.out.push_str("null");
            return Ok(());
        }
        match array.data_type() {
            DataType::Null => self.out.push_str("null"),
            DataType::Boolean => self.out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
            DataType::Int8 => self.number::<Int8Type>(array, row),
            DataType::Int16 => self.number::<Int16Type>(array, row),
            DataType::Int32 => self.number::<Int32Type>(array, row),
            DataType::Int64 => self.number::<Int64Type>(array, row),
            DataType::UInt8 => self.number::<UInt8Type>(array, row),
            DataType::UInt16 => self.number::<UInt16Type>(array, row),
            DataType::UInt32 => self.number::<UInt32Type>(array, row),
            DataType::UInt64 => self.number::<UInt64Type>(array, row),
            DataType::Float16 => self.float(f64::from(array.as_primitive::<Float16Type>().value(row)), ""),
            DataType::Float32 => {
                let value = array.as_primitive::<Float32Type>().value(row);
                // The shortest digits of the narrow number, not of the wide one it is equal to.
                self.float(f64::from(value), &value.to_string());
            }
            DataType::Float64 => self.float(array.as_primitive::<Float64Type>().value(row), ""),
            DataType::Decimal32(..) => self.decimal::<Decimal32Type>(array, row),
            DataType::Decimal64(..) => self.decimal::<Decimal64Type>(array, row),
            DataType::Decimal128(..) => self.decimal::<Decimal128Type>(array, row),
            DataType::Decimal256(..) => self.decimal::<Decimal256Type>(array, row),
            DataType::Timestamp(unit, _) => self.time(*unit, time_value(array, *unit, row)),
            DataType::Date32 => {
                let days = i64::from(array.as_primitive::<Date32Type>().value(row));
                let midnight = Timestamp::from_millis(days.saturating_mul(86_400_000)).rfc3339_bytes();
                let date = midnight.as_ref().and_then(|text| std::str::from_utf8(text.get(..10)?).ok());
                json::write_text(date.unwrap_or(&days.to_string()), self.out);
            }
            DataType::BinaryView => self.bytes(array.as_binary_view().value(row), bytes),
            DataType::FixedSizeBinary(_) => self.bytes(array.as_fixed_size_binary().value(row), bytes),
            DataType::Struct(fields) => {
                let mut separator = '{';
                for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                    if column.is_valid(row) {
                        self.out.push(separator);
                        separator = ',';
                        json::write_text(field.name(), self.out);
                        self.out.push(':');
                        self.value(column.as_ref(), row, bytes)?;
                    }
                }
                self.out.push_str(if separator == '{' { "{}" } else { "}" });
            }
            DataType::List(_) => self.elements(array.as_list::<i32>().value(row).as_ref(), bytes)?,
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                match texts_of(entries.column(0).as_ref()).filter(|_| self.maps_are_objects) {
                    Some(keys) => self.map(&keys, entries.column(1).as_ref(), bytes)?,
                    None => self.elements(&entries, bytes)?,
                }
            }
            DataType::Time32(TimeUnit::Millisecond) => {
                self.time_of_day(TimeUnit::Millisecond, array.as_primitive::<Time32MillisecondType>().value(row).into());
            }
            DataType::Time64(TimeUnit::Microsecond) => {
                self.time_of_day(TimeUnit::Microsecond, array.as_primitive::<Time64MicrosecondType>().value(row));
            }
            DataType::Time64(TimeUnit::Nanosecond) => {
                self.time_of_day(TimeUnit::Nanosecond, array.as_primitive::<Time64NanosecondType>().value(row));
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let IntervalDayTime { days, milliseconds } = array.as_primitive::<IntervalDayTimeType>().value(row);
                let (sign, milliseconds) = (if milliseconds < 0 { "-" } else { "" }, milliseconds.unsigned_abs());
                let (seconds, fraction) = (milliseconds / 1_000, milliseconds % 1_000);
                write!(self.out, "\"P{days}DT{sign}{seconds}.{fraction:03}S\"").unwrap_or_default();
            }
            // Parquet has no other type.
            other => return Err(ArrowError::NotYetImplemented(format!("values of type {other}"))),
        }
        Ok(())
    }

    fn elements(&mut self, array: &dyn Array, bytes: Bytes) -> Result<(), ArrowError> {
        self.out.push('[');
        for row in 0..array.len() {
            if row > 0 {
                self.out.push(',');
            }
            self.value(array, row, bytes)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, keys: &[&str], values: &dyn Array, bytes: Bytes) -> Result<(), ArrowError> {
        self.out.push('{');
        for (row, key) in keys.iter().enumerate() {
            if row > 0 {
                self.out.push(',');
            }
            json::write_text(key, self.out);
            self.out.push(':');
            self.value(values, row, bytes)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn number<T: ArrowPrimitiveType<Native: std::fmt::Display>>(&mut self, array: &dyn Array, row: usize) {
        // Writing to a string cannot fail.
        write!(self.out, "{}", array.as_primitive::<T>().value(row)).unwrap_or_default();
    }

    /// A number, as `digits` if that is not empty; JSON has none for infinities and for what is no number.
    fn float(&mut self, value: f64, digits: &str) {
        let written = value.to_string();
        let digits = if digits.is_empty() { &written } else { digits };
        if value.is_finite() {
            self.out.push_str(digits);
        } else {
            json::write_text(digits, self.out);
        }
    }

    fn decimal<T: DecimalType>(&mut self, array: &dyn Array, row: usize) {
        self.out.push_str(&array.as_primitive::<T>().value_as_string(row));
    }

    fn bytes(&mut self, value: &[u8], bytes: Bytes) {
        match (std::str::from_utf8(value), bytes) {
            (_, Bytes::Uuid) if value.len() == 16 => {
                let uuid = Uuid::from_slice(value).unwrap_or_default().to_string();
                json::write_text(&uuid, self.out);
            }
            (Ok(text), _) => json::write_text(text, self.out),
            (Err(_), Bytes::Text) => {
                self.has_replaced = true;
                json::write_text(&String::from_utf8_lossy(value), self.out);
            }
            (Err(_), _) => {
                self.out.push('"');
                self.out.push_str(&hex::encode(value));
                self.out.push('"');
            }
        }
    }

    /// A time since midnight.
    fn time_of_day(&mut self, unit: TimeUnit, value: i64) {
        let (per_second, digits) = parts_of(unit);
        let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(self.out, "\"{hours:02}:{minutes:02}:{seconds:02}.{fraction:0digits$}\"").unwrap_or_default();
    }

    fn time(&mut self, unit: TimeUnit, value: i64) {
        let (per_second, digits) = parts_of(unit);
        let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
        let whole = seconds.checked_mul(1_000).and_then(|millis| Timestamp::from_millis(millis).rfc3339_bytes());
        let Some(text) = whole.as_ref().and_then(|text| std::str::from_utf8(text.get(..19)?).ok()) else {
            // Outside the years 0 to 9999 there is only the number.
            write!(self.out, "{value}").unwrap_or_default();
            return;
        };
        let written =
            if digits == 0 { write!(self.out, "\"{text}Z\"") } else { write!(self.out, "\"{text}.{fraction:0digits$}Z\"") };
        written.unwrap_or_default();
    }
}

/// The keys of a map, if all of them are texts and none is there twice.
fn texts_of(keys: &dyn Array) -> Option<Vec<&str>> {
    let keys = keys.as_binary_view_opt()?;
    let texts: Option<Vec<&str>> = keys.iter().map(|key| std::str::from_utf8(key?).ok()).collect();
    let texts = texts?;
    let mut sorted = texts.clone();
    sorted.sort_unstable();
    let has_key_twice = sorted.windows(2).any(|pair| matches!(pair, [left, right] if left == right));
    (!has_key_twice).then_some(texts)
}

/// How many of a unit are a second, and with how many digits its fraction is written.
const fn parts_of(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

fn time_value(array: &dyn Array, unit: TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    }
}
