//! Whether the clock may be believed before periods are sealed by it.
//!
//! A seal cannot be undone. A clock that runs a month ahead would seal a month of periods in a minute, and all that happens in that
//! month would be late. So a clock that leaps ahead is not believed at once:
//! - while the server runs, where it moved `LEAP_MS` further than the time since the machine's start did (which goes on while the
//!   machine sleeps, and which nobody sets);
//! - at the start, where it is `LONGEST_ABSENCE_MS` past the newest thing that the lake holds.
//!
//! Then only periods before the leap are sealed, until a client posts an event that happened about now by its own clock, the clock
//! goes back, or the operator says that the clock is right.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use auditlake_event::{Event, Timestamp};

/// How much further than time itself a clock may move.
const LEAP_MS: i64 = 6 * Timestamp::HOUR_MS;
/// How long a lake may have been left alone.
const LONGEST_ABSENCE_MS: i64 = 7 * 24 * Timestamp::HOUR_MS;
/// How near a client's time must be to confirm ours.
const NEAR_MS: i64 = Timestamp::HOUR_MS;

/// What clients' clocks say of ours: the newest of our times that one confirmed, in ms.
#[derive(Debug)]
pub struct Witness(AtomicI64);

impl Default for Witness {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Witness {
    /// Takes note of events that were posted at `now` by our clock.
    pub fn hear(&self, now: Timestamp, events: &[Event<'_>]) {
        let is_near = |event: &Event<'_>| (event.event_time.millis() - now.millis()).abs() <= NEAR_MS;
        if events.iter().any(is_near) {
            self.0.fetch_max(now.millis(), Ordering::Relaxed);
        }
    }

    fn confirms_since(&self, since: Timestamp) -> bool {
        self.0.load(Ordering::Relaxed) >= since.millis()
    }
}

/// Watches the clock from one look to the next.
#[derive(Debug)]
pub struct ClockGuard {
    is_trusted: bool,
    last: Option<(Timestamp, Duration)>,
    suspected: Option<Suspicion>,
}

/// A leap that nothing confirms yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// The last moment that is believed.
    pub believed: Timestamp,
    /// What the clock said when it was first doubted.
    pub doubted: Timestamp,
}

impl ClockGuard {
    /// A guard; one that trusts the clock never doubts it.
    pub const fn new(is_trusted: bool) -> Self {
        Self { is_trusted, last: None, suspected: None }
    }

    /// Whether it has not looked yet: then it wants to know when the newest thing of the lake was made.
    pub const fn is_first(&self) -> bool {
        self.last.is_none()
    }

    /// Looks at the clock: `uptime` is the time since the machine's start, `newest` when the newest thing of the lake was made, as
    /// far as it is known. The suspicion, while there is one.
    pub fn look(&mut self, now: Timestamp, uptime: Duration, newest: Timestamp, witness: &Witness) -> Option<Suspicion> {
        let leapt_from = match self.last {
            None => (now.millis() - newest.millis() > LONGEST_ABSENCE_MS).then_some(newest),
            Some((last, last_uptime)) => {
                let passed = i64::try_from(uptime.saturating_sub(last_uptime).as_millis()).unwrap_or(i64::MAX);
                let believed = last.plus_millis(passed);
                (now.millis() - believed.millis() > LEAP_MS).then_some(believed)
            }
        };
        self.last = Some((now, uptime));
        if let Some(believed) = leapt_from {
            let believed = self.suspected.map_or(believed, |suspicion| suspicion.believed);
            self.suspected = Some(Suspicion { believed, doubted: now });
        }
        if let Some(Suspicion { believed, doubted }) = self.suspected {
            let went_back = now < doubted && now.millis() - believed.millis() <= LONGEST_ABSENCE_MS;
            if self.is_trusted || went_back || witness.confirms_since(doubted) {
                self.suspected = None;
            }
        }
        self.suspected
    }
}

/// The time since the machine's start, sleep included, as Linux tells it; elsewhere since the first call.
pub fn uptime() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/uptime").ok();
    let seconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let told = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    told.unwrap_or_else(|| FIRST.get_or_init(std::time::Instant::now).elapsed())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const DAY: i64 = 24 * Timestamp::HOUR_MS;

    fn begin() -> Timestamp {
        Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
    }

    fn posted(at: Timestamp) -> [Event<'static>; 1] {
        [Event { event_id: Cow::Borrowed("a"), event_time: at, ..Event::default() }]
    }

    #[test]
    fn a_leap_of_a_month_is_doubted_until_a_client_confirms_it() {
        let (mut guard, witness) = (ClockGuard::new(false), Witness::default());
        let seconds = Duration::from_secs;
        assert_eq!(guard.look(begin(), seconds(100), begin(), &witness), None);
        let month = begin().plus_millis(30 * DAY);
        let suspicion = guard.look(month, seconds(110), begin(), &witness).unwrap();
        assert_eq!(suspicion, Suspicion { believed: begin().plus_millis(10_000), doubted: month });
        // A client whose clock is right does not confirm ours.
        witness.hear(month.plus_millis(5_000), &posted(begin()));
        assert!(guard.look(month.plus_millis(10_000), seconds(120), begin(), &witness).is_some());
        witness.hear(month.plus_millis(11_000), &posted(month));
        assert_eq!(guard.look(month.plus_millis(20_000), seconds(130), begin(), &witness), None);
    }

    #[test]
    fn a_clock_that_goes_back_is_believed_again() {
        let (mut guard, witness) = (ClockGuard::new(false), Witness::default());
        guard.look(begin(), Duration::from_secs(100), begin(), &witness);
        assert!(guard.look(begin().plus_millis(30 * DAY), Duration::from_secs(110), begin(), &witness).is_some());
        assert_eq!(guard.look(begin().plus_millis(20_000), Duration::from_secs(120), begin(), &witness), None);
    }

    #[test]
    fn sleep_small_corrections_and_a_clock_that_is_vouched_for_are_no_leap() {
        let witness = Witness::default();
        let mut guard = ClockGuard::new(false);
        guard.look(begin(), Duration::from_secs(100), begin(), &witness);
        // A weekend asleep: both clocks went on.
        let asleep = Duration::from_secs(100 + 3 * 86_400);
        assert_eq!(guard.look(begin().plus_millis(3 * DAY), asleep, begin(), &witness), None);
        assert_eq!(guard.look(begin().plus_millis(3 * DAY + 2_000_000), asleep, begin(), &witness), None);
        let mut guard = ClockGuard::new(true);
        assert_eq!(guard.look(begin().plus_millis(300 * DAY), Duration::ZERO, begin(), &witness), None);
    }

    #[test]
    fn a_lake_that_was_left_alone_for_long_waits_for_a_client() {
        let (mut guard, witness) = (ClockGuard::new(false), Witness::default());
        assert_eq!(guard.look(begin().plus_millis(6 * DAY), Duration::ZERO, begin(), &witness), None);
        let mut guard_after_long = ClockGuard::new(false);
        let suspicion = guard_after_long.look(begin().plus_millis(30 * DAY), Duration::ZERO, begin(), &witness);
        assert_eq!(suspicion.map(|suspicion| suspicion.believed), Some(begin()));
    }

    #[test]
    fn the_machine_tells_how_long_it_runs() {
        let first = uptime();
        assert!(uptime() >= first);
    }
}
