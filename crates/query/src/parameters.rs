//! From the parameters of a request to a typed query: names, limits and the error of each.
//!
//! | parameter | meaning |
//! |---|---|
//! | `from`, `to` | RFC 3339 time with any offset, or a date, which stands for its first instant in UTC; `from` inclusive, `to` exclusive |
//! | `region` | one region |
//! | `event_id`, `actor`, `actor_email`, `actor_via`, `credential`, `action`, `category`, `outcome`, `resource_type`, `resource_id`, `source`, `source_ip`, `scope_type`, `scope_id`, `request_id`, `service_name`, `error_code`, `http_status`, `changes.field`, `changes.before`, `changes.after`, `changes.value`, `metadata.<key>`, `q` | a condition; several values by repeating it: any of them; `name!` (in a URL `name!=value`): none of them |
//!
//! Times count to the nanosecond: what an event states below the millisecond is kept beside it.

use auditlake_event::limits::MAX_SHORT_TEXT_BYTES;
use auditlake_event::{Category, Organization, Outcome, Region, Timestamp};

use crate::addresses;
use crate::metadata_key::{MAX_METADATA_KEY_BYTES, MetadataKey};
use crate::nearest;
use crate::question::METADATA_PREFIX;
use crate::typed::{Condition, Field, InvalidQuery, Query};

/// Most values of all conditions together.
pub const MAX_VALUES: usize = 100;

/// Every parameter that takes conditions, and the field it compares.
pub const CONDITION_PARAMETERS: &[(&str, Field)] = &[
    ("event_id", Field::EventId),
    ("actor", Field::Actor),
    ("actor_email", Field::ActorEmail),
    ("actor_via", Field::ActorVia),
    ("credential", Field::Credential),
    ("action", Field::Action),
    ("category", Field::Category),
    ("outcome", Field::Outcome),
    ("resource_type", Field::ResourceType),
    ("resource_id", Field::ResourceId),
    ("source", Field::Source),
    ("source_ip", Field::SourceIp),
    ("scope_type", Field::ScopeType),
    ("scope_id", Field::ScopeId),
    ("request_id", Field::RequestId),
    ("service_name", Field::ServiceName),
    ("error_code", Field::ErrorCode),
    ("http_status", Field::HttpStatus),
    ("changes.field", Field::ChangesField),
    ("changes.before", Field::ChangesBefore),
    ("changes.after", Field::ChangesAfter),
    ("changes.value", Field::ChangesValue),
    ("q", Field::Text),
];

/// The field that a parameter compares, without its `!`.
pub fn field_of(name: &str) -> Option<Field> {
    if let Some(key) = name.strip_prefix(METADATA_PREFIX) {
        return MetadataKey::new(key).map(Field::Metadata);
    }
    CONDITION_PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

impl Query {
    /// Builds a query of `organization` from a request's parameters, names and values already percent-decoded.
    ///
    /// Fails with the parameter's name and the rule it breaks: unknown names, times that are none, `from` not before `to`,
    /// values outside an enum, empty or longer than 2 KiB, more than [`MAX_VALUES`] values, `from`, `to` or `region` given twice.
    pub fn from_parameters<N: AsRef<str>, V: AsRef<str>>(
        organization: Organization,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, InvalidQuery> {
        let mut query = Self::all(organization);
        let mut values = 0;
        for (name, value) in parameters {
            let (name, value) = (name.as_ref(), value.as_ref());
            match name {
                "from" => {
                    let (from, nanos) = parse_time(name, value)?;
                    set_once(&mut query.from, name, from)?;
                    query.from_nanos = nanos;
                }
                "to" => {
                    let (to, nanos) = parse_time(name, value)?;
                    set_once(&mut query.to, name, to)?;
                    query.to_nanos = nanos;
                }
                "region" => {
                    let region = Region::parse(value).map_err(|error| invalid(name, error.to_string()))?;
                    set_once(&mut query.region, name, region)?;
                }
                _ => {
                    values += 1;
                    if values > MAX_VALUES {
                        return Err(invalid(name, format!("a query may have at most {MAX_VALUES} values")));
                    }
                    query.add_condition(name, value)?;
                }
            }
        }
        if let (Some(from), Some(to)) = (query.from, query.to)
            && (from, query.from_nanos) >= (to, query.to_nanos)
        {
            return Err(invalid("from", "must be earlier than `to` (which is exclusive)"));
        }
        Ok(query)
    }

    fn add_condition(&mut self, parameter: &str, value: &str) -> Result<(), InvalidQuery> {
        let (name, negated) = match parameter.strip_suffix('!') {
            Some(name) => (name, true),
            None => (parameter, false),
        };
        let Some(field) = field_of(name) else { return Err(unknown_parameter(parameter)) };
        let value = checked_value(parameter, field, value)?;
        match self.conditions.iter_mut().find(|condition| condition.field == field && condition.negated == negated) {
            Some(condition) if condition.values.contains(&value) => {}
            Some(condition) => condition.values.push(value),
            None => self.conditions.push(Condition { negated, ..Condition::any_of(field, vec![value]) }),
        }
        Ok(())
    }
}

fn invalid(parameter: &str, rule: impl Into<String>) -> InvalidQuery {
    InvalidQuery { parameter: parameter.to_owned(), rule: rule.into() }
}

fn unknown_parameter(parameter: &str) -> InvalidQuery {
    let mut known = vec!["from", "to", "region"];
    known.extend(CONDITION_PARAMETERS.iter().map(|(name, _)| *name));
    // A name from outside is repeated no longer than a name could sensibly be.
    let shown: String = parameter.chars().take(64).collect();
    if parameter.starts_with(METADATA_PREFIX) {
        let rule = format!("a member of `metadata` is named with 1 to {MAX_METADATA_KEY_BYTES} bytes, as in metadata.team");
        return invalid(&shown, rule);
    }
    let meant = nearest::meant(shown.trim_end_matches('!'), known.iter().copied());
    let rule = format!(
        "unknown parameter{meant} Known are {}, and metadata.<key>; all but the first three with `!` for \"none of\"",
        known.join(", ")
    );
    invalid(&shown, rule.replace("unknown parameter Known", "unknown parameter; known"))
}

fn set_once<T>(slot: &mut Option<T>, parameter: &str, value: T) -> Result<(), InvalidQuery> {
    if slot.is_some() {
        return Err(invalid(parameter, "may be given once only"));
    }
    *slot = Some(value);
    Ok(())
}

/// An RFC 3339 time or a date, which stands for its first instant in UTC; and what it states below the millisecond.
fn parse_time(parameter: &str, text: &str) -> Result<(Timestamp, i32), InvalidQuery> {
    let is_date = text.len() == 10;
    let full = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse_with_nanos(&full).map_err(|_| {
        invalid(parameter, "must be an RFC 3339 time such as 2026-03-01T12:00:00Z or a date such as 2026-03-01")
    })
}

fn checked_value(parameter: &str, field: Field, value: &str) -> Result<String, InvalidQuery> {
    if value.is_empty() {
        return Err(invalid(parameter, "must not be empty"));
    }
    if value.len() > MAX_SHORT_TEXT_BYTES {
        return Err(invalid(parameter, format!("must not be longer than {MAX_SHORT_TEXT_BYTES} bytes")));
    }
    match field {
        Field::Category if Category::parse(value).is_none() => Err(one_of(parameter, value, Category::TEXTS)),
        Field::Outcome if Outcome::parse(value).is_none() => Err(one_of(parameter, value, Outcome::TEXTS)),
        Field::HttpStatus => match value.parse::<u16>() {
            Ok(status @ 100..=999) => Ok(status.to_string()),
            _ => Err(invalid(parameter, "must be a status such as 403")),
        },
        Field::SourceIp => {
            addresses::parse(value).map(|wanted| wanted.text().to_owned()).map_err(|rule| invalid(parameter, rule))
        }
        _ => Ok(value.to_owned()),
    }
}

fn one_of(parameter: &str, value: &str, texts: &[&str]) -> InvalidQuery {
    invalid(parameter, nearest::one_of(value, texts.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(parameters: &[(&str, &str)]) -> Result<Query, InvalidQuery> {
        Query::from_parameters(Organization::parse("acme").unwrap(), parameters.iter().copied())
    }

    fn condition(field: Field, negated: bool, values: &[&str]) -> Condition {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Condition { negated, ..Condition::any_of(field, values) }
    }

    #[test]
    fn repeated_parameters_are_alternatives_and_a_bang_excludes() {
        let query = query(&[
            ("action", "role_assign"),
            ("actor!", "root"),
            ("action", "role_revoke"),
            ("action", "role_assign"),
            ("from", "2026-03-01"),
            ("to", "2026-03-01T12:00:00.0001+01:00"),
            ("region", "eu-west-1"),
        ])
        .unwrap();
        assert_eq!(
            query.conditions,
            [condition(Field::Action, false, &["role_assign", "role_revoke"]), condition(Field::Actor, true, &["root"])]
        );
        assert_eq!(query.from.unwrap().to_string(), "2026-03-01T00:00:00.000Z");
        assert_eq!((query.to.unwrap().to_string(), query.to_nanos), ("2026-03-01T11:00:00.000Z".to_owned(), 100_000));
        assert_eq!(query.end().unwrap().to_string(), "2026-03-01T11:00:00.001Z");
        assert_eq!(query.region.unwrap().as_str(), "eu-west-1");
    }

    #[test]
    fn what_breaks_a_rule_is_named_with_its_rule() {
        for (parameters, parameter, rule) in [
            (&[("colour", "red")][..], "colour", "unknown parameter; known are from, to, region, event_id, actor,"),
            (&[("from!", "2026-03-01")], "from!", "unknown parameter"),
            (&[("actoin", "x")], "actoin", "unknown parameter; did you mean `action`?"),
            (&[("resorce_id!", "x")], "resorce_id!", "unknown parameter; did you mean `resource_id`?"),
            (&[("outcome", "deny")], "outcome", "must be one of success, failure, denied, unknown; did you mean `denied`?"),
            (&[("http_status", "5xx")], "http_status", "must be a status"),
            (&[("metadata.", "x")], "metadata.", "a member of `metadata` is named"),
            (&[("from", "yesterday")], "from", "must be an RFC 3339 time"),
            (&[("to", "2026-02-30")], "to", "must be an RFC 3339 time"),
            (&[("from", "2026-03-02"), ("to", "2026-03-02")], "from", "must be earlier than `to`"),
            (
                &[("from", "2026-03-02T00:00:00.0005Z"), ("to", "2026-03-02T00:00:00.000499Z")],
                "from",
                "must be earlier than `to`",
            ),
            (&[("from", "2026-03-02"), ("from", "2026-03-02")], "from", "may be given once only"),
            (&[("outcome", "Denied")], "outcome", "must be one of success, failure, denied, unknown"),
            (&[("category!", "x")], "category!", "must be one of user_management"),
            (&[("region", "EU/west")], "region", "must match"),
            (&[("q", "")], "q", "must not be empty"),
            (&[("q", &"x".repeat(2_049))], "q", "must not be longer than 2048 bytes"),
        ] {
            let error = query(parameters).unwrap_err();
            assert_eq!(error.parameter, parameter);
            assert!(error.rule.starts_with(rule), "{error}");
        }
        let many: Vec<(String, String)> = (0..101).map(|index| ("actor".to_owned(), index.to_string())).collect();
        let error = Query::from_parameters(Organization::parse("acme").unwrap(), many).unwrap_err();
        assert_eq!(error.rule, "a query may have at most 100 values");
    }

    #[test]
    fn addresses_are_compared_as_events_keep_them() {
        let addresses = ["2001:DB8:0:0::1", "::ffff:192.0.2.7", "s3.amazonaws.com"];
        let query = query(&addresses.map(|address| ("source_ip", address))).unwrap();
        assert_eq!(query.conditions, [condition(Field::SourceIp, false, &["2001:db8::1", "192.0.2.7", "s3.amazonaws.com"])]);
    }

    #[test]
    fn the_hash_tells_questions_apart_but_not_ways_of_asking() {
        let hash = |parameters: &[(&str, &str)]| query(parameters).unwrap().filter_hash();
        let same = [("action", "a"), ("action", "b"), ("q", "x")];
        let other_order = [("q", "x"), ("action", "b"), ("action", "a"), ("action", "b")];
        assert_eq!(hash(&same), hash(&other_order));
        for other in [&[("action", "a"), ("q", "x")][..], &[("action!", "a"), ("action!", "b"), ("q", "x")], &[]] {
            assert_ne!(hash(&same), hash(other));
        }
        let bare = query(&[]).unwrap();
        assert_eq!(bare.canonical_json(), r#"{"organization":"acme","region":null,"from":null,"to":null,"conditions":[]}"#);
        // The same text through `sha256sum` (GNU coreutils).
        assert_eq!(bare.filter_hash()[..4], [0xdf, 0x2f, 0xe5, 0xdb]);
    }
}
