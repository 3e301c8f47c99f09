//! When it happened.

use auditlake_event::Timestamp;

use super::record::Record;

/// A time, the nanoseconds below its millisecond if they are stated, and whether the member `time` was in another unit or form
/// than milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub time: Timestamp,
    pub nanos: Option<i32>,
    pub is_as_expected: bool,
}

/// Reads `time` (milliseconds), else `time_dt` (RFC 3339, of the profile `datetime`).
///
/// What would lie before the year 2000 in milliseconds can be nothing but seconds, and what would lie after the year 5138
/// nothing but micro- or nanoseconds: these mistakes of mappings are understood. A text may hold such a number or an RFC 3339 time.
pub(super) fn of(record: &Record<'_>) -> Result<Time, &'static str> {
    let stated = record.said(&["time"]);
    let date = record.said(&["time_dt"]).and_then(|said| Some((said, printed(said.text)?)));
    let Some(said) = stated else {
        let missing = if record.at(&["time"]).is_some() { "time is no time" } else { "time is missing" };
        let (said, time) = date.ok_or(missing)?;
        record.tell(said);
        return Ok(time);
    };
    let time = parse(said.text).or_else(|| printed(said.text));
    let Some(mut time) = time else {
        // What is wrong stays in the metadata, beside what is right.
        let (said, time) = date.ok_or("time is no time")?;
        record.tell(said);
        return Ok(time);
    };
    if time.is_as_expected {
        record.tell(said);
    }
    if let Some((said, date)) = date.filter(|(_, date)| date.time == time.time) {
        record.tell(said);
        time.nanos = time.nanos.or(date.nanos);
    }
    Ok(time)
}

/// A time as it is printed: RFC 3339, with a blank instead of the `T` too.
fn printed(text: &str) -> Option<Time> {
    let with_zone = if text.as_bytes().get(10) == Some(&b' ') { text.replacen(' ', "T", 1) } else { text.to_owned() };
    let (time, nanos) = Timestamp::parse_with_nanos(&with_zone).ok()?;
    Some(Time { time, nanos: crate::source::stated_nanos(text, nanos), is_as_expected: false })
}

/// The digits of a whole number that is written with an exponent, as some writers of JSON do (`1.77235650025E12`).
fn with_exponent(text: &str) -> Option<String> {
    let is_exact = |value: &f64| value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    let value = text.contains(['e', 'E']).then(|| text.parse::<f64>().ok()).flatten().filter(is_exact)?;
    Some(format!("{value:.0}"))
}

/// A number since 1970.
fn parse(text: &str) -> Option<Time> {
    let written_out = with_exponent(text);
    let text = written_out.as_deref().unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (per_milli, is_seconds) = match number.unsigned_abs() {
        0..100_000_000_000 => (0, true),
        100_000_000_000..100_000_000_000_000 => (1, false),
        100_000_000_000_000..100_000_000_000_000_000 => (1_000, false),
        _ => (1_000_000, false),
    };
    let is_zero = fraction.bytes().all(|byte| byte == b'0');
    if is_seconds {
        let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let nanos: i64 = digits.parse().ok()?;
        let millis = number.checked_mul(1_000)?.checked_add(nanos / 1_000_000)?;
        let below = i32::try_from(nanos % 1_000_000).ok()?;
        return Some(Time {
            time: Timestamp::from_millis(millis),
            nanos: (below != 0).then_some(below),
            is_as_expected: false,
        });
    }
    let millis = number.div_euclid(per_milli);
    let below = number.rem_euclid(per_milli).checked_mul(1_000_000 / per_milli)?;
    let nanos = (per_milli > 1).then(|| i32::try_from(below).ok()).flatten();
    Some(Time { time: Timestamp::from_millis(millis), nanos, is_as_expected: per_milli == 1 && is_zero })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_known_by_the_size() {
        let time = |text: &str| parse(text).map(|time| (time.time.to_string(), time.nanos, time.is_as_expected));
        let second = |fraction: &str| format!("2026-03-01T09:15:00.{fraction}Z");
        for (text, expected) in [
            ("1772356500250", Some((second("250"), None, true))),
            ("1772356500250.0", Some((second("250"), None, true))),
            ("1772356500", Some((second("000"), None, false))),
            ("1772356500.25", Some((second("250"), None, false))),
            ("1772356500.2500015", Some((second("250"), Some(1_500), false))),
            ("1772356500250001", Some((second("250"), Some(1_000), false))),
            ("1772356500250000001", Some((second("250"), Some(1), false))),
            ("1.77235650025E12", Some((second("250"), None, true))),
            ("1.7723565e9", Some((second("000"), None, false))),
            ("1e400", None),
            ("-1772356500250", Some(("1913-11-02T14:44:59.750Z".to_owned(), None, true))),
            ("0", Some(("1970-01-01T00:00:00.000Z".to_owned(), None, false))),
            ("x", None),
            ("1.x", None),
            ("", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }
}
