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
    /// Equal to `actor_id`, `actor_name` or `actor_email`.
    Actor,
    /// Equal to `actor_email`, whatever the case of ASCII letters.
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
    /// Equal to `source_ip`.
    SourceIp,
    /// Contained in `actor_email`, `actor_id`, `actor_name`, `resource_id`, `resource_name` or `resource_type`, whatever the
    /// case of ASCII letters.
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
    /// The conditions.
    pub conditions: Vec<Condition>,
}

impl Query {
    /// Everything an organization has.
    pub fn all(organization: Organization) -> Self {
        Self { organization, region: None, from: None, to: None, conditions: Vec::new() }
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
