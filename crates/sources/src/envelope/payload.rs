//! What an object turns out to be, and hold.

use std::borrow::Cow;

use crate::json::{Json, Members};

/// What an envelope holds.
#[derive(Debug)]
pub(crate) enum Payload<'v> {
    /// A record, or another envelope, as the JSON it is.
    Json(&'v Json<'v>),
    /// The same as text; or lines.
    Text(Cow<'v, str>),
    /// Either of them in base64, perhaps of gzip.
    Base64(&'v str),
}

/// An envelope that was opened.
#[derive(Debug)]
pub(crate) struct Envelope<'v> {
    /// What it is called, for people.
    pub name: &'static str,
    pub payloads: Vec<Payload<'v>>,
    /// Whether the payloads are one record told in several ways, the best first; else each is a record.
    pub is_one: bool,
    /// Whether it is known by more than what it holds.
    pub is_certain: bool,
}

/// What an object is.
#[derive(Debug)]
pub(crate) enum Opened<'v> {
    /// No envelope.
    Nothing,
    /// A message of the transport, which holds no record.
    Control,
    Envelope(Envelope<'v>),
}

/// A text that is not empty.
pub(super) fn text<'v>(members: &'v Members<'v>, name: &str) -> Option<&'v str> {
    match members.get(name) {
        Some(Json::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// An object.
pub(super) fn object<'v>(members: &'v Members<'v>, name: &str) -> Option<&'v Json<'v>> {
    members.get(name).filter(|value| value.members().is_some())
}
