//! The whole result of a query as files: `UNLOAD` to Parquet or JSON, or a `SELECT` whose own result file is CSV.
//!
//! Parameters of an execution are taken in `UNLOAD` as in `SELECT` (Athena's documentation on parameterized queries), so values
//! reach it as everywhere.

use auditlake_event::columns::ColumnKind;
use auditlake_event::limits::EARLIEST_EVENT_TIME_MS;
use auditlake_event::{Column, Timestamp};
use auditlake_query::export::{FORMULA_STARTS, export_columns, is_guarded};
use auditlake_query::{ExportFormat, Query, QueryError};

use super::condition::check;
use super::exact::Reading;
use super::snapshot::Snapshot;
use super::statement::{Statement, Writer, text_literal};
use super::window::{Window, count_window};

/// The span of event time of an export. Where nothing can match it is one millisecond of what was asked, so that an export of
/// nothing is made as any other.
pub fn export_window(query: &Query, snapshot: &Snapshot) -> Window {
    count_window(query, snapshot).unwrap_or_else(|| match (query.from, query.end()) {
        (Some(from), _) => Window { from, to: from.plus_millis(1) },
        (None, Some(to)) => Window { from: to.plus_millis(-1), to },
        (None, None) => {
            let earliest = Timestamp::from_millis(EARLIEST_EVENT_TIME_MS);
            Window { from: earliest, to: earliest.plus_millis(1) }
        }
    })
}

/// A time as the API writes it. `to_iso8601` writes the three digits that `timestamp(3)` has.
fn iso_time(column: Column) -> String {
    format!("concat(to_iso8601(events.{name}), 'Z') AS {name}", name = column.name())
}

/// A text that no spreadsheet takes for a formula.
fn guarded(column: Column) -> String {
    let character = |character: &char| match character {
        control if control.is_ascii_control() => format!("chr({})", u32::from(*control)),
        other => text_literal(&other.to_string()),
    };
    let starts: Vec<String> = FORMULA_STARTS.iter().map(character).collect();
    format!(
        "CASE WHEN substr(events.{name}, 1, 1) IN ({starts}) THEN concat('''', events.{name}) ELSE events.{name} END AS {name}",
        name = column.name(),
        starts = starts.join(", "),
    )
}

fn expression(column: Column, format: ExportFormat) -> String {
    match (format, column.kind()) {
        (ExportFormat::Csv | ExportFormat::NdJson, ColumnKind::Time) => iso_time(column),
        (ExportFormat::Csv, ColumnKind::Text) if is_guarded(column) => guarded(column),
        _ => format!("events.{}", column.name()),
    }
}

/// The statement of an export. `folder` is the `s3://…/` that `UNLOAD` writes to and must be empty; CSV has no use for it: its
/// file is the execution's own result. CSV is ordered newest first, `UNLOAD` orders nothing.
pub fn export_statement(
    reading: &Reading<'_>,
    format: ExportFormat,
    with_raw: bool,
    folder: &str,
) -> Result<Statement, QueryError> {
    check(&reading.query.conditions)?;
    let columns = export_columns(with_raw);
    let properties = match format {
        ExportFormat::Csv => None,
        ExportFormat::NdJson => Some("format = 'JSON', compression = 'GZIP'"),
        ExportFormat::Parquet => Some("format = 'PARQUET', compression = 'SNAPPY'"),
    };
    let mut writer = Writer::default();
    if properties.is_some() {
        writer.push("UNLOAD (\n");
    }
    let expressions: Vec<String> = columns.iter().map(|column| expression(*column, format)).collect();
    writer.push("SELECT ").push(&expressions.join(", ")).push("\nFROM (\n");
    reading.write(&mut writer, &columns, None);
    writer.push("\n) AS events");
    match properties {
        Some(properties) => {
            writer.push("\n)\nTO ").push(&text_literal(folder)).push("\nWITH (").push(properties).push(")");
        }
        // Of the relation, not of the texts that are made of it.
        None => {
            writer
                .push("\nORDER BY events.event_time DESC, coalesce(events.event_time_nanos, 0) DESC, events.event_id DESC");
            writer.push(", events.source DESC, events.region DESC");
        }
    }
    writer.finish()
}
