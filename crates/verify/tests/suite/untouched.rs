//! No false alarms.

use auditlake_lake::layout;
use auditlake_verify::{FindingKind, Options};
use bytes::Bytes;

use crate::lakes::{Random, check, keys, lake, records};

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let lakes = std::env::var("AUDITLAKE_LAKES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    1..1 + lakes
}

#[test]
fn a_lake_that_was_not_touched_verifies() {
    for seed in seeds(40) {
        let store = lake(seed);
        let report = check(&store, &Options::default());
        assert_eq!(report.findings, [], "seed {seed}");
        assert_eq!(report.seals, records(&store).len() as u64);
        assert_eq!(report.objects, keys(&store, layout::ARCHIVE).len() as u64);
        assert!(report.verdict().contains("Nothing altered, missing or added"), "{}", report.verdict());
        let quick = check(&store, &Options { quick: true, ..Options::default() });
        assert_eq!((quick.problems(), quick.events), (0, report.events));
        let newest = report.newest_sha256.clone().unwrap();
        assert_eq!(check(&store, &Options { known: vec![newest], ..Options::default() }).problems(), 0);
    }
}

#[test]
fn a_range_is_checked_alone_and_its_chain_from_the_first_record() {
    let store = lake(3);
    let all = check(&store, &Options::default());
    let (since, until) = (all.since.unwrap(), all.until.unwrap());
    let middle = auditlake_event::Timestamp::from_millis(since.millis() / 2 + until.millis() / 2);
    let first = check(&store, &Options { until: Some(middle), ..Options::default() });
    let second = check(&store, &Options { since: Some(middle), ..Options::default() });
    assert_eq!((first.problems(), second.problems()), (0, 0));
    assert_eq!(first.events + second.events, all.events);
    assert_eq!(first.objects + second.objects, all.objects);
    assert_eq!(first.seals + second.seals, all.seals);
}

#[test]
fn landing_and_quarantine_are_no_part_of_what_is_proven() {
    let store = lake(4);
    let mut random = Random(4);
    for key in keys(&store, "landing/").into_iter().chain(keys(&store, "quarantine/")) {
        if random.below(2) == 0 { store.overwrite(&key, Bytes::from_static(b"x")) } else { assert!(store.expire(&key)) }
    }
    assert_eq!(check(&store, &Options::default()).findings, []);
}

#[test]
fn a_seal_that_is_under_way_is_no_finding_and_what_lies_beyond_is() {
    let store = lake(5);
    let newest = records(&store).pop().unwrap();
    // As a seal that died before its record left it.
    assert!(store.expire(&newest));
    let report = check(&store, &Options::default());
    assert_eq!(report.findings, []);
    let archived = keys(&store, layout::ARCHIVE).into_iter().next().unwrap();
    let bytes = store.snapshot()[&archived].clone();
    let (folder, _) = archived.rsplit_once('/').unwrap();
    let later = format!("{folder}/20270101T000000Z-0000-snappy.parquet");
    store.overwrite(&later, bytes);
    let report = check(&store, &Options::default());
    assert_eq!(
        report.findings.iter().map(|finding| (finding.kind, finding.key.as_str())).collect::<Vec<_>>(),
        [(FindingKind::ObjectUnlisted, later.as_str())]
    );
}

#[test]
fn a_lake_without_seals_and_no_lake() {
    use auditlake_store::memory::MemoryStore;
    let store = lake(6);
    let empty = MemoryStore::new();
    empty.overwrite(layout::LAKE_FILE, store.snapshot()[layout::LAKE_FILE].clone());
    assert!(check(&empty, &Options::default()).verdict().contains("nothing is sealed yet"));
    let none = crate::lakes::block_on(auditlake_verify::verify(
        std::sync::Arc::new(MemoryStore::new()),
        &Options::default(),
        &|_| {},
    ));
    assert!(none.unwrap_err().to_string().contains("no lake"));
}
