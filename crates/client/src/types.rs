//! What the API takes and answers, as its OpenAPI document describes it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change: what a field was before and is after. `None` is null, or not stated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Its value before.
    #[serde(default)]
    pub before: Option<Value>,
    /// Its value after.
    #[serde(default)]
    pub after: Option<Value>,
}

/// What the directory says of an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAs {
    /// The e-mail address.
    pub email: Option<String>,
    /// The readable name.
    pub name: Option<String>,
}

/// An event to post. Give it an `event_id`, and it can be sent again without doubling.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "each is the column of that name")]
pub struct NewEvent {
    pub action: String,
    pub event_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Further members: columns that have no field here, and whatever is to be kept in `metadata`.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// An event as it is answered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "each is the column of that name")]
pub struct Event {
    pub event_id: String,
    pub event_time: String,
    pub received_time: String,
    pub region: String,
    pub organization: String,
    pub source: String,
    pub action: String,
    pub outcome: String,
    pub category: Option<String>,
    pub actor_id: Option<String>,
    pub actor_type: Option<String>,
    pub actor_name: Option<String>,
    pub actor_email: Option<String>,
    pub actor_via: Option<String>,
    pub actor_directory: Option<KnownAs>,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub resource_name: Option<String>,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    #[serde(default)]
    pub changes: Vec<Change>,
    pub metadata: Option<Value>,
    pub raw: Option<String>,
    /// Where the event is read in full.
    pub link: Option<String>,
    /// Every other member.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A page of events, newest first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
    /// The first period that is not sealed.
    pub sealed_until: String,
    /// Whether only a late event can change the answer.
    pub complete: bool,
    /// Bytes read for it.
    pub scanned_bytes: u64,
    /// What answered: `scan` or `athena`.
    pub engine: String,
}

/// The number of events of one group.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Count {
    /// Start of the time bucket.
    pub time: Option<String>,
    /// The column's value; `None` is null.
    pub value: Option<String>,
    /// How many.
    pub count: u64,
}

/// Numbers of events.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Statistics {
    /// The groups.
    pub counts: Vec<Count>,
    /// Whether values beyond the limit are left out.
    pub truncated: bool,
    /// The first period that is not sealed.
    pub sealed_until: String,
    /// Whether only a late event can change the answer.
    pub complete: bool,
}

/// Where the lake stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Status {
    /// Version of the server.
    pub version: String,
    /// The first period that is not sealed.
    pub sealed_until: String,
    /// Seconds from there to now.
    pub lag_seconds: i64,
}

/// What was given for an accepted event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Position in the post, from 0.
    pub index: usize,
    /// The event's id.
    pub event_id: String,
    /// SHA-256 of its canonical form, hexadecimal.
    pub event_hash: String,
    /// Where it is read in full.
    pub link: String,
}

/// A rule that a field breaks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// Position of the event in the post, from 0.
    pub index: Option<usize>,
    /// The field or parameter.
    #[serde(default)]
    pub field: String,
    /// The rule.
    pub detail: String,
}

/// What a post is answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipts {
    /// Events taken in.
    pub accepted: usize,
    /// Events refused.
    pub refused: usize,
    /// Of those taken in.
    pub receipts: Vec<Receipt>,
    /// Of those refused.
    pub errors: Vec<FieldError>,
}

/// An error of the API (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// Its kind, stable for programs: `urn:auditlake:problem:…`.
    pub r#type: String,
    /// The same for every problem of this kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The request's id, to be named to whoever runs the server.
    pub request_id: String,
    /// The rules that were broken, one by one.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {} [{}]", self.title, self.status, self.detail, self.request_id)
    }
}
