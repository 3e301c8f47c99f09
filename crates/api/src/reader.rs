//! The reading half of the API: `GET /v1/events`, `GET /v1/events/{id}`, `GET /v1/stats`.

use std::sync::Arc;

use auditlake_event::limits::LEAD_MS;
use auditlake_event::{Event, Organization, Timestamp};
use auditlake_lake::landing::Clock;
use auditlake_lake::{Lake, SealTime};
use auditlake_query::{
    Condition, Count, CountRequest, Cursor, CursorError, Engine, Exporter, Field, GroupBy, Interval, InvalidQuery, Position,
    Query, QueryError, QueryErrorKind, SearchRequest,
};
use auditlake_store::{SharedStore, StoreError};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::api::{Api, Context, Counted, answered, json};
use crate::event_json::{EventJson, event_link};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::recording::Asked;

/// Events on a page when the caller does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most events on a page.
const MAX_LIMIT: usize = 1_000;
/// Groups in counts when the caller does not say.
const DEFAULT_GROUPS: usize = 10;
/// A page ends before it grows beyond this, in bytes of JSON (4 MiB): a function's answer has 6 MB. One event always fits.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// How far back an event is looked for by its id alone, in days.
const LOOK_BACK_DAYS: i64 = 31;
/// Most events of one id that are told apart.
const MAX_SAME_ID: usize = 10;

/// Answers questions about events.
#[derive(Clone)]
pub struct Reader {
    /// Answers typed queries.
    pub engine: Arc<dyn Engine>,
    /// The lake's storage, for its status.
    pub store: SharedStore,
    /// The lake.
    pub lake: Lake,
    /// Signs cursors.
    pub cursor_key: Arc<[u8]>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes exports, where there are any.
    pub exporter: Option<Arc<dyn Exporter>>,
}

/// A page of events as JSON.
#[derive(Serialize)]
struct Page<'a> {
    events: &'a [Box<RawValue>],
    next_cursor: Option<String>,
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable_objects: usize,
    engine: &'static str,
}

/// One event as JSON, and the links to others of the same id.
#[derive(Serialize)]
struct OneEvent<'a> {
    #[serde(flatten)]
    event: &'a EventJson<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same_id: Vec<String>,
}

/// Counts as JSON.
#[derive(Serialize)]
struct Statistics {
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_by: Option<GroupBy>,
    counts: Vec<Count>,
    truncated: bool,
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable_objects: usize,
    engine: &'static str,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

pub(crate) fn invalid(error: InvalidQuery) -> Problem {
    Problem::invalid_parameter(error.parameter, error.rule)
}

pub(crate) fn query_problem(error: QueryError) -> Problem {
    match error.kind {
        QueryErrorKind::Invalid => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "The query cannot be answered", error.message)
        }
        QueryErrorKind::TooLarge => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query-too-large", "The query would read too much", error.message)
        }
        QueryErrorKind::Unavailable | QueryErrorKind::Cancelled => {
            tracing::warn!(error = %error.message, "query failed for now");
            Problem::unavailable("the query could not be finished; try again", 2)
        }
        QueryErrorKind::Denied | QueryErrorKind::Internal => {
            tracing::error!(error = %error.message, "query failed");
            Problem::internal()
        }
    }
}

pub(crate) fn storage_problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "storage failed");
    if error.retryable() { Problem::unavailable("storage does not answer; try again", 2) } else { Problem::internal() }
}

/// Whether nothing more can be sealed into the range that was asked for, save for late events.
fn is_complete(query: &Query, sealed_until: SealTime, unreadable_objects: usize) -> bool {
    unreadable_objects == 0 && query.to.is_some_and(|to| to <= sealed_until.start())
}

fn position_of(event: &Event<'_>) -> Position {
    Position {
        event_time: event.event_time,
        event_id: event.event_id.clone().into_owned(),
        source: event.source.clone().into_owned(),
        region: event.region.clone().into_owned(),
    }
}

/// What the record of a read keeps of its question.
fn asked(what: &'static str, query: &Query) -> Asked {
    Asked { organization: query.organization.clone(), what, filters: Some(query.canonical_json()) }
}

/// Whether links must name the organization.
fn links_name(context: &Context<'_>, organization: &Organization) -> bool {
    context.caller.default_organization() != Some(organization)
}

pub(crate) async fn list_events(reader: &Reader, context: &Context<'_>) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let limit = parameters.take_number("limit", 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let cursor = parameters.take("cursor")?.filter(|text| !text.is_empty());
    let query = Query::from_parameters(organization, parameters.rest().iter().map(|(name, value)| (name, value)))
        .map_err(invalid)?;

    let cursor_problem = |error: CursorError| Problem::invalid_parameter("cursor", error.to_string());
    let (after, until) = match cursor {
        Some(text) => {
            let cursor = Cursor::decode(&text, &query, &reader.cursor_key).map_err(cursor_problem)?;
            (Some(cursor.after), cursor.until)
        }
        None => {
            let newest = reader.clock.now().plus_millis(reader.lake.lead_ms.max(LEAD_MS));
            (None, query.to.map_or(newest, |to| to.min(newest)))
        }
    };
    let bounded = Query { to: Some(until), ..query.clone() };
    let is_empty_range = bounded.from.is_some_and(|from| from >= until);
    let request =
        SearchRequest { query: if is_empty_range { query.clone() } else { bounded }, after, limit, with_raw: false };
    let answer = reader.engine.search(&request).await.map_err(query_problem)?;

    let names_organization = links_name(context, &query.organization);
    let mut events = Vec::with_capacity(answer.events.len());
    let mut next = answer.next;
    let mut page_bytes = 0;
    for (index, event) in answer.events.iter().enumerate() {
        let value = to_raw_value(&EventJson::with_link(event, names_organization)).map_err(|error| {
            tracing::error!(%error, "event cannot be serialised");
            Problem::internal()
        })?;
        page_bytes += value.get().len();
        if page_bytes > MAX_PAGE_BYTES && index > 0 {
            next = answer.events.get(index - 1).map(position_of);
            break;
        }
        events.push(value);
    }
    let next_cursor = match next {
        Some(after) => Some(Cursor { after, until }.encode(&query, &reader.cursor_key).map_err(cursor_problem)?),
        None => None,
    };
    let page = Page {
        events: &events,
        next_cursor,
        sealed_until: answer.sealed_until,
        complete: is_complete(&query, answer.sealed_until, answer.unreadable_objects),
        scanned_bytes: answer.scanned_bytes,
        unreadable_objects: answer.unreadable_objects,
        engine: answer.engine,
    };
    let numbers = Counted { rows: events.len() as u64, scanned_bytes: answer.scanned_bytes, ..Counted::default() };
    Ok(answered(json(StatusCode::OK, &page)?, asked("events", &query), numbers))
}

pub(crate) async fn one_event(
    api: &Api,
    reader: &Reader,
    context: &Context<'_>,
    id: &str,
) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let at = parameters.take("at")?;
    let source = parameters.take("source")?;
    parameters.expect_none_left()?;
    let (from, to, looked) = match at {
        Some(text) => {
            let at = Timestamp::parse(&text).map_err(|error| Problem::invalid_parameter("at", error.to_string()))?;
            (at, at.plus_millis(1), format!("at {at}"))
        }
        None => {
            let now = api.clock.now();
            let from = now.plus_millis(-LOOK_BACK_DAYS * 24 * Timestamp::HOUR_MS);
            (
                from,
                now.plus_millis(LEAD_MS),
                format!("in the last {LOOK_BACK_DAYS} days; add ?at=<event_time> for older ones"),
            )
        }
    };
    let mut query = Query { from: Some(from), to: Some(to), ..Query::all(organization) };
    query.conditions.push(Condition { field: Field::EventId, negated: false, values: vec![id.to_owned()] });
    if let Some(source) = source {
        query.conditions.push(Condition { field: Field::Source, negated: false, values: vec![source] });
    }
    let request = SearchRequest { query, after: None, limit: MAX_SAME_ID, with_raw: true };
    let answer = reader.engine.search(&request).await.map_err(query_problem)?;
    let Some((event, others)) = answer.events.split_first() else {
        return Err(Problem::not_found(format!("there is no event of this id {looked}")));
    };
    let names_organization = links_name(context, &request.query.organization);
    let links = others.iter().map(|other| event_link(other, names_organization)).collect();
    let one = OneEvent { event: &EventJson::with_link(event, names_organization), same_id: links };
    let numbers = Counted { rows: 1, scanned_bytes: answer.scanned_bytes, ..Counted::default() };
    Ok(answered(json(StatusCode::OK, &one)?, asked("event", &request.query), numbers))
}

fn interval_of(text: &str) -> Result<Interval, Problem> {
    match text {
        "minute" => Ok(Interval::Minute),
        "hour" => Ok(Interval::Hour),
        "day" => Ok(Interval::Day),
        _ => Err(Problem::invalid_parameter("interval", "must be one of minute, hour, day")),
    }
}

fn group_by_of(text: &str) -> Result<GroupBy, Problem> {
    use serde::de::value::{Error, StrDeserializer};
    use serde::de::{Deserialize, IntoDeserializer};
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    GroupBy::deserialize(deserializer).map_err(|_| {
        Problem::invalid_parameter(
            "group_by",
            "must be one of action, actor_id, actor_email, category, outcome, resource_type, resource_id, source, source_ip, service_name",
        )
    })
}

pub(crate) async fn stats(reader: &Reader, context: &Context<'_>) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let interval = parameters.take("interval")?.as_deref().map(interval_of).transpose()?;
    let group_by = parameters.take("group_by")?.as_deref().map(group_by_of).transpose()?;
    let limit = parameters.take_number("limit", 1, MAX_LIMIT)?.unwrap_or(DEFAULT_GROUPS);
    let query = Query::from_parameters(organization, parameters.rest().iter().map(|(name, value)| (name, value)))
        .map_err(invalid)?;
    let request = CountRequest { query, interval, group_by, limit };
    let counts = reader.engine.count(&request).await.map_err(query_problem)?;
    let statistics = Statistics {
        interval,
        group_by,
        counts: counts.counts,
        truncated: counts.truncated,
        sealed_until: counts.sealed_until,
        complete: is_complete(&request.query, counts.sealed_until, counts.unreadable_objects),
        scanned_bytes: counts.scanned_bytes,
        unreadable_objects: counts.unreadable_objects,
        engine: counts.engine,
    };
    let (rows, scanned_bytes) = (statistics.counts.len() as u64, statistics.scanned_bytes);
    let numbers = Counted { rows, scanned_bytes, ..Counted::default() };
    Ok(answered(json(StatusCode::OK, &statistics)?, asked("stats", &request.query), numbers))
}
