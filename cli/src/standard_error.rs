//! Standard error, where what cannot be written is lost and stops nothing.

use std::fmt::Display;
use std::io::Write;

/// Tells the user something on standard error. That nobody reads it, or that the disk it goes to is full, is no reason to stop.
pub fn tell(text: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Standard error for logs: a line that cannot be written is lost, and nothing else.
pub struct ForgivingStderr;

impl Write for ForgivingStderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::io::stderr().write(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(_) => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        drop(std::io::stderr().flush());
        Ok(())
    }
}
