//! Numbers of events.

use auditlake_event::Column;
use auditlake_query::{GroupBy, Interval, QueryError, TimeZone};

use super::condition::{check, json_path, wholly_folded};
use super::exact::Reading;
use super::statement::{Statement, Writer, text_literal};

const fn unit_of(interval: Interval) -> &'static str {
    match interval {
        Interval::Minute => "minute",
        Interval::Hour => "hour",
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
    }
}

/// The start of a time bucket: in UTC or, where days of a zone are counted, by the clock of the zone.
fn bucket_of(interval: Interval, zone: Option<&TimeZone>) -> String {
    let unit = unit_of(interval);
    match zone.filter(|_| interval.is_by_date()) {
        None => format!("date_trunc('{unit}', event_time)"),
        Some(zone) => {
            let zone = text_literal(zone.name());
            format!("date_trunc('{unit}', CAST(with_timezone(event_time, 'UTC') AT TIME ZONE {zone} AS timestamp(3)))")
        }
    }
}

/// What is counted by: of e-mail addresses the folded text, so that a person is one value.
fn write_value(writer: &mut Writer, group_by: GroupBy) {
    match group_by {
        GroupBy::ActorEmail => writer.push(&wholly_folded(Column::ActorEmail)),
        GroupBy::HttpStatus => writer.push("CAST(http_status AS varchar)"),
        GroupBy::Metadata(key) => {
            writer.push("coalesce(");
            for path in key.paths() {
                writer.push("json_extract_scalar(metadata, ").value(&json_path(&path)).push("), ");
            }
            writer.push("NULL)")
        }
        other => writer.push(other.column().name()),
    };
}

/// The statement for counts; `None` if nothing can match. Its columns are, as far as they are asked for, `bucket` (start of the
/// time bucket, of a zone by its clock), `value` and `place` (the value's place by total, 1 is the most frequent; of equal totals the smaller value first, null last), and always
/// `events`. Values with a place of `limit + 1` at most are in it: one more than asked for, which shows that there are more.
pub fn count_statement(
    reading: &Reading<'_>,
    interval: Option<Interval>,
    time_zone: Option<&TimeZone>,
    group_by: Option<GroupBy>,
    limit: usize,
) -> Result<Option<Statement>, QueryError> {
    check(&reading.query.conditions)?;
    if reading.is_empty() {
        return Ok(None);
    }
    let mut writer = Writer::default();
    let bucket = interval.map(|interval| format!("{} AS bucket", bucket_of(interval, time_zone)));
    let with_places = match (&bucket, &group_by) {
        (_, None) => None,
        (None, Some(_)) => Some("value, events, row_number() OVER (ORDER BY events DESC, value ASC NULLS LAST) AS place"),
        (Some(_), Some(_)) => {
            Some("bucket, value, events, dense_rank() OVER (ORDER BY total DESC, value ASC NULLS LAST) AS place")
        }
    };
    if let Some(columns) = with_places {
        writer.push("SELECT * FROM (SELECT ").push(columns).push(" FROM (\n");
    }
    if bucket.is_some() && group_by.is_some() {
        writer.push("SELECT bucket, value, events, sum(events) OVER (PARTITION BY value) AS total FROM (\n");
    }
    writer.push("SELECT ");
    if let Some(bucket) = &bucket {
        writer.push(bucket).push(", ");
    }
    if let Some(group_by) = group_by {
        write_value(&mut writer, group_by);
        writer.push(" AS value, ");
    }
    writer.push("count(*) AS events\nFROM (\n");
    let mut columns = vec![Column::EventTime];
    columns.extend(group_by.map(GroupBy::column));
    reading.write(&mut writer, &columns, None);
    writer.push("\n) AS events");
    match usize::from(bucket.is_some()) + usize::from(group_by.is_some()) {
        1 => writer.push("\nGROUP BY 1"),
        2 => writer.push("\nGROUP BY 1, 2"),
        _ => &mut writer,
    };
    if bucket.is_some() && group_by.is_some() {
        writer.push("\n) AS counted");
    }
    if with_places.is_some() {
        writer.push("\n) AS totalled) AS placed\nWHERE place <= ").push(&limit.saturating_add(1).to_string());
    }
    writer.finish().map(Some)
}
