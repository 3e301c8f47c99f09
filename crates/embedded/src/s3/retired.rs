//! Which landing objects the seal records retire: each of their rows stands in the inputs of a record.
//!
//! A tag says so too, but a tag is a note beside the object that others may have written. The records are what sealing itself goes by.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use auditlake_lake::SealTime;
use auditlake_lake::landing::file::read_index;
use auditlake_lake::layout::{self, LandingKey};
use auditlake_lake::seal::record::SealRecord;
use bytes::Bytes;

/// Records that are remembered at once.
const MOST_RECORDS: usize = 128;

/// The seal records of a directory, read when they are needed.
pub(super) struct Records<'d> {
    directory: &'d Path,
    /// The rows that each record read, by the key of the landing object.
    rows: BTreeMap<SealTime, HashMap<String, u64>>,
}

impl<'d> Records<'d> {
    pub(super) fn new(directory: &'d Path) -> Self {
        Self { directory, rows: BTreeMap::new() }
    }

    /// Whether every row of the landing object `key`, whose bytes these are, was read by a seal whose record exists.
    pub(super) fn retire(&mut self, key: &str, bytes: &Bytes) -> io::Result<bool> {
        let Some(landing_key) = LandingKey::parse(key) else { return Ok(false) };
        let Ok(index) = read_index(bytes, bytes.len() as u64, landing_key.arrival()) else { return Ok(false) };
        let mut rows: BTreeMap<SealTime, u64> = BTreeMap::new();
        for group in &index.groups {
            *rows.entry(group.seal_time).or_default() += group.rows as u64;
        }
        for (seal_time, rows) in &rows {
            if self.read_by(*seal_time)?.get(key) != Some(rows) {
                return Ok(false);
            }
        }
        Ok(!rows.is_empty())
    }

    fn read_by(&mut self, seal_time: SealTime) -> io::Result<&HashMap<String, u64>> {
        if self.rows.len() >= MOST_RECORDS && !self.rows.contains_key(&seal_time) {
            self.rows.clear();
        }
        if !self.rows.contains_key(&seal_time) {
            let rows = self.read(seal_time)?;
            self.rows.insert(seal_time, rows);
        }
        Ok(self.rows.entry(seal_time).or_default())
    }

    /// The inputs of a record; none if there is no record, or none that can be read.
    fn read(&self, seal_time: SealTime) -> io::Result<HashMap<String, u64>> {
        let path = self.directory.join(layout::record_key(seal_time));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<SealRecord>(&bytes) {
            Ok(record) if record.seal_time == seal_time => {
                Ok(record.inputs.into_iter().map(|input| (input.key, input.rows)).collect())
            }
            _ => {
                tracing::error!(alarm = true, path = %path.display(), "a seal record cannot be read, what it names stays");
                Ok(HashMap::new())
            }
        }
    }
}
