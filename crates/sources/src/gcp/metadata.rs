//! The rest of an entry that is worth keeping apart: what questions filter by, and what no column holds.
//!
//! | key | from |
//! |---|---|
//! | `access_key_id` | the id of the service account key the call was made with: what stands behind `/keys/` in `serviceAccountKeyName`, which is `service_account_key_name` |
//! | `issued_access_key_id` | the id of the key that `CreateServiceAccountKey`, `UploadServiceAccountKey` or an API key's `CreateKey` gave out. Equal to the `access_key_id` of what was done with it |
//! | `delegation_chain` | who acted through the service account, first authority first |
//! | `principal_subject` | `principalSubject`, where it says more than the actor's id |
//! | `oauth_info`, `third_party_principal`, `authority_selector` | `authenticationInfo`, as they are |
//! | `permissions`, `refused_permissions` | `authorizationInfo`: the permissions that were checked, and those whose `granted` is stated as false; each once |
//! | `caller_network`, `caller_ips` | `requestMetadata.callerNetwork`; `callerIp` where it is a list |
//! | `request_attributes`, `destination_attributes`, `resource_location`, `policy_violation`, `status_details` | `requestMetadata`, `resourceLocation`, `policyViolationInfo`, `status.details`, as they are |
//! | `response_items` (number) | `numResponseItems` |
//! | `activity`, `parameters` | Google Workspace: the events' names, and their parameters by name |
//! | `identity_delegation_chain`, `violation_reason`, `dry_run`, `unique_id`, `resource_names` | the audit log's `metadata`: of a token for another service account; of VPC Service Controls |
//! | `log_name`, `insert_id`, `severity`, `receive_time`, `labels`, `resource_labels`, `operation`, `split`, `trace`, `span_id`, `trace_sampled`, `source_location`, `error_groups`, `apphub` | the log entry |
//! | `rest` | members of the entry unknown here; without `raw` also `resource` and `httpRequest` |
//! | `audit_rest` | members of the audit log unknown here; without `raw` also `request`, `response`, `metadata`, `serviceData`, `resourceOriginalState`, `authenticationInfo`, `authorizationInfo`, `requestMetadata`, so that nothing is lost |
//! | `source_event_id` | the key where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |

use std::collections::BTreeSet;

use crate::json::Json;
use crate::metadata::{Metadata, Value};

use super::actor::{self, Actor};
use super::changes::parameter_value;
use super::entry::{Entry, at_path, flag, is_audit_log, text_at};
use super::origin::Origin;

/// What was found out about an entry while it was read.
pub(super) struct Notes<'r> {
    pub replaced_id: Option<&'r str>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Members of an entry that a key of the metadata holds as they are.
const OF_ENTRY: [(&str, &str); 13] = [
    ("apphub", "apphub"),
    ("error_groups", "errorGroups"),
    ("insert_id", "insertId"),
    ("labels", "labels"),
    ("log_name", "logName"),
    ("operation", "operation"),
    ("receive_time", "receiveTimestamp"),
    ("severity", "severity"),
    ("source_location", "sourceLocation"),
    ("span_id", "spanId"),
    ("split", "split"),
    ("trace", "trace"),
    ("trace_sampled", "traceSampled"),
];
/// Members of an entry that only `raw` holds in full.
const ENTRY_IN_RAW: [&str; 2] = ["httpRequest", "resource"];

/// What a key of the metadata holds of an audit log, as it is.
const OF_AUDIT_LOG: [(&str, &[&str]); 10] = [
    ("authority_selector", &["authenticationInfo", "authoritySelector"]),
    ("caller_network", &["requestMetadata", "callerNetwork"]),
    ("destination_attributes", &["requestMetadata", "destinationAttributes"]),
    ("oauth_info", &["authenticationInfo", "oauthInfo"]),
    ("policy_violation", &["policyViolationInfo"]),
    ("request_attributes", &["requestMetadata", "requestAttributes"]),
    ("resource_location", &["resourceLocation"]),
    ("service_account_key_name", &["authenticationInfo", "serviceAccountKeyName"]),
    ("status_details", &["status", "details"]),
    ("third_party_principal", &["authenticationInfo", "thirdPartyPrincipal"]),
];
/// What a key of the metadata holds of the audit log's `metadata`.
const OF_METADATA: [(&str, &str); 4] = [
    ("identity_delegation_chain", "identityDelegationChain"),
    ("resource_names", "resourceNames"),
    ("unique_id", "vpcServiceControlsUniqueId"),
    ("violation_reason", "violationReason"),
];
/// Members of an audit log that a column or a key of the metadata holds.
const KNOWN_IN_AUDIT_LOG: [&str; 9] = [
    "@type",
    "at_sign_type",
    "methodName",
    "numResponseItems",
    "policyViolationInfo",
    "resourceLocation",
    "resourceName",
    "serviceName",
    "status",
];
/// Those of them that a key holds as they are, whatever they are.
const HELD_AS_THEY_ARE: [&str; 2] = ["policyViolationInfo", "resourceLocation"];
/// Members of an audit log that only `raw` holds in full.
const AUDIT_LOG_IN_RAW: [&str; 13] = [
    "authenticationInfo",
    "authorizationInfo",
    "metadata",
    "metadataJson",
    "request",
    "requestJson",
    "requestMetadata",
    "resourceOriginalState",
    "resourceOriginalStateJson",
    "response",
    "responseJson",
    "serviceData",
    "serviceDataJson",
];

/// Methods that give out a key, by the last part of their names.
const KEY_METHODS: [&str; 3] = ["CreateServiceAccountKey", "UploadServiceAccountKey", "CreateKey"];

/// Appends the metadata of an entry as a normalised JSON object; returns whether there is any.
pub(super) fn write<'r>(
    entry: &Entry<'r>,
    actor: &Actor<'r>,
    origin: &Origin<'r>,
    notes: &Notes<'r>,
    out: &mut String,
) -> bool {
    let mut metadata = Metadata::default();
    of_entry(entry, &mut metadata);
    of_audit_log(entry, &mut metadata);
    of_authentication(entry, actor, &mut metadata);
    of_permissions(entry, &mut metadata);
    of_activities(entry, &mut metadata);
    metadata.text("caller_ips", origin.address_list);
    metadata.text("issued_access_key_id", issued_key(entry));
    metadata.members("audit_rest", rest_of_audit_log(entry, notes.keeps_raw));
    of_reading(entry, &is_audit_log, notes, &mut metadata);
    metadata.write(out)
}

/// Whether anything is said in it, however deep: exporters write objects of empty objects.
fn says_anything(value: &Json<'_>) -> bool {
    match value {
        Json::Array(elements) => elements.iter().any(says_anything),
        Json::Object(members) => members.iter().any(|(_, value)| says_anything(value)),
        value => !value.is_vacant(),
    }
}

/// Adds what is said; of an object only the members in which something is, or a text, even an empty one (labels have such).
pub(super) fn put<'r>(metadata: &mut Metadata<'r>, key: &'r str, value: Option<&'r Json<'r>>) {
    let Some(value) = value.filter(|value| says_anything(value)) else { return };
    match value {
        Json::Object(_) => {
            let says = |value: &Json<'_>| matches!(value, Json::Text(_)) || says_anything(value);
            metadata.members(key, stated_members(value).filter(|(_, value)| says(value)).collect());
        }
        value => metadata.json(key, Some(value)),
    }
}

/// Adds what is left of the log entry, and what was found out about it while it was read. `is_payload` says of a member by its name
/// whether it holds what the entry is about.
pub(super) fn of_reading<'r>(
    entry: &Entry<'r>,
    is_payload: &dyn Fn(&str) -> bool,
    notes: &Notes<'r>,
    metadata: &mut Metadata<'r>,
) {
    metadata.members("rest", rest_of_entry(entry, is_payload, notes.keeps_raw));
    metadata.text("source_event_id", notes.replaced_id);
    metadata.flag("unicode_replaced", notes.is_replaced);
}

/// Adds what the log entry states beside its payload.
pub(super) fn of_entry<'r>(entry: &Entry<'r>, metadata: &mut Metadata<'r>) {
    for (key, member) in OF_ENTRY {
        put(metadata, key, entry.record.get_any_case(member));
    }
    put(metadata, "resource_labels", at_path(entry.record, &["resource", "labels"]));
}

fn of_audit_log<'r>(entry: &Entry<'r>, metadata: &mut Metadata<'r>) {
    for (key, path) in OF_AUDIT_LOG {
        put(metadata, key, entry.audit_path(path));
    }
    if let Some(structure) = entry.metadata {
        for (key, member) in OF_METADATA {
            put(metadata, key, structure.get_any_case(member));
        }
        metadata.flag("dry_run", flag(structure.get_any_case("dryRun")) == Some(true));
    }
    // A 64-bit number, which protobuf writes as text.
    let items = entry.audit_text("numResponseItems");
    match items.map(|items| (items, items.parse())) {
        Some((_, Ok(count))) => metadata.put("response_items", Value::Number(count)),
        Some((text, Err(_))) => metadata.text("response_items", Some(text)),
        None => {}
    }
}

fn of_authentication<'r>(entry: &Entry<'r>, actor: &Actor<'r>, metadata: &mut Metadata<'r>) {
    let key = entry.audit_path(&["authenticationInfo", "serviceAccountKeyName"]).and_then(Json::text);
    metadata.text("access_key_id", key.map(|key| key_id(key).unwrap_or(key)));
    let subject = entry.audit_path(&["authenticationInfo", "principalSubject"]).and_then(Json::text);
    let says_more = |subject: &&str| actor.id.is_none_or(|id| !subject.ends_with(id));
    metadata.text("principal_subject", subject.filter(says_more));
    let chain: Vec<&str> = actor::delegation_chain(entry).collect();
    if !chain.is_empty() {
        metadata.put("delegation_chain", Value::Texts(chain));
    }
}

/// What stands behind `/keys/` in a key's name.
fn key_id(name: &str) -> Option<&str> {
    name.rsplit_once("/keys/").map(|(_, id)| id).filter(|id| !id.is_empty())
}

fn issued_key<'r>(entry: &Entry<'r>) -> Option<&'r str> {
    let method = entry.audit_text("methodName")?;
    let last = method.rsplit('.').next()?;
    KEY_METHODS.contains(&last).then(|| key_id(text_at(entry.response?, "name")?)).flatten()
}

fn of_permissions<'r>(entry: &Entry<'r>, metadata: &mut Metadata<'r>) {
    let mut checked = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for permission in entry.permissions() {
        let Some(name) = text_at(permission, "permission") else { continue };
        checked.insert(name);
        if flag(permission.get_any_case("granted")) == Some(false) {
            refused.insert(name);
        }
    }
    for (key, names) in [("permissions", checked), ("refused_permissions", refused)] {
        if !names.is_empty() {
            metadata.put(key, Value::Texts(names.into_iter().collect()));
        }
    }
}

fn of_activities<'r>(entry: &Entry<'r>, metadata: &mut Metadata<'r>) {
    let names: Vec<&str> = entry.activities().filter_map(|activity| text_at(activity, "eventName")).collect();
    if !names.is_empty() {
        metadata.put("activity", Value::Texts(names));
    }
    let mut parameters: Vec<(&str, &Json<'_>)> = Vec::new();
    for parameter in entry.activities().filter_map(|activity| activity.get_any_case("parameter")).flat_map(Json::elements) {
        parameters.extend(text_at(parameter, "name").zip(parameter_value(parameter)));
    }
    // The sort is stable, so of several of one name the first is kept.
    parameters.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    parameters.dedup_by_key(|(name, _)| *name);
    metadata.members("parameters", parameters);
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn rest_of_entry<'r>(entry: &Entry<'r>, is_payload: &dyn Fn(&str) -> bool, keeps_raw: bool) -> Vec<(&'r str, &'r Json<'r>)> {
    let is_known = |name: &str, value: &Json<'_>| {
        OF_ENTRY.iter().any(|(_, known)| known.eq_ignore_ascii_case(name))
            || name.eq_ignore_ascii_case("timestamp")
            || is_payload(name)
            || (keeps_raw && is_one_of(name, &ENTRY_IN_RAW) && matches!(value, Json::Object(_)))
    };
    stated_members(entry.record).filter(|(name, value)| !is_known(name, value)).collect()
}

fn rest_of_audit_log<'r>(entry: &Entry<'r>, keeps_raw: bool) -> Vec<(&'r str, &'r Json<'r>)> {
    let is_full_in_raw = |name: &str| is_one_of(name, &AUDIT_LOG_IN_RAW) || name.starts_with("servicedata_v1");
    let is_known = |name: &str, value: &Json<'_>| {
        let is_held = is_one_of(name, &KNOWN_IN_AUDIT_LOG) && is_as_expected(name, value);
        is_held || (keeps_raw && is_full_in_raw(name) && is_of_its_type(name, value))
    };
    stated_members(entry.audit_log).filter(|(name, value)| !is_known(name, value)).collect()
}

/// Whether a member that only `raw` holds in full is of the type that it has in an audit log, or in a table of BigQuery.
fn is_of_its_type(name: &str, value: &Json<'_>) -> bool {
    match value {
        Json::Object(_) => !is_one_of(name, &["authorizationInfo"]),
        Json::Array(_) => is_one_of(name, &["authorizationInfo"]),
        Json::Text(text) => text.trim_start().starts_with('{'),
        _ => false,
    }
}

/// Whether a known member of an audit log is of a type that its column or key can hold.
fn is_as_expected(name: &str, value: &Json<'_>) -> bool {
    let is_scalar = |value: &Json<'_>| matches!(value, Json::Text(_) | Json::Number(_) | Json::Null);
    match value {
        _ if is_one_of(name, &HELD_AS_THEY_ARE) => true,
        Json::Object(members) if is_one_of(name, &["status"]) => members.iter().all(|(name, value)| {
            is_one_of(name, &["details"]) || (is_one_of(name, &["code", "message"]) && is_scalar(value))
        }),
        value => is_scalar(value) && !is_one_of(name, &["status"]),
    }
}

pub(super) fn stated_members<'r>(value: &'r Json<'r>) -> impl Iterator<Item = (&'r str, &'r Json<'r>)> {
    let members = value.members().into_iter().flat_map(|members| members.iter());
    members.filter(|(_, value)| !matches!(value, Json::Null))
}
