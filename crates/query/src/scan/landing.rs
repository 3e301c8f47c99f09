//! What lies in landing for a query: objects, and the groups of their rows that are not sealed yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditlake_event::{Organization, Region, Timestamp};
use auditlake_lake::landing_file::{IndexError, LandingGroup, LandingIndex, read_index};
use auditlake_lake::layout::{LANDING, LandingKey, landing_bound};
use auditlake_lake::{Arrival, SealTime};
use auditlake_store::{ErrorKind, ObjectMeta, StoreError, list_all};
use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};

use super::object::Handle;
use super::window::Window;
use super::{Context, ScanEngine, ScanError};
use crate::typed::Query;

/// Indexes that are fetched at the same time.
const INDEX_CONCURRENCY: usize = 32;
/// Objects that are looked at together: what has not begun yet costs memory too, and landing may hold a hundred thousand.
const OBJECTS_AT_ONCE: usize = 1_024;

/// The index of one landing object, remembered.
#[derive(Debug)]
pub enum ObjectGroups {
    /// Its groups.
    Readable(Box<[LandingGroup]>),
    /// It cannot be read.
    Unreadable,
}

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

/// The landing objects that may hold rows that were not sealed at `sealed_before` and happened within `window`.
pub async fn list(engine: &ScanEngine, sealed_before: SealTime, window: Window) -> Result<Vec<ObjectMeta>, StoreError> {
    // No event lies more than the lead after the arrival of its object, so neither its own time nor its period does.
    let earliest = sealed_before.start().millis().max(window.from);
    let first_arrival = Arrival(Timestamp::from_millis(earliest).plus_millis(-engine.lake.lead_ms));
    list_all(engine.store.as_ref(), LANDING, Some(&landing_bound(first_arrival)), None).await
}

impl Landing {
    /// Picks the groups that `query` may find within `window`.
    pub async fn open(context: &Context<'_>, query: &Query, window: Window) -> Result<Self, ScanError> {
        let first_arrival = context.sealed_until.start().plus_millis(-context.engine.lake.lead_ms);
        let mut landing = Self::default();
        for objects in context.landed.chunks(OBJECTS_AT_ONCE) {
            landing.add(context, query, window, first_arrival, objects).await?;
        }
        Ok(landing)
    }

    async fn add(
        &mut self,
        context: &Context<'_>,
        query: &Query,
        window: Window,
        first_arrival: Timestamp,
        objects: &[ObjectMeta],
    ) -> Result<(), ScanError> {
        let mut reads = Vec::with_capacity(objects.len());
        for object in objects {
            let Some(key) = LandingKey::parse(&object.key) else {
                tracing::debug!(key = object.key, "not a landing object");
                continue;
            };
            if key.arrival().0 >= first_arrival {
                reads.push(indexed(context, key, object));
            }
        }
        let indexes = futures::stream::iter(reads).buffered(INDEX_CONCURRENCY);
        let mut indexes = std::pin::pin!(indexes);
        while let Some((object, index)) = indexes.try_next().await? {
            let groups = match index.as_ref() {
                ObjectGroups::Readable(groups) if !context.unreadable.contains(&object.key) => groups,
                _ => {
                    self.unreadable += 1;
                    continue;
                }
            };
            let mut handle: Option<Arc<Handle>> = None;
            for group in groups.iter().filter(|group| is_wanted(context.sealed_until, query, window, group)) {
                let handle = handle
                    .get_or_insert_with(|| Arc::new(Handle { key: object.key.clone(), size: object.size, partition: None }));
                let group = Group { handle: Arc::clone(handle), rows: group.clone() };
                self.by_hour.entry(group.rows.hour.millis()).or_default().push(group);
            }
        }
        Ok(())
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
    key: LandingKey,
    object: &'o ObjectMeta,
) -> Result<(&'o ObjectMeta, Arc<ObjectGroups>), ScanError> {
    let groups = index(context, key, object).await?;
    Ok((object, groups))
}

/// The index of one object: remembered, or from its last bytes.
async fn index(context: &Context<'_>, key: LandingKey, object: &ObjectMeta) -> Result<Arc<ObjectGroups>, ScanError> {
    if let Some(index) = context.engine.indexes.get(&object.key) {
        return Ok(index);
    }
    let groups = match fetch_index(context, key, object).await? {
        Ok(index) => ObjectGroups::Readable(index.groups.into_boxed_slice()),
        Err(reason) => {
            // Also what a newer version wrote: one object does not end the answers of everybody.
            tracing::error!(key = object.key, reason, "a landing object cannot be read, answering without it");
            ObjectGroups::Unreadable
        }
    };
    let memory = match &groups {
        ObjectGroups::Readable(groups) => groups.iter().map(group_memory).sum::<usize>() + 128,
        ObjectGroups::Unreadable => 128,
    };
    let groups = Arc::new(groups);
    context.engine.indexes.insert(&object.key, Arc::clone(&groups), memory);
    Ok(groups)
}

fn group_memory(group: &LandingGroup) -> usize {
    size_of::<LandingGroup>() + region_bytes(&group.region) + organization_bytes(&group.organization)
}

fn region_bytes(region: &Region) -> usize {
    region.as_str().len() + 16
}

fn organization_bytes(organization: &Organization) -> usize {
    organization.as_str().len() + 16
}

/// The index, or why there is none.
async fn fetch_index(
    context: &Context<'_>,
    key: LandingKey,
    object: &ObjectMeta,
) -> Result<Result<LandingIndex, String>, ScanError> {
    let engine = context.engine;
    let vanished = |error: StoreError| match error.kind {
        ErrorKind::NotFound => ScanError::Vanished(object.key.clone()),
        _ => error.into(),
    };
    let mut wanted = engine.settings.tail_bytes.min(object.size);
    loop {
        let tail: Bytes = match engine.objects.get(&object.key) {
            Some(bytes) => bytes,
            None if object.size <= engine.settings.whole_object_bytes => {
                let whole = context.meter.get(context.store(), &object.key).await.map_err(vanished)?;
                engine.objects.insert(&object.key, whole.bytes.clone(), whole.bytes.len());
                whole.bytes
            }
            None => {
                let suffix = context.meter.get_suffix(context.store(), &object.key, wanted).await;
                suffix.map_err(vanished)?.bytes
            }
        };
        match read_index(&tail, object.size, key.arrival()) {
            Ok(index) => return Ok(Ok(index)),
            Err(IndexError::NeedMore(more)) if more as u64 > wanted => wanted = (more as u64).min(object.size),
            Err(IndexError::NeedMore(_)) => return Ok(Err("its footer cannot be read".to_owned())),
            Err(IndexError::Landing(error)) => return Ok(Err(error.to_string())),
        }
    }
}
