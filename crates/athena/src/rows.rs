//! Rows of a result, and what they become.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Column, Event, Organization, Outcome, Timestamp};
use auditlake_query::Count;

use crate::failure::{Failure, FailureKind};

/// The rows of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values as text; `None` is null.
    pub rows: Vec<Vec<Option<String>>>,
}

fn defect(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

/// A `timestamp(3)` as Athena prints it: `2026-03-01 12:00:00.123`.
fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse(&format!("{text}Z")).map_err(|_| defect(format!("athena answered {text:?} where a time was expected")))
}

fn parse_number<N: std::str::FromStr>(text: &str) -> Result<N, Failure> {
    text.parse().map_err(|_| defect(format!("athena answered {text:?} where a number was expected")))
}

/// The events of a result whose columns are columns of an event. Fails if a row is not of `organization`: such a row must never
/// leave this crate.
pub fn events(rows: Rows, organization: &Organization) -> Result<Vec<Event<'static>>, Failure> {
    let mut columns = Vec::with_capacity(rows.columns.len());
    for name in &rows.columns {
        columns.push(Column::from_name(name).ok_or_else(|| defect(format!("athena answered an unknown column {name:?}")))?);
    }
    let mut events = Vec::with_capacity(rows.rows.len());
    for row in rows.rows {
        let event = event(&columns, row)?;
        if event.organization != organization.as_str() {
            return Err(defect("athena answered a row of another organization"));
        }
        events.push(event);
    }
    Ok(events)
}

fn event(columns: &[Column], row: Vec<Option<String>>) -> Result<Event<'static>, Failure> {
    let mut values: [Option<String>; Column::ALL.len()] = std::array::from_fn(|_| None);
    for (column, value) in columns.iter().zip(row) {
        values[column.index()] = value;
    }
    let mut row = EventRow { values };
    Ok(Event {
        event_id: row.required(Column::EventId)?.into(),
        event_time: parse_time(&row.required(Column::EventTime)?)?,
        event_time_nanos: row.number(Column::EventTimeNanos)?,
        received_time: parse_time(&row.required(Column::ReceivedTime)?)?,
        region: row.required(Column::Region)?.into(),
        organization: row.required(Column::Organization)?.into(),
        source: row.required(Column::Source)?.into(),
        action: row.required(Column::Action)?.into(),
        category: row.value_of(Column::Category, Category::parse)?,
        outcome: row
            .value_of(Column::Outcome, Outcome::parse)?
            .ok_or_else(|| defect("athena answered a row without an outcome"))?,
        error_code: row.text(Column::ErrorCode),
        error_message: row.text(Column::ErrorMessage),
        actor_id: row.text(Column::ActorId),
        actor_type: row.value_of(Column::ActorType, ActorType::parse)?,
        actor_name: row.text(Column::ActorName),
        actor_email: row.text(Column::ActorEmail),
        actor_via: row.text(Column::ActorVia),
        resource_type: row.text(Column::ResourceType),
        resource_id: row.text(Column::ResourceId),
        resource_name: row.text(Column::ResourceName),
        scope_type: row.text(Column::ScopeType),
        scope_id: row.text(Column::ScopeId),
        changes: row.text(Column::Changes),
        source_ip: row.text(Column::SourceIp),
        user_agent: row.text(Column::UserAgent),
        service_name: row.text(Column::ServiceName),
        request_id: row.text(Column::RequestId),
        http_method: row.text(Column::HttpMethod),
        http_path: row.text(Column::HttpPath),
        http_status: row.number(Column::HttpStatus)?,
        metadata: row.text(Column::Metadata),
        raw: row.text(Column::Raw),
    })
}

struct EventRow {
    values: [Option<String>; Column::ALL.len()],
}

impl EventRow {
    fn take(&mut self, column: Column) -> Option<String> {
        self.values.get_mut(column.index()).and_then(Option::take)
    }

    fn text(&mut self, column: Column) -> Option<Cow<'static, str>> {
        self.take(column).map(Cow::Owned)
    }

    fn required(&mut self, column: Column) -> Result<String, Failure> {
        self.take(column).ok_or_else(|| defect(format!("athena answered a row without {}", column.name())))
    }

    fn number(&mut self, column: Column) -> Result<Option<i32>, Failure> {
        self.take(column).map(|text| parse_number(&text)).transpose()
    }

    fn value_of<T>(&mut self, column: Column, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
        let Some(text) = self.take(column) else { return Ok(None) };
        let value = parse(&text).ok_or_else(|| defect(format!("athena answered {text:?} as {}", column.name())))?;
        Ok(Some(value))
    }
}

/// The result of a count that nothing can match.
pub fn no_counts() -> Rows {
    Rows { columns: vec!["events".to_owned()], rows: Vec::new() }
}

/// The counts of a result of [`crate::sql::count_statement`], in the order that [`auditlake_query::Counts`] promises, and whether
/// values beyond `limit` were left out.
pub fn counts(rows: Rows, limit: usize) -> Result<(Vec<Count>, bool), Failure> {
    let position = |wanted: &str| rows.columns.iter().position(|name| name == wanted);
    let (bucket, value, place) = (position("bucket"), position("value"), position("place"));
    let events = position("events").ok_or_else(|| defect("athena answered no counts"))?;
    let mut counts = Vec::with_capacity(rows.rows.len());
    let mut truncated = false;
    for mut row in rows.rows {
        let mut take = |index: usize| row.get_mut(index).and_then(Option::take);
        let required = |text: Option<String>| text.ok_or_else(|| defect("athena answered null where a value was expected"));
        if let Some(place) = place {
            let place: usize = parse_number(&required(take(place))?)?;
            if place > limit {
                truncated = true;
                continue;
            }
        }
        let time = match bucket {
            Some(index) => Some(parse_time(&required(take(index))?)?),
            None => None,
        };
        let count = parse_number(&required(take(events))?)?;
        counts.push(Count { time, value: value.and_then(take), count });
    }
    counts.sort_by(|left: &Count, right: &Count| {
        let by_value = left.value.is_none().cmp(&right.value.is_none()).then(left.value.cmp(&right.value));
        left.time.cmp(&right.time).then(right.count.cmp(&left.count)).then(by_value)
    });
    Ok((counts, truncated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(columns: &[&str], rows: &[&[Option<&str>]]) -> Rows {
        Rows {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
        }
    }

    const NEEDED: [&str; 8] =
        ["event_id", "event_time", "received_time", "region", "organization", "source", "action", "outcome"];

    fn row(organization: &'static str) -> [Option<&'static str>; 8] {
        let time = Some("2026-03-01 12:00:00.123");
        [Some("a"), time, time, Some("r"), Some(organization), Some("api"), Some("x"), Some("denied")]
    }

    #[test]
    fn a_row_becomes_an_event() {
        let acme = Organization::parse("acme").unwrap();
        let found = events(rows(&NEEDED, &[&row("acme")]), &acme).unwrap();
        assert_eq!(found[0].event_time.to_string(), "2026-03-01T12:00:00.123Z");
        assert_eq!(found[0].outcome, Outcome::Denied);
        assert_eq!(found[0].actor_id, None);
    }

    #[test]
    fn a_row_of_another_organization_never_leaves() {
        let acme = Organization::parse("acme").unwrap();
        assert_eq!(events(rows(&NEEDED, &[&row("other")]), &acme).unwrap_err().kind, FailureKind::Internal);
    }

    #[test]
    fn counts_are_ordered_by_time_then_count_then_value_and_cut_by_value() {
        let result = rows(
            &["bucket", "value", "events", "place"],
            &[
                &[Some("2026-03-01 13:00:00.000"), Some("a"), Some("1"), Some("1")],
                &[Some("2026-03-01 12:00:00.000"), Some("b"), Some("2"), Some("2")],
                &[Some("2026-03-01 12:00:00.000"), Some("a"), Some("2"), Some("1")],
                &[Some("2026-03-01 12:00:00.000"), None, Some("1"), Some("3")],
            ],
        );
        let (found, truncated) = counts(result, 2).unwrap();
        let found: Vec<_> = found.iter().map(|count| (count.value.as_deref(), count.count)).collect();
        assert_eq!(found, [(Some("a"), 2), (Some("b"), 2), (Some("a"), 1)]);
        assert!(truncated);
    }
}
