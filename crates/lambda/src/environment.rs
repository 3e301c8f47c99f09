//! A function's settings: environment variables, each checked when the function starts.

use auditlake_api::claims::ClaimNames;
use auditlake_console::{Console, Mode, Settings as ConsoleSettings, SignIn};
use auditlake_event::Region;
use auditlake_event::limits::LEAD_MS;
use auditlake_lake::length::Length;
use auditlake_lake::{Codec, Lake, Period};

/// A variable that is missing or breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name} {rule}")]
pub struct InvalidEnvironment {
    /// The variable.
    pub name: String,
    /// What is wrong with it.
    pub rule: String,
}

/// Says what a variable holds.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Reads variables. An empty one counts as absent: a template cannot leave one out.
pub struct Environment {
    read: Box<Lookup>,
}

impl Environment {
    /// The process's own.
    pub fn of_process() -> Self {
        Self { read: Box::new(|name| std::env::var(name).ok()) }
    }

    /// Given ones.
    pub fn of_pairs(pairs: &[(&str, &str)]) -> Self {
        let pairs: std::collections::BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { read: Box::new(move |name| pairs.get(name).cloned()) }
    }

    /// The text of a variable that may be absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.read)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The text of a variable that must be there.
    pub fn required(&self, name: &str) -> Result<String, InvalidEnvironment> {
        self.optional(name).ok_or_else(|| InvalidEnvironment { name: name.to_owned(), rule: "is required".to_owned() })
    }

    /// The value of a variable that may be absent.
    pub fn parsed<T, E: ToString>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, InvalidEnvironment> {
        let Some(text) = self.optional(name) else { return Ok(None) };
        let value = parse(&text).map_err(|error| InvalidEnvironment { name: name.to_owned(), rule: error.to_string() })?;
        Ok(Some(value))
    }

    /// The value of a variable with a default.
    pub fn parsed_or<T, E: ToString>(
        &self,
        name: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, InvalidEnvironment> {
        Ok(self.parsed(name, parse)?.unwrap_or(default))
    }
}

/// The bucket of landing, quarantine and `lake.json`.
pub const LANDING_BUCKET: &str = "AUDITLAKE_LANDING_BUCKET";
/// The bucket of the archive, its digests and its seal records.
pub const ARCHIVE_BUCKET: &str = "AUDITLAKE_ARCHIVE_BUCKET";
/// The installation's region: that of events that state none.
pub const REGION: &str = "AUDITLAKE_REGION";
/// Length of a seal period of a lake that is created.
pub const SEAL_PERIOD: &str = "AUDITLAKE_SEAL_PERIOD";
/// How long after a period's end its events may arrive, of a lake that is created.
pub const SLACK: &str = "AUDITLAKE_SLACK";
/// Compression of the archive of a lake that is created: `snappy` or `zstd`.
pub const CODEC: &str = "AUDITLAKE_CODEC";

/// Where the lake lies, and how it is created if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeSettings {
    /// The bucket of landing, quarantine and `lake.json`.
    pub landing_bucket: String,
    /// The bucket of the archive, its digests and its seal records.
    pub archive_bucket: String,
    /// The region of events that state none.
    pub region: Region,
    /// Length of a seal period.
    pub period: Period,
    /// How long after a period's end its events may arrive, in ms.
    pub slack_ms: i64,
    /// Compression of archive objects.
    pub codec: Codec,
}

/// The slack unless stated otherwise, in ms.
const DEFAULT_SLACK_MS: i64 = 300_000;

fn length_ms(text: &str) -> Result<i64, String> {
    text.parse::<Length>().map(|length| length.millis)
}

fn period(text: &str) -> Result<Period, String> {
    let seconds = length_ms(text)? / 1_000;
    let seconds = u32::try_from(seconds).map_err(|_| "is too long".to_owned())?;
    Period::from_seconds(seconds).map_err(|error| error.to_string())
}

fn codec(text: &str) -> Result<Codec, &'static str> {
    match text {
        "snappy" => Ok(Codec::Snappy),
        "zstd" => Ok(Codec::Zstd),
        _ => Err("must be snappy or zstd"),
    }
}

impl LakeSettings {
    /// Reads them.
    pub fn read(environment: &Environment) -> Result<Self, InvalidEnvironment> {
        let region = environment.required(REGION)?;
        let region = Region::parse(&region)
            .map_err(|error| InvalidEnvironment { name: REGION.to_owned(), rule: error.to_string() })?;
        Ok(Self {
            landing_bucket: environment.required(LANDING_BUCKET)?,
            archive_bucket: environment.required(ARCHIVE_BUCKET)?,
            region,
            period: environment.parsed_or(SEAL_PERIOD, Period::HOUR, period)?,
            slack_ms: environment.parsed_or(SLACK, DEFAULT_SLACK_MS, length_ms)?,
            codec: environment.parsed_or(CODEC, Codec::Snappy, codec)?,
        })
    }

    /// The lake to create at `now` if there is none.
    pub fn wanted(&self, now: auditlake_event::Timestamp) -> Lake {
        Lake::new(now, self.period, self.slack_ms, LEAD_MS, self.codec)
    }

    /// What the lake that is there decides otherwise: it rules, and somebody should know.
    pub fn differences(&self, lake: &Lake) -> Vec<&'static str> {
        let mut differences = Vec::new();
        if lake.period() != self.period {
            differences.push("seal period");
        }
        if lake.slack_ms != self.slack_ms {
            differences.push("slack");
        }
        if lake.codec != self.codec {
            differences.push("codec");
        }
        differences
    }
}

/// Which claims of a token say what: `AUDITLAKE_TENANT_CLAIM`, `AUDITLAKE_PERMISSIONS_CLAIM`, `AUDITLAKE_OPERATOR_PERMISSION`.
pub fn claim_names(environment: &Environment) -> ClaimNames {
    let usual = ClaimNames::default();
    ClaimNames {
        tenant: environment.optional("AUDITLAKE_TENANT_CLAIM").unwrap_or(usual.tenant),
        permissions: environment.optional("AUDITLAKE_PERMISSIONS_CLAIM").unwrap_or(usual.permissions),
        operator: environment.optional("AUDITLAKE_OPERATOR_PERMISSION"),
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "must be true or false")
}

/// The parts of a list that is separated by commas.
fn list(environment: &Environment, name: &str) -> Vec<String> {
    let text = environment.optional(name).unwrap_or_default();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The console, if `AUDITLAKE_CONSOLE` is `true`. Its users sign in if `AUDITLAKE_OIDC_ISSUER` and `AUDITLAKE_OIDC_CLIENT_ID` say where,
/// with `AUDITLAKE_OIDC_SCOPE` and `AUDITLAKE_OIDC_AUDIENCE`; `AUDITLAKE_CONNECT_ORIGINS` names what else the page speaks to, and
/// `AUDITLAKE_CONTACT` whom it says to ask for the permission.
pub fn console(environment: &Environment) -> Result<Option<Console>, InvalidEnvironment> {
    const ORIGINS: &str = "AUDITLAKE_CONNECT_ORIGINS";
    if !environment.parsed_or("AUDITLAKE_CONSOLE", false, flag)? {
        return Ok(None);
    }
    let (issuer, client_id) =
        (environment.optional("AUDITLAKE_OIDC_ISSUER"), environment.optional("AUDITLAKE_OIDC_CLIENT_ID"));
    let scope = environment.optional("AUDITLAKE_OIDC_SCOPE");
    let audiences = list(environment, "AUDITLAKE_OIDC_AUDIENCE");
    let sign_in =
        issuer.zip(client_id).map(|(issuer, client_id)| SignIn::new(&issuer, &client_id, scope.as_deref(), &audiences));
    let console = Console::new(ConsoleSettings {
        mode: Mode::Deployed,
        organization: None,
        must_name_organization: false,
        contact: environment.optional("AUDITLAKE_CONTACT"),
        sign_in,
        connect_origins: list(environment, ORIGINS),
    });
    console
        .map(Some)
        .map_err(|error| InvalidEnvironment { name: ORIGINS.to_owned(), rule: format!("is not valid: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: [(&str, &str); 3] = [(LANDING_BUCKET, "l"), (ARCHIVE_BUCKET, "a"), (REGION, "eu-west-1")];

    #[test]
    fn defaults_are_an_hour_five_minutes_and_snappy() {
        let settings = LakeSettings::read(&Environment::of_pairs(&LEAST)).unwrap();
        assert_eq!((settings.period, settings.slack_ms, settings.codec), (Period::HOUR, 300_000, Codec::Snappy));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_rule() {
        for (name, value) in
            [(REGION, "Not A Region"), (SEAL_PERIOD, "7m"), (SEAL_PERIOD, "soon"), (SLACK, "5"), (CODEC, "lzo")]
        {
            let mut pairs = LEAST.to_vec();
            pairs.push((name, value));
            let error = LakeSettings::read(&Environment::of_pairs(&pairs)).unwrap_err();
            assert_eq!(error.name, name, "{value}");
        }
        let error = LakeSettings::read(&Environment::of_pairs(&[(LANDING_BUCKET, " ")])).unwrap_err();
        assert_eq!(error.to_string(), "environment variable AUDITLAKE_REGION is required");
    }

    #[test]
    fn a_console_is_there_where_it_is_wanted_and_its_settings_are_checked() {
        let pairs = |more: &[(&'static str, &'static str)]| {
            let mut pairs = vec![("AUDITLAKE_CONSOLE", "true")];
            pairs.extend_from_slice(more);
            console(&Environment::of_pairs(&pairs))
        };
        assert!(console(&Environment::of_pairs(&[])).unwrap().is_none());
        assert!(pairs(&[]).unwrap().is_some());
        assert!(pairs(&[("AUDITLAKE_CONNECT_ORIGINS", "https://a.example, https://b.example")]).unwrap().is_some());
        assert_eq!(pairs(&[("AUDITLAKE_CONSOLE", "yes")]).err().unwrap().name, "AUDITLAKE_CONSOLE");
        assert_eq!(pairs(&[("AUDITLAKE_CONNECT_ORIGINS", "*")]).err().unwrap().name, "AUDITLAKE_CONNECT_ORIGINS");
    }

    #[test]
    fn an_existing_lake_that_differs_is_noticed() {
        let mut pairs = LEAST.to_vec();
        pairs.extend([(SEAL_PERIOD, "10s"), (SLACK, "1s"), (CODEC, "zstd")]);
        let settings = LakeSettings::read(&Environment::of_pairs(&pairs)).unwrap();
        let now = auditlake_event::Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        assert!(settings.differences(&settings.wanted(now)).is_empty());
        let other = Lake::new(now, Period::HOUR, 300_000, LEAD_MS, Codec::Snappy);
        assert_eq!(settings.differences(&other), ["seal period", "slack", "codec"]);
    }
}
