//! Errors of the API as RFC 9457 problem details.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json; charset=utf-8";

/// One rule that one field of one event or parameter breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Position of the event in the body, from 0 on; absent for parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The field or parameter; empty if it is about the event as a whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The rule, in words.
    pub detail: String,
}

/// An answer that is an error. What it says is meant for the caller: it names no internals.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last part of the problem's type URI, stable for programs.
    pub kind: &'static str,
    /// The same for every problem of this kind.
    pub title: &'static str,
    /// What happened this time.
    pub detail: Cow<'static, str>,
    /// The rules that were broken, one by one.
    pub errors: Vec<FieldProblem>,
    /// How many events were refused, where it is about events.
    pub refused: Option<usize>,
    /// Boxed to keep results small.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// The problem as it is sent.
#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<usize>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    request_id: &'a str,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind, title, detail: detail.into(), errors: Vec::new(), refused: None, header: None }
    }

    /// 400: the body is not what its headers say.
    pub fn malformed_body(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-body", "The body cannot be read", detail)
    }

    /// 400: a query parameter breaks a rule.
    pub fn invalid_parameter(parameter: impl Into<String>, rule: impl Into<String>) -> Self {
        let (field, detail) = (parameter.into(), rule.into());
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-parameter",
            "A parameter is not valid",
            format!("{field}: {detail}"),
        );
        problem.errors.push(FieldProblem { index: None, field, detail });
        problem
    }

    /// 414: the URL is longer than the API reads.
    pub fn uri_too_long(most_bytes: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri-too-long",
            "The URL is too long",
            format!("a URL may have {most_bytes} bytes: use fewer or shorter values; an export takes them in its body"),
        )
    }

    /// 413: larger than the API takes.
    pub fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
    }

    /// 415: a media type or encoding the API does not take.
    pub fn unsupported_media_type(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's type is not supported", detail)
    }

    /// 422: every event was refused.
    pub fn all_events_refused(errors: Vec<FieldProblem>, refused: usize) -> Self {
        let detail =
            if refused == 1 { "the event breaks a rule".into() } else { format!("all {refused} events break a rule") };
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-event", "No event was accepted", Cow::Owned(detail));
        problem.errors = errors;
        problem.refused = Some(refused);
        problem
    }

    /// 422: more would have to be read or compared than is allowed; `detail` says what to narrow.
    pub fn query_too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query-too-large", "The query would read too much", detail)
    }

    /// 422: an upload to the directory of actors breaks rules; nothing of it was taken.
    pub fn invalid_directory(errors: Vec<FieldProblem>) -> Self {
        let detail = format!("{} entries break a rule; the directory is as it was", errors.len());
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-directory", "The directory was not replaced", detail);
        problem.errors = errors;
        problem
    }

    /// 401: nobody is signed in.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: the caller's rights do not suffice.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 405, with the methods that are allowed.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed here",
            format!("allowed: {allow}"),
        )
        .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    /// 503: nothing was kept, trying again in `retry_after_seconds` may help.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again", detail)
            .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// 429: too much is asked at once; trying again in `retry_after_seconds` may help.
    pub fn throttled(detail: impl Into<Cow<'static, str>>, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too much at once", detail)
            .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// 500: a defect of ours. What happened goes to the log, not to the caller.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something is wrong on our side",
            "the log has more under this request id",
        )
    }

    /// Sets the header that belongs to the problem, such as `Allow`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    /// The answer.
    pub fn into_response(self, request_id: &str) -> Response<Bytes> {
        let wire = Wire {
            r#type: format!("urn:auditlake:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            accepted: self.refused.map(|_| 0),
            refused: self.refused,
            errors: &self.errors,
            request_id,
        };
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
