//! What a sealer remembers of the landing objects it has read. Landing objects never change, so this never goes stale.

use std::collections::BTreeMap;

use crate::landing::file::LandingIndex;
use crate::layout::LandingKey;
use crate::period::{SealRule, SealTime};

enum Known {
    Rows { by_seal_time: BTreeMap<SealTime, u64> },
    Unreadable { etag: String, reason: String },
}

/// Remembers, for each object, how many rows it has for which period.
#[derive(Default)]
pub(super) struct KnownObjects {
    objects: BTreeMap<LandingKey, Known>,
}

impl KnownObjects {
    pub(super) fn learn_rows(&mut self, key: LandingKey, index: &LandingIndex) {
        let mut by_seal_time: BTreeMap<SealTime, u64> = BTreeMap::new();
        for group in &index.groups {
            *by_seal_time.entry(group.seal_time).or_default() += group.rows as u64;
        }
        self.objects.insert(key, Known::Rows { by_seal_time });
    }

    pub(super) fn learn_unreadable(&mut self, key: LandingKey, etag: &str, reason: &str) {
        self.objects.insert(key, Known::Unreadable { etag: etag.to_owned(), reason: reason.to_owned() });
    }

    /// Entity tag and reason of an object that cannot be read.
    pub(super) fn unreadable(&self, key: LandingKey) -> Option<(&str, &str)> {
        match self.objects.get(&key) {
            Some(Known::Unreadable { etag, reason }) => Some((etag, reason)),
            _ => None,
        }
    }

    /// Whether an object needs no reading for a period: it is known and has nothing for it to do.
    pub(super) fn is_nothing_for(&self, key: LandingKey, seal_time: SealTime, rule: &SealRule) -> bool {
        match self.objects.get(&key) {
            None => false,
            Some(Known::Rows { by_seal_time }) => !by_seal_time.contains_key(&seal_time),
            // The last period it can belong to sets it aside.
            Some(Known::Unreadable { .. }) => rule.last_window_of(key.arrival()) != seal_time,
        }
    }

    /// Objects whose last possible period is `seal_time` or earlier, with their rows by period.
    pub(super) fn finished(&self, seal_time: SealTime, rule: &SealRule) -> Vec<(LandingKey, BTreeMap<SealTime, u64>)> {
        let is_finished = |key: &LandingKey| rule.last_window_of(key.arrival()) <= seal_time;
        let rows_of = |(key, known): (&LandingKey, &Known)| match known {
            Known::Rows { by_seal_time } => Some((*key, by_seal_time.clone())),
            Known::Unreadable { .. } => None,
        };
        self.objects.iter().take_while(|(key, _)| is_finished(key)).filter_map(rows_of).collect()
    }

    /// Forgets objects whose last possible period is `seal_time` or earlier.
    pub(super) fn forget_finished(&mut self, seal_time: SealTime, rule: &SealRule) {
        while let Some(entry) = self.objects.first_entry() {
            if rule.last_window_of(entry.key().arrival()) > seal_time {
                break;
            }
            entry.remove();
        }
    }
}
