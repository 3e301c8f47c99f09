//! Asks a lake the questions of `peers/query.py` with the scan engine, on one thread, and prints one line of JSON each.
//!
//! `query_once FOLDER QUESTIONS.json [QUESTION]`: the questions as a JSON object, name to list of parameters; `limit` and
//! `interval` among them say what is asked for. Each question is asked by an engine that remembers nothing (`cold`), then again
//! by the same one (`warm`).

mod folder;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use auditlake_event::Organization;
use auditlake_lake::Lake;
use auditlake_query::{CountRequest, EngineExt, Interval, Query, ScanEngine, SearchRequest, Settings};
use folder::Folder;

type Failure = Box<dyn Error>;

/// How often a question is asked for one figure; the fastest counts.
const REPEATS: usize = 5;

struct Asked {
    rows: u64,
    fingerprint: String,
    bytes: u64,
}

async fn ask(engine: &ScanEngine, parameters: &[(String, String)]) -> Result<Asked, Failure> {
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let organization = Organization::parse(named("organization").ok_or("a question needs an organization")?)?;
    let is_filter = |name: &str| !matches!(name, "organization" | "limit" | "interval");
    let filters = parameters.iter().filter(|(name, _)| is_filter(name)).map(|(name, value)| (name.as_str(), value.as_str()));
    let query = Query::from_parameters(organization, filters)?;
    if named("interval").is_some() {
        let request = CountRequest { time_zone: None, query, interval: Some(Interval::Hour), group_by: None, limit: 100 };
        let counts = engine.count(&request).await?;
        let total: u64 = counts.found.counts.iter().map(|count| count.count).sum();
        let fingerprint = format!("{} buckets, {total} events", counts.found.counts.len());
        return Ok(Asked { rows: counts.found.counts.len() as u64, fingerprint, bytes: counts.facts.scanned_bytes });
    }
    let limit = named("limit").map_or(Ok(100), str::parse)?;
    let answer = engine
        .search(&SearchRequest { order: auditlake_query::Order::NewestFirst, query, after: None, limit, with_raw: false })
        .await?;
    let ids: Vec<&str> = answer.found.events.iter().map(|event| event.event_id.as_ref()).collect();
    let edge = |id: Option<&&str>| id.map_or_else(|| "none".to_owned(), |id| (*id).to_owned());
    let fingerprint = format!("{} rows, {} to {}", ids.len(), edge(ids.first()), edge(ids.last()));
    Ok(Asked { rows: ids.len() as u64, fingerprint, bytes: answer.facts.scanned_bytes })
}

fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1_024)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(questions)) = (arguments.next(), arguments.next()) else {
        return Err("usage: query_once FOLDER QUESTIONS.json [QUESTION]".into());
    };
    let only = arguments.next();
    let lake = Lake::parse(&std::fs::read(format!("{path}/lake.json"))?)?;
    let questions: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&std::fs::read(questions)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for (name, parameters) in &questions {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let parameters: Vec<(String, String)> = serde_json::from_value(parameters.clone())?;
        let (mut cold, mut warm) = (f64::MAX, f64::MAX);
        let mut asked = None;
        for _ in 0..REPEATS {
            let store = Arc::new(Folder(path.clone().into()));
            let engine = ScanEngine::new(store, lake.clone(), Settings::default());
            let started = Instant::now();
            asked = Some(runtime.block_on(ask(&engine, &parameters))?);
            cold = cold.min(started.elapsed().as_secs_f64());
            let started = Instant::now();
            runtime.block_on(ask(&engine, &parameters))?;
            warm = warm.min(started.elapsed().as_secs_f64());
        }
        let Some(asked) = asked else { continue };
        let line = serde_json::json!({
            "question": name, "ms": cold * 1_000.0, "warm_ms": warm * 1_000.0, "bytes": asked.bytes, "rows": asked.rows,
            "answer": asked.fingerprint, "peak_mb": peak_memory_mb(),
        });
        println!("{line}");
    }
    Ok(())
}
