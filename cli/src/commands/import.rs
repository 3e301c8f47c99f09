//! `auditlake import`: reads audit logs of other systems from files and folders into the lake.
//!
//! One thread reads and parses, another task lands what was read, in objects of bounded size; what waits between them is bounded
//! too. Every record becomes an event, goes to quarantine with its reason, or is set aside; importing again changes nothing.

mod files;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use auditlake_event::Organization;
use auditlake_importer::{CountingSink, FileSink, LandedTotals, LandingSink, QuarantineError, WAITING_CHUNKS, quarantine};
use auditlake_lake::clock::{Clock, SystemClock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_query::nearest;
use auditlake_sources::{ImportContext, ReadError, SOURCES, Source, Summary, UNKNOWN};
use auditlake_store::SharedStore;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::sync::mpsc;

use crate::arguments::{ImportArguments, ReportFormat};
use crate::failure::{self, Failure, Outcome};
use crate::storage::{Storage, storage_failure};
use crate::{output, progress};
use files::{Found, LeftOut};

/// Most files of no known format that are named one by one.
const MOST_NAMED: usize = 10;

/// The source of our own JSON, in which each event may state its organization.
const OUR_OWN: &str = "auditlake";

/// What was read of one source.
#[derive(Default)]
struct SourceReport {
    files: u64,
    summary: Summary,
    seconds: f64,
}

/// What an import did.
#[derive(Default)]
struct Report {
    by_source: BTreeMap<&'static str, SourceReport>,
    unrecognised: Vec<String>,
    unreadable: Vec<(String, String)>,
}

fn source_of(name: Option<&str>) -> Result<Option<&'static dyn Source>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let known: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
    auditlake_sources::by_name(name).map(Some).ok_or_else(|| {
        let meant = nearest::meant(name, known.iter().copied());
        Failure::new(format!("there is no source {name}")).advise(format!("known are {}{meant}", known.join(", ")))
    })
}

fn context_of(arguments: &ImportArguments) -> Result<ImportContext, Failure> {
    let organization = match &arguments.organization {
        Some(organization) => organization.clone(),
        // Every event that is read then states its own.
        None => Organization::parse("any").map_err(|error| Failure::new(error.to_string()))?,
    };
    let mut context = ImportContext::new(arguments.region.clone(), organization, SystemClock.now());
    context.keep_organizations = arguments.any_organization;
    context.account_organizations = arguments.accounts.iter().cloned().collect();
    context.keep_raw = !arguments.no_raw;
    Ok(context)
}

/// Reads every file and hands its events on. Ends early only if the sink refuses.
fn read_files(
    found: &[Found],
    source: Option<&'static dyn Source>,
    mut context: ImportContext,
    sink: &mut dyn FileSink,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    for found in found {
        let name = found.path.display().to_string();
        bar.set_message(name.clone());
        context.received_time = SystemClock.now();
        let began = Instant::now();
        let result = match File::open(&found.path) {
            Ok(file) => auditlake_sources::import_by_source(bar.wrap_read(file), &name, source, &context, sink.begin(&name)),
            Err(error) => Err(ReadError::Io(error)),
        };
        match result {
            Ok(read) => {
                let most = auditlake_sources::most_of(&read);
                if most == UNKNOWN && read.values().any(|summary| summary.quarantined > 0) {
                    report.unrecognised.push(name);
                }
                sink.end(most).map_err(|error| quarantine_failure(&error))?;
                for (source, summary) in read {
                    let of_source = report.by_source.entry(source).or_default();
                    of_source.files += 1;
                    of_source.summary += summary;
                }
                report.by_source.entry(most).or_default().seconds += began.elapsed().as_secs_f64();
            }
            Err(ReadError::Io(error)) => report.unreadable.push((name, error.to_string())),
            Err(ReadError::Sink(error)) => return Err(Failure::new(format!("{name}: {error}"))),
        }
    }
    sink.finish().map_err(|error| quarantine_failure(&error))?;
    Ok(report)
}

fn quarantine_failure(error: &QuarantineError) -> Failure {
    match error {
        QuarantineError::Store(error) => storage_failure(error),
        other => Failure::new(other.to_string()),
    }
}

async fn read_and_land(
    store: SharedStore,
    writer: LandingWriter,
    found: Vec<Found>,
    source: Option<&'static dyn Source>,
    context: ImportContext,
    bar: ProgressBar,
) -> Result<(Report, LandedTotals), Failure> {
    let (sender, mut receiver) = mpsc::channel(WAITING_CHUNKS);
    let runtime = tokio::runtime::Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = LandingSink::new(sender, store, runtime);
        read_files(&found, source, context, &mut sink, &bar)
    });
    // If landing fails, the receiver is dropped and reading ends because of it.
    let landed = auditlake_importer::land_chunks(&writer, &mut receiver).await;
    drop(receiver);
    let read = reading.await.map_err(|error| Failure::new(format!("reading broke off: {error}")))?;
    let landed = landed.map_err(|error| {
        Failure::new(format!("events could not be landed: {error}"))
            .advise("import again: what landed already is not doubled")
    })?;
    Ok((read?, landed))
}

pub async fn run(arguments: ImportArguments) -> Outcome {
    let source = match arguments.source.as_deref() {
        None if arguments.any_organization => source_of(Some(OUR_OWN))?,
        Some(other) if arguments.any_organization && other != OUR_OWN => {
            return Err(Failure::new(format!("--any-organization reads {OUR_OWN} only, not {other}"))
                .advise("leave out --source, or name the events' --organization"));
        }
        stated => source_of(stated)?,
    };
    let (found, left_out) = files::find(&arguments.paths)?;
    for LeftOut { path, kind } in &left_out {
        eprintln!("note: {}: {kind}, left out", path.display());
    }
    let context = context_of(&arguments)?;
    let bar = progress::bytes_bar(found.iter().map(|found| found.bytes).sum());
    let began = Instant::now();
    let (report, landed) = if arguments.dry_run {
        let finished = bar.clone();
        let reading = tokio::task::spawn_blocking(move || read_files(&found, source, context, &mut CountingSink, &bar));
        let report = reading.await.map_err(|error| Failure::new(format!("reading broke off: {error}")))??;
        finished.finish_and_clear();
        (report, None)
    } else {
        let storage = Storage::open_for_writing(&arguments.storage).await?;
        let lake = storage.open_or_create_lake(&arguments.new_lake).await?;
        let store = Arc::clone(&storage.store);
        let writer = LandingWriter::new(Arc::clone(&store), lake, Arc::new(SystemClock), Arc::new(SystemEntropy));
        let result = read_and_land(store, writer, found, source, context, bar.clone()).await;
        bar.finish_and_clear();
        let (report, landed) = result?;
        (report, Some(landed))
    };
    let seconds = began.elapsed().as_secs_f64();
    match arguments.output {
        ReportFormat::Table => print_table(&report, landed.as_ref(), seconds)?,
        ReportFormat::Json => print_json(&report, landed.as_ref(), seconds)?,
    }
    for name in report.unrecognised.iter().take(MOST_NAMED) {
        eprintln!("warning: {name}: no record of a known log format; name it with --source if it is one");
    }
    if report.unrecognised.len() > MOST_NAMED {
        let more = report.unrecognised.len() - MOST_NAMED;
        eprintln!("warning: … and {} more; --output json lists all", output::counted(more, "file"));
    }
    for (name, error) in &report.unreadable {
        eprintln!("error: {name}: {error}");
    }
    let quarantined: u64 = report.by_source.values().map(|of_source| of_source.summary.quarantined).sum();
    if quarantined > 0 && landed.is_some() {
        eprintln!(
            "warning: {} {} quarantined; see {} for each with its reason",
            output::counted(quarantined, "record"),
            if quarantined == 1 { "was" } else { "were" },
            quarantine::PREFIX
        );
    }
    Ok(ExitCode::from(if !report.unreadable.is_empty() {
        failure::FAILED
    } else if quarantined > 0 {
        failure::SET_ASIDE
    } else {
        failure::DONE
    }))
}

/// What was set aside, by kind: `3 digest, 2 insight`.
fn set_aside(summary: &Summary) -> String {
    let kinds: Vec<String> = summary
        .set_aside_by_kind
        .iter()
        .map(|(kind, count)| format!("{} {}", output::number(count), kind.as_str()))
        .collect();
    if kinds.is_empty() { output::number(0) } else { kinds.join(", ") }
}

fn print_table(report: &Report, landed: Option<&LandedTotals>, seconds: f64) -> Result<(), Failure> {
    let mut table = output::table(&["source", "files", "read", "events", "quarantined", "set aside", "seconds"]);
    for (source, of_source) in &report.by_source {
        let summary = &of_source.summary;
        table.add_row([
            (*source).to_owned(),
            output::number(of_source.files),
            output::number(summary.records),
            output::number(summary.events),
            output::number(summary.quarantined),
            set_aside(summary),
            format!("{:.2}", of_source.seconds),
        ]);
    }
    output::align_right(&mut table, 1..7);
    output::print_table(&table)?;
    match landed {
        Some(landed) => eprintln!(
            "{} landed in {}, {}, in {seconds:.2} s",
            output::counted(landed.rows, "event"),
            output::counted(landed.objects, "object"),
            output::bytes(landed.bytes)
        ),
        None => eprintln!("nothing was written (--dry-run)"),
    }
    Ok(())
}

fn print_json(report: &Report, landed: Option<&LandedTotals>, seconds: f64) -> Result<(), Failure> {
    let sources: BTreeMap<&str, serde_json::Value> = report
        .by_source
        .iter()
        .map(|(source, of_source)| {
            let summary = &of_source.summary;
            let by_kind: BTreeMap<&str, u64> =
                summary.set_aside_by_kind.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
            let counts = json!({
                "files": of_source.files,
                "read": summary.records,
                "events": summary.events,
                "quarantined": summary.quarantined,
                "set_aside": summary.set_aside,
                "set_aside_by_kind": by_kind,
                "bytes": summary.bytes,
                "seconds": of_source.seconds,
            });
            (*source, counts)
        })
        .collect();
    let document = json!({
        "sources": sources,
        "unrecognised": report.unrecognised,
        "unreadable": report.unreadable.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "landed": landed.map_or(0, |landed| landed.rows),
        "landing_objects": landed.map_or(0, |landed| landed.objects),
        "seconds": seconds,
    });
    writeln!(std::io::stdout().lock(), "{document}")?;
    Ok(())
}
