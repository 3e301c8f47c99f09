//! What strangers put into a lake: it is named, nothing vanishes, and one thing does not stop all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::format::{FORMAT_KEY, SCHEMA_KEY};
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::layout::{self, ARCHIVE, LandingKey};
use auditlake_lake::opening::{self, OpenError};
use auditlake_lake::seal::omitted::Omitted;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::set_aside::{Next, SetAsideError, Statement, set_aside};
use auditlake_lake::seal::{HeldUp, RunLimits, SealError, SealRun, SealSettings, Sealer, plan};
use auditlake_lake::{Arrival, Codec, Lake, SealTime, status};
use auditlake_store::ErrorKind;
use auditlake_store::memory::{Action, MemoryStore, Point};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::block_on;
use crate::crash::{Prepared, prepare};
use crate::reader::Reader;
use crate::world::{Key, SkewedClock};

fn seal(store: &MemoryStore, prepared: &Prepared) -> (Result<SealRun, SealError>, Vec<SealRecord>) {
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut sealer = Sealer::new(Arc::new(store.clone()), prepared.lake.clone(), clock, SealSettings::default());
    let mut records = Vec::new();
    let result = block_on(sealer.run(RunLimits::default(), &mut |record| records.push(record.clone())));
    (result, records)
}

/// What a sealer says that holds it up, both when it seals and when it is only asked.
fn held_up(store: &MemoryStore, prepared: &Prepared) -> HeldUp {
    let clock = Arc::new(SkewedClock { world: Arc::clone(&prepared.now), skew_ms: 0 });
    let mut sealer = Sealer::new(Arc::new(store.clone()), prepared.lake.clone(), clock, SealSettings::default());
    let asked = block_on(sealer.preview(1)).unwrap_err();
    let asked = sealer.held_up(&asked).unwrap();
    let error = block_on(sealer.run(RunLimits::default(), &mut |_| {})).unwrap_err();
    assert_eq!(sealer.held_up(&error).as_ref(), Some(&asked));
    let first = sealed_until(store, &prepared.lake);
    assert_eq!(asked.since, sealer.due_at(first));
    asked
}

fn now(prepared: &Prepared) -> Timestamp {
    Timestamp::from_millis(prepared.now.load(Ordering::SeqCst))
}

fn sealed_until(store: &MemoryStore, lake: &Lake) -> SealTime {
    block_on(status::sealed_until(store, lake, None)).unwrap()
}

/// The undisturbed run, and the objects that it adds below a prefix.
fn undisturbed(prepared: &Prepared, prefix: &str) -> (SealRun, Vec<(String, Bytes)>) {
    let store = prepared.store.fork();
    let result = seal(&store, prepared).0.unwrap();
    let before = prepared.store.snapshot();
    let added = store.snapshot().into_iter().filter(|(key, _)| key.starts_with(prefix) && !before.contains_key(key));
    (result, added.collect())
}

fn take_away(store: &MemoryStore, prepared: &Prepared, key: &str) -> Statement {
    let (statement, next) = block_on(set_aside(store, &prepared.lake, key, "put there by a test", now(prepared))).unwrap();
    assert_eq!(next, Next::Remove);
    assert!(store.snapshot().contains_key(&statement.copy));
    store.expire(key);
    statement
}

#[test]
fn garbage_where_an_archive_object_belongs_stops_nobody() {
    let prepared = prepare();
    let (expected, archived) = undisturbed(&prepared, ARCHIVE);
    assert!(archived.len() > 4);
    for (key, bytes) in archived.iter().take(6) {
        for garbage in [Bytes::from_static(b"garbage"), bytes.slice(..bytes.len() - 1), Bytes::new()] {
            let store = prepared.store.fork();
            store.overwrite(key, garbage);
            let (result, records) = seal(&store, &prepared);
            let result = result.unwrap();
            assert_eq!((result.sealed_until, result.rows_out), (expected.sealed_until, expected.rows_out));
            let displaced: Vec<_> = records.iter().flat_map(|record| &record.displaced).collect();
            assert_eq!(displaced.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), [key]);
            let beside = key.replace("Z-0000-", "Z-2500-");
            assert!(records.iter().any(|record| record.outputs.iter().any(|output| output.key == beside)), "{beside}");
            // It can be taken away later; what the seal wrote cannot.
            take_away(&store, &prepared, key);
            let refused = block_on(set_aside(&store, &prepared.lake, &beside, "", now(&prepared)));
            assert!(matches!(refused, Err(SetAsideError::Refused { .. })), "{refused:?}");
        }
    }
}

#[test]
fn a_readable_object_of_a_stranger_where_an_archive_object_belongs_is_refused() {
    let prepared = prepare();
    let (_, archived) = undisturbed(&prepared, ARCHIVE);
    let region = |key: &str| key.split('/').nth(3).unwrap().to_owned();
    let (key, other) = (0..archived.len())
        .flat_map(|left| (0..archived.len()).map(move |right| (left, right)))
        .find(|(left, right)| region(&archived[*left].0) != region(&archived[*right].0))
        .unwrap();
    let store = prepared.store.fork();
    store.overwrite(&archived[key].0, archived[other].1.clone());
    let error = seal(&store, &prepared).0.unwrap_err();
    assert_eq!(error.key(), Some(archived[key].0.as_str()), "{error}");
}

#[test]
fn a_plan_or_record_of_a_period_that_is_not_closed_is_refused_and_nothing_vanishes() {
    let prepared = prepare();
    let (expected, _) = undisturbed(&prepared, ARCHIVE);
    let first = sealed_until(&prepared.store, &prepared.lake);
    let second = prepared.lake.period().next(first);
    for period in [first, second] {
        let empty = plan::empty(period, Codec::Snappy).to_bytes().unwrap();
        let forged = SealRecord::of_nothing(period, sha256_hex(&empty), None).to_bytes().unwrap();
        for (key, bytes) in [
            (layout::plan_key(period), Bytes::from(empty.clone())),
            (layout::plan_key(period), Bytes::from_static(b"garbage")),
            (layout::record_key(period), Bytes::from(forged.clone())),
            (layout::record_key(period), Bytes::new()),
        ] {
            let store = prepared.store.fork();
            store.overwrite(&key, bytes);
            assert_eq!(sealed_until(&store, &prepared.lake), first, "answers still read landing");
            let before = store.snapshot();
            let error = seal(&store, &prepared).0.unwrap_err();
            assert!(matches!(&error, SealError::NotOurs(found) if *found == key), "{error}");
            assert!(!error.retryable());
            assert_eq!(store.snapshot(), before, "nothing was written");
            take_away(&store, &prepared, &key);
            let result = seal(&store, &prepared).0.unwrap();
            assert_eq!((result.sealed_until, result.rows_out), (expected.sealed_until, expected.rows_out));
        }
    }
}

#[test]
fn garbage_where_a_seal_writes_is_named_and_can_be_set_aside() {
    let prepared = prepare();
    let (expected, steps) = undisturbed(&prepared, "");
    let first = sealed_until(&prepared.store, &prepared.lake);
    let closed = |store: &MemoryStore| {
        for (key, bytes) in steps.iter().filter(|(key, _)| key.ends_with(".close.json")) {
            store.overwrite(key, bytes.clone());
        }
    };
    let of_first = |key: &&String| key.contains(&first.key_name());
    let digest = steps.iter().map(|(key, _)| key).filter(|key| key.starts_with("digests/")).find(of_first).unwrap();
    for key in [&layout::plan_key(first), &layout::record_key(first), digest] {
        let store = prepared.store.fork();
        closed(&store);
        store.overwrite(key, Bytes::from_static(b"garbage"));
        let error = seal(&store, &prepared).0.unwrap_err();
        assert_eq!(error.key(), Some(key.as_str()), "{error}");
        let held_up = held_up(&store, &prepared);
        assert_eq!(held_up.key.as_ref(), Some(key));
        assert_eq!(sealed_until(&store, &prepared.lake), first, "answers still read landing");
        assert!(held_up.help.contains(&format!("auditlake seal --set-aside '{key}'")), "{held_up:?}");
        let statement = take_away(&store, &prepared, key);
        assert_eq!((statement.key.as_str(), statement.reason.as_str()), (key.as_str(), "put there by a test"));
        let result = seal(&store, &prepared).0.unwrap();
        assert_eq!((result.sealed_until, result.rows_out), (expected.sealed_until, expected.rows_out), "{key}");
    }
}

#[test]
fn sound_objects_are_not_set_aside() {
    let prepared = prepare();
    let (_, added) = undisturbed(&prepared, "");
    let store = prepared.store.fork();
    for (key, bytes) in &added {
        store.overwrite(key, bytes.clone());
    }
    let kinds = ["landing/", ARCHIVE, "digests/", "seals/", "lake.json"];
    for kind in kinds {
        for key in store.snapshot().into_keys().filter(|key| key.starts_with(kind) && !key.ends_with("notes.txt")) {
            let is_broken = LandingKey::parse(&key).is_some() && store.snapshot()[&key].len() < 100;
            let result = block_on(set_aside(&store, &prepared.lake, &key, "", now(&prepared)));
            assert_eq!(result.is_ok(), is_broken, "{key}");
        }
    }
    assert!(block_on(set_aside(&store, &prepared.lake, "lake.json", "", now(&prepared))).is_err());
}

/// A landing object as a version might write it that knows more.
fn newer_object() -> Bytes {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("whatever", column)]).unwrap();
    let entry = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let entries = vec![entry(FORMAT_KEY, "2"), entry(SCHEMA_KEY, "1")];
    let properties = WriterProperties::builder().set_key_value_metadata(Some(entries)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

#[test]
fn a_landing_object_of_a_newer_version_is_named_and_can_be_set_aside() {
    let prepared = prepare();
    let (expected, _) = undisturbed(&prepared, ARCHIVE);
    let arrival = Arrival(sealed_until(&prepared.store, &prepared.lake).start().plus_millis(1_000));
    let key = LandingKey::new(arrival, [3; 10]).to_string();
    let store = prepared.store.fork();
    store.overwrite(&key, newer_object());
    let error = seal(&store, &prepared).0.unwrap_err();
    assert!(matches!(error, SealError::NewerVersion { .. }), "{error}");
    assert_eq!(error.key(), Some(key.as_str()));
    let held_up = held_up(&store, &prepared);
    assert_eq!(held_up.key.as_deref(), Some(key.as_str()));
    assert!(held_up.help.starts_with("deploy the version of auditlake that wrote it"), "{held_up:?}");
    let (_, next) =
        block_on(set_aside(&store, &prepared.lake, &key, "the new version was rolled back", now(&prepared))).unwrap();
    assert_eq!(next, Next::Nothing);
    let result = seal(&store, &prepared).0.unwrap();
    assert_eq!((result.sealed_until, result.rows_out), (expected.sealed_until, expected.rows_out));
    let stated = result.set_aside.iter().find(|object| object.key == key).unwrap();
    assert_eq!(stated.reason, "set aside by an operator: the new version was rolled back");
}

#[test]
fn a_planned_object_that_was_damaged_since_can_be_set_aside() {
    let prepared = prepare();
    let (expected, added) = undisturbed(&prepared, "seals/");
    let store = prepared.store.fork();
    for (key, bytes) in added.iter().filter(|(key, _)| key.ends_with(".close.json") || key.ends_with(".plan.json")) {
        store.overwrite(key, bytes.clone());
    }
    let damaged = added
        .iter()
        .filter(|(key, _)| key.ends_with(".plan.json"))
        .find_map(|(_, bytes)| plan::Plan::parse(bytes).unwrap().inputs.first().cloned())
        .unwrap();
    store.overwrite(&damaged.key, Bytes::from_static(b"rotten"));
    let error = seal(&store, &prepared).0.unwrap_err();
    assert_eq!(error.key(), Some(damaged.key.as_str()), "{error}");
    block_on(set_aside(&store, &prepared.lake, &damaged.key, "the disk is failing", now(&prepared))).unwrap();
    let result = seal(&store, &prepared).0.unwrap();
    assert_eq!(result.sealed_until, expected.sealed_until);
    assert!(result.rows_in < expected.rows_in);
    assert!(result.set_aside.iter().any(|object| object.key == damaged.key));
}

#[test]
fn tags_that_cannot_be_written_stop_no_seal() {
    let prepared = prepare();
    let (expected, _) = undisturbed(&prepared, ARCHIVE);
    let store = prepared.store.fork();
    store.set_faults(|point: Point<'_>| match point.operation {
        "tag" => Action::Fail(ErrorKind::Invalid),
        _ => Action::Go,
    });
    let result = seal(&store, &prepared).0.unwrap();
    assert_eq!((result.sealed_until, result.periods), (expected.sealed_until, expected.periods));
}

#[test]
fn a_lake_whose_file_is_gone_or_of_another_lake_is_refused() {
    let prepared = prepare();
    let wanted = Lake::new(now(&prepared), prepared.lake.period(), 5_000, 30_000, Codec::Snappy);
    let store = prepared.store.fork();
    // The prepared lake has no file.
    let error = block_on(opening::open_or_create(&store, &wanted)).unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert!(!store.snapshot().contains_key(layout::LAKE_FILE), "nothing was written");
    for prefix in ["seals/", "etl/", "digests/", "landing/"] {
        let only = MemoryStore::new();
        let (key, bytes) = store.snapshot().into_iter().find(|(key, _)| key.starts_with(prefix)).unwrap();
        only.overwrite(&key, bytes);
        let error = block_on(opening::open(&only)).unwrap_err();
        assert!(error.to_string().contains(&key), "{error}");
    }
    store.overwrite(layout::LAKE_FILE, wanted.to_bytes().unwrap());
    let error = block_on(opening::open(&store)).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    store.overwrite(layout::LAKE_FILE, prepared.lake.to_bytes().unwrap());
    assert_eq!(block_on(opening::open(&store)).unwrap(), Some(prepared.lake.clone()));
    let empty = MemoryStore::new();
    assert_eq!(block_on(opening::open_or_create(&empty, &wanted)).unwrap(), wanted);
    let unsound = Lake { lead_ms: -1, ..wanted };
    assert!(matches!(block_on(opening::open_or_create(&MemoryStore::new(), &unsound)), Err(OpenError::Invalid(_))));
}

#[test]
fn a_digest_that_no_record_names_is_not_followed() {
    let prepared = prepare();
    let (_, digests) = undisturbed(&prepared, "digests/");
    let until = sealed_until(&prepared.store, &prepared.lake);
    let organization = Organization::parse("organization-0").unwrap();
    let store = prepared.store.fork();
    let last = prepared.lake.period().previous(until);
    let forged = layout::digest_key(&organization, last);
    let is_new = !store.snapshot().contains_key(&forged);
    store.overwrite(&forged, Bytes::from_static(b"{}"));
    let (result, _) = seal(&store, &prepared);
    result.unwrap();
    let seen = store.snapshot();
    assert!(is_new);
    for (key, bytes) in digests.iter().filter(|(key, _)| key.contains("organization-0")) {
        assert_eq!(&seen[key], bytes, "{key}");
    }
}

/// An empty plan and a record that agrees with it, as someone with the right to write them would put them there after the close.
fn forge(store: &MemoryStore, lake: &Lake, periods: usize) -> SealTime {
    let mut period = sealed_until(store, lake);
    for _ in 0..periods {
        let previous = lake.period().previous(period);
        let previous = (period != lake.first_period).then(|| sha256_hex(&store.snapshot()[&layout::record_key(previous)]));
        let empty = plan::empty(period, Codec::Snappy).to_bytes().unwrap();
        let forged = SealRecord::of_nothing(period, sha256_hex(&empty), previous).to_bytes().unwrap();
        store.overwrite(&layout::close_key(period), Bytes::from_static(b"{}"));
        store.overwrite(&layout::plan_key(period), empty);
        store.overwrite(&layout::record_key(period), forged);
        period = lake.period().next(period);
    }
    period
}

/// What an exact read shows after everything is sealed.
fn read_all(store: &MemoryStore, prepared: &Prepared) -> BTreeMap<Key, Vec<String>> {
    let periods = 6 * prepared.lake.period().millis();
    prepared.now.fetch_add(periods, Ordering::SeqCst);
    seal(store, prepared).0.unwrap();
    prepared.now.fetch_sub(periods, Ordering::SeqCst);
    block_on(Reader::default().read(store, &prepared.lake)).unwrap()
}

fn statements(store: &MemoryStore) -> Vec<Omitted> {
    let objects = store.snapshot();
    let found = objects.iter().filter(|(key, _)| key.starts_with("quarantine/omitted/"));
    found.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect()
}

#[test]
fn events_that_a_forged_plan_and_record_hide_come_back() {
    let prepared = prepare();
    let undisturbed = prepared.store.fork();
    seal(&undisturbed, &prepared).0.unwrap();
    let expected = read_all(&undisturbed, &prepared);
    assert!(expected.len() > 10 && statements(&undisturbed).is_empty());
    for periods in 1..=4 {
        let store = prepared.store.fork();
        let before = sealed_until(&store, &prepared.lake);
        let after = forge(&store, &prepared.lake, periods);
        assert_eq!(
            sealed_until(&store, &prepared.lake),
            after,
            "the forged records agree with their plans and with each other"
        );
        let hidden = block_on(Reader::default().read(&store, &prepared.lake)).unwrap();
        seal(&store, &prepared).0.unwrap();
        let seen = block_on(Reader::default().read(&store, &prepared.lake)).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "as soon as a sealer has run");
        let omitted = statements(&store);
        assert_eq!(omitted.is_empty(), hidden.len() == expected.len(), "{periods}");
        for statement in &omitted {
            assert!(statement.seal_times.iter().all(|seal_time| before <= *seal_time && *seal_time < after));
            assert!(store.snapshot().contains_key(&statement.landed_again), "{statement:?}");
        }
        assert_eq!(read_all(&store, &prepared).keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        // Said and done once.
        assert_eq!(statements(&store), omitted);
    }
}

#[test]
fn events_that_a_forged_plan_hides_come_back_when_a_seal_has_followed_it() {
    let prepared = prepare();
    let undisturbed = prepared.store.fork();
    seal(&undisturbed, &prepared).0.unwrap();
    let expected = read_all(&undisturbed, &prepared);
    let first = sealed_until(&prepared.store, &prepared.lake);
    for period in [first, prepared.lake.period().next(first)] {
        let store = prepared.store.fork();
        store.overwrite(&layout::close_key(period), Bytes::from_static(b"{}"));
        store.overwrite(&layout::plan_key(period), plan::empty(period, Codec::Snappy).to_bytes().unwrap());
        let (result, records) = seal(&store, &prepared);
        result.unwrap();
        let followed = records.iter().find(|record| record.seal_time == period).unwrap();
        assert_eq!(followed.rows_in, 0, "the first plan wins");
        assert!(!statements(&store).is_empty() || period != first);
        assert_eq!(read_all(&store, &prepared).keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    }
}

#[test]
fn what_was_never_acknowledged_is_not_landed_again() {
    let prepared = prepare();
    let store = prepared.store.fork();
    let first = sealed_until(&store, &prepared.lake);
    let landed: Vec<(String, Bytes)> =
        store.snapshot().into_iter().filter(|(key, _)| LandingKey::parse(key).is_some()).collect();
    // Put after the close, as a writer that was too slow does: it finds the period closed and lands its rows again.
    let after = forge(&store, &prepared.lake, 3);
    for (key, bytes) in landed {
        store.overwrite(&key, bytes);
    }
    seal(&store, &prepared).0.unwrap();
    assert!(first < after && statements(&store).is_empty());
}
