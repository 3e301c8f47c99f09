//! What every answer is made of: JSON, and what it was about, in words and numbers, for the record and for an edge that counts.

use auditlake_event::Organization;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

/// What an answer is about, in numbers: an extension of the response, for an edge that counts. It is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events taken in.
    pub accepted: u64,
    /// Events refused.
    pub refused: u64,
    /// Events or groups answered.
    pub rows: u64,
    /// Bytes an engine read for the answer.
    pub scanned_bytes: u64,
}

/// The answer to a question, with its numbers.
pub(crate) fn answered(mut response: Response<Bytes>, asked: Asked, numbers: Counted) -> Response<Bytes> {
    response.extensions_mut().insert(asked);
    counted(response, numbers)
}

/// The answer with its numbers.
pub(crate) fn counted(mut response: Response<Bytes>, counted: Counted) -> Response<Bytes> {
    response.extensions_mut().insert(counted);
    response
}

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It read.
    Read,
    /// It changed the directory.
    Change,
}

/// What a call asked: an extension of its answer, which is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What it did.
    pub verb: Verb,
    /// Whose log was read.
    pub organization: Organization,
    /// What of it: `events`, `event`, `stats`, `exports`, `directory`.
    pub what: &'static str,
    /// The question, in canonical JSON.
    pub filters: Option<String>,
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response<Bytes>, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "answer cannot be serialised");
        Problem::internal()
    })?;
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
