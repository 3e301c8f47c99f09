//! The settings of `query` that say what a question may read, who answers it, and what it costs.

use auditlake_query::Choice;

use crate::environment::{Environment, InvalidEnvironment};

const MIB: u64 = 1024 * 1024;
/// Athena's list price of a TB scanned in most regions, in US dollars.
const USD_PER_TB: f64 = 5.0;
/// Athena's longest age of a result that is used again, in minutes: a week.
const MOST_REUSE_MINUTES: i32 = 10_080;

/// What a question may read, who answers it, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asking {
    /// `AUDITLAKE_SCAN_MAX_MB` and `AUDITLAKE_MAX_QUERY_MB`, in bytes.
    pub choice: Choice,
    /// `AUDITLAKE_MAX_EXPORT_MB`, in bytes: an export that could read more is refused; 0 refuses none.
    pub max_export_bytes: u64,
    /// `AUDITLAKE_REUSE_MINUTES`; `None` if no result is used again.
    pub reuse_minutes: Option<i32>,
    /// `AUDITLAKE_ATHENA_USD_PER_TB`; `None` if answers state no price.
    pub usd_per_tb: Option<f64>,
    /// `AUDITLAKE_ARCHIVE_EXPIRATION_DAYS`: archive objects of that age may have been removed by a lifecycle rule; 0 if there is none.
    pub archive_expiration_days: u32,
}

fn megabytes(text: &str) -> Result<u64, &'static str> {
    let megabytes: u64 = text.parse().map_err(|_| "must be a whole number of MB")?;
    megabytes.checked_mul(MIB).ok_or("is too large")
}

fn minutes(text: &str) -> Result<i32, &'static str> {
    let rule = "must be a whole number of minutes, a week at most";
    text.parse().ok().filter(|minutes| (0..=MOST_REUSE_MINUTES).contains(minutes)).ok_or(rule)
}

fn dollars(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|dollars: &f64| dollars.is_finite() && *dollars >= 0.0).ok_or("must be a number of dollars")
}

impl Asking {
    /// Reads them.
    pub fn read(environment: &Environment) -> Result<Self, InvalidEnvironment> {
        let choice = Choice {
            scan_up_to_bytes: environment.parsed_or("AUDITLAKE_SCAN_MAX_MB", 0, megabytes)?,
            refuse_above_bytes: environment.parsed_or("AUDITLAKE_MAX_QUERY_MB", 0, megabytes)?,
        };
        let max_export_bytes = environment.parsed_or("AUDITLAKE_MAX_EXPORT_MB", 0, megabytes)?;
        let reuse_minutes = environment.parsed_or("AUDITLAKE_REUSE_MINUTES", 0, minutes)?;
        let usd_per_tb = environment.parsed_or("AUDITLAKE_ATHENA_USD_PER_TB", USD_PER_TB, dollars)?;
        let days = |text: &str| text.parse().map_err(|_| "must be a whole number of days");
        Ok(Self {
            archive_expiration_days: environment.parsed_or("AUDITLAKE_ARCHIVE_EXPIRATION_DAYS", 0, days)?,
            choice,
            max_export_bytes,
            reuse_minutes: (reuse_minutes > 0).then_some(reuse_minutes),
            usd_per_tb: (usd_per_tb > 0.0).then_some(usd_per_tb),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_athena_answers_everything_at_list_price_and_afresh() {
        let asking = Asking::read(&Environment::of_pairs(&[])).unwrap();
        assert!(!asking.choice.is_needed());
        assert_eq!((asking.max_export_bytes, asking.reuse_minutes, asking.usd_per_tb), (0, None, Some(5.0)));
        assert_eq!(asking.archive_expiration_days, 0);
    }

    #[test]
    fn each_setting_is_read_and_checked() {
        let pairs = [
            ("AUDITLAKE_SCAN_MAX_MB", "2"),
            ("AUDITLAKE_MAX_QUERY_MB", "500"),
            ("AUDITLAKE_MAX_EXPORT_MB", "700"),
            ("AUDITLAKE_REUSE_MINUTES", "60"),
            ("AUDITLAKE_ATHENA_USD_PER_TB", "0"),
            ("AUDITLAKE_ARCHIVE_EXPIRATION_DAYS", "400"),
        ];
        let asking = Asking::read(&Environment::of_pairs(&pairs)).unwrap();
        assert_eq!(asking.choice, Choice { scan_up_to_bytes: 2_097_152, refuse_above_bytes: 524_288_000 });
        assert_eq!((asking.max_export_bytes, asking.reuse_minutes, asking.usd_per_tb), (734_003_200, Some(60), None));
        assert_eq!(asking.archive_expiration_days, 400);
        for (name, value) in [
            ("AUDITLAKE_SCAN_MAX_MB", "-1"),
            ("AUDITLAKE_MAX_QUERY_MB", "99999999999999999"),
            ("AUDITLAKE_MAX_EXPORT_MB", "some"),
            ("AUDITLAKE_REUSE_MINUTES", "10081"),
            ("AUDITLAKE_ATHENA_USD_PER_TB", "NaN"),
            ("AUDITLAKE_ARCHIVE_EXPIRATION_DAYS", "-1"),
        ] {
            assert_eq!(Asking::read(&Environment::of_pairs(&[(name, value)])).unwrap_err().name, name);
        }
    }
}
