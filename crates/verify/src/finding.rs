//! What a verification finds.

use serde::Serialize;

/// What is wrong, as a stable word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// `lake.json` is missing or is not one.
    LakeFileUnreadable,
    /// There is no record of a period although later ones are sealed.
    RecordMissing,
    /// A seal record cannot be read, or is not of the period of its key.
    RecordChanged,
    /// A record does not name the hash of the record before it.
    RecordChainBroken,
    /// The numbers of a record contradict each other or what it names.
    RecordCountsDiffer,
    /// The plan of a sealed period is missing or has another hash than its record states.
    PlanChanged,
    /// The close marker of a sealed period is missing.
    CloseMissing,
    /// A digest that a record or a later digest names is missing.
    DigestMissing,
    /// A digest has another hash than its record states, or cannot be read.
    DigestChanged,
    /// A digest does not name the organization's digest before it.
    DigestChainBroken,
    /// A digest that no record names.
    DigestUnlisted,
    /// A digest and its record name different objects.
    DigestDiffersFromRecord,
    /// An archive object that a record or digest names is missing.
    ObjectMissing,
    /// An archive object has other bytes than its digest states.
    ObjectChanged,
    /// An archive object has the bytes that its digest states, and they cannot be read.
    ObjectUnreadable,
    /// An object in the archive's folders that no record or digest names.
    ObjectUnlisted,
    /// Two records or digests name the same archive object.
    ObjectListedTwice,
    /// The rows of an archive object are not those its digest commits: the Merkle root over their hashes, their number or times differ.
    RowsDiffer,
    /// An archive object has rows of another hour, organization, region or seal than its key.
    RowsMisplaced,
    /// The rows of an archive object are not in the archive's order.
    RowsOutOfOrder,
    /// A record with the hash that the auditor kept is not in the chain.
    KnownRecordAbsent,
}

impl FindingKind {
    /// The word for programs, as in JSON.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The key of the object that it is about.
    pub key: String,
    /// What was expected and what was found.
    pub detail: String,
}
