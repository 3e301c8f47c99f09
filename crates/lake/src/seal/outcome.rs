//! What became of rows: of those of a piece, of a shard, of a whole seal.

use std::collections::BTreeMap;

use auditlake_event::{Organization, Timestamp};
use serde::{Deserialize, Serialize};

use super::restamped::Restamped;
use crate::archive::Unread;
use crate::hash::Hash;
use crate::layout::Partition;

/// One object that a seal added to the archive, as it is in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveObject {
    /// Its key.
    pub key: String,
    /// Where it lies.
    pub partition: Partition,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// RFC 9162 Merkle root over its rows' event hashes, in file order.
    pub merkle_root: Hash,
    /// Its first event time.
    pub min_event_time: Timestamp,
    /// Its last event time.
    pub max_event_time: Timestamp,
}

/// A copy of an event that differs from the one in the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conflict {
    /// Where both belong.
    pub partition: Partition,
    /// The door both came through.
    pub source: String,
    /// When it happened.
    pub event_time: Timestamp,
    /// The id both claim.
    pub event_id: String,
    /// Event hash of the copy in the archive.
    pub kept_hash: Hash,
    /// Event hash of this copy.
    pub other_hash: Hash,
    /// This copy's canonical form.
    pub other: Box<serde_json::value::RawValue>,
}

/// What became of the rows of a shard.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ShardOutcome {
    /// The objects, in the order of the pieces; a piece of which no row is left has none.
    pub objects: Vec<ArchiveObject>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows in the objects.
    pub rows_out: u64,
    /// Copies equal to the kept one.
    pub duplicates: u64,
    /// The same by organization.
    pub duplicates_by_organization: BTreeMap<Organization, u64>,
    /// Rows read that are late: sealed with a later period than their own.
    pub late_rows: u64,
    /// Of the duplicates those whose kept copy was written by an earlier seal.
    pub late_duplicates: u64,
    /// Copies that differ from the kept one, in the order of their keys.
    pub conflicts: Vec<Conflict>,
    /// Damaged objects of earlier seals in which late rows were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsearched: Vec<Unread>,
    /// Objects that stood under the keys of this shard and cannot be read: the rows were written beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub displaced: Vec<Unread>,
    /// Events with one id and different times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restamped: Vec<Restamped>,
}

/// What became of the rows of one piece.
#[derive(Debug, Default)]
pub(crate) struct PieceCounts {
    pub rows_in: u64,
    pub duplicates: u64,
    pub late_rows: u64,
    pub late_duplicates: u64,
    pub conflicts: Vec<Conflict>,
    pub unsearched: Vec<Unread>,
    pub displaced: Vec<Unread>,
    pub restamped: Vec<Restamped>,
}

/// What the shards of a seal did together.
#[derive(Default)]
pub(crate) struct Outcome {
    pub objects: Vec<ArchiveObject>,
    pub conflicts: Vec<Conflict>,
    pub restamped: Vec<Restamped>,
    pub duplicates: u64,
    pub duplicates_by_organization: BTreeMap<Organization, u64>,
    pub late_rows: u64,
    pub unsearched: Vec<Unread>,
    pub displaced: Vec<Unread>,
}

impl Outcome {
    /// Adds what a shard did.
    pub fn add(&mut self, shard: ShardOutcome) {
        self.objects.extend(shard.objects);
        self.conflicts.extend(shard.conflicts);
        self.restamped.extend(shard.restamped);
        self.duplicates += shard.duplicates;
        self.late_rows += shard.late_rows;
        self.unsearched.extend(shard.unsearched);
        self.displaced.extend(shard.displaced);
        // A damaged object may have been met by several pieces.
        self.unsearched.sort();
        self.unsearched.dedup();
        for (organization, duplicates) in shard.duplicates_by_organization {
            *self.duplicates_by_organization.entry(organization).or_default() += duplicates;
        }
    }
}
