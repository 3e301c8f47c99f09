//! Converts an NDJSON file of events to landing objects in a folder and prints how fast: what the peers are raced with.
//!
//! `ingest_once EVENTS.ndjson FOLDER [EVENTS_PER_OBJECT]`

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Instant;

use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Region, Timestamp};
use auditlake_lake::landing::file::LandingEncoder;
use auditlake_lake::period::SealRule;
use auditlake_lake::{Arrival, Period};

/// Bytes of NDJSON that are read and parsed at once: little enough to stay in a core's own cache until they are encoded.
const CHUNK_BYTES: u64 = 256 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: ingest_once EVENTS.ndjson FOLDER [EVENTS_PER_OBJECT]";
    let input = PathBuf::from(arguments.next().ok_or(usage)?);
    let folder = PathBuf::from(arguments.next().ok_or(usage)?);
    let events_per_object: usize = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    std::fs::create_dir_all(&folder)?;

    // The events of `benches/generate.py` happen on 2026-03-01.
    let received_time = Timestamp::parse("2026-03-02T00:10:00Z")?;
    let region = Region::parse("us-east-1")?;
    let context = DoorContext { max_events: usize::MAX, ..DoorContext::api(received_time, &region, None) };
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };

    let start = Instant::now();
    let mut reader = BufReader::new(File::open(&input)?);
    let mut chunk = Vec::new();
    let mut encoder = LandingEncoder::new();
    let (mut objects, mut events, mut refused, mut bytes) = (0_usize, 0_usize, 0_usize, 0_usize);
    loop {
        chunk.clear();
        reader.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk)?;
        reader.read_until(b'\n', &mut chunk)?;
        let is_end = chunk.is_empty();
        if !is_end {
            let mut counter = 0_u64;
            let mut random = || {
                counter += 1;
                let mut random = [0; 10];
                random[..8].copy_from_slice(&counter.to_le_bytes());
                random
            };
            let parsed = parse_body(&chunk, Shape::Ndjson, &context, &mut random)?;
            encoder.push(&parsed.events);
            events += parsed.events.len();
            refused += parsed.refused();
        }
        if encoder.len() >= events_per_object || is_end && !encoder.is_empty() {
            let encoded = encoder.finish(Arrival(received_time), &rule)?;
            std::fs::write(folder.join(format!("{objects:06}.parquet")), &encoded.bytes)?;
            objects += 1;
            bytes += encoded.bytes.len();
        }
        if is_end {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = events as f64 / seconds;
    println!(
        "{{\"events\":{events},\"refused\":{refused},\"objects\":{objects},\"bytes\":{bytes},\"seconds\":{seconds:.3},\"events_per_second\":{rate:.0}}}"
    );
    Ok(())
}
