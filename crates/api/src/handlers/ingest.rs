//! `POST /v1/events`: events come in, receipts go out.

use std::sync::Arc;

use auditlake_event::input::{
    BodyError, BodyErrorKind, DoorContext, FieldError, LargeEvents, Lookalikes, ParsedBody, Shape, parse_body,
};
use auditlake_event::limits::MAX_EVENTS_PER_REQUEST;
use auditlake_event::{Event, Region};
use auditlake_lake::clock::{Clock, Entropy};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::answer::{Counted, counted, json};
use crate::body::{self, BodyFormat};
use crate::cloudevent_headers;
use crate::context::{Context, compute};
use crate::door::{Door, DoorError};
use crate::event_json::event_link;
use crate::parameters::Parameters;
use crate::problem::{FieldProblem, Problem};
use crate::room::Claim;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest idempotency key, in characters.
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Takes events in.
#[derive(Clone)]
pub struct Ingest {
    /// Where accepted events go.
    pub door: Arc<dyn Door>,
    /// The region of events that state none.
    pub region: Region,
    /// Largest event, in bytes of its JSON as sent.
    pub max_event_bytes: usize,
    /// How far in the future an event's time may lie, in ms.
    pub lead_ms: i64,
    /// What happens to unknown members that look like columns, where the request does not say.
    pub lookalikes: Lookalikes,
    /// What happens to events over the limit.
    pub large_events: LargeEvents,
}

/// What a post is answered with.
#[derive(Serialize)]
struct Answer<'a> {
    accepted: usize,
    refused: usize,
    receipts: Receipts<'a>,
    errors: &'a [FieldError],
}

struct Receipts<'a> {
    parsed: &'a ParsedBody<'a>,
    context: &'a Context<'a>,
}

#[derive(Serialize)]
struct ReceiptJson<'a> {
    index: usize,
    event_id: &'a str,
    event_hash: &'a str,
    link: String,
}

impl Serialize for Receipts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.parsed.receipts.len()))?;
        for (event, receipt) in self.parsed.events.iter().zip(&self.parsed.receipts) {
            let is_default =
                self.context.caller.default_organization().is_some_and(|name| name.as_str() == event.organization);
            sequence.serialize_element(&ReceiptJson {
                index: receipt.index,
                event_id: &event.event_id,
                event_hash: &hex::encode(receipt.event_hash),
                link: event_link(event, !is_default),
            })?;
        }
        sequence.end()
    }
}

fn body_problem(error: &BodyError) -> Problem {
    let detail = error.to_string();
    match error.kind() {
        BodyErrorKind::Malformed => Problem::malformed_body(detail),
        BodyErrorKind::TooLarge => Problem::too_large(match error {
            BodyError::TooManyEvents { .. } => format!("{detail}: send batches of at most {MAX_EVENTS_PER_REQUEST}"),
            _ => detail,
        }),
        BodyErrorKind::Unprocessable => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-events", "The body holds no events that can be read", detail)
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY_CHARS {
        let rule = format!("must have 1 to {MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters");
        return Err(Problem::invalid_parameter("Idempotency-Key", rule));
    }
    Ok(Some(key))
}

fn field_problems(errors: &[FieldError]) -> Vec<FieldProblem> {
    let problem = |error: &FieldError| FieldProblem {
        index: Some(error.index),
        field: error.field.clone(),
        detail: error.detail.clone().into_owned(),
    };
    errors.iter().map(problem).collect()
}

async fn keep(ingest: &Ingest, events: &[Event<'_>]) -> Result<(), Problem> {
    match ingest.door.accept(events).await {
        Ok(()) => Ok(()),
        Err(DoorError::Busy) => {
            Err(Problem::unavailable("too much is waiting to be written; nothing of this request was kept", 1))
        }
        Err(DoorError::Failed(reason)) => {
            tracing::error!(reason, events = events.len(), "events could not be kept");
            Err(Problem::unavailable("the events could not be written; send the same request again", 2))
        }
    }
}

/// What the request says about unknown members that look like columns; else `default`.
fn lookalikes(query: Option<&str>, default: Lookalikes) -> Result<Lookalikes, Problem> {
    let mut parameters = Parameters::parse(query)?;
    let lookalikes = match parameters.take("unknown")?.as_deref() {
        None => default,
        Some("keep") => Lookalikes::Keep,
        Some("refuse") => Lookalikes::Refuse,
        Some(_) => return Err(Problem::invalid_parameter("unknown", "must be `keep` or `refuse`")),
    };
    parameters.expect_none_left()?;
    Ok(lookalikes)
}

/// The events of a request as they are to be read: their text, and how they stand in it. The body is inflated.
fn text_of(headers: &HeaderMap, body: &Bytes, claim: &mut Claim) -> Result<(Bytes, Shape), Problem> {
    if cloudevent_headers::is_binary_mode(headers) {
        let inflated = compute(|| body::inflate(headers, body, claim))?;
        let text = cloudevent_headers::structured(headers, &inflated)?;
        return Ok((Bytes::from(text), Shape::CloudEvent));
    }
    let format = body::format_of(headers)?;
    let inflated = compute(|| body::inflate(headers, body, claim))?;
    let shape = match format {
        // A JSON type on lines of JSON is a common slip; the bytes tell the two apart.
        BodyFormat::Json | BodyFormat::Sniff => Shape::Sniff,
        BodyFormat::NdJson => Shape::Ndjson,
        BodyFormat::CloudEvents { is_batch: false } => Shape::CloudEvent,
        BodyFormat::CloudEvents { is_batch: true } => Shape::CloudEventBatch,
    };
    Ok((inflated, shape))
}

pub(crate) async fn post_events(
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    ingest: &Ingest,
    context: &Context<'_>,
    body: &Bytes,
) -> Result<Response<Bytes>, Problem> {
    context.caller.check_write()?;
    let lookalikes = lookalikes(context.query, ingest.lookalikes)?;
    let idempotency_key = idempotency_key(context.headers)?;
    // Held until the answer is made: what is claimed are the events too.
    let mut claim = context.room.claim();
    let (text, shape) = text_of(context.headers, body, &mut claim)?;
    let door_context = DoorContext {
        lead_ms: ingest.lead_ms,
        idempotency_key,
        max_event_bytes: ingest.max_event_bytes,
        large_events: ingest.large_events,
        lookalikes,
        default_organization: context.caller.default_organization(),
        ..DoorContext::api(clock.now(), &ingest.region, context.caller.bound_to())
    };
    let parsed = compute(|| parse_body(&text, shape, &door_context, &mut || entropy.bytes()));
    let mut parsed = parsed.map_err(|error| body_problem(&error))?;
    if cloudevent_headers::is_binary_mode(context.headers) {
        parsed.errors = cloudevent_headers::theirs(std::mem::take(&mut parsed.errors), context.headers);
    }
    let refused = parsed.refused();
    if parsed.events.is_empty() {
        return Err(Problem::all_events_refused(field_problems(&parsed.errors), refused));
    }
    keep(ingest, &parsed.events).await?;
    let answer = Answer {
        accepted: parsed.events.len(),
        refused,
        receipts: Receipts { parsed: &parsed, context },
        errors: &parsed.errors,
    };
    let numbers = Counted { accepted: answer.accepted as u64, refused: refused as u64, ..Counted::default() };
    let response = json(if refused == 0 { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS }, &answer)?;
    Ok(counted(response, numbers))
}
