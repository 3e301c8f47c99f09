//! Makes landing objects out of an NDJSON file of events, as the input of `seal_once` and of its peers.
//!
//! `seal_prepare INPUT.ndjson FOLDER OBJECTS [PART]`: the lines are cut into `OBJECTS` batches in file order; each becomes one landing
//! object. Its arrival is a second after its newest event; a few events of each batch come again in the next one, as they do from
//! clients that retry. Another `PART` gives other names to objects of the same times.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use auditlake_event::input::{DoorContext, Shape, parse_body};
use auditlake_event::{Region, Timestamp};
use auditlake_lake::layout::LandingKey;
use auditlake_lake::period::SealRule;
use auditlake_lake::{Arrival, Period, landing};

/// Events of a batch that the next one repeats.
const REPEATED: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder), Some(objects)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: seal_prepare INPUT.ndjson FOLDER OBJECTS".into());
    };
    let part: u8 = arguments.next().map_or(Ok(0), |part| part.parse())?;
    let (folder, objects) = (PathBuf::from(folder), objects.parse::<usize>()?);
    let text = fs::read_to_string(&input)?;
    let lines: Vec<&str> = text.lines().collect();
    let region = Region::parse("us-east-1")?;
    let rule = SealRule { period: Period::HOUR, slack_ms: 300_000, lead_ms: 300_000 };
    let far = Timestamp::parse("2100-01-01T00:00:00Z")?;
    let mut context = DoorContext::api(far, &region, None);
    context.max_events = usize::MAX;
    context.max_body_bytes = usize::MAX;
    fs::create_dir_all(&folder)?;
    let size = lines.len().div_ceil(objects).max(1);
    let (mut random, mut rows, mut seal_time) = (0u64, 0, None);
    for (number, batch) in lines.chunks(size).enumerate() {
        let start = (number * size).saturating_sub(size);
        let repeated = if number == 0 { &[] } else { &lines[start..start + REPEATED.min(size)] };
        let body = [repeated, batch].concat().join("\n");
        let parsed = parse_body(body.as_bytes(), Shape::Ndjson, &context, &mut || [0; 10])?;
        if let Some(error) = parsed.errors.first() {
            return Err(format!("{input}: {error:?}").into());
        }
        let newest = parsed.events.iter().map(|event| event.event_time).max().ok_or("an empty batch")?;
        let arrival = Arrival(newest.plus_millis(1_000));
        let encoded = landing::file::encode(&parsed.events, arrival, &rule)?;
        random += 1;
        let mut name = [0; 10];
        name[1] = part;
        name[2..].copy_from_slice(&random.to_be_bytes());
        let key = LandingKey::new(arrival, name).to_string();
        let file = key.rsplit('/').next().unwrap_or(&key);
        fs::write(folder.join(file), &encoded.bytes)?;
        rows += parsed.events.len();
        seal_time = seal_time.or(encoded.index.groups.first().map(|group| group.seal_time));
    }
    if let Some(seal_time) = seal_time {
        println!("{rows} rows, first seal time {seal_time}");
    }
    Ok(())
}
