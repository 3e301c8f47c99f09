//! The ways in which Azure's logs write a time.

use std::borrow::Cow;

use auditlake_event::Timestamp;

use crate::source::stated_nanos;

/// A time to the millisecond, and what is stated below it in ns.
pub(super) type StatedTime = (Timestamp, Option<i32>);

/// Reads a time, exactly: RFC 3339 with any offset and any number of fraction digits (ticks have seven), the same with a
/// space or without an offset, and the US form `M/D/YYYY h:mm:ss` with or without fraction, `AM`/`PM` and offset, and with a
/// comma behind the date, as the portal writes it. Without
/// an offset it is UTC: Azure Monitor's logs state nothing else. `None`: none of these, or no such time.
pub(super) fn parse(text: &str) -> Option<StatedTime> {
    let text = text.trim();
    let rfc3339 = if text.contains('/') { Cow::Owned(from_us_form(text)?) } else { with_offset(text)? };
    let (time, nanos) = Timestamp::parse_with_nanos(&rfc3339).ok()?;
    Some((time, stated_nanos(&rfc3339, nanos)))
}

/// A time of day without an offset is UTC.
fn with_offset(text: &str) -> Option<Cow<'_, str>> {
    // `2026-03-01T09:15:00`: what follows is a fraction, an offset, or nothing.
    let behind = text.get(19..)?;
    let has_offset = behind.contains(['Z', 'z', '+', '-']);
    Some(if has_offset { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}Z")) })
}

/// `1/9/2007 10:41:00 AM +01:00` as RFC 3339.
fn from_us_form(text: &str) -> Option<String> {
    let mut parts = text.split_ascii_whitespace();
    let (date, clock) = (parts.next()?, parts.next()?);
    let mut next = parts.next();
    let half = next.filter(|part| part.eq_ignore_ascii_case("AM") || part.eq_ignore_ascii_case("PM"));
    if half.is_some() {
        next = parts.next();
    }
    let offset = next.unwrap_or("Z");
    if parts.next().is_some() {
        return None;
    }
    let mut date = date.strip_suffix(',').unwrap_or(date).split('/');
    let (month, day, year) = (number(date.next()?, 2)?, number(date.next()?, 2)?, date.next()?);
    number(year, 4).filter(|_| year.len() == 4 && date.next().is_none())?;
    let (hour, rest) = clock.split_once(':')?;
    let hour = match (number(hour, 2)?, half) {
        (hour, None) => hour,
        (0 | 13.., Some(_)) => return None,
        (hour, Some(half)) => hour % 12 + if half.eq_ignore_ascii_case("PM") { 12 } else { 0 },
    };
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{rest}{offset}"))
}

fn number(text: &str, most_digits: usize) -> Option<u32> {
    let is_number = !text.is_empty() && text.len() <= most_digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_form_is_read_exactly() {
        for (text, expected, nanos) in [
            ("01/09/2007 09:41:00", "2007-01-09T09:41:00.000Z", None),
            ("1/9/2007 09:41:00", "2007-01-09T09:41:00.000Z", None),
            ("01/09/2007 09:41:00 AM", "2007-01-09T09:41:00.000Z", None),
            ("1/9/2007 9:41:00 AM", "2007-01-09T09:41:00.000Z", None),
            ("1/9/2007 9:41:00 pm", "2007-01-09T21:41:00.000Z", None),
            ("12/31/2007 12:00:01 AM", "2007-12-31T00:00:01.000Z", None),
            ("12/31/2007 12:00:01 PM", "2007-12-31T12:00:01.000Z", None),
            ("1/9/2007 10:41:00 AM +01:00", "2007-01-09T09:41:00.000Z", None),
            ("11/3/2020 9:06:42 AM +00:00", "2020-11-03T09:06:42.000Z", None),
            ("1/9/2007, 9:41:00.123 AM", "2007-01-09T09:41:00.123Z", None),
            ("1/9/2007 9:41:00.1234567 AM", "2007-01-09T09:41:00.123Z", Some(456_700)),
            ("2007-01-09T09:41:00", "2007-01-09T09:41:00.000Z", None),
            ("2007-01-09T09:41:00.22Z", "2007-01-09T09:41:00.220Z", None),
            ("2007-01-09T09:41:00.6816663Z", "2007-01-09T09:41:00.681Z", Some(666_300)),
            ("2007-01-09T09:41:00.535404056Z", "2007-01-09T09:41:00.535Z", Some(404_056)),
            ("2007-01-09T09:41:00.992099+00:00", "2007-01-09T09:41:00.992Z", Some(99_000)),
            ("2007-01-09T11:41:00+02:00", "2007-01-09T09:41:00.000Z", None),
            ("2007-01-09 09:41:00.456", "2007-01-09T09:41:00.456Z", None),
            ("2007-01-09 09:41:00.160562400", "2007-01-09T09:41:00.160Z", Some(562_400)),
            ("2007-01-09T09:41:00.0000000Z", "2007-01-09T09:41:00.000Z", Some(0)),
        ] {
            let (time, stated) = parse(text).unwrap();
            assert_eq!((time.to_string().as_str(), stated), (expected, nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_known_time_is_none() {
        for text in [
            "",
            "yesterday",
            "1183135260",
            "2007-01-09",
            "13/1/2007 09:41:00",
            "1/9/07 09:41:00",
            "1/9/2007",
            "1/9/2007 9:41",
            "1/9/2007 0:41:00 AM",
            "1/9/2007 13:41:00 PM",
            "1/9/2007 9:41:00 AM UTC",
            "1/9/2007 9:41:00 AM +01:00 x",
            "1/9/2007/1 9:41:00",
            "2/30/2007 9:41:00",
            "2007-02-30T09:41:00",
            "2007-01-09T09:41:00+0100",
            "９/9/2007 09:41:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
