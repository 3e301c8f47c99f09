//! How fast the log files of other systems become events: bytes of inflated input a second, on one core.

use std::hint::black_box;

use auditlake_event::{Event, Organization, Region, Timestamp};
use auditlake_sources::{ImportContext, Quarantined, SetAside, Sink, SinkError, import};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const RECORDS: usize = 5_000;

/// Records as the source's own tests have them, one of each kind in turn.
const KINDS: [&str; 4] = [
    include_str!("../../crates/sources/tests/fixtures/cloudtrail/assume_role_by_vendor.json"),
    include_str!("../../crates/sources/tests/fixtures/cloudtrail/get_object_by_presigned_url.json"),
    include_str!("../../crates/sources/tests/fixtures/cloudtrail/put_role_policy.json"),
    include_str!("../../crates/sources/tests/fixtures/cloudtrail/unauthorized_run_instances.json"),
];

struct Nothing;

impl Sink for Nothing {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        black_box(event);
        Ok(())
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        Err(record.reason.into())
    }
    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        Err("no record is to be set aside".into())
    }
}

/// A record on one line: no text of the fixtures holds a line break or two spaces.
fn compact(record: &str) -> String {
    record.lines().map(str::trim).collect::<Vec<_>>().concat().replace("\": ", "\":").replace(", \"", ",\"")
}

fn log_file() -> String {
    let kinds = KINDS.map(compact);
    let records: Vec<String> = (0..RECORDS)
        .map(|number| kinds[number % KINDS.len()].replace("0d5c4c4e-0000-4000", &format!("{number:08x}-0000-4000")))
        .collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn cloudtrail(criterion: &mut Criterion) {
    let content = log_file();
    let compressed = zstd::encode_all(content.as_bytes(), 3).unwrap_or_default();
    let names = (Region::parse("eu-west-1"), Organization::parse("acme"), Timestamp::parse("2026-04-01T00:00:00Z"));
    let (Ok(region), Ok(organization), Ok(received_time)) = names else { return };
    let mut context = ImportContext::new(region, organization, received_time);
    let mut group = criterion.benchmark_group("aws.cloudtrail");
    group.throughput(Throughput::Bytes(content.len() as u64)).sample_size(20);
    for (name, bytes, keep_raw) in [
        ("log file", content.as_bytes(), true),
        ("log file, no raw", content.as_bytes(), false),
        ("log file, zstd", &compressed, true),
    ] {
        context.keep_raw = keep_raw;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let result = import(black_box(bytes), "trail.json", None, &context, &mut Nothing);
                assert!(result.is_ok_and(|(_, summary)| summary.events == RECORDS as u64));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, cloudtrail);
criterion_main!(benches);
