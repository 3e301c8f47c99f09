//! Which landing objects are no longer needed.
//!
//! An object is tagged `sealed=true` when its last possible period is sealed and every row in it stands, with the right count, in
//! the inputs of a seal record. What was never read is never tagged, so it never expires: an object whose writer died before it
//! was acknowledged stays, and so does one that could not be read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::record::SealRecord;
use super::{SealError, Sealer};
use crate::layout;
use crate::period::SealTime;

/// The tag by which a lifecycle rule expires landing objects.
pub const SEALED_TAG: (&str, &str) = ("sealed", "true");

impl Sealer {
    /// Tags what the seal of `seal_time` made superfluous.
    pub(super) async fn retire(&mut self, seal_time: SealTime) -> Result<(), SealError> {
        let rule = self.lake.rule();
        let finished = self.known.finished(seal_time, &rule);
        let mut read: BTreeMap<SealTime, BTreeMap<String, u64>> = BTreeMap::new();
        let mut retired = Vec::with_capacity(finished.len());
        for (key, rows_by_seal_time) in finished {
            let key = key.to_string();
            let mut unread = BTreeSet::new();
            for (row_seal_time, rows) in rows_by_seal_time {
                let inputs = match read.entry(row_seal_time) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(self.read_by(row_seal_time).await?),
                };
                if inputs.get(&key) != Some(&rows) {
                    unread.insert(row_seal_time);
                }
            }
            if unread.is_empty() {
                retired.push(key);
            } else if !self.land_omitted(&key, &unread).await? {
                tracing::warn!(key, "landing object was never acknowledged and not sealed, it stays");
            }
        }
        let (name, value) = SEALED_TAG;
        let store = &self.store;
        let tags = retired.iter().map(|key| async move {
            match store.tag(key, name, value).await {
                // It has expired already: an earlier run tagged it.
                Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(alarm = true, key, %error, "landing object cannot be tagged as sealed: it stays, and costs storage");
                }
                Ok(()) => {}
            }
        });
        // The period is sealed: an object that cannot be tagged does not matter to later seals.
        futures::stream::iter(tags).buffer_unordered(self.settings.concurrency).for_each(|()| async {}).await;
        self.known.forget_finished(seal_time, &rule);
        Ok(())
    }

    /// The landing objects that the seal of a period read, with their rows.
    pub(super) async fn read_by(&self, seal_time: SealTime) -> Result<BTreeMap<String, u64>, SealError> {
        let key = layout::record_key(seal_time);
        let object = match self.store.get(&key).await {
            Ok(object) => object,
            Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        match SealRecord::parse(&object.bytes) {
            Ok(record) => Ok(record.inputs.into_iter().map(|input| (input.key, input.rows)).collect()),
            Err(error) => {
                tracing::error!(alarm = true, key, %error, "what this seal read is not known: its landing objects stay");
                Ok(BTreeMap::new())
            }
        }
    }
}
