//! How fast posted events become a landing object, step by step.

use std::hint::black_box;

use auditlake_event::canonical::{ColumnarHasher, event_hash};
use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Region, Timestamp};
use auditlake_lake::landing::file::{decode, encode};
use auditlake_lake::period::SealRule;
use auditlake_lake::{Arrival, Period};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 10_000;

/// Events that look like those of a company's backend; every run makes the same.
fn body() -> String {
    let mut lines = String::new();
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for number in 0..EVENTS {
        let (organization, actor, resource) = (next(20), next(2_000), next(100_000));
        let (action, agent, quota, id) = (next(60), next(50), next(900), next(u64::MAX >> 34));
        let millis = number * 360;
        let (minute, second, rest) = (millis / 60_000, millis / 1_000 % 60, millis % 1_000);
        let changes = if next(5) == 0 {
            format!(
                r#","changes":{{"before":{{"role":"viewer","quota":{quota}}},"after":{{"role":"editor","quota":{}}}}}"#,
                quota + 10
            )
        } else {
            String::new()
        };
        let metadata = if next(3) == 0 {
            format!(r#","metadata":{{"trace":"{id:016x}","duration_ms":"{quota}","client":"svc-{}"}}"#, next(12))
        } else {
            String::new()
        };
        lines.push_str(&format!(
            r#"{{"event_id":"{id:08x}-64ac-40f8-a754-{number:012x}","event_time":"2026-03-01T11:{minute:02}:{second:02}.{rest:03}Z","organization":"acme-{organization:02}","region":"us-east-1","actor_id":"usr_{actor:014x}","actor_email":"alice.{actor:04x}@acme.example.com","actor_type":"user","action":"role_action_{action}","resource_type":"bucket","resource_id":"bucket/{resource:08x}-{resource:06}","outcome":"success","source_ip":"10.{}.{}.{}","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{agent}.0.0.0 Safari/537.36","request_id":"{id:016x}","http_method":"GET","http_path":"/v1/objects/{resource:08x}","http_status":200,"service_name":"svc-{}"{changes}{metadata}}}"#,
            next(250), next(250), next(250), next(12),
        ));
        lines.push('\n');
    }
    lines
}

fn ingest(criterion: &mut Criterion) {
    let body = body();
    let Ok(region) = Region::parse("us-east-1") else { return };
    let Ok(received_time) = Timestamp::parse("2026-03-01T12:10:00Z") else { return };
    let context = DoorContext::api(received_time, &region, None);
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let arrival = Arrival(received_time);
    let Ok(parsed) = parse_body(body.as_bytes(), Shape::Ndjson, &context, &mut || [0; 10]) else { return };
    assert_eq!(parsed.events.len(), EVENTS, "{:?}", parsed.errors.first());
    let Ok(encoded) = encode(&parsed.events, arrival, &rule) else { return };
    let Ok(decoded) = decode(encoded.bytes.clone(), arrival, &rule) else { return };

    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("parse, validate, hash", |bencher| {
        bencher.iter(|| parse_body(black_box(body.as_bytes()), Shape::Ndjson, &context, &mut || [0; 10]));
    });
    group.bench_function("hash events", |bencher| {
        bencher.iter(|| parsed.events.iter().map(event_hash).fold(0, |sum, hash| sum ^ hash[0]));
    });
    group.bench_function("encode", |bencher| bencher.iter(|| encode(black_box(&parsed.events), arrival, &rule)));
    group.bench_function("decode and check", |bencher| {
        bencher.iter(|| decode(black_box(encoded.bytes.clone()), arrival, &rule));
    });
    group.bench_function("hash columns", |bencher| {
        bencher.iter(|| {
            let mut sum = 0;
            for batch in &decoded.batches {
                let Ok(hasher) = ColumnarHasher::new(batch, None) else { return sum };
                sum ^= hasher.hashes().iter().fold(0, |sum, hash| sum ^ hash[0]);
            }
            sum
        });
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
