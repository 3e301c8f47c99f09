//! One attempt at one query.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use auditlake_lake::SealTime;
use auditlake_lake::archive::StoredObjectError;
use auditlake_store::{ErrorKind, Store, StoreError};

use super::error::{Damaged, ScanError, query_error};
use super::handle::Handle;
use super::landed::Landed;
use super::meter::{Meter, MeteredRanges};
use super::state::{EngineState, NAME};
use crate::answer::{Cost, Facts};

/// One attempt at one query.
pub struct Context<'a> {
    /// What is known of the lake, and remembered between queries.
    pub engine: &'a EngineState,
    /// When the first attempt began.
    pub began: Instant,
    /// Counts what it fetches.
    pub meter: Arc<Meter>,
    /// The landing objects that may hold rows of the query.
    pub landed: Vec<Landed>,
    /// Read after landing was listed.
    pub sealed_until: SealTime,
    /// Landing objects known to be unreadable: left out.
    pub unreadable: BTreeSet<String>,
    /// Whether landing objects are read in the order in which they arrived, which makes conflicting copies harmless, instead of
    /// newest first, which reads less.
    pub in_arrival_order: bool,
}

impl Context<'_> {
    /// Where the objects are.
    pub fn store(&self) -> &dyn Store {
        self.engine.store.as_ref()
    }

    /// The facts of an answer that is finished now and lacks some landing objects.
    pub fn facts(&self, unreadable_objects: usize) -> Facts {
        let engine_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Facts {
            sealed_until: self.sealed_until,
            scanned_bytes: self.meter.bytes(),
            cost: Cost { engine_ms, ..Cost::default() },
            unreadable_objects,
            engine: NAME,
        }
    }

    /// Objects that are read at the same time.
    pub fn concurrency(&self) -> usize {
        self.engine.settings.concurrency.max(1)
    }

    /// What an error of the store about an object means for the query.
    pub fn store_error(&self, handle: &Handle, error: StoreError) -> ScanError {
        if error.kind == ErrorKind::NotFound {
            return ScanError::Vanished(handle.key.clone());
        }
        ScanError::Query(query_error(&error))
    }

    /// The ranges of an object, counted.
    pub fn ranges<'h>(&'h self, handle: &'h Handle) -> MeteredRanges<'h> {
        MeteredRanges { store: self.store(), meter: &self.meter, key: &handle.key }
    }

    /// What it means for the query that an object cannot be read.
    pub fn read_error(&self, handle: &Handle, error: StoredObjectError) -> ScanError {
        match error {
            StoredObjectError::Store(error) => self.store_error(handle, error),
            StoredObjectError::Foreign(reason) | StoredObjectError::Unreadable(reason) => {
                ScanError::damaged(handle, Damaged(reason))
            }
            StoredObjectError::Temporary(error) => ScanError::damaged(handle, Damaged(error.to_string())),
        }
    }
}
