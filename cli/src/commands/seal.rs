//! `auditlake seal`: seals every period that is over.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use auditlake_lake::Lake;
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_lake::seal::plan::Plan;
use auditlake_lake::seal::set_aside::{self, Next, SetAsideError};
use auditlake_lake::seal::{RunLimits, SealError, SealRun, SealSettings, Sealer};
use serde_json::json;

use crate::arguments::{ReportFormat, SealArguments};
use crate::failure::{self, Failure, Outcome};
use crate::storage::{Storage, storage_failure};
use crate::{output, progress};

/// Most periods a dry run looks ahead.
const MOST_PREVIEWED: usize = 1_024;

fn seal_failure(error: &SealError) -> Failure {
    let failure = Failure::new(format!("the seal stopped: {error}"));
    if error.retryable() {
        failure.advise("run it again: it goes on where it stopped")
    } else {
        let look =
            "nothing is lost and nothing half-written counts; what the message names needs a look before the next run";
        match error.key() {
            Some(key) => failure.advise(format!(
                "{look}. To go on without that object: auditlake seal --set-aside '{key}' --reason '…' (docs/runbook.md, SealFailures)"
            )),
            None => failure.advise(look),
        }
    }
}

pub async fn run(arguments: SealArguments) -> Outcome {
    let storage = Storage::open(&arguments.storage).await?;
    let lake = storage.existing_lake().await?;
    if let (Some(key), Some(reason)) = (&arguments.set_aside, &arguments.reason) {
        return set_aside(&storage, &lake, key, reason, &arguments).await;
    }
    let mut sealer = Sealer::new(Arc::clone(&storage.store), lake.clone(), Arc::new(SystemClock), SealSettings::default());
    let sealed_until = sealer.sealed_until().await.map_err(|error| seal_failure(&error))?;
    let max_periods = arguments.until.map(|until| {
        let span = until.millis().saturating_sub(sealed_until.start().millis());
        // A period that begins before `until` counts, also one that `until` lies in.
        u64::try_from(span.saturating_add(lake.period().millis() - 1) / lake.period().millis()).unwrap_or(0)
    });
    if arguments.dry_run {
        let most =
            max_periods.map_or(MOST_PREVIEWED, |most| usize::try_from(most).unwrap_or(MOST_PREVIEWED).min(MOST_PREVIEWED));
        let previews = sealer.preview(most).await.map_err(|error| seal_failure(&error))?;
        let plans: Vec<&Plan> = previews.iter().map(|preview| &preview.plan).collect();
        return report_dry_run(arguments.output, &plans);
    }
    let spinner = progress::spinner("sealing");
    let limits = RunLimits { max_periods, ..RunLimits::default() };
    let mut observer = |record: &auditlake_lake::seal::record::SealRecord| {
        spinner.set_message(format!("sealed {}: {}", record.seal_time, output::counted(record.rows_out, "row")));
    };
    let sealed = sealer.run(limits, &mut observer).await;
    spinner.finish_and_clear();
    let sealed = sealed.map_err(|error| seal_failure(&error))?;
    report(arguments.output, &sealed)?;
    for set_aside in &sealed.set_aside {
        eprintln!("warning: landing object set aside: {set_aside:?}");
    }
    Ok(ExitCode::from(if sealed.set_aside.is_empty() && sealed.conflicts == 0 { failure::DONE } else { failure::SET_ASIDE }))
}

/// Takes one object out of the way of the seal, and says so in the lake.
async fn set_aside(storage: &Storage, lake: &Lake, key: &str, reason: &str, arguments: &SealArguments) -> Outcome {
    let stated = set_aside::set_aside(storage.store.as_ref(), lake, key, reason, SystemClock.now()).await;
    let (statement, next) = stated.map_err(|error| match error {
        SetAsideError::Store(error) => storage_failure(&error),
        SetAsideError::Write(error) => error.into(),
        refused @ SetAsideError::Refused { .. } => {
            Failure::new(refused.to_string()).advise("name the object that `auditlake status` or the log of the seal names")
        }
    })?;
    let mut is_left = next == Next::Remove;
    if is_left && arguments.storage.bucket.is_none() {
        std::fs::remove_file(arguments.storage.data.join(key))?;
        is_left = false;
    }
    if arguments.output == ReportFormat::Json {
        writeln!(std::io::stdout().lock(), "{}", json!({ "statement": statement, "must_be_removed": is_left }))?;
    } else {
        println!("set aside: {key}\ncopy: {}\nreason: {reason}", statement.copy);
    }
    if is_left {
        eprintln!(
            "the object still stands where a seal writes; remove it from the bucket, for example:\n  aws s3api delete-object --bucket BUCKET --key '{key}'"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn report(format: ReportFormat, sealed: &SealRun) -> Result<(), Failure> {
    if format == ReportFormat::Json {
        let document = json!({
            "sealed_until": sealed.sealed_until,
            "periods": sealed.periods,
            "rows_in": sealed.rows_in,
            "rows_out": sealed.rows_out,
            "duplicates": sealed.duplicates,
            "conflicts": sealed.conflicts,
            "late_rows": sealed.late_rows,
            "objects": sealed.objects,
            "bytes": sealed.bytes,
            "set_aside": sealed.set_aside.len(),
        });
        writeln!(std::io::stdout().lock(), "{document}")?;
        return Ok(());
    }
    let mut table = output::table(&["seal", ""]);
    table.add_row(["sealed until", &sealed.sealed_until.to_string()]);
    table.add_row(["periods sealed now", &output::number(sealed.periods)]);
    table.add_row(["rows read", &output::number(sealed.rows_in)]);
    table.add_row(["rows written", &output::number(sealed.rows_out)]);
    table.add_row(["equal copies left out", &output::number(sealed.duplicates)]);
    table.add_row(["contradicting copies quarantined", &output::number(sealed.conflicts)]);
    table.add_row(["late rows", &output::number(sealed.late_rows)]);
    table.add_row(["archive objects", &format!("{}, {}", output::number(sealed.objects), output::bytes(sealed.bytes))]);
    output::print_table(&table)
}

fn report_dry_run(format: ReportFormat, plans: &[&Plan]) -> Outcome {
    let mut out = std::io::stdout().lock();
    if format == ReportFormat::Json {
        for plan in plans {
            out.write_all(&plan.to_bytes()?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    drop(out);
    let with_rows: Vec<&&Plan> = plans.iter().filter(|plan| plan.rows() > 0 || !plan.set_aside.is_empty()).collect();
    let mut table = output::table(&["period", "landing objects", "rows", "archive objects", "organizations", "set aside"]);
    for plan in &with_rows {
        let objects: usize = plan.shards.iter().map(Vec::len).sum();
        table.add_row([
            plan.seal_time.to_string(),
            output::number(plan.inputs.len()),
            output::number(plan.rows()),
            output::number(objects),
            output::number(plan.organizations().len()),
            output::number(plan.set_aside.len()),
        ]);
    }
    output::align_right(&mut table, 1..6);
    if !with_rows.is_empty() {
        output::print_table(&table)?;
    }
    let empty = plans.len() - with_rows.len();
    let more = if plans.len() == MOST_PREVIEWED { " (at least)" } else { "" };
    let due = output::counted(plans.len(), "period");
    eprintln!("{due} due{more}, {} empty; nothing was written", output::number(empty));
    Ok(ExitCode::SUCCESS)
}
