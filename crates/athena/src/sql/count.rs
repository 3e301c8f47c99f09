//! Numbers of events.

use auditlake_event::Column;
use auditlake_query::{GroupBy, Interval, QueryError};

use super::condition::{check, wholly_folded};
use super::exact::Reading;
use super::statement::{Statement, Writer};

const fn unit_of(interval: Interval) -> &'static str {
    match interval {
        Interval::Minute => "minute",
        Interval::Hour => "hour",
        Interval::Day => "day",
    }
}

/// What is counted by: of e-mail addresses the folded text, so that a person is one value.
fn expression_of(group_by: GroupBy) -> String {
    match group_by {
        GroupBy::ActorEmail => wholly_folded(Column::ActorEmail),
        other => other.column().name().to_owned(),
    }
}

/// The statement for counts; `None` if nothing can match. Its columns are, as far as they are asked for, `bucket` (start of the
/// time bucket), `value` and `place` (the value's place by total, 1 is the most frequent; of equal totals the smaller value first, null last), and always
/// `events`. Values with a place of `limit + 1` at most are in it: one more than asked for, which shows that there are more.
pub fn count_statement(
    reading: &Reading<'_>,
    interval: Option<Interval>,
    group_by: Option<GroupBy>,
    limit: usize,
) -> Result<Option<Statement>, QueryError> {
    check(&reading.query.conditions)?;
    if reading.is_empty() {
        return Ok(None);
    }
    let mut writer = Writer::default();
    let bucket = interval.map(|interval| format!("date_trunc('{}', event_time) AS bucket", unit_of(interval)));
    let value = group_by.map(|group_by| format!("{} AS value", expression_of(group_by)));
    let with_places = match (&bucket, &value) {
        (_, None) => None,
        (None, Some(_)) => Some("value, events, row_number() OVER (ORDER BY events DESC, value ASC NULLS LAST) AS place"),
        (Some(_), Some(_)) => {
            Some("bucket, value, events, dense_rank() OVER (ORDER BY total DESC, value ASC NULLS LAST) AS place")
        }
    };
    if let Some(columns) = with_places {
        writer.push("SELECT * FROM (SELECT ").push(columns).push(" FROM (\n");
    }
    if bucket.is_some() && value.is_some() {
        writer.push("SELECT bucket, value, events, sum(events) OVER (PARTITION BY value) AS total FROM (\n");
    }
    writer.push("SELECT ");
    let groups: Vec<&str> = [&bucket, &value].into_iter().filter_map(|group| group.as_deref()).collect();
    for group in &groups {
        writer.push(group).push(", ");
    }
    writer.push("count(*) AS events\nFROM (\n");
    let mut columns = vec![Column::EventTime];
    columns.extend(group_by.map(GroupBy::column));
    reading.write(&mut writer, &columns, None);
    writer.push("\n) AS events");
    match groups.len() {
        1 => writer.push("\nGROUP BY 1"),
        2 => writer.push("\nGROUP BY 1, 2"),
        _ => &mut writer,
    };
    if bucket.is_some() && value.is_some() {
        writer.push("\n) AS counted");
    }
    if with_places.is_some() {
        writer.push("\n) AS totalled) AS placed\nWHERE place <= ").push(&limit.saturating_add(1).to_string());
    }
    writer.finish().map(Some)
}
