//! Answers that take longer than a caller waits: where one stands, and the ticket by which it is asked for again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{QueryError, QueryErrorKind};

/// Where an answer stands when the caller's patience is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<T> {
    /// It is there.
    Done(T),
    /// It is still being made: come back with this ticket. A newer ticket replaces an older one.
    Pending(Ticket),
}

impl<T> Progress<T> {
    /// Makes something else of an answer that is there.
    pub fn and_then<U>(self, make: impl FnOnce(T) -> Result<U, QueryError>) -> Result<Progress<U>, QueryError> {
        match self {
            Progress::Done(answer) => make(answer).map(Progress::Done),
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
}
