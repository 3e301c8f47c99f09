//! What a source is told about an import.

use std::borrow::Cow;
use std::collections::BTreeMap;

use auditlake_event::limits::{EARLIEST_EVENT_TIME_MS, LEAD_MS};
use auditlake_event::{Event, Organization, Region, Timestamp};

/// Largest record by default, in bytes (4 MiB): CloudTrail's own limit is 1 MB, and a whole EventBridge envelope fits too.
pub const DEFAULT_MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;
/// Largest object by default after inflating, in bytes (64 GiB): what a gzip bomb may cost.
pub const DEFAULT_MAX_INFLATED_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// What an import knows and its records do not say.
#[derive(Debug, Clone)]
pub struct ImportContext {
    /// The installation region of every event.
    pub region: Region,
    /// The organization of every event whose account is not in `account_organizations`.
    pub organization: Organization,
    /// Cloud account (or project, subscription) to organization.
    pub account_organizations: BTreeMap<String, Organization>,
    /// Whether our own JSON keeps the organization and the region that each event states, and all else that the lake it comes
    /// from had set: an operator moves a lake. An event that states no organization goes to quarantine then.
    pub keep_organizations: bool,
    /// When the lake takes the events in.
    pub received_time: Timestamp,
    /// Whether each event keeps its original record in the column `raw`.
    pub keep_raw: bool,
    /// How far after `received_time` an event time may lie, in milliseconds.
    pub lead_ms: i64,
    /// Largest record, in bytes; a larger one goes to quarantine, cut.
    pub max_record_bytes: usize,
    /// Largest object after inflating, in bytes; the rest of a larger one goes unread, which quarantine says.
    pub max_inflated_bytes: u64,
}

impl ImportContext {
    /// A context with the defaults: raw records kept, 5 minutes of lead, the limits above.
    pub fn new(region: Region, organization: Organization, received_time: Timestamp) -> Self {
        Self {
            region,
            organization,
            account_organizations: BTreeMap::new(),
            keep_organizations: false,
            received_time,
            keep_raw: true,
            lead_ms: LEAD_MS,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            max_inflated_bytes: DEFAULT_MAX_INFLATED_BYTES,
        }
    }

    /// The organization of an account.
    pub fn organization_of(&self, account: Option<&str>) -> &Organization {
        account.and_then(|account| self.account_organizations.get(account)).unwrap_or(&self.organization)
    }

    /// An event of a source that states nothing yet but where it belongs.
    pub(crate) fn event<'a>(&'a self, source: &'static str, account: Option<&str>) -> Event<'a> {
        Event {
            received_time: self.received_time,
            region: Cow::Borrowed(self.region.as_str()),
            organization: Cow::Borrowed(self.organization_of(account).as_str()),
            source: Cow::Borrowed(source),
            ..Event::default()
        }
    }

    /// Why an event time cannot be taken, if so: before 2000, or further in the future than the lead.
    pub fn refuse_time(&self, event_time: Timestamp) -> Option<&'static str> {
        if event_time.millis() < EARLIEST_EVENT_TIME_MS {
            return Some("event time lies before the year 2000");
        }
        if event_time > self.received_time.plus_millis(self.lead_ms) {
            return Some("event time lies in the future");
        }
        None
    }
}
