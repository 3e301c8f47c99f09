//! What a door knows about the events that come through it.

use uuid::Uuid;

use crate::limits::{DEFAULT_MAX_EVENT_BYTES, LEAD_MS, MAX_EVENTS_PER_REQUEST, MAX_INFLATED_BYTES};
use crate::name::{Organization, Region};
use crate::time::Timestamp;

/// The namespace of event ids that are derived from an idempotency key (a random UUID, fixed for ever).
pub const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x6f0f_2c3a_9d41_4e57_b8f4_1c52_6a7e_93d0);

/// What a door does about members that are no columns but look like one that the event does not state (`outcom`, `eventTime`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lookalikes {
    /// It refuses the event and names the column: what was meant for it would be lost to every question.
    #[default]
    Refuse,
    /// It keeps them in `metadata`, as any other member.
    Keep,
}

/// What a door does about an event over the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LargeEvents {
    /// It refuses the event.
    #[default]
    Refuse,
    /// It cuts the largest free fields and names them in `metadata.trimmed`; what is too large without them is refused.
    Trim,
}

/// What holds for every event of a body.
#[derive(Debug, Clone, Copy)]
pub struct DoorContext<'c> {
    /// Now: when the lake takes the events in.
    pub received_time: Timestamp,
    /// How far in the future an event's time may lie, in ms.
    pub lead_ms: i64,
    /// The region of events that state none.
    pub region: &'c Region,
    /// The organization of the caller's token: events that state none get it, events that state another are refused.
    /// `None` for a caller who may speak for every organization: then each event must state its own, unless there is a default.
    pub organization: Option<&'c Organization>,
    /// The organization of events that state none, where the caller may speak for every organization.
    pub default_organization: Option<&'c Organization>,
    /// The door: an event that states a `source` must state this one.
    pub source: &'c str,
    /// The request's idempotency key, if it has one: ids are derived from it.
    pub idempotency_key: Option<&'c str>,
    /// The id of events that state none, where whoever reads them knows one: an import.
    pub event_id: Option<&'c str>,
    /// What happens to members that look like columns.
    pub lookalikes: Lookalikes,
    /// Largest event, in bytes of its JSON as sent.
    pub max_event_bytes: usize,
    /// What happens to events over the limit.
    pub large_events: LargeEvents,
    /// Most events in one body.
    pub max_events: usize,
    /// Largest body, in bytes after inflating.
    pub max_body_bytes: usize,
}

impl<'c> DoorContext<'c> {
    /// Whether an event of so many bytes is refused.
    pub(super) fn is_refused_for_its_size(&self, bytes: usize) -> bool {
        bytes > self.max_event_bytes && self.large_events == LargeEvents::Refuse
    }

    /// The context of a request to the API, with the limits of [`crate::limits`].
    pub const fn api(received_time: Timestamp, region: &'c Region, organization: Option<&'c Organization>) -> Self {
        Self {
            received_time,
            lead_ms: LEAD_MS,
            region,
            organization,
            default_organization: None,
            source: "api",
            idempotency_key: None,
            event_id: None,
            lookalikes: Lookalikes::Refuse,
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            large_events: LargeEvents::Refuse,
            max_events: MAX_EVENTS_PER_REQUEST,
            max_body_bytes: MAX_INFLATED_BYTES,
        }
    }
}
