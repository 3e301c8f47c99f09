//! Answers to questions as JSON.

use auditlake_event::Organization;
use auditlake_lake::SealTime;
use auditlake_query::{
    Answer, Cost, Count, CountRequest, Counts, Cursor, Facts, GroupBy, Interval, Page, Position, Query, SearchRequest,
    TimeZone,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::answer::{Counted, answered, json};
use crate::context::Context;
use crate::delivery::{Validator, link_next};
use crate::directory::{Actor, Actors};
use crate::event_json::{EventJson, event_link};
use crate::problem::Problem;
use crate::question::{EventRequest, ReadCall, asked};
use crate::state::{Reader, cursor_problem, query_problem};

/// A page ends before it grows beyond this, in bytes of JSON (4 MiB): a function's answer has 6 MB. One event always fits.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What every result states about how it was made.
#[derive(Serialize)]
struct FactsJson {
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(flatten)]
    cost: Cost,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable_objects: usize,
    engine: &'static str,
}

impl FactsJson {
    fn of(facts: Facts, query: &Query) -> Self {
        let complete = facts.is_complete(query);
        let Facts { sealed_until, scanned_bytes, cost, unreadable_objects, engine } = facts;
        Self { sealed_until, complete, scanned_bytes, cost, unreadable_objects, engine }
    }
}

/// A page of events as JSON.
#[derive(Serialize)]
struct PageJson<'a> {
    events: &'a [Box<RawValue>],
    next_cursor: Option<String>,
    cut: Option<Cut>,
    #[serde(flatten)]
    facts: FactsJson,
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
    #[serde(flatten)]
    facts: FactsJson,
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

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Whether links must name the organization.
fn links_name(context: &Context<'_>, organization: &Organization) -> bool {
    context.caller.default_organization() != Some(organization)
}

/// The response to a call, from the engine's answer.
pub(crate) fn of(
    call: &ReadCall,
    reader: &Reader,
    context: &Context<'_>,
    actors: &Actors,
    answer: Answer,
) -> Result<Response<Bytes>, Problem> {
    let page = |answer: Answer| answer.into_page().map_err(query_problem);
    match call {
        ReadCall::Events(request) => page_of_events(reader, context, request, actors, page(answer)?),
        ReadCall::Event(request) => event_in_full(context, request, actors, &page(answer)?),
        ReadCall::Stats(request) => statistics(request, actors, answer.into_counts().map_err(query_problem)?),
    }
}

/// The page of an answer.
fn page_of_events(
    reader: &Reader,
    context: &Context<'_>,
    request: &SearchRequest,
    actors: &Actors,
    Answer { facts, found: Page { events: found, mut next } }: Answer<Page>,
) -> Result<Response<Bytes>, Problem> {
    let query = &request.query;
    let names_organization = links_name(context, &query.organization);
    let mut events = Vec::with_capacity(found.len());
    let mut cut = next.as_ref().map(|_| Cut::Limit);
    let mut page_bytes = 0;
    for (index, event) in found.iter().enumerate() {
        let known = event.actor_id.as_deref().and_then(|id| actors.get(id));
        let value = to_raw_value(&EventJson::with_link(event, names_organization).known_as(known)).map_err(|error| {
            tracing::error!(%error, "event cannot be serialised");
            Problem::internal()
        })?;
        page_bytes += value.get().len();
        if page_bytes > MAX_PAGE_BYTES && index > 0 {
            next = found.get(index - 1).map(Position::of);
            cut = Some(Cut::PageSize);
            break;
        }
        events.push(value);
    }
    let next_cursor = match next {
        Some(after) => {
            Some(Cursor { after, order: request.order }.encode(query, &reader.cursor_key).map_err(cursor_problem)?)
        }
        None => None,
    };
    let page = PageJson { events: &events, next_cursor, cut, facts: FactsJson::of(facts, query) };
    let numbers = Counted { rows: events.len() as u64, scanned_bytes: facts.scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &page)?;
    let mut validator = Validator::new();
    events.iter().for_each(|event| validator.add(event.get().as_bytes()));
    // Whether more follows belongs to the page; the cursor only repeats its last row.
    validator.add(&[u8::from(page.next_cursor.is_some())]);
    validator.set(page.facts.complete, &mut response);
    if let Some(cursor) = page.next_cursor.as_ref().filter(|_| context.path == "/v1/events") {
        link_next(context.query, cursor, &mut response);
    }
    Ok(answered(response, asked("events", query), numbers))
}

/// The event of an answer.
fn event_in_full(
    context: &Context<'_>,
    request: &EventRequest,
    actors: &Actors,
    Answer { facts, found: page }: &Answer<Page>,
) -> Result<Response<Bytes>, Problem> {
    let EventRequest { query, looked } = request;
    let Some((event, others)) = page.events.split_first() else {
        return Err(Problem::not_found(format!("there is no event of this id {looked}")));
    };
    let names_organization = links_name(context, &query.organization);
    let links = others.iter().map(|other| event_link(other, names_organization)).collect();
    let known = event.actor_id.as_deref().and_then(|id| actors.get(id));
    let one = OneEvent { event: &EventJson::with_link(event, names_organization).known_as(known), same_id: links };
    let numbers = Counted { rows: 1, scanned_bytes: facts.scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &one)?;
    let mut validator = Validator::new();
    validator.add(response.body());
    validator.set(event.event_time < facts.sealed_until.start(), &mut response);
    Ok(answered(response, asked("event", query), numbers))
}

/// The counts of an answer.
fn statistics(request: &CountRequest, actors: &Actors, answer: Answer<Counts>) -> Result<Response<Bytes>, Problem> {
    let CountRequest { query, interval, time_zone, group_by, .. } = request;
    let Answer { facts, found: Counts { counts, truncated } } = answer;
    let statistics = Statistics {
        interval: *interval,
        time_zone: time_zone.clone(),
        group_by: *group_by,
        counts: counts.into_iter().map(|count| CountJson::of(count, *group_by, actors)).collect(),
        truncated,
        facts: FactsJson::of(facts, query),
    };
    let rows = statistics.counts.len() as u64;
    let numbers = Counted { rows, scanned_bytes: facts.scanned_bytes, ..Counted::default() };
    let mut response = json(StatusCode::OK, &statistics)?;
    let mut validator = Validator::new();
    for CountJson { count, .. } in &statistics.counts {
        validator.add(count.time.map(|time| time.to_string()).unwrap_or_default().as_bytes());
        validator.add(count.value.as_deref().unwrap_or("\0").as_bytes());
        validator.add(&count.count.to_be_bytes());
    }
    validator.add(&[u8::from(statistics.truncated)]);
    validator.set(statistics.facts.complete, &mut response);
    Ok(answered(response, asked("stats", query), numbers))
}
