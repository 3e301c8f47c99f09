//! The router: which handler answers which call.

use std::sync::Arc;
use std::time::Instant;

use auditlake_lake::clock::{Clock, Entropy};
use bytes::Bytes;
use http::header::{ALLOW, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::answer::{Asked, Counted, counted};
use crate::caller::Caller;
use crate::context::{Context, QUERIES, compute, shown_path};
use crate::delivery::deliver;
use crate::directory;
use crate::handlers::ingest::Ingest;
use crate::handlers::status::Vitals;
use crate::handlers::{exports, ingest, queries, reads, status};
use crate::openapi;
use crate::parameters::decode_path_part;
use crate::problem::Problem;
use crate::recording::{Record, Recorder};
use crate::room::Room;
use crate::state::Reader;

/// The header that names a request in answers and logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest URL that is read, path and query together (32 KiB).
const MAX_URI_BYTES: usize = 32 * 1024;

/// Longest request id of a caller that is taken over.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// The API: the same in a function and in `serve`. A function that only takes in or only reads leaves the other half out.
#[derive(Clone)]
pub struct Api {
    /// Takes events in.
    pub ingest: Option<Ingest>,
    /// Answers questions.
    pub reader: Option<Reader>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes request ids and, where a client gives none, event ids.
    pub entropy: Arc<dyn Entropy>,
    /// Records who asked, if that is recorded.
    pub recorder: Option<Recorder>,
    /// Room for the bodies of all requests that are being read.
    pub room: Room,
    /// How the server itself does, where one process does everything.
    pub vitals: Option<Arc<dyn Vitals>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'p> {
    Events,
    Event(&'p str),
    Query(&'p str),
    Stats,
    Status,
    Actors,
    Exports,
    Export(&'p str),
    OpenApi,
}

impl Route<'_> {
    fn of(path: &str) -> Option<Route<'_>> {
        match path {
            "/v1/events" => Some(Route::Events),
            "/v1/stats" => Some(Route::Stats),
            "/v1/status" => Some(Route::Status),
            "/v1/directory/actors" => Some(Route::Actors),
            "/v1/exports" => Some(Route::Exports),
            "/openapi.json" => Some(Route::OpenApi),
            _ => {
                let one_of = |prefix: &str| path.strip_prefix(prefix).filter(|id| !id.is_empty() && !id.contains('/'));
                let event = one_of("/v1/events/").map(Route::Event);
                event.or_else(|| one_of(QUERIES).map(Route::Query)).or_else(|| one_of("/v1/exports/").map(Route::Export))
            }
        }
    }
}

impl Api {
    /// Answers a request of a caller whom the edge has verified. Never fails: errors are answers.
    pub async fn handle(&self, caller: &Caller, request: Request<Bytes>) -> Response<Bytes> {
        let began = Instant::now();
        let request_id = self.request_id(request.headers());
        let (parts, body) = request.into_parts();
        let context =
            Context { caller, headers: &parts.headers, path: parts.uri.path(), query: parts.uri.query(), room: &self.room };
        let length = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
        let routed = if length > MAX_URI_BYTES {
            Err(Problem::uri_too_long(MAX_URI_BYTES))
        } else {
            self.route(&parts.method, parts.uri.path(), &context, &body).await
        };
        let routed = self.recorded(caller, &parts, &request_id, routed).await;
        let mut response = match routed {
            Ok(response) => response,
            Err(problem) => {
                let status = problem.status.as_u16();
                if problem.status.is_server_error() {
                    tracing::error!(request_id, status, detail = %problem.detail, "request failed");
                }
                let refused = problem.refused.map_or(0, |refused| refused as u64);
                counted(problem.into_response(&request_id), Counted { refused, ..Counted::default() })
            }
        };
        compute(|| deliver(&parts.method, &parts.headers, &mut response));
        self.finish(&mut response, &request_id, parts.method == Method::HEAD);
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::debug!(request_id, method = %parts.method, path = shown_path(parts.uri.path()), status, milliseconds, "request");
        response
    }

    /// Records an answered read or a refusal. An answer that cannot be recorded becomes a problem.
    async fn recorded(
        &self,
        caller: &Caller,
        parts: &Parts,
        request_id: &str,
        routed: Result<Response<Bytes>, Problem>,
    ) -> Result<Response<Bytes>, Problem> {
        let Some(recorder) = &self.recorder else { return routed };
        let record = Record { caller, parts, request_id, now: self.clock.now(), random: self.entropy.bytes() };
        match routed {
            Ok(response) => {
                if let Some(asked) = response.extensions().get::<Asked>() {
                    let counted = response.extensions().get::<Counted>().copied().unwrap_or_default();
                    let written = recorder.write(record.of_read(asked, counted, response.status())).await;
                    if written.is_err() {
                        queries::forget(self.reader.as_ref(), &response).await;
                    }
                    written?;
                }
                Ok(response)
            }
            Err(problem) => {
                // The refusal stands, recorded or not.
                if problem.status == StatusCode::FORBIDDEN
                    && let Some(event) = record.of_refusal(&problem)
                    && let Err(unrecorded) = recorder.write(event).await
                {
                    tracing::error!(request_id, detail = %unrecorded.detail, "a refusal is not in the log");
                }
                Err(problem)
            }
        }
    }

    /// The answer of an edge that refuses a request before any handler sees it.
    pub fn refuse(&self, headers: &HeaderMap, is_head: bool, problem: Problem) -> Response<Bytes> {
        let request_id = self.request_id(headers);
        let mut response = problem.into_response(&request_id);
        self.finish(&mut response, &request_id, is_head);
        response
    }

    fn finish(&self, response: &mut Response<Bytes>, request_id: &str, is_head: bool) {
        if let Ok(value) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        if is_head {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(http::header::CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
    }

    /// The caller's own request id if it is harmless, else a new one.
    fn request_id(&self, headers: &HeaderMap) -> String {
        let stated = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_harmless = |text: &&str| {
            !text.is_empty() && text.len() <= MAX_REQUEST_ID_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let Some(text) = stated.filter(is_harmless) {
            return text.to_owned();
        }
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.entropy.bytes()).into_uuid().to_string()
    }

    async fn route(
        &self,
        method: &Method,
        path: &str,
        context: &Context<'_>,
        body: &Bytes,
    ) -> Result<Response<Bytes>, Problem> {
        let not_found = || Problem::not_found("there is nothing at this path; the API lies under /v1");
        let route = Route::of(path).ok_or_else(not_found)?;
        let allow = match (route, &self.ingest, &self.reader) {
            (Route::OpenApi, ..) => "GET, HEAD, OPTIONS",
            (Route::Events, None, None) => return Err(not_found()),
            (
                Route::Event(_)
                | Route::Query(_)
                | Route::Stats
                | Route::Status
                | Route::Actors
                | Route::Exports
                | Route::Export(_),
                _,
                None,
            ) => {
                return Err(not_found());
            }
            (Route::Events, Some(_), Some(_)) => "GET, HEAD, POST, OPTIONS",
            (Route::Events, Some(_), None) => "POST, OPTIONS",
            (Route::Actors, _, Some(_)) => "GET, HEAD, PUT, OPTIONS",
            (Route::Query(_), _, Some(_)) => "GET, HEAD, DELETE, OPTIONS",
            (Route::Exports, _, Some(_)) => "POST, OPTIONS",
            (Route::Export(_), _, Some(_)) => "GET, HEAD, DELETE, OPTIONS",
            (_, _, Some(_)) => "GET, HEAD, OPTIONS",
        };
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match (route, &self.ingest, &self.reader) {
            _ if *method == Method::OPTIONS => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                Ok(response)
            }
            (Route::OpenApi, ..) if is_read => Ok(openapi::response()),
            (Route::Events, Some(ingest), _) if *method == Method::POST => {
                ingest::post_events(self.clock.as_ref(), self.entropy.as_ref(), ingest, context, body).await
            }
            (Route::Events, _, Some(reader)) if is_read => reads::list_events(reader, context).await,
            (Route::Event(id), _, Some(reader)) if is_read => {
                let id = decode_path_part(id).ok_or_else(not_found)?;
                reads::one_event(reader, context, &id).await
            }
            (Route::Query(id), _, Some(reader)) if is_read => queries::poll(reader, context, id).await,
            (Route::Query(id), _, Some(reader)) if *method == Method::DELETE => queries::cancel(reader, context, id).await,
            (Route::Stats, _, Some(reader)) if is_read => reads::stats(reader, context).await,
            (Route::Actors, _, Some(reader)) if is_read => directory::list_actors(&reader.directory, context).await,
            (Route::Actors, _, Some(reader)) if *method == Method::PUT => {
                directory::replace_actors(&reader.directory, context, body).await
            }
            (Route::Status, _, Some(reader)) if is_read => {
                status::status(reader, self.vitals.as_deref(), context.caller).await
            }
            (Route::Exports, _, Some(reader)) if *method == Method::POST => {
                exports::start_export(reader, context, body).await
            }
            (Route::Export(id), _, Some(reader)) if is_read => exports::get_export(reader, context, id).await,
            (Route::Export(id), _, Some(reader)) if *method == Method::DELETE => {
                exports::cancel_export(reader, context, id).await
            }
            _ => Err(Problem::method_not_allowed(allow)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        assert_eq!(Route::of("/v1/events"), Some(Route::Events));
        assert_eq!(Route::of("/v1/events/a%2Fb"), Some(Route::Event("a%2Fb")));
        assert_eq!(Route::of("/v1/queries/abc"), Some(Route::Query("abc")));
        assert_eq!(Route::of("/v1/exports"), Some(Route::Exports));
        assert_eq!(Route::of("/v1/exports/id"), Some(Route::Export("id")));
        for nothing in [
            "/",
            "/v1",
            "/v1/events/",
            "/v1/events/a/b",
            "/v2/events",
            "/v1/eventsx",
            "/v1/queries/",
            "/v1/queries",
            "/v1/queries/a/b",
            "/v1/exports/",
            "/v1/exports/a/b",
        ] {
            assert_eq!(Route::of(nothing), None, "{nothing}");
        }
    }
}
