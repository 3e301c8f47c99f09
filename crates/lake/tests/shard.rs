//! The data plane of a seal against a naive model, and against storage that fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

mod shard_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use auditlake_event::Timestamp;
use auditlake_event::columns::archive_schema;
use auditlake_lake::SealTime;
use auditlake_lake::archive::merkle::MerkleTree;
use auditlake_lake::hash::Hash;
use auditlake_lake::layout::ArchiveKey;
use auditlake_lake::piece::Piece;
use auditlake_lake::seal::gather::Gatherer;
use auditlake_lake::seal::outcome::ShardOutcome;
use auditlake_lake::seal::{ShardError, write_pieces};
use auditlake_store::memory::{Action, MemoryStore, Moment, Point};
use auditlake_store::{ErrorKind, Store};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use shard_support::*;

/// What the model says of one seal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    duplicates: u64,
    late_rows: u64,
    late_duplicates: u64,
    /// Identity, kept hash, other hash; sorted.
    conflicts: Vec<(Identity, Hash, Hash)>,
}

/// The naive model: a map of all events that are in the archive.
#[derive(Default)]
struct Model {
    archive: BTreeMap<Identity, (Row, SealTime)>,
}

impl Model {
    /// Objects in order of arrival, rows in file order.
    fn seal(&mut self, seal_time: SealTime, objects: &[Vec<Row>]) -> Expected {
        let mut expected = Expected::default();
        for row in objects.iter().flatten() {
            if row.seal_time != seal_time {
                continue;
            }
            let is_late = rule().period.start_of(row.event_time) < seal_time;
            expected.late_rows += u64::from(is_late);
            match self.archive.get(&row.identity()) {
                None => {
                    self.archive.insert(row.identity(), (row.clone(), seal_time));
                }
                Some((kept, kept_by)) if kept.hash() == row.hash() => {
                    expected.duplicates += 1;
                    expected.late_duplicates += u64::from(*kept_by < seal_time);
                }
                Some((kept, _)) => expected.conflicts.push((row.identity(), kept.hash(), row.hash())),
            }
        }
        expected.conflicts.sort();
        expected
    }
}

fn stated(outcome: &ShardOutcome) -> Expected {
    let mut conflicts: Vec<(Identity, Hash, Hash)> = Vec::new();
    for conflict in &outcome.conflicts {
        assert_eq!(Hash::of(conflict.other.get().as_bytes()), conflict.other_hash, "the copy is handed back whole");
        let identity = Identity {
            region: conflict.partition.region.to_string(),
            organization: conflict.partition.organization.to_string(),
            event_time: conflict.event_time,
            event_id: conflict.event_id.clone(),
            source: conflict.source.clone(),
        };
        conflicts.push((identity, conflict.kept_hash, conflict.other_hash));
    }
    conflicts.sort();
    Expected {
        duplicates: outcome.duplicates,
        late_rows: outcome.late_rows,
        late_duplicates: outcome.late_duplicates,
        conflicts,
    }
}

/// How one seal is carried out; none of it may show in the result.
#[derive(Debug, Clone)]
struct Manner {
    memory_budget: usize,
    parts: usize,
    reversed: bool,
    rows_per_batch: usize,
}

fn pieces(gatherer: &Gatherer, parts: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for summary in gatherer.summary() {
        let bounds = summary.split_bounds(parts);
        let mut from = None;
        for (part, until) in bounds.iter().copied().map(Some).chain([None]).enumerate() {
            pieces.push(Piece { partition: summary.partition.clone(), part: part as u16, from, until });
            from = until;
        }
    }
    pieces
}

async fn seal(
    store: &dyn Store,
    seal_time: SealTime,
    objects: &[Vec<Row>],
    manner: &Manner,
) -> Result<ShardOutcome, ShardError> {
    let mut gatherer = Gatherer::new(seal_time, rule(), manner.memory_budget, None);
    let mut numbered: Vec<(usize, &Vec<Row>)> = objects.iter().enumerate().collect();
    if manner.reversed {
        numbered.reverse();
    }
    for (ordinal, rows) in numbered {
        let wanted = rows.iter().filter(|row| row.seal_time == seal_time).count() as u64;
        let batches: Vec<_> = rows.chunks(manner.rows_per_batch).map(batch).collect();
        assert_eq!(gatherer.add_batches(ordinal as u32, &batches)?, wanted);
    }
    let pieces = pieces(&gatherer, manner.parts);
    assert_eq!(gatherer.summary().iter().map(|summary| summary.rows).sum::<u64>(), gatherer.rows());
    let late: u64 = gatherer.summary().iter().map(|summary| summary.late_rows).sum();
    let mut rows = gatherer.sorted()?;
    let outcome = write_pieces(store, &context(seal_time), &pieces, &mut rows).await?;
    assert_eq!(outcome.late_rows, late);
    assert_eq!(outcome.rows_in, rows.rows());
    Ok(outcome)
}

/// Every row in the archive, with the seal that wrote it; checks what objects state of themselves.
async fn archive(store: &MemoryStore, outcomes: &[ShardOutcome]) -> BTreeMap<Identity, (Row, SealTime)> {
    let mut archive = BTreeMap::new();
    let mut stated: BTreeMap<&str, _> = BTreeMap::new();
    for object in outcomes.iter().flat_map(|outcome| &outcome.objects) {
        assert!(stated.insert(object.key.as_str(), object).is_none(), "{} is stated twice", object.key);
    }
    let stored = store.snapshot();
    assert_eq!(stored.keys().map(String::as_str).collect::<Vec<_>>(), stated.keys().copied().collect::<Vec<_>>());
    for (key, bytes) in stored {
        let object = stated[key.as_str()];
        let parsed = ArchiveKey::parse(&key).unwrap();
        assert_eq!(parsed.partition, object.partition);
        assert_eq!(object.sha256, Hash::of(&bytes));
        assert_eq!(object.bytes, bytes.len() as u64);
        let rows = read_archive_object(&parsed, bytes);
        assert_eq!(object.rows, rows.len() as u64);
        let mut merkle = MerkleTree::new();
        for row in &rows {
            merkle.push(&row.hash());
        }
        assert_eq!(object.merkle_root, merkle.root());
        assert_eq!(object.min_event_time, rows.iter().map(|row| row.event_time).min().unwrap());
        assert_eq!(object.max_event_time, rows.iter().map(|row| row.event_time).max().unwrap());
        for row in rows {
            assert_eq!(row.event_time.hour(), parsed.partition.hour);
            assert_eq!(row.seal_time, parsed.seal_time);
            let previous = archive.insert(row.identity(), (row, parsed.seal_time));
            assert!(previous.is_none(), "{previous:?} is in the archive twice");
        }
    }
    archive
}

fn manners() -> impl Strategy<Value = Manner> {
    let budgets = prop::sample::select(vec![1usize, 30_000, 1 << 30]);
    (budgets, 1usize..4, any::<bool>(), prop::sample::select(vec![1usize, 3, 1000])).prop_map(
        |(memory_budget, parts, reversed, rows_per_batch)| Manner { memory_budget, parts, reversed, rows_per_batch },
    )
}

fn rows() -> impl Strategy<Value = Row> {
    let times = prop_oneof![0i64..40, 0i64..1_900].prop_map(|seconds| Timestamp::from_millis(START_MS + seconds * 1_000));
    (0u8..2, 0u8..2, times, 0u8..4, 0u8..2, 0u8..3, 0u32..400).prop_map(
        |(region, organization, time, id, source, content, periods)| {
            row(region, organization, time, id, source, content, periods)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_once_in_the_archive_and_each_copy_is_accounted_for(
        objects in prop::collection::vec(prop::collection::vec(rows(), 0..40), 0..12),
        manner in manners(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::new();
            let mut model = Model::default();
            let mut outcomes = Vec::new();
            for seal_time in seal_times(&objects) {
                let expected = model.seal(seal_time, &objects);
                let outcome = seal(&store, seal_time, &objects, &manner).await.unwrap();
                assert_eq!(stated(&outcome), expected);
                assert_eq!(outcome.rows_in, outcome.rows_out + outcome.duplicates + outcome.conflicts.len() as u64);
                assert_eq!(outcome.duplicates_by_organization.values().sum::<u64>(), outcome.duplicates);
                outcomes.push(outcome);
            }
            assert_eq!(archive(&store, &outcomes).await, model.archive);
        });
    }

    #[test]
    fn memory_batches_and_the_order_of_reading_do_not_show_in_the_bytes(
        objects in prop::collection::vec(prop::collection::vec(rows(), 0..60), 1..8),
        manner in manners(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let plain = Manner { memory_budget: 1 << 30, parts: manner.parts, reversed: false, rows_per_batch: 1000 };
            let (store, other) = (MemoryStore::new(), MemoryStore::new());
            for seal_time in seal_times(&objects) {
                seal(&store, seal_time, &objects, &plain).await.unwrap();
                seal(&other, seal_time, &objects, &manner).await.unwrap();
            }
            assert_eq!(store.snapshot(), other.snapshot());
        });
    }
}

fn plain() -> Manner {
    Manner { memory_budget: 1 << 30, parts: 1, reversed: false, rows_per_batch: 1000 }
}

/// 2 × 30 rows of one organization's hour, of its own seal.
fn small_hour() -> (SealTime, Vec<Vec<Row>>) {
    let at = |second: i64| Timestamp::from_millis(START_MS + second * 100);
    let object = |offset: i64| (offset..offset + 30).map(|n| row(0, 0, at(n), (n % 4) as u8, 0, 0, 0)).collect();
    let objects: Vec<Vec<Row>> = vec![object(0), object(15)];
    (objects[0][0].seal_time, objects)
}

#[tokio::test]
async fn sealing_again_states_what_is_stored() {
    let (seal_time, objects) = small_hour();
    let store = MemoryStore::new();
    let first = seal(&store, seal_time, &objects, &plain()).await.unwrap();
    let stored = store.snapshot();
    let second = seal(&store, seal_time, &objects, &plain()).await.unwrap();
    assert_eq!(first.objects, second.objects);
    assert_eq!(second.duplicates, 15);
    assert_eq!(store.snapshot(), stored);
}

/// As another version might encode rows: compressed otherwise, without checksums.
fn encode(rows: &[Row]) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), archive_schema(), Some(properties)).unwrap();
    writer.write(&archive_batch(rows)).unwrap();
    writer.into_inner().unwrap()
}

/// An object of the key that the small hour is written to, made by hand.
async fn with_existing(change: impl Fn(&mut Vec<Row>)) -> (MemoryStore, Vec<u8>, Result<ShardOutcome, ShardError>) {
    let (seal_time, objects) = small_hour();
    let reference = MemoryStore::new();
    let outcome = seal(&reference, seal_time, &objects, &plain()).await.unwrap();
    let key = ArchiveKey::parse(&outcome.objects[0].key).unwrap();
    let mut rows = read_archive_object(&key, reference.snapshot()[&outcome.objects[0].key].clone());
    change(&mut rows);
    let bytes = encode(&rows);
    let store = MemoryStore::new();
    store.overwrite(&outcome.objects[0].key, bytes.clone());
    let result = seal(&store, seal_time, &objects, &plain()).await;
    (store, bytes, result)
}

#[tokio::test]
async fn an_object_of_the_same_rows_in_another_order_and_encoding_is_taken_as_it_is() {
    for shift in [0, 7] {
        let (_, bytes, result) = with_existing(|rows| rows.rotate_left(shift)).await;
        let outcome = result.unwrap();
        assert_eq!(outcome.objects[0].sha256, Hash::of(&bytes));
        assert_eq!(outcome.objects[0].bytes, bytes.len() as u64);
    }
}

#[tokio::test]
async fn an_object_with_other_rows_is_an_error_and_stays() {
    type Change = fn(&mut Vec<Row>);
    let changes: [Change; 6] = [
        |rows| {
            rows.pop();
        },
        |rows| rows.push(rows[0].clone()),
        |rows| rows[3].content = 9,
        |rows| rows[3] = rows[4].clone(),
        |rows| rows[3].event_time = rows[3].event_time.plus_millis(-Timestamp::HOUR_MS),
        |rows| rows[3].seal_time = rule().period.next(rows[3].seal_time),
    ];
    for change in changes {
        let (store, bytes, result) = with_existing(change).await;
        assert!(matches!(result.unwrap_err(), ShardError::Mismatch { .. }));
        assert_eq!(store.snapshot().values().next().unwrap(), &bytes);
    }
}

#[tokio::test]
async fn the_rows_go_beside_an_object_that_cannot_be_read() {
    let (seal_time, objects) = small_hour();
    let reference = MemoryStore::new();
    let expected = seal(&reference, seal_time, &objects, &plain()).await.unwrap();
    let (key, bytes) = reference.snapshot().pop_first().unwrap();
    let cut = [bytes.slice(..bytes.len() - 1), bytes.slice(..0), bytes.slice(100..), "not parquet".into()];
    let changed = (4..bytes.len()).step_by(37).map(|position| {
        let mut damaged = bytes.to_vec();
        damaged[position] ^= 0x10;
        damaged.into()
    });
    for damage in cut.into_iter().chain(changed) {
        let store = MemoryStore::new();
        store.overwrite(&key, damage.clone());
        let outcome = seal(&store, seal_time, &objects, &plain()).await.unwrap();
        assert_eq!(outcome.displaced.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), [key.as_str()]);
        assert_eq!(outcome.objects[0].key, key.replace("-0000-", "-2500-"));
        assert_eq!(outcome.objects[0].merkle_root, expected.objects[0].merkle_root);
        assert_eq!(store.snapshot()[&key], damage, "it stays");
    }
}

#[tokio::test]
async fn a_run_that_died_anywhere_is_finished_by_the_next() {
    // Two seals, so that the second one also lists and reads what the first one wrote.
    let (seal_time, objects) = small_hour();
    let later = rule().period.next(rule().period.next(seal_time));
    let late: Vec<Vec<Row>> =
        objects.iter().map(|rows| rows.iter().map(|row| Row { seal_time: later, ..row.clone() }).collect()).collect();
    let all: Vec<Vec<Row>> = objects
        .into_iter()
        .chain(late)
        .chain([vec![row(0, 0, Timestamp::from_millis(START_MS + 77), 1, 0, 0, 200)]])
        .collect();
    let reference = MemoryStore::new();
    let first = seal(&reference, seal_time, &all, &plain()).await.unwrap();
    let between = reference.fork();
    between.set_faults(|_: Point<'_>| Action::Go);
    let second = seal(&between, later, &all, &plain()).await.unwrap();
    assert_eq!((first.rows_out, second.rows_out, second.duplicates, second.late_duplicates), (45, 1, 60, 60));
    let points = between.points();
    assert!(points >= 4);
    for crash_at in 0..points {
        for kind in [ErrorKind::Denied, ErrorKind::Timeout, ErrorKind::Unavailable, ErrorKind::Conflict] {
            let store = reference.fork();
            store.set_faults(move |point: Point<'_>| if point.index >= crash_at { Action::Fail(kind) } else { Action::Go });
            let error = seal(&store, later, &all, &plain()).await.unwrap_err();
            assert_eq!(error.retryable(), kind != ErrorKind::Denied, "{error}");
            store.clear_faults();
            let again = seal(&store, later, &all, &plain()).await.unwrap();
            assert_eq!(again.objects, second.objects);
            assert_eq!(store.snapshot(), between.snapshot());
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_a_few_times_is_made_again() {
    let (seal_time, objects) = small_hour();
    let reference = MemoryStore::new();
    let expected = seal(&reference, seal_time, &objects, &plain()).await.unwrap();
    for moment in [Moment::Before, Moment::After] {
        for kind in [ErrorKind::Conflict, ErrorKind::Timeout, ErrorKind::Unavailable] {
            let store = MemoryStore::new();
            let failures = Arc::new(AtomicU32::new(0));
            let counted = Arc::clone(&failures);
            store.set_faults(move |point: Point<'_>| {
                let fails =
                    point.operation == "put" && point.moment == moment && counted.fetch_add(1, Ordering::Relaxed) < 2;
                if fails { Action::Fail(kind) } else { Action::Go }
            });
            let outcome = seal(&store, seal_time, &objects, &plain()).await.unwrap();
            assert_eq!(outcome.objects, expected.objects);
            assert!(failures.load(Ordering::Relaxed) >= 2);
            assert_eq!(store.snapshot(), reference.snapshot());
        }
    }
}

/// 16 MiB of rows that do not compress, so that the object is uploaded in parts.
fn large_hour() -> (SealTime, Vec<Vec<Row>>) {
    let mut state = 1u64;
    let mut noise = || {
        let words = (0..2048).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:08x}", state >> 32)
        });
        words.collect::<String>()
    };
    let make =
        |n: i64| Row { raw: Some(noise()), ..row(0, 0, Timestamp::from_millis(START_MS + n), (n % 100) as u8, 0, 0, 0) };
    let rows: Vec<Row> = (0..4_000).map(make).collect();
    (rows[0].seal_time, rows.chunks(500).map(<[Row]>::to_vec).collect())
}

#[tokio::test]
async fn a_large_object_is_uploaded_and_made_again_from_its_start_after_a_conflict() {
    let (seal_time, objects) = large_hour();
    let reference = MemoryStore::new();
    let expected = seal(&reference, seal_time, &objects, &plain()).await.unwrap();
    assert!(expected.objects[0].bytes > 16 << 20);
    let manner = Manner { memory_budget: 4 << 20, ..plain() };
    for (operation, kind, moment) in [
        ("upload.finish", ErrorKind::Conflict, Moment::Before),
        ("upload.finish", ErrorKind::Timeout, Moment::After),
        ("upload.write", ErrorKind::Unavailable, Moment::Before),
    ] {
        let store = MemoryStore::new();
        let failures = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&failures);
        store.set_faults(move |point: Point<'_>| {
            let is_it = point.operation == operation && point.moment == moment;
            if is_it && counted.fetch_add(1, Ordering::Relaxed) < 1 { Action::Fail(kind) } else { Action::Go }
        });
        let outcome = seal(&store, seal_time, &objects, &manner).await.unwrap();
        assert!(failures.load(Ordering::Relaxed) >= 1, "{operation} was never called");
        assert_eq!(outcome.objects, expected.objects);
        assert_eq!(store.snapshot(), reference.snapshot());
    }
}

#[tokio::test]
async fn what_is_no_landing_batch_is_refused_and_leaves_the_gatherer_as_it_was() {
    let (seal_time, objects) = small_hour();
    let mut gatherer = Gatherer::new(seal_time, rule(), 1 << 20, None);
    gatherer.add_batches(0, &[batch(&objects[0])]).unwrap();
    let before = gatherer.summary();
    let good = batch(&objects[1]);
    let mut foreign_region = objects[1][..1].to_vec();
    foreign_region[0].region = "../up".to_owned();
    let fewer_columns = good.project(&[0, 1, 2]).unwrap();
    for bad in [vec![good.clone(), fewer_columns], vec![good, batch(&foreign_region)]] {
        assert!(gatherer.add_batches(1, &bad).is_err());
        assert_eq!(gatherer.summary(), before);
        assert_eq!(gatherer.rows(), 30);
    }
}

#[tokio::test]
async fn a_late_row_is_looked_for_only_in_objects_that_can_hold_it() {
    let store = MemoryStore::new();
    let period_ms = rule().period.millis();
    let at = |period: i64, n: i64| Timestamp::from_millis(START_MS + period * period_ms + n * 100);
    // Six periods of one hour, 2,000 rows each.
    for period in 0..6 {
        let rows: Vec<Row> = (0..2_000).map(|n| row(0, 0, at(period, n), (n % 4) as u8, 0, 0, 0)).collect();
        seal(&store, rows[0].seal_time, &[rows], &plain()).await.unwrap();
    }
    let opened = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&opened);
    store.set_faults(move |point: Point<'_>| {
        if point.moment == Moment::Before && point.operation.starts_with("get") {
            seen.lock().unwrap().push((point.operation, point.key.to_owned()));
        }
        Action::Go
    });
    // 20,000 late rows of the third period: a copy of each archived row and others; five blocks.
    let seal_time = rule().period.start_of(at(6, 0));
    let late = |n: i64| Row { seal_time, ..row(0, 0, at(2, n % 2_000), (n % 4) as u8, (n / 2_000 % 2) as u8, 0, 0) };
    let mut rows: Vec<Row> = (0..4_000).map(late).collect();
    for n in 0..16_000 {
        rows.push(Row { event_id: format!("new-{n}"), ..late(n) });
    }
    let outcome = seal(&store, seal_time, &[rows], &plain()).await.unwrap();
    assert_eq!((outcome.rows_in, outcome.late_duplicates, outcome.rows_out), (20_000, 2_000, 18_000));
    let opened = opened.lock().unwrap();
    let objects: std::collections::BTreeSet<&str> = opened.iter().map(|(_, key)| key.rsplit('/').next().unwrap()).collect();
    // Sealed before the third period: cannot hold its events. Sealed after: opened once, then known not to.
    let expected = ["20260301T122000Z-0000", "20260301T123000Z-0000", "20260301T124000Z-0000", "20260301T125000Z-0000"];
    assert_eq!(objects.into_iter().collect::<Vec<_>>(), expected.map(|name| format!("{name}-snappy.parquet")));
    for name in &expected[1..] {
        assert_eq!(opened.iter().filter(|(_, key)| key.contains(name)).count(), 1);
    }
    assert!(opened.iter().all(|(operation, _)| *operation != "get"), "objects are read in part");
}
