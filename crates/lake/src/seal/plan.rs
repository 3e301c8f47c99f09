//! The plan of a seal: which landing objects are read, which rows go where, under which keys. A pure function of what was listed.

use std::collections::BTreeMap;

use auditlake_event::Organization;
use serde::{Deserialize, Serialize};

use super::digests::DigestReference;
use super::gather::PartitionSummary;
use super::record::{Input, SetAside};
use crate::format::{Codec, FORMAT_VERSION};
use crate::json_line::to_line;
use crate::layout::{ArchiveKey, LandingKey};
use crate::period::{SealRule, SealTime};
use crate::piece::Piece;

/// The version of the rules by which rows are ordered, judged as duplicates, written and listed; a change of any of them raises it.
/// Rules that are known still are followed to the end for a plan of theirs.
pub const RULES_VERSION: u32 = 2;
/// The first rules that list events with one id and different times.
const LISTS_RESTAMPED: u32 = 2;

/// What is written before anything is copied. The first plan of a period wins; every run follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the layout and of this form.
    pub format_version: u32,
    /// Version of the columns.
    pub schema_version: u32,
    /// Version of the rules.
    pub rules_version: u32,
    /// The period.
    pub seal_time: SealTime,
    /// Compression of the archive objects.
    pub codec: Codec,
    /// The landing objects that hold rows of this seal time, in key order: the order of arrival.
    pub inputs: Vec<Input>,
    /// The landing objects that cannot be used.
    pub set_aside: Vec<SetAside>,
    /// The work, split into shards that can be done side by side.
    pub shards: Vec<Vec<Piece>>,
    /// The digest before this seal of each organization in it that has one.
    pub previous_digests: BTreeMap<Organization, DigestReference>,
}

/// How a plan splits its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// An organization's hour is split by time above this many estimated archive bytes.
    pub max_object_bytes: u64,
    /// A shard is closed when its objects reach this many estimated archive bytes.
    pub max_shard_bytes: u64,
}

impl Default for PlanSettings {
    /// Objects of up to 256 MiB, shards of up to 1 GiB.
    fn default() -> Self {
        Self { max_object_bytes: 256 << 20, max_shard_bytes: 1 << 30 }
    }
}

/// Why a plan cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// Not the JSON we know.
    #[error("plan cannot be read: {0}")]
    Malformed(String),
    /// Written by another version whose rules we do not know.
    #[error(
        "the plan has format {format}, schema {schema}, rules {rules}, which this version of auditlake does not know: upgrade first"
    )]
    UnknownVersion {
        /// Format version of the plan.
        format: u32,
        /// Schema version of the plan.
        schema: u32,
        /// Rules version of the plan.
        rules: u32,
    },
}

impl Plan {
    /// Reads a plan that this version can follow.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidPlan> {
        #[derive(Deserialize)]
        struct Versions {
            format_version: u32,
            schema_version: u32,
            rules_version: u32,
        }
        let malformed = |error: serde_json::Error| InvalidPlan::Malformed(error.to_string());
        let versions: Versions = serde_json::from_slice(bytes).map_err(malformed)?;
        let is_known = versions.format_version == FORMAT_VERSION
            && versions.schema_version == auditlake_event::columns::SCHEMA_VERSION
            && (1..=RULES_VERSION).contains(&versions.rules_version);
        if !is_known {
            return Err(InvalidPlan::UnknownVersion {
                format: versions.format_version,
                schema: versions.schema_version,
                rules: versions.rules_version,
            });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// Checks that a plan found under the key of `seal_time` can be the one of that period.
    pub fn check(&self, seal_time: SealTime, rule: &SealRule) -> Result<(), InvalidPlan> {
        let (from, until) = rule.window(seal_time);
        let is_in_window = |input: &Input| {
            let arrival = LandingKey::parse(&input.key).map(|key| key.arrival());
            input.rows > 0 && arrival.is_some_and(|arrival| from <= arrival && arrival < until)
        };
        let problem = if self.seal_time != seal_time {
            "it is of another period"
        } else if !self.inputs.iter().all(is_in_window) {
            "it reads objects that cannot hold rows of the period"
        } else if !self.inputs.is_sorted_by(|left, right| left.key < right.key) {
            "its objects are out of order"
        } else if self.inputs.is_empty() != self.shards.is_empty() {
            "it has rows and writes none, or the other way round"
        } else {
            return Ok(());
        };
        Err(InvalidPlan::Malformed(problem.to_owned()))
    }

    /// Moves the inputs that an operator set aside from what is read to what is set aside, with the reasons for the record.
    pub fn waive(&mut self, waived: &BTreeMap<String, String>) {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in std::mem::take(&mut self.inputs) {
            match waived.get(&input.key) {
                Some(reason) => self.set_aside.push(SetAside { key: input.key, etag: input.etag, reason: reason.clone() }),
                None => inputs.push(input),
            }
        }
        self.inputs = inputs;
    }

    /// The bytes as they are stored: one line.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        to_line(self)
    }

    /// Whether the rules of the plan list events with one id and different times.
    pub const fn lists_restamped(&self) -> bool {
        self.rules_version >= LISTS_RESTAMPED
    }

    /// The key of the object that a piece is written to.
    pub fn archive_key(&self, piece: &Piece) -> ArchiveKey {
        ArchiveKey { partition: piece.partition.clone(), seal_time: self.seal_time, part: piece.part, codec: self.codec }
    }

    /// Rows the plan's inputs hold.
    pub fn rows(&self) -> u64 {
        self.inputs.iter().map(|input| input.rows).sum()
    }

    /// The organizations in the plan, in order.
    pub fn organizations(&self) -> Vec<&Organization> {
        let pieces = self.shards.iter().flatten();
        let mut organizations: Vec<&Organization> = pieces.map(|piece| &piece.partition.organization).collect();
        organizations.sort();
        organizations.dedup();
        organizations
    }
}

/// A plan without any row.
pub fn empty(seal_time: SealTime, codec: Codec) -> Plan {
    Plan {
        format_version: FORMAT_VERSION,
        schema_version: auditlake_event::columns::SCHEMA_VERSION,
        rules_version: RULES_VERSION,
        seal_time,
        codec,
        inputs: Vec::new(),
        set_aside: Vec::new(),
        shards: Vec::new(),
        previous_digests: BTreeMap::new(),
    }
}

/// Splits the rows of a seal into archive objects and these into shards.
///
/// `partitions` come in key order. Each becomes one object, or, above `max_object_bytes`, several of about equal size whose
/// borders lie between different event times. Shards are runs of objects in that order.
pub fn split(partitions: &[PartitionSummary], settings: &PlanSettings) -> Vec<Vec<Piece>> {
    let mut shards: Vec<Vec<Piece>> = Vec::new();
    let mut shard: Vec<Piece> = Vec::new();
    let mut shard_bytes: u64 = 0;
    for partition in partitions {
        let parts = partition.estimated_bytes.div_ceil(settings.max_object_bytes.max(1)).clamp(1, 10_000);
        let bounds = partition.split_bounds(usize::try_from(parts).unwrap_or(1));
        let piece_bytes = partition.estimated_bytes / (bounds.len() as u64 + 1);
        let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let ends = bounds.iter().copied().map(Some).chain(std::iter::once(None));
        for (number, (from, until)) in starts.zip(ends).enumerate() {
            if !shard.is_empty() && shard_bytes + piece_bytes > settings.max_shard_bytes {
                shards.push(std::mem::take(&mut shard));
                shard_bytes = 0;
            }
            let part = u16::try_from(number).unwrap_or(u16::MAX);
            shard.push(Piece { partition: partition.partition.clone(), part, from, until });
            shard_bytes += piece_bytes;
        }
    }
    if !shard.is_empty() {
        shards.push(shard);
    }
    shards
}
