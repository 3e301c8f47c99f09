//! The seal schedule: seals every period as soon as it is due, on a thread of its own.
//!
//! Sealing is heavy work; on its own thread and runtime it never holds up a post. A failed seal is tried again with growing pauses,
//! from where it stopped. A period cannot be skipped, so what keeps failing is said again and again: it is an alarm.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use auditlake_lake::integrity::SealRecord;
use auditlake_lake::landing::Clock;
use auditlake_lake::seal::{RunLimits, SealError, SealRun, SealSettings, Sealer};
use auditlake_lake::{Lake, SealTime};
use auditlake_store::SharedStore;
use tokio::sync::watch;

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest sleep: a machine that was suspended, or whose clock was set, finds out after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What runs after seals, from time to time, such as the removal of expired landing objects.
pub type Housekeeping = Box<dyn FnMut() + Send>;

/// What the schedule needs.
pub struct Schedule {
    /// The lake's storage.
    pub store: SharedStore,
    /// The lake.
    pub lake: Lake,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How periods are sealed.
    pub settings: SealSettings,
    /// Runs after every run that sealed something.
    pub housekeeping: Housekeeping,
}

/// The settings that suit a lake: with a short slack a period is closed sooner after its end.
pub fn settings_for(lake: &Lake) -> SealSettings {
    let defaults = SealSettings::default();
    SealSettings { close_delay_ms: lake.slack_ms.clamp(250, defaults.close_delay_ms), ..defaults }
}

/// How long to pause after the given number of failures in a row.
pub fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE)
}

fn report(record: &SealRecord) {
    for set_aside in &record.set_aside {
        tracing::error!(alarm = true, seal_time = %record.seal_time, key = set_aside.key, reason = set_aside.reason, "landing object set aside");
    }
    if record.conflicts > 0 {
        tracing::warn!(alarm = true, seal_time = %record.seal_time, conflicts = record.conflicts, "contradicting copies quarantined");
    }
    if record.rows_in == 0 {
        tracing::debug!(seal_time = %record.seal_time, "sealed an empty period");
    } else {
        tracing::info!(
            seal_time = %record.seal_time,
            rows = record.rows_out,
            duplicates = record.duplicates,
            late = record.late_rows,
            objects = record.outputs.len(),
            "sealed"
        );
    }
}

impl Schedule {
    /// Starts the thread. It ends soon after `stop` turns true; a seal under way is given up then and goes on at the next start.
    pub fn start(self, stop: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("auditlake-seal".to_owned()).spawn(move || runtime.block_on(self.run(stop)))
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut sealer =
            Sealer::new(Arc::clone(&self.store), self.lake.clone(), Arc::clone(&self.clock), self.settings.clone());
        let mut failures = 0;
        loop {
            let mut stopped = stop.clone();
            let mut observer = report;
            let result = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return,
                result = sealer.run(RunLimits::default(), &mut observer) => result,
            };
            let pause = match result {
                Ok(run) => {
                    failures = 0;
                    if run.periods > 0 {
                        (self.housekeeping)();
                    }
                    self.until_due(&sealer, &run)
                }
                Err(error) => {
                    failures += 1;
                    self.report_failure(&error, failures);
                    pause_after(failures)
                }
            };
            if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }

    fn until_due(&self, sealer: &Sealer, run: &SealRun) -> Duration {
        let next: SealTime = run.sealed_until;
        let millis = sealer.due_at(next).millis().saturating_sub(self.clock.now().millis());
        // One millisecond on top, so that the clock has reached the moment for certain.
        Duration::from_millis(u64::try_from(millis).unwrap_or(0) + 1).min(LONGEST_SLEEP)
    }

    fn report_failure(&self, error: &SealError, failures: u32) {
        let next_try_seconds = pause_after(failures).as_secs();
        if error.retryable() && failures < 5 {
            tracing::warn!(%error, failures, next_try_seconds, "seal failed, trying again");
        } else {
            tracing::error!(alarm = true, %error, failures, next_try_seconds, "seal fails; nothing newer is sealed until it succeeds");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = (1..=9).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
