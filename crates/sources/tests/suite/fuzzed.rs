//! The script that fuzzes names its sources; none may be forgotten.

use auditlake_sources::SOURCES;

#[test]
fn every_source_is_fuzzed() {
    let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/run")).unwrap();
    for source in SOURCES {
        let name = source.name();
        assert!(script.contains(&format!("\n{name} ")) || script.contains(&format!("known='{name} ")), "{name}");
    }
}
