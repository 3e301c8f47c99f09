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

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use auditlake_event::{Organization, Timestamp};
use auditlake_store::{ObjectMeta, Put, SharedStore, StoreError};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::gather::{GatherError, Gatherer};
use crate::integrity::{self, DigestReference, Input, SealRecord, SetAside, WrittenDigest, sha256_hex};
use crate::lake_file::{FORMAT_VERSION, Lake};
use crate::landing::Clock;
use crate::landing_file::{self, LandingError};
use crate::layout::{self, LandingKey, Partition};
use crate::period::{Arrival, SealTime};
use crate::plan::{self, InvalidPlan, Plan, PlanSettings};
use crate::shard::{self, ArchiveObject, Conflict, ShardContext, ShardError};
use crate::status;

mod known;
mod retire;
mod shards;

use known::KnownObjects;
pub use shards::{ShardDone, ShardWorkers};

/// How a sealer works. None of it changes what is sealed, only how objects are cut and how much is done at once.
#[derive(Clone)]
pub struct SealSettings {
    /// How objects and shards are cut.
    pub plan: PlanSettings,
    /// Bytes of decoded rows held in memory before they are spilled to disk.
    pub memory_budget: usize,
    /// Where spilled rows go; the system's temporary directory if `None`.
    pub spill_dir: Option<PathBuf>,
    /// How long after the end of its window a period is closed, in ms. More means fewer rows that must land again.
    pub close_delay_ms: i64,
    /// Storage requests under way at once.
    pub concurrency: usize,
    /// Most periods that are closed together while catching up.
    pub batch: usize,
    /// Who writes the shards of a plan that has several, side by side; the sealer itself, one after the other, if `None`.
    pub workers: Option<Arc<dyn ShardWorkers>>,
}

impl Default for SealSettings {
    fn default() -> Self {
        Self {
            plan: PlanSettings::default(),
            memory_budget: 256 << 20,
            spill_dir: None,
            close_delay_ms: 2_000,
            concurrency: 16,
            batch: 1_024,
            workers: None,
        }
    }
}

/// When a run stops by itself, the rest being left to the next one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// Most periods to seal.
    pub max_periods: Option<u64>,
    /// No period is begun at or after this moment.
    pub stop_at: Option<Timestamp>,
    /// Only periods that start before this time are sealed.
    pub until: Option<Timestamp>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRun {
    /// The first period not sealed after the run.
    pub sealed_until: SealTime,
    /// Periods sealed by this run.
    pub periods: u64,
    /// Landing rows read.
    pub rows_in: u64,
    /// Rows written to the archive.
    pub rows_out: u64,
    /// Equal copies left out.
    pub duplicates: u64,
    /// Contradicting copies quarantined.
    pub conflicts: u64,
    /// Rows sealed later than their own period.
    pub late_rows: u64,
    /// Archive objects written.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Landing objects that could not be used: each is an alarm.
    pub set_aside: Vec<SetAside>,
    /// Whether periods are due that a limit, or shards that others still write, left to the next run.
    pub more_due: bool,
    /// The shards of the next period that others still write.
    pub waiting_shards: usize,
}

impl SealRun {
    fn add(&mut self, record: &SealRecord) {
        self.periods += 1;
        self.rows_in += record.rows_in;
        self.rows_out += record.rows_out;
        self.duplicates += record.duplicates;
        self.conflicts += record.conflicts;
        self.late_rows += record.late_rows;
        self.objects += record.outputs.len() as u64;
        self.bytes += record.outputs.iter().map(|object| object.bytes).sum::<u64>();
        self.set_aside.extend(record.set_aside.iter().cloned());
    }
}

/// Why a seal stopped. What it has written stays and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plan that this version cannot follow.
    #[error("{key}: {error}")]
    Plan {
        /// The plan's key.
        key: String,
        /// What is wrong with it.
        error: InvalidPlan,
    },
    /// A landing object of a newer version: this version must not touch the period.
    #[error("landing object {key}: {error}")]
    NewerVersion {
        /// The object.
        key: String,
        /// What is newer in it.
        error: LandingError,
    },
    /// A planned landing object is no longer what the plan says.
    #[error("landing object {key} {problem}: the plan of {seal_time} cannot be followed")]
    InputChanged {
        /// The period.
        seal_time: SealTime,
        /// The object.
        key: String,
        /// How it differs.
        problem: String,
    },
    /// The shards of a plan could not be handed to workers.
    #[error("shards of {seal_time} cannot be handed out: {reason}")]
    Workers {
        /// The period.
        seal_time: SealTime,
        /// What went wrong.
        reason: String,
    },
    /// There is no plan, or no such shard in it.
    #[error("the plan of {seal_time} has no shard {shard}")]
    NoSuchShard {
        /// The period.
        seal_time: SealTime,
        /// The number asked for.
        shard: usize,
    },
    /// Rows could not be sorted.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// A shard failed.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Rows went missing or came from nowhere: nothing is recorded.
    #[error(
        "seal of {seal_time}: {rows_in} rows planned, {rows_out} written, {duplicates} equal copies, {conflicts} contradicting"
    )]
    RowsDoNotAddUp {
        /// The period.
        seal_time: SealTime,
        /// Rows in the plan.
        rows_in: u64,
        /// Rows written.
        rows_out: u64,
        /// Equal copies.
        duplicates: u64,
        /// Contradicting copies.
        conflicts: u64,
    },
    /// A write-once object is there and says something else.
    #[error("{0} exists and differs from what this seal states")]
    Contradiction(String),
}

impl SealError {
    /// Whether running again later may help without anybody's intervention.
    pub fn retryable(&self) -> bool {
        match self {
            SealError::Store(error) => error.retryable(),
            SealError::Shard(error) => error.retryable(),
            SealError::Workers { .. } => true,
            _ => false,
        }
    }
}

/// What would be sealed, as [`Sealer::preview`] tells.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The plan that would be written now.
    pub plan: Plan,
    /// Whether the period was closed already.
    pub closed: bool,
}

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
}

struct Listing {
    objects: Vec<(LandingKey, ObjectMeta)>,
    foreign: Vec<ObjectMeta>,
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
            self.close(&batch).await?;
            let listing = self.list(&batch).await?;
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
        let unclosed = status::first_unclosed(self.store.as_ref(), &self.lake, sealed_until).await?;
        let listing = self.list(&batch).await?;
        let mut previews = Vec::with_capacity(batch.len());
        for seal_time in batch {
            let plan = match self.stored_plan(seal_time).await? {
                Some((plan, _)) => plan,
                None => self.make_plan(seal_time, &listing).await?.plan,
            };
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

    /// Lists landing for a run of periods that are all closed.
    async fn list(&self, periods: &[SealTime]) -> Result<Listing, SealError> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
            return Ok(Listing { objects: Vec::new(), foreign: Vec::new() });
        };
        let rule = self.lake.rule();
        let (from, until) = (rule.window(*first).0, rule.window(*last).1);
        // Whole hours, so that names that are not ours are seen too.
        let start_after = layout::arrival_prefix(from);
        let end = layout::arrival_prefix(Arrival(until.0.hour().plus_millis(Timestamp::HOUR_MS)));
        let listed = auditlake_store::list_all(self.store.as_ref(), layout::LANDING, Some(&start_after), Some(&end)).await?;
        let mut listing = Listing { objects: Vec::with_capacity(listed.len()), foreign: Vec::new() };
        for object in listed {
            match LandingKey::parse(&object.key) {
                Some(key) => listing.objects.push((key, object)),
                None => listing.foreign.push(object),
            }
        }
        listing.objects.sort_by(|left, right| left.1.key.cmp(&right.1.key));
        Ok(listing)
    }

    fn in_window<'a>(
        &self,
        seal_time: SealTime,
        listing: &'a Listing,
    ) -> impl Iterator<Item = &'a (LandingKey, ObjectMeta)> + use<'a> {
        let (from, until) = self.lake.rule().window(seal_time);
        let start = listing.objects.partition_point(|(key, _)| key.arrival() < from);
        listing.objects[start..].iter().take_while(move |(key, _)| key.arrival() < until)
    }

    /// Names in landing that are not ours are set aside by the last period whose start lies in their hour.
    fn foreign_of<'a>(&self, seal_time: SealTime, listing: &'a Listing) -> impl Iterator<Item = &'a ObjectMeta> + use<'a> {
        let prefix = layout::arrival_prefix(Arrival(seal_time.start()));
        let next = self.lake.period().next(seal_time).start();
        let is_last_of_hour = next.hour() == next;
        listing.foreign.iter().filter(move |object| is_last_of_hour && object.key.starts_with(&prefix))
    }

    /// How many of the first periods have nothing to read, as far as is known without reading.
    fn leading_empty(&self, periods: &[SealTime], listing: &Listing) -> usize {
        let is_empty = |seal_time: &&SealTime| {
            self.foreign_of(**seal_time, listing).next().is_none()
                && self
                    .in_window(**seal_time, listing)
                    .all(|(key, _)| self.known.is_nothing_for(*key, **seal_time, &self.lake.rule()))
        };
        periods.iter().take_while(is_empty).count()
    }

    /// Seals periods without rows: plans side by side, records in order.
    async fn seal_empty(&mut self, periods: &[SealTime]) -> Result<Vec<SealRecord>, SealError> {
        let store = &self.store;
        let codec = self.lake.codec;
        let puts = periods.iter().map(|seal_time| async move {
            let bytes = Bytes::from(plan::empty(*seal_time, codec).to_bytes());
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
        let bytes = Bytes::from(gathered.plan.to_bytes());
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

    /// The plan that is there, and the hash of its bytes.
    async fn stored_plan(&self, seal_time: SealTime) -> Result<Option<(Plan, String)>, SealError> {
        let key = layout::plan_key(seal_time);
        match self.store.get(&key).await {
            Ok(object) => {
                let sha256 = sha256_hex(&object.bytes);
                let plan = Plan::parse(&object.bytes).map_err(|error| SealError::Plan { key, error })?;
                Ok(Some((plan, sha256)))
            }
            Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn gatherer(&self, seal_time: SealTime) -> Gatherer {
        Gatherer::new(seal_time, self.lake.rule(), self.settings.memory_budget, self.settings.spill_dir.clone())
    }

    /// Reads everything in the period's window and plans from it.
    async fn make_plan(&mut self, seal_time: SealTime, listing: &Listing) -> Result<Gathered, SealError> {
        let rule = self.lake.rule();
        let mut gatherer = self.gatherer(seal_time);
        let mut plan = plan::empty(seal_time, self.lake.codec);
        let wanted: Vec<_> = self
            .in_window(seal_time, listing)
            .filter(|(key, _)| !self.known.is_nothing_for(*key, seal_time, &rule))
            .cloned()
            .collect();
        let store = Arc::clone(&self.store);
        let reads = wanted.into_iter().map(|(key, meta)| {
            let store = Arc::clone(&store);
            async move { store.get(&meta.key).await.map(|object| (key, meta, object)) }
        });
        let mut objects = futures::stream::iter(reads).buffered(self.settings.concurrency);
        let mut ordinal = 0;
        while let Some(read) = objects.next().await {
            let (key, meta, object) = read?;
            match landing_file::decode(object.bytes, key.arrival(), &rule) {
                Ok(decoded) => {
                    self.known.learn_rows(key, &decoded.index);
                    let rows = gatherer.add(ordinal, decoded)?;
                    ordinal += 1;
                    if rows > 0 {
                        plan.inputs.push(Input { key: meta.key, etag: object.etag, rows });
                    }
                }
                Err(error) if error.must_stop() => {
                    return Err(SealError::NewerVersion { key: meta.key, error });
                }
                Err(error) => {
                    tracing::error!(key = meta.key, reason = %error, "landing object cannot be read, it will be set aside");
                    self.known.learn_unreadable(key, &object.etag, &error.to_string());
                }
            }
        }
        for (key, meta) in self.in_window(seal_time, listing) {
            let Some((etag, reason)) = self.known.unreadable(*key) else { continue };
            if rule.last_window_of(key.arrival()) == seal_time {
                plan.set_aside.push(SetAside { key: meta.key.clone(), etag: etag.to_owned(), reason: reason.to_owned() });
            }
        }
        for object in self.foreign_of(seal_time, listing) {
            let reason = "the name is not that of a landing object".to_owned();
            plan.set_aside.push(SetAside { key: object.key.clone(), etag: object.etag.clone(), reason });
        }
        plan.shards = plan::split(&gatherer.summary(), &self.settings.plan);
        let organizations: BTreeSet<Organization> = plan.organizations().into_iter().cloned().collect();
        for organization in organizations {
            if let Some(previous) = self.latest_digest(&organization, seal_time).await? {
                plan.previous_digests.insert(organization, previous);
            }
        }
        Ok(Gathered { plan, gatherer })
    }

    /// Reads what a plan that is there names: all of it, or only the objects that hold rows of some partitions.
    async fn gather_planned(&mut self, plan: Plan, partitions: Option<&BTreeSet<Partition>>) -> Result<Gathered, SealError> {
        let rule = self.lake.rule();
        let seal_time = plan.seal_time;
        let changed = |key: &str, problem: String| SealError::InputChanged { seal_time, key: key.to_owned(), problem };
        let mut gatherer = self.gatherer(seal_time);
        if let Some(partitions) = partitions {
            gatherer = gatherer.only(partitions.clone());
        }
        let store = Arc::clone(&self.store);
        let reads = plan.inputs.clone().into_iter().map(|input| {
            let store = Arc::clone(&store);
            async move {
                let object = match partitions {
                    Some(partitions) if !shards::holds_any(store.as_ref(), &input, seal_time, partitions).await => None,
                    _ => Some(store.get(&input.key).await),
                };
                (input, object)
            }
        });
        let mut objects = futures::stream::iter(reads).buffered(self.settings.concurrency);
        let mut ordinal = 0;
        while let Some((input, object)) = objects.next().await {
            // The rank of an object that is left out is kept: it decides which of two equal copies arrived first.
            let Some(object) = object else {
                ordinal += 1;
                continue;
            };
            let object = match object {
                Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => {
                    return Err(changed(&input.key, "is gone".to_owned()));
                }
                other => other?,
            };
            if object.etag != input.etag {
                return Err(changed(&input.key, "was replaced".to_owned()));
            }
            let Some(key) = LandingKey::parse(&input.key) else {
                return Err(changed(&input.key, "has a name that is not ours".to_owned()));
            };
            let decoded = landing_file::decode(object.bytes, key.arrival(), &rule)
                .map_err(|error| changed(&input.key, error.to_string()))?;
            self.known.learn_rows(key, &decoded.index);
            let rows = gatherer.add(ordinal, decoded)?;
            ordinal += 1;
            if rows != input.rows {
                return Err(changed(&input.key, format!("holds {rows} rows of the period, planned were {}", input.rows)));
            }
        }
        Ok(Gathered { plan, gatherer })
    }

    /// Writes archive objects, digests and the record of a plan.
    async fn execute(&mut self, gathered: Gathered, plan_sha256: String) -> Result<Progress, SealError> {
        let Gathered { plan, gatherer } = gathered;
        let seal_time = plan.seal_time;
        let mut rows = gatherer.sorted()?;
        let context = ShardContext { seal_time, codec: plan.codec, rule: self.lake.rule() };
        let mut outcome = Outcome::default();
        for (number, pieces) in plan.shards.iter().enumerate() {
            let shard = shard::write_pieces(self.store.as_ref(), &context, pieces, &mut rows).await?;
            self.put_conflicts(seal_time, number, &shard.conflicts).await?;
            outcome.add(shard);
        }
        drop(rows);
        self.finish(plan, plan_sha256, outcome).await
    }

    /// Keeps the copies that contradict the archive, whole.
    async fn put_conflicts(&self, seal_time: SealTime, shard: usize, conflicts: &[Conflict]) -> Result<(), SealError> {
        if conflicts.is_empty() {
            return Ok(());
        }
        let copies = conflicts.iter().flat_map(integrity::one_line).collect::<Vec<u8>>();
        self.put_same(&layout::conflicts_key(seal_time, shard), copies.into()).await
    }

    /// Writes digests and the record of a plan whose archive objects are there.
    async fn finish(&mut self, plan: Plan, plan_sha256: String, outcome: Outcome) -> Result<Progress, SealError> {
        let seal_time = plan.seal_time;
        self.set_aside(&plan).await?;
        let digests = integrity::digests(
            seal_time,
            &outcome.objects,
            &outcome.duplicates_by_organization,
            &outcome.conflicts,
            &plan.previous_digests,
        );
        let mut written = Vec::with_capacity(digests.len());
        for digest in &digests {
            let bytes = digest.to_bytes();
            let sha256 = sha256_hex(&bytes);
            let key = layout::digest_key(&digest.organization, seal_time);
            self.put_same(&key, bytes.into()).await?;
            written.push(WrittenDigest { organization: digest.organization.clone(), key, sha256 });
        }
        let previous_sha256 = self.previous_record(seal_time).await?;
        let record = self.record(&plan, plan_sha256, outcome, written, previous_sha256)?;
        self.put_record(&record).await?;
        for digest in &record.digests {
            let reference = DigestReference { seal_time, sha256: digest.sha256.clone() };
            self.latest_digests.insert(digest.organization.clone(), Some(reference));
        }
        self.retire(seal_time).await?;
        Ok(Progress::Sealed(Box::new(record)))
    }

    fn record(
        &self,
        plan: &Plan,
        plan_sha256: String,
        outcome: Outcome,
        digests: Vec<WrittenDigest>,
        previous_sha256: Option<String>,
    ) -> Result<SealRecord, SealError> {
        let rows_in = plan.rows();
        let rows_out = outcome.objects.iter().map(|object| object.rows).sum();
        let conflicts = outcome.conflicts.len() as u64;
        if rows_in != rows_out + outcome.duplicates + conflicts {
            return Err(SealError::RowsDoNotAddUp {
                seal_time: plan.seal_time,
                rows_in,
                rows_out,
                duplicates: outcome.duplicates,
                conflicts,
            });
        }
        Ok(SealRecord {
            format_version: FORMAT_VERSION,
            seal_time: plan.seal_time,
            plan_sha256,
            inputs: plan.inputs.clone(),
            set_aside: plan.set_aside.clone(),
            outputs: outcome.objects,
            digests,
            rows_in,
            rows_out,
            duplicates: outcome.duplicates,
            conflicts,
            late_rows: outcome.late_rows,
            previous_sha256,
        })
    }

    /// Copies what cannot be used to quarantine, byte for byte.
    async fn set_aside(&self, plan: &Plan) -> Result<(), SealError> {
        for object in &plan.set_aside {
            tracing::error!(key = object.key, reason = object.reason, "landing object set aside");
            match self.store.get(&object.key).await {
                Ok(found) => {
                    self.store.put_if_absent(&format!("{}{}", layout::QUARANTINE, object.key), found.bytes).await?;
                }
                // A stranger's object may be taken away again by the stranger.
                Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn put_record(&mut self, record: &SealRecord) -> Result<(), SealError> {
        let bytes = record.to_bytes();
        let sha256 = sha256_hex(&bytes);
        self.put_same(&layout::record_key(record.seal_time), bytes.into()).await?;
        self.last_record = Some((record.seal_time, sha256));
        self.sealed_until = Some(self.lake.period().next(record.seal_time));
        Ok(())
    }

    /// Puts a write-once object that anybody who seals this period would write alike.
    async fn put_same(&self, key: &str, bytes: Bytes) -> Result<(), SealError> {
        match self.store.put_if_absent(key, bytes.clone()).await? {
            Put::Created { .. } => Ok(()),
            Put::Exists if self.store.get(key).await?.bytes == bytes => Ok(()),
            Put::Exists => Err(SealError::Contradiction(key.to_owned())),
        }
    }

    async fn is_sealed(&self, seal_time: SealTime) -> Result<bool, SealError> {
        Ok(self.store.head(&layout::record_key(seal_time)).await?.is_some())
    }

    async fn previous_record(&self, seal_time: SealTime) -> Result<Option<String>, SealError> {
        if seal_time == self.lake.first_period {
            return Ok(None);
        }
        let previous = self.lake.period().previous(seal_time);
        match &self.last_record {
            Some((remembered, sha256)) if *remembered == previous => Ok(Some(sha256.clone())),
            _ => Ok(integrity::record_hash(self.store.as_ref(), previous).await?),
        }
    }

    async fn latest_digest(
        &mut self,
        organization: &Organization,
        before: SealTime,
    ) -> Result<Option<DigestReference>, SealError> {
        if let Some(remembered) = self.latest_digests.get(organization) {
            return Ok(remembered.clone());
        }
        let found = integrity::latest_digest(self.store.as_ref(), organization, before).await?;
        self.latest_digests.insert(organization.clone(), found.clone());
        Ok(found)
    }
}

/// What the shards of a seal did together.
#[derive(Default)]
struct Outcome {
    objects: Vec<ArchiveObject>,
    conflicts: Vec<Conflict>,
    duplicates: u64,
    duplicates_by_organization: BTreeMap<Organization, u64>,
    late_rows: u64,
}

impl Outcome {
    fn add(&mut self, shard: shard::ShardOutcome) {
        self.objects.extend(shard.objects);
        self.conflicts.extend(shard.conflicts);
        self.duplicates += shard.duplicates;
        self.late_rows += shard.late_rows;
        for (organization, duplicates) in shard.duplicates_by_organization {
            *self.duplicates_by_organization.entry(organization).or_default() += duplicates;
        }
    }
}
