//! Buckets of time: where the one begins that a moment lies in.
//!
//! Days, weeks (from Monday) and months are those of a time zone's clock, UTC if none is stated; a day of 23 or 25 hours is one bucket. Both
//! engines find the local date and leave it to [`TimeZone::instant_of`] when that date began.

use std::fmt;

use auditlake_event::Timestamp;
use auditlake_event::time::Civil;
use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The length of a time bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day of a time zone.
    Day,
    /// From Monday to Sunday.
    Week,
    /// One month of the calendar.
    Month,
}

impl Interval {
    /// Every interval's text, for messages.
    pub const TEXTS: [&'static str; 5] = ["minute", "hour", "day", "week", "month"];

    /// The interval of a text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "minute" => Some(Self::Minute),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// Whether it is made of days, so that a time zone says where it begins.
    pub const fn is_by_date(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month)
    }
}

const DAY_MS: i64 = 24 * Timestamp::HOUR_MS;
/// 1 January 1970 was a Thursday: so many days after a Monday.
const DAYS_AFTER_MONDAY: i64 = 3;

/// A time zone of the IANA database, such as `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq)]
pub struct TimeZone {
    name: String,
    zone: jiff::tz::TimeZone,
}

impl TimeZone {
    /// The zone of a name, as the database spells it; `None` if it has none of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let is_plausible = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plausible) {
            return None;
        }
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        let name = zone.iana_name().map_or_else(|| name.to_owned(), str::to_owned);
        Some(Self { name, zone })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a clock of the zone shows at a moment, as milliseconds since 1970 of that clock.
    pub fn local_of(&self, time: i64) -> i64 {
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(time) else { return time };
        time + i64::from(self.zone.to_offset(timestamp).seconds()) * 1_000
    }

    /// The first moment at which a clock of the zone shows this time or, where it skips it, a later one.
    pub fn instant_of(&self, local: i64) -> i64 {
        let civil = Timestamp::from_millis(local).civil();
        let date_time = civil_of(&civil).and_then(|date_time| self.zone.to_ambiguous_timestamp(date_time).compatible().ok());
        date_time.map_or(local, |timestamp| timestamp.as_millisecond())
    }
}

fn civil_of(civil: &Civil) -> Option<civil::DateTime> {
    let small = |number: i64| i8::try_from(number).ok();
    civil::DateTime::new(
        i16::try_from(civil.year).ok()?,
        small(civil.month)?,
        small(civil.day)?,
        small(civil.hour)?,
        small(civil.minute)?,
        small(civil.second)?,
        i32::try_from(civil.millisecond).ok()? * 1_000_000,
    )
    .ok()
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("no time zone"))
    }
}

/// The start of the bucket of a clock that shows `time`.
fn floor(interval: Interval, time: i64) -> i64 {
    match interval {
        Interval::Minute => time.div_euclid(60_000) * 60_000,
        Interval::Hour => time.div_euclid(Timestamp::HOUR_MS) * Timestamp::HOUR_MS,
        Interval::Day => time.div_euclid(DAY_MS) * DAY_MS,
        Interval::Week => {
            let day = time.div_euclid(DAY_MS);
            (day - (day + DAYS_AFTER_MONDAY).rem_euclid(7)) * DAY_MS
        }
        Interval::Month => {
            let civil = Timestamp::from_millis(time).civil();
            (time.div_euclid(DAY_MS) - (civil.day - 1)) * DAY_MS
        }
    }
}

/// The start of the bucket that `time` lies in, both in ms since 1970 UTC. A zone counts for days and longer only.
pub fn start(interval: Interval, zone: Option<&TimeZone>, time: i64) -> i64 {
    match zone.filter(|_| interval.is_by_date()) {
        None => floor(interval, time),
        Some(zone) => zone.instant_of(floor(interval, zone.local_of(time))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(interval: Interval, zone: Option<&str>, time: &str) -> String {
        let zone = zone.map(|name| TimeZone::parse(name).unwrap());
        let millis = Timestamp::parse(time).unwrap().millis();
        Timestamp::from_millis(start(interval, zone.as_ref(), millis)).to_string()
    }

    #[test]
    fn buckets_begin_where_the_calendar_says() {
        use Interval::{Day, Hour, Minute, Month, Week};
        for (interval, zone, time, expected) in [
            (Minute, None, "2026-03-01T12:34:56.789Z", "2026-03-01T12:34:00.000Z"),
            (Hour, None, "2026-03-01T12:34:56.789Z", "2026-03-01T12:00:00.000Z"),
            (Day, None, "2026-03-01T23:59:59.999Z", "2026-03-01T00:00:00.000Z"),
            // 1 March 2026 is a Sunday.
            (Week, None, "2026-03-01T23:59:59.999Z", "2026-02-23T00:00:00.000Z"),
            (Week, None, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00.000Z"),
            (Month, None, "2026-02-28T23:59:59.999Z", "2026-02-01T00:00:00.000Z"),
            (Month, None, "1969-12-31T23:59:59Z", "1969-12-01T00:00:00.000Z"),
            (Week, None, "1969-12-31T23:59:59Z", "1969-12-29T00:00:00.000Z"),
            (Day, Some("Europe/Berlin"), "2026-03-01T22:59:59.999Z", "2026-02-28T23:00:00.000Z"),
            (Day, Some("Europe/Berlin"), "2026-03-01T23:00:00Z", "2026-03-01T23:00:00.000Z"),
            // Clocks go forward on 29 March 2026: the day has 23 hours.
            (Day, Some("Europe/Berlin"), "2026-03-29T21:59:59Z", "2026-03-28T23:00:00.000Z"),
            (Day, Some("Europe/Berlin"), "2026-03-29T22:00:00Z", "2026-03-29T22:00:00.000Z"),
            (Month, Some("America/New_York"), "2026-04-01T03:59:59Z", "2026-03-01T05:00:00.000Z"),
            (Week, Some("Pacific/Auckland"), "2026-03-01T11:00:00Z", "2026-03-01T11:00:00.000Z"),
            (Day, Some("Asia/Kolkata"), "2026-03-01T18:29:00Z", "2026-02-28T18:30:00.000Z"),
            // In Havana the clock goes from 01:00 back to 00:00: the day begins the first time.
            (Day, Some("America/Havana"), "2026-11-01T05:30:00Z", "2026-11-01T04:00:00.000Z"),
            // In Cairo there is no midnight on 24 April 2026: the day begins at 01:00.
            (Day, Some("Africa/Cairo"), "2026-04-24T10:00:00Z", "2026-04-23T22:00:00.000Z"),
            (Hour, Some("Asia/Kolkata"), "2026-03-01T18:29:00Z", "2026-03-01T18:00:00.000Z"),
        ] {
            assert_eq!(started(interval, zone, time), expected, "{interval:?} {zone:?} {time}");
        }
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert_eq!(TimeZone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(TimeZone::parse("UTC").unwrap().local_of(5), 5);
        for none in ["", "Berlin", "Europe/Atlantis", "+01:00", "CEST5", "../etc/passwd", "a'b"] {
            assert!(TimeZone::parse(none).is_none(), "{none}");
        }
    }
}
