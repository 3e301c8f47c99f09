//! `lake.json`: what is fixed when a lake is created. Its values rule over every configuration.

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::format::{Codec, FORMAT_VERSION};
use crate::period::{Period, SealRule, SealTime};

/// How long after a period's end its events may still arrive unless stated otherwise, in ms.
pub const DEFAULT_SLACK_MS: i64 = 300_000;

/// How long before its creation, beyond the slack, a lake's first period may begin, in ms: writers' clocks differ.
const CREATION_SKEW_MS: i64 = 10_000;

/// The longest slack, in ms: a week. A longer one would keep periods open for so long that nothing is ever sealed.
pub const MOST_SLACK_MS: i64 = 7 * 24 * 3_600_000;
/// The longest lead, in ms: a day.
pub const MOST_LEAD_MS: i64 = 24 * 3_600_000;

/// The content of `lake.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lake {
    /// Version of the format; a higher one than [`FORMAT_VERSION`] must not be touched.
    pub format_version: u32,
    /// When the lake was created.
    pub created: Timestamp,
    /// Length of a seal period in seconds.
    pub seal_period_seconds: u32,
    /// Slack of the seal rule in milliseconds.
    pub slack_ms: i64,
    /// Lead of the seal rule in milliseconds.
    pub lead_ms: i64,
    /// The first period that is sealed: `P(created - slack - 10 s)`.
    pub first_period: SealTime,
    /// Compression of archive objects.
    pub codec: Codec,
}

/// Why a `lake.json` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLake {
    /// Not the JSON we know.
    #[error("lake.json cannot be read: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error("lake.json has format version {0}, this version of auditlake knows {FORMAT_VERSION}: upgrade first")]
    UnknownVersion(u32),
    /// Values that contradict each other.
    #[error("lake.json is inconsistent: {0}")]
    Inconsistent(&'static str),
}

fn first_period(period: Period, created: Timestamp, slack_ms: i64) -> SealTime {
    period.start_of(created.plus_millis(-slack_ms - CREATION_SKEW_MS))
}

impl Lake {
    /// A lake created now.
    pub fn new(created: Timestamp, period: Period, slack_ms: i64, lead_ms: i64, codec: Codec) -> Self {
        let first_period = first_period(period, created, slack_ms);
        Self {
            format_version: FORMAT_VERSION,
            created,
            seal_period_seconds: u32::try_from(period.seconds()).unwrap_or(3_600),
            slack_ms,
            lead_ms,
            first_period,
            codec,
        }
    }

    /// Reads and checks the bytes of `lake.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidLake> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|error| InvalidLake::Malformed(error.to_string()))?;
        if version.format_version != FORMAT_VERSION {
            return Err(InvalidLake::UnknownVersion(version.format_version));
        }
        let lake: Self = serde_json::from_slice(bytes).map_err(|error| InvalidLake::Malformed(error.to_string()))?;
        let Ok(period) = Period::from_seconds(lake.seal_period_seconds) else {
            return Err(InvalidLake::Inconsistent("seal_period_seconds does not divide one hour"));
        };
        if !(0..=MOST_SLACK_MS).contains(&lake.slack_ms) {
            return Err(InvalidLake::Inconsistent("slack_ms must lie between 0 and a week"));
        }
        if !(0..=MOST_LEAD_MS).contains(&lake.lead_ms) {
            return Err(InvalidLake::Inconsistent("lead_ms must lie between 0 and a day"));
        }
        if lake.first_period != first_period(period, lake.created, lake.slack_ms) {
            return Err(InvalidLake::Inconsistent("first_period is not the period of created - slack - 10 s"));
        }
        Ok(lake)
    }

    /// The bytes of `lake.json`: one line.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        crate::json_line::to_line(self)
    }

    /// The numbers of the seal rule.
    pub fn rule(&self) -> SealRule {
        let period = Period::from_seconds(self.seal_period_seconds).unwrap_or(Period::HOUR);
        SealRule { period, slack_ms: self.slack_ms, lead_ms: self.lead_ms }
    }

    /// The length of a seal period.
    pub fn period(&self) -> Period {
        self.rule().period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_newer_version_is_refused() {
        let created = Timestamp::parse("2026-03-01T12:02:03.456Z").unwrap();
        let lake = Lake::new(created, Period::HOUR, 300_000, 300_000, Codec::Snappy);
        assert_eq!(lake.first_period.to_string(), "2026-03-01T11:00:00.000Z");
        assert_eq!(Lake::parse(&lake.to_bytes().unwrap()), Ok(lake.clone()));
        let newer =
            String::from_utf8(lake.to_bytes().unwrap()).unwrap().replace("\"format_version\":1", "\"format_version\":2");
        assert_eq!(Lake::parse(newer.as_bytes()), Err(InvalidLake::UnknownVersion(2)));
    }

    #[test]
    fn an_edited_file_is_refused_with_the_rule_it_breaks() {
        let created = Timestamp::parse("2026-03-01T12:02:03.456Z").unwrap();
        let text = String::from_utf8(Lake::new(created, Period::HOUR, 300_000, 300_000, Codec::Snappy).to_bytes().unwrap())
            .unwrap();
        for (from, to, rule) in [
            ("2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z", "first_period"),
            ("2026-03-01T11:00:00.000Z", "2036-03-01T11:00:00.000Z", "first_period"),
            ("2026-03-01T11:00:00.000Z", "2026-03-01T10:00:00.000Z", "first_period"),
            ("\"lead_ms\":300000", "\"lead_ms\":-1", "lead_ms"),
            ("\"lead_ms\":300000", "\"lead_ms\":86400001", "lead_ms"),
            ("\"slack_ms\":300000", "\"slack_ms\":604800001", "slack_ms"),
            ("\"slack_ms\":300000", "\"slack_ms\":-300000", "slack_ms"),
            ("\"seal_period_seconds\":3600", "\"seal_period_seconds\":7", "seal_period_seconds"),
        ] {
            assert!(text.contains(from), "{text}");
            let refused = Lake::parse(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(refused.to_string().contains(rule), "{from} → {to}: {refused}");
        }
    }
}
