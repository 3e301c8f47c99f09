//! What a seal cannot get past by itself: which object, since when, what to do.

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::set_aside::seal_time_of;
use super::{SealError, Sealer};

/// Why the next period cannot be sealed without an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUp {
    /// The object that is in the way, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When the period could have been sealed.
    pub since: Timestamp,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: String,
}

impl Sealer {
    /// What holds the seal up according to the error of a run; `None` if the next run may go on by itself.
    pub fn held_up(&self, error: &SealError) -> Option<HeldUp> {
        if error.retryable() {
            return None;
        }
        // Without a sound newest record it is not known what is sealed: the record's own period is what waits.
        let of_key = || error.key().and_then(seal_time_of);
        let since = self.due_at(self.sealed_until.or_else(of_key).unwrap_or(self.lake.first_period));
        Some(HeldUp { key: error.key().map(str::to_owned), since, reason: error.to_string(), help: error.help() })
    }
}
