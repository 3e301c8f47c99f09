//! The lifecycle rule of the archive, if it has one.

use std::fmt;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_lake::SealTime;
use auditlake_lake::clock::Clock;

/// A lifecycle rule that removes archive objects of a certain age.
#[derive(Clone)]
pub struct ArchiveExpiry {
    /// The age at which objects expire, in ms since they were written.
    pub after_ms: i64,
    /// Tells how old an object is.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for ArchiveExpiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ArchiveExpiry").field("after_ms", &self.after_ms).finish_non_exhaustive()
    }
}

impl ArchiveExpiry {
    /// A rule that removes objects some days after they were written; `None` for 0 days, which means never.
    pub fn of_days(days: u32, clock: Arc<dyn Clock>) -> Option<Self> {
        let after_ms = i64::from(days) * 24 * Timestamp::HOUR_MS;
        (days > 0).then_some(Self { after_ms, clock })
    }

    /// Whether an object of a seal may have expired. Objects are written after the start of their period, never before.
    pub fn may_have_removed(&self, seal_time: SealTime) -> bool {
        seal_time.start().millis().saturating_add(self.after_ms) <= self.clock.now().millis()
    }
}
