//! A typed client of auditlake's API: post events, ask for them, count them.
//!
//! - Errors of the API are [`Problem`]s (RFC 9457); what may help when tried again says so ([`Error::may_retry`]).
//! - A question that takes long (202) is waited for; pages are followed by their cursors.
//! - What a newer server adds to an answer is kept in [`Event::more`], so nothing is lost by an older client.
//!
//! ```no_run
//! use auditlake_client::{Client, Question};
//!
//! let client = Client::new("https://audit.example.com", Some("token".to_owned()));
//! let question = Question::new().from("2026-03-01").any_of("outcome", ["denied"]).none_of("actor", ["robot"]);
//! for event in client.events(&question) {
//!     let event = event?;
//!     println!("{} {} {}", event.event_time, event.actor_id.unwrap_or_default(), event.action);
//! }
//! # Ok::<(), auditlake_client::Error>(())
//! ```

mod types;

use std::collections::VecDeque;
use std::io::Read;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Response;

pub use types::{Change, Count, Event, FieldError, KnownAs, NewEvent, Page, Problem, Receipt, Receipts, Statistics, Status};

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a question that takes long is waited for by default.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API answered a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// Nothing, or something else, answered.
    #[error("no answer of the API: {0}")]
    Transport(String),
    /// The answer is not what the API's description says.
    #[error("the answer cannot be read: {0}")]
    Unexpected(String),
    /// A question took longer than the client waits; it is answered at this link later.
    #[error("no answer within the time to wait; it is at {link} later")]
    StillRunning {
        /// Path of the answer.
        link: String,
    },
}

impl Error {
    /// Whether the same call may succeed later. A post of events with ids may be repeated at will.
    pub fn may_retry(&self) -> bool {
        match self {
            Error::Problem(problem) => matches!(problem.status, 408 | 429 | 500 | 502 | 503 | 504),
            Error::Transport(_) | Error::StillRunning { .. } => true,
            Error::Unexpected(_) => false,
        }
    }
}

/// Which events are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    parameters: Vec<(String, String)>,
}

impl Question {
    /// All events of the organization that the token names.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Only events at or after this time (RFC 3339, or a date).
    #[must_use]
    pub fn from(self, time: impl Into<String>) -> Self {
        self.with("from", time)
    }

    /// Only events before this time.
    #[must_use]
    pub fn to(self, time: impl Into<String>) -> Self {
        self.with("to", time)
    }

    /// The organization, for operators.
    #[must_use]
    pub fn organization(self, name: impl Into<String>) -> Self {
        self.with("organization", name)
    }

    /// Only events of which the filter (`action`, `actor`, `outcome`, `q`, …) has one of these values.
    #[must_use]
    pub fn any_of<V: Into<String>>(self, filter: &str, values: impl IntoIterator<Item = V>) -> Self {
        values.into_iter().fold(self, |question, value| question.with(filter, value))
    }

    /// Only events of which the filter has none of these values.
    #[must_use]
    pub fn none_of<V: Into<String>>(self, filter: &str, values: impl IntoIterator<Item = V>) -> Self {
        let filter = format!("{filter}!");
        values.into_iter().fold(self, |question, value| question.with(filter.as_str(), value))
    }

    /// Only events whose member of `metadata` has this value.
    #[must_use]
    pub fn metadata(self, key: &str, value: impl Into<String>) -> Self {
        self.with(format!("metadata.{key}"), value)
    }

    /// The oldest events first.
    #[must_use]
    pub fn oldest_first(self) -> Self {
        self.with("order", "asc")
    }

    /// How many events a page has.
    #[must_use]
    pub fn page_size(self, events: u16) -> Self {
        self.with("limit", events.to_string())
    }
}

/// Where a question that takes long is answered.
#[derive(serde::Deserialize)]
struct Running {
    link: String,
}

/// A client. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    api: String,
    token: Option<String>,
    patience: Duration,
    keeps_unknown: bool,
}

impl Client {
    /// A client of the API at this address, such as `http://127.0.0.1:8787`, with a bearer token if it asks for one.
    pub fn new(api: impl Into<String>, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(CALL_TIMEOUT));
        let api = api.into().trim_end_matches('/').to_owned();
        Self { agent: config.build().into(), api, token, patience: PATIENCE, keeps_unknown: false }
    }

    /// The same client, which waits this long for questions that take long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same client, whose posts keep members of events that look like misspelt ones (`outcom`) instead of having the event refused.
    #[must_use]
    pub fn keeping_unknown_members(self) -> Self {
        Self { keeps_unknown: true, ..self }
    }

    /// Posts events. `Ok` also where some were refused: [`Receipts::errors`] names them.
    pub fn post(&self, events: &[NewEvent]) -> Result<Receipts, Error> {
        let body = serde_json::to_vec(events).map_err(|error| Error::Unexpected(error.to_string()))?;
        let request = self.agent.post(format!("{}/v1/events", self.api)).header("content-type", "application/json");
        let request = if self.keeps_unknown { request.query("unknown", "keep") } else { request };
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        read(request.send(&body[..])).map(|(_, value)| value)
    }

    /// One page of events, newest first unless the question says otherwise; `cursor` is that of the page before.
    pub fn page(&self, question: &Question, cursor: Option<&str>) -> Result<Page, Error> {
        self.ask("/v1/events", &question.parameters, cursor.map(|cursor| ("cursor", cursor)))
    }

    /// All events, page after page as they are needed. An error ends it.
    pub fn events<'c>(&'c self, question: &'c Question) -> Events<'c> {
        Events { client: self, question, page: VecDeque::new(), cursor: None, has_more: true }
    }

    /// One event in full, by the link that a list or a receipt gave.
    pub fn event(&self, link: &str) -> Result<Event, Error> {
        self.wait_for(link, &[])
    }

    /// Numbers of events by the values of a column, most frequent first.
    pub fn count_by(&self, question: &Question, column: &str) -> Result<Statistics, Error> {
        self.ask("/v1/stats", &question.parameters, Some(("group_by", column)))
    }

    /// Numbers of events in buckets of a `minute`, an `hour`, a `day`, a `week` or a `month`.
    pub fn count_over_time(&self, question: &Question, interval: &str) -> Result<Statistics, Error> {
        self.ask("/v1/stats", &question.parameters, Some(("interval", interval)))
    }

    /// Where the lake stands.
    pub fn status(&self) -> Result<Status, Error> {
        self.ask("/v1/status", &[], None)
    }

    fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(String, String)],
        more: Option<(&str, &str)>,
    ) -> Result<T, Error> {
        let mut all: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(more);
        self.wait_for(path, &all)
    }

    /// Asks, and asks on where the answer takes long.
    fn wait_for<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T, Error> {
        let deadline = Instant::now() + self.patience;
        let mut path = path.to_owned();
        let mut parameters = parameters;
        loop {
            let mut request = self.agent.get(format!("{}{path}", self.api));
            for (name, value) in parameters {
                request = request.query(name, value);
            }
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let (status, value): (u16, Value) = read(request.call())?;
            if status != 202 {
                return serde_json::from_value(value).map_err(|error| Error::Unexpected(error.to_string()));
            }
            let running: Running = serde_json::from_value(value).map_err(|error| Error::Unexpected(error.to_string()))?;
            if Instant::now() >= deadline {
                return Err(Error::StillRunning { link: running.link });
            }
            // The next call waits on the server's side.
            (path, parameters) = (running.link, &[]);
        }
    }
}

fn read<T: DeserializeOwned>(answered: Result<Response<ureq::Body>, ureq::Error>) -> Result<(u16, T), Error> {
    let mut response = answered.map_err(|error| Error::Transport(error.to_string()))?;
    let status = response.status().as_u16();
    let mut text = Vec::new();
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).reader().read_to_end(&mut text);
    body.map_err(|error| Error::Transport(error.to_string()))?;
    if status >= 400 {
        let problem: Problem = serde_json::from_slice(&text)
            .map_err(|_| Error::Transport(format!("the answer is {status} and no problem of the API")))?;
        return Err(Error::Problem(Box::new(problem)));
    }
    let value = serde_json::from_slice(&text).map_err(|error| Error::Unexpected(error.to_string()))?;
    Ok((status, value))
}

/// The events of a question, in order. See [`Client::events`].
pub struct Events<'c> {
    client: &'c Client,
    question: &'c Question,
    page: VecDeque<Event>,
    cursor: Option<String>,
    has_more: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // A page may be empty and have a next one.
        while self.page.is_empty() && self.has_more {
            match self.client.page(self.question, self.cursor.as_deref()) {
                Ok(page) => {
                    self.has_more = page.next_cursor.is_some();
                    self.cursor = page.next_cursor;
                    self.page = page.events.into();
                }
                Err(error) => {
                    self.has_more = false;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}
