//! `auditlake status`: where the lake stands.

use std::io::Write;
use std::process::ExitCode;

use auditlake_api::status::Status;
use auditlake_lake::landing::{Clock, SystemClock};

use super::Outcome;
use crate::arguments::{ReportFormat, StatusArguments};
use crate::output;
use crate::storage::{Storage, storage_failure};
use auditlake_lake::length::Length;

pub async fn run(arguments: StatusArguments) -> Outcome {
    let storage = Storage::open(&arguments.storage).await?;
    let lake = storage.existing_lake().await?;
    let sealed_until = auditlake_lake::status::sealed_until(storage.store.as_ref(), &lake, None).await;
    let sealed_until = sealed_until.map_err(|error| storage_failure(&error))?;
    let status = Status::new(&lake, sealed_until, SystemClock.now());
    if arguments.output == ReportFormat::Json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &status)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["lake", ""]);
    let length = |millis: i64| Length { millis }.to_string();
    table.add_row(["sealed until", &status.sealed_until.to_string()]);
    table.add_row(["behind now by", &length(status.lag_seconds * 1_000)]);
    table.add_row(["next seal at", &status.next_seal.to_string()]);
    table.add_row(["seal period", &length(lake.period().millis())]);
    table.add_row(["slack", &length(lake.slack_ms)]);
    table.add_row(["created", &status.created.to_string()]);
    table.add_row(["codec", lake.codec.suffix().trim_start_matches('-').trim_end_matches(".parquet")]);
    table.add_row([
        "versions",
        &format!("auditlake {}, format {}, schema {}", status.version, status.format_version, status.schema_version),
    ]);
    output::print_table(&table)?;
    Ok(ExitCode::SUCCESS)
}
