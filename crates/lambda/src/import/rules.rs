//! Which objects are of which source and organization.

use std::collections::BTreeMap;

use auditlake_event::{Organization, Region};
use auditlake_sources::{SOURCES, Source, by_name};
use serde::Deserialize;

/// What holds for the objects of a bucket under a prefix.
#[derive(Clone)]
pub struct ImportRule {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with.
    pub prefix: String,
    /// The log format; looked for in the object if none is stated.
    pub source: Option<&'static dyn Source>,
    /// Whose events they are.
    pub organization: Organization,
    /// The events' region; the installation's if none is stated.
    pub region: Option<Region>,
    /// Whose the events of single cloud accounts are.
    pub accounts: BTreeMap<String, Organization>,
}

/// All rules.
#[derive(Clone, Default)]
pub struct ImportRules(Vec<ImportRule>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bucket: String,
    #[serde(default)]
    prefix: String,
    source: Option<String>,
    organization: Organization,
    region: Option<Region>,
    #[serde(default)]
    accounts: BTreeMap<String, Organization>,
}

impl ImportRules {
    /// Reads `[{"bucket":…,"prefix":…,"source":…,"organization":…,"region":…,"accounts":{…}}]`; what may be left out are
    /// `prefix`, `source`, `region` and `accounts`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written: Vec<Written> =
            serde_json::from_str(text).map_err(|error| format!("must be a JSON array of rules: {error}"))?;
        let rule = |written: Written| {
            let source = match written.source.as_deref() {
                None => None,
                Some(name) => Some(by_name(name).ok_or_else(|| {
                    let known: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
                    format!("names the source {name}, known are {}", known.join(", "))
                })?),
            };
            Ok(ImportRule {
                bucket: written.bucket,
                prefix: written.prefix,
                source,
                organization: written.organization,
                region: written.region,
                accounts: written.accounts,
            })
        };
        written.into_iter().map(rule).collect::<Result<_, String>>().map(Self)
    }

    /// The rule about an object: that of the longest prefix.
    pub fn of(&self, bucket: &str, key: &str) -> Option<&ImportRule> {
        let fits = self.0.iter().filter(|rule| rule.bucket == bucket && key.starts_with(&rule.prefix));
        fits.max_by_key(|rule| rule.prefix.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_of_the_bucket_rules() {
        let rules = ImportRules::parse(
            r#"[{"bucket":"b","organization":"all"},
                {"bucket":"b","prefix":"AWSLogs/","source":"aws.cloudtrail","organization":"acme","region":"eu-west-1",
                 "accounts":{"123456789012":"globex"}},
                {"bucket":"other","prefix":"AWSLogs/123/","organization":"else"}]"#,
        )
        .unwrap();
        let rule = rules.of("b", "AWSLogs/123/x.gz").unwrap();
        assert_eq!((rule.organization.as_str(), rule.source.unwrap().name()), ("acme", "aws.cloudtrail"));
        assert_eq!(rule.accounts["123456789012"].as_str(), "globex");
        assert_eq!(rules.of("b", "x").unwrap().organization.as_str(), "all");
        assert!(rules.of("c", "x").is_none());
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_said() {
        for (bad, said) in [
            ("{}", "JSON array"),
            (r#"[{"bucket":"b"}]"#, "organization"),
            (r#"[{"bucket":"b","organization":"../x"}]"#, "JSON array"),
            (r#"[{"bucket":"b","organization":"a","source":"nope"}]"#, "nope"),
            (r#"[{"bucket":"b","organization":"a","prefx":"x"}]"#, "prefx"),
        ] {
            let error = ImportRules::parse(bad).err().unwrap();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
