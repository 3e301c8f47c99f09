//! The HTTP/1.1 server around the API: limits of time and size, and who may ask.
//!
//! Without tokens everybody may do everything, so the server listens on loopback. A web page must not be able to use that: a browser
//! that was led here under another name (DNS rebinding), or a page of another origin, is refused. With tokens each call below `/v1` needs
//! one, as behind the gateway of a deployed lake; the console and the API's description need none.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use auditlake_api::body::body_too_large;
use auditlake_api::room::Claim;
use auditlake_api::{Api, Caller, Problem, Room};
use auditlake_console::Console;
use auditlake_event::limits::MAX_BODY_BYTES;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, DATE, EXPECT, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connections::{Gate, TimedStream};
use crate::http_date::http_date;
use crate::origin::{self, Foreign, is_of_this_machine};
use crate::tokens::TokenCheck;
use crate::vitals::panic_text;

/// How long a client may take to send its headers, and to say nothing between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How much of a body that is too large is read and dropped, so that the client comes to read its answer (64 MiB).
const MAX_DROPPED_BYTES: usize = 64 * 1024 * 1024;
/// How long a client may take nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests in flight may take once the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// What a page may send along, and read of an answer's headers; the template says the same to the gateway.
const ALLOWED_HEADERS: &str = "authorization, content-type, content-encoding, idempotency-key, if-none-match, x-request-id";
const EXPOSED_HEADERS: &str = "etag, link, location, retry-after, x-request-id";

/// What the server needs to answer.
pub struct HttpServer {
    /// The handlers.
    pub api: Api,
    /// Who may call.
    pub callers: Callers,
    /// The page and its settings.
    pub console: Console,
    /// Whether the server listens on loopback only.
    pub is_loopback: bool,
    /// Room for bodies as they are sent.
    pub bodies: Room,
    /// Most connections at once; more wait to be accepted.
    pub most_connections: usize,
}

/// Who may call.
pub enum Callers {
    /// Every request is made as this caller.
    Everybody(Box<Caller>),
    /// Who has a token of an issuer.
    WithToken(Arc<TokenCheck>),
}

/// Where a token is needed, if any are.
const GUARDED: &str = "/v1/";

enum BodyProblem {
    TooLarge,
    Refused(Problem),
    TimedOut,
    Broken,
}

/// Refuses what a browser sends on behalf of a foreign page.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    origin::check(headers).map_err(|foreign| match foreign {
        Foreign::Host => Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            "Not this host",
            "this server answers to localhost only; to serve other hosts, listen on another address with --listen",
        ),
        Foreign::Origin => Problem::forbidden("pages of other origins may not use this server"),
    })
}

/// Reads a body up to the limit. What is too large is dropped as it comes.
async fn read_body(mut body: Incoming, claim: &mut Claim) -> Result<Bytes, BodyProblem> {
    let mut read = BytesMut::new();
    let mut dropped = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyProblem::Broken)?.into_data() else { continue };
        if dropped == 0 && read.len() + data.len() <= MAX_BODY_BYTES {
            claim.grow(data.len()).map_err(BodyProblem::Refused)?;
            read.extend_from_slice(&data);
            continue;
        }
        dropped += read.len() + data.len();
        read = BytesMut::new();
        if dropped > MAX_DROPPED_BYTES {
            break;
        }
    }
    if dropped > 0 { Err(BodyProblem::TooLarge) } else { Ok(read.freeze()) }
}

/// Lets a page of this machine, on another port, read the answer: a console under development. Foreign pages were refused before.
fn allow_origin(origin: &HeaderValue, is_preflight: bool, response: &mut Response<Bytes>) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(VARY, HeaderValue::from_static("origin"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    if is_preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

impl HttpServer {
    async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Bytes> {
        let origin = request.headers().get(ORIGIN).cloned();
        let is_preflight =
            request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let mut response = self.answer_any_page(peer, request).await;
        if let Some(origin) = origin.filter(|origin| self.is_loopback && is_of_this_machine(origin)) {
            allow_origin(&origin, is_preflight, &mut response);
        }
        response
    }

    async fn answer_any_page(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Bytes> {
        let is_head = request.method() == Method::HEAD;
        if self.is_loopback
            && let Err(problem) = check_origin(request.headers())
        {
            return self.api.refuse(request.headers(), is_head, problem);
        }
        if Console::owns(request.uri().path()) {
            return self.console.answer(request.method(), request.uri().path(), request.headers()).await;
        }
        let (parts, body) = request.into_parts();
        // Before the body is read: who may not call need not be listened to.
        let caller = match self.caller(&parts).await {
            Ok(caller) => caller.with_address(Some(peer.to_canonical().to_string())),
            Err(problem) => return self.api.refuse(&parts.headers, is_head, problem),
        };
        let stated = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        // A client that asks before it sends is spared the sending.
        if parts.headers.contains_key(EXPECT) && stated.is_some_and(|length| length > MAX_BODY_BYTES) {
            return self.api.refuse(&parts.headers, is_head, body_too_large());
        }
        // What clients have sent is held until it is answered.
        let mut claim = self.bodies.claim();
        let read = match tokio::time::timeout(BODY_TIMEOUT, read_body(body, &mut claim)).await {
            Ok(read) => read,
            Err(_) => Err(BodyProblem::TimedOut),
        };
        match read {
            Ok(body) => self.api.handle(&caller, Request::from_parts(parts, body)).await,
            Err(BodyProblem::Refused(problem)) => self.api.refuse(&parts.headers, is_head, problem),
            Err(BodyProblem::TooLarge) => self.api.refuse(&parts.headers, is_head, body_too_large()),
            Err(BodyProblem::Broken) => {
                self.api.refuse(&parts.headers, is_head, Problem::malformed_body("the body ended too early"))
            }
            Err(BodyProblem::TimedOut) => {
                let problem = Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "Too slow",
                    format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs()),
                );
                self.api.refuse(&parts.headers, is_head, problem)
            }
        }
    }

    async fn caller(&self, parts: &Parts) -> Result<Caller, Problem> {
        match &self.callers {
            Callers::Everybody(caller) => Ok(caller.as_ref().clone()),
            // What a route allows is no secret, and a browser asks for it without a token.
            Callers::WithToken(_) if !parts.uri.path().starts_with(GUARDED) || parts.method == Method::OPTIONS => {
                Ok(Caller::nobody())
            }
            Callers::WithToken(check) => check.caller(&parts.headers, self.api.clock.now()).await,
        }
    }

    /// Answers whatever happens: a handler that panics is a 500 and an alarm, not a connection that breaks off.
    async fn answer_surely(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Bytes> {
        let (headers, is_head) = (request.headers().clone(), request.method() == Method::HEAD);
        let answered = AssertUnwindSafe(self.answer(peer, request)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|panic| {
            tracing::error!(alarm = true, panic = panic_text(panic.as_ref()), "a request broke off");
            self.api.refuse(&headers, is_head, Problem::internal())
        });
        if let Some(date) = http_date(self.api.clock.now()) {
            response.headers_mut().insert(DATE, date);
        }
        response
    }

    /// Serves until `stop` turns true, then finishes what is in flight, within limits.
    pub async fn run(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let gate = Gate::new(self.most_connections);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = gate.accept(&listener) => accepted,
            };
            let Some((stream, peer, place)) = accepted else { continue };
            let server = Arc::clone(&self);
            let service = hyper::service::service_fn(move |request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, std::convert::Infallible>(server.answer_surely(peer, request).await.map(Full::new)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .auto_date_header(false)
                // A client may end its side after its request and still wait for the answer.
                .half_close(true)
                .serve_connection(TokioIo::new(TimedStream::new(stream, None, WRITE_TIMEOUT)), service);
            let watched = graceful.watch(connection);
            connections.spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "connection ended");
                }
                drop(place);
            });
        }
        drop(listener);
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were still open and are given up");
        }
        // With them goes what they hold of the door, which ends the group commit.
        connections.shutdown().await;
    }
}

/// Whether an address can be reached from this machine only.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}
