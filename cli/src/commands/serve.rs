//! `auditlake serve`: the lake on this machine.

mod signals;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use auditlake_embedded::serve::{self, Serving, Settings, StartError};
use serde_json::json;

use self::signals::Signals;
use crate::arguments::ServeArguments;
use crate::failure::{FAILED, Failure, Outcome};
use crate::standard_error;
use crate::storage::{lake_failure, report_differences, storage_failure, wanted_lake};

/// Where the storage listens unless it is told.
const DEFAULT_S3_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8788);

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

fn announce(arguments: &ServeArguments, serving: &Serving) -> Result<(), Failure> {
    let api = serving.api_address;
    let s3 = &serving.s3;
    let storage = if serving.s3_is_open {
        format!("{} (S3; bucket {}; `auditlake status --storage-keys` prints its keys)", s3.endpoint(), s3.bucket())
    } else {
        "closed to other tools (--s3-listen opens it)".to_owned()
    };
    let data = arguments.data.display();
    let name = arguments.organization.as_ref().map_or("acme", |organization| organization.as_str());
    let period = auditlake_lake::length::Length { millis: serving.lake.period().millis() };
    let slack = auditlake_lake::length::Length { millis: serving.lake.slack_ms };
    standard_error::tell(format_args!(
        "auditlake {version} is ready; Ctrl-C stops it

  console  http://{api}/
  lake     {data}, sealed every {period} with {slack} of slack
  API      http://{api}
  storage  {storage}

  post     curl -sS http://{api}/v1/events -H 'content-type: application/json' -d '{{\"organization\":\"{name}\",\"event_time\":\"'$(date -u +%FT%TZ)'\",\"action\":\"role_assign\",\"outcome\":\"success\",\"actor_id\":\"alice\"}}'
  ask      curl -sS 'http://{api}/v1/events?organization={name}'
  Parquet  duckdb -c \"SELECT * FROM read_parquet('{data}/etl/v1/data/*/*/*/*/*/*/*.parquet', hive_partitioning = true)\"
",
        version = env!("CARGO_PKG_VERSION"),
    ));
    if !api.ip().is_loopback() && arguments.sign_in.oidc_issuer.is_none() {
        standard_error::tell(format_args!(
            "warning: there is no authentication: whoever reaches {api} can read and write every organization"
        ));
    }
    if arguments.ready_json {
        let ready = json!({
            "api": format!("http://{api}"),
            "s3": serving.s3_is_open.then(|| s3.endpoint()),
            "bucket": s3.bucket(),
            "seal_period_seconds": serving.lake.seal_period_seconds,
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ready}")?;
        out.flush()?;
    }
    Ok(())
}

/// Where the storage listens: where it is told to; else on its usual port, unless tokens guard the API.
fn s3_listen(arguments: &ServeArguments) -> Option<SocketAddr> {
    let usual = arguments.sign_in.oidc_issuer.is_none().then_some(DEFAULT_S3_LISTEN);
    arguments.s3_listen.or(usual)
}

pub async fn run(arguments: &ServeArguments) -> Outcome {
    let mut signals = Signals::listen()?;
    let settings = Settings {
        data: arguments.data.clone(),
        listen: arguments.listen,
        s3_listen: s3_listen(arguments),
        s3_full_access: arguments.s3_full_access,
        wanted: wanted_lake(&arguments.new_lake),
        organization: arguments.organization.clone(),
        region: arguments.region.clone(),
        archive_expiration_days: arguments.archive_expiration_days,
        landing_retention_ms: arguments.landing_retention.millis,
        trust_clock: arguments.trust_clock,
        record_reads: arguments.record_reads,
        lookalikes: arguments.unknown_members.into(),
        large_events: arguments.large_events(),
        tokens: arguments.sign_in.tokens(),
        console: arguments.sign_in.console(),
    };
    let serving = serve::start(settings).await.map_err(start_failure)?;
    report_differences(&arguments.new_lake, &serving.lake);
    announce(arguments, &serving)?;
    signals.next().await?;
    standard_error::tell("stopping: requests in flight are answered first; ask again to end at once");
    tokio::select! {
        () = serving.stop() => Ok(ExitCode::SUCCESS),
        again = signals.next() => {
            again?;
            standard_error::tell("ended at once; whatever was acknowledged is on disk");
            // Threads that still work must not hold up the end.
            std::process::exit(i32::from(FAILED))
        }
    }
}
