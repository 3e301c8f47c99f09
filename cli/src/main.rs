//! `auditlake`: an audit-log lake, from the command line.

mod arguments;
mod commands;
mod failure;
mod output;
mod progress;
mod storage;

use std::process::ExitCode;

use clap::Parser;

/// Gives memory back that glibc's allocator would keep in small free pieces: `serve` reads and forgets many objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
