//! What no seal wrote: a plan or a record that is there before its period is closed, and what stands where a seal writes.

use auditlake_store::list_all;

use super::digests::Digest;
use super::plan::Plan;
use super::{SealError, Sealer};
use crate::period::SealTime;
use crate::{layout, status};

impl Sealer {
    /// Fails if a period that is about to be closed has a plan or a record already. A seal writes both after the close, so what is
    /// there without one would only make events vanish: it is named and nothing is written.
    pub(super) async fn check_unclosed(&self, periods: &[SealTime]) -> Result<(), SealError> {
        for day in periods.chunk_by(|left, right| layout::seals_prefix(*left) == layout::seals_prefix(*right)) {
            let (Some(first), Some(last)) = (day.first(), day.last()) else { continue };
            let folder = layout::seals_prefix(*first);
            for mark in ["", "_"] {
                let start_after = format!("{folder}{mark}{}", first.key_name());
                // `~` comes after every character of a name.
                let end = format!("{folder}{mark}{}~", last.key_name());
                let found = list_all(self.store.as_ref(), &folder, Some(&start_after), Some(&end)).await?;
                for object in found {
                    self.check_closed(&object.key, &folder).await?;
                }
            }
        }
        Ok(())
    }

    async fn check_closed(&self, key: &str, folder: &str) -> Result<(), SealError> {
        let name = key.strip_prefix(folder).unwrap_or_default().trim_start_matches('_');
        let seal_time = name.split_once('.').and_then(|(start, _)| SealTime::parse_key_name(start));
        let Some(seal_time) = seal_time.filter(|seal_time| key != layout::close_key(*seal_time)) else { return Ok(()) };
        let is_read = key == layout::plan_key(seal_time) || key == layout::record_key(seal_time);
        // Asked after the list, so that another run that closes and plans now is not taken for a stranger.
        if is_read && self.store.head(&layout::close_key(seal_time)).await?.is_none() {
            return Err(SealError::NotOurs(key.to_owned()));
        }
        Ok(())
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
