//! Digests: what one seal added to an organization's archive.
//!
//! A digest is single-line JSON whose bytes are a pure function of the plan and of the stored archive objects, so that a seal that
//! was interrupted and run again states the same. Each names the hash of its organization's previous digest.

use std::collections::BTreeMap;

use auditlake_event::Organization;
use auditlake_store::{ErrorKind, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::outcome::{ArchiveObject, Conflict};
use super::record::SealRecord;
use super::restamped::Restamped;
use crate::format::FORMAT_VERSION;
use crate::hash::{Hash, sha256_hex};
use crate::json_line::to_line;
use crate::layout;
use crate::period::SealTime;

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
