//! A span of event time.

use auditlake_event::Timestamp;

use crate::question::{Order, Position};
use crate::typed::Query;

/// Event times from `from` (inclusive) until `to` (exclusive), in ms since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Inclusive.
    pub from: i64,
    /// Exclusive.
    pub to: i64,
}

impl Window {
    /// What a query asks for, and, for a later page of this order, nothing before where it begins.
    pub fn new(query: &Query, order: Order, after: Option<&Position>) -> Self {
        let from = query.from.map_or(i64::MIN, Timestamp::millis);
        // A bound below the millisecond is one of the conditions: the window has whole milliseconds.
        let to = query.end().map_or(i64::MAX, Timestamp::millis);
        match (order, after.map(|position| position.event_time.millis())) {
            (_, None) => Self { from, to },
            (Order::NewestFirst, Some(newest)) => Self { from, to: to.min(newest.saturating_add(1)) },
            (Order::OldestFirst, Some(oldest)) => Self { from: from.max(oldest), to },
        }
    }

    /// Whether no time lies in it.
    pub const fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// Whether a time lies in it.
    pub const fn contains(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }

    /// Whether any time of `min..=max` lies in it.
    pub const fn overlaps(&self, min: i64, max: i64) -> bool {
        self.from <= max && min < self.to
    }

    /// Whether all times of `min..=max` lie in it.
    pub const fn covers(&self, min: i64, max: i64) -> bool {
        self.from <= min && max < self.to
    }

    /// The part of it from `from` on.
    pub fn since(self, from: i64) -> Self {
        Self { from: self.from.max(from), ..self }
    }

    /// The part of it until `last`, inclusive.
    pub fn until(self, last: i64) -> Self {
        Self { to: self.to.min(last.saturating_add(1)), ..self }
    }

    /// The part of it within another.
    pub fn intersect(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}
