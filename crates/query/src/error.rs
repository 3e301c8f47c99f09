//! Why a query fails.

/// What an error of a query means for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The query itself cannot be answered: say what to change (400).
    Invalid,
    /// It would read too much (422).
    TooLarge,
    /// Storage or engine is away: try again (503).
    Unavailable,
    /// Too much is asked of the engine at once, or a quota of it is used up: try again, later (429).
    Throttled,
    /// It was cancelled.
    Cancelled,
    /// The caller's rights do not suffice for storage or engine.
    Denied,
    /// An object that the answer needs is damaged or not there: the message names it (503).
    Damaged,
    /// Stored data contradicts its own rules, or a defect of ours (500).
    Internal,
}

/// Why a query failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What it means for the caller.
    pub kind: QueryErrorKind,
    /// What happened, in words.
    pub message: String,
}

impl QueryError {
    /// An error of `kind`.
    pub fn new(kind: QueryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
