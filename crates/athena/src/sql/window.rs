//! Which span of event time a statement covers.

use auditlake_event::Timestamp;
use auditlake_event::limits::EARLIEST_EVENT_TIME_MS;
use auditlake_query::{Field, Order, Position, Query};

use super::snapshot::Snapshot;

/// How far beyond the lead a time may lie ahead of our clock, in ms: writers' clocks differ, and an hour costs nothing.
pub(crate) const CLOCK_SKEW_MS: i64 = Timestamp::HOUR_MS;

/// A span of event time, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

fn whole_range(query: &Query, order: Order, after: Option<&Position>, snapshot: &Snapshot) -> Option<Window> {
    // No event is older than the door lets in, or further ahead than the lead allows.
    let earliest = Timestamp::from_millis(EARLIEST_EVENT_TIME_MS);
    let latest = snapshot.now.plus_millis(snapshot.rule.lead_ms + CLOCK_SKEW_MS);
    let mut from = query.from.map_or(earliest, |from| from.max(earliest));
    let mut to = query.end().map_or(latest, |end| end.min(latest));
    match (order, after) {
        (Order::NewestFirst, Some(after)) => to = to.min(after.event_time.plus_millis(1)),
        (Order::OldestFirst, Some(after)) => from = from.max(after.event_time),
        (_, None) => {}
    }
    (from < to).then_some(Window { from, to })
}

/// The windows in which a page of events is looked for. Of the oldest events: one, if anything can match. Of the newest, newest first: none
/// if nothing can match, one, or two that widen and do not overlap. The second is asked only if the first does not fill the page. `first_step_ms` is the length of the
/// first, counted back from now or from the range's end and extended to a whole hour.
pub fn search_windows(
    query: &Query,
    order: Order,
    after: Option<&Position>,
    snapshot: &Snapshot,
    first_step_ms: i64,
) -> Vec<Window> {
    let Some(whole) = whole_range(query, order, after, snapshot) else { return Vec::new() };
    if order == Order::OldestFirst {
        return vec![whole];
    }
    // One event fills no page: a first step would only add a statement.
    let asks_for_ids = query.conditions.iter().any(|condition| condition.field == Field::EventId && !condition.negated);
    let boundary = whole.to.min(snapshot.now).plus_millis(-first_step_ms).hour();
    if asks_for_ids || boundary <= whole.from {
        return vec![whole];
    }
    vec![Window { from: boundary, to: whole.to }, Window { from: whole.from, to: boundary }]
}

/// The window in which events are counted; `None` if nothing can match.
pub fn count_window(query: &Query, snapshot: &Snapshot) -> Option<Window> {
    whole_range(query, Order::NewestFirst, None, snapshot)
}

#[cfg(test)]
mod tests {
    use auditlake_event::Organization;
    use auditlake_lake::SealTime;
    use auditlake_lake::period::{Period, SealRule};
    use auditlake_query::Condition;
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            sealed_until: SealTime::from_start(time("2026-03-01T11:00:00Z")),
            archive_since: time("2026-01-01T00:00:00Z"),
            now: time("2026-03-01T12:10:00Z"),
            rule: SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 },
        }
    }

    fn query(from: Option<&str>, to: Option<&str>) -> Query {
        Query { from: from.map(time), to: to.map(time), ..Query::all(Organization::parse("acme").unwrap()) }
    }

    const DAY: i64 = 24 * Timestamp::HOUR_MS;

    fn texts(windows: &[Window]) -> Vec<(String, String)> {
        windows.iter().map(|window| (window.from.to_string(), window.to.to_string())).collect()
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn an_open_range_is_asked_in_a_day_and_the_rest() {
        assert_eq!(
            texts(&search_windows(&query(None, None), Order::NewestFirst, None, &snapshot(), DAY)),
            [
                pair("2026-02-28T12:00:00.000Z", "2026-03-01T13:15:00.000Z"),
                pair("2000-01-01T00:00:00.000Z", "2026-02-28T12:00:00.000Z"),
            ]
        );
    }

    #[test]
    fn a_short_range_is_asked_at_once() {
        let query = query(Some("2026-02-01T10:30:00Z"), Some("2026-02-02T10:00:00Z"));
        assert_eq!(
            texts(&search_windows(&query, Order::NewestFirst, None, &snapshot(), DAY)),
            [pair("2026-02-01T10:30:00.000Z", "2026-02-02T10:00:00.000Z")]
        );
    }

    #[test]
    fn a_page_after_a_position_ends_at_its_millisecond() {
        let after = Position {
            event_time: time("2026-02-10T05:00:00.123Z"),
            nanos: 0,
            event_id: "a".into(),
            source: "api".into(),
            region: "r".into(),
        };
        let windows = search_windows(&query(None, None), Order::NewestFirst, Some(&after), &snapshot(), DAY);
        assert_eq!(windows[0].to, time("2026-02-10T05:00:00.124Z"));
        assert_eq!(windows[0].from, time("2026-02-09T05:00:00Z"));
    }

    #[test]
    fn the_oldest_are_asked_for_at_once_and_a_page_begins_at_its_millisecond() {
        let after = Position {
            event_time: time("2026-02-10T05:00:00.123Z"),
            nanos: 0,
            event_id: "a".into(),
            source: "api".into(),
            region: "r".into(),
        };
        let windows = search_windows(&query(None, None), Order::OldestFirst, Some(&after), &snapshot(), DAY);
        assert_eq!(texts(&windows), [pair("2026-02-10T05:00:00.123Z", "2026-03-01T13:15:00.000Z")]);
    }

    #[test]
    fn nothing_is_asked_where_nothing_can_be() {
        for (from, to) in [
            (Some("2026-02-02T00:00:00Z"), Some("2026-02-02T00:00:00Z")),
            (Some("2026-02-03T00:00:00Z"), Some("2026-02-02T00:00:00Z")),
            (Some("2030-01-01T00:00:00Z"), None),
            (None, Some("1999-12-31T23:59:59Z")),
        ] {
            assert_eq!(search_windows(&query(from, to), Order::NewestFirst, None, &snapshot(), DAY), []);
            assert_eq!(count_window(&query(from, to), &snapshot()), None);
        }
    }

    #[test]
    fn one_event_is_looked_for_in_one_step() {
        let mut query = query(None, None);
        query.conditions.push(Condition::any_of(Field::EventId, vec!["x".into()]));
        assert_eq!(search_windows(&query, Order::NewestFirst, None, &snapshot(), DAY).len(), 1);
    }

    proptest! {
        #[test]
        fn windows_are_disjoint_and_cover_the_range(
            from in 946_684_800_000i64..1_772_370_000_000,
            length in 1i64..800_000_000_000,
            first_step_hours in 1i64..1_000,
        ) {
            let mut query = query(None, None);
            query.from = Some(Timestamp::from_millis(from));
            query.to = Some(Timestamp::from_millis(from + length));
            let windows = search_windows(&query, Order::NewestFirst, None, &snapshot(), first_step_hours * Timestamp::HOUR_MS);
            let whole = count_window(&query, &snapshot()).unwrap();
            prop_assert!(!windows.is_empty() && windows.len() <= 2);
            prop_assert_eq!(windows[0].to, whole.to);
            prop_assert_eq!(windows[windows.len() - 1].from, whole.from);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].from, pair[1].to);
            }
            for window in &windows {
                prop_assert!(window.from < window.to);
            }
        }
    }
}
