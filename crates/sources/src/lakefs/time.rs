//! Times as lakeFS and the programs that wrote its tables write them.

use std::borrow::Cow;

use auditlake_event::Timestamp;

use crate::source::stated_nanos;

/// The time of an ISO 8601 text and what it states below the millisecond. lakeFS documents "ISO 8601" and no more, so these
/// are taken beside RFC 3339: a time without an offset, which counts as UTC, and an offset without its colon (`+0200`).
pub(super) fn parse(text: &str) -> Option<(Timestamp, Option<i32>)> {
    let text = rfc3339(text);
    let (time, nanos) = Timestamp::parse_with_nanos(&text).ok()?;
    Some((time, stated_nanos(&text, nanos)))
}

fn rfc3339(text: &str) -> Cow<'_, str> {
    let Some((_, behind_seconds)) = text.split_at_checked(19) else { return Cow::Borrowed(text) };
    let behind_fraction = behind_seconds.trim_start_matches('.').trim_start_matches(|digit: char| digit.is_ascii_digit());
    match behind_fraction.as_bytes() {
        [] => Cow::Owned(format!("{text}Z")),
        [b'+' | b'-', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
            let (before_minutes, minutes) = text.split_at(text.len() - 2);
            Cow::Owned(format!("{before_minutes}:{minutes}"))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_is_read_in_every_dress() {
        for (text, expected, nanos) in [
            ("2026-03-01T09:15:00.266Z", "2026-03-01T09:15:00.266Z", None),
            ("2026-03-01T09:15:00Z", "2026-03-01T09:15:00.000Z", None),
            ("2026-03-01T11:15:00.266123+02:00", "2026-03-01T09:15:00.266Z", Some(123_000)),
            ("2026-03-01T11:15:00+0200", "2026-03-01T09:15:00.000Z", None),
            ("2026-03-01 09:15:00.5", "2026-03-01T09:15:00.500Z", None),
            ("2026-03-01T09:15:00", "2026-03-01T09:15:00.000Z", None),
            ("2026-03-01T09:15:00.123456789Z", "2026-03-01T09:15:00.123Z", Some(456_789)),
        ] {
            assert_eq!(parse(text), Some((Timestamp::parse(expected).unwrap(), nanos)), "{text}");
        }
        for text in
            ["", "2026-03-01", "1772356500", "2026-02-30T00:00:00Z", "2026-03-01T09:15:00.Z", "2026-03-01T09:15:00 UTC"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
