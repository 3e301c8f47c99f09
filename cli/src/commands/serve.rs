//! `auditlake serve`: the lake on this machine.

use std::io::Write;
use std::process::ExitCode;

use auditlake_embedded::s3::EmbeddedS3Credentials;
use auditlake_embedded::serve::{self, Serving, Settings, StartError};
use serde_json::json;

use super::Outcome;
use crate::arguments::ServeArguments;
use crate::failure::Failure;
use crate::storage::{lake_failure, report_differences, storage_failure, wanted_lake};

fn start_failure(error: StartError) -> Failure {
    match error {
        StartError::Directory { path, error } => Failure::new(format!("{}: {error}", path.display()))
            .advise("name a directory that can be written to with --data"),
        StartError::Listen { address, flag, error } => {
            let failure = Failure::new(format!("cannot listen on {address}: {error}"));
            if error.kind() == std::io::ErrorKind::AddrInUse {
                failure.advise(format!(
                    "another process uses the port, perhaps another `auditlake serve`; choose another with {flag} (port 0 takes a free one)"
                ))
            } else {
                failure.advise(format!("choose another address with {flag}"))
            }
        }
        StartError::Store(error) => storage_failure(&error),
        StartError::Lake(error) => lake_failure(&error),
        StartError::LakeCopy(error) => {
            Failure::new(error.to_string()).advise("lake.json must not be edited (docs/runbook.md, lake.json)")
        }
        StartError::Origin(error) => {
            Failure::new(error.to_string()).advise("name another with --oidc-issuer or --connect-origins")
        }
        StartError::Thread(error) => Failure::new(format!("cannot start a thread: {error}")),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn asked_to_stop() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn announce(arguments: &ServeArguments, serving: &Serving) -> Result<(), Failure> {
    let api = serving.api_address;
    let s3 = &serving.s3;
    let credentials = EmbeddedS3Credentials::default();
    let data = arguments.data.display();
    let name = arguments.organization.as_ref().map_or("acme", |organization| organization.as_str());
    let period = auditlake_lake::length::Length { millis: serving.lake.period().millis() };
    let slack = auditlake_lake::length::Length { millis: serving.lake.slack_ms };
    eprintln!(
        "auditlake {version} is ready; Ctrl-C stops it

  console  http://{api}/
  lake     {data}, sealed every {period} with {slack} of slack
  API      http://{api}
  storage  {endpoint} (S3; bucket {bucket}, key {key}, secret {secret})

  post     curl -sS http://{api}/v1/events -H 'content-type: application/json' -d '{{\"organization\":\"{name}\",\"event_time\":\"'$(date -u +%FT%TZ)'\",\"action\":\"role_assign\",\"outcome\":\"success\",\"actor_id\":\"alice\"}}'
  ask      curl -sS 'http://{api}/v1/events?organization={name}'
  Parquet  duckdb -c \"SELECT * FROM read_parquet('{data}/etl/v1/data/*/*/*/*/*/*/*.parquet', hive_partitioning = true)\"
",
        version = env!("CARGO_PKG_VERSION"),
        endpoint = s3.endpoint(),
        bucket = s3.bucket(),
        key = credentials.access_key,
        secret = credentials.secret_key,
    );
    if !api.ip().is_loopback() && arguments.sign_in.oidc_issuer.is_none() {
        eprintln!("warning: there is no authentication: whoever reaches {api} can read and write every organization");
    }
    if arguments.ready_json {
        let ready = json!({
            "api": format!("http://{api}"),
            "s3": s3.endpoint(),
            "bucket": s3.bucket(),
            "seal_period_seconds": serving.lake.seal_period_seconds,
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ready}")?;
        out.flush()?;
    }
    Ok(())
}

pub async fn run(arguments: &ServeArguments) -> Outcome {
    let settings = Settings {
        data: arguments.data.clone(),
        listen: arguments.listen,
        s3_listen: arguments.s3_listen,
        wanted: wanted_lake(&arguments.new_lake),
        organization: arguments.organization.clone(),
        region: arguments.region.clone(),
        landing_retention_ms: arguments.landing_retention.millis,
        record_reads: arguments.record_reads,
        lookalikes: arguments.unknown_members.into(),
        large_events: arguments.large_events(),
        tokens: arguments.sign_in.tokens(),
        console: arguments.sign_in.console(),
    };
    let serving = serve::start(settings).await.map_err(start_failure)?;
    report_differences(&arguments.new_lake, &serving.lake);
    announce(arguments, &serving)?;
    asked_to_stop().await?;
    eprintln!("stopping: requests in flight are answered first");
    serving.stop().await;
    Ok(ExitCode::SUCCESS)
}
