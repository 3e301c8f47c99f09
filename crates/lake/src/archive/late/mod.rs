//! Whether a late row is in the archive already, written by an earlier seal.
//!
//! Late rows come in blocks, in time order. For each block only those objects are opened that can hold a row of its times: an
//! object sealed with `S` holds no event whose own period is after `S`, and once opened its times are known. Of these objects only
//! the footer is read, then the bloom filters of event ids, then pages of key columns whose times match, and whole rows only where
//! the whole key matches. A damaged object is not searched: the seal goes on and names it in its record. Memory: a few footers, and
//! of each object searched at once the key columns of one row group.

mod opened;
mod search;

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_store::{Store, StoreError, list_all};
use futures::FutureExt;
use futures::stream::{self, StreamExt};

use self::opened::OpenObject;
use self::search::{Wanted, time_bounds};
use super::error::{LateError, StoredObjectError, Unread};
use crate::damage::GAVE_UP;
use crate::hash::Hash;
use crate::layout::{ArchiveKey, Partition};
use crate::period::{SealRule, SealTime};
use crate::row_key::RowKey;

/// Objects searched side by side.
const SIDE_BY_SIDE: usize = 8;

/// Footers and ends of objects that are kept for the next block, in bytes.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// One archive object of the partition.
struct Candidate {
    key: String,
    seal_time: SealTime,
    /// First and last event time in ms, once known.
    times: Option<(i64, i64)>,
}

/// The archive objects of one partition that seals before ours wrote.
pub(crate) struct ArchivedRows<'a> {
    store: &'a dyn Store,
    partition: &'a Partition,
    rule: SealRule,
    seal_time: SealTime,
    candidates: Option<Vec<Candidate>>,
    /// Objects opened lately, by position among the candidates.
    open: VecDeque<(usize, Arc<OpenObject<'a>>)>,
    /// Objects that cannot be read, and why: they are not searched.
    damaged: BTreeMap<String, String>,
}

impl<'a> ArchivedRows<'a> {
    /// For late rows of `partition`, sealed with `seal_time`.
    pub fn new(store: &'a dyn Store, partition: &'a Partition, rule: SealRule, seal_time: SealTime) -> Self {
        Self { store, partition, rule, seal_time, candidates: None, open: VecDeque::new(), damaged: BTreeMap::new() }
    }

    async fn list(&mut self) -> Result<Vec<Candidate>, StoreError> {
        let listed = list_all(self.store, &self.partition.prefix(), None, None).await?;
        let keys = listed.into_iter().filter_map(|object| Some((ArchiveKey::parse(&object.key)?, object.key)));
        let earlier = keys.filter(|(parsed, _)| parsed.seal_time < self.seal_time);
        Ok(earlier.map(|(parsed, key)| Candidate { key, seal_time: parsed.seal_time, times: None }).collect())
    }

    /// For each of `rows`, which are in time order, the event hash of its copy in the archive.
    pub async fn find(&mut self, rows: &[RowKey<'_>]) -> Result<Vec<Option<Hash>>, LateError> {
        let mut found = vec![None; rows.len()];
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(found) };
        let candidates = match self.candidates.take() {
            Some(candidates) => candidates,
            None => self.list().await?,
        };
        let candidates = self.candidates.insert(candidates);
        let earliest_seal = self.rule.period.start_of(Timestamp::from_millis(first.time));
        let damaged = &self.damaged;
        let may_hold = |candidate: &Candidate| {
            let overlaps = candidate.times.is_none_or(|(min, max)| min <= last.time && max >= first.time);
            candidate.seal_time >= earliest_seal && overlaps && !damaged.contains_key(&candidate.key)
        };
        let positions: Vec<usize> = (0..candidates.len()).filter(|position| may_hold(&candidates[*position])).collect();
        if positions.is_empty() {
            return Ok(found);
        }
        let wanted = Arc::new(Wanted::new(rows));
        let (store, open) = (self.store, &self.open);
        let searches = positions.into_iter().map(|position| {
            let key = candidates[position].key.clone();
            let known = open.iter().find(|(number, _)| *number == position).map(|(_, object)| Arc::clone(object));
            let (partition, wanted) = (self.partition, Arc::clone(&wanted));
            async move {
                let name = key.clone();
                let searched = async {
                    let object = match known {
                        Some(object) => object,
                        None => Arc::new(OpenObject::open(store, key).await?),
                    };
                    let matches = search::search(&object, partition, &wanted).await?;
                    Ok((object, matches))
                };
                // The decoder may panic on damaged bytes.
                let searched = AssertUnwindSafe(searched).catch_unwind().await;
                (position, name, searched.unwrap_or_else(|_| Err(StoredObjectError::Unreadable(GAVE_UP.to_owned()))))
            }
        });
        let searches: Vec<_> = searches.collect();
        let mut results = stream::iter(searches).buffer_unordered(SIDE_BY_SIDE);
        let mut opened: Vec<(usize, Arc<OpenObject<'a>>)> = Vec::new();
        let mut kept_bytes = 0;
        while let Some(result) = results.next().await {
            let (position, key, searched) = result;
            let (object, matches) = match searched {
                Ok(found) => found,
                Err(error @ (StoredObjectError::Store(_) | StoredObjectError::Temporary(_))) => {
                    return Err(LateError::Object { key, error });
                }
                Err(error) => {
                    let reason = error.to_string();
                    tracing::error!(
                        key,
                        reason,
                        "archive object cannot be read: late events are sealed without looking for copies in it"
                    );
                    self.damaged.insert(key, reason);
                    continue;
                }
            };
            for (row, hash) in matches {
                found[row] = Some(hash);
            }
            // An object that cannot state its times is searched for every block.
            candidates[position].times = time_bounds(&object.metadata);
            if kept_bytes + object.memory() <= KEPT_BYTES {
                kept_bytes += object.memory();
                opened.push((position, object));
            }
        }
        drop(results);
        // Blocks go forward in time: what this block did not need the next one hardly will.
        self.open = opened.into();
        Ok(found)
    }
}

impl ArchivedRows<'_> {
    /// The objects that could not be searched.
    pub fn into_damaged(self) -> Vec<Unread> {
        self.damaged.into_iter().map(|(key, reason)| Unread { key, reason }).collect()
    }
}
