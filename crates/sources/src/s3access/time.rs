//! The time of a line.

use auditlake_event::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads `06/Feb/2019:00:00:38 +0000` (`%d/%b/%Y:%H:%M:%S %z`): when the request arrived, to the second.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (date_and_time, offset) = text.split_once(' ')?;
    let (date, time) = date_and_time.split_once(':')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (offset_hours, offset_minutes) = offset.split_at_checked(3)?;
    if date.next().is_some() || year.len() != 4 || day.len() != 2 || time.len() != 8 {
        return None;
    }
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}{offset_hours}:{offset_minutes}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offset() {
        for (text, expected) in [
            ("06/Feb/2019:00:00:38 +0000", Some("2019-02-06T00:00:38.000Z")),
            ("09/Feb/2021:14:48:42 +0200", Some("2021-02-09T12:48:42.000Z")),
            ("31/Dec/2025:23:59:59 -0730", Some("2026-01-01T07:29:59.000Z")),
            ("29/Feb/2025:00:00:00 +0000", None),
            ("6/Feb/2019:00:00:38 +0000", None),
            ("06/feb/2019:00:00:38 +0000", None),
            ("06/Feb/2019:00:00:38", None),
            ("06/Feb/2019:00:00:38 0000", None),
            ("06/Feb/2019:00:00:38 +00:00", None),
            ("06/Feb/2019:00:00:38 GMT", None),
            ("06/Feb/2019:24:00:38 +0000", None),
            ("06/Feb/2019/1:00:00:38 +0000", None),
            ("2019-02-06 00:00:38", None),
            ("06/Feb/2019:00:00:38 é000", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }
}
