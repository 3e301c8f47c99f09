//! Answers to questions as JSON.

use auditlake_event::Organization;
use auditlake_lake::SealTime;
use auditlake_query::{Answer, Cost, Count, Counts, Cursor, GroupBy, Interval, Position, Query, TimeZone};
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
use crate::question::{EventQuestion, Found, ListQuestion, Question, StatsQuestion, asked};
use crate::state::{Reader, cursor_problem};

/// A page ends before it grows beyond this, in bytes of JSON (4 MiB): a function's answer has 6 MB. One event always fits.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What every result states about how it was made.
#[derive(Serialize)]
struct Facts {
    sealed_until: SealTime,
    complete: bool,
    scanned_bytes: u64,
    #[serde(flatten)]
    cost: Cost,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable_objects: usize,
    engine: &'static str,
}

/// A page of events as JSON.
#[derive(Serialize)]
struct Page<'a> {
    events: &'a [Box<RawValue>],
    next_cursor: Option<String>,
    cut: Option<Cut>,
    #[serde(flatten)]
    facts: Facts,
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
    facts: Facts,
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

/// Whether nothing more can be sealed into the range that was asked for, save for late events.
fn is_complete(query: &Query, sealed_until: SealTime, unreadable_objects: usize) -> bool {
    unreadable_objects == 0 && query.end().is_some_and(|end| end <= sealed_until.start())
}

/// Whether links must name the organization.
fn links_name(context: &Context<'_>, organization: &Organization) -> bool {
    context.caller.default_organization() != Some(organization)
}

/// The answer to a question, of what an engine found.
pub(crate) fn of(
    question: &Question,
    reader: &Reader,
    context: &Context<'_>,
    actors: &Actors,
    found: Found,
) -> Result<Response<Bytes>, Problem> {
    match (question, found) {
        (Question::Events(question), Found::Events(answer)) => page_of_events(reader, context, question, actors, answer),
        (Question::Event(question), Found::Events(answer)) => event_in_full(context, question, actors, &answer),
        (Question::Stats(question), Found::Counts(counts)) => statistics(question, actors, counts),
        // `find` never mixes them up.
        (_, Found::Events(_) | Found::Counts(_)) => Err(Problem::internal()),
    }
}

/// The page of an answer.
fn page_of_events(
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
        facts: Facts {
            sealed_until: answer.sealed_until,
            complete: is_complete(query, answer.sealed_until, answer.unreadable_objects),
            scanned_bytes: answer.scanned_bytes,
            cost: answer.cost,
            unreadable_objects: answer.unreadable_objects,
            engine: answer.engine,
        },
    };
    let numbers = Counted { rows: events.len() as u64, scanned_bytes: answer.scanned_bytes, ..Counted::default() };
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

/// The counts of an answer.
fn statistics(question: &StatsQuestion, actors: &Actors, counts: Counts) -> Result<Response<Bytes>, Problem> {
    let StatsQuestion { query, interval, time_zone, group_by, .. } = question;
    let statistics = Statistics {
        interval: *interval,
        time_zone: time_zone.clone(),
        group_by: *group_by,
        counts: counts.counts.into_iter().map(|count| CountJson::of(count, *group_by, actors)).collect(),
        truncated: counts.truncated,
        facts: Facts {
            sealed_until: counts.sealed_until,
            complete: is_complete(query, counts.sealed_until, counts.unreadable_objects),
            scanned_bytes: counts.scanned_bytes,
            cost: counts.cost,
            unreadable_objects: counts.unreadable_objects,
            engine: counts.engine,
        },
    };
    let (rows, scanned_bytes) = (statistics.counts.len() as u64, statistics.facts.scanned_bytes);
    let numbers = Counted { rows, scanned_bytes, ..Counted::default() };
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
