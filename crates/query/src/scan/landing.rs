//! What lies in landing for a query: objects, and the groups of their rows that are not sealed yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_lake::landing::file::{IndexError, LandingGroup, LandingIndex, read_index};
use auditlake_lake::layout::{LANDING, LandingKey, landing_bound};
use auditlake_lake::{Arrival, SealTime};
use auditlake_store::{ErrorKind, StoreError};
use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};

use super::context::Context;
use super::error::ScanError;
use super::handle::Handle;
use super::landed::{Landed, ObjectGroups};
use super::merged::{Part, merged, parts};
use super::state::EngineState;
use super::window::Window;
use crate::typed::Query;

/// Indexes that are fetched at the same time.
const INDEX_CONCURRENCY: usize = 32;
/// Objects that are looked at together: what has not begun yet costs memory too, and landing may hold a hundred thousand.
const OBJECTS_AT_ONCE: usize = 1_024;

/// A group of rows of one landing object.
#[derive(Debug, Clone)]
pub struct Group {
    /// The object.
    pub handle: Arc<Handle>,
    /// The rows.
    pub rows: LandingGroup,
}

/// What is not sealed yet of one organization.
#[derive(Debug, Default)]
pub struct Landing {
    /// Groups by the start of their hour, each hour's in the order in which their objects arrived.
    pub by_hour: BTreeMap<i64, Vec<Group>>,
    /// Objects that cannot be read and are left out.
    pub unreadable: usize,
}

/// The landing objects that may hold rows that were not sealed at `sealed_before` and happened within `window`, by key.
pub async fn list(engine: &EngineState, sealed_before: SealTime, window: Window) -> Result<Vec<Landed>, StoreError> {
    // No event lies more than the lead after the arrival of its object, so neither its own time nor its period does.
    let earliest = sealed_before.start().millis().max(window.from);
    let first_arrival = Arrival(Timestamp::from_millis(earliest).plus_millis(-engine.lake.lead_ms));
    let mut landed = Vec::new();
    let mut after = landing_bound(first_arrival);
    let limit = engine.store.page_size();
    loop {
        let page = engine.store.list_page(LANDING, Some(&after), limit).await?;
        let is_last = page.len() < limit;
        for object in page {
            match LandingKey::parse(&object.key) {
                Some(key) => landed.push(Landed { key, size: object.size }),
                None => tracing::debug!(key = object.key, "not a landing object"),
            }
            after = object.key;
        }
        if is_last {
            return Ok(landed);
        }
    }
}

impl Landing {
    /// Picks the groups that `query` may find within `window`.
    pub async fn open(context: &Context<'_>, query: &Query, window: Window) -> Result<Self, ScanError> {
        let first_arrival = context.sealed_until.start().plus_millis(-context.engine.lake.lead_ms);
        let since = context.landed.partition_point(|landed| landed.key.arrival().0 < first_arrival);
        let mut landing = Self::default();
        let wanted = |group: &LandingGroup| is_wanted(context.sealed_until, query, window, group);
        let objects = &context.landed[since..];
        for part in parts(context.engine, objects) {
            match part {
                Part::Single(range) => landing.add(context, wanted, &objects[range]).await?,
                Part::Run(range) => match merged(context, &objects[range.clone()]).await {
                    Some(merged) => landing.add_groups(&merged.handle, merged.groups.iter().filter(|group| wanted(group))),
                    None => landing.add(context, wanted, &objects[range]).await?,
                },
            }
        }
        Ok(landing)
    }

    /// Adds what is wanted of objects that are read one by one.
    async fn add(
        &mut self,
        context: &Context<'_>,
        wanted: impl Fn(&LandingGroup) -> bool,
        objects: &[Landed],
    ) -> Result<(), ScanError> {
        for objects in objects.chunks(OBJECTS_AT_ONCE) {
            let reads: Vec<_> = objects.iter().map(|landed| indexed(context, landed)).collect();
            let mut indexes = std::pin::pin!(futures::stream::iter(reads).buffered(INDEX_CONCURRENCY));
            while let Some((key, landed, index)) = indexes.try_next().await? {
                match index.as_ref() {
                    ObjectGroups::Readable(groups) if !context.unreadable.contains(&key) => {
                        if groups.iter().any(&wanted) {
                            let handle = Arc::new(Handle { key, size: landed.size, partition: None, merged: None });
                            self.add_groups(&handle, groups.iter().filter(|group| wanted(group)));
                        }
                    }
                    _ => self.unreadable += 1,
                }
            }
        }
        Ok(())
    }

    fn add_groups<'g>(&mut self, handle: &Arc<Handle>, groups: impl Iterator<Item = &'g LandingGroup>) {
        for rows in groups {
            let group = Group { handle: Arc::clone(handle), rows: rows.clone() };
            self.by_hour.entry(rows.hour.millis()).or_default().push(group);
        }
    }
}

fn is_wanted(sealed_until: SealTime, query: &Query, window: Window, group: &LandingGroup) -> bool {
    group.seal_time >= sealed_until
        && group.organization == query.organization
        && query.region.as_ref().is_none_or(|region| *region == group.region)
        && window.overlaps(group.min_event_time.millis(), group.max_event_time.millis())
}

async fn indexed<'o>(
    context: &Context<'_>,
    landed: &'o Landed,
) -> Result<(String, &'o Landed, Arc<ObjectGroups>), ScanError> {
    let key = landed.key.to_string();
    let groups = index(context, &key, landed).await?;
    Ok((key, landed, groups))
}

/// The index of one object: remembered, or from its last bytes.
async fn index(context: &Context<'_>, key: &str, landed: &Landed) -> Result<Arc<ObjectGroups>, ScanError> {
    if let Some(index) = context.engine.indexes.get(key) {
        return Ok(index);
    }
    let groups = match fetch_index(context, key, landed).await? {
        Ok(index) => ObjectGroups::Readable(index.groups.into_boxed_slice()),
        Err(reason) => {
            // Also what a newer version wrote: one object must not fail the queries of all organizations.
            tracing::error!(key, reason, "a landing object cannot be read, answering without it");
            ObjectGroups::Unreadable
        }
    };
    let (memory, groups) = (groups.memory(), Arc::new(groups));
    context.engine.indexes.insert(key, Arc::clone(&groups), memory);
    Ok(groups)
}

/// The index, or why there is none.
async fn fetch_index(context: &Context<'_>, key: &str, object: &Landed) -> Result<Result<LandingIndex, String>, ScanError> {
    let engine = context.engine;
    let vanished = |error: StoreError| match error.kind {
        ErrorKind::NotFound => ScanError::Vanished(key.to_owned()),
        _ => error.into(),
    };
    let mut wanted = engine.settings.tail_bytes.min(object.size);
    loop {
        let tail: Bytes = match engine.objects.get(key) {
            Some(bytes) => bytes,
            None if object.size <= engine.settings.whole_object_bytes => {
                let whole = context.meter.get(context.store(), key).await.map_err(vanished)?;
                engine.objects.insert(key, whole.bytes.clone(), whole.bytes.len());
                whole.bytes
            }
            None => {
                let suffix = context.meter.get_suffix(context.store(), key, wanted).await;
                suffix.map_err(vanished)?.bytes
            }
        };
        match read_index(&tail, object.size, object.key.arrival()) {
            Ok(index) => return Ok(Ok(index)),
            Err(IndexError::NeedMore(more)) if more as u64 > wanted => wanted = (more as u64).min(object.size),
            Err(IndexError::NeedMore(_)) => return Ok(Err("its footer cannot be read".to_owned())),
            Err(IndexError::Landing(error)) => return Ok(Err(error.to_string())),
        }
    }
}
