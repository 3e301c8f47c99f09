//! The lake that is scanned, and what is remembered of it between queries.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use auditlake_lake::layout::LandingKey;
use auditlake_lake::status::sealed_until;
use auditlake_lake::{Lake, SealTime};
use auditlake_store::{ErrorKind, SharedStore};
use bytes::Bytes;

use super::cache::{ByteLru, CacheUse};
use super::error::query_error;
use super::footer::Footer;
use super::landed::{Merged, ObjectGroups};
use super::named::KnownNames;
use super::settings::Settings;
use crate::error::{QueryError, QueryErrorKind};

/// The engine's name in answers.
pub const NAME: &str = "scan";

/// What was asked of a list and remembered.
#[derive(Debug)]
pub enum Listed {
    /// Prefixes.
    Prefixes(Vec<String>),
    /// The seals before `sealed until` that wrote a digest.
    Digests(Vec<SealTime>),
}

/// The lake that is scanned, and what is remembered of it between queries.
pub struct EngineState {
    /// Where the objects are.
    pub store: SharedStore,
    /// The lake.
    pub lake: Lake,
    /// What may be used.
    pub settings: Settings,
    /// Footers.
    pub footers: ByteLru<Arc<Footer>>,
    /// Small objects, whole.
    pub objects: ByteLru<Bytes>,
    /// Indexes of landing objects.
    pub indexes: ByteLru<Arc<ObjectGroups>>,
    /// Landing objects that are read as one.
    pub merged: ByteLru<Arc<Merged>>,
    /// Held while landing objects are merged: that takes memory, so one question at a time does it.
    pub merging: futures::lock::Mutex<()>,
    /// Lists of folders and digests.
    pub lists: ByteLru<Arc<Listed>>,
    /// What digests name.
    pub named: KnownNames,
    /// The newest `sealed until` seen: where to look for a newer one.
    last_sealed_until: Mutex<Option<SealTime>>,
    /// Keys of the hashes that stand for events when copies are looked for: so that a sender cannot choose events that share one.
    hash_keys: [RandomState; 2],
}

impl EngineState {
    /// Nothing is remembered yet.
    pub fn new(store: SharedStore, lake: Lake, settings: Settings) -> Self {
        Self {
            store,
            lake,
            footers: ByteLru::new(settings.footer_cache_bytes),
            objects: ByteLru::new(settings.object_cache_bytes),
            indexes: ByteLru::new(settings.index_cache_bytes),
            merged: ByteLru::new(settings.merged_cache_bytes),
            merging: futures::lock::Mutex::new(()),
            lists: ByteLru::new(settings.list_cache_bytes),
            named: KnownNames::new(settings.digest_cache_bytes),
            settings,
            last_sealed_until: Mutex::new(None),
            hash_keys: [RandomState::new(), RandomState::new()],
        }
    }

    /// How full its caches are.
    pub fn caches(&self) -> [CacheUse; 7] {
        let [digests, late_objects] = self.named.usage();
        [
            self.footers.usage("footers"),
            self.objects.usage("objects"),
            self.indexes.usage("landing_indexes"),
            self.merged.usage("merged_landing"),
            self.lists.usage("lists"),
            digests,
            late_objects,
        ]
    }

    /// The newest `sealed until` seen so far, which may be old but is never too new.
    pub fn last_sealed_until(&self) -> Option<SealTime> {
        *self.last_sealed_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `sealed until` now.
    pub async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        let found = sealed_until(self.store.as_ref(), &self.lake, self.last_sealed_until()).await;
        let found = found.map_err(|error| match error.kind {
            // A seal record contradicts its seal: the message names it.
            ErrorKind::Invalid => QueryError::new(QueryErrorKind::Damaged, error.to_string()),
            _ => query_error(&error),
        })?;
        let mut last = self.last_sealed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(found));
        Ok(found)
    }

    /// What decides whether a run of landing objects begins at one.
    pub fn hash_of_key(&self, key: &LandingKey) -> u64 {
        self.hash_keys[0].hash_one(key)
    }

    /// What stands for a list of keys.
    pub fn hash_of_keys<'k>(&self, keys: impl Iterator<Item = &'k LandingKey>) -> u128 {
        let [mut high, mut low] = self.hash_keys.each_ref().map(BuildHasher::build_hasher);
        for key in keys {
            key.hash(&mut high);
            key.hash(&mut low);
        }
        u128::from(high.finish()) << 64 | u128::from(low.finish())
    }

    /// What stands for an event of one region and organization when copies are looked for. 128 bits under keys that are
    /// secret to this process: no two events share it, by chance or on purpose.
    pub fn hash(&self, time: i64, event_id: &str, source: &str) -> u128 {
        let [high, low] = self.hash_keys.each_ref().map(|keys| u128::from(keys.hash_one((time, event_id, source))));
        high << 64 | low
    }
}
