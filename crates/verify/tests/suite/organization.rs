//! One organization's part, as a tenant holds it.

use auditlake_event::Organization;
use auditlake_lake::layout;
use auditlake_store::memory::MemoryStore;
use auditlake_verify::{FindingKind, Options};

use crate::lakes::{check, keys, lake};

/// What a tenant may read: its objects and its digests.
fn part_of(store: &MemoryStore, name: &str) -> MemoryStore {
    let part = MemoryStore::new();
    let own = format!("organization=org-{name}/");
    for (key, bytes) in store.snapshot() {
        if (key.starts_with(layout::ARCHIVE) || key.starts_with(layout::DIGESTS)) && key.contains(&own) {
            part.overwrite(&key, bytes);
        }
    }
    part
}

#[test]
fn a_part_verifies_alone_and_what_is_done_to_it_is_found() {
    for seed in 1..12 {
        let whole = lake(seed);
        let all = check(&whole, &Options::default());
        let mut events = 0;
        for name in ["organization-0", "organization-1", "organization-2"] {
            let options = Options { organization: Some(Organization::parse(name).unwrap()), ..Options::default() };
            let part = part_of(&whole, name);
            let report = check(&part, &options);
            assert_eq!(report.findings, [], "{name} {seed}");
            assert_eq!(report.findings, check(&whole, &options).findings, "in the whole lake too");
            events += report.events;
            let digests = keys(&part, layout::DIGESTS);
            for (index, digest) in digests.iter().enumerate() {
                let store = part.fork();
                assert!(store.expire(digest));
                let report = check(&store, &options);
                let is_last = index + 1 == digests.len();
                // Its objects are then newer than all that is stated, as those of a seal under way are.
                assert_eq!(report.problems() == 0, is_last, "{digest}: {:?}", report.findings);
                assert!(
                    is_last || report.findings_by_kind.contains_key(&FindingKind::DigestMissing),
                    "{:?}",
                    report.findings
                );
            }
            for object in keys(&part, layout::ARCHIVE) {
                let store = part.fork();
                assert!(store.expire(&object));
                assert!(check(&store, &options).findings_by_kind.contains_key(&FindingKind::ObjectMissing));
            }
        }
        assert_eq!(events, all.events);
    }
}
