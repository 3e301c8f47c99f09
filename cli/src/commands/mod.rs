//! One module a verb.

mod completions;
mod import;
mod query;
mod redrive;
mod seal;
mod serve;
mod status;
mod verify;

use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};
use crate::failure::{Failure, Outcome};
use crate::standard_error::ForgivingStderr;

/// Logs go to standard error; what they say is set by `AUDITLAKE_LOG`.
fn start_logging(default: &str) {
    let filter = EnvFilter::try_from_env("AUDITLAKE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // The library prints to standard error what it cannot write to standard error, which ends whoever logs: a seal, a post.
    let logs = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    // Colours need a part of the library that is left out; asking for them is answered with a warning at every start.
    logs.with_writer(|| ForgivingStderr).with_ansi(false).init();
}

/// Runs a command to its end on a runtime of its own.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // Nothing that is left may hold up the end: what had to be durable is.
    runtime.shutdown_background();
    result
}

/// Does what the command line says.
pub fn run(arguments: Arguments) -> Outcome {
    start_logging(match arguments.command {
        // What a client does wrong is the client's to hear; the storage library calls it an error of ours.
        Command::Serve(_) => "warn,s3s=off,auditlake=info,auditlake_embedded=info,auditlake_lake=info",
        _ => "error",
    });
    match arguments.command {
        Command::Serve(arguments) => block_on(serve::run(&arguments)),
        Command::Import(arguments) => block_on(import::run(arguments)),
        Command::Seal(arguments) => block_on(seal::run(arguments)),
        Command::Query(arguments) => block_on(query::run(&arguments)),
        Command::Redrive(arguments) => block_on(redrive::run(arguments)),
        Command::Status(arguments) => block_on(status::run(arguments)),
        Command::Verify(arguments) => block_on(verify::run(arguments)),
        Command::Completions { shell } => completions::run(shell),
    }
}
