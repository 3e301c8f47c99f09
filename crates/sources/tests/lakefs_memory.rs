//! Memory does not grow with the Parquet file. Alone in its file, because it looks at the whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

mod common;
mod lakefs_support;

use std::io::{Seek, SeekFrom};

use auditlake_sources::import;
use common::{NothingKept, context};
use lakefs_support::{batch, row};
use parquet::arrow::ArrowWriter;
use serde_json::json;

/// The most memory this process ever held, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[test]
fn a_large_parquet_file_is_read_in_bounded_memory() {
    if peak().is_none() {
        println!("skipped: this system does not say how much memory a process holds");
        return;
    }
    let digits = |number: usize| -> String {
        (0..100).map(|part| format!("{:08x}", ((number * 100 + part) as u32).wrapping_mul(2_654_435_761))).collect()
    };
    let rows: Vec<_> = (0..2_000).map(|number| row(&json!({"data_user": digits(number)}))).collect();
    let batch = batch(&rows);
    let mut writer = ArrowWriter::try_new(tempfile::tempfile().unwrap(), batch.schema(), None).unwrap();
    for _ in 0..60 {
        writer.write(&batch).unwrap();
        writer.flush().unwrap();
    }
    let mut file = writer.into_inner().unwrap();
    let bytes = file.seek(SeekFrom::End(0)).unwrap();
    assert!(bytes > 90_000_000, "{bytes}");
    file.seek(SeekFrom::Start(0)).unwrap();
    let before = peak().unwrap();
    let (_, summary) = import(file, "organization=org-acme/log.parquet", None, &context(), &mut NothingKept).unwrap();
    assert_eq!((summary.events, summary.bytes), (120_000, bytes));
    let grown = peak().unwrap() - before;
    println!("{} MB read, {} kB of memory more", bytes / 1_000_000, grown / 1024);
    // 16 MiB before the file goes to disk, and its pages.
    assert!(grown < 48 << 20, "{grown} bytes");
}
