//! An operator's way round one object that keeps a seal from going on: it is copied to quarantine, and a write-once statement says
//! why it was taken out of the way. Nothing is deleted here.
//!
//! A landing object that is set aside is not read any more, as if it were damaged. An object under a key that a seal writes to
//! (an archive object, plan, digest or record of a period that is not sealed) must then be removed by an operator with the right to do so.

use std::collections::BTreeMap;

use auditlake_event::Timestamp;
use auditlake_store::{ErrorKind, Put, Store, StoreError, list_all};
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::record::SealRecord;
use crate::format::FORMAT_VERSION;
use crate::hash::sha256_hex;
use crate::json_line::to_line;
use crate::lake_file::Lake;
use crate::landing::file::decode_named;
use crate::layout::{self, ArchiveKey, LandingKey};
use crate::period::SealTime;
use crate::status;

/// Where statements lie.
pub const STATEMENTS: &str = "seals/set-aside/";

/// What an operator set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Version of this form.
    pub format_version: u32,
    /// The object.
    pub key: String,
    /// Its entity tag.
    pub etag: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Where its bytes are kept.
    pub copy: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// When.
    pub stated: Timestamp,
}

/// What has to be done after an object was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: seals leave it out.
    Nothing,
    /// The object must be removed from its key: a seal writes there.
    Remove,
}

/// Why an object is not set aside.
#[derive(Debug, thiserror::Error)]
pub enum SetAsideError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The statement cannot be written.
    #[error("the statement cannot be written: {0}")]
    Write(#[from] serde_json::Error),
    /// It is what it should be, or no seal needs it.
    #[error("{key} {reason}: nothing was done")]
    Refused {
        /// The object.
        key: String,
        /// Why.
        reason: String,
    },
}

/// The landing objects that operators set aside, with the reasons as a seal record gives them.
pub(super) async fn landing_objects(store: &dyn Store) -> Result<BTreeMap<String, String>, StoreError> {
    let mut found = BTreeMap::new();
    for object in list_all(store, STATEMENTS, None, None).await? {
        let bytes = store.get(&object.key).await?.bytes;
        match serde_json::from_slice::<Statement>(&bytes) {
            Ok(statement) if statement.key.starts_with(layout::LANDING) => {
                found.insert(statement.key, format!("set aside by an operator: {}", statement.reason));
            }
            Ok(_) => {}
            Err(error) => tracing::error!(key = object.key, %error, "a statement of what was set aside cannot be read"),
        }
    }
    Ok(found)
}

/// The period that an object of a seal belongs to, by its key.
pub(super) fn seal_time_of(key: &str) -> Option<SealTime> {
    if let Some(key) = ArchiveKey::parse(key) {
        return Some(key.seal_time);
    }
    let is_of_a_seal = key.starts_with(layout::SEALS) || key.starts_with(layout::DIGESTS);
    let (_, name) = key.rsplit_once('/').filter(|_| is_of_a_seal)?;
    SealTime::parse_key_name(name.trim_start_matches('_').split_once('.')?.0)
}

/// Whether the record of a seal says that it wrote an object.
async fn is_output(store: &dyn Store, key: &str, seal_time: SealTime) -> Result<bool, StoreError> {
    match store.get(&layout::record_key(seal_time)).await {
        Ok(record) => {
            Ok(SealRecord::parse(&record.bytes).map_or(true, |record| record.outputs.iter().any(|output| output.key == key)))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sets an object aside and says what is left to do. Refuses what is sound, and what no seal needs.
pub async fn set_aside(
    store: &dyn Store,
    lake: &Lake,
    key: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(Statement, Next), SetAsideError> {
    let refused = |reason: &str| SetAsideError::Refused { key: key.to_owned(), reason: reason.to_owned() };
    let object = match store.get(key).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Err(refused("is not there")),
        other => other?,
    };
    let next = if let Some(landing_key) = LandingKey::parse(key) {
        if decode_named(object.bytes.clone(), landing_key, &lake.rule()).is_ok() {
            return Err(refused("is a sound landing object"));
        }
        Next::Nothing
    } else {
        let seal_time = seal_time_of(key).ok_or_else(|| refused("is nothing that a seal reads or writes"))?;
        let is_later_sealed = store.head(&layout::record_key(lake.period().next(seal_time))).await?.is_some();
        let is_sealed = match status::is_sealed(store, lake, seal_time).await {
            // The record is what is in the way.
            Err(error) if error.kind == ErrorKind::Invalid => false,
            other => other?,
        };
        let is_stray = ArchiveKey::parse(key).is_some() && !is_output(store, key, seal_time).await?;
        if (is_sealed || is_later_sealed) && !is_stray {
            return Err(refused("belongs to a sealed period: restore it from a version or a backup instead"));
        }
        let is_closed = store.head(&layout::close_key(seal_time)).await?.is_some();
        let is_plan = key == layout::plan_key(seal_time)
            && Plan::parse(&object.bytes).and_then(|plan| plan.check(seal_time, &lake.rule())).is_ok();
        if is_closed && is_plan || key == layout::close_key(seal_time) {
            return Err(refused("is the step of a seal that is under way"));
        }
        Next::Remove
    };
    let sha256 = sha256_hex(&object.bytes);
    let copy = format!("{}set-aside/{}/{key}", layout::QUARANTINE, &sha256[..16]);
    let statement = Statement {
        format_version: FORMAT_VERSION,
        key: key.to_owned(),
        etag: object.etag,
        sha256: sha256.clone(),
        copy: copy.clone(),
        reason: reason.to_owned(),
        stated: now,
    };
    store.put_if_absent(&copy, object.bytes).await?;
    let name = format!("{STATEMENTS}{}-{}.json", SealTime::from_start(now).key_name(), &sha256[..16]);
    match store.put_if_absent(&name, to_line(&statement)?.into()).await? {
        Put::Created { .. } => Ok((statement, next)),
        Put::Exists => Err(refused("was set aside in this very second")),
    }
}
