//! Whatever is done to what was sealed is found, and called by its name.

use arrow_array::RecordBatch;
use auditlake_lake::hash::{Hash, sha256_hex};
use auditlake_lake::layout;
use auditlake_store::memory::MemoryStore;
use auditlake_verify::{FindingKind, Options, Report};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::lakes::{Random, check, keys, lake, records};

/// What was done, and which findings it may have.
struct Done {
    what: String,
    kinds: Vec<FindingKind>,
}

fn done(what: String, kinds: &[FindingKind]) -> Option<Done> {
    Some(Done { what, kinds: kinds.to_vec() })
}

fn kinds_of(key: &str) -> Vec<FindingKind> {
    use FindingKind::*;
    if key.starts_with(layout::ARCHIVE) {
        vec![ObjectChanged]
    } else if key.starts_with(layout::DIGESTS) {
        vec![DigestChanged]
    } else if key.ends_with(".plan.json") {
        vec![PlanChanged]
    } else {
        // The next record names another hash; of the newest, only what it says can show it.
        vec![
            RecordChanged,
            RecordChainBroken,
            RecordCountsDiffer,
            PlanChanged,
            DigestChanged,
            DigestMissing,
            DigestChainBroken,
            DigestDiffersFromRecord,
            ObjectChanged,
            ObjectMissing,
            ObjectUnlisted,
            DigestUnlisted,
            RowsMisplaced,
        ]
    }
}

/// Everything that a verification vouches for. The close markers' contents say nothing.
fn sealed(store: &MemoryStore) -> Vec<String> {
    let mut sealed = keys(store, layout::ARCHIVE);
    sealed.extend(keys(store, layout::DIGESTS));
    let newest = records(store).pop().unwrap();
    let seals = keys(store, layout::SEALS).into_iter();
    // Nothing follows the newest record yet, so not every bit of it is vouched for (see `Report::limits`).
    sealed.extend(seals.filter(|key| !key.ends_with(".close.json") && *key != newest));
    sealed
}

fn rewritten(bytes: Bytes, rows: impl Fn(RecordBatch) -> RecordBatch) -> Bytes {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = builder.metadata().file_metadata().key_value_metadata().cloned();
    let schema = builder.schema().clone();
    let mut out = Vec::new();
    let properties = parquet::file::properties::WriterProperties::builder().set_key_value_metadata(metadata).build();
    let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties)).unwrap();
    for batch in builder.build().unwrap() {
        writer.write(&rows(batch.unwrap())).unwrap();
    }
    writer.close().unwrap();
    out.into()
}

/// Does one thing to a lake. `None` if this lake has nothing to do it to.
fn mutate(store: &MemoryStore, random: &mut Random) -> Option<Done> {
    use FindingKind::*;
    let objects = store.snapshot();
    let sealed = sealed(store);
    let key = random.pick(&sealed).clone();
    let bytes = objects[&key].clone();
    let archived = keys(store, layout::ARCHIVE);
    match random.below(14) {
        0..=2 => {
            let mut changed = bytes.to_vec();
            let at = random.below(changed.len());
            changed[at] ^= 1 << random.below(8);
            store.overwrite(&key, changed);
            done(format!("flipped a bit at {at} of {key}"), &kinds_of(&key))
        }
        3 => {
            store.overwrite(&key, bytes.slice(..random.below(bytes.len())));
            done(format!("cut {key}"), &kinds_of(&key))
        }
        4 => {
            assert!(store.expire(&key));
            let kinds: &[FindingKind] = match () {
                () if key.starts_with(layout::ARCHIVE) => &[ObjectMissing],
                () if key.starts_with(layout::DIGESTS) => &[DigestMissing],
                () if key.ends_with(".plan.json") => &[PlanChanged],
                () => &[RecordMissing],
            };
            done(format!("deleted {key}"), kinds)
        }
        5 => {
            let key = random.pick(&archived).clone();
            let copy = key.replace("Z-0000-", "Z-0009-");
            store.overwrite(&copy, objects[&key].clone());
            done(format!("copied {key} beside itself"), &[ObjectUnlisted])
        }
        6 => {
            let (left, right) = (random.pick(&archived), random.pick(&archived));
            if objects[left] == objects[right] {
                return None;
            }
            store.overwrite(left, objects[right].clone());
            store.overwrite(right, objects[left].clone());
            done(format!("swapped {left} and {right}"), &[ObjectChanged])
        }
        7 => {
            let key = random.pick(&archived).clone();
            let other = key.replace("organization=org-organization-", "organization=org-other-");
            store.overwrite(&other, objects[&key].clone());
            assert!(store.expire(&key));
            done(format!("moved {key} to another organization"), &[ObjectMissing, ObjectUnlisted])
        }
        8 => {
            let key = random.pick(&archived).clone();
            let sorted = rewritten(objects[&key].clone(), |batch| {
                let indices: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap()).rev().collect();
                let indices = arrow_array::UInt32Array::from(indices);
                arrow_select::take::take_record_batch(&batch, &indices).unwrap()
            });
            store.overwrite(&key, sorted);
            done(format!("turned the rows of {key} round"), &[ObjectChanged])
        }
        9 => {
            let key = random.pick(&archived).clone();
            store.overwrite(&key, rewritten(objects[&key].clone(), |batch| batch));
            done(format!("encoded {key} anew"), &[ObjectChanged])
        }
        10 => {
            let digests = keys(store, layout::DIGESTS);
            let (left, right) = (random.pick(&digests), random.pick(&digests));
            if left == right {
                return None;
            }
            store.overwrite(left, objects[right].clone());
            done(format!("put {right} in the place of {left}"), &[DigestChanged])
        }
        11 => {
            let records = records(store);
            let key = random.pick(&records[..records.len() - 1]);
            let text = std::str::from_utf8(&objects[key]).unwrap();
            let changed = text.replacen("\"rows_in\":", "\"rows_in\":1", 1);
            store.overwrite(key, changed);
            done(format!("changed a count of {key}"), &[RecordCountsDiffer, RecordChainBroken, RecordChanged])
        }
        12 => {
            // A row is changed and its object, digest and record are made to agree; the next record and digest do not.
            forge(store, random, false)
        }
        _ => {
            let key = random.pick(&archived).clone();
            let (folder, _) = key.rsplit_once('/').unwrap();
            store.overwrite(&format!("{folder}/part-0001.parquet"), objects[&key].clone());
            done(format!("put a foreign file beside {key}"), &[ObjectUnlisted])
        }
    }
}

/// Rewrites one archive object without its last row, and what states its hash: its digest and its record. `to_the_end` changes one byte
/// instead and goes on with all later digests and records, so that every chain agrees.
fn forge(store: &MemoryStore, random: &mut Random, to_the_end: bool) -> Option<Done> {
    let objects = store.snapshot();
    let archived = keys(store, layout::ARCHIVE);
    let key = random.pick(&archived).clone();
    let forged = if to_the_end {
        // Of the same length, so that all that states it needs is another hash.
        let mut bytes = objects[&key].to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Bytes::from(bytes)
    } else {
        rewritten(objects[&key].clone(), |batch| batch.slice(0, batch.num_rows() - 1))
    };
    let (old, new) = (Hash::of(&objects[&key]).to_string(), Hash::of(&forged).to_string());
    let mut renamed = vec![(old, new)];
    store.overwrite(&key, forged);
    let record = records(store);
    let mut is_first = true;
    for record in record {
        if !to_the_end && !is_first {
            break;
        }
        let text = String::from_utf8(objects[&record].to_vec()).unwrap();
        if !renamed.iter().any(|(old, _)| text.contains(old.as_str())) {
            continue;
        }
        is_first = false;
        for digest in keys(store, layout::DIGESTS).into_iter().filter(|digest| text.contains(digest.as_str())) {
            let old = String::from_utf8(objects[&digest].to_vec()).unwrap();
            let new = renamed.iter().fold(old.clone(), |text, (old, new)| text.replace(old.as_str(), new));
            if old != new {
                renamed.push((sha256_hex(old.as_bytes()), sha256_hex(new.as_bytes())));
                store.overwrite(&digest, new);
            }
        }
        let new = renamed.iter().fold(text.clone(), |text, (old, new)| text.replace(old.as_str(), new));
        renamed.push((sha256_hex(text.as_bytes()), sha256_hex(new.as_bytes())));
        store.overwrite(&record, new);
    }
    use FindingKind::*;
    done(format!("forged {key}"), &[RowsDiffer, ObjectChanged, RecordChainBroken, DigestChainBroken, RowsMisplaced])
}

fn check_found(report: &Report, done: &Done, seed: u64) {
    let found: Vec<FindingKind> = report.findings_by_kind.keys().copied().collect();
    assert!(
        done.kinds.iter().any(|kind| found.contains(kind)),
        "AUDITLAKE_SEED={seed}: {}: found {:?}, expected one of {:?}",
        done.what,
        report.findings,
        done.kinds
    );
}

#[test]
fn every_mutation_is_found() {
    let mutations = std::env::var("AUDITLAKE_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let lakes: Vec<MemoryStore> = (1..13).map(lake).collect();
    let mut found = 0;
    for seed in 0_u64.. {
        if found == mutations {
            return;
        }
        let mut random = Random(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let store = random.pick(&lakes).fork();
        let Some(done) = mutate(&store, &mut random) else { continue };
        check_found(&check(&store, &Options { at_once: 1, ..Options::default() }), &done, seed);
        found += 1;
    }
}

#[test]
fn a_lake_rewritten_to_its_end_is_found_by_a_hash_that_was_kept() {
    let mut random = Random(7);
    for seed in 1..9 {
        let store = lake(seed);
        let before = check(&store, &Options::default());
        let kept = before.newest_sha256.unwrap();
        forge(&store, &mut random, true).unwrap();
        // Rows and Merkle root no longer agree: who forges well has to state them anew too.
        let report = check(&store, &Options::default());
        assert!(
            report.findings_by_kind.keys().all(|kind| matches!(
                kind,
                FindingKind::RowsDiffer | FindingKind::RowsMisplaced | FindingKind::ObjectUnreadable
            )),
            "{:?}",
            report.findings
        );
        // The quick check, which sees bytes and chains alone, is deceived; the kept hash shows it.
        let quick = Options { quick: true, ..Options::default() };
        assert_eq!(check(&store, &quick).findings, [], "without a signature, nothing else tells");
        let report = check(&store, &Options { known: vec![kept.clone()], ..quick });
        assert_eq!(report.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [FindingKind::KnownRecordAbsent]);
    }
}

#[test]
fn damaged_statements_never_panic() {
    let store = lake(2);
    for key in keys(&store, "").into_iter().filter(|key| !key.starts_with("landing/")) {
        for garbage in [&b""[..], b"{}", b"[]", b"null", b"PAR1", b"{\"format_version\":1}", b"\xff\xff"] {
            let store = store.fork();
            store.overwrite(&key, Bytes::from_static(garbage));
            let report = check(&store, &Options { at_once: 1, ..Options::default() });
            let is_vouched_for = !key.starts_with("quarantine/") && !key.ends_with(".close.json");
            assert!(report.problems() > 0 || !is_vouched_for, "{key}");
        }
    }
}
