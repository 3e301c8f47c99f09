//! What asks the server to stop: Ctrl-C, SIGTERM, and a terminal that closes.

use crate::failure::Failure;

/// Listens from the moment it is made, so that a signal during the start counts too.
#[cfg(unix)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        // Under `nohup` a terminal that closes is to be survived.
        let hang_up = if is_hang_up_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hang_up })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Result<(), Failure> {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
        Ok(())
    }
}

/// Whether this process was started with SIGHUP ignored, as Linux tells it.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("SigIgn:")).is_some_and(|mask| ignores_hang_up(mask.trim()))
}

/// Whether a mask of signals, in hex with that of number 1 lowest, holds SIGHUP, which is number 1.
#[cfg(unix)]
fn ignores_hang_up(mask: &str) -> bool {
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 == 1)
}

/// Listens from the moment it is asked.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Result<(), Failure> {
        Ok(tokio::signal::ctrl_c().await?)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_tells_nohup() {
        // SIGPIPE (13) alone, as Rust ignores it; with SIGHUP, as `nohup` starts a process.
        assert!(!ignores_hang_up("0000000000001000"));
        assert!(ignores_hang_up("0000000000001001"));
        assert!(!ignores_hang_up(""));
    }
}
