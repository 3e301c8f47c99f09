//! The scan engine: answers a typed query by reading the lake's Parquet objects.
//!
//! An answer is the two-sided exact read: landing is listed, then S = sealed until is read; archive objects of seals before S and
//! listed landing rows with seal time S or later are each event once. Guarantees:
//!
//! - every event that was acknowledged before the call and matches is in the answer once, whatever seals run meanwhile;
//! - copies that are not sealed yet collapse as the seal will collapse them: an archived copy wins, else the first arrived; this
//!   happens before the conditions are evaluated, so a later copy never shows what the first one does not hold;
//! - an archive object that a digest of the range names and that is gone fails the query ([`ArchiveExpiry`] apart), and is named;
//! - memory is bounded by the page asked for, the largest hour and the settings, not by how many objects there are.
//!
//! Reading order: newest hour first, and no further than the page needs; in an object the footer (or the whole object, if it is
//! small), then bloom filters, then the columns of conditions, then names and times of matching rows, and at the end the
//! columns of the rows given out.

mod blob;
mod cache;
mod contains;
mod count;
mod estimate;
mod filter;
mod json_member;
mod landing;
mod listing;
mod merged;
mod meter;
mod named;
mod object;
mod output;
mod predicate;
mod presence;
mod prune;
mod rows;
mod search;
mod tally;
mod top;
mod unsealed;
mod window;

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use auditlake_lake::damage::GAVE_UP;
use auditlake_lake::status::sealed_until;
use auditlake_lake::{Lake, SealTime};
use auditlake_store::{ErrorKind, SharedStore, Store, StoreError};
use bytes::Bytes;
use futures::FutureExt;

use crate::engine::{Answer, Cost, CountRequest, Counts, Engine, Order, SearchRequest};
use crate::error::{QueryError, QueryErrorKind};
use cache::ByteLru;
pub use cache::CacheUse;
pub use estimate::Estimate;
use landing::{Landed, ObjectGroups};
use listing::Listed;
use merged::Merged;
use meter::Meter;
use named::KnownNames;
use object::{Damaged, Footer, Handle};
pub use presence::ArchiveExpiry;
use window::Window;

/// The engine's name in answers.
const NAME: &str = "scan";
/// How often a query starts again because something changed under it.
const MAX_ATTEMPTS: usize = 5;

/// What a scan may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Objects up to this size are fetched whole, in one request.
    pub whole_object_bytes: u64,
    /// Of larger ones, this much of the end at first: footer, page index and bloom filters.
    pub tail_bytes: u64,
    /// Parts of an object closer than this are fetched together.
    pub gap_bytes: u64,
    /// Row groups of fewer rows are read without their page index: their columns are a page or two.
    pub page_index_rows: usize,
    /// Objects that are read at the same time.
    pub concurrency: usize,
    /// Rows of landing whose names are held at once to find copies.
    pub unsealed_rows: usize,
    /// Landing objects up to this size are read together with their neighbours.
    pub merge_object_bytes: u64,
    /// About how many of them are read as one: of older ones many, of the newest fewer.
    pub merge_lengths: Vec<u64>,
    /// Memory for footers.
    pub footer_cache_bytes: usize,
    /// Memory for small objects.
    pub object_cache_bytes: usize,
    /// Memory for landing objects that are read as one.
    pub merged_cache_bytes: usize,
    /// Memory for the indexes of landing objects.
    pub index_cache_bytes: usize,
    /// Memory for lists of folders and digests.
    pub list_cache_bytes: usize,
    /// Memory for what digests name.
    pub digest_cache_bytes: usize,
    /// Digests that follow the range of a query and are read for objects of late events that must be there.
    pub late_digests: usize,
    /// The lifecycle rule that removes archive objects, if there is one: what it may have removed is not missed.
    pub archive_expiry: Option<ArchiveExpiry>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            whole_object_bytes: 128 * 1024,
            tail_bytes: 32 * 1024,
            gap_bytes: 16 * 1024,
            page_index_rows: 16_384,
            concurrency: 16,
            unsealed_rows: 500_000,
            merge_object_bytes: 16 * 1024,
            merge_lengths: vec![1_024, 32],
            footer_cache_bytes: 16 * 1024 * 1024,
            object_cache_bytes: 12 * 1024 * 1024,
            // Some hundred thousand events that arrived one by one.
            merged_cache_bytes: 24 * 1024 * 1024,
            index_cache_bytes: 8 * 1024 * 1024,
            list_cache_bytes: 2 * 1024 * 1024,
            digest_cache_bytes: 4 * 1024 * 1024,
            late_digests: 48,
            archive_expiry: None,
        }
    }
}

/// Answers queries from the objects of a lake.
pub struct ScanEngine {
    store: SharedStore,
    lake: Lake,
    settings: Settings,
    footers: ByteLru<Arc<Footer>>,
    objects: ByteLru<Bytes>,
    indexes: ByteLru<Arc<ObjectGroups>>,
    merged: ByteLru<Arc<Merged>>,
    /// Held while landing objects are merged: that takes memory, so one question at a time does it.
    merging: futures::lock::Mutex<()>,
    lists: ByteLru<Arc<Listed>>,
    named: KnownNames,
    /// The newest `sealed until` seen: where to look for a newer one.
    last_sealed_until: Mutex<Option<SealTime>>,
    /// Keys of the hashes that stand for events when copies are looked for: unknown to whoever posts events.
    hash_keys: [RandomState; 2],
}

impl ScanEngine {
    /// An engine over the lake in `store`.
    pub fn new(store: SharedStore, lake: Lake, settings: Settings) -> Self {
        Self {
            store,
            lake,
            footers: ByteLru::new(settings.footer_cache_bytes),
            objects: ByteLru::new(settings.object_cache_bytes),
            indexes: ByteLru::new(settings.index_cache_bytes),
            merged: ByteLru::new(settings.merged_cache_bytes),
            merging: futures::lock::Mutex::new(()),
            lists: ByteLru::new(settings.list_cache_bytes),
            named: KnownNames::new(settings.digest_cache_bytes),
            settings,
            last_sealed_until: Mutex::new(None),
            hash_keys: [RandomState::new(), RandomState::new()],
        }
    }

    /// How full its caches are.
    pub fn caches(&self) -> [CacheUse; 7] {
        let [digests, late_objects] = self.named.usage();
        [
            self.footers.usage("footers"),
            self.objects.usage("objects"),
            self.indexes.usage("landing_indexes"),
            self.merged.usage("merged_landing"),
            self.lists.usage("lists"),
            digests,
            late_objects,
        ]
    }

    /// The newest `sealed until` seen so far, which may be old but is never too new.
    fn last_sealed_until(&self) -> Option<SealTime> {
        *self.last_sealed_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        let found = sealed_until(self.store.as_ref(), &self.lake, self.last_sealed_until()).await;
        let found = found.map_err(|error| match error.kind {
            // A seal record contradicts its seal: the message names it.
            ErrorKind::Invalid => QueryError::new(QueryErrorKind::Damaged, error.to_string()),
            _ => query_error(&error),
        })?;
        let mut last = self.last_sealed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(found));
        Ok(found)
    }
}

/// Attempts at one query, until nothing changes under one.
struct Attempts<'a> {
    engine: &'a ScanEngine,
    began: Instant,
    meter: Arc<Meter>,
    unreadable: BTreeSet<String>,
    in_arrival_order: bool,
    made: usize,
}

impl<'a> Attempts<'a> {
    fn new(engine: &'a ScanEngine) -> Self {
        let meter = Arc::new(Meter::default());
        Self { engine, began: Instant::now(), meter, unreadable: BTreeSet::new(), in_arrival_order: false, made: 0 }
    }

    /// The next attempt: what is in landing, then what is sealed by now.
    ///
    /// In this order nothing falls between the two: what expires before landing is listed was sealed before, so the archive of a
    /// `sealed until` that is read later has it. What expires after it was listed is noticed when it is read.
    async fn begin(&mut self, window: Window) -> Result<Context<'a>, QueryError> {
        self.made += 1;
        if self.made > MAX_ATTEMPTS {
            let message = "the lake changed several times while it was read: try again";
            return Err(QueryError::new(QueryErrorKind::Unavailable, message));
        }
        let engine = self.engine;
        let sealed_before = match engine.last_sealed_until() {
            Some(sealed_before) => sealed_before,
            None => engine.sealed_until().await?,
        };
        let landed = landing::list(engine, sealed_before, window).await.map_err(|error| query_error(&error))?;
        Ok(Context {
            engine,
            began: self.began,
            meter: Arc::clone(&self.meter),
            landed,
            sealed_until: engine.sealed_until().await?,
            unreadable: self.unreadable.clone(),
            in_arrival_order: self.in_arrival_order,
        })
    }

    /// Takes note of why an attempt ended; fails if another one is of no use.
    fn learn(&mut self, error: ScanError) -> Result<(), QueryError> {
        match error {
            ScanError::Vanished(key) => {
                tracing::info!(key, "an object vanished while it was read, starting again");
                self.engine.lists.clear();
            }
            ScanError::UnreadableLanding { key, reason } => {
                tracing::warn!(key, reason, "a landing object cannot be read, answering without it");
                self.unreadable.insert(key);
                // Leaving one out is progress: it does not count as an attempt.
                self.made -= 1;
            }
            ScanError::ConflictingCopies => self.in_arrival_order = true,
            ScanError::Query(error) => return Err(error),
        }
        Ok(())
    }
}

#[async_trait]
impl Engine for ScanEngine {
    async fn search(&self, request: &SearchRequest) -> Result<Answer, QueryError> {
        if request.limit == 0 {
            return Err(QueryError::new(QueryErrorKind::Invalid, "limit must be 1 at least"));
        }
        let mut attempts = Attempts::new(self);
        let window = Window::new(&request.query, request.order, request.after.as_ref());
        loop {
            let context = attempts.begin(window).await?;
            match guarded(search::search(&context, request)).await {
                Ok(answer) => {
                    let meter = &context.meter;
                    tracing::debug!(
                        bytes = meter.bytes(),
                        requests = meter.requests(),
                        rows = answer.events.len(),
                        "scanned"
                    );
                    return Ok(answer);
                }
                Err(error) => attempts.learn(error)?,
            }
        }
    }

    async fn count(&self, request: &CountRequest) -> Result<Counts, QueryError> {
        let mut attempts = Attempts::new(self);
        let window = Window::new(&request.query, Order::NewestFirst, None);
        loop {
            let context = attempts.begin(window).await?;
            match guarded(count::count(&context, request)).await {
                Ok(counts) => {
                    let meter = &context.meter;
                    tracing::debug!(
                        bytes = meter.bytes(),
                        requests = meter.requests(),
                        groups = counts.counts.len(),
                        "counted"
                    );
                    return Ok(counts);
                }
                Err(error) => attempts.learn(error)?,
            }
        }
    }
}

/// Makes an attempt over bytes that anybody may have damaged: a decoder that panics ends the attempt, not the task.
async fn guarded<T>(attempt: impl Future<Output = Result<T, ScanError>>) -> Result<T, ScanError> {
    let gave_up = || ScanError::Query(QueryError::new(QueryErrorKind::Damaged, GAVE_UP));
    AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or_else(|_| Err(gave_up()))
}

/// One attempt at one query.
struct Context<'a> {
    engine: &'a ScanEngine,
    /// When the first attempt began.
    began: Instant,
    meter: Arc<Meter>,
    /// The landing objects that may hold rows of the query.
    landed: Vec<Landed>,
    /// Read after landing was listed.
    sealed_until: SealTime,
    /// Landing objects known to be unreadable: left out.
    unreadable: BTreeSet<String>,
    /// Whether landing objects are read in the order in which they arrived, which makes conflicting copies harmless, instead of
    /// newest first, which reads less.
    in_arrival_order: bool,
}

impl Context<'_> {
    fn store(&self) -> &dyn Store {
        self.engine.store.as_ref()
    }

    fn cost(&self) -> Cost {
        let engine_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Cost { engine_ms, ..Cost::default() }
    }

    fn concurrency(&self) -> usize {
        self.engine.settings.concurrency.max(1)
    }

    /// What an error of the store about an object means for the query.
    fn store_error(&self, handle: &Handle, error: StoreError) -> ScanError {
        if error.kind == ErrorKind::NotFound {
            return ScanError::Vanished(handle.key.clone());
        }
        ScanError::Query(query_error(&error))
    }
}

/// Why an attempt ended without an answer.
#[derive(Debug)]
enum ScanError {
    /// An object that was listed is gone: a newer `sealed until` makes it unnecessary.
    Vanished(String),
    /// A landing object is broken: it is left out, as the seal will leave it out.
    UnreadableLanding { key: String, reason: String },
    /// An earlier copy took a row away that had been counted among the newest.
    ConflictingCopies,
    /// The query fails.
    Query(QueryError),
}

impl From<QueryError> for ScanError {
    fn from(error: QueryError) -> Self {
        ScanError::Query(error)
    }
}

impl From<StoreError> for ScanError {
    fn from(error: StoreError) -> Self {
        ScanError::Query(query_error(&error))
    }
}

impl ScanError {
    /// An object's bytes make no sense.
    fn damaged(handle: &Handle, damaged: Damaged) -> Self {
        if handle.partition.is_none() {
            return ScanError::UnreadableLanding { key: handle.key.clone(), reason: damaged.0 };
        }
        let message = format!("the archive object {} cannot be read: {}", handle.key, damaged.0);
        ScanError::Query(QueryError::new(QueryErrorKind::Damaged, message))
    }
}

fn query_error(error: &StoreError) -> QueryError {
    let kind = match error.kind {
        ErrorKind::Denied => QueryErrorKind::Denied,
        ErrorKind::Invalid | ErrorKind::NotFound => QueryErrorKind::Internal,
        ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Timeout => QueryErrorKind::Unavailable,
    };
    QueryError::new(kind, error.to_string())
}
