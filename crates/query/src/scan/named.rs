//! What a scan remembers of digests between queries.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use auditlake_event::{Organization, Timestamp};
use auditlake_lake::layout::ArchiveKey;
use auditlake_lake::seal::named::Named;

use super::cache::{ByteLru, CacheUse};
use super::window::Window;

/// Rough memory of a key that was taken apart.
const KEY_BYTES: usize = 200;

/// Digests that were read, and the objects of late events that they name.
pub struct KnownNames {
    /// What digests name, by their keys.
    pub digests: ByteLru<Arc<Named>>,
    /// The objects that are named by a digest of a later hour than theirs, by organization and hour.
    late: ByteLru<Arc<BTreeSet<ArchiveKey>>>,
    /// Held while an entry of `late` is replaced.
    noting: Mutex<()>,
}

fn late_key(organization: &Organization, hour: i64) -> String {
    format!("{organization}|{hour}")
}

impl KnownNames {
    /// Nothing, with room for `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { digests: ByteLru::new(budget / 4 * 3), late: ByteLru::new(budget / 4), noting: Mutex::new(()) }
    }

    /// Remembers an object of late events.
    pub fn note_late(&self, object: &ArchiveKey) {
        let name = late_key(&object.partition.organization, object.partition.hour.millis());
        let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.late.get(&name).unwrap_or_default();
        if !known.contains(object) {
            let mut known = known.as_ref().clone();
            known.insert(object.clone());
            let memory = known.len() * KEY_BYTES;
            self.late.insert(&name, Arc::new(known), memory);
        }
    }

    /// The objects of late events that are remembered in the hours of a span.
    pub fn late_in(&self, organization: &Organization, span: Window) -> Vec<(i64, BTreeSet<ArchiveKey>)> {
        let mut found = Vec::new();
        let mut hour = Timestamp::from_millis(span.from).hour().millis();
        while hour < span.to {
            if let Some(known) = self.late.get(&late_key(organization, hour)) {
                found.push((hour, known.as_ref().clone()));
            }
            hour = hour.saturating_add(Timestamp::HOUR_MS);
        }
        found
    }

    /// How full it is.
    pub fn usage(&self) -> [CacheUse; 2] {
        [self.digests.usage("digests"), self.late.usage("late_objects")]
    }
}
