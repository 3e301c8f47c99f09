//! Memory does not grow with the object. Alone in its file, because it looks at the whole process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

mod common;

use std::io::{self, Read, Write};

use auditlake_sources::import;
use common::archives::{As, BLOCK, USTAR, Zip, tar, tar_header};
use common::{NothingKept, compact, context, gzip};

/// The same bytes again and again between a beginning and an end.
struct Repeated<'a> {
    parts: Vec<&'a [u8]>,
    rest: &'a [u8],
}

impl Read for Repeated<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let Some(part) = self.parts.pop() else { return Ok(0) };
            self.rest = part;
        }
        self.rest.read(target)
    }
}

/// The most memory this process ever held, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Reads an object of 100,001 records and says how much memory that took.
fn read_in_memory(what: &str, parts: Vec<&[u8]>, bound: u64) {
    let before = peak().unwrap();
    let object = Repeated { parts: parts.into_iter().rev().collect(), rest: &[] };
    let (_, summary) = import(object, what, None, &context(), &mut NothingKept).unwrap();
    assert_eq!(summary.events, 100_001, "{what}");
    assert!(summary.bytes > 140_000_000, "{what}");
    let grown = peak().unwrap() - before;
    println!("{what}: {} MB read, {} kB of memory more", summary.bytes / 1_000_000, grown / 1024);
    assert!(grown < bound, "{what}: {grown} bytes");
}

/// One test, for the peak is the process's; what comes later adds to it only what it needs more.
#[test]
fn large_log_files_and_archives_are_read_in_bounded_memory() {
    if peak().is_none() {
        println!("skipped: this system does not say how much memory a process holds");
        return;
    }
    let record = compact("get_object_by_presigned_url");
    let (beginning, end) = (format!("{{\"Records\":[{record}").into_bytes(), b"]}".to_vec());
    let middle = format!(",{record}").repeat(1_000).into_bytes();
    // About 145 MB in one list of records.
    let object = |beginning, middle, end| -> Vec<&[u8]> {
        [beginning].into_iter().chain(std::iter::repeat_n(middle, 100)).chain([end]).collect()
    };
    let plain = object(&beginning[..], &middle[..], &end[..]);
    let size: u64 = plain.iter().map(|part| part.len() as u64).sum();
    let mut crc = flate2::Crc::new();
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    for part in &plain {
        crc.update(part);
        deflater.write_all(part).unwrap();
    }
    let deflated = deflater.finish().unwrap();

    // As members of one gzip stream.
    let (packed_beginning, packed_middle, packed_end) = (gzip(&beginning), gzip(&middle), gzip(&end));
    read_in_memory("trail.json.gz", object(&packed_beginning, &packed_middle, &packed_end), 24 << 20);

    // As they are in tar, and as gzip in tar.
    let header = tar_header("trail.json", size, b'0', USTAR);
    let padding = vec![0; (size.next_multiple_of(BLOCK as u64) - size) as usize + 2 * BLOCK];
    read_in_memory("trail.tar", [vec![&header[..]], plain.clone(), vec![&padding]].concat(), 4 << 20);
    let packed = object(&packed_beginning, &packed_middle, &packed_end).concat();
    let packed_tar = tar(&[("trail.json.gz", &packed)]);
    read_in_memory("packed.tar", vec![&packed_tar], 4 << 20);

    // Deflated in zip: held in memory, for it is small. Stored in zip: held in a file, in memory up to 16 MiB.
    let how = As { deflated: true, ..As::default() };
    let zipped = Zip::default().packed("trail.json", &deflated, size, crc.sum(), how).end();
    read_in_memory("deflated.zip", vec![&zipped], 8 << 20);
    let how = As { stored: Some(size), ..As::default() };
    let parts = Zip::default().packed("trail.json", b"", size, crc.sum(), how);
    let header = parts.bytes.clone();
    let mut tail = parts.end().split_off(header.len());
    let list_at = tail.len() - 6;
    tail[list_at..list_at + 4].copy_from_slice(&u32::try_from(header.len() as u64 + size).unwrap().to_le_bytes());
    read_in_memory("stored.zip", [vec![&header[..]], plain, vec![&tail]].concat(), 24 << 20);
}
