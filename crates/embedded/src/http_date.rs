//! The header `Date`.
//!
//! The server library writes one of its own, from a time that it keeps and that never goes back. A client that corrects its clock by
//! it, as S3 clients do before they sign, would sign with the old time after the machine's clock was set back. So it is written here,
//! anew for every answer.

use auditlake_event::Timestamp;
use http::HeaderValue;

const DAY_MS: i64 = 24 * Timestamp::HOUR_MS;

/// A time as HTTP writes it (RFC 9110, section 5.6.7). `None` for years that it cannot write.
pub fn http_date(time: Timestamp) -> Option<HeaderValue> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let civil = time.civil();
    if !(0..=9_999).contains(&civil.year) {
        return None;
    }
    let day = DAYS.get(usize::try_from(time.millis().div_euclid(DAY_MS).rem_euclid(7)).ok()?)?;
    let month = MONTHS.get(usize::try_from(civil.month - 1).ok()?)?;
    let text = format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        civil.day, civil.year, civil.hour, civil.minute, civil.second
    );
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_standard() {
        // The example of RFC 9110, the epoch, a leap day; weekdays as `date -u` says.
        for (time, expected) in [
            ("1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("2024-02-29T23:59:59.999Z", "Thu, 29 Feb 2024 23:59:59 GMT"),
            ("2026-12-01T00:00:00Z", "Tue, 01 Dec 2026 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(Timestamp::parse(time).unwrap()).unwrap(), expected);
        }
    }
}
