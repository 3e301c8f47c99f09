//! What digests name: the archive objects that an organization must have.
//!
//! A digest is write-once, so what it names stays true. One that is damaged or gone is replaced by the seal record of its period,
//! which lists the same objects; a digest that no record names was written by no seal and names nothing.

use auditlake_event::Organization;
use auditlake_store::{Store, StoreError};
use serde::Deserialize;

use super::digests::DigestReference;
use super::record::SealRecord;
use crate::layout::{self, ArchiveKey};
use crate::period::SealTime;
use crate::status::find;

/// What the digest of one seal of one organization names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The archive objects that the seal wrote, in key order.
    pub objects: Vec<ArchiveKey>,
    /// The seal of the organization's digest before this one; `None` for its first, or if it is not known.
    pub previous: Option<SealTime>,
}

/// Why it is not known what a digest names.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The digest is damaged or gone, and so is the seal record that could replace it.
    #[error("the digest {digest} {problem}, and the seal record {record} cannot be read either")]
    Lost {
        /// The digest's key.
        digest: String,
        /// What is wrong with it.
        problem: &'static str,
        /// The record's key.
        record: String,
    },
}

/// The members of a digest that say what must be there. Later versions may add others.
#[derive(Deserialize)]
struct Members {
    organization: Organization,
    seal_time: SealTime,
    objects: Vec<Object>,
    previous: Option<DigestReference>,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

/// What the digest of `seal_time`, which must be sealed, names. One GET; a second one if the digest is damaged or gone.
pub async fn named_by(store: &dyn Store, organization: &Organization, seal_time: SealTime) -> Result<Named, NamedError> {
    let digest = layout::digest_key(organization, seal_time);
    let problem = match find(store, &digest).await? {
        Some(bytes) => match read(&bytes, organization, seal_time) {
            Some(named) => return Ok(named),
            None => "cannot be read",
        },
        None => "is gone",
    };
    let record = layout::record_key(seal_time);
    let Some(recorded) = find(store, &record).await?.and_then(|bytes| SealRecord::parse(&bytes).ok()) else {
        return Err(NamedError::Lost { digest, problem, record });
    };
    if !recorded.digests.iter().any(|written| written.key == digest) {
        tracing::error!(alarm = true, key = digest, "no seal record names this digest: it does not count");
        return Ok(Named::default());
    }
    tracing::error!(alarm = true, key = digest, problem, record, "a digest is replaced by the record of its seal");
    let own = recorded.outputs.iter().filter(|output| output.partition.organization == *organization);
    Ok(Named { objects: own.filter_map(|output| ArchiveKey::parse(&output.key)).collect(), previous: None })
}

/// Whether the record of a seal says that it wrote an object. `None` if there is no record that can be read.
pub async fn is_recorded(store: &dyn Store, object: &ArchiveKey) -> Result<Option<bool>, StoreError> {
    let bytes = find(store, &layout::record_key(object.seal_time)).await?;
    let Some(record) = bytes.and_then(|bytes| SealRecord::parse(&bytes).ok()) else { return Ok(None) };
    let key = object.to_string();
    Ok(Some(record.outputs.iter().any(|output| output.key == key)))
}

/// `None` for what is not the digest of that seal.
fn read(bytes: &[u8], organization: &Organization, seal_time: SealTime) -> Option<Named> {
    let members: Members = serde_json::from_slice(bytes).ok()?;
    if members.organization != *organization || members.seal_time != seal_time {
        return None;
    }
    let own = |object: &Object| {
        let key = ArchiveKey::parse(&object.key)?;
        (key.partition.organization == *organization && key.seal_time == seal_time).then_some(key)
    };
    let objects = members.objects.iter().map(own).collect::<Option<Vec<_>>>()?;
    let previous = members.previous.map(|previous| previous.seal_time);
    // The chain goes back in time.
    previous.is_none_or(|previous| previous < seal_time).then_some(Named { objects, previous })
}
