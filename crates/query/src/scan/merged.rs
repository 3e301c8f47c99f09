//! Small landing objects, many read as one.
//!
//! Where events arrive one by one, landing holds tens of thousands of objects of an event each until the next seal. A decoded footer
//! costs ten times the object, so opening each of them for each question costs more memory and time than all their rows. Runs of small
//! neighbours are therefore read once, checked as any landing object is, and kept in memory as one landing object in the same encoding,
//! which takes some 30 bytes an event beyond what does not repeat.
//!
//! Nothing else changes: rows keep their seal time, because only neighbours are merged whose arrivals give rows the same earliest seal
//! time, and copies keep their order, because equal rows of a landing object stay as they were appended. Where one of the objects cannot
//! be read, all of them are read one by one.
//!
//! Runs are cut where a hash of the key says so, so that the cuts stay where they are when objects arrive, expire or lie outside a
//! question's time.

use std::ops::Range;
use std::sync::Arc;

use auditlake_event::batch::EventRows;
use auditlake_lake::landing::file::{LandingEncoder, LandingObject, decode_named};
use auditlake_lake::period::SealRule;
use futures::stream::StreamExt;

use super::context::Context;
use super::handle::Handle;
use super::landed::{Landed, Merged};
use super::state::EngineState;

/// Most objects that are merged, and most bytes they may have together.
const MAX_OBJECTS: usize = 8_192;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Objects that are fetched at the same time.
const FETCH_CONCURRENCY: usize = 32;

/// Neighbours in landing: their places in a list by key.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// To be read one by one.
    Single(Range<usize>),
    /// To be read as one.
    Run(Range<usize>),
}

/// What is known of where runs are cut.
struct Cutter<'e> {
    engine: &'e EngineState,
    rule: SealRule,
}

impl Cutter<'_> {
    fn is_small(&self, landed: &Landed) -> bool {
        landed.size <= self.engine.settings.merge_object_bytes
    }

    /// Whether two neighbours may lie in one run.
    fn belong_together(&self, left: &Landed, right: &Landed) -> bool {
        let earliest =
            |landed: &Landed| self.rule.seal_time(auditlake_event::Timestamp::from_millis(0), landed.key.arrival());
        self.is_small(left) && self.is_small(right) && earliest(left) == earliest(right)
    }

    /// Whether a run of about `length` objects begins at an object.
    fn begins(&self, landed: &Landed, length: u64) -> bool {
        self.engine.hash_of_key(&landed.key).is_multiple_of(length)
    }

    /// Cuts objects that belong together into runs of about `lengths[0]`; what lies before the first cut and after the last one, where
    /// objects may be missing or still to come, into shorter ones.
    fn cut(&self, objects: &[Landed], range: Range<usize>, lengths: &[u64], parts: &mut Vec<Part>) {
        let Some((&length, shorter)) = lengths.split_first() else { return add_single(parts, range) };
        let cuts: Vec<usize> = range.clone().filter(|&index| self.begins(&objects[index], length)).collect();
        let (Some(&first), Some(&last)) = (cuts.first(), cuts.last()) else {
            return self.cut(objects, range, shorter, parts);
        };
        self.cut(objects, range.start..first, shorter, parts);
        for pair in cuts.windows(2) {
            let run = pair[0]..pair[1];
            let bytes: u64 = objects[run.clone()].iter().map(|landed| landed.size).sum();
            match run.len() {
                0 | 1 => add_single(parts, run),
                2..=MAX_OBJECTS if bytes <= MAX_BYTES => parts.push(Part::Run(run)),
                _ => self.cut(objects, run, shorter, parts),
            }
        }
        self.cut(objects, last..range.end, shorter, parts);
    }
}

fn add_single(parts: &mut Vec<Part>, range: Range<usize>) {
    match parts.last_mut() {
        _ if range.is_empty() => {}
        Some(Part::Single(before)) => before.end = range.end,
        _ => parts.push(Part::Single(range)),
    }
}

/// Cuts landing objects, in the order of their keys, into what is read one by one and what is read as one.
pub fn parts(engine: &EngineState, objects: &[Landed]) -> Vec<Part> {
    let cutter = Cutter { engine, rule: engine.lake.rule() };
    let (mut parts, mut start) = (Vec::new(), 0);
    for together in objects.chunk_by(|left, right| cutter.belong_together(left, right)) {
        let range = start..start + together.len();
        start = range.end;
        if together.len() == 1 {
            add_single(&mut parts, range);
        } else {
            cutter.cut(objects, range, &engine.settings.merge_lengths, &mut parts);
        }
    }
    parts
}

/// The objects of a run as one: remembered, or made now. `None` if one of them cannot be had or read.
pub async fn merged(context: &Context<'_>, run: &[Landed]) -> Option<Arc<Merged>> {
    let engine = context.engine;
    let key = format!("merged/{:032x}", engine.hash_of_keys(run.iter().map(|landed| &landed.key)));
    if context.unreadable.contains(&key) {
        return None;
    }
    if let Some(merged) = engine.merged.get(&key) {
        return Some(merged);
    }
    // One at a time: who waits finds it made, or goes on with the next.
    let _guard = engine.merging.lock().await;
    if let Some(merged) = engine.merged.get(&key) {
        return Some(merged);
    }
    let merged = Arc::new(merge(context, &key, run).await?);
    engine.merged.insert(&key, Arc::clone(&merged), merged.memory());
    Some(merged)
}

async fn merge(context: &Context<'_>, key: &str, run: &[Landed]) -> Option<Merged> {
    let engine = context.engine;
    let rule = engine.lake.rule();
    let fetch = async |landed: &Landed| {
        let key = landed.key.to_string();
        let bytes = match engine.objects.get(&key) {
            Some(bytes) => Some(bytes),
            None => context.meter.get(context.store(), &key).await.ok().map(|object| object.bytes),
        };
        (landed.key, bytes)
    };
    let mut fetched = Vec::with_capacity(run.len());
    fetched.extend(run.iter().map(fetch));
    let mut fetched = std::pin::pin!(futures::stream::iter(fetched).buffered(FETCH_CONCURRENCY));
    let mut encoder = LandingEncoder::new();
    while let Some((key, bytes)) = fetched.next().await {
        append(&mut encoder, &decode_named(bytes?, key, &rule).ok()?)?;
    }
    let last = run.last()?.key.arrival();
    let encoded = encoder.finish(last, &rule).ok()?;
    let handle =
        Handle { key: key.to_owned(), size: encoded.bytes.len() as u64, partition: None, merged: Some(encoded.bytes) };
    Some(Merged { handle: Arc::new(handle), groups: encoded.index.groups.into_boxed_slice() })
}

fn append(encoder: &mut LandingEncoder, object: &LandingObject) -> Option<()> {
    for batch in &object.batches {
        let rows = EventRows::new(batch, None).ok()?;
        for row in 0..batch.num_rows() {
            encoder.push(std::slice::from_ref(&rows.event(row).ok()?));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auditlake_event::Timestamp;
    use auditlake_lake::layout::LandingKey;
    use auditlake_lake::{Arrival, Codec, Lake, Period};
    use auditlake_store::memory::MemoryStore;

    use super::*;
    use crate::scan::settings::Settings;

    const MINUTE_MS: i64 = 60_000;

    fn engine() -> EngineState {
        let created = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let lake = Lake::new(created, Period::HOUR, 5 * MINUTE_MS, 5 * MINUTE_MS, Codec::Snappy);
        EngineState::new(Arc::new(MemoryStore::new()), lake, Settings::default())
    }

    /// An object every second for `seconds`.
    fn landed(seconds: i64) -> Vec<Landed> {
        let start = Timestamp::parse("2026-03-01T10:00:00Z").unwrap();
        let one = |second: i64| {
            let mut random = [0; 10];
            random[2..].copy_from_slice(&second.to_be_bytes());
            Landed { key: LandingKey::new(Arrival(start.plus_millis(second * 1_000)), random), size: 3_500 }
        };
        (0..seconds).map(one).collect()
    }

    fn runs<'l>(parts: &[Part], objects: &'l [Landed]) -> Vec<&'l [Landed]> {
        parts.iter().filter_map(|part| if let Part::Run(run) = part { Some(&objects[run.clone()]) } else { None }).collect()
    }

    #[test]
    fn every_object_is_in_one_part_in_order_and_few_are_read_alone() {
        let engine = engine();
        let objects = landed(30_000);
        let cut = parts(&engine, &objects);
        let mut next = 0;
        for part in &cut {
            let (Part::Single(range) | Part::Run(range)) = part;
            assert_eq!(range.start, next);
            next = range.end;
        }
        assert_eq!(next, objects.len());
        let merged: usize = runs(&cut, &objects).iter().map(|run| run.len()).sum();
        assert!(merged > 28_000 && cut.len() < 900, "{merged} in {} parts", cut.len());
        let rule = engine.lake.rule();
        for run in runs(&cut, &objects) {
            let earliest = |landed: &Landed| rule.seal_time(Timestamp::from_millis(0), landed.key.arrival());
            assert!(run.len() >= 2 && run.iter().all(|landed| earliest(landed) == earliest(&run[0])));
        }
    }

    #[test]
    fn runs_stay_where_they_are_when_objects_come_and_go_at_the_ends() {
        let engine = engine();
        let objects = landed(3_000);
        let part = &objects[700..2_900];
        let (whole, parts) = (parts(&engine, &objects), parts(&engine, part));
        let (whole, runs) = (runs(&whole, &objects), runs(&parts, part));
        let (first, last) = (part[0].key, part[part.len() - 1].key);
        // All that lie inside are the same, but for the two at the ends, which may have been long ones that are cut shorter now.
        let inside = whole.iter().filter(|run| first <= run[0].key && run[run.len() - 1].key <= last);
        let same = inside.clone().filter(|run| runs.contains(run)).count();
        assert!(same + 2 >= inside.count() && same > 0, "{same} are the same");
    }

    #[test]
    fn large_objects_are_read_alone() {
        let engine = engine();
        let mut objects = landed(500);
        objects.iter_mut().for_each(|landed| landed.size = 16 * 1024 + 1);
        assert_eq!(parts(&engine, &objects), [Part::Single(0..500)]);
    }
}
