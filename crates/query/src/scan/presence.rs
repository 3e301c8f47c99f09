//! Whether every archive object is there that the digests name: an object that is gone must not be missing in silence.
//!
//! An event that comes in time is sealed with its own period, so the digests of the periods of a range name all objects of the range
//! but those of late events. These are named by later digests: those that lie in the range too, a number of digests that
//! follow the range ([`Settings::late_digests`](super::Settings)), and whatever earlier queries have read of others.
//!
//! Only digests of seals before `sealed until` count, as for the objects themselves: a seal under way has written a part of both.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditlake_event::Timestamp;
use auditlake_lake::SealTime;
use auditlake_lake::layout::{self, ArchiveKey};
use auditlake_lake::seal::named::{NamedError, is_recorded, named_by};
use auditlake_store::list_all;
use futures::stream::{StreamExt, TryStreamExt};

use super::attempts::Attempts;
use super::context::Context;
use super::error::ScanError;
use super::handle::Handle;
use super::listing::{Archive, Month, Spans};
use super::state::{EngineState, Listed};
use super::window::Window;
use crate::error::{QueryError, QueryErrorKind};
use crate::question::{Order, Position};
use crate::typed::Query;

/// Rough memory of a key that was taken apart.
const KEY_BYTES: usize = 200;
/// Rough memory of a seal time in a list.
const SEAL_TIME_BYTES: usize = 8;

/// Archive objects by their hour.
type ByHour = BTreeMap<i64, Vec<Arc<Handle>>>;

/// The check of one query.
pub struct Presence<'a> {
    context: &'a Context<'a>,
    query: &'a Query,
    /// Objects that the digests name which were read so far, by hour.
    named: Mutex<BTreeMap<i64, BTreeSet<ArchiveKey>>>,
    /// Seals of which a later digest says that they wrote one too.
    predecessors: Mutex<BTreeSet<SealTime>>,
    /// How many digests may still be fetched, if there is a limit.
    left: Option<AtomicUsize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hour_of(time: i64) -> i64 {
    Timestamp::from_millis(time).hour().millis()
}

impl<'a> Presence<'a> {
    /// Reads the digests that follow `window`, for what they name in it.
    pub async fn open(
        context: &'a Context<'a>,
        query: &'a Query,
        window: Window,
        most_digests: Option<usize>,
    ) -> Result<Self, ScanError> {
        let presence = Self {
            context,
            query,
            named: Mutex::default(),
            predecessors: Mutex::default(),
            left: most_digests.map(AtomicUsize::new),
        };
        let sealed_until = context.sealed_until.start().millis();
        if window.to < sealed_until {
            let following = presence.following(window.to).await?;
            presence.read(following).await?;
        }
        Ok(presence)
    }

    /// A text that sorts before the digests of a seal and those after it, and after all earlier ones.
    fn bound(&self, seal_time: SealTime) -> String {
        let key = layout::digest_key(&self.query.organization, seal_time);
        key.trim_end_matches(".json").to_owned()
    }

    /// The seals of digest keys, without those that are not before `sealed until`.
    fn seals(&self, keys: impl Iterator<Item = String>) -> Vec<SealTime> {
        let seal_time = |key: String| {
            let name = key.rsplit('/').next()?.strip_suffix(".json")?;
            let seal_time = SealTime::parse_key_name(name)?;
            (layout::digest_key(&self.query.organization, seal_time) == key).then_some(seal_time)
        };
        keys.filter_map(seal_time).filter(|seal_time| *seal_time < self.context.sealed_until).collect()
    }

    async fn listed(
        &self,
        name: &str,
        list: impl Future<Output = Result<Vec<auditlake_store::ObjectMeta>, auditlake_store::StoreError>>,
    ) -> Result<Vec<SealTime>, ScanError> {
        let lists = &self.context.engine.lists;
        let cache_key = format!("{}|{name}", self.context.sealed_until.key_name());
        if let Some(listed) = lists.get(&cache_key)
            && let Listed::Digests(seals) = listed.as_ref()
        {
            return Ok(seals.clone());
        }
        let seals = self.seals(list.await?.into_iter().map(|object| object.key));
        let memory = seals.len() * SEAL_TIME_BYTES + 64;
        lists.insert(&cache_key, Arc::new(Listed::Digests(seals.clone())), memory);
        Ok(seals)
    }

    /// The first digests of the periods that begin at `time` or later.
    async fn following(&self, time: i64) -> Result<Vec<SealTime>, ScanError> {
        let most = self.context.engine.settings.late_digests;
        if most == 0 {
            return Ok(Vec::new());
        }
        let period = self.context.engine.lake.period();
        let start = self.bound(period.next(period.start_of(Timestamp::from_millis(time.saturating_sub(1)))));
        let prefix = layout::digests_prefix(&self.query.organization);
        let page = self.context.store().list_page(&prefix, Some(&start), most);
        self.listed(&format!("{start}|{most}"), page).await
    }

    /// The digests of the periods that events of `span`, which lies in one month, are sealed with if they come in time.
    async fn of_span(&self, span: Window) -> Result<Vec<SealTime>, ScanError> {
        let seal_time = |time: i64| SealTime::from_start(Timestamp::from_millis(time));
        // Whole hours, so that the list of a range that ends now serves the next one too.
        let start = self.bound(seal_time(hour_of(span.from)));
        let end = self.bound(seal_time(hour_of(span.to.saturating_sub(1)).saturating_add(Timestamp::HOUR_MS)));
        let prefix = format!("{}{}", layout::digests_prefix(&self.query.organization), Month::of(span.from).path());
        let list = list_all(self.context.store(), &prefix, Some(&start), Some(&end));
        self.listed(&format!("{start}|{end}"), list).await
    }

    /// Fails if an object is not there that a digest names in the hours of `part`, a part of `span`; `archived` are the objects that
    /// were listed in `span`.
    pub async fn check(&self, span: Window, part: Window, archived: &ByHour) -> Result<(), ScanError> {
        if part.is_empty() {
            return Ok(());
        }
        let first = self.context.engine.lake.period().start_of(Timestamp::from_millis(part.from));
        let last = SealTime::from_start(Timestamp::from_millis(part.to.saturating_sub(1)));
        let mut unread = self.of_span(span).await?;
        unread.retain(|seal_time| (first..=last).contains(seal_time));
        let mut read: BTreeSet<SealTime> = BTreeSet::new();
        while !unread.is_empty() {
            read.extend(&unread);
            self.read(unread).await?;
            // A digest that is gone from the list is known from the one after it.
            unread = lock(&self.predecessors).range(first..=last).filter(|seal| !read.contains(seal)).copied().collect();
        }
        for (hour, expected) in self.expected(part) {
            let there: HashSet<&str> = archived.get(&hour).into_iter().flatten().map(|handle| handle.key.as_str()).collect();
            for key in expected {
                if !there.contains(key.to_string().as_str()) {
                    self.missing(&key).await?;
                }
            }
        }
        Ok(())
    }

    /// What is known to be there in the hours of `part`.
    fn expected(&self, part: Window) -> BTreeMap<i64, BTreeSet<ArchiveKey>> {
        let named = lock(&self.named);
        let of_part = named.range(hour_of(part.from)..part.to);
        let mut expected: BTreeMap<i64, BTreeSet<ArchiveKey>> = of_part.map(|(hour, keys)| (*hour, keys.clone())).collect();
        drop(named);
        for (hour, known) in self.context.engine.named.late_in(&self.query.organization, part) {
            expected.entry(hour).or_default().extend(known);
        }
        let is_asked = |key: &ArchiveKey| {
            key.seal_time < self.context.sealed_until
                && self.query.region.as_ref().is_none_or(|region| key.partition.region == *region)
        };
        for keys in expected.values_mut() {
            keys.retain(is_asked);
        }
        expected
    }

    /// Takes note of what digests name.
    async fn read(&self, seals: Vec<SealTime>) -> Result<(), ScanError> {
        let reads = seals.into_iter().map(|seal_time| self.read_one(seal_time));
        futures::stream::iter(reads).buffer_unordered(self.context.concurrency()).try_collect::<()>().await
    }

    async fn read_one(&self, seal_time: SealTime) -> Result<(), ScanError> {
        let organization = &self.query.organization;
        let known = &self.context.engine.named;
        let digest = layout::digest_key(organization, seal_time);
        let named = match known.digests.get(&digest) {
            Some(named) => named,
            None => {
                if !self.may_fetch() {
                    return Ok(());
                }
                let found = named_by(self.context.store(), organization, seal_time).await;
                let named = Arc::new(found.map_err(|error| match error {
                    NamedError::Store(error) => ScanError::from(error),
                    lost @ NamedError::Lost { .. } => {
                        let message = format!("{lost}: restore one of them (runbook, A damaged archive object)");
                        ScanError::Query(QueryError::new(QueryErrorKind::Damaged, message))
                    }
                })?);
                known.digests.insert(&digest, Arc::clone(&named), named.objects.len() * KEY_BYTES + 64);
                named
            }
        };
        lock(&self.predecessors).extend(named.previous);
        let mut by_hour = lock(&self.named);
        for key in &named.objects {
            by_hour.entry(key.partition.hour.millis()).or_default().insert(key.clone());
            if key.partition.hour < seal_time.start().hour() {
                known.note_late(key);
            }
        }
        Ok(())
    }

    fn may_fetch(&self) -> bool {
        let Some(left) = &self.left else { return true };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    async fn missing(&self, key: &ArchiveKey) -> Result<(), ScanError> {
        if let Some(expiry) = &self.context.engine.settings.archive_expiry
            && expiry.may_have_removed(key.seal_time)
        {
            return Ok(());
        }
        let digest = layout::digest_key(&key.partition.organization, key.seal_time);
        if is_recorded(self.context.store(), key).await? == Some(false) {
            tracing::error!(alarm = true, key = digest, object = %key, "the digest names an object that the seal did not write");
            return Ok(());
        }
        let message = format!(
            "the archive object {key} is gone, although {digest} names it: restore it from a version or a backup (runbook, \
             A damaged archive object)"
        );
        Err(ScanError::Query(QueryError::new(QueryErrorKind::Damaged, message)))
    }
}

/// See [`ScanEngine::check_presence`](super::ScanEngine::check_presence).
pub async fn check_presence(
    engine: &EngineState,
    query: &Query,
    after: Option<&Position>,
    most_digests: usize,
) -> Result<(), QueryError> {
    let window = Window::new(query, Order::NewestFirst, after);
    if window.is_empty() {
        return Ok(());
    }
    let context = Attempts::new(engine).begin(window).await?;
    match check_all(&context, query, window, most_digests).await {
        Err(ScanError::Query(error)) => Err(error),
        // Lists and digests alone cannot end otherwise.
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn check_all(context: &Context<'_>, query: &Query, window: Window, most_digests: usize) -> Result<(), ScanError> {
    let (archive, presence) =
        futures::try_join!(Archive::open(context, query), Presence::open(context, query, window, Some(most_digests)))?;
    for span in Spans::new(archive.months(window).await?, window, 31, Order::NewestFirst) {
        presence.check(span, span, &archive.objects(span).await?).await?;
    }
    Ok(())
}
