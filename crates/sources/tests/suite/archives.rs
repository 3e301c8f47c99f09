//! A record is the same event in an archive as beside it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::archives::{As, Tar, Zip, tar, zip};
use crate::common::samples::files;
use crate::common::{Collector, context, gzip};
use auditlake_sources::{SOURCES, import_by_source};

fn collect(object: &[u8], name: &str, source: Option<&str>) -> Collector {
    crate::common::collect(object, name, source, &context())
}

/// What has to be the same: all but where a record is said to lie.
fn told(collector: &Collector) -> String {
    let quarantined: Vec<_> = collector.quarantined.iter().collect();
    format!("{:#?}\n{quarantined:#?}\n{:#?}", collector.events, collector.set_aside)
}

fn deflated() -> As {
    As { deflated: true, ..As::default() }
}

/// A member in every kind of archive, under the archive's name.
fn archived(name: &str, content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let member = [(name, content)];
    let stored = zip(&member, As::default());
    vec![
        ("logs.tar", tar(&member)),
        ("logs.tar.gz", gzip(&tar(&member))),
        ("logs.tar.zst", zstd::encode_all(&tar(&member)[..], 3).unwrap()),
        ("stored.zip", stored.clone()),
        ("deflated.zip", zip(&member, deflated())),
        ("descriptor.zip", zip(&member, As { descriptor: true, ..deflated() })),
        ("zip64.zip", zip(&member, As { zip64: true, ..deflated() })),
        ("zip.in.tar", tar(&[("inner.zip", &stored)])),
        ("tar.gz.in.zip", zip(&[("inner.tar.gz", &gzip(&tar(&member)))], As::default())),
        ("three.tar", tar(&[("a.tar", &tar(&[("b.zip", &zip(&member, deflated()))]))])),
        ("gz.in.tar", tar(&[(&format!("{name}.gz"), &gzip(content))])),
        ("object", gzip(&zip(&member, deflated()))),
    ]
}

#[test]
fn every_fixture_of_every_source_is_the_same_in_every_archive() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut tried = BTreeSet::new();
    for path in files(&fixtures) {
        let name = path.strip_prefix(&fixtures).unwrap().to_str().unwrap().to_owned();
        let content = std::fs::read(&path).unwrap();
        let bare = collect(&content, &format!("s3://bucket/{name}"), None);
        assert!(!bare.events.is_empty() || !bare.set_aside.is_empty() || !bare.quarantined.is_empty(), "{name}");
        for (archive, object) in archived(&name, &content) {
            let found = collect(&object, &format!("s3://bucket/{archive}"), None);
            assert_eq!(told(&found), told(&bare), "{name} in {archive}");
            assert!(found.members.iter().all(|member| member.contains(&name)), "{:?}", found.members);
        }
        tried.extend(bare.column("source").into_iter().map(str::to_owned));
    }
    let known: BTreeSet<String> = SOURCES.iter().map(|source| source.name().to_owned()).collect();
    assert_eq!(tried, known);
}

#[test]
fn a_member_is_known_by_its_own_name() {
    // The columns of an audit table stand at the end of a Parquet file, so that its name decides; the organization stands there too.
    let parquet = crate::lakefs_support::parquet(&crate::lakefs_support::rows());
    let name = "etl/v1/data/region=eu/organization=org-acme/year=2026/month=03/day=01/hour=09/x-snappy.parquet";
    let bare = collect(&parquet, &format!("s3://bucket/{name}"), None);
    assert!(!bare.events.is_empty());
    for (archive, object) in archived(name, &parquet) {
        assert_eq!(told(&collect(&object, &format!("s3://bucket/{archive}"), None)), told(&bare), "{archive}");
    }
}

#[test]
fn a_stated_source_reads_the_members() {
    let record = crate::common::compact("put_role_policy");
    let bare = collect(record.as_bytes(), "x", Some("aws.cloudtrail"));
    assert_eq!(bare.events.len(), 1);
    for (archive, object) in archived("x", record.as_bytes()) {
        assert_eq!(told(&collect(&object, archive, Some("aws.cloudtrail"))), told(&bare), "{archive}");
    }
}

#[test]
fn members_of_several_sources_are_counted_each_for_its_own() {
    let trail = crate::common::compact("put_role_policy");
    let log = crate::common::fixture_file("s3access/copy.log");
    let object =
        tar(&[("README.md", b"Audit logs."), ("a/trail.json", trail.as_bytes()), ("a/copy.log", &log), ("empty", b"")]);
    let mut collector = Collector::default();
    let by_source = import_by_source(&object[..], "logs.tar", None, &context(), &mut collector).unwrap();
    assert_eq!(by_source.keys().copied().collect::<Vec<_>>(), ["aws.cloudtrail", "aws.s3access", "unknown"]);
    assert_eq!(by_source["aws.cloudtrail"].bytes, trail.len() as u64);
    assert_eq!((by_source["unknown"].quarantined, by_source["unknown"].records), (1, 1));
    assert_eq!((collector.reasons(), &collector.members[..]), (vec!["no known log format"], &["README.md".to_owned()][..]));
    // What lies beside the logs does not make the object unknown.
    let few = tar(&[("README.md", b"x"), ("LICENSE", b"x"), ("trail.json", trail.as_bytes())]);
    let (source, _) = auditlake_sources::import(&few[..], "logs.tar", None, &context(), &mut collector).unwrap();
    assert_eq!(source, "aws.cloudtrail");
}

#[test]
fn two_members_of_one_name_are_both_read() {
    let (one, two) = (crate::common::compact("put_role_policy"), crate::common::compact("get_object_by_presigned_url"));
    for object in [
        zip(&[("a.json", one.as_bytes()), ("a.json", two.as_bytes())], deflated()),
        tar(&[("a.json", one.as_bytes()), ("a.json", two.as_bytes())]),
    ] {
        assert_eq!(collect(&object, "logs", None).events.len(), 2);
    }
}

#[test]
fn archives_that_were_joined_lose_nothing() {
    let (one, two) = (crate::common::compact("put_role_policy"), crate::common::compact("get_object_by_presigned_url"));
    for (first, second) in [
        (tar(&[("a.json", one.as_bytes())]), tar(&[("b.json", two.as_bytes())])),
        (zip(&[("a.json", one.as_bytes())], deflated()), zip(&[("b.json", two.as_bytes())], deflated())),
    ] {
        let found = collect(&[first, second].concat(), "logs", None);
        assert_eq!((found.events.len(), found.reasons()), (2, vec![]));
    }
}

#[test]
fn the_first_half_of_an_archive_gives_events_that_the_whole_gives_again() {
    let lines: Vec<String> = (0..200)
        .map(|index| {
            crate::common::compact("put_role_policy").replacen("\"eventID\":\"", &format!("\"eventID\":\"{index}-"), 1)
        })
        .collect();
    let (first, second) = (lines[..100].join("\n"), lines[100..].join("\n"));
    let members = [("a.json", first.as_bytes()), ("b.json", second.as_bytes())];
    for (name, object) in [
        ("logs.tar", tar(&members)),
        ("logs.tar.gz", gzip(&tar(&members))),
        ("stored.zip", zip(&members, As::default())),
        ("deflated.zip", zip(&members, deflated())),
        ("descriptor.zip", zip(&members, As { descriptor: true, ..deflated() })),
    ] {
        let whole = collect(&object, name, None);
        assert_eq!((whole.events.len(), whole.reasons()), (200, vec![]), "{name}");
        let half = collect(&object[..object.len() * 3 / 4], name, None);
        assert!(half.events.len() > 100 && half.events.len() < 200, "{name}: {}", half.events.len());
        assert_eq!(half.events[..], whole.events[..half.events.len()], "{name}");
        // The record that was cut, and why.
        assert!(!half.reasons().is_empty() && half.members.iter().all(|member| member == "b.json"), "{name}: {half:?}");
    }
}

#[test]
fn folders_empty_files_and_what_macos_keeps_beside_files_are_no_logs() {
    let trail = crate::common::compact("put_role_policy");
    let double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ";
    let store = b"\x00\x00\x00\x01Bud1\x00\x00";
    let members: [(&str, &[u8]); 6] = [
        ("logs/", b""),
        ("logs/trail.json", trail.as_bytes()),
        ("logs/empty.json", b""),
        ("__MACOSX/logs/._trail.json", double),
        ("logs/._trail.json", double),
        ("logs/.DS_Store", store),
    ];
    let folder = crate::common::archives::tar_header("logs/", 0, b'5', crate::common::archives::USTAR);
    let objects = [
        members[1..].iter().fold(Tar::default().entry(&folder, b""), |tar, (name, content)| tar.file(name, content)).end(),
        members.iter().fold(Zip::default(), |zip, (name, content)| zip.file(name, content, deflated())).end(),
    ];
    for object in objects {
        let found = collect(&object, "logs", None);
        assert_eq!((found.events.len(), found.reasons()), (1, vec![]));
        let kinds: Vec<_> = found.set_aside.iter().map(|(kind, ..)| kind.as_str()).collect();
        assert_eq!(kinds, ["file_attributes"; 3]);
    }
    // A name alone sets nothing aside.
    let found = collect(&tar(&[("__MACOSX/._a.json", trail.as_bytes()), (".DS_Store", trail.as_bytes())]), "logs", None);
    assert_eq!((found.events.len(), found.set_aside.len()), (2, 0));
}
