//! The rest of an entry that is worth keeping apart: what questions filter by, and what no column holds.
//!
//! | key | from |
//! |---|---|
//! | `forwarded_for` | every address of `ipAddress`, where it holds more than one |
//! | `organization_id` | the organization, where it is not the scope |
//! | `workspace_id` | the entry's workspace, where it is not the scope |
//! | `related` | ids in the request and the response besides the resource and the scope: `sourceId`, `destinationId`, `permissionId`… |
//! | `requested_role` | the role that an operation asked for and did not get |
//! | `possible_injection` | `true`: the message of a log event can be read in more than one way, see `log_message.rs` |
//! | `readings`, `reading_count` | the ways it can be read, action and outcome of the first few; how many there are |
//! | `injection_attempt` | `true`: a text of the message imitates the message's own syntax, but leaves one reading |
//! | `rest` | members of the record unknown here, and known ones of a type that no column can hold; without `raw` also the bodies and the actor, or the whole log event, so that nothing is lost |
//! | `source_event_id` | the entry's id where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |

use std::borrow::Cow;

use auditlake_event::address::forwarded;

use crate::json::Json;
use crate::metadata::{Metadata, Value};

use super::changes;
use super::entry::{Entry, is_entry, stated};
use super::resource::{Resource, Scope};

/// What was found out about a record while it was read.
#[derive(Debug, Default)]
pub(super) struct Notes<'r> {
    pub replaced_id: Option<Cow<'r, str>>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
    pub imitates_entry: bool,
    /// The readings of an ambiguous message as JSON, and how many there are.
    pub readings: Option<(&'r Json<'r>, usize)>,
}

/// Members of an entry that `rest` need not hold, because a column or a key of the metadata does.
const KNOWN_OF_ENTRY: [&str; 10] = [
    "actor",
    "errorMessage",
    "id",
    "operation",
    "organizationId",
    "request",
    "response",
    "success",
    "timestamp",
    "workspaceId",
];
/// The same of a log event, which has nothing but its message to tell.
const KNOWN_OF_LOG_EVENT: [&str; 6] = ["caller", "level", "logSource", "message", "throwable", "timestamp"];
/// Members that only `raw` holds in full.
const FULL_IN_RAW: [&str; 8] = ["actor", "caller", "level", "logSource", "message", "request", "response", "throwable"];
/// Ids in bodies that say what else was concerned.
const RELATED: [&str; 12] = [
    "connectionId",
    "destinationDefinitionId",
    "destinationId",
    "domainVerificationId",
    "groupId",
    "memberId",
    "organizationId",
    "permissionId",
    "sourceDefinitionId",
    "sourceId",
    "userId",
    "workspaceId",
];

/// Appends the metadata of a record as a normalised JSON object; returns whether there is any.
pub(super) fn write<'r>(
    record: &'r Json<'r>,
    entry: &'r Entry<'r>,
    resource: &Resource<'r>,
    scope: &Scope<'r>,
    notes: &Notes<'r>,
    out: &mut String,
) -> bool {
    let mut entries = Metadata::default();
    let addresses: Vec<&str> = entry.actor.addresses.as_deref().map(forwarded).into_iter().flatten().collect();
    if addresses.len() > 1 {
        entries.put("forwarded_for", Value::Texts(addresses));
    }
    let is_elsewhere = |id: &&str| Some(*id) == scope.id || Some(*id) == resource.id;
    let organization = entry.organization_id.filter(|id| !is_elsewhere(id));
    let workspace = entry.workspace_id.filter(|id| !is_elsewhere(id));
    entries.text("organization_id", organization);
    entries.text("workspace_id", workspace);

    let related = RELATED.iter().filter_map(|name| {
        let value =
            entry.bodies().find_map(|body| body.get(name).filter(|value| value.text().and_then(stated).is_some()))?;
        let id = value.text()?;
        let is_said = is_elsewhere(&id) || Some(id) == organization || Some(id) == workspace;
        (!is_said).then_some((*name, value))
    });
    entries.members("related", related.collect());
    if entry.is_success == Some(false)
        && let Some(Some(role)) = changes::roles(entry).1
    {
        entries.json("requested_role", Some(role));
    }

    entries.flag("injection_attempt", notes.imitates_entry);
    entries.flag("possible_injection", notes.readings.is_some());
    if let Some((readings, count)) = notes.readings {
        entries.json("readings", Some(readings));
        entries.put("reading_count", Value::Number(i64::try_from(count).unwrap_or(i64::MAX)));
    }

    let known = if is_entry(record) { &KNOWN_OF_ENTRY[..] } else { &KNOWN_OF_LOG_EVENT };
    let is_rest = |name: &str, value: &Json<'_>| {
        let is_full_in_raw = FULL_IN_RAW.contains(&name);
        !known.contains(&name) || !is_as_expected(name, value) || (!notes.keeps_raw && is_full_in_raw)
    };
    let members = record.members().into_iter().flat_map(|members| members.iter());
    entries.members("rest", members.filter(|(name, value)| !matches!(value, Json::Null) && is_rest(name, value)).collect());
    entries.text("source_event_id", notes.replaced_id.clone());
    entries.flag("unicode_replaced", notes.is_replaced);
    entries.write(out)
}

/// Whether a known member is of a type that a column or a key of the metadata can hold.
fn is_as_expected(name: &str, value: &Json<'_>) -> bool {
    match name {
        "success" => matches!(value, Json::Bool(_)),
        "actor" => matches!(value, Json::Object(_)),
        "request" | "response" => match value {
            // What is neither an object nor one in a text is no body.
            Json::Text(text) => text.trim_start().starts_with('{'),
            value => matches!(value, Json::Object(_)),
        },
        "caller" | "throwable" => true,
        _ => matches!(value, Json::Text(_) | Json::Number(_)),
    }
}
