//! The seal record: what one seal did. Its existence means that the period is sealed.
//!
//! A record is single-line JSON whose bytes are a pure function of the plan and of the stored archive objects, so that a seal that
//! was interrupted and run again states the same. Each names the hash of the record of the period before.

use auditlake_event::Organization;
use auditlake_store::{ErrorKind, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::outcome::ArchiveObject;
use crate::archive::Unread;
use crate::format::FORMAT_VERSION;
use crate::hash::sha256_hex;
use crate::json_line::to_line;
use crate::layout;
use crate::period::SealTime;

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

/// The hash of a period's seal record; `None` if it has none.
pub async fn record_hash(store: &dyn Store, seal_time: SealTime) -> Result<Option<String>, StoreError> {
    match store.get(&layout::record_key(seal_time)).await {
        Ok(object) => Ok(Some(sha256_hex(&object.bytes))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
