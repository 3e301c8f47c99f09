//! JSON in: what is posted becomes events, or a list of what is wrong with them.
//!
//! A body is one event, an array of events, `{"events":[…]}`, or NDJSON (one event a line; blank lines, CRLF and a byte order
//! mark are accepted). One bad event costs no other event of the batch; only a body that is no JSON at all is refused as a
//! whole ([`BodyError`]).
//!
//! How an event is normalised:
//!
//! - a member whose name is a column's is that column; any other member is kept inside `metadata`, unless it looks like a column
//!   that the event does not state (`outcom`): then the event is refused, if the door does so ([`Lookalikes`]);
//! - empty texts, `{}` as `metadata` and `[]` as `changes` count as null, `null` as left out;
//! - `outcome` is `unknown` if left out, `region` and `organization` are those of the door;
//! - `source_ip` is written in the canonical text of its address; where it states more than one (a port, a zone, a list of which
//!   the first counts), the whole is kept in `metadata.source_ip`; `actor_email` is trimmed;
//! - `metadata` and `changes` are kept as JSON text with sorted names and no white space, numbers exactly as they were
//!   written; `changes` is always an array of `{"after":…,"before":…,"field":…}`.
//!
//! An event in a shape of others ([`crate::shapes`]) is made one of ours first. CloudEvents are announced by the body's type; WorkOS
//! and Retraced events are found by their members, and only where an event states neither `event_time` nor `event_id`, so that
//! events of ours are not looked at twice. Errors name the member that was sent.
//!
//! An event over the limit is refused, or its largest free fields are cut and named in `metadata.trimmed` ([`LargeEvents`]).
//!
//! How an id comes about, if `event_id` is left out:
//!
//! - a foreign event's own id, as its shape says;
//! - with an idempotency key: UUIDv5 in [`IDEMPOTENCY_NAMESPACE`] over the key, a zero byte, the event's position in the batch
//!   (decimal), a zero byte, and the event's canonical form without `event_id`. The same request gives the same ids;
//! - else UUIDv7 of the time the lake took the event in and ten random bytes.

mod body;
mod changes;
mod context;
mod door;
mod errors;
mod foreign;
mod lookalike;
mod problem;
mod trim;

pub use body::{Shape, parse_body};
pub use context::{DoorContext, IDEMPOTENCY_NAMESPACE, LargeEvents, Lookalikes};
pub use errors::{BodyError, BodyErrorKind, FieldError};
pub use foreign::read_converted;

use crate::model::Event;

/// What a body holds.
#[derive(Debug, Clone, Default)]
pub struct ParsedBody<'a> {
    /// How many events the body holds, good and bad.
    pub count: usize,
    /// The events that were accepted, in the order of the body.
    pub events: Vec<Event<'a>>,
    /// For each of `events`: where it stood and what it hashes to.
    pub receipts: Vec<Receipt>,
    /// What is wrong with the others, in the order of the body. An event may have several.
    pub errors: Vec<FieldError>,
}

/// What is given for an accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Position of the event in the body, from 0; blank NDJSON lines do not count.
    pub index: usize,
    /// Its event hash.
    pub event_hash: [u8; 32],
}

impl ParsedBody<'_> {
    /// How many events were refused.
    pub fn refused(&self) -> usize {
        self.count - self.events.len()
    }
}
