//! A point in time as the lake keeps it: milliseconds since the Unix epoch, UTC.

/// Milliseconds since 1970-01-01T00:00:00Z. Finer parts of a stated time are floored away (and kept in `event_time_nanos`),
/// because Athena rounds finer Parquet timestamps and would move an event into another hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Why a text is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-03-01T12:00:00.123Z")]
pub struct InvalidTime;

/// The days from 1970-01-01 to a date of the proleptic Gregorian calendar
/// (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits(bytes: &[u8], from: usize, count: usize) -> Result<i64, InvalidTime> {
    let mut value = 0;
    for byte in bytes.get(from..from + count).ok_or(InvalidTime)? {
        if !byte.is_ascii_digit() {
            return Err(InvalidTime);
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Ok(value)
}

fn digit(value: i64) -> u8 {
    b'0' + value as u8
}

fn put_two_digits(text: &mut [u8; 24], position: usize, value: i64) {
    text[position] = digit(value / 10);
    text[position + 1] = digit(value % 10);
}

/// A date and time taken apart, in UTC: what object keys are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, 4 digits.
    pub year: i64,
    /// Month, 1–12.
    pub month: i64,
    /// Day, 1–31.
    pub day: i64,
    /// Hour, 0–23.
    pub hour: i64,
    /// Minute, 0–59.
    pub minute: i64,
    /// Second, 0–59.
    pub second: i64,
    /// Millisecond, 0–999.
    pub millisecond: i64,
}

impl Timestamp {
    /// One hour in milliseconds.
    pub const HOUR_MS: i64 = 3_600_000;

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis` milliseconds (saturating).
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The start of the hour this time lies in.
    pub const fn hour(self) -> Self {
        Self(self.0.div_euclid(Self::HOUR_MS) * Self::HOUR_MS)
    }

    /// Parses an RFC 3339 time with any offset and any number of fraction digits: the millisecond (floored) and the
    /// nanoseconds below it, 0–999,999. Digits below the nanosecond are dropped. A leap second (`:60`) counts as the
    /// last millisecond before the next minute, so that it stays in its own hour.
    pub fn parse_with_nanos(text: &str) -> Result<(Self, i32), InvalidTime> {
        let bytes = text.as_bytes();
        let separators_fit = bytes.len() >= 20
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && matches!(bytes[10], b'T' | b't' | b' ')
            && bytes[13] == b':'
            && bytes[16] == b':';
        if !separators_fit {
            return Err(InvalidTime);
        }
        let (year, month, day) = (digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?);
        let (hour, minute, second) = (digits(bytes, 11, 2)?, digits(bytes, 14, 2)?, digits(bytes, 17, 2)?);
        let date_fits = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        if !date_fits || hour > 23 || minute > 59 || second > 60 {
            return Err(InvalidTime);
        }
        let mut position = 19;
        let mut nanos: i64 = 0;
        if bytes[position] == b'.' {
            position += 1;
            let first_digit = position;
            let mut weight = 100_000_000;
            while let Some(byte) = bytes.get(position).filter(|byte| byte.is_ascii_digit()) {
                nanos += i64::from(byte - b'0') * weight;
                weight /= 10;
                position += 1;
            }
            if position == first_digit {
                return Err(InvalidTime);
            }
        }
        let offset_minutes = match bytes.get(position) {
            Some(b'Z' | b'z') if bytes.len() == position + 1 => 0,
            Some(sign @ (b'+' | b'-')) if bytes.len() == position + 6 && bytes[position + 3] == b':' => {
                let (hours, minutes) = (digits(bytes, position + 1, 2)?, digits(bytes, position + 4, 2)?);
                if hours > 23 || minutes > 59 {
                    return Err(InvalidTime);
                }
                let total = hours * 60 + minutes;
                if *sign == b'-' { -total } else { total }
            }
            _ => return Err(InvalidTime),
        };
        let mut seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        if second == 60 {
            seconds -= 1;
            nanos = 999_999_999;
        }
        seconds -= offset_minutes * 60;
        let millis = seconds * 1_000 + nanos / 1_000_000;
        let rest = (nanos % 1_000_000) as i32;
        Ok((Self(millis), rest))
    }

    /// Parses an RFC 3339 time and floors it to the millisecond.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        Self::parse_with_nanos(text).map(|(time, _)| time)
    }

    /// The date and time of day in UTC.
    pub fn civil(self) -> Civil {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400_000));
        let rest = self.0.rem_euclid(86_400_000);
        Civil {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            millisecond: rest % 1_000,
        }
    }

    /// The text of [`Timestamp`]'s `Display` as bytes, without going through a formatter; `None` outside the years 0–9999.
    pub fn rfc3339_bytes(self) -> Option<[u8; 24]> {
        let civil = self.civil();
        let year = u16::try_from(civil.year).ok().filter(|year| *year <= 9_999)?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let century = i64::from(year / 100);
        put_two_digits(&mut text, 0, century);
        put_two_digits(&mut text, 2, i64::from(year % 100));
        put_two_digits(&mut text, 5, civil.month);
        put_two_digits(&mut text, 8, civil.day);
        put_two_digits(&mut text, 11, civil.hour);
        put_two_digits(&mut text, 14, civil.minute);
        put_two_digits(&mut text, 17, civil.second);
        put_two_digits(&mut text, 20, civil.millisecond / 10);
        text[22] = digit(civil.millisecond % 10);
        Some(text)
    }

    /// From a date and a time of day in UTC; `None` if there is no such date.
    pub fn from_civil(civil: Civil) -> Option<Self> {
        let fits = (1..=12).contains(&civil.month)
            && civil.day >= 1
            && civil.day <= days_in_month(civil.year, civil.month)
            && (0..24).contains(&civil.hour)
            && (0..60).contains(&civil.minute)
            && (0..60).contains(&civil.second)
            && (0..1000).contains(&civil.millisecond);
        let days = days_from_civil(civil.year, civil.month, civil.day);
        let seconds = days * 86_400 + civil.hour * 3_600 + civil.minute * 60 + civil.second;
        fits.then_some(Self(seconds * 1_000 + civil.millisecond))
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC with exactly three fraction digits: `2026-03-01T12:00:00.123Z`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Civil { year, month, day, hour, minute, second, millisecond } = self.civil();
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        Self::parse(text)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_and_any_precision_is_read() {
        // Expected values: `date -u -d … +%s%3N` (GNU coreutils).
        for (text, millis, nanos) in [
            ("2026-03-01T12:00:00Z", 1_772_366_400_000, 0),
            ("2026-03-01T13:59:59.9998Z", 1_772_373_599_999, 800_000),
            ("2026-03-01T12:00:00.123456789+05:30", 1_772_346_600_123, 456_789),
            ("2026-03-01T12:00:00.1234567899999-08:00", 1_772_395_200_123, 456_789),
            ("2000-02-29t00:00:00.5z", 951_782_400_500, 0),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999, 999_999),
            ("1969-12-31T23:59:59.9999Z", -1, 900_000),
        ] {
            assert_eq!(Timestamp::parse_with_nanos(text), Ok((Timestamp(millis), nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00+0530",
            "2026-03-01T12:00:00Zjunk",
            "1772366400000",
            "２026-03-01T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_with_nanos(text), Err(InvalidTime), "{text}");
        }
    }

    #[test]
    fn display_and_parse_agree_on_every_day_of_eight_centuries() {
        for day in -146_097..146_097 {
            let time = Timestamp(day * 86_400_000 + 45_296_789);
            assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
            assert_eq!(Timestamp::from_civil(time.civil()), Some(time));
            assert_eq!(time.rfc3339_bytes().map(|bytes| bytes.to_vec()), Some(time.to_string().into_bytes()));
        }
    }
}
