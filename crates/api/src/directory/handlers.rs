//! `GET` and `PUT /v1/directory/actors`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use serde::Serialize;

use super::upload::{Form, parse};
use super::{Actor, Directory};
use crate::answer::{Asked, Counted, Verb, answered, json};
use crate::body;
use crate::context::{Context, compute};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::storage_problem;

/// Actors on a page when the caller does not say.
const DEFAULT_LIMIT: usize = 1_000;
/// Most actors on a page.
const MAX_LIMIT: usize = 10_000;

#[derive(Serialize)]
struct ActorJson<'a> {
    actor_id: &'a str,
    #[serde(flatten)]
    actor: &'a Actor,
}

#[derive(Serialize)]
struct Page<'a> {
    actors: Vec<ActorJson<'a>>,
    total: usize,
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Replaced {
    actors: usize,
}

fn form_of(headers: &HeaderMap) -> Result<Form, Problem> {
    let stated = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "text/csv" => Ok(Form::Csv),
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/jsonl" => Ok(Form::Lines),
        _ => Err(Problem::unsupported_media_type("send text/csv, application/json or application/x-ndjson")),
    }
}

/// Lists actors in the order of their ids; `cursor` is the last id of the page before.
pub(crate) async fn list_actors(directory: &Directory, context: &Context<'_>) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let limit = parameters.take_number("limit", 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let cursor = parameters.take("cursor")?;
    parameters.expect_none_left()?;
    let actors = directory.actors(&organization).await.map_err(|error| storage_problem(&error))?;
    let mut rest = actors.after(cursor.as_deref());
    let page: Vec<ActorJson<'_>> =
        rest.by_ref().take(limit).map(|(actor_id, actor)| ActorJson { actor_id, actor }).collect();
    let next_cursor = rest.next().and_then(|_| page.last().map(|last| last.actor_id));
    let rows = page.len() as u64;
    let response = json(StatusCode::OK, &Page { actors: page, total: actors.len(), next_cursor })?;
    let asked = Asked { organization, what: "directory", filters: None, verb: Verb::Read };
    Ok(answered(response, asked, Counted { rows, ..Counted::default() }))
}

/// Puts the uploaded actors in the place of those that were there.
pub(crate) async fn replace_actors(
    directory: &Directory,
    context: &Context<'_>,
    body: &Bytes,
) -> Result<Response<Bytes>, Problem> {
    context.caller.check_write()?;
    let mut parameters = Parameters::parse(context.query)?;
    let organization = context.caller.organization_to_write(parameters.take("organization")?.as_deref())?;
    parameters.expect_none_left()?;
    let form = form_of(context.headers)?;
    let mut claim = context.room.claim();
    let inflated = compute(|| body::inflate(context.headers, body, &mut claim))?;
    let actors = compute(|| parse(form, &inflated))?;
    directory.replace(&organization, &actors).await.map_err(|error| storage_problem(&error))?;
    let response = json(StatusCode::OK, &Replaced { actors: actors.len() })?;
    let asked = Asked { organization, what: "directory", filters: None, verb: Verb::Change };
    Ok(answered(response, asked, Counted { rows: actors.len() as u64, ..Counted::default() }))
}
