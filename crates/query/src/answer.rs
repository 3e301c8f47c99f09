//! The answer of an engine: what it found, and the facts about how it was made. An answer that takes longer than its caller waits is
//! a ticket first.

use auditlake_event::{Event, Timestamp};
use auditlake_lake::SealTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{QueryError, QueryErrorKind};
use crate::question::Position;
use crate::typed::Query;

/// What was found, and how. `F` is the kind of what was found, where it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<F = Found> {
    /// How it was made.
    pub facts: Facts,
    /// What was found.
    pub found: F,
}

/// How an answer was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// The first period not sealed when the answer was made.
    pub sealed_until: SealTime,
    /// Bytes read from storage for it (Athena: bytes scanned).
    pub scanned_bytes: u64,
    /// What else it took.
    pub cost: Cost,
    /// Landing objects that could not be understood and are missing from the answer; the seal sets them aside with an alarm.
    pub unreadable_objects: usize,
    /// `scan` or `athena`.
    pub engine: &'static str,
}

impl Facts {
    /// Whether nothing more can be sealed into the range that was asked for, except late events.
    pub fn is_complete(&self, query: &Query) -> bool {
        self.unreadable_objects == 0 && query.end().is_some_and(|end| end <= self.sealed_until.start())
    }
}

/// What an answer took, besides the bytes read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Time in the engine in ms: of Athena without its queue, of all executions together.
    pub engine_ms: u64,
    /// Bytes that Athena bills; `None` where nothing is billed by bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_bytes: Option<u64>,
    /// Their price in US dollars, if one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Whether a stored result was used again: late events since then may be missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused_result: bool,
}

/// What was found, of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The answer to [`Question::Page`](crate::Question::Page).
    Page(Page),
    /// The answer to [`Question::Count`](crate::Question::Count).
    Counts(Counts),
}

/// A page of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, in the order that was asked for.
    pub events: Vec<Event<'static>>,
    /// The place of the last row if more may follow.
    pub next: Option<Position>,
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The groups: by time ascending, then count descending, then value ascending (null last). Empty groups are left out; a
    /// count of neither interval nor column is always one group.
    pub counts: Vec<Count>,
    /// Whether values beyond `limit` were left out (their events are in no group).
    pub truncated: bool,
}

/// One time bucket.
pub type Bucket = Timestamp;

/// The number of events of one bucket and value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Start of the time bucket, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Bucket>,
    /// The column's value, if asked for; `None` is null.
    pub value: Option<String>,
    /// How many events.
    pub count: u64,
}

impl<F> Answer<F> {
    /// Converts what was found.
    pub fn and_then<G>(self, convert: impl FnOnce(F) -> Result<G, QueryError>) -> Result<Answer<G>, QueryError> {
        Ok(Answer { found: convert(self.found)?, facts: self.facts })
    }
}

impl Answer {
    /// The answer to a question about a page. Fails if the engine answered another kind of question, which is a defect of it.
    pub fn into_page(self) -> Result<Answer<Page>, QueryError> {
        self.and_then(|found| match found {
            Found::Page(page) => Ok(page),
            Found::Counts(_) => Err(other_kind()),
        })
    }

    /// The answer to a question about counts. Fails as [`Answer::into_page`] does.
    pub fn into_counts(self) -> Result<Answer<Counts>, QueryError> {
        self.and_then(|found| match found {
            Found::Counts(counts) => Ok(counts),
            Found::Page(_) => Err(other_kind()),
        })
    }
}

fn other_kind() -> QueryError {
    QueryError::new(QueryErrorKind::Internal, "the engine answered another kind of question")
}

/// Where an answer stands when the caller's patience is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<T> {
    /// It is there.
    Done(T),
    /// It is still being made: come back with this ticket. A newer ticket replaces an older one.
    Pending(Ticket),
}

impl<T> Progress<T> {
    /// Converts an answer that is there.
    pub fn and_then<U>(self, convert: impl FnOnce(T) -> Result<U, QueryError>) -> Result<Progress<U>, QueryError> {
        match self {
            Progress::Done(answer) => convert(answer).map(Progress::Done),
            Progress::Pending(ticket) => Ok(Progress::Pending(ticket)),
        }
    }
}

/// What an engine must know to go on with an answer. Opaque to everybody else, who may keep it as JSON; it is trusted as it
/// comes back, so whoever gives it out signs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The engine that made it.
    engine: String,
    /// Its state.
    state: serde_json::Value,
}

impl Ticket {
    /// The ticket of an engine's state.
    pub fn new<S: Serialize>(engine: &str, state: &S) -> Result<Self, QueryError> {
        let state = serde_json::to_value(state)
            .map_err(|error| QueryError::new(QueryErrorKind::Internal, format!("a ticket cannot be written: {error}")))?;
        Ok(Self { engine: engine.to_owned(), state })
    }

    /// Whether an engine made it.
    pub fn is_of(&self, engine: &str) -> bool {
        self.engine == engine
    }

    /// The state, for the engine that made it; `None` if it is another's, or of a version that this one does not read.
    pub fn read<S: DeserializeOwned>(&self, engine: &str) -> Option<S> {
        if !self.is_of(engine) {
            return None;
        }
        serde_json::from_value(self.state.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_by_its_engine_alone_also_after_a_journey_as_json() {
        let ticket = Ticket::new("athena", &("execution", 7_u64)).unwrap();
        let back: Ticket = serde_json::from_str(&serde_json::to_string(&ticket).unwrap()).unwrap();
        assert_eq!(back.read::<(String, u64)>("athena"), Some(("execution".to_owned(), 7)));
        assert_eq!(back.read::<(String, u64)>("scan"), None);
        assert_eq!(back.read::<Vec<bool>>("athena"), None, "a state of another version is no state");
    }

    #[test]
    fn an_answer_of_the_other_kind_is_a_defect_of_the_engine() {
        let facts = Facts {
            sealed_until: SealTime::from_start(Timestamp::from_millis(0)),
            scanned_bytes: 0,
            cost: Cost::default(),
            unreadable_objects: 0,
            engine: "test",
        };
        let page = Answer { facts, found: Found::Page(Page { events: Vec::new(), next: None }) };
        let counts = Answer { facts, found: Found::Counts(Counts { counts: Vec::new(), truncated: false }) };
        assert_eq!(page.clone().into_counts().unwrap_err().kind, QueryErrorKind::Internal);
        assert_eq!(counts.clone().into_page().unwrap_err().kind, QueryErrorKind::Internal);
        assert!(page.into_page().unwrap().found.events.is_empty() && counts.into_counts().unwrap().found.counts.is_empty());
    }
}
