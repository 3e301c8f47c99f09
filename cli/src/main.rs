//! `auditlake`: an audit-log lake, from the command line.

mod arguments;
mod commands;
mod failure;
mod output;
mod progress;
mod standard_error;
mod storage;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
