//! The HTTP edge: API Gateway's HTTP API events (payload format 2.0) in, its answers out.

use std::collections::HashMap;

use auditlake_api::claims::{ClaimNames, caller};
use auditlake_api::context::shown_path;
use auditlake_api::{Api, Caller, Counted, Problem};
use auditlake_console::Console;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::runtime::Invocation;

/// From this many bytes on an answer is sent as base64: a third more, where escaping JSON inside JSON may double it. A function's
/// answer has 6 MB, counted after escaping.
const MAX_TEXT_BYTES: usize = 2 * 1024 * 1024;

/// The path that needs no token.
const OPENAPI: &str = "/openapi.json";

/// A request as the gateway hands it over, as far as it is needed. Claims may be texts or, from an emulator, arrays.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    request_context: RequestContext,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: HttpDescription,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpDescription {
    method: String,
    /// The address the gateway was called from.
    #[serde(default)]
    source_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    claims: Option<HashMap<String, Value>>,
}

/// An answer as the gateway takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    status_code: u16,
    headers: HashMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

impl HttpEvent {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(value.as_bytes())) {
                headers.append(name, value);
            }
        }
        headers
    }

    /// The path without the stage, which the gateway puts before it unless it is `$default`.
    fn path(&self) -> &str {
        let stage = self.request_context.stage.as_str();
        let without = self.raw_path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
        match without {
            Some(rest) if !stage.is_empty() && stage != "$default" && rest.starts_with('/') => rest,
            _ => &self.raw_path,
        }
    }

    fn request(&mut self) -> Result<Request<Bytes>, Problem> {
        let body = self.body.take().unwrap_or_default();
        let body = if self.is_base64_encoded {
            let decoded = STANDARD.decode(body.as_bytes());
            Bytes::from(decoded.map_err(|_| Problem::malformed_body("the body is not valid base64"))?)
        } else {
            Bytes::from(body)
        };
        let target = match self.raw_query_string.as_str() {
            "" => self.path().to_owned(),
            query => format!("{}?{query}", self.path()),
        };
        let invalid = |_| Problem::not_found("there is nothing at this path");
        let method = Method::from_bytes(self.request_context.http.method.as_bytes());
        let method = method.map_err(|_| Problem::method_not_allowed("GET, HEAD, POST, OPTIONS"))?;
        let mut request = Request::builder().method(method).uri(target).body(body).map_err(invalid)?;
        *request.headers_mut() = self.headers();
        Ok(request)
    }

    fn claims(&self) -> Option<&HashMap<String, Value>> {
        self.request_context.authorizer.as_ref()?.jwt.as_ref()?.claims.as_ref()
    }
}

impl HttpAnswer {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let mut headers: HashMap<String, String> = HashMap::with_capacity(parts.headers.len());
        for (name, value) in &parts.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|known| {
                    known.push(',');
                    known.push_str(&text);
                })
                .or_insert_with(|| text.into_owned());
        }
        let text = if body.len() <= MAX_TEXT_BYTES { std::str::from_utf8(&body).ok() } else { None };
        let (body, is_base64_encoded) = match text {
            Some(text) => (text.to_owned(), false),
            None => (STANDARD.encode(&body), true),
        };
        Self { status_code: parts.status.as_u16(), headers, body, is_base64_encoded }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status_code
    }

    /// The body's bytes.
    pub fn body(&self) -> Vec<u8> {
        if self.is_base64_encoded { STANDARD.decode(&self.body).unwrap_or_default() } else { self.body.clone().into_bytes() }
    }
}

/// Answers a request for the console, or nothing if it is for the API. Needs neither a token nor the lake.
pub async fn answer_console(console: Option<&Console>, event: &HttpEvent) -> Option<HttpAnswer> {
    let console = console.filter(|_| Console::owns(event.path()))?;
    let method = Method::from_bytes(event.request_context.http.method.as_bytes()).unwrap_or(Method::POST);
    Some(HttpAnswer::of(console.answer(&method, event.path(), &event.headers()).await))
}

/// Answers one request. Never fails: errors are answers, also that the function could not get ready (503; nothing was taken in).
pub async fn answer<E: std::fmt::Display>(
    api: Result<&Api, E>,
    names: &ClaimNames,
    mut event: HttpEvent,
    invocation: &Invocation,
) -> (HttpAnswer, Counted) {
    let api = match api {
        Ok(api) => api,
        Err(error) => {
            tracing::error!(%error, "the function is not ready");
            let problem = Problem::unavailable("the lake cannot be reached; send the same request again", 2);
            return (HttpAnswer::of(problem.into_response(&invocation.request_id)), Counted::default());
        }
    };
    let is_head = event.request_context.http.method == "HEAD";
    let headers = event.headers();
    let bytes_in = event.body.as_ref().map_or(0, String::len);
    let called_by = match event.claims() {
        // The gateway asks for a token on every route but this one.
        None if event.path() == OPENAPI => Ok(Caller::nobody()),
        claims => caller(claims, names),
    };
    let answered = match (called_by, event.request()) {
        (Ok(caller), Ok(request)) => {
            let caller = caller.with_address(event.request_context.http.source_ip.clone());
            let (method, path) = (request.method().clone(), shown_path(request.uri().path()).to_owned());
            let response = api.handle(&caller, request).await;
            tracing::info!(%method, path, status = response.status().as_u16(), bytes_in, bytes_out = response.body().len(), "answered");
            response
        }
        (Err(problem), _) | (Ok(_), Err(problem)) => {
            tracing::info!(status = problem.status.as_u16(), kind = problem.kind, "refused");
            api.refuse(&headers, is_head, problem)
        }
    };
    let counted = answered.extensions().get::<Counted>().copied().unwrap_or_default();
    (HttpAnswer::of(answered), counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(value: Value) -> HttpEvent {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn path_query_headers_and_body_become_a_request() {
        let mut event = event(json!({
            "version": "2.0", "rawPath": "/prod/v1/events/a%2Fb", "rawQueryString": "at=2026-03-01T00%3A00%3A00Z&x=1",
            "headers": {"content-type": "application/json", "X-Many": "a,b", "ce-subject": "Zoë"},
            "requestContext": {"stage": "prod", "http": {"method": "GET", "path": "/v1/events"}},
            "body": "eyJhIjoxfQ==", "isBase64Encoded": true,
        }));
        let request = event.request().unwrap();
        assert_eq!(request.uri(), "/v1/events/a%2Fb?at=2026-03-01T00%3A00%3A00Z&x=1");
        assert_eq!(request.headers()["x-many"], "a,b");
        assert_eq!(request.headers()["ce-subject"], "Zoë");
        assert_eq!(request.body().as_ref(), br#"{"a":1}"#);
    }

    #[test]
    fn a_path_that_only_begins_like_the_stage_is_kept() {
        for (stage, path, expected) in [
            ("$default", "/v1/events", "/v1/events"),
            ("v", "/v1/events", "/v1/events"),
            ("v1", "/v1/v1/events", "/v1/events"),
            ("", "/v1/x", "/v1/x"),
        ] {
            let event = event(json!({"rawPath": path, "requestContext": {"stage": stage, "http": {"method": "GET"}}}));
            assert_eq!(event.path(), expected, "{stage}");
        }
    }

    #[test]
    fn bad_base64_is_a_problem_of_the_body() {
        let mut event = event(json!({
            "rawPath": "/", "requestContext": {"http": {"method": "POST"}}, "body": "%%%", "isBase64Encoded": true,
        }));
        assert_eq!(event.request().unwrap_err().status, 400);
    }

    #[test]
    fn large_answers_and_bytes_go_as_base64() {
        let small = HttpAnswer::of(Response::new(Bytes::from_static(b"{}")));
        assert!(!small.is_base64_encoded && small.body == "{}");
        let quotes = Bytes::from(vec![b'"'; MAX_TEXT_BYTES + 1]);
        let large = HttpAnswer::of(Response::new(quotes.clone()));
        assert!(large.is_base64_encoded && large.body() == quotes);
        let sent = serde_json::to_string(&HttpAnswer::of(Response::new(Bytes::from(vec![b'"'; 4 << 20])))).unwrap();
        assert!(sent.len() < 6_000_000, "a page of 4 MiB fits into a function's answer: {}", sent.len());
        let binary = HttpAnswer::of(Response::new(Bytes::from_static(b"\xff")));
        assert!(binary.is_base64_encoded && binary.body() == b"\xff");
    }
}
