//! Log entries and origins.

use auditlake_tlog::entry::{EntryError, LogEntry, Origin, OriginError, entry_index};
use auditlake_tlog::hash::Hash;
use auditlake_tlog::time::UtcTime;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn entries_have_the_documented_bytes() {
    let lake = LogEntry::Lake { lake_file: Hash::of(b"abc") };
    assert_eq!(lake.to_string(), format!("auditlake/lake/v1 {ABC}\n"));
    let seal_time = UtcTime::parse("2026-03-01T12:00:00.000Z").unwrap();
    let seal = LogEntry::Seal { seal_time, record: Hash::of(b"abc"), heads_root: Hash::of(b"") };
    assert_eq!(seal.to_string(), format!("auditlake/seal/v1 2026-03-01T12:00:00.000Z {ABC} {NOTHING}\n"));
    for entry in [lake, seal] {
        assert_eq!(LogEntry::parse(entry.to_string().as_bytes()), Ok(entry));
    }
}

#[test]
fn other_entries_are_refused() {
    let time = "2026-03-01T12:00:00.000Z";
    for (text, error) in [
        (String::new(), EntryError::NotALine),
        (format!("auditlake/lake/v1 {ABC}"), EntryError::NotALine),
        (format!("auditlake/lake/v1 {ABC}\n\n"), EntryError::NotALine),
        ("auditlake/lake/v1\n".to_owned(), EntryError::Format),
        (format!("auditlake/lake/v2 {ABC}\n"), EntryError::Format),
        (format!(" auditlake/lake/v1 {ABC}\n"), EntryError::Format),
        (format!("auditlake/lake/v1 {ABC} {ABC}\n"), EntryError::Fields { expected: 1, found: 2 }),
        (format!("auditlake/lake/v1  {ABC}\n"), EntryError::Fields { expected: 1, found: 2 }),
        (format!("auditlake/lake/v1 {}\n", ABC.to_uppercase()), EntryError::Hash("SHA-256 of lake.json")),
        (format!("auditlake/seal/v1 {time} {ABC}\n"), EntryError::Fields { expected: 3, found: 2 }),
        (format!("auditlake/seal/v1 {time} {ABC} {ABC} \n"), EntryError::Fields { expected: 3, found: 4 }),
        (format!("auditlake/seal/v1 2026-03-01T12:00:00Z {ABC} {ABC}\n"), EntryError::Time),
        (format!("auditlake/seal/v1 {time} {ABC}0 {ABC}\n"), EntryError::Hash("SHA-256 of the record")),
        (format!("auditlake/seal/v1 {time} {ABC} x\n"), EntryError::Hash("heads root")),
    ] {
        assert_eq!(LogEntry::parse(text.as_bytes()), Err(error), "{text:?}");
    }
    assert_eq!(LogEntry::parse(b"\xff\n"), Err(EntryError::NotALine));
}

#[test]
fn the_index_of_an_entry_is_arithmetic() {
    let time = |text| UtcTime::parse(text).unwrap();
    let first = time("2026-03-01T12:00:00.000Z");
    assert_eq!(entry_index(first, first, 3_600_000), Some(1));
    assert_eq!(entry_index(time("2026-03-02T12:00:00.000Z"), first, 3_600_000), Some(25));
    assert_eq!(entry_index(time("2026-03-01T12:00:10.000Z"), first, 10_000), Some(2));
    assert_eq!(entry_index(time("2026-03-01T12:00:10.001Z"), first, 10_000), None);
    assert_eq!(entry_index(time("2026-03-01T11:00:00.000Z"), first, 3_600_000), None);
    assert_eq!(entry_index(first, first, 0), None);
    assert_eq!(entry_index(first, first, -1), None);
}

#[test]
fn an_origin_names_the_lake() {
    let origin = Origin::new("audit.example.com/production", b"abc").unwrap();
    assert_eq!(origin.as_str(), "audit.example.com/production/ba7816bf8f01cfea");
    assert_eq!(origin.receipts(), "audit.example.com/production/ba7816bf8f01cfea/receipts");
    assert!(origin.is_of(b"abc") && !origin.is_of(b"abd"));
    assert_eq!(Origin::parse(origin.as_str()).unwrap(), origin);
    assert!(Origin::new("localhost:8080", b"").is_ok());
    for bad in ["", "/", "a/", "/a", "a//b", "a b", "a+b", "ä", "a\n", "https://", &"a".repeat(201)] {
        assert!(matches!(Origin::new(bad, b""), Err(OriginError::Name(_))), "{bad:?}");
    }
    for bad in ["a", "a/ba7816bf8f01cfe", "a/ba7816bf8f01cfeaa", "a/BA7816bf8f01cfea", "a/ba7816bf8f01cfea/", ""] {
        assert!(Origin::parse(bad).is_err(), "{bad:?}");
    }
}
