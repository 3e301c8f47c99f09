//! What to verify, and how far it is.

use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;

/// What to verify.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only the part of one organization: its digests and its objects. Nothing else is read but `lake.json`.
    pub organization: Option<Organization>,
    /// Only seals of this time or later.
    pub since: Option<Timestamp>,
    /// Only seals before this time.
    pub until: Option<Timestamp>,
    /// Only the bytes of objects, not their rows.
    pub quick: bool,
    /// Hashes of records (of one organization, of digests) that were kept elsewhere, hexadecimal: they must be in the chain.
    pub known: Vec<String>,
    /// Objects that are checked at the same time; one for each core if 0.
    pub at_once: usize,
}

impl Options {
    pub(crate) fn includes(&self, seal_time: SealTime) -> bool {
        let start = seal_time.start();
        self.since.is_none_or(|since| start >= since) && self.until.is_none_or(|until| start < until)
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Seals whose statements were checked.
    pub seals: u64,
    /// Objects that were checked.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}
