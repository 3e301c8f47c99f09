//! What proves a seal: the digest of each organization it touched, and the seal record.
//!
//! Both are single-line JSON whose bytes are a pure function of the plan and of the stored archive objects, so that a seal that
//! was interrupted and run again states the same. Each names the hash of its predecessor: a digest its organization's previous
//! digest, a record the record of the period before.

use std::collections::BTreeMap;

use auditlake_event::Organization;
use auditlake_store::{ErrorKind, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::archive::Unread;
use crate::format::FORMAT_VERSION;
use crate::hash::Hash;
use crate::hash::sha256_hex;
use crate::json_line::to_line;
use crate::layout;
use crate::period::SealTime;
use crate::restamped::Restamped;
use crate::shard::{ArchiveObject, Conflict};

/// Names a digest and fixes its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestReference {
    /// The seal it belongs to.
    pub seal_time: SealTime,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// A copy that differs from the one that was kept, as the digest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedConflict {
    /// Region of both copies.
    pub region: String,
    /// The door both came through.
    pub source: String,
    /// When it happened.
    pub event_time: auditlake_event::Timestamp,
    /// The id both claim.
    pub event_id: String,
    /// Event hash of the copy that is in the archive, hexadecimal.
    pub kept_hash: Hash,
    /// Event hash of the copy that went to quarantine, hexadecimal.
    pub other_hash: Hash,
}

/// What one seal added to an organization's archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Version of this form.
    pub format_version: u32,
    /// The organization.
    pub organization: Organization,
    /// The seal.
    pub seal_time: SealTime,
    /// The objects it added, in key order.
    pub objects: Vec<ArchiveObject>,
    /// Rows in these objects.
    pub rows: u64,
    /// Copies of an event that were equal to the kept one and left out.
    pub duplicates: u64,
    /// Copies that differ from the kept one, each in quarantine.
    pub conflicts: Vec<ListedConflict>,
    /// Posted events of these objects with one id and different times: most likely one event, stamped anew when it was sent again.
    /// All are kept; who posts is to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restamped: Vec<Restamped>,
    /// The organization's digest before this one; `None` for its first.
    pub previous: Option<DigestReference>,
}

impl Digest {
    /// The bytes as they are stored: one line.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        to_line(self)
    }
}

/// One landing object that a seal read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The key.
    pub key: String,
    /// The entity tag.
    pub etag: String,
    /// Its rows with this seal time.
    pub rows: u64,
}

/// One landing object that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The key.
    pub key: String,
    /// The entity tag.
    pub etag: String,
    /// Why.
    pub reason: String,
}

/// One digest a seal wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenDigest {
    /// The organization.
    pub organization: Organization,
    /// The digest's key.
    pub key: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// What one seal did. Its existence means: this period is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealRecord {
    /// Version of this form.
    pub format_version: u32,
    /// The period.
    pub seal_time: SealTime,
    /// SHA-256 of the plan that was followed, hexadecimal.
    pub plan_sha256: String,
    /// The landing objects that were read.
    pub inputs: Vec<Input>,
    /// The landing objects that could not be used.
    pub set_aside: Vec<SetAside>,
    /// The archive objects that were written, in key order.
    pub outputs: Vec<ArchiveObject>,
    /// The digests that were written, by organization.
    pub digests: Vec<WrittenDigest>,
    /// Rows read: `rows_out + duplicates + conflicts`.
    pub rows_in: u64,
    /// Rows in the archive objects.
    pub rows_out: u64,
    /// Rows that were equal copies of a kept one.
    pub duplicates: u64,
    /// Rows that went to quarantine because they contradict a kept one.
    pub conflicts: u64,
    /// Rows sealed with a later period than their own.
    pub late_rows: u64,
    /// Damaged objects of earlier seals in which late rows were not looked for: a copy of one of them may be in both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsearched: Vec<Unread>,
    /// Objects that stood where this seal writes, could not be read, and were written beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub displaced: Vec<Unread>,
    /// SHA-256 of the record of the period before, hexadecimal; `None` for the lake's first period.
    pub previous_sha256: Option<String>,
}

/// Why bytes are no seal record that this version can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Not the JSON we know.
    #[error("seal record cannot be read: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error("the seal record has format {0}, this version of auditlake knows {FORMAT_VERSION}: upgrade first")]
    UnknownVersion(u32),
}

impl SealRecord {
    /// Reads a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let malformed = |error: serde_json::Error| InvalidRecord::Malformed(error.to_string());
        let version: Version = serde_json::from_slice(bytes).map_err(malformed)?;
        if version.format_version > FORMAT_VERSION {
            return Err(InvalidRecord::UnknownVersion(version.format_version));
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// The record of a period without rows.
    pub fn of_nothing(seal_time: SealTime, plan_sha256: String, previous_sha256: Option<String>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            seal_time,
            plan_sha256,
            inputs: Vec::new(),
            set_aside: Vec::new(),
            outputs: Vec::new(),
            digests: Vec::new(),
            rows_in: 0,
            rows_out: 0,
            duplicates: 0,
            conflicts: 0,
            late_rows: 0,
            unsearched: Vec::new(),
            displaced: Vec::new(),
            previous_sha256,
        }
    }

    /// The bytes as they are stored: one line.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        to_line(self)
    }
}

/// The digests of one seal, from what its shards wrote.
pub fn digests(
    seal_time: SealTime,
    objects: &[ArchiveObject],
    duplicates: &BTreeMap<Organization, u64>,
    conflicts: &[Conflict],
    restamped: &[Restamped],
    previous: &BTreeMap<Organization, DigestReference>,
) -> Vec<Digest> {
    let mut by_organization: BTreeMap<&Organization, Vec<ArchiveObject>> = BTreeMap::new();
    for object in objects {
        by_organization.entry(&object.partition.organization).or_default().push(object.clone());
    }
    for conflict in conflicts {
        by_organization.entry(&conflict.partition.organization).or_default();
    }
    let mut digests = Vec::with_capacity(by_organization.len());
    for (organization, mut objects) in by_organization {
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        let own_conflicts = conflicts.iter().filter(|conflict| conflict.partition.organization == *organization);
        let own_restamped = restamped.iter().filter(|restamped| restamped.partition.organization == *organization);
        digests.push(Digest {
            format_version: FORMAT_VERSION,
            organization: organization.clone(),
            seal_time,
            rows: objects.iter().map(|object| object.rows).sum(),
            objects,
            duplicates: duplicates.get(organization).copied().unwrap_or(0),
            conflicts: own_conflicts.map(listed).collect(),
            restamped: own_restamped.cloned().collect(),
            previous: previous.get(organization).cloned(),
        });
    }
    digests
}

fn listed(conflict: &Conflict) -> ListedConflict {
    ListedConflict {
        region: conflict.partition.region.to_string(),
        source: conflict.source.clone(),
        event_time: conflict.event_time,
        event_id: conflict.event_id.clone(),
        kept_hash: conflict.kept_hash,
        other_hash: conflict.other_hash,
    }
}

/// The newest digest of an organization with a seal time before `before`. Walks year, month and day from the newest
/// downwards, so that a few lists find it however long ago it was written.
pub async fn latest_digest(
    store: &dyn Store,
    organization: &Organization,
    before: SealTime,
) -> Result<Option<DigestReference>, StoreError> {
    let prefix = layout::digests_prefix(organization);
    for year in store.list_prefixes(&prefix).await?.into_iter().rev() {
        for month in store.list_prefixes(&year).await?.into_iter().rev() {
            for day in store.list_prefixes(&month).await?.into_iter().rev() {
                let objects = auditlake_store::list_all(store, &day, None, None).await?;
                for object in objects.into_iter().rev() {
                    let name = object.key[day.len()..].strip_suffix(".json");
                    let Some(seal_time) = name.and_then(SealTime::parse_key_name) else { continue };
                    if seal_time >= before {
                        continue;
                    }
                    if let Some(sha256) = recorded_digest(store, &object.key, seal_time).await? {
                        return Ok(Some(DigestReference { seal_time, sha256 }));
                    }
                    tracing::error!(key = object.key, "no seal record names this digest: it does not count");
                }
            }
        }
    }
    Ok(None)
}

/// The hash of a digest as the record of its seal states it, whatever became of its bytes since; `None` if that does not name it.
async fn recorded_digest(store: &dyn Store, key: &str, seal_time: SealTime) -> Result<Option<String>, StoreError> {
    let record = match store.get(&layout::record_key(seal_time)).await {
        Ok(object) => object.bytes,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match SealRecord::parse(&record) {
        Ok(record) => Ok(record.digests.into_iter().find(|digest| digest.key == key).map(|digest| digest.sha256)),
        // The digest itself is all that is left to go by.
        Err(_) => Ok(Some(sha256_hex(&store.get(key).await?.bytes))),
    }
}

/// The hash of a period's seal record; `None` if it has none.
pub async fn record_hash(store: &dyn Store, seal_time: SealTime) -> Result<Option<String>, StoreError> {
    match store.get(&layout::record_key(seal_time)).await {
        Ok(object) => Ok(Some(sha256_hex(&object.bytes))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
