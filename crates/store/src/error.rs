//! One error type with a kind, context and the answer to "does trying again help".

/// What went wrong, as far as a caller must tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such object (404).
    NotFound,
    /// Two writers met and nothing is known (409): try again, an upload from its start.
    Conflict,
    /// Too many requests or a passing fault (429, 500, 502, 503, 504), or no connection: nothing is known of the effect.
    Unavailable,
    /// The answer did not come in time: the effect may have happened.
    Timeout,
    /// The caller may not do this (401, 403).
    Denied,
    /// The request or the answer is malformed, or a limit was hit: trying again does not help.
    Invalid,
}

/// An error of a store call.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {key}: {message}")]
pub struct StoreError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The call, such as `put`.
    pub operation: &'static str,
    /// The key or prefix it was about.
    pub key: String,
    /// What the store said.
    pub message: String,
}

impl StoreError {
    /// An error of `kind` about `key`.
    pub fn new(kind: ErrorKind, operation: &'static str, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, operation, key: key.into(), message: message.into() }
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Timeout)
    }
}
