//! What can be wrong with a body and with one event of it.

use std::borrow::Cow;

use crate::json::SyntaxError;

/// One rule that one event breaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Position of the event in the body, from 0; blank NDJSON lines do not count.
    pub index: usize,
    /// The column, or the path to the place such as `metadata.a` or `changes[0].field`; `event` for the event as a whole.
    pub field: String,
    /// The rule, in words.
    pub detail: Cow<'static, str>,
}

/// The `field` of an error that concerns the event as a whole.
pub(super) const WHOLE_EVENT: &str = "event";

/// What an HTTP edge answers a [`BodyError`] with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyErrorKind {
    /// The body is not what it claims to be: 400.
    Malformed,
    /// There is too much of it: 413.
    TooLarge,
    /// It can be read but holds nothing that could be events: 422.
    Unprocessable,
}

/// Why a body is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than allowed.
    #[error("the body has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Its length after inflating.
        bytes: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// It holds more events than allowed.
    #[error("the body holds more than the {limit} events allowed")]
    TooManyEvents {
        /// The most that is allowed.
        limit: usize,
    },
    /// It holds no event.
    #[error("the body holds no event")]
    Empty,
    /// It is not UTF-8.
    #[error("the body is not valid UTF-8 at byte {position}")]
    InvalidUtf8 {
        /// The first byte that is wrong.
        position: usize,
    },
    /// It is not JSON, or ends too early.
    #[error("the body is not JSON: {0}")]
    NotJson(SyntaxError),
    /// It is JSON but neither an object nor an array.
    #[error("the body must be an event, an array of events, an object with `events`, or NDJSON")]
    WrongType,
    /// A batch of CloudEvents is none.
    #[error("a batch of CloudEvents must be a JSON array")]
    NoBatch,
    /// An object with `events` has other members.
    #[error("beside `events` there must be no other member, but there is `{member}`")]
    UnknownMember {
        /// The other member.
        member: String,
    },
}

impl BodyError {
    /// What an HTTP edge answers with.
    pub const fn kind(&self) -> BodyErrorKind {
        match self {
            BodyError::TooLarge { .. } | BodyError::TooManyEvents { .. } => BodyErrorKind::TooLarge,
            BodyError::InvalidUtf8 { .. } | BodyError::NotJson(_) | BodyError::NoBatch => BodyErrorKind::Malformed,
            BodyError::Empty | BodyError::WrongType | BodyError::UnknownMember { .. } => BodyErrorKind::Unprocessable,
        }
    }
}

impl From<SyntaxError> for BodyError {
    fn from(error: SyntaxError) -> Self {
        BodyError::NotJson(error)
    }
}
