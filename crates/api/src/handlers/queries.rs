//! Questions that take longer than their caller waits: 202 with an id, `GET /v1/queries/{id}`, `DELETE /v1/queries/{id}`.
//!
//! The id holds everything: the question and the engine's ticket, as JSON, compressed and signed. Nothing is stored, so any instance
//! of a function can go on. It is bound to its organization: for everybody else there is no such query, as for an id that was
//! never made. It is signed, not hidden: it holds the filters, so logs and records do not show it.

use std::time::Duration;

use auditlake_event::{Organization, Timestamp};
use auditlake_query::{Progress, QueryErrorKind, Ticket, signed};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::pages;
use crate::answer::{Counted, answered, json};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::{ReadCall, asked};
use crate::state::{Reader, actors_of, query_problem};

/// Longest wait of a caller in seconds, and how long is waited where none is stated: an HTTP API gives up after 30 s.
const MAX_WAIT_SECONDS: usize = 20;
/// How long a question may be asked by its id, in ms.
const MAX_AGE_MS: i64 = 30 * 60 * 1_000;
/// Longest id in characters: request line and headers have 10,240 bytes at the gateway, and a token is among them.
const MAX_ID_CHARS: usize = 6_000;
/// Longest JSON of an id, in bytes: the longest question there is, twice.
const MAX_JSON_BYTES: usize = 1024 * 1024;
/// What tells the signature of an id from those of other texts.
const DOMAIN: &str = "auditlake query id";
/// First byte of every id.
const VERSION: u8 = 1;
/// How well ids are compressed (zstd's level).
const COMPRESSION: i32 = 9;
/// When a caller should come back, in seconds.
const COME_BACK_SECONDS: u32 = 2;

/// What an id holds.
#[derive(Debug, Serialize, Deserialize)]
struct Slow {
    #[serde(rename = "question")]
    call: ReadCall,
    ticket: Ticket,
    /// When it was first asked.
    created: Timestamp,
}

/// The answer to a question that is still being answered.
#[derive(Serialize)]
struct Running<'a> {
    query_id: &'a str,
    status: &'static str,
    link: &'a str,
    expires: Timestamp,
}

impl Slow {
    fn encode(&self, key: &[u8]) -> Result<String, Problem> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a query id cannot be made");
            Problem::internal()
        };
        let text = serde_json::to_vec(self).map_err(|error| failed(&error))?;
        let packed = zstd::bulk::compress(&text, COMPRESSION).map_err(|error| failed(&error))?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&packed);
        Ok(signed::sign(DOMAIN, &bytes, key))
    }

    /// `None` of every text that [`Slow::encode`] did not make.
    fn decode(id: &str, key: &[u8]) -> Option<Self> {
        if id.len() > MAX_ID_CHARS {
            return None;
        }
        let bytes = signed::verify(DOMAIN, id, key)?;
        let packed = bytes.strip_prefix(&[VERSION])?;
        let text = zstd::bulk::decompress(packed, MAX_JSON_BYTES).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn expires(&self) -> Timestamp {
        self.created.plus_millis(MAX_AGE_MS)
    }
}

/// How long the caller waits for an answer.
pub(crate) fn take_wait(parameters: &mut Parameters) -> Result<Duration, Problem> {
    let seconds = parameters.take_number("wait", 0, MAX_WAIT_SECONDS)?.unwrap_or(MAX_WAIT_SECONDS);
    Ok(Duration::from_secs(seconds as u64))
}

/// Answers a question, or says where it will be answered.
pub(crate) async fn ask(
    reader: &Reader,
    context: &Context<'_>,
    call: ReadCall,
    wait: Duration,
) -> Result<Response<Bytes>, Problem> {
    let created = reader.clock.now();
    let actors = actors_of(reader, &call.query().organization).await?;
    let widened = actors.widen(call.query())?;
    match call.ask(reader.engine.as_ref(), widened, None, wait).await.map_err(query_problem)? {
        Progress::Done(answer) => pages::of(&call, reader, context, &actors, answer),
        Progress::Pending(ticket) => running(reader, Slow { call, ticket, created }, wait).await,
    }
}

/// The answer, or that it is still being made. Where that cannot be said, nothing is left running.
async fn running(reader: &Reader, slow: Slow, wait: Duration) -> Result<Response<Bytes>, Problem> {
    let response = running_response(reader, &slow, wait);
    if response.is_err() {
        stop(reader, &slow.ticket).await;
    }
    let mut response = answered(response?, asked(slow.call.what(), slow.call.query()), Counted::default());
    response.extensions_mut().insert(slow.ticket);
    Ok(response)
}

fn running_response(reader: &Reader, slow: &Slow, wait: Duration) -> Result<Response<Bytes>, Problem> {
    let id = slow.encode(&reader.cursor_key)?;
    if id.len() > MAX_ID_CHARS {
        let detail = format!(
            "there is no answer within {} s, and its filters are too long to be kept in an id to come back with: use fewer or \
             shorter values, or a shorter time range",
            wait.as_secs()
        );
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "query-too-large",
            "The query would take too long",
            detail,
        ));
    }
    let link = format!("/v1/queries/{id}");
    let body = Running { query_id: &id, status: "running", link: &link, expires: slow.expires() };
    let mut response = json(StatusCode::ACCEPTED, &body)?;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(COME_BACK_SECONDS));
    // An id has only letters, digits, `-` and `_`.
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(LOCATION, link);
    }
    Ok(response)
}

/// Stops what is being done for a ticket. Athena ends what cannot be stopped now by its own limits.
async fn stop(reader: &Reader, ticket: &Ticket) {
    if let Err(error) = reader.engine.cancel(ticket).await {
        tracing::warn!(%error, "a query could not be stopped");
    }
}

/// Stops what an answer that is not given after all has promised.
pub(crate) async fn forget(reader: Option<&Reader>, response: &Response<Bytes>) {
    if let (Some(reader), Some(ticket)) = (reader, response.extensions().get::<Ticket>()) {
        stop(reader, ticket).await;
    }
}

fn no_such_query() -> Problem {
    Problem::not_found("there is no query of this id")
}

fn gone(detail: &'static str) -> Problem {
    Problem::new(StatusCode::GONE, "query-gone", "The query is over", detail)
}

/// The question of an id, if the caller may read its answer. Who may read nothing gets 403 whatever the id; another tenant gets
/// what an id gets that was never made.
fn open(reader: &Reader, context: &Context<'_>, id: &str, named: Option<&str>) -> Result<Slow, Problem> {
    if let Err(problem) = context.caller.organization_to_read(None)
        && problem.status == StatusCode::FORBIDDEN
    {
        return Err(problem);
    }
    let slow = Slow::decode(id, &reader.cursor_key).ok_or_else(no_such_query)?;
    let organization = &slow.call.query().organization;
    let may_read = |named: &Organization| context.caller.organization_to_read(Some(named.as_str())).is_ok();
    if !may_read(organization) || named.is_some_and(|named| named != organization.as_str()) {
        return Err(no_such_query());
    }
    Ok(slow)
}

async fn check_age(reader: &Reader, slow: &Slow) -> Result<(), Problem> {
    if reader.clock.now() <= slow.expires() {
        return Ok(());
    }
    stop(reader, &slow.ticket).await;
    Err(gone("the query is older than 30 minutes and was stopped; ask again, best for a shorter time range"))
}

/// `GET /v1/queries/{id}`: what the original call would have answered, or that it is still being answered.
pub(crate) async fn poll(reader: &Reader, context: &Context<'_>, id: &str) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let wait = take_wait(&mut parameters)?;
    let named = parameters.take("organization")?;
    parameters.expect_none_left()?;
    let slow = open(reader, context, id, named.as_deref())?;
    check_age(reader, &slow).await?;
    // The directory may have changed since; the windows that run already are answered as they were asked.
    let actors = actors_of(reader, &slow.call.query().organization).await?;
    let widened = actors.widen(slow.call.query())?;
    let progress = slow.call.ask(reader.engine.as_ref(), widened, Some(&slow.ticket), wait).await.map_err(|error| {
        match error.kind {
            QueryErrorKind::Cancelled => gone("the query was cancelled"),
            _ => query_problem(error),
        }
    })?;
    match progress {
        Progress::Done(answer) => pages::of(&slow.call, reader, context, &actors, answer),
        Progress::Pending(ticket) => {
            let mut response = running(reader, Slow { ticket, ..slow }, wait).await?;
            // The caller has an id already: what cannot be recorded now is not given up.
            response.extensions_mut().remove::<Ticket>();
            Ok(response)
        }
    }
}

/// `DELETE /v1/queries/{id}`: stops it. What has ended already is no error.
pub(crate) async fn cancel(reader: &Reader, context: &Context<'_>, id: &str) -> Result<Response<Bytes>, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let named = parameters.take("organization")?;
    parameters.expect_none_left()?;
    let slow = open(reader, context, id, named.as_deref())?;
    check_age(reader, &slow).await?;
    reader.engine.cancel(&slow.ticket).await.map_err(query_problem)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
