//! Memory does not grow with the object. Alone in its file, because it looks at the whole process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

mod common;

use std::io::{self, Read};

use auditlake_sources::import;
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

#[test]
fn a_large_log_file_is_read_in_bounded_memory() {
    let Some(before) = peak() else {
        println!("skipped: this system does not say how much memory a process holds");
        return;
    };
    let record = compact("get_object_by_presigned_url");
    let some = format!(",{record}").repeat(1_000);
    let (beginning, middle, end) = (gzip(format!("{{\"Records\":[{record}").as_bytes()), gzip(some.as_bytes()), gzip(b"]}"));
    // About 145 MB in one list of records, as members of one gzip stream.
    let mut parts = vec![end.as_slice()];
    parts.extend(std::iter::repeat_n(middle.as_slice(), 100));
    parts.push(&beginning);
    let (_, summary) = import(Repeated { parts, rest: &[] }, "trail.json.gz", None, &context(), &mut NothingKept).unwrap();
    assert_eq!(summary.events, 100_001);
    assert!(summary.bytes > 140_000_000);
    let grown = peak().unwrap() - before;
    println!("{} MB read, {} kB of memory more", summary.bytes / 1_000_000, grown / 1024);
    assert!(grown < 24 << 20, "{grown} bytes");
}
