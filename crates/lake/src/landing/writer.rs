//! How events land: one Parquet object a batch, acknowledged only behind the fence.
//!
//! Guarantee: when [`LandingWriter::land`] answers, the rows are in storage and every plan that is made for their periods from
//! now on holds the object. The writer has seen, *after* its PUT, that the smallest seal time in its object is not closed; a plan
//! lists landing only after its period, and every earlier one, was closed. Whatever clocks and slow disks do, the PUT therefore
//! came before the list. The object is named after its SHA-256, and the seal checks that the name fits.

use std::sync::Arc;

use auditlake_event::Event;
use auditlake_store::{Put, SharedStore, StoreError};

use super::file::{EncodeError, encode_named};
use crate::clock::{Clock, Entropy};
use crate::lake_file::Lake;
use crate::layout::{self, LandingKey};
use crate::period::{Arrival, SealTime};
use crate::status;

/// A batch that landed and was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The landing object that counts.
    pub key: LandingKey,
    /// How many rows it holds.
    pub rows: usize,
    /// Its size in bytes.
    pub bytes: usize,
    /// How often the rows had to land again because their period was closed meanwhile.
    pub landed_again: u32,
}

/// Why a batch did not land. Nothing is acknowledged; the same batch may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// A batch without events.
    #[error("there is nothing to land")]
    Empty,
    /// The rows could not be written as Parquet.
    #[error("landing object cannot be made: {0}")]
    Encode(#[from] EncodeError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Periods were closed faster than the rows could land.
    #[error("the period was closed {0} times while the rows were landing; try again")]
    Overtaken(u32),
}

/// How often a batch lands again before the writer gives up and lets the client retry.
const MAX_LANDED_AGAIN: u32 = 16;

/// Writes landing objects.
#[derive(Clone)]
pub struct LandingWriter {
    store: SharedStore,
    lake: Lake,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    fenced: bool,
}

impl LandingWriter {
    /// A writer for `lake`.
    pub fn new(store: SharedStore, lake: Lake, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, lake, clock, entropy, fenced: true }
    }

    /// The same writer without the fence: it acknowledges straight after its PUT and loses events. Only there to show that it does.
    #[cfg(feature = "testing")]
    pub fn without_fence(mut self) -> Self {
        self.fenced = false;
        self
    }

    /// The lake it writes to.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Lands a batch: answers only when it is durable and will be in the plan of its periods.
    pub async fn land(&self, events: &[Event<'_>]) -> Result<Landed, LandError> {
        let Some(newest) = events.iter().map(|event| event.event_time).max() else {
            return Err(LandError::Empty);
        };
        let oldest = events.iter().map(|event| event.event_time).min().unwrap_or(newest);
        let rule = self.lake.rule();
        // The door's clock let these events in; with a slower clock here the arrival would lie outside their window.
        let earliest = self.lake.created.max(newest.plus_millis(-rule.lead_ms));
        let mut arrival = Arrival(self.clock.now().max(earliest));
        let mut landed_again = 0;
        loop {
            let (key, encoded) = encode_named(events, arrival, &rule, self.entropy.bytes())?;
            let size = encoded.bytes.len();
            if !self.put(key, encoded.bytes).await? {
                continue;
            }
            let smallest = rule.seal_time(oldest, arrival);
            if !self.fenced || self.is_open(smallest).await? {
                return Ok(Landed { key, rows: events.len(), bytes: size, landed_again });
            }
            if landed_again == MAX_LANDED_AGAIN {
                return Err(LandError::Overtaken(landed_again));
            }
            landed_again += 1;
            let unclosed = status::first_unclosed(self.store.as_ref(), &self.lake, rule.period.next(smallest)).await?;
            let after_closed = rule.first_arrival_after(rule.period.previous(unclosed));
            arrival = after_closed.max(Arrival(self.clock.now().max(earliest)));
            tracing::info!(closed = %smallest, arrival = %arrival.0, rows = events.len(), "period closed while landing, landing again");
        }
    }

    async fn is_open(&self, seal_time: SealTime) -> Result<bool, StoreError> {
        Ok(self.store.head(&layout::close_key(seal_time)).await?.is_none())
    }

    /// Puts an object; whether it is there now. `Exists` can only be our own put whose answer was lost, or a collision.
    async fn put(&self, key: LandingKey, bytes: bytes::Bytes) -> Result<bool, StoreError> {
        match self.store.put_if_absent(&key.to_string(), bytes.clone()).await? {
            Put::Created { .. } => Ok(true),
            Put::Exists => Ok(self.store.get(&key.to_string()).await?.bytes == bytes),
        }
    }
}
