//! What is wrong with an archive costs what is wrong, and is said; the rest is read.

use crate::common::archives::{As, GNU, Tar, USTAR, Zip, crc32, deflate, sealed, tar, tar_header, zip};
use crate::common::{Collector, context, gzip};

fn collect(object: &[u8]) -> Collector {
    crate::common::collect(object, "s3://b/logs", None, &context())
}

/// A record with an id of its own.
fn record(id: &str) -> Vec<u8> {
    format!(
        r#"{{"eventVersion":"1.09","eventTime":"2026-03-01T09:15:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventID":"{id}","recipientAccountId":"111122223333","managementEvent":true}}"#
    )
    .into_bytes()
}

/// The ids without the account, what was quarantined: member and reason.
fn found(object: &[u8]) -> (Vec<String>, Vec<(String, String)>) {
    let collector = collect(object);
    let ids = collector.column("event_id").into_iter().map(|id| id.split(':').next().unwrap().to_owned()).collect();
    let reasons = collector.reasons().into_iter().map(str::to_owned);
    (ids, collector.members.iter().cloned().zip(reasons).collect())
}

fn pair(member: &str, reason: &str) -> (String, String) {
    (member.to_owned(), reason.to_owned())
}

fn deflated() -> As {
    As { deflated: true, ..As::default() }
}

fn fixture(name: &str) -> Vec<u8> {
    crate::common::fixture_file(&format!("../archive_files/{name}"))
}

#[test]
fn archives_that_other_programs_wrote_are_read() {
    for (name, ids) in [
        ("gnu-long-name.tar", &["1", "2"][..]),
        ("pax-long-name.tar", &["1", "2"]),
        ("v7.tar", &["1"]),
        ("python-gnu.tar", &["1"]),
        ("python-pax.tar", &["1"]),
        ("info-zip.zip", &["1"]),
        ("streamed.zip", &["1"]),
        ("zip64.zip", &["1"]),
        ("self-extracting.zip", &["1"]),
        ("self-extracting-adjusted.zip", &["1"]),
    ] {
        let (read, quarantined) = found(&fixture(name));
        assert_eq!(
            (&read[..], &quarantined[..]),
            (&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..], &[][..]),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_quarantined_under_its_name_and_the_rest_is_read() {
    let sparse = "the member is a sparse file";
    let to = |target: &str| format!("the member is a link to {target}, which is not followed");
    let method = |name: &str| format!("the member is compressed by method {name}, which is not read");
    for (name, ids, expected) in [
        ("gnu-sparse.tar", vec!["1"], vec![pair("logs/sparse.json", sparse)]),
        ("pax-sparse-0.0.tar", vec!["1"], vec![pair("logs/sparse.json", sparse)]),
        ("pax-sparse-0.1.tar", vec!["1"], vec![pair("logs/sparse.json", sparse)]),
        ("pax-sparse-1.0.tar", vec!["1"], vec![pair("logs/sparse.json", sparse)]),
        (
            "links.tar",
            vec!["1"],
            vec![
                pair("logs/hard.json", &to("logs/1.json")),
                pair("logs/link.json", &to("1.json")),
                pair("logs/pipe", "the member is a named pipe"),
            ],
        ),
        ("link.zip", vec!["1"], vec![pair("logs/link.json", "the member is a link, which is not followed")]),
        ("encrypted.zip", vec![], vec![pair("logs/1.json", "the member is encrypted")]),
        ("bzip2.zip", vec!["1"], vec![pair("logs/odd.json", &method("12 (bzip2)"))]),
        ("lzma.zip", vec!["1"], vec![pair("logs/odd.json", &method("14 (LZMA)"))]),
    ] {
        let (read, quarantined) = found(&fixture(name));
        assert_eq!((read, quarantined), (ids.into_iter().map(str::to_owned).collect(), expected), "{name}");
    }
}

#[test]
fn a_member_that_was_altered_gives_no_event() {
    for how in [As::default(), deflated(), As { descriptor: true, ..deflated() }] {
        let zip = Zip::default()
            .file("a.json", &record("1"), how)
            .file("b.json", &record("2"), As { wrong: 1, ..how })
            .file("c.json", &record("3"), how);
        let (ids, quarantined) = found(&zip.end());
        assert_eq!(ids, ["1", "3"]);
        assert_eq!(quarantined, [pair("b.json", "the member was altered: its checksum (CRC-32) is another")]);
    }
    // One flipped bit in what is stored: still JSON, another user.
    let mut object = zip(&[("a.json", &record("1"))], As::default());
    let at = memchr_of(&object, b"CreateUser");
    object[at] ^= 0x20;
    assert_eq!(found(&object).0, Vec::<String>::new());
}

fn memchr_of(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn sizes_that_are_not_what_the_archive_says_are_told() {
    let content = record("1");
    for (size, reason) in [
        (10, "the member is longer than the 10 bytes that the archive says"),
        (1000, &format!("the member has {} bytes, the archive says 1000", content.len()) as &str),
    ] {
        for how in [As::default(), deflated()] {
            let object =
                Zip::default().file("a.json", &content, As { size: Some(size), ..how }).file("b.json", &record("2"), how);
            assert_eq!(found(&object.end()), (vec!["2".to_owned()], vec![pair("a.json", reason)]));
        }
    }
    let mut broken = deflate(&content);
    broken[0] |= 0b110;
    let object = Zip::default().packed("a.json", &broken, content.len() as u64, crc32(&content), deflated());
    assert_eq!(found(&object.end()).1, [pair("a.json", "the deflated content of the member is broken")]);
}

#[test]
fn names_lead_nowhere() {
    for name in ["../../../etc/cron.d/x", "/etc/passwd", "C:\\x", "a/../../b.json", "..", "x\u{1b}[31m"] {
        for object in [tar(&[(name, &record("1"))]), zip(&[(name, &record("1"))], deflated())] {
            assert_eq!(found(&object), (vec!["1".to_owned()], vec![]), "{name}");
            let unknown = tar(&[(name, b"nothing known")]);
            assert_eq!(found(&unknown).1, [pair(name, "no known log format")]);
        }
    }
    assert!(!std::path::Path::new("b.json").exists());
}

#[test]
fn members_of_archives_in_archives_are_named_with_both() {
    let inner = zip(&[("b.txt", b"nothing known")], deflated());
    let object = gzip(&tar(&[("x/inner.zip", &inner)]));
    assert_eq!(found(&object).1, [pair("x/inner.zip!/b.txt", "no known log format")]);
    let collector = collect(&object);
    assert_eq!(collector.quarantined[0].2, b"nothing known");
    // A record's position is that in its member.
    let lines = [record("1"), b"{\"broken".to_vec()].join(&b'\n');
    let collector = collect(&tar(&[("a.json", &record("0")), ("b.json", &lines)]));
    let (_, position, bytes, _) = &collector.quarantined[0];
    assert_eq!((position.byte_offset, position.record_index), (record("1").len() as u64 + 1, 1));
    assert_eq!((collector.members[0].as_str(), &bytes[..]), ("b.json", &b"{\"broken"[..]));
}

#[test]
fn archives_are_looked_into_to_a_depth_of_three() {
    let mut object = zip(&[("a.json", &record("1"))], deflated());
    for depth in 2..=3 {
        object = tar(&[(&format!("{depth}"), &object)]);
        assert_eq!(found(&object), (vec!["1".to_owned()], vec![]));
    }
    let (ids, quarantined) = found(&tar(&[("4", &object), ("b.json", &record("2"))]));
    assert_eq!(ids, ["2"]);
    assert_eq!(quarantined, [pair("4!/3!/2", "archives lie in each other more than 3 deep")]);
}

#[test]
fn look_alikes_are_no_archives() {
    let text = b"PK is short for primary key\nsecond line\n";
    let collector = crate::common::collect(text, "keys.zip", None, &context());
    assert_eq!((collector.reasons(), &collector.quarantined[0].2[..]), (vec!["no known log format"], &text[..]));
    // A name that promises an archive does not make one.
    for name in ["trail.tar", "trail.zip", "trail.tgz"] {
        for object in [record("1"), gzip(&record("1"))] {
            let collector = crate::common::collect(&object, name, None, &context());
            assert_eq!((collector.events.len(), collector.reasons()), (1, vec![]), "{name}");
        }
    }
    // A record that speaks of archives, at just the place where a header has its magic number.
    let mut log = record("1");
    log.truncate(log.len() - 1);
    log.extend_from_slice(b",\"additionalEventData\":{\"format\":\"ustar PK\x7f\"}}");
    assert_eq!(found(&log).0, ["1"]);
    // Lines that are longer than a header, of digits only.
    let digits = b"0000644\n".repeat(200);
    assert_eq!(collect(&digits).reasons(), ["no known log format"]);
}

#[test]
fn a_tar_archive_without_magic_number_is_known_by_the_checksum_of_its_header() {
    let header = tar_header("a.json", record("1").len() as u64, 0, b"");
    let old = Tar::default().entry(&header, &record("1")).end();
    assert_eq!(found(&old), (vec!["1".to_owned()], vec![]));
    let header = tar_header("a.json", 13, 0, b"");
    let mut other = Tar::default().entry(&header, b"nothing known").end();
    assert_eq!(found(&other).1, [pair("a.json", "no known log format")]);
    other[0] = b'b';
    assert_eq!(found(&other).1, [pair("", "no known log format")], "its checksum is another");
}

#[test]
fn a_broken_header_costs_its_member() {
    let mut object = tar(&[("a.json", &record("1")), ("b.json", &record("2")), ("c.json", &record("3"))]);
    let header = 1024;
    object[header] ^= 1;
    let (ids, quarantined) = found(&object);
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(quarantined, [pair("", "a header of the archive is broken: reading goes on at the next sound one")]);
    let collector = collect(&object);
    let (_, position, _, length) = &collector.quarantined[0];
    assert_eq!((position.byte_offset, *length), (header as u64, 1024));
    // The first one, too: the magic number is still there.
    object[0] ^= 1;
    assert_eq!(found(&object).0, ["3"]);
}

#[test]
fn a_tar_archive_that_ends_too_early_says_so() {
    let whole = tar(&[("a.json", &record("1")), ("b.json", &record("2"))]);
    let no_end = "the archive is cut off: it has no end mark, so members may be missing";
    assert_eq!(found(&whole[..1024]), (vec!["1".to_owned()], vec![pair("", no_end)]), "between members");
    let (ids, quarantined) = found(&whole[..1600]);
    assert_eq!((ids.len(), quarantined[0].0.as_str()), (1, "b.json"), "{quarantined:?}");
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    let (ids, quarantined) = found(&whole[..1100]);
    assert_eq!((ids.len(), quarantined.len()), (1, 2), "in a header: {quarantined:?}");
    // What follows the end mark is looked at.
    let (ids, quarantined) = found(&[&whole[..], &b"x".repeat(700)].concat());
    assert_eq!((ids.len(), quarantined.len()), (2, 1), "{quarantined:?}");
    // gzip that breaks off between two members.
    let packed = gzip(&whole);
    let (ids, quarantined) = found(&packed[..packed.len() - 6]);
    assert_eq!(ids.len(), 2);
    assert!(quarantined[0].1.contains("cut off"), "{quarantined:?}");
}

#[test]
fn a_zip_archive_without_its_list_is_read_member_by_member() {
    for how in [As::default(), deflated(), As { descriptor: true, ..deflated() }, As { zip64: true, ..deflated() }] {
        let parts = Zip::default().file("a.json", &record("1"), how).file("b.json", &record("2"), how);
        let list_missing = "the archive is cut off: its list of members is missing, so members may be missing, too";
        let (ids, quarantined) = found(&parts.bytes);
        assert_eq!((ids, quarantined), (vec!["1".to_owned(), "2".to_owned()], vec![pair("", list_missing)]), "{how:?}");
        let whole = parts.clone().end();
        let (ids, quarantined) = found(&whole[..whole.len() - 5]);
        assert_eq!((ids.len(), quarantined.len()), (2, 1), "{how:?}: {quarantined:?}");
        let (ids, quarantined) = found(&parts.bytes[..parts.bytes.len() - 60]);
        assert_eq!((ids, quarantined[0].0.as_str()), (vec!["1".to_owned()], "b.json"), "{how:?}: {quarantined:?}");
    }
    // Without a list nobody says how long a stored member is whose size stands behind it.
    let how = As { descriptor: true, ..As::default() };
    let parts = Zip::default().file("a.json", &record("1"), deflated()).file("b.json", &record("2"), how);
    assert_eq!(found(&parts.bytes).0, ["1"]);
    assert_eq!(found(&parts.bytes).1[0].0, "b.json");
    assert_eq!(found(&parts.end()).0, ["1", "2"]);
}

#[test]
fn a_list_that_does_not_fit_its_archive_is_told() {
    let parts = Zip::default().file("a.json", &record("1"), deflated()).file("b.json", &record("2"), deflated());
    let more = Zip { count: 3, ..parts.clone() }.end();
    assert_eq!(found(&more).0, ["1", "2"]);
    assert_eq!(found(&more).1, [pair("", "the archive says it has 3 members, its list names 2")]);
    let mut elsewhere = parts.clone();
    let second = elsewhere.bytes.len() / 2;
    elsewhere.bytes[second] = b'Q';
    let (ids, quarantined) = found(&elsewhere.end());
    assert_eq!(ids, ["1"]);
    assert_eq!(quarantined, [pair("b.json", "the archive's list names a place where the member is not")]);
    let mut torn = parts;
    let second = torn.directory.len() / 2;
    torn.directory[second] = b'x';
    assert_eq!(found(&torn.end()).0, ["1"]);
}

#[test]
fn bombs_are_stopped_at_the_bound_and_say_so() {
    // 1 MiB that says it inflates to 10 GiB: the archive's list is believed enough to refuse it.
    let stored = vec![0; 1 << 20];
    let lie = Zip::default().packed("bomb", &stored, 10 << 30, 0, As { zip64: true, ..deflated() }).file(
        "a.json",
        &record("1"),
        deflated(),
    );
    let (ids, quarantined) = found(&lie.end());
    assert_eq!((ids, quarantined[0].0.as_str()), (vec!["1".to_owned()], "bomb"));
    assert!(quarantined[0].1.contains("inflates to 10737418240 bytes"), "{quarantined:?}");
    let too_much = "the archive inflates to more than is allowed: 250 times its size, or 256 MiB if it is small";
    let unknown = format!("no known log format; {too_much}");
    // One that really inflates to more: 600 MiB in some kilobytes.
    let object =
        Zip::default().file("a.json", &record("1"), deflated()).file("bomb.gz", &gzip(&vec![0; 600 << 20]), deflated());
    let object = object.file("b.json", &record("2"), deflated()).end();
    assert!(object.len() < 64 << 10);
    let (ids, quarantined) = found(&object);
    assert_eq!(ids, ["1"]);
    let rest = "the archive inflates to more than is allowed: the members from here on were not read";
    assert_eq!(quarantined, [pair("bomb.gz", &unknown), pair("", rest)]);
    // In tar the archive itself is inflated; behind the bound nothing is read.
    let header = tar_header("zeros", 600 << 20, b'0', USTAR);
    let mut bomb = Tar::default().file("a.json", &record("1")).entry(&header, b"").0;
    bomb.resize(bomb.len() + (600 << 20), 0);
    let (ids, quarantined) = found(&gzip(&Tar(bomb).file("b.json", &record("2")).end()));
    assert_eq!(ids, ["1"]);
    assert_eq!(quarantined, [pair("zeros", &unknown)]);
}

#[test]
fn members_that_share_their_bytes_do_not_multiply() {
    // One content of 1 MiB that 1,000 entries of the list point to (after D. Fifield, "A better zip bomb", 2019).
    let content = [record("1"), vec![b' '; 1 << 20]].concat();
    let mut parts = Zip::default().file("a.json", &content, deflated());
    parts.directory = parts.directory.repeat(1_000);
    parts.count = 1_000;
    let (ids, quarantined) = found(&parts.end());
    assert!(ids.len() < 260, "{}", ids.len());
    assert!(
        quarantined.iter().all(|(_, reason)| reason.contains("inflates to more than is allowed")),
        "{:?}",
        quarantined.first()
    );
    assert_eq!(ids.len() + quarantined.len(), 1_000);
}

#[test]
fn names_and_extended_headers_are_bounded() {
    let long = b"x".repeat(3 << 20);
    let name = tar_header("././@LongLink", long.len() as u64, b'L', GNU);
    let member = tar_header("short", 13, b'0', GNU);
    let object = Tar::default().entry(&name, &long).entry(&member, b"nothing known").file("a.json", &record("1")).end();
    let (ids, quarantined) = found(&object);
    assert_eq!(ids, ["1"]);
    assert_eq!(quarantined[0].0, format!("{}…", "x".repeat(1024)));
    let extended = tar_header("PaxHeaders/a", long.len() as u64, b'x', USTAR);
    let object = Tar::default().entry(&extended, &long).file("a.json", &record("1")).file("b.json", &record("2")).end();
    assert_eq!(
        found(&object),
        (vec!["2".to_owned()], vec![pair("a.json", "the extended header of the member is too large")])
    );
    let broken = tar_header("PaxHeaders/a", 12, b'x', USTAR);
    let object =
        Tar::default().entry(&broken, b"99 path=a/b\n").file("a.json", &record("1")).file("b.json", &record("2")).end();
    assert_eq!(found(&object), (vec!["2".to_owned()], vec![pair("a.json", "the extended header of the member is broken")]));
}

#[test]
fn an_extended_header_gives_the_size_that_the_header_cannot_hold() {
    let content = record("1");
    let size = format!("{}", content.len());
    let size_record = format!("{} size={size}\n", size.len() + 9);
    assert_eq!(size_record.len().to_string(), size_record.split(' ').next().unwrap());
    let extended = tar_header("PaxHeaders/a", size_record.len() as u64, b'x', USTAR);
    let member = tar_header("a.json", 0, b'0', USTAR);
    let object =
        Tar::default().entry(&extended, size_record.as_bytes()).entry(&member, &content).file("b.json", &record("2"));
    assert_eq!(found(&object.end()), (vec!["1".to_owned(), "2".to_owned()], vec![]));
    // A size in base 256.
    let mut header = tar_header("a.json", 0, b'0', GNU);
    header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, u8::try_from(content.len()).unwrap()]);
    let object = Tar::default().entry(&sealed(header), &content).file("b.json", &record("2")).end();
    assert_eq!(found(&object).0, ["1", "2"]);
    // One that no archive can have.
    header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let object = Tar::default().file("b.json", &record("2")).entry(&sealed(header), &content).end();
    let (ids, quarantined) = found(&object);
    assert_eq!((ids, quarantined[0].0.as_str()), (vec!["2".to_owned(), "1".to_owned()], "a.json"), "{quarantined:?}");
}

#[test]
fn an_archive_in_a_program_is_found_at_its_end_and_a_program_alone_is_not_known() {
    let inner = zip(&[("a.json", &record("1"))], deflated());
    for program in [b"MZ\x90\0".to_vec(), b"\x7fELF\x02".to_vec(), b"#!/bin/sh\nexit\n".repeat(9000)] {
        assert_eq!(found(&[program.clone(), inner.clone()].concat()).0, ["1"]);
        assert_eq!(found(&program), (vec![], vec![pair("", "no known log format")]));
    }
    // Anything may stand before it, if it is called an archive.
    let collector = crate::common::collect(&[b"junk ".to_vec(), inner].concat(), "logs.ZIP", None, &context());
    assert_eq!((collector.events.len(), collector.reasons()), (1, vec![]));
}

#[test]
fn an_empty_archive_holds_nothing() {
    for object in [Zip::default().end(), gzip(&Zip::default().end())] {
        assert_eq!(found(&object), (vec![], vec![]));
    }
    let folder = tar_header("logs/", 0, b'5', USTAR);
    assert_eq!(found(&Tar::default().entry(&folder, b"").end()), (vec![], vec![]));
}
