//! `auditlake status`: where the lake stands.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use auditlake_api::status::Status;
use auditlake_embedded::s3::DEFAULT_BUCKET;
use auditlake_embedded::schedule::settings_for;
use auditlake_embedded::storage_keys;
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_lake::seal::Sealer;

use serde_json::json;

use crate::arguments::{ReportFormat, StatusArguments};
use crate::failure::{Failure, Outcome};
use crate::storage::{Storage, storage_failure};
use crate::{failure, output};
use auditlake_lake::length::Length;

pub async fn run(arguments: StatusArguments) -> Outcome {
    if arguments.storage_keys {
        return storage_keys(&arguments);
    }
    let storage = Storage::open(&arguments.storage).await?;
    let lake = storage.existing_lake().await?;
    let sealed_until = auditlake_lake::status::sealed_until(storage.store.as_ref(), &lake, None).await;
    let sealed_until = sealed_until.map_err(|error| storage_failure(&error))?;
    let mut status = Status::new(&lake, sealed_until, SystemClock.now());
    // What keeps the next period from being sealed, if it is due: found without writing anything.
    let mut sealer = Sealer::new(Arc::clone(&storage.store), lake.clone(), Arc::new(SystemClock), settings_for(&lake));
    let failed = sealer.preview(1).await.err();
    if let Some(error) = &failed {
        status.held_up = sealer.held_up(error);
        eprintln!("warning: the seal of the next period does not go on: {error}");
        eprintln!("  help: {}", error.help());
    }
    let is_held_up = failed.is_some();
    if arguments.output == ReportFormat::Json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &status)?;
        writeln!(out)?;
        return Ok(ExitCode::from(if is_held_up { failure::SET_ASIDE } else { failure::DONE }));
    }
    let mut table = output::table(&["lake", ""]);
    let length = |millis: i64| Length { millis }.to_string();
    table.add_row(["sealed until", &status.sealed_until.to_string()]);
    table.add_row(["behind now by", &length(status.lag_seconds * 1_000)]);
    if let Some(held_up) = &status.held_up {
        table.add_row(["held up by", held_up.key.as_deref().unwrap_or(&held_up.reason)]);
        table.add_row(["held up since", &held_up.since.to_string()]);
    }
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
    Ok(ExitCode::from(if is_held_up { failure::SET_ASIDE } else { failure::DONE }))
}

/// Prints the keys of the storage port, as a shell takes them over or as JSON.
fn storage_keys(arguments: &StatusArguments) -> Outcome {
    let data = &arguments.storage.data;
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", storage_keys::path(data).display()))
            .advise("only the owner of the lake reads its keys: ask as the user that runs `auditlake serve`")
    };
    let Some(keys) = storage_keys::load(data).map_err(unreadable)? else {
        return Err(Failure::new(format!("there are no keys in {}", data.display()))
            .advise("`auditlake serve` makes them when it opens its storage to other tools (--s3-listen)"));
    };
    let mut out = std::io::stdout().lock();
    match arguments.output {
        ReportFormat::Json => {
            let report = json!({
                "access_key": keys.access_key,
                "secret_key": keys.secret_key,
                "bucket": DEFAULT_BUCKET,
                "region": "us-east-1",
            });
            writeln!(out, "{report}")?;
        }
        ReportFormat::Table => {
            writeln!(out, "AWS_ACCESS_KEY_ID={}", keys.access_key)?;
            writeln!(out, "AWS_SECRET_ACCESS_KEY={}", keys.secret_key)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
