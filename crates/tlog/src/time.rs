//! Times as they stand in log entries and receipts.

/// A time in UTC with milliseconds, in the one form in which the lake writes times: `2026-03-01T12:00:00.123Z` (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime {
    /// Milliseconds since the first of January 1970.
    milliseconds: i64,
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

impl UtcTime {
    /// Reads exactly the form that `Display` writes: 24 characters, years 0000 to 9999, no leap second.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if separators.iter().any(|&(at, separator)| bytes[at] != separator) {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to]
                .iter()
                .try_fold(0_i64, |number, &byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second, millisecond) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
        if hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
            return None;
        }
        if !(1..=days_of_month(year, month)).contains(&day) {
            return None;
        }
        let time_of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + millisecond;
        Some(Self { milliseconds: days_since_1970(year, month, day) * DAY + time_of_day })
    }

    /// From milliseconds since the first of January 1970, in the years 0000 to 9999.
    pub fn from_milliseconds(milliseconds: i64) -> Option<Self> {
        let (first, last) = (days_since_1970(0, 1, 1) * DAY, days_since_1970(10_000, 1, 1) * DAY);
        (first..last).contains(&milliseconds).then_some(Self { milliseconds })
    }

    /// Milliseconds since the first of January 1970.
    pub const fn milliseconds(self) -> i64 {
        self.milliseconds
    }
}

impl std::fmt::Display for UtcTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (day_number, time_of_day) = (self.milliseconds.div_euclid(DAY), self.milliseconds.rem_euclid(DAY));
        // The Gregorian calendar has 146,097 days in 400 years; the guess is at most one year off.
        let mut year = 1970 + (day_number * 400).div_euclid(146_097);
        while days_since_1970(year, 1, 1) > day_number {
            year -= 1;
        }
        while days_since_1970(year + 1, 1, 1) <= day_number {
            year += 1;
        }
        let mut month = 1;
        while month < 12 && days_since_1970(year, month + 1, 1) <= day_number {
            month += 1;
        }
        let day = day_number - days_since_1970(year, month, 1) + 1;
        let (seconds, millisecond) = (time_of_day / 1_000, time_of_day % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of January 1970 to a day of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    // 719,162 days lie between the first of January of the year 1 and that of 1970.
    let first_of_year = before * 365 + leap_days - 719_162;
    first_of_year + (1..month).map(|month| days_of_month(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // Seconds by GNU date.
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2026-03-01T12:00:00.123Z", 1_772_366_400_123),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0000-01-01T00:00:00.000Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            let time = UtcTime::parse(text).unwrap();
            assert_eq!(time.milliseconds(), milliseconds, "{text}");
            assert_eq!(time.to_string(), text);
            assert_eq!(UtcTime::from_milliseconds(milliseconds), Some(time));
        }
        assert_eq!(UtcTime::from_milliseconds(253_402_300_800_000), None);
        assert_eq!(UtcTime::from_milliseconds(-62_167_219_200_001), None);
    }

    #[test]
    fn every_day_is_read_back() {
        for day in days_since_1970(0, 1, 1)..days_since_1970(10_000, 1, 1) {
            let time = UtcTime { milliseconds: day * DAY };
            assert_eq!(UtcTime::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.123+00:00",
            "2026-03-01 12:00:00.123Z",
            "2026-02-29T12:00:00.123Z",
            "2026-13-01T12:00:00.123Z",
            "2026-00-01T12:00:00.123Z",
            "2026-03-00T12:00:00.123Z",
            "2026-03-01T24:00:00.123Z",
            "2026-03-01T12:60:00.123Z",
            "2026-03-01T12:00:60.123Z",
            "2026-03-01t12:00:00.123z",
            "+026-03-01T12:00:00.123Z",
        ] {
            assert_eq!(UtcTime::parse(bad), None, "{bad:?}");
        }
    }
}
