//! Asks a lake of which nothing is sealed yet: many small landing objects, and how much memory that takes.
//!
//! `landing_once OBJECTS EVENTS` makes `OBJECTS` landing objects of `EVENTS` events each (two hours of event time, every tenth
//! event a retry of an earlier one) in a temporary folder, then, in a process of its own for each question, asks for the newest
//! 100, for one actor, and for counts by hour, and prints time, bytes read and peak memory.

#[path = "query_once/folder.rs"]
mod folder;

use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use auditlake_event::{Event, Organization, Outcome, Timestamp};
use auditlake_lake::landing::file::encode;
use auditlake_lake::layout::{LAKE_FILE, LandingKey};
use auditlake_lake::{Arrival, Codec, Lake, Period};
use auditlake_query::{CountRequest, EngineExt, Interval, Query, ScanEngine, SearchRequest, Settings};
use folder::Folder;

type Failure = Box<dyn Error>;

const START: &str = "2026-03-01T10:00:00Z";
const SPAN_MS: i64 = 2 * 3_600_000;
const ORGANIZATIONS: usize = 20;

/// The event of a number; its content depends on nothing else.
fn event(number: usize, time: Timestamp) -> Event<'static> {
    let text = |text: String| Some(Cow::Owned(text));
    Event {
        event_id: format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).into(),
        event_time: time,
        received_time: time,
        region: "us-east-1".into(),
        organization: format!("org-{}", number % ORGANIZATIONS).into(),
        source: "api".into(),
        action: format!("action_{}", number % 60).into(),
        outcome: if number.is_multiple_of(17) { Outcome::Failure } else { Outcome::Success },
        actor_id: text(format!("usr_{:08x}", number % 2_000)),
        actor_email: text(format!("user.{}@example.com", number % 2_000)),
        resource_type: text("bucket".to_owned()),
        resource_id: text(format!("bucket/{:08x}", number.wrapping_mul(2_654_435_761) % 100_000)),
        source_ip: text(format!("192.0.2.{}", number % 250)),
        user_agent: text("aws-cli/2.15 Python/3.11".to_owned()),
        service_name: text("svc-iam".to_owned()),
        http_method: text("POST".to_owned()),
        http_path: text("/v1/roles/assign".to_owned()),
        http_status: Some(200),
        ..Event::default()
    }
}

fn make(folder: &Path, objects: usize, events: usize) -> Result<(), Failure> {
    let start = Timestamp::parse(START)?;
    let lake = Lake::new(start, Period::HOUR, 300_000, 300_000, Codec::Snappy);
    fs::create_dir_all(folder)?;
    fs::write(folder.join(LAKE_FILE), lake.to_bytes()?)?;
    let total = i64::try_from(objects * events)?;
    let time_of = |number: usize| Ok::<_, Failure>(start.plus_millis(SPAN_MS * i64::try_from(number)? / total));
    for object in 0..objects {
        let mut rows = Vec::with_capacity(events);
        for row in 0..events {
            let number = object * events + row;
            let number = if row % 10 == 9 { number.saturating_sub(events * 3) } else { number };
            rows.push(event(number, time_of(number)?));
        }
        let arrival = Arrival(time_of((object + 1) * events)?.plus_millis(1));
        let mut random = [0; 10];
        random[2..].copy_from_slice(&(object as u64).to_be_bytes());
        let path = folder.join(LandingKey::new(arrival, random).to_string());
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, encode(&rows, arrival, &lake.rule())?.bytes)?;
    }
    Ok(())
}

async fn ask(engine: &ScanEngine, question: &str) -> Result<(usize, u64), Failure> {
    let parameters: &[(&str, &str)] = if question == "actor" { &[("actor", "usr_00000065")] } else { &[] };
    let query = Query::from_parameters(Organization::parse("org-1")?, parameters.iter().copied())?;
    if question == "count" {
        let request = CountRequest { time_zone: None, query, interval: Some(Interval::Hour), group_by: None, limit: 10 };
        let counts = engine.count(&request).await?;
        return Ok((
            usize::try_from(counts.found.counts.iter().map(|count| count.count).sum::<u64>())?,
            counts.facts.scanned_bytes,
        ));
    }
    let answer = engine
        .search(&SearchRequest {
            order: auditlake_query::Order::NewestFirst,
            query,
            after: None,
            limit: 100,
            with_raw: false,
        })
        .await?;
    Ok((answer.found.events.len(), answer.facts.scanned_bytes))
}

fn peak_memory_mb() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no VmHWM")?.parse::<u64>()? / 1_024)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ask", folder, question] => {
            let lake = Lake::parse(&fs::read(Path::new(folder).join(LAKE_FILE))?)?;
            let engine = ScanEngine::new(Arc::new(Folder(folder.into())), lake, Settings::default());
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            for pass in ["cold", "warm"] {
                let started = Instant::now();
                let (rows, bytes) = runtime.block_on(ask(&engine, question))?;
                let millis = started.elapsed().as_secs_f64() * 1_000.0;
                println!("{question} {pass}: {millis:.1} ms, {rows} rows, {bytes} bytes, peak {} MB", peak_memory_mb()?);
            }
            Ok(())
        }
        [objects, events] => {
            let folder = std::env::temp_dir().join(format!("landing_once-{}", std::process::id()));
            make(&folder, objects.parse()?, events.parse()?)?;
            for question in ["newest", "actor", "count"] {
                let path = folder.to_string_lossy();
                Command::new(std::env::current_exe()?).args(["ask", &path, question]).status()?;
            }
            fs::remove_dir_all(&folder)?;
            Ok(())
        }
        _ => Err("usage: landing_once OBJECTS EVENTS".into()),
    }
}
