//! `auditlake verify`: whether anything in a lake was lost, added or altered.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auditlake_store::SharedStore;
use auditlake_store::folder::FolderStore;
use auditlake_verify::{Options, Progress, Report, VerifyError, verify};
use serde_json::json;

use crate::arguments::{ReportFormat, VerifyArguments};
use crate::failure::{self, Failure, Outcome};
use crate::output::{number, printable};
use crate::progress::spinner;
use crate::storage::{Storage, storage_failure};

/// Findings that a table shows; JSON has more.
const MOST_SHOWN: usize = 50;

pub async fn run(arguments: VerifyArguments) -> Outcome {
    let store: SharedStore = match &arguments.storage.bucket {
        // Only read, so that a copy on a read-only medium can be verified, and nothing is written to the evidence.
        None => Arc::new(FolderStore::new(&arguments.storage.data)),
        Some(_) => Storage::open(&arguments.storage).await.map_err(Failure::unverified)?.store,
    };
    let options = Options {
        organization: arguments.organization.clone(),
        since: arguments.since,
        until: arguments.until,
        quick: arguments.quick,
        known: arguments.known.clone(),
        at_once: 0,
    };
    let bar = spinner("verifying");
    bar.enable_steady_tick(Duration::from_millis(120));
    let tell = |progress: Progress| {
        let Progress { seals, objects, bytes } = progress;
        bar.set_message(format!("{} seals, {} objects, {} MB", number(seals), number(objects), number(bytes / 1_000_000)));
    };
    let report = verify(store, &options, &tell).await;
    bar.finish_and_clear();
    let report = report.map_err(|error| {
        let failure = match &error {
            VerifyError::Store(error) => storage_failure(error),
            VerifyError::NoLake => {
                Failure::new(error.to_string()).advise("name the lake's directory with --data, or its bucket with --bucket")
            }
            VerifyError::Worker(_) => Failure::new(error.to_string()),
        };
        failure.unverified()
    })?;
    let is_anchored = report
        .newest_sha256
        .as_ref()
        .is_some_and(|newest| options.known.iter().any(|known| known.eq_ignore_ascii_case(newest)));
    let code = match report.problems() {
        0 if is_anchored => failure::DONE,
        0 => failure::SET_ASIDE,
        _ => failure::FAILED,
    };
    match arguments.output {
        ReportFormat::Json => print_json(&report, code)?,
        ReportFormat::Table => print_text(&report, is_anchored)?,
    }
    Ok(ExitCode::from(code))
}

fn print_json(report: &Report, code: u8) -> Result<(), Failure> {
    let proven = match code {
        failure::DONE => "yes",
        failure::SET_ASIDE => "as far as it goes",
        _ => "no",
    };
    let mut value = serde_json::to_value(report)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("proven".to_owned(), json!(proven));
        members.insert("verdict".to_owned(), json!(report.verdict()));
        members.insert("limits".to_owned(), json!(report.limits()));
    }
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &value)?;
    writeln!(out)?;
    Ok(())
}

fn print_text(report: &Report, is_anchored: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for finding in report.findings.iter().take(MOST_SHOWN) {
        writeln!(out, "{}  {}\n    {}", finding.kind.word(), printable(&finding.key), printable(&finding.detail))?;
    }
    let hidden = report.problems().saturating_sub(MOST_SHOWN as u64);
    if hidden > 0 {
        writeln!(out, "… and {} more (-o json lists up to {})", number(hidden), number(Report::MOST_FINDINGS))?;
    }
    if report.problems() > 0 {
        writeln!(out)?;
    }
    writeln!(out, "{}", report.verdict())?;
    if report.problems() == 0 {
        if let Some(newest) = &report.newest_sha256 {
            let what = if report.organization.is_some() { "digest" } else { "record" };
            writeln!(
                out,
                "Newest {what}: SHA-256 {newest}. Keep it: `auditlake verify --known {newest}` finds out later whether anything was rewritten."
            )?;
        }
        for limit in report.limits().iter().skip(usize::from(is_anchored)) {
            writeln!(out, "{limit}")?;
        }
    }
    Ok(())
}
