//! The keys that statements name, in few bytes each.

use std::collections::HashSet;

use auditlake_lake::hash::Hash;

/// A set of keys by the first 16 bytes of their SHA-256.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    hashes: HashSet<u128>,
}

impl Keys {
    fn hash(key: &str) -> u128 {
        let hash = Hash::of(key.as_bytes());
        hash.as_bytes().iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
    }

    /// Adds a key; `false` if it was there.
    pub fn insert(&mut self, key: &str) -> bool {
        self.hashes.insert(Self::hash(key))
    }

    /// Whether a key was added.
    pub fn contains(&self, key: &str) -> bool {
        self.hashes.contains(&Self::hash(key))
    }
}
