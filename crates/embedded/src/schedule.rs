//! The seal schedule: seals every period as soon as it is due, on a thread of its own.
//!
//! Sealing is heavy work; on its own thread and runtime it never holds up a post. A failed seal is tried again with growing pauses,
//! from where it stopped. A period cannot be skipped, so what keeps failing is said again and again: it is an alarm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use auditlake_event::Timestamp;
use auditlake_lake::clock::Clock;
use auditlake_lake::layout::{LANDING, LandingKey, landing_bound};
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::{HeldUp, RunLimits, SealError, SealRun, SealSettings, Sealer};
use auditlake_lake::status::sealed_until;
use auditlake_lake::{Arrival, Lake, SealTime};
use auditlake_store::{SharedStore, StoreError, list_all};
use futures::FutureExt;
use tokio::sync::watch;

use crate::clock_guard::{ClockGuard, Suspicion, Witness, uptime};
use crate::vitals::{TaskHealth, panic_text};

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest sleep: a machine that was suspended, or whose clock was set, finds out after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The least wait while periods are due that may not be sealed.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Rows that a seal holds in memory before it spills them to disk (64 MiB): it runs beside everything else.
const MEMORY_BUDGET: usize = 64 << 20;

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
    /// Whether the clock is believed whatever it says.
    pub trust_clock: bool,
    /// What clients' clocks say.
    pub witness: Arc<Witness>,
    /// Where it reports how it does.
    pub health: Arc<TaskHealth>,
    /// How periods are sealed.
    pub settings: SealSettings,
    /// Runs after every run that sealed something.
    pub housekeeping: Housekeeping,
}

/// The settings that suit a lake: with a short slack a period is closed sooner after its end.
pub fn settings_for(lake: &Lake) -> SealSettings {
    let defaults = SealSettings::default();
    let close_delay_ms = lake.slack_ms.clamp(250, defaults.close_delay_ms);
    SealSettings { close_delay_ms, memory_budget: MEMORY_BUDGET, ..defaults }
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
    /// Starts the thread. It ends soon after `stop` turns true; a seal under way is given up then and goes on at the next start. One
    /// that panics is begun anew after a pause, as one that fails: the thread never ends before it is told to.
    pub fn start(self, stop: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("auditlake-seal".to_owned()).spawn(move || runtime.block_on(self.run(stop)))
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut sealer = self.sealer();
        let mut guard = ClockGuard::new(self.trust_clock);
        let mut doubted = None;
        loop {
            let limits = match self.limits(&mut guard, &mut doubted).await {
                Ok(limits) => limits,
                Err(error) => {
                    let failures = self.health.failed();
                    let error = SealError::from(error);
                    self.health.set_held_up(sealer.held_up(&error));
                    tracing::error!(%error, failures, "what the lake holds cannot be told, nothing is sealed by a clock that may be wrong");
                    if tokio::time::timeout(pause_after(failures), stop.wait_for(|stop| *stop)).await.is_ok() {
                        return;
                    }
                    continue;
                }
            };
            let mut stopped = stop.clone();
            let mut observer = report;
            let result = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return,
                result = AssertUnwindSafe(sealer.run(limits, &mut observer)).catch_unwind() => result,
            };
            let pause = match result {
                Ok(Ok(run)) => {
                    match doubted {
                        None => self.health.succeeded(),
                        Some(_) => self.health.waits_for_clock(),
                    }
                    if run.periods > 0 {
                        self.keep_house();
                    }
                    self.until_due(&sealer, &run)
                }
                Ok(Err(error)) => {
                    let failures = self.health.failed();
                    let held_up = sealer.held_up(&error);
                    self.report_failure(&error, held_up.as_ref(), failures);
                    self.health.set_held_up(held_up);
                    pause_after(failures)
                }
                Err(panic) => {
                    let failures = self.health.broke_off();
                    let next_try_seconds = pause_after(failures).as_secs();
                    let panic = panic_text(panic.as_ref());
                    tracing::error!(alarm = true, panic, failures, next_try_seconds, "the seal broke off and begins anew");
                    // What it remembers may be half of something.
                    sealer = self.sealer();
                    pause_after(failures)
                }
            };
            if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }

    /// How far may be sealed: nothing past a leap of the clock that nothing confirms.
    async fn limits(&self, guard: &mut ClockGuard, doubted: &mut Option<Suspicion>) -> Result<RunLimits, StoreError> {
        let newest = if guard.is_first() { self.newest().await? } else { self.clock.now() };
        let suspicion = guard.look(self.clock.now(), uptime(), newest, &self.witness);
        if suspicion != *doubted {
            match suspicion {
                Some(Suspicion { believed, doubted }) => tracing::error!(
                    alarm = true,
                    %believed,
                    clock = %doubted,
                    "the clock is far ahead of what the lake shows: nothing after the believed moment is sealed until a client posts an event \
                     that happened about now, or the clock is set right; if it is right, start with --trust-clock"
                ),
                None => tracing::warn!(clock = %self.clock.now(), "the clock is believed again"),
            }
            *doubted = suspicion;
        }
        Ok(RunLimits { until: suspicion.map(|suspicion| suspicion.believed), ..RunLimits::default() })
    }

    /// When the newest thing of the lake was made: its newest landing object, what is sealed, or the lake itself.
    async fn newest(&self) -> Result<Timestamp, StoreError> {
        let sealed_until = sealed_until(self.store.as_ref(), &self.lake, None).await?.start();
        let known = self.lake.created.max(sealed_until);
        let since = landing_bound(Arrival(known.plus_millis(-self.lake.lead_ms)));
        let landed = list_all(self.store.as_ref(), LANDING, Some(&since), None).await?;
        let newest = landed.iter().filter_map(|object| LandingKey::parse(&object.key)).map(|key| key.arrival().0).max();
        Ok(newest.map_or(known, |newest| newest.max(known)))
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(Arc::clone(&self.store), self.lake.clone(), Arc::clone(&self.clock), self.settings.clone())
    }

    fn keep_house(&mut self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.housekeeping)())) {
            tracing::error!(alarm = true, panic = panic_text(panic.as_ref()), "housekeeping broke off");
        }
    }

    fn until_due(&self, sealer: &Sealer, run: &SealRun) -> Duration {
        let next: SealTime = run.sealed_until;
        let millis = sealer.due_at(next).millis().saturating_sub(self.clock.now().millis());
        // One millisecond on top, so that the clock has reached the moment for certain. What is due and was not sealed waits for the
        // clock to be believed.
        let least = if run.more_due { SHORTEST_WAIT } else { Duration::ZERO };
        Duration::from_millis(u64::try_from(millis).unwrap_or(0) + 1).clamp(least, LONGEST_SLEEP)
    }

    fn report_failure(&self, error: &SealError, held_up: Option<&HeldUp>, failures: u32) {
        let next_try_seconds = pause_after(failures).as_secs();
        if let Some(HeldUp { key, since, help, .. }) = held_up {
            let key = key.as_deref().unwrap_or_default();
            tracing::error!(alarm = true, key, %since, help, %error, failures, next_try_seconds, "the seal is held up; nothing newer is sealed until it is not");
        } else if failures < 5 {
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
