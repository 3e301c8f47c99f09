//! The state of the lake that a statement is bound to.

use auditlake_event::Timestamp;
use auditlake_lake::SealTime;
use auditlake_lake::period::SealRule;

/// What a statement is bound to. Read before the statement is made; an older one is as right as a newer one while landing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// The first period that is not sealed.
    pub sealed_until: SealTime,
    /// No event of the organization in the archive is older than this: partitions before it are not looked at. A late event may
    /// be older than the seal it came with, so this is the earliest *hour* that the organization's digests name, not the seal
    /// time of the first one.
    pub archive_since: Timestamp,
    /// The moment of asking.
    pub now: Timestamp,
    /// The seal rule of the lake.
    pub rule: SealRule,
}
