//! A page of events in its order.

use auditlake_event::Column;
use auditlake_query::{Order, Position, QueryError};

use super::condition::check;
use super::exact::{NANOS, Reading, names};
use super::statement::{Statement, Writer};

/// The columns that a page has, in order: all but `seal_time`, which is the lake's own, and `raw` only where it is wanted.
pub fn search_columns(with_raw: bool) -> Vec<Column> {
    let is_wanted = |column: &Column| *column != Column::SealTime && (with_raw || *column != Column::Raw);
    Column::ALL.iter().copied().filter(is_wanted).collect()
}

/// The statement for at most `limit` rows of a window that come after `after`; `None` if nothing can match.
pub fn search_statement(
    reading: &Reading<'_>,
    order: Order,
    after: Option<&Position>,
    limit: usize,
    with_raw: bool,
) -> Result<Option<Statement>, QueryError> {
    check(&reading.query.conditions)?;
    if reading.is_empty() {
        return Ok(None);
    }
    let columns = search_columns(with_raw);
    let mut writer = Writer::default();
    writer.push("SELECT ").push(&names(&columns)).push("\nFROM (\n");
    reading.write(&mut writer, &columns, after.map(|after| (after, order)));
    let direction = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    writer.push("\n) AS events\nORDER BY ");
    for (position, key) in ["event_time", NANOS, "event_id", "source", "region"].iter().enumerate() {
        writer.push(if position > 0 { ", " } else { "" }).push(key).push(" ").push(direction);
    }
    writer.push("\nLIMIT ");
    writer.push(&limit.to_string());
    writer.finish().map(Some)
}
