//! How a request ended.

use auditlake_event::Outcome;

/// Judges an HTTP status: below 400 success, 401 and 403 denied, everything else failure. What is no status (lakeFS logs 200
/// where a handler never set one, but never a number outside 100–599) says nothing.
pub(super) fn of(status: Option<i32>) -> Outcome {
    match status {
        Some(100..=399) => Outcome::Success,
        Some(401 | 403) => Outcome::Denied,
        Some(400..=599) => Outcome::Failure,
        Some(_) | None => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides() {
        for (status, expected) in [
            (Some(200), Outcome::Success),
            (Some(304), Outcome::Success),
            (Some(400), Outcome::Failure),
            (Some(401), Outcome::Denied),
            (Some(403), Outcome::Denied),
            (Some(404), Outcome::Failure),
            (Some(412), Outcome::Failure),
            (Some(500), Outcome::Failure),
            (Some(0), Outcome::Unknown),
            (Some(999), Outcome::Unknown),
            (None, Outcome::Unknown),
        ] {
            assert_eq!(of(status), expected, "{status:?}");
        }
    }
}
