//! Whether a late row is in the archive already, written by an earlier seal.
//!
//! Late rows come in blocks, in time order. For each block only those objects are opened that can hold a row of its times: an
//! object sealed with `S` holds no event whose own period is after `S`, and once opened its times are known. Of these objects only
//! the footer is read, then the bloom filters of event ids, then pages of key columns whose times match, and whole rows only where
//! the whole key matches. An object that is damaged is not searched and named: the seal goes on and states it. Memory: a few footers, and of each object searched at once the key columns of one row group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_store::{Store, StoreError, list_all};
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use crate::archive_file::is_of_another_key;
use crate::archived_search::{self, Wanted, time_bounds};
use crate::checksums::{self, ChecksumError, Checksums};
use crate::damage::{GAVE_UP, check_layout};
use crate::hash::Hash;
use crate::integrity::Unread;
use crate::layout::{ArchiveKey, Partition};
use crate::period::{SealRule, SealTime};
use crate::row_key::RowKey;
use crate::shard::ShardError;
use crate::stored_object::StoredObjectError;

/// How much of the end of an object is read to learn its footer, in bytes. Most objects are not larger.
const END_BYTES: u64 = 96 * 1024;

/// Ranges nearer to each other than this are read at once, in bytes.
const NEAR_BYTES: u64 = 64 * 1024;

/// Objects searched side by side, and ranges read side by side.
const SIDE_BY_SIDE: usize = 8;

/// Footers and ends of objects that are kept for the next block, in bytes.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// An object whose footer is known.
pub(crate) struct OpenObject<'a> {
    /// The footer, with the page index if there is one.
    pub metadata: Arc<ParquetMetaData>,
    bytes: ObjectBytes<'a>,
}

/// An object's bytes: its end is in memory, the rest is read as it is needed. What is read is what was written.
struct ObjectBytes<'a> {
    store: &'a dyn Store,
    key: String,
    checksums: Option<Checksums>,
    end: Bytes,
    end_start: u64,
}

impl<'a> OpenObject<'a> {
    async fn open(store: &'a dyn Store, key: String) -> Result<Self, StoredObjectError> {
        let suffix = store.get_suffix(&key, END_BYTES).await?;
        let (size, mut end) = (suffix.size, suffix.bytes);
        let footer = checksums::footer_bytes(&end)?;
        if footer as u64 > size {
            return Err(ChecksumError::NoFooter.into());
        }
        if footer > end.len() {
            end = store.get_range(&key, size - footer as u64..size).await?;
        }
        let end_start = size - end.len() as u64;
        let checksums = Checksums::of(&end, size)?;
        if let Some(checksums) = &checksums {
            checksums.check(end_start, &end)?;
        }
        let mut decoder = ParquetMetaDataPushDecoder::try_new(size)?.with_page_index_policy(PageIndexPolicy::Optional);
        decoder.push_range(end_start..size, end.clone())?;
        let bytes = ObjectBytes { store, key, checksums, end, end_start };
        let metadata = loop {
            match decoder.try_decode()? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    if ranges.iter().any(|range| range.end > size) {
                        return Err(StoredObjectError::Unreadable("its footer points beyond its end".to_owned()));
                    }
                    let found = bytes.read(&ranges).await?;
                    decoder.push_ranges(ranges, found)?;
                }
                DecodeResult::Finished => return Err(StoredObjectError::Unreadable("it has no footer".to_owned())),
            }
        };
        if is_of_another_key(&metadata, &bytes.key) {
            return Err(StoredObjectError::Foreign("its footer says that it belongs elsewhere".to_owned()));
        }
        check_layout(&metadata, size).map_err(StoredObjectError::Unreadable)?;
        Ok(Self { metadata: Arc::new(metadata), bytes })
    }

    fn memory(&self) -> usize {
        self.bytes.end.len() + self.metadata.memory_size()
    }

    /// The bytes of ranges, in the order of the ranges.
    pub async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoredObjectError> {
        self.bytes.read(ranges).await
    }
}

impl ObjectBytes<'_> {
    async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoredObjectError> {
        let outside_end = ranges.iter().filter(|range| range.start < self.end_start);
        let mut spans: Vec<Range<u64>> = match &self.checksums {
            Some(checksums) => outside_end.map(|range| checksums.whole_blocks(range.clone())).collect(),
            None => outside_end.cloned().collect(),
        };
        spans.sort_by_key(|span| span.start);
        spans.dedup_by(|next, span| {
            let is_near = next.start <= span.end + NEAR_BYTES;
            if is_near {
                span.end = span.end.max(next.end);
            }
            is_near
        });
        let reads = spans.iter().map(|span| async move {
            let bytes = self.store.get_range(&self.key, span.clone()).await?;
            if let Some(checksums) = &self.checksums {
                checksums.check(span.start, &bytes)?;
            }
            Ok::<(u64, Bytes), StoredObjectError>((span.start, bytes))
        });
        let mut read: Vec<(u64, Bytes)> = stream::iter(reads).buffered(SIDE_BY_SIDE).try_collect().await?;
        read.push((self.end_start, self.end.clone()));
        let slice = |range: &Range<u64>| {
            let after = read.partition_point(|(start, _)| *start <= range.start);
            let (start, bytes) = read.get(after.checked_sub(1)?)?;
            let from = usize::try_from(range.start - start).ok()?;
            let until = usize::try_from(range.end - start).ok()?;
            (until <= bytes.len()).then(|| bytes.slice(from..until))
        };
        let outside =
            || StoreError::new(auditlake_store::ErrorKind::Invalid, "get_range", &self.key, "fewer bytes than asked for");
        ranges.iter().map(|range| slice(range).ok_or_else(|| outside().into())).collect()
    }
}

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
    pub async fn find(&mut self, rows: &[RowKey<'_>]) -> Result<Vec<Option<Hash>>, ShardError> {
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
                    let matches = archived_search::search(&object, partition, &wanted).await?;
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
                    return Err(ShardError::Archived { key, error });
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

/// The times of late rows, to compare with the bounds of row groups and pages.
pub(crate) fn any_between(times: &BTreeSet<i64>, min: i64, max: i64) -> bool {
    min <= max && times.range(min..=max).next().is_some()
}
