//! What may be asked: one typed query, whatever engine answers it.

use auditlake_event::{Organization, Region, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Equal to the column `event_id`.
    EventId,
    /// Equal to `actor_id`, `actor_name` or `actor_email`; a value with an `@` whatever the case of letters ([`crate::fold`]).
    Actor,
    /// Equal to `actor_email`, whatever the case of letters.
    ActorEmail,
    /// Equal to `actor_via`: the credential or role behind the actor.
    ActorVia,
    /// Equal to `access_key_id` or `issued_access_key_id` in `metadata`: everything one key did, and the call that issued it.
    Credential,
    /// Equal to `action`.
    Action,
    /// Equal to `category`.
    Category,
    /// Equal to `outcome`.
    Outcome,
    /// Equal to `resource_type`.
    ResourceType,
    /// Equal to `resource_id`.
    ResourceId,
    /// Equal to `source`.
    Source,
    /// Equal to `source_ip`, or an address in the block or range that is stated ([`crate::addresses`]).
    SourceIp,
    /// Contained in `actor_email`, `actor_id`, `actor_name`, `resource_id`, `resource_name` or `resource_type`, whatever the
    /// case of letters.
    Text,
}

/// One condition: the field has one of the values, or (negated) none of them. A null column has no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// What is compared.
    pub field: Field,
    /// Whether the values are excluded.
    pub negated: bool,
    /// The values; never empty.
    pub values: Vec<String>,
    /// Also fits if the column `actor_id` is one of these: whom the directory of actors knows by one of the values. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actor_ids: Vec<String>,
}

impl Condition {
    /// The condition that a field has one of these values.
    pub fn any_of(field: Field, values: Vec<String>) -> Self {
        Self { field, negated: false, values, actor_ids: Vec::new() }
    }
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Which events of one organization are asked for. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Query {
    /// The organization; every answer holds rows of this one only.
    pub organization: Organization,
    /// Only this region; all if `None`.
    pub region: Option<Region>,
    /// The earliest event time, inclusive.
    pub from: Option<Timestamp>,
    /// The latest event time, exclusive.
    pub to: Option<Timestamp>,
    /// What is added to `from` below the millisecond, in ns: 0–999,999.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from_nanos: i32,
    /// What is added to `to` below the millisecond, in ns: 0–999,999.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub to_nanos: i32,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

impl Query {
    /// Everything an organization has.
    pub fn all(organization: Organization) -> Self {
        Self { organization, region: None, from: None, to: None, from_nanos: 0, to_nanos: 0, conditions: Vec::new() }
    }

    /// The first whole millisecond of which nothing is asked for any more: `to`, rounded up.
    pub fn end(&self) -> Option<Timestamp> {
        self.to.map(|to| if self.to_nanos > 0 { to.plus_millis(1) } else { to })
    }

    /// Whether a bound lies inside a millisecond, so that whole milliseconds do not tell what is asked for.
    pub const fn splits_a_millisecond(&self) -> bool {
        (self.from.is_some() && self.from_nanos > 0) || (self.to.is_some() && self.to_nanos > 0)
    }

    /// Whether a time lies between the bounds; `nanos` is what it states below the millisecond.
    pub fn covers(&self, time: Timestamp, nanos: i32) -> bool {
        self.from.is_none_or(|from| (from, self.from_nanos) <= (time, nanos))
            && self.to.is_none_or(|to| (time, nanos) < (to, self.to_nanos))
    }

    /// The canonical JSON: members in a fixed order, conditions by field and sign, values in byte order, each once. Two queries
    /// that ask the same have the same.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(&self.normalised()).unwrap_or_default()
    }

    /// SHA-256 of the canonical JSON: what a cursor and a query's id are bound to.
    pub fn filter_hash(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_json().as_bytes()).into()
    }

    /// The same question with conditions and values in order, each once.
    fn normalised(&self) -> Self {
        let mut normalised = self.clone();
        for condition in &mut normalised.conditions {
            condition.values.sort_unstable();
            condition.values.dedup();
        }
        let order = |condition: &Condition| (condition.field, condition.negated, condition.values.clone());
        normalised.conditions.sort_by_key(order);
        normalised.conditions.dedup();
        normalised
    }
}

/// Why a parameter of a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {rule}")]
pub struct InvalidQuery {
    /// The parameter's name.
    pub parameter: String,
    /// The rule it breaks.
    pub rule: String,
}
