//! Events that a seal should have read and did not: they are landed again.
//!
//! A writer acknowledges a batch only if it found the period open after its PUT, and a plan is made from a list after the close. So
//! an object that was in landing before its period was closed is named by the plan and the record of that period, or a seal did not
//! write them: it takes an empty plan and a record that agrees with it to make acknowledged events vanish from every answer. What such a
//! record omits is landed again and sealed with a later period, loudly; copies of events that were sealed collapse as others do.
//!
//! An object that came after the close is another matter: its writer saw the close and landed its rows again, or died before it
//! acknowledged them.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditlake_event::Event;
use auditlake_event::batch::EventRows;
use auditlake_store::{ErrorKind, ObjectMeta, Put, StoreError};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::listing::Listing;
use super::{SealError, Sealer};
use crate::clock::Entropy;
use crate::format::FORMAT_VERSION;
use crate::json_line::to_line;
use crate::landing::file::{LandingError, decode_named};
use crate::landing::{LandError, LandingWriter};
use crate::layout::{self, LandingKey};
use crate::period::SealTime;
use crate::status;

/// What says that rows of a landing object were landed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// Version of this form.
    pub format_version: u32,
    /// The landing object.
    pub key: String,
    /// The periods whose records should have named it.
    pub seal_times: Vec<SealTime>,
    /// Rows that were landed again.
    pub rows: u64,
    /// The landing object they are in now.
    pub landed_again: String,
}

/// Names the copy of an object's rows after the object, so that a copy made twice in one millisecond is one object.
struct SaltOf([u8; 10]);

impl SaltOf {
    fn key(key: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut salt = [0; 10];
        salt.copy_from_slice(&digest[..10]);
        Self(salt)
    }
}

impl Entropy for SaltOf {
    fn bytes(&self) -> [u8; 10] {
        self.0
    }
}

impl Sealer {
    /// Compares the records of sealed periods that this sealer did not write with what is in landing, and lands again what they omit.
    pub(super) async fn compare_with_landing(&mut self, sealed_until: SealTime) -> Result<(), SealError> {
        let period = self.lake.period();
        let first = self.lake.first_period;
        let newest =
            sealed_until.start().plus_millis(-period.millis().saturating_mul(i64::from(self.settings.compared_records)));
        let mut seal_time = self.compared_until.unwrap_or_else(|| SealTime::from_start(newest.max(first.start())));
        while seal_time < sealed_until {
            self.compare_record(seal_time).await?;
            seal_time = period.next(seal_time);
            self.compared_until = Some(seal_time);
        }
        self.compared_until = Some(seal_time);
        Ok(())
    }

    async fn compare_record(&mut self, seal_time: SealTime) -> Result<(), SealError> {
        let rule = self.lake.rule();
        let Some(closed_ms) = self.closed_ms(seal_time).await? else { return Ok(()) };
        let listing = Listing::of(self.store.as_ref(), &rule, &[seal_time]).await?;
        let inputs = self.read_by(seal_time).await?;
        let was_there = |meta: &ObjectMeta| meta.modified_ms.is_some_and(|modified| modified <= closed_ms);
        let candidates: Vec<LandingKey> = listing
            .in_window(&rule, seal_time)
            .filter(|(key, meta)| {
                was_there(meta)
                    && !inputs.contains_key(&meta.key)
                    && !self.waived.contains_key(&meta.key)
                    && !self.known.is_nothing_for(*key, seal_time, &rule)
            })
            .map(|(key, _)| *key)
            .collect();
        let store = Arc::clone(&self.store);
        let reads = candidates.into_iter().map(|key| {
            let store = Arc::clone(&store);
            async move { (key, store.get(&key.to_string()).await) }
        });
        let mut objects = futures::stream::iter(reads).buffered(self.settings.concurrency);
        while let Some((key, object)) = objects.next().await {
            let object = match object {
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                other => other?,
            };
            // One that cannot be read is set aside by the last period that it can belong to.
            let Ok(decoded) = decode_named(object.bytes, key, &rule) else { continue };
            self.known.learn_rows(key, &decoded.index);
            if decoded.index.groups_of(seal_time).next().is_some() {
                self.land_omitted(&key.to_string(), &BTreeSet::from([seal_time])).await?;
            }
        }
        Ok(())
    }

    /// When a period was closed, by the store's clock.
    async fn closed_ms(&self, seal_time: SealTime) -> Result<Option<i64>, StoreError> {
        Ok(self.store.head(&layout::close_key(seal_time)).await?.and_then(|meta| meta.modified_ms))
    }

    /// Lands the rows of an object again whose periods were sealed without them, if it was there before one of them was closed. Answers
    /// whether it was.
    pub(super) async fn land_omitted(&self, key: &str, seal_times: &BTreeSet<SealTime>) -> Result<bool, SealError> {
        let Some(modified) = self.store.head(key).await?.and_then(|meta| meta.modified_ms) else { return Ok(false) };
        let mut omitting = BTreeSet::new();
        for seal_time in seal_times {
            if self.closed_ms(*seal_time).await?.is_some_and(|closed| modified <= closed) {
                omitting.insert(*seal_time);
            }
        }
        if omitting.is_empty() {
            return Ok(false);
        }
        let statement = layout::omitted_key(key);
        if status::find(self.store.as_ref(), &statement).await?.is_some() {
            return Ok(true);
        }
        let again = |error: String| SealError::Omitted { key: key.to_owned(), error };
        let parsed = LandingKey::parse(key).ok_or_else(|| again("has a name that is not ours".to_owned()))?;
        let rule = self.lake.rule();
        let decoded = decode_named(self.store.get(key).await?.bytes, parsed, &rule);
        let decoded = decoded.map_err(|error: LandingError| again(error.to_string()))?;
        let mut events: Vec<Event<'_>> = Vec::new();
        for batch in &decoded.batches {
            let rows = EventRows::new(batch, None).map_err(|error| again(error.to_string()))?;
            for row in 0..rows.len() {
                let seal_time = rows.seal_time(row).map_err(|error| again(error.to_string()))?;
                if omitting.contains(&SealTime::from_start(seal_time)) {
                    events.push(rows.event(row).map_err(|error| again(error.to_string()))?);
                }
            }
        }
        let salt = Arc::new(SaltOf::key(key));
        let writer = LandingWriter::new(Arc::clone(&self.store), self.lake.clone(), Arc::clone(&self.clock), salt);
        let landed = match writer.land(&events).await {
            Ok(landed) => landed,
            Err(LandError::Empty) => return Ok(false),
            Err(LandError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(again(error.to_string())),
        };
        let records: Vec<String> = omitting.iter().map(|seal_time| layout::record_key(*seal_time)).collect();
        tracing::error!(
            alarm = true,
            key,
            ?records,
            rows = events.len(),
            landed_again = %landed.key,
            "this landing object was there before its period was closed, but the seal record does not name it: its events are landed again"
        );
        let omitted = Omitted {
            format_version: FORMAT_VERSION,
            key: key.to_owned(),
            seal_times: omitting.into_iter().collect(),
            rows: events.len() as u64,
            landed_again: landed.key.to_string(),
        };
        match self.store.put_if_absent(&statement, to_line(&omitted)?.into()).await? {
            Put::Created { .. } | Put::Exists => Ok(true),
        }
    }
}
