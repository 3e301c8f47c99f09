//! What a seal cannot get past by itself: which object, since when, what to do.

use auditlake_event::Timestamp;
use auditlake_store::ErrorKind;
use serde::{Deserialize, Serialize};

use super::set_aside::seal_time_of;
use super::{SealError, Sealer};
use crate::integrity::Digest;
use crate::layout;
use crate::period::SealTime;
use crate::plan::{InvalidPlan, Plan};
use crate::status;

/// Why the next period is not sealed until somebody does something.
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

impl SealError {
    /// What an operator can do about it.
    pub fn help(&self) -> String {
        match (self, self.key()) {
            (
                SealError::NewerVersion { .. } | SealError::Plan { error: InvalidPlan::UnknownVersion { .. }, .. },
                Some(key),
            ) => {
                format!(
                    "deploy the version of auditlake that wrote it; if that was taken back for good, \
                     `auditlake seal --set-aside '{key}'` (runbook, SealFailures)"
                )
            }
            (SealError::Store(error), _) if error.kind == ErrorKind::Denied => {
                "give back the rights that the deployment gave (runbook, SealFailures)".to_owned()
            }
            (_, Some(key)) => format!(
                "restore it from a sound version; if there is none, `auditlake seal --set-aside '{key}'` (runbook, SealFailures)"
            ),
            (_, None) => "see SealFailures in the runbook".to_owned(),
        }
    }
}

impl Sealer {
    /// What a failed run says that holds the seal up; `None` if it may go on by itself.
    pub fn held_up(&self, error: &SealError) -> Option<HeldUp> {
        if error.retryable() {
            return None;
        }
        // Without a sound newest record it is not known what is sealed: the record's own period is what waits.
        let of_key = || error.key().and_then(seal_time_of);
        let since = self.due_at(self.sealed_until.or_else(of_key).unwrap_or(self.lake.first_period));
        Some(HeldUp { key: error.key().map(str::to_owned), since, reason: error.to_string(), help: error.help() })
    }

    /// Fails if something stands where the digests and the record of a plan belong that no seal can have written.
    pub(super) async fn check_outputs(&self, plan: &Plan) -> Result<(), SealError> {
        for organization in plan.organizations() {
            let key = layout::digest_key(organization, plan.seal_time);
            let Some(bytes) = status::find(self.store.as_ref(), &key).await? else { continue };
            let is_digest = serde_json::from_slice::<Digest>(&bytes)
                .is_ok_and(|digest| digest.organization == *organization && digest.seal_time == plan.seal_time);
            if !is_digest {
                return Err(SealError::Contradiction(key));
            }
        }
        self.check_record(plan.seal_time).await
    }

    /// Fails if something stands where the record of a period belongs that is no record of a seal. Asked before digests are written:
    /// with them beside it, it would pass for the damaged record of a seal, and nothing could be answered any more.
    pub(super) async fn check_record(&self, seal_time: SealTime) -> Result<(), SealError> {
        let record = layout::record_key(seal_time);
        if self.store.head(&record).await?.is_some() && !self.is_sealed(seal_time).await? {
            return Err(SealError::Contradiction(record));
        }
        Ok(())
    }
}
