//! How events land: one Parquet object a batch, acknowledged only behind the fence.
//!
//! Guarantee: when [`LandingWriter::land`] answers, the rows are in storage and every plan that is made for their periods from
//! now on holds the object. The writer has seen, *after* its PUT, that the smallest seal time in its object is not closed; a plan
//! lists landing only after its period, and every earlier one, was closed. Whatever clocks and slow disks do, the PUT therefore
//! came before the list. The object is named after its SHA-256, so what was acknowledged is known to whoever has the name: the seal
//! checks it.

use std::sync::Arc;

use auditlake_event::{Event, Timestamp};
use auditlake_store::{ErrorKind, Put, SharedStore, StoreError};

use crate::lake_file::{InvalidLake, Lake};
use crate::landing_file;
use crate::layout::{self, LandingKey};
use crate::period::{Arrival, SealTime};
use crate::status;

/// Tells the time. The core never asks the machine itself.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random bytes for the names of landing objects.
pub trait Entropy: Send + Sync {
    /// Ten bytes that nobody else gets.
    fn bytes(&self) -> [u8; 10];
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes(&self) -> [u8; 10] {
        // Of a version 4 UUID the bytes 0 to 5 and 9 to 15 are random throughout.
        let random = uuid::Uuid::new_v4();
        let mut bytes = [0; 10];
        bytes[..6].copy_from_slice(&random.as_bytes()[..6]);
        bytes[6..].copy_from_slice(&random.as_bytes()[9..13]);
        bytes
    }
}

/// Why a lake could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `lake.json` is there but cannot be used.
    #[error(transparent)]
    Invalid(#[from] InvalidLake),
    /// There are objects of a lake, but no `lake.json`: a new one would hide what is there.
    #[error(
        "lake.json is missing although there are objects of a lake here, such as {0}: restore lake.json, nothing was written"
    )]
    Missing(String),
    /// `lake.json` is not the one that the objects here were written by.
    #[error("lake.json is not the one of this lake: it says {stated}, but {found}; restore it, nothing was written")]
    Foreign {
        /// What `lake.json` says.
        stated: String,
        /// What contradicts it.
        found: String,
    },
}

/// Reads `lake.json`; `None` if there is no lake yet. Fails if there are objects of a lake without one, or of another lake.
pub async fn open(store: &dyn auditlake_store::Store) -> Result<Option<Lake>, OpenError> {
    if let Some(lake) = read(store).await? {
        check_first_period(store, &lake).await?;
        return Ok(Some(lake));
    }
    for prefix in [layout::SEALS, layout::ARCHIVE, layout::DIGESTS, layout::LANDING] {
        if let Some(object) = allowed(store.list_page(prefix, None, 1).await)?.into_iter().next() {
            // Another process may have created the lake and written to it meanwhile.
            return read(store).await?.map(Some).ok_or(OpenError::Missing(object.key));
        }
    }
    Ok(None)
}

/// What was listed. Not everybody who opens a lake may list all of it: who may not leaves the check to those who may.
fn allowed<T>(listed: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
    match listed {
        Err(error) if error.kind == ErrorKind::Denied => Ok(Vec::new()),
        other => other,
    }
}

async fn read(store: &dyn auditlake_store::Store) -> Result<Option<Lake>, OpenError> {
    match store.get(layout::LAKE_FILE).await {
        Ok(object) => Ok(Some(Lake::parse(&object.bytes)?)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Checks that the first seal record, if there is one, is that of the lake's first period: records are written in order from there.
/// Closes are not: periods that are due together are closed side by side, and a run may die between them.
async fn check_first_period(store: &dyn auditlake_store::Store, lake: &Lake) -> Result<(), OpenError> {
    let mut folder = layout::SEALS.to_owned();
    for part in ["year=", "month=", "day="] {
        let parts = allowed(store.list_prefixes(&folder).await)?;
        match parts.into_iter().find(|prefix| prefix[folder.len()..].starts_with(part)) {
            Some(next) => folder = next,
            None => return Ok(()),
        }
    }
    let objects = store.list_page(&folder, None, auditlake_store::PAGE).await?;
    let seal_time_of = |key: &str| SealTime::parse_key_name(key[folder.len()..].split_once('.')?.0);
    match objects.iter().filter_map(|object| seal_time_of(&object.key)).min() {
        Some(found) if found != lake.first_period => Err(OpenError::Foreign {
            stated: format!("that {} is the first period", lake.first_period),
            found: format!("the first seal is of {found}"),
        }),
        _ => Ok(()),
    }
}

/// Opens the lake, or creates it as `wanted` if there is none. Whoever is first decides: compare the answer with what was wanted.
pub async fn open_or_create(store: &dyn auditlake_store::Store, wanted: &Lake) -> Result<Lake, OpenError> {
    if let Some(lake) = open(store).await? {
        return Ok(lake);
    }
    let bytes = wanted.to_bytes().map_err(|error| InvalidLake::Malformed(error.to_string()))?;
    // What could not be opened again is not written either.
    Lake::parse(&bytes)?;
    match store.put_if_absent(layout::LAKE_FILE, bytes.into()).await? {
        Put::Created { .. } => Ok(wanted.clone()),
        Put::Exists => Ok(Lake::parse(&store.get(layout::LAKE_FILE).await?.bytes)?),
    }
}

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
    Encode(#[from] landing_file::EncodeError),
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
            let (key, encoded) = landing_file::encode_named(events, arrival, &rule, self.entropy.bytes())?;
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
