//! The reading half of the API: `GET /v1/events`, `GET /v1/events/{id}`, `GET /v1/stats`.

use std::sync::Arc;

use auditlake_event::limits::LEAD_MS;
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::landing::Clock;
use auditlake_lake::{Lake, SealTime};
use auditlake_query::{
    Answer, Condition, Cost, Count, CountRequest, Counts, Cursor, CursorError, Engine, Exporter, Field, GroupBy, Interval,
    InvalidQuery, Order, Position, Query, QueryError, QueryErrorKind, SearchRequest, TimeZone, nearest,
};
use auditlake_store::{SharedStore, StoreError};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::api::{Api, Context, Counted, answered, json};
use crate::delivery::{Validator, link_next};
use crate::directory::{Actor, Actors, Directory};
use crate::event_json::{EventJson, event_link};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::queries::{self, Question, take_wait};
use crate::recording::{Asked, Verb};

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
    /// Who the actors are.
    pub directory: Directory,
    /// Makes exports, where there are any.
    pub exporter: Option<Arc<dyn Exporter>>,
}

/// A page of events as JSON.
#[derive(Serialize)]
struct Page<'a> {
    events: &'a [Box<RawValue>],
    next_cursor: Option<String>,
    cut: Option<Cut>,
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(flatten)]
    cost: Cost,
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
    time_zone: Option<TimeZone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_by: Option<GroupBy>,
    counts: Vec<CountJson>,
    truncated: bool,
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(flatten)]
    cost: Cost,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable_objects: usize,
    engine: &'static str,
}

/// One count as JSON, and who is meant where it counts an actor's events.
#[derive(Serialize)]
struct CountJson {
    #[serde(flatten)]
    count: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_directory: Option<Actor>,
}

impl CountJson {
    fn of(count: Count, group_by: Option<GroupBy>, actors: &Actors) -> Self {
        let id = count.value.as_deref().filter(|_| group_by == Some(GroupBy::ActorId));
        let actor_directory = id.and_then(|id| actors.get(id)).cloned();
        Self { count, actor_directory }
    }
}

/// Why a page ends before everything that matches was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Cut {
    /// It has as many events as were asked for.
    Limit,
    /// One event more would have made it too large.
    PageSize,
}

/// A page of events, as it was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListQuestion {
    /// The query as it was asked.
    pub query: Query,
    #[serde(default)]
    order: Order,
    after: Option<Position>,
    limit: usize,
}

/// One event, as it was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventQuestion {
    pub query: Query,
    /// Where it is looked for, in words.
    looked: String,
}

/// Counts, as they were asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatsQuestion {
    pub query: Query,
    interval: Option<Interval>,
    #[serde(default)]
    time_zone: Option<TimeZone>,
    group_by: Option<GroupBy>,
    limit: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

pub(crate) fn invalid(error: InvalidQuery) -> Problem {
    Problem::invalid_parameter(error.parameter, error.rule)
}

/// Damage is mended by people: asking again soon does not help.
pub(crate) const RETRY_DAMAGED_SECONDS: u32 = 300;

pub(crate) fn query_problem(error: QueryError) -> Problem {
    match error.kind {
        QueryErrorKind::Invalid => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "The query cannot be answered", error.message)
        }
        QueryErrorKind::TooLarge => Problem::query_too_large(error.message),
        QueryErrorKind::Unavailable | QueryErrorKind::Cancelled => {
            tracing::warn!(error = %error.message, "query failed for now");
            Problem::unavailable("the query could not be finished; try again", 2)
        }
        QueryErrorKind::Throttled => {
            tracing::warn!(error = %error.message, "query throttled");
            Problem::throttled("too many questions are being answered; ask again a little later", 5)
        }
        QueryErrorKind::Damaged => {
            tracing::error!(alarm = true, error = %error.message, "an answer needs what storage damaged");
            Problem::unavailable(error.message, RETRY_DAMAGED_SECONDS)
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
    unreadable_objects == 0 && query.end().is_some_and(|end| end <= sealed_until.start())
}

/// Who the actors of an organization are.
pub(crate) async fn actors_of(reader: &Reader, organization: &Organization) -> Result<Arc<Actors>, Problem> {
    reader.directory.actors(organization).await.map_err(|error| storage_problem(&error))
}

/// What the record of a read keeps of its question.
pub(crate) fn asked(what: &'static str, query: &Query) -> Asked {
    let filters = Some(query.canonical_json());
    Asked { organization: query.organization.clone(), what, filters, verb: Verb::Read }
}

/// Whether links must name the organization.
fn links_name(context: &Context<'_>, organization: &Organization) -> bool {
    context.caller.default_organization() != Some(organization)
}

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
    queries::ask(reader, context, Question::Events(ListQuestion { query, order, after, limit }), wait).await
}

fn cursor_problem(error: CursorError) -> Problem {
    Problem::invalid_parameter("cursor", error.to_string())
}

impl ListQuestion {
    /// What the engine is asked; `widened` is the query with what the directory of actors adds.
    pub(crate) fn request(&self, widened: Query) -> SearchRequest {
        SearchRequest { query: widened, order: self.order, after: self.after.clone(), limit: self.limit, with_raw: false }
    }
}

/// The page of an answer.
pub(crate) fn page_of_events(
    reader: &Reader,
    context: &Context<'_>,
    question: &ListQuestion,
    actors: &Actors,
    answer: Answer,
) -> Result<Response<Bytes>, Problem> {
    let query = &question.query;
    let names_organization = links_name(context, &query.organization);
    let mut events = Vec::with_capacity(answer.events.len());
    let mut cut = answer.next.as_ref().map(|_| Cut::Limit);
    let mut next = answer.next;
    let mut page_bytes = 0;
    for (index, event) in answer.events.iter().enumerate() {
        let known = event.actor_id.as_deref().and_then(|id| actors.get(id));
        let value = to_raw_value(&EventJson::with_link(event, names_organization).known_as(known)).map_err(|error| {
            tracing::error!(%error, "event cannot be serialised");
            Problem::internal()
        })?;
        page_bytes += value.get().len();
        if page_bytes > MAX_PAGE_BYTES && index > 0 {
            next = answer.events.get(index - 1).map(Position::of);
            cut = Some(Cut::PageSize);
            break;
        }
        events.push(value);
    }
    let next_cursor = match next {
        Some(after) => {
            Some(Cursor { after, order: question.order }.encode(query, &reader.cursor_key).map_err(cursor_problem)?)
        }
        None => None,
    };
    let page = Page {
        events: &events,
        next_cursor,
        cut,
        sealed_until: answer.sealed_until,
        complete: is_complete(query, answer.sealed_until, answer.unreadable_objects),
        scanned_bytes: answer.scanned_bytes,
        cost: answer.cost,
        unreadable_objects: answer.unreadable_objects,
        engine: answer.engine,
    };
    let numbers = Counted { rows: events.len() as u64, scanned_bytes: answer.scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &page)?;
    let mut validator = Validator::new();
    events.iter().for_each(|event| validator.add(event.get().as_bytes()));
    // Whether more follows belongs to the page; the cursor only repeats its last row.
    validator.add(&[u8::from(page.next_cursor.is_some())]);
    validator.set(page.complete, &mut response);
    if let Some(cursor) = page.next_cursor.as_ref().filter(|_| context.path == "/v1/events") {
        link_next(context.query, cursor, &mut response);
    }
    Ok(answered(response, asked("events", query), numbers))
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
    let wait = take_wait(&mut parameters)?;
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
    query.conditions.push(Condition::any_of(Field::EventId, vec![id.to_owned()]));
    if let Some(source) = source {
        query.conditions.push(Condition::any_of(Field::Source, vec![source]));
    }
    queries::ask(reader, context, Question::Event(EventQuestion { query, looked }), wait).await
}

impl EventQuestion {
    pub(crate) fn request(&self) -> SearchRequest {
        SearchRequest {
            order: Order::NewestFirst,
            query: self.query.clone(),
            after: None,
            limit: MAX_SAME_ID,
            with_raw: true,
        }
    }
}

/// The event of an answer.
pub(crate) fn event_in_full(
    context: &Context<'_>,
    question: &EventQuestion,
    actors: &Actors,
    answer: &Answer,
) -> Result<Response<Bytes>, Problem> {
    let EventQuestion { query, looked } = question;
    let Some((event, others)) = answer.events.split_first() else {
        return Err(Problem::not_found(format!("there is no event of this id {looked}")));
    };
    let names_organization = links_name(context, &query.organization);
    let links = others.iter().map(|other| event_link(other, names_organization)).collect();
    let known = event.actor_id.as_deref().and_then(|id| actors.get(id));
    let one = OneEvent { event: &EventJson::with_link(event, names_organization).known_as(known), same_id: links };
    let numbers = Counted { rows: 1, scanned_bytes: answer.scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &one)?;
    let mut validator = Validator::new();
    validator.add(response.body());
    validator.set(event.event_time < answer.sealed_until.start(), &mut response);
    Ok(answered(response, asked("event", query), numbers))
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
    let question = StatsQuestion { query, interval, time_zone, group_by, limit };
    queries::ask(reader, context, Question::Stats(question), wait).await
}

impl StatsQuestion {
    /// What the engine is asked; `widened` is the query with what the directory of actors adds.
    pub(crate) fn request(&self, widened: Query) -> CountRequest {
        CountRequest {
            query: widened,
            interval: self.interval,
            time_zone: self.time_zone.clone(),
            group_by: self.group_by,
            limit: self.limit,
        }
    }
}

/// The counts of an answer.
pub(crate) fn statistics(question: &StatsQuestion, actors: &Actors, counts: Counts) -> Result<Response<Bytes>, Problem> {
    let StatsQuestion { query, interval, time_zone, group_by, .. } = question;
    let statistics = Statistics {
        interval: *interval,
        time_zone: time_zone.clone(),
        group_by: *group_by,
        counts: counts.counts.into_iter().map(|count| CountJson::of(count, *group_by, actors)).collect(),
        truncated: counts.truncated,
        sealed_until: counts.sealed_until,
        complete: is_complete(query, counts.sealed_until, counts.unreadable_objects),
        scanned_bytes: counts.scanned_bytes,
        cost: counts.cost,
        unreadable_objects: counts.unreadable_objects,
        engine: counts.engine,
    };
    let (rows, scanned_bytes) = (statistics.counts.len() as u64, statistics.scanned_bytes);
    let numbers = Counted { rows, scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &statistics)?;
    let mut validator = Validator::new();
    for CountJson { count, .. } in &statistics.counts {
        validator.add(count.time.map(|time| time.to_string()).unwrap_or_default().as_bytes());
        validator.add(count.value.as_deref().unwrap_or("\0").as_bytes());
        validator.add(&count.count.to_be_bytes());
    }
    validator.add(&[u8::from(statistics.truncated)]);
    validator.set(statistics.complete, &mut response);
    Ok(answered(response, asked("stats", query), numbers))
}
