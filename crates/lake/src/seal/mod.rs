//! The seal: one period at a time and in order, every step a write-once object.
//!
//! 1. **close** the period; 2. **plan** from what is listed after the close, the first plan wins; 3. **archive objects**;
//! 4. **digests**, then the **seal record**: its existence means that the period is sealed.
//!
//! Guarantees:
//! - no lock and no coordinator: a run that dies is run again, two at once meet on write-once objects and agree;
//! - nothing is deleted or rewritten; landing objects are tagged `sealed=true` once every row in them was read by a seal whose
//!   record exists and no later seal can want them;
//! - rows read = rows written + equal copies + contradicting copies, or the seal stops before its record.
//!
//! Periods that are due at once are closed together, and landing is listed only after all of them are closed. A writer that saw
//! the smallest period of its object open has therefore put the object before that list, whichever of the periods it is for.

mod context;
pub mod digests;
mod error;
mod follow;
pub mod gather;
mod held_up;
mod listing;
mod memory;
pub mod named;
pub mod omitted;
pub mod outcome;
pub mod plan;
mod planning;
pub mod record;
mod resolve;
pub mod restamped;
mod retire;
mod run;
pub mod set_aside;
mod settings;
mod shards;
mod strangers;
mod workers;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use auditlake_event::{Organization, Timestamp};
use auditlake_store::{Put, SharedStore};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use self::digests::DigestReference;
use self::gather::Gatherer;
use self::listing::Listing;
use self::memory::KnownObjects;
use self::outcome::Outcome;
use self::plan::Plan;
use self::record::SealRecord;
use crate::clock::Clock;
use crate::format::FORMAT_VERSION;
use crate::hash::sha256_hex;
use crate::lake_file::Lake;
use crate::period::SealTime;
use crate::{layout, status};

pub use context::ShardContext;
pub use error::{SealError, ShardError};
pub use held_up::HeldUp;
pub use run::{Preview, SealRun};
pub use settings::{RunLimits, SealSettings};
pub use workers::{ShardDone, ShardWorkers};
pub use write::write_pieces;

/// Seals periods. One value may seal for as long as it lives: it remembers what it has read.
pub struct Sealer {
    store: SharedStore,
    lake: Lake,
    clock: Arc<dyn Clock>,
    settings: SealSettings,
    sealed_until: Option<SealTime>,
    last_record: Option<(SealTime, String)>,
    latest_digests: BTreeMap<Organization, Option<DigestReference>>,
    known: KnownObjects,
    /// Landing objects that an operator set aside, with the reason.
    waived: BTreeMap<String, String>,
    /// The records of all periods before this one were written by this sealer or compared with landing.
    compared_until: Option<SealTime>,
}

/// How far a period came.
enum Progress {
    Sealed(Box<SealRecord>),
    /// Others still write so many of its shards.
    Waiting(usize),
}

/// The rows of a plan, read and ready to be written.
struct Gathered {
    plan: Plan,
    gatherer: Gatherer,
}

impl Sealer {
    /// A sealer of `lake`.
    pub fn new(store: SharedStore, lake: Lake, clock: Arc<dyn Clock>, settings: SealSettings) -> Self {
        Self {
            store,
            lake,
            clock,
            settings,
            sealed_until: None,
            last_record: None,
            latest_digests: BTreeMap::new(),
            known: KnownObjects::default(),
            waived: BTreeMap::new(),
            compared_until: None,
        }
    }

    /// The first period that is not sealed.
    pub async fn sealed_until(&mut self) -> Result<SealTime, SealError> {
        let sealed_until = status::sealed_until(self.store.as_ref(), &self.lake, self.sealed_until).await?;
        if self.sealed_until != Some(sealed_until) {
            // Somebody else sealed: what was remembered of the chains is out of date.
            self.last_record = None;
            self.latest_digests.clear();
            self.sealed_until = Some(sealed_until);
        }
        Ok(sealed_until)
    }

    /// When the period of `seal_time` may be closed.
    pub fn due_at(&self, seal_time: SealTime) -> Timestamp {
        let (_, window_end) = self.lake.rule().window(seal_time);
        window_end.0.plus_millis(self.settings.close_delay_ms)
    }

    /// Seals every period that is due, in order. `observer` hears of each.
    pub async fn run(
        &mut self,
        limits: RunLimits,
        observer: &mut (dyn FnMut(&SealRecord) + Send),
    ) -> Result<SealRun, SealError> {
        let sealed_until = self.sealed_until().await?;
        self.waived = set_aside::landing_objects(self.store.as_ref()).await?;
        self.compare_with_landing(sealed_until).await?;
        let mut run = SealRun {
            sealed_until,
            periods: 0,
            rows_in: 0,
            rows_out: 0,
            duplicates: 0,
            conflicts: 0,
            late_rows: 0,
            objects: 0,
            bytes: 0,
            set_aside: Vec::new(),
            more_due: false,
            waiting_shards: 0,
        };
        loop {
            let left = limits.max_periods.map_or(u64::MAX, |most| most.saturating_sub(run.periods));
            let mut batch = self.due(run.sealed_until, usize::try_from(left).unwrap_or(usize::MAX));
            batch.retain(|seal_time| limits.until.is_none_or(|until| seal_time.start() < until));
            if batch.is_empty() || self.is_over(&limits) {
                run.more_due = !self.due(run.sealed_until, 1).is_empty();
                return Ok(run);
            }
            self.check_unclosed(&batch).await?;
            self.close(&batch).await?;
            let listing = Listing::of(self.store.as_ref(), &self.lake.rule(), &batch).await?;
            let mut next = 0;
            while let Some(seal_time) = batch.get(next).copied() {
                if self.is_over(&limits) {
                    run.more_due = true;
                    return Ok(run);
                }
                let empty = self.leading_empty(&batch[next..], &listing);
                if empty > 0 {
                    let records = self.seal_empty(&batch[next..next + empty]).await?;
                    for record in &records {
                        run.add(record);
                        observer(record);
                    }
                    next += records.len();
                } else {
                    match self.seal_one(seal_time, &listing).await {
                        Ok(Progress::Sealed(record)) => {
                            run.add(&record);
                            observer(&record);
                            next += 1;
                        }
                        Ok(Progress::Waiting(shards)) => {
                            run.more_due = true;
                            run.waiting_shards = shards;
                            return Ok(run);
                        }
                        Err(error) if self.is_sealed(seal_time).await? => {
                            // Another run was faster, and what it retired may be gone already: go on where it stands.
                            tracing::debug!(%seal_time, %error, "sealed by another run meanwhile");
                            run.sealed_until = self.sealed_until().await?;
                            break;
                        }
                        Err(error) => return Err(error),
                    }
                }
                run.sealed_until = self.sealed_until.unwrap_or(run.sealed_until);
            }
        }
    }

    /// What the next due periods would read and write, without writing anything.
    pub async fn preview(&mut self, most: usize) -> Result<Vec<Preview>, SealError> {
        let sealed_until = self.sealed_until().await?;
        let batch = self.due(sealed_until, most);
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.waived = set_aside::landing_objects(self.store.as_ref()).await?;
        self.check_unclosed(&batch).await?;
        let unclosed = status::first_unclosed(self.store.as_ref(), &self.lake, sealed_until).await?;
        let listing = Listing::of(self.store.as_ref(), &self.lake.rule(), &batch).await?;
        let mut previews = Vec::with_capacity(batch.len());
        for seal_time in batch {
            let plan = match self.stored_plan(seal_time).await? {
                Some((plan, _)) => plan,
                None => self.make_plan(seal_time, &listing).await?.plan,
            };
            self.check_outputs(&plan).await?;
            previews.push(Preview { plan, closed: seal_time < unclosed });
        }
        Ok(previews)
    }

    fn is_over(&self, limits: &RunLimits) -> bool {
        limits.stop_at.is_some_and(|stop_at| self.clock.now() >= stop_at)
    }

    fn due(&self, from: SealTime, most: usize) -> Vec<SealTime> {
        let now = self.clock.now();
        let mut periods = Vec::new();
        let mut seal_time = from;
        while periods.len() < most.min(self.settings.batch) && self.due_at(seal_time) <= now {
            periods.push(seal_time);
            seal_time = self.lake.period().next(seal_time);
        }
        periods
    }

    /// Closes periods. When it returns, all of them, and with them all earlier ones, are closed.
    async fn close(&self, periods: &[SealTime]) -> Result<(), SealError> {
        let puts = periods.iter().map(|seal_time| async move {
            let marker = format!("{{\"format_version\":{FORMAT_VERSION},\"seal_time\":\"{seal_time}\"}}\n");
            self.store.put_if_absent(&layout::close_key(*seal_time), marker.into()).await
        });
        futures::stream::iter(puts).buffer_unordered(self.settings.concurrency).try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }

    /// How many of the first periods have nothing to read, as far as is known without reading.
    fn leading_empty(&self, periods: &[SealTime], listing: &Listing) -> usize {
        let rule = self.lake.rule();
        let is_empty = |seal_time: &&SealTime| {
            listing.foreign_of(rule.period, **seal_time).next().is_none()
                && listing.in_window(&rule, **seal_time).all(|(key, _)| self.known.is_nothing_for(*key, **seal_time, &rule))
        };
        periods.iter().take_while(is_empty).count()
    }

    /// Seals periods without rows: plans side by side, records in order.
    async fn seal_empty(&mut self, periods: &[SealTime]) -> Result<Vec<SealRecord>, SealError> {
        let store = &self.store;
        let codec = self.lake.codec;
        let puts = periods.iter().map(|seal_time| async move {
            let bytes = Bytes::from(plan::empty(*seal_time, codec).to_bytes()?);
            let key = layout::plan_key(*seal_time);
            let is_ours = match store.put_if_absent(&key, bytes.clone()).await? {
                Put::Created { .. } => true,
                Put::Exists => store.get(&key).await?.bytes == bytes,
            };
            Ok::<_, SealError>((*seal_time, bytes, is_ours))
        });
        let plans: Vec<_> = futures::stream::iter(puts).buffered(self.settings.concurrency).try_collect().await?;
        let mut records = Vec::with_capacity(plans.len());
        for (seal_time, bytes, is_ours) in plans {
            if !is_ours {
                // Another run planned this period and saw more, or is of another version: follow it.
                match self.follow_stored(seal_time).await? {
                    Progress::Sealed(record) => records.push(*record),
                    // The periods before it are sealed; this one is taken up again by the next run.
                    Progress::Waiting(_) => break,
                }
                continue;
            }
            let plan = plan::empty(seal_time, codec);
            let previous_sha256 = self.previous_record(seal_time).await?;
            let record = self.record(&plan, sha256_hex(&bytes), Outcome::default(), Vec::new(), previous_sha256)?;
            self.put_record(&record).await?;
            self.retire(seal_time).await?;
            records.push(record);
        }
        Ok(records)
    }

    async fn follow_stored(&mut self, seal_time: SealTime) -> Result<Progress, SealError> {
        let Some((plan, sha256)) = self.stored_plan(seal_time).await? else {
            return Err(SealError::Contradiction(layout::plan_key(seal_time)));
        };
        if let Some(workers) = self.workers_for(&plan) {
            return self.collect_shards(plan, sha256, workers.as_ref()).await;
        }
        let gathered = self.gather_planned(plan, None).await?;
        self.execute(gathered, sha256).await
    }

    async fn seal_one(&mut self, seal_time: SealTime, listing: &Listing) -> Result<Progress, SealError> {
        if self.stored_plan(seal_time).await?.is_some() {
            return self.follow_stored(seal_time).await;
        }
        let gathered = self.make_plan(seal_time, listing).await?;
        let bytes = Bytes::from(gathered.plan.to_bytes()?);
        let is_ours = match self.store.put_if_absent(&layout::plan_key(seal_time), bytes.clone()).await? {
            Put::Created { .. } => true,
            Put::Exists => self.store.get(&layout::plan_key(seal_time)).await?.bytes == bytes,
        };
        if is_ours && self.workers_for(&gathered.plan).is_none() {
            return self.execute(gathered, sha256_hex(&bytes)).await;
        }
        drop(gathered);
        self.follow_stored(seal_time).await
    }
}
