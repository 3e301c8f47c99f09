//! The reading half of the API: `GET /v1/events`, `GET /v1/events/{id}`, `GET /v1/stats`.

use auditlake_event::Timestamp;
use auditlake_event::limits::LEAD_MS;
use auditlake_query::{
    Condition, CountRequest, Cursor, Field, GroupBy, Interval, Order, Query, SearchRequest, TimeZone, nearest,
};
use bytes::Bytes;
use http::Response;

use super::queries::{ask, take_wait};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::{EventRequest, ReadCall};
use crate::state::{Reader, cursor_problem, invalid};

/// Events on a page when the caller does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most events on a page.
const MAX_LIMIT: usize = 1_000;
/// Groups in counts when the caller does not say.
const DEFAULT_GROUPS: usize = 10;
/// How far back an event is looked for by its id alone, in days.
const LOOK_BACK_DAYS: i64 = 31;

pub(crate) async fn list_events(reader: &Reader, context: &Context<'_>) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let limit = parameters.take_number("limit", 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let order = match parameters.take("order")? {
        None => Order::default(),
        Some(text) => {
            Order::parse(&text).ok_or_else(|| Problem::invalid_parameter("order", nearest::one_of(&text, Order::TEXTS)))?
        }
    };
    let cursor = parameters.take("cursor")?;
    let wait = take_wait(&mut parameters)?;
    let query = Query::from_parameters(organization, parameters.rest().iter().map(|(name, value)| (name, value)))
        .map_err(invalid)?;

    let after = match cursor {
        Some(text) => Some(Cursor::decode(&text, &query, order, &reader.cursor_key).map_err(cursor_problem)?.after),
        None => None,
    };
    ask(reader, context, ReadCall::Events(SearchRequest { query, order, after, limit, with_raw: false }), wait).await
}

pub(crate) async fn one_event(reader: &Reader, context: &Context<'_>, id: &str) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let at = parameters.take("at")?;
    let source = parameters.take("source")?;
    let wait = take_wait(&mut parameters)?;
    parameters.expect_none_left()?;
    let (from, to, looked) = match at {
        Some(text) => {
            let at = Timestamp::parse(&text).map_err(|error| Problem::invalid_parameter("at", error.to_string()))?;
            (at, at.plus_millis(1), format!("at {at}"))
        }
        None => {
            let now = reader.clock.now();
            let from = now.plus_millis(-LOOK_BACK_DAYS * 24 * Timestamp::HOUR_MS);
            (
                from,
                now.plus_millis(LEAD_MS),
                format!("in the last {LOOK_BACK_DAYS} days; add ?at=<event_time> for older ones"),
            )
        }
    };
    let mut query = Query { from: Some(from), to: Some(to), ..Query::all(organization) };
    query.conditions.push(Condition::any_of(Field::EventId, vec![id.to_owned()]));
    if let Some(source) = source {
        query.conditions.push(Condition::any_of(Field::Source, vec![source]));
    }
    ask(reader, context, ReadCall::Event(EventRequest { query, looked }), wait).await
}

fn interval_of(text: &str) -> Result<Interval, Problem> {
    Interval::parse(text).ok_or_else(|| Problem::invalid_parameter("interval", nearest::one_of(text, Interval::TEXTS)))
}

fn group_by_of(text: &str) -> Result<GroupBy, Problem> {
    let known = || GroupBy::COLUMNS.map(|column| column.column().name());
    GroupBy::parse(text).ok_or_else(|| {
        let rule = format!("{}; or metadata.<key>", nearest::one_of(text, known()));
        Problem::invalid_parameter("group_by", rule)
    })
}

/// The zone whose days are counted. It says nothing about hours and minutes, which are the same everywhere.
fn time_zone_of(name: &str, interval: Option<Interval>) -> Result<TimeZone, Problem> {
    let invalid = |rule: &str| Problem::invalid_parameter("time_zone", rule);
    if !interval.is_some_and(Interval::is_by_date) {
        return Err(invalid("goes with interval=day, week or month"));
    }
    TimeZone::parse(name).ok_or_else(|| invalid("must be a name of the IANA database such as Europe/Berlin"))
}

pub(crate) async fn stats(reader: &Reader, context: &Context<'_>) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let interval = parameters.take("interval")?.as_deref().map(interval_of).transpose()?;
    let group_by = parameters.take("group_by")?.as_deref().map(group_by_of).transpose()?;
    let limit = parameters.take_number("limit", 1, MAX_LIMIT)?.unwrap_or(DEFAULT_GROUPS);
    let time_zone = parameters.take("time_zone")?.as_deref().map(|name| time_zone_of(name, interval)).transpose()?;
    let wait = take_wait(&mut parameters)?;
    let query = Query::from_parameters(organization, parameters.rest().iter().map(|(name, value)| (name, value)))
        .map_err(invalid)?;
    let request = CountRequest { query, interval, time_zone, group_by, limit };
    ask(reader, context, ReadCall::Stats(request), wait).await
}
