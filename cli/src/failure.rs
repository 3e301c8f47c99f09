//! What went wrong, what to do about it, and the exit code.

use std::process::ExitCode;

use crate::standard_error;

/// Everything was done.
pub const DONE: u8 = 0;
/// It failed.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const WRONG_USAGE: u8 = 2;
/// It was done, but something was set aside that somebody should look at.
pub const SET_ASIDE: u8 = 3;

/// A lake could not be verified.
pub const UNVERIFIED: u8 = 4;

/// What was done, as an exit code.
pub type Outcome = Result<ExitCode, Failure>;

/// Why a command did not succeed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    advice: Option<String>,
    is_broken_pipe: bool,
    code: u8,
}

impl Failure {
    /// A failure that says what happened.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), advice: None, is_broken_pipe: false, code: FAILED }
    }

    /// The command line asks for something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: WRONG_USAGE, ..Self::new(message) }
    }

    /// The same failure, of a verification: not to be taken for a finding.
    #[must_use]
    pub fn unverified(self) -> Self {
        Self { code: UNVERIFIED, ..self }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Tells the user and gives the exit code. That the reader of our output left (`| head`) is no failure.
    pub fn report(&self) -> ExitCode {
        if self.is_broken_pipe {
            return ExitCode::from(DONE);
        }
        standard_error::tell(format_args!("error: {}", self.message));
        if let Some(advice) = &self.advice {
            standard_error::tell(format_args!("  help: {advice}"));
        }
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let is_broken_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { is_broken_pipe, ..Self::new(error.to_string()) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { std::io::Error::from(error).into() } else { Self::new(error.to_string()) }
    }
}
