//! Seal periods and the rule that says with which period a row is sealed.

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

/// The length of a seal period: one hour or a divisor of it, 10 s at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(i64);

/// Why a length is no seal period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a seal period must divide one hour and last 10 seconds at least")]
pub struct InvalidPeriod;

impl Period {
    /// One hour.
    pub const HOUR: Self = Self(Timestamp::HOUR_MS);

    /// From a length in seconds. Fails unless it divides one hour and is 10 at least.
    pub fn from_seconds(seconds: u32) -> Result<Self, InvalidPeriod> {
        if seconds < 10 || 3_600 % seconds != 0 { Err(InvalidPeriod) } else { Ok(Self(i64::from(seconds) * 1_000)) }
    }

    /// The length in milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The length in seconds.
    pub const fn seconds(self) -> i64 {
        self.0 / 1_000
    }

    /// `P(t)`: the start of the period that `time` lies in.
    pub const fn start_of(self, time: Timestamp) -> SealTime {
        SealTime(Timestamp::from_millis(time.millis().div_euclid(self.0) * self.0))
    }

    /// The seal time of the period after the one of `seal_time`.
    pub const fn next(self, seal_time: SealTime) -> SealTime {
        SealTime(seal_time.0.plus_millis(self.0))
    }

    /// The seal time of the period before the one of `seal_time`.
    pub const fn previous(self, seal_time: SealTime) -> SealTime {
        SealTime(seal_time.0.plus_millis(-self.0))
    }
}

/// The start of the period a row is sealed with. Made by [`Period::start_of`] or read from a key or column that one made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealTime(Timestamp);

impl SealTime {
    /// From a time that is known to be the start of a period.
    pub const fn from_start(start: Timestamp) -> Self {
        Self(start)
    }

    /// The start of the period.
    pub const fn start(self) -> Timestamp {
        self.0
    }

    /// The name as it stands in keys: `YYYYMMDDTHHMMSSZ`.
    pub fn key_name(self) -> String {
        let civil = self.0.civil();
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second
        )
    }

    /// Reads a name as [`SealTime::key_name`] writes it.
    pub fn parse_key_name(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.len() != 16 || !name.is_ascii() || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let text =
            format!("{}-{}-{}T{}:{}:{}Z", &name[0..4], &name[4..6], &name[6..8], &name[9..11], &name[11..13], &name[13..15]);
        let seal_time = Self(Timestamp::parse(&text).ok()?);
        (seal_time.key_name() == name).then_some(seal_time)
    }
}

impl std::fmt::Display for SealTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The moment the writer of a landing object fixed its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arrival(pub Timestamp);

/// The numbers of the seal rule, fixed when the lake is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealRule {
    /// Length of a period.
    pub period: Period,
    /// How long after a period's end an event may arrive and still be sealed with it, in ms.
    pub slack_ms: i64,
    /// How far an event's time may lie in the future, in ms.
    pub lead_ms: i64,
}

impl SealRule {
    /// `seal_time = max(P(event_time), P(arrival - slack))`.
    pub fn seal_time(&self, event_time: Timestamp, arrival: Arrival) -> SealTime {
        let own = self.period.start_of(event_time);
        let by_arrival = self.period.start_of(arrival.0.plus_millis(-self.slack_ms));
        own.max(by_arrival)
    }

    /// Whether a row is late: sealed with a later period than its own.
    pub fn is_late(&self, event_time: Timestamp, seal_time: SealTime) -> bool {
        seal_time > self.period.start_of(event_time)
    }

    /// The arrivals in which rows of `seal_time` can lie: from (inclusive) and until (exclusive), `[H - lead, H + p + slack)`.
    pub fn window(&self, seal_time: SealTime) -> (Arrival, Arrival) {
        let start = seal_time.start();
        (Arrival(start.plus_millis(-self.lead_ms)), Arrival(start.plus_millis(self.period.millis() + self.slack_ms)))
    }

    /// The last period whose window an arrival lies in: once it is sealed, the object holds nothing that is not sealed.
    pub fn last_window_of(&self, arrival: Arrival) -> SealTime {
        self.period.start_of(arrival.0.plus_millis(self.lead_ms))
    }

    /// The first arrival whose rows all have a seal time after `closed`.
    pub fn first_arrival_after(&self, closed: SealTime) -> Arrival {
        self.window(closed).1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(period_seconds: u32, slack_ms: i64, lead_ms: i64) -> SealRule {
        SealRule { period: Period::from_seconds(period_seconds).unwrap(), slack_ms, lead_ms }
    }

    #[test]
    fn an_event_goes_with_its_own_hour_until_slack_has_passed() {
        let rule = rule(3_600, 300_000, 300_000);
        let seal = |event: &str, arrival: &str| {
            rule.seal_time(Timestamp::parse(event).unwrap(), Arrival(Timestamp::parse(arrival).unwrap())).to_string()
        };
        assert_eq!(seal("2026-03-01T12:59:59.999Z", "2026-03-01T13:04:59.999Z"), "2026-03-01T12:00:00.000Z");
        assert_eq!(seal("2026-03-01T12:59:59.999Z", "2026-03-01T13:05:00Z"), "2026-03-01T13:00:00.000Z");
        assert_eq!(seal("2026-03-01T13:00:00Z", "2026-03-01T12:58:00Z"), "2026-03-01T13:00:00.000Z");
        assert_eq!(seal("2019-01-01T00:00:00Z", "2026-03-01T13:05:00Z"), "2026-03-01T13:00:00.000Z");
    }

    #[test]
    fn key_names_are_read_back_and_others_are_not() {
        let seal_time = SealTime::from_start(Timestamp::parse("2026-03-01T12:00:10Z").unwrap());
        assert_eq!(seal_time.key_name(), "20260301T120010Z");
        assert_eq!(SealTime::parse_key_name("20260301T120010Z"), Some(seal_time));
        for bad in ["", "20260301T120010", "20261301T120010Z", "2026-301T120010Z", "20260301t120010Z", "é0260301T12001Z"] {
            assert_eq!(SealTime::parse_key_name(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_row_lies_in_the_window_of_its_seal_time(
            period in prop::sample::select(vec![10u32, 15, 60, 900, 3_600]),
            slack in 0i64..600_000,
            lead in 0i64..600_000,
            arrival in 1_700_000_000_000i64..1_800_000_000_000,
            age in -600_000i64..100_000_000,
        ) {
            let rule = rule(period, slack, lead);
            let event_time = Timestamp::from_millis(arrival - age.max(-lead));
            let arrival = Arrival(Timestamp::from_millis(arrival));
            let seal_time = rule.seal_time(event_time, arrival);
            let (from, until) = rule.window(seal_time);
            prop_assert!(from <= arrival && arrival < until);
            prop_assert!(seal_time <= rule.last_window_of(arrival));
            prop_assert!(rule.seal_time(event_time, rule.first_arrival_after(seal_time)) > seal_time);
        }
    }
}
