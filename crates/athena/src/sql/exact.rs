//! The two-sided exact read: every event of one organization and window once.
//!
//! **Which copy wins.** The archive holds each event once, so its copy wins over any that lies in landing with a later seal time.
//! Among landing rows the first arrived wins: the smallest `"$path"`, because a landing key sorts by its arrival. The hive
//! connector offers no row number, so copies *inside one landing object* are ordered by `received_time` and then column by column
//! (nulls last, `raw` at the end): another order than the row's, but the same one in every statement, so that lists, pages and
//! counts agree. It matters only for copies that differ and came in one batch; the seal sets the later one aside as a conflict.

use auditlake_event::{Column, Timestamp};
use auditlake_query::{Order, Position, Query};

use super::condition::write_conditions;
use super::snapshot::Snapshot;
use super::statement::{Writer, time_literal};
use super::window::{CLOCK_SKEW_MS, Window};
use crate::table_names::Tables;

/// What the key of an event is made of, besides the organization.
const KEY: [Column; 4] = [Column::Region, Column::Source, Column::EventTime, Column::EventId];

/// What an event states below the millisecond, in ns.
pub(crate) const NANOS: &str = "coalesce(event_time_nanos, 0)";

/// Which sides of the exact read are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Archive and landing: everything that was acknowledged.
    Both,
    /// What is sealed only. Such a statement has the same answer for ever, so that a stored result may be used again.
    Archive,
}

/// Everything that a statement reads by.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The tables' names.
    pub tables: &'a Tables,
    /// What the statement is bound to.
    pub snapshot: &'a Snapshot,
    /// Which sides are asked.
    pub sides: Sides,
    /// Organization, region and conditions. Its time range is in `window` already.
    pub query: &'a Query,
    /// The span of event time.
    pub window: Window,
}

impl Reading<'_> {
    /// The part of the window in which the archive can hold anything: rows sealed before `S` happened before `S`.
    fn archive_window(&self) -> Option<Window> {
        let from = self.window.from.max(self.snapshot.archive_since);
        let to = self.window.to.min(self.snapshot.sealed_until.start());
        (from < to).then_some(Window { from, to })
    }

    /// Whether there is anything to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.sides == Sides::Archive && self.archive_window().is_none()
    }

    /// `dt BETWEEN 'year=…' AND 'year=…'` of a window.
    fn dt_range(window: Window) -> String {
        format!("dt BETWEEN '{}' AND '{}'", dt_value(window.from), dt_value(window.to.plus_millis(-1)))
    }

    /// `arrival BETWEEN '…' AND '…'`: a row of the window with a seal time of `S` or later arrived at `S - lead` or later, and no
    /// earlier than its event time less the lead.
    fn arrival_range(&self) -> String {
        let snapshot = self.snapshot;
        let earliest = snapshot.sealed_until.start().max(self.window.from).plus_millis(-snapshot.rule.lead_ms);
        let latest = snapshot.now.max(snapshot.sealed_until.start()).plus_millis(CLOCK_SKEW_MS);
        format!("arrival BETWEEN '{}' AND '{}'", arrival_value(earliest), arrival_value(latest))
    }

    fn write_tenant(&self, writer: &mut Writer) {
        writer.push("organization = ").value(self.query.organization.as_str());
        if let Some(region) = &self.query.region {
            writer.push(" AND region = ").value(region.as_str());
        }
    }

    /// Writes the relation: a union of selects of `columns`. Conditions and `after` hold for every row.
    pub(crate) fn write(&self, writer: &mut Writer, columns: &[Column], after: Option<(&Position, Order)>) {
        let archive_window = self.archive_window();
        if let Some(archive_window) = archive_window {
            self.write_archive(writer, columns, after, archive_window);
        }
        if self.sides == Sides::Archive {
            return;
        }
        if archive_window.is_some() {
            writer.push("\n  UNION ALL\n");
        }
        self.write_landing(writer, columns, after, archive_window);
    }

    fn write_archive(&self, writer: &mut Writer, columns: &[Column], after: Option<(&Position, Order)>, window: Window) {
        writer.push("  SELECT ").push(&names(columns)).push("\n  FROM ").push(&self.tables.hourly_sql());
        writer.push("\n  WHERE ");
        self.write_tenant(writer);
        writer.push("\n    AND ").push(&Self::dt_range(window));
        write_time_range(writer, window, "\n    ");
        writer.push("\n    AND seal_time < ").time(self.snapshot.sealed_until.start());
        write_conditions(writer, &self.query.conditions, "\n    ");
        write_bounds(writer, self.query, "\n    ");
        write_after(writer, after, "\n    ");
    }

    fn write_landing(
        &self,
        writer: &mut Writer,
        columns: &[Column],
        after: Option<(&Position, Order)>,
        archive_window: Option<Window>,
    ) {
        let mut inner = columns.to_vec();
        inner.extend(KEY);
        inner.extend(super::condition::columns_of(&self.query.conditions));
        inner.extend(self.query.splits_a_millisecond().then_some(Column::EventTimeNanos));
        inner.sort_unstable();
        inner.dedup();
        writer.push("  SELECT ").push(&names(columns)).push("\n  FROM (\n    SELECT ").push(&names(&inner));
        writer.push(",\n      row_number() OVER (PARTITION BY ").push(&names(&KEY));
        writer.push("\n        ORDER BY \"$path\", ").push(&names(&tie_break(columns))).push(") AS copy");
        self.write_landing_source(writer, self.window, "\n    ");
        writer.push("\n  ) AS landing");
        if let Some(window) = archive_window {
            self.write_archived(writer, window);
        }
        writer.push("\n  WHERE copy = 1");
        if archive_window.is_some() {
            writer.push("\n    AND archived_event_id IS NULL");
        }
        write_conditions(writer, &self.query.conditions, "\n    ");
        write_bounds(writer, self.query, "\n    ");
        write_after(writer, after, "\n    ");
    }

    /// `FROM landing WHERE …`, bounded on every side.
    fn write_landing_source(&self, writer: &mut Writer, window: Window, indent: &str) {
        writer.push(indent).push("FROM ").push(&self.tables.landing_sql());
        writer.push(indent).push("WHERE ");
        self.write_tenant(writer);
        let deeper = format!("{indent}  ");
        writer.push(&deeper).push("AND ").push(&self.arrival_range());
        write_time_range(writer, window, &deeper);
        writer.push(&deeper).push("AND seal_time >= ").time(self.snapshot.sealed_until.start());
    }

    /// Joins the keys of archive rows that happened at the very time of a late landing row. The inner join lets the engine read
    /// only the hours, and in them only the row groups, in which there is a late row at all: none as a rule.
    fn write_archived(&self, writer: &mut Writer, window: Window) {
        writer.push("\n  LEFT JOIN (\n    SELECT");
        for (position, column) in KEY.iter().enumerate() {
            let separator = if position == 0 { " " } else { ", " };
            writer.push(&format!("{separator}hourly.{name} AS archived_{name}", name = column.name()));
        }
        writer.push("\n    FROM ").push(&self.tables.hourly_sql()).push(" AS hourly");
        writer.push("\n    INNER JOIN (\n      SELECT DISTINCT event_time AS late_time, ");
        writer.push("date_format(event_time, 'year=%Y/month=%m/day=%d/hour=%H') AS late_dt");
        self.write_landing_source(writer, window, "\n      ");
        writer.push("\n    ) AS late ON hourly.dt = late.late_dt AND hourly.event_time = late.late_time\n    WHERE ");
        self.write_tenant(writer);
        writer.push("\n      AND ").push(&Self::dt_range(window));
        write_time_range(writer, window, "\n      ");
        writer.push("\n      AND seal_time < ").time(self.snapshot.sealed_until.start());
        writer.push("\n  ) AS archived\n    ON");
        for (position, column) in KEY.iter().enumerate() {
            let separator = if position == 0 { " " } else { " AND " };
            writer.push(&format!("{separator}archived_{name} = {name}", name = column.name()));
        }
    }
}

/// The value of the partition column `dt` for the hour of a time.
pub(crate) fn dt_value(time: Timestamp) -> String {
    let civil = time.civil();
    format!("year={:04}/month={:02}/day={:02}/hour={:02}", civil.year, civil.month, civil.day, civil.hour)
}

/// The value of the partition column `arrival` for the hour of a time.
pub(crate) fn arrival_value(time: Timestamp) -> String {
    let civil = time.civil();
    format!("{:04}-{:02}-{:02}T{:02}", civil.year, civil.month, civil.day, civil.hour)
}

pub(crate) fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
}

/// The order of copies in one landing object. `raw` is the bulk of a row and decides last: where it is not selected, copies that
/// differ in nothing else are the same to the statement.
fn tie_break(selected: &[Column]) -> Vec<Column> {
    let mut order = vec![Column::ReceivedTime];
    let decided = [Column::ReceivedTime, Column::SealTime, Column::Organization, Column::Raw];
    order.extend(Column::ALL.iter().filter(|column| !KEY.contains(column) && !decided.contains(column)));
    if selected.contains(&Column::Raw) {
        order.push(Column::Raw);
    }
    order
}

fn write_time_range(writer: &mut Writer, window: Window, indent: &str) {
    writer.push(indent).push("AND event_time >= ").time(window.from).push(" AND event_time < ").time(window.to);
}

/// Bounds that lie inside a millisecond. The window has whole ones, so that only the first and the last are left to compare.
fn write_bounds(writer: &mut Writer, query: &Query, indent: &str) {
    if let Some(from) = query.from.filter(|_| query.from_nanos > 0) {
        writer.push(indent).push("AND (event_time > ").time(from);
        writer.push(&format!(" OR {NANOS} >= {})", query.from_nanos));
    }
    if let Some(to) = query.to.filter(|_| query.to_nanos > 0) {
        writer.push(indent).push("AND (event_time < ").time(to);
        writer.push(&format!(" OR {NANOS} < {})", query.to_nanos));
    }
}

/// Only rows after a position. The window ends, or begins, at its millisecond already, so that only that millisecond is left to compare.
fn write_after(writer: &mut Writer, after: Option<(&Position, Order)>, indent: &str) {
    let Some((after, order)) = after else { return };
    let is_after = match order {
        Order::NewestFirst => "<",
        Order::OldestFirst => ">",
    };
    writer.push(indent).push(&format!("AND (event_time {is_after} ")).push(&time_literal(after.event_time));
    writer.push(&format!(" OR ({NANOS}, event_id, source, region) {is_after} ({}, ", after.nanos));
    writer.value(&after.event_id).push(", ").value(&after.source).push(", ").value(&after.region).push("))");
}
