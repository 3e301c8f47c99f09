//! What may be asked: one typed query, whatever engine answers it.

use auditlake_event::{Organization, Region, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::metadata_key::MetadataKey;

/// What a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Equal to the column `event_id`.
    EventId,
    /// Equal to `actor_id`, `actor_name` or `actor_email`; a value with an `@` whatever the case of letters ([`crate::fold`]). The id of a
    /// user also finds what was done on the user's behalf ([`PERSON_BEHIND`]).
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
    /// Equal to `scope_type`.
    ScopeType,
    /// Equal to `scope_id`.
    ScopeId,
    /// Equal to `request_id`.
    RequestId,
    /// Equal to `service_name`.
    ServiceName,
    /// Equal to `error_code`.
    ErrorCode,
    /// Equal to `http_status`.
    HttpStatus,
    /// A change in `changes` is of this field. Conditions on changes that are not negated must hold of one and the same change.
    #[serde(rename = "changes.field")]
    ChangesField,
    /// The value before a change: a text, or a number, `true` or `false` by its JSON.
    #[serde(rename = "changes.before")]
    ChangesBefore,
    /// The value after a change, alike.
    #[serde(rename = "changes.after")]
    ChangesAfter,
    /// The value before or after a change, alike.
    #[serde(rename = "changes.value")]
    ChangesValue,
    /// The member of `metadata` of this name: a text, or a number, `true` or `false` by its JSON.
    Metadata(MetadataKey),
    /// Contained in `actor_email`, `actor_id`, `actor_name`, `resource_id`, `resource_name` or `resource_type`, whatever the
    /// case of letters.
    Text,
}

impl Field {
    /// Whether it is about `changes`.
    pub const fn is_of_changes(self) -> bool {
        matches!(self, Self::ChangesField | Self::ChangesBefore | Self::ChangesAfter | Self::ChangesValue)
    }

    /// Of a field about `changes`, the members of a change of which one is compared.
    pub const fn members_of_change(self) -> &'static [&'static str] {
        match self {
            Self::ChangesField => &["field"],
            Self::ChangesBefore => &["before"],
            Self::ChangesAfter => &["after"],
            Self::ChangesValue => &["before", "after"],
            _ => &[],
        }
    }
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

/// Where `metadata` names the person on whose behalf a role acts: the id that a directory of users (IAM Identity Center) gave.
pub const PERSON_BEHIND: [&[&str]; 3] = [&["on_behalf_of", "user_id"], &["on_behalf_of", "userId"], &["on_behalf_of"]];

/// Whether a value has the form of such an id: a UUID, ten hexadecimal digits and a hyphen before it or not. Only these are looked for
/// in `metadata`, which is much to read.
fn is_user_id(value: &str) -> bool {
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let uuid = match value.split_once('-') {
        Some((store, uuid)) if is_hex(store, 10) => uuid,
        _ => value,
    };
    let mut parts = uuid.split('-');
    [8, 4, 4, 4, 12].into_iter().all(|length| parts.next().is_some_and(|part| is_hex(part, length)))
        && parts.next().is_none()
}

impl Condition {
    /// The ids of those on whose behalf something was done that the condition also means: what is asked for as an actor, and whom the directory of
    /// actors knows by the values, as far as they are ids of users.
    pub fn people_behind(&self) -> Vec<String> {
        let asked = self.values.iter().filter(|_| self.field == Field::Actor);
        asked.chain(&self.actor_ids).filter(|id| is_user_id(id)).cloned().collect()
    }

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
