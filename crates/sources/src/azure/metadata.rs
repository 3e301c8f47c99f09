//! The rest of a record that is worth keeping apart: what questions filter by, and what no column holds.
//!
//! Of every record:
//!
//! | key | from |
//! |---|---|
//! | `log_category`, `level`, `location`, `operation_version`, `schema_version`, `duration_ms`, `protocol`, `tenant_id` | the record |
//! | `result_type`, `result_signature`, `result_description` | the record, as it states them |
//! | `azure_resource_id` | `resourceId`, where it is not the event's `resource_id` |
//! | `forwarded_for` | the whole list, where `callerIpAddress` lists more than one address |
//! | `rest` | members of the record unknown here, and known ones that are not what they should be (a text where an object belongs); without `raw` also everything else that stands in no column and nowhere in the metadata, so that nothing is lost |
//! | `log_table`, `workspace_id` | of a row of Log Analytics: `Type`, and `TenantId`, which is the workspace's |
//! | `source_event_id` | the record's id where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for characters that are no Unicode |
//!
//! Of requests to storage:
//!
//! | key | from |
//! |---|---|
//! | `access_key_id` | `identity.tokenHash`: the credential |
//! | `account_key` | the hash of the account key that a shared access signature was made with |
//! | `identity_type`, `authorization` | `identity.type`, `identity.authorization` (role assignments, reasons) |
//! | `app_id`, `audience`, `requester_tenant_id`, `token_issuer` | `identity.requester` |
//! | `copy_part` | `request`, `source` or `destination`: the records of one server-side copy |
//! | `operation_count` | its number in the request, from 0 |
//! | `uri`, `object_key` | as stated, without secrets; `object_key` where the `resource_id` is not the same |
//! | `status_text` | where it is not `Success` though the outcome is |
//! | `client_request_id`, `etag`, `tls_version`, `referrer`, sizes… | `properties`, see `storage.rs` |
//! | `smb` | every member of `properties` that begins with `smb` |
//!
//! Of operations (Activity log, key vaults, namespaces):
//!
//! | key | from |
//! |---|---|
//! | `access_key_id` | the claim `uti`: the token's id, as a sign-in gave it out |
//! | `app_id`, `audience`, `identity_provider`, `token_address`, `token_issuer`, `display_name` | claims |
//! | `authorization`, `role` | what allowed it: action, scope, role assignment; its role |
//! | `request_body` | what was asked for, where it is not known to be done (else it is in `changes`) |
//! | `caller`, `operation_id`, `sub_status`, `entity`, `message`, `policies`, `hierarchy`… | the record, `properties` |
//!
//! Of requests to the Graph, of Privileged Identity Management and of Kubernetes: see the tables in `graph.rs`, `privileged.rs`
//! and `kubernetes.rs`.
//!
//! Of Entra ID: see the tables in `directory.rs`; `issued_access_key_id` is a sign-in's `uniqueTokenIdentifier`.

use std::borrow::Cow;

use auditlake_event::Event;

use crate::json::Json;
use crate::metadata::{Metadata, Value};
use crate::names::Names;

use super::record::{Record, named, worded};
use super::row;
use super::structured::STRUCTURED;

/// Members of every record that the metadata or a column has.
const EVERYWHERE: [(&str, &str); 11] = [
    ("duration_ms", "durationMs"),
    ("level", "level"),
    ("location", "location"),
    ("log_category", "category"),
    ("operation_version", "operationVersion"),
    ("protocol", "protocol"),
    ("result_description", "resultDescription"),
    ("result_signature", "resultSignature"),
    ("result_type", "resultType"),
    ("schema_version", "schemaVersion"),
    ("tenant_id", "tenantId"),
];
/// These, and the members of every record that columns have.
static READ_EVERYWHERE: Names = Names::new(&[
    "category",
    "durationMs",
    "eventTimestamp",
    "level",
    "location",
    "operationName",
    "operationVersion",
    "properties",
    "protocol",
    "resourceId",
    "resultDescription",
    "resultSignature",
    "resultType",
    "schemaVersion",
    "tenantId",
    "time",
]);

/// Columns of a row that say how a workspace keeps it, in lower case; they are in `raw`.
static KEEPING: Names = Names::new(&[
    "_billedsize",
    "_internal_workspaceresourceid",
    "_isbillable",
    "_itemid",
    "_timereceived",
    "mg",
    "sourcesystem",
    "tablename",
]);

/// What was found out about a record while it was read.
pub(super) struct Notes<'e, 'r> {
    /// Members that the record's own log knows, in lower case.
    pub known: &'static Names,
    /// The event without its metadata.
    pub event: &'e Event<'r>,
    /// The member whose text is the event's time.
    pub time_member: &'static str,
    pub replaced_id: Option<Cow<'r, str>>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Completes the metadata of a record and appends it as a normalised JSON object; returns whether there is any.
pub(super) fn write<'r>(record: &Record<'r>, mut metadata: Metadata<'r>, notes: Notes<'_, 'r>, out: &mut String) -> bool {
    for (key, member) in EVERYWHERE {
        let Some(value) = record.get(member) else { continue };
        let is_worded = value.members().is_some();
        match worded(value).filter(|_| is_worded) {
            Some(text) => metadata.text(key, Some(text)),
            None if value.text() == Some("None") => {}
            None => metadata.json(key, Some(value)),
        }
    }
    if record.is_row {
        metadata.text("log_table", record.text("Type"));
        metadata.text("workspace_id", record.text("TenantId"));
    }
    metadata.text("azure_resource_id", record.arm_id().filter(|id| notes.event.resource_id.as_deref() != Some(*id)));
    let rest = rest(record, &metadata, &notes);
    metadata.members("rest", rest);
    metadata.extend(notes.replaced_id.map(|id| ("source_event_id", Value::Text(id))));
    metadata.flag("unicode_replaced", notes.is_replaced);
    metadata.write(out)
}

/// The members that nothing else holds.
fn rest<'r>(record: &Record<'r>, metadata: &Metadata<'r>, notes: &Notes<'_, 'r>) -> Vec<(&'r str, &'r Json<'r>)> {
    // Of two members that differ in case only, one was read; the other one is unknown.
    // Each is looked for once only, however many spellings of its name a record holds.
    let mut read: Vec<(&str, Option<&Json<'_>>)> = Vec::new();
    let mut is_read = |member: &str, value: &Json<'_>| {
        if record.is_row && row::is_column(member) {
            return true;
        }
        let Some(name) = READ_EVERYWHERE.find(member).or_else(|| notes.known.find(member)) else { return false };
        if name == member {
            return true;
        }
        let found = read.iter().find(|(of, _)| *of == name).map(|(_, found)| *found);
        let found = found.unwrap_or_else(|| {
            let found = record.whole.get_any_case(name);
            read.push((name, found));
            found
        });
        found.is_some_and(|found| std::ptr::eq(found, value))
    };
    let members = record.whole.members().into_iter().flat_map(|members| members.iter());
    let is_rest = |(member, value): &(&str, &Json<'_>)| {
        if matches!(value, Json::Null) {
            return false;
        }
        if !is_read(member, value) {
            let is_told = record.is_row
                && (metadata.holds(value) || column_is(notes.event, value) || (notes.keeps_raw && KEEPING.contains(member)));
            return !is_told;
        }
        let is_time = || is_time_of(record, member, notes.time_member) && matches!(value, Json::Text(_));
        let is_told = || metadata.holds(value) || value.text().is_some_and(|text| is_same(notes.event, metadata, text));
        !(value.is_vacant() || (notes.keeps_raw && is_as_expected(member, value)) || is_time() || is_told())
    };
    members.filter(is_rest).collect()
}

/// Whether a known member is what Azure writes there: an object, an array, or a word.
fn is_as_expected(member: &str, value: &Json<'_>) -> bool {
    const OBJECTS: [&str; 6] = ["claims", "httprequest", "identity", "initiatedby", "properties", "status"];
    match value {
        Json::Array(_) if OBJECTS.iter().any(|object| object.eq_ignore_ascii_case(member)) => false,
        Json::Object(_) | Json::Array(_) if STRUCTURED.contains(member) => true,
        Json::Text(_) | Json::Number(_) => !STRUCTURED.contains(member),
        Json::Object(_) => named(value).is_some(),
        _ => false,
    }
}

fn is_time_of(record: &Record<'_>, member: &str, time_member: &str) -> bool {
    let columns = row::columns(time_member).filter(|_| record.is_row).unwrap_or_default();
    member.eq_ignore_ascii_case(time_member) || columns.iter().any(|column| column.eq_ignore_ascii_case(member))
}

/// The columns of an event that hold texts of its record.
fn columns<'e>(event: &'e Event<'_>) -> impl Iterator<Item = &'e Cow<'e, str>> {
    let others = [
        &event.error_code,
        &event.error_message,
        &event.actor_id,
        &event.actor_name,
        &event.actor_email,
        &event.actor_via,
        &event.resource_type,
        &event.resource_id,
        &event.resource_name,
        &event.scope_id,
        &event.source_ip,
        &event.user_agent,
        &event.service_name,
        &event.request_id,
        &event.http_method,
        &event.http_path,
    ];
    [&event.event_id, &event.action].into_iter().chain(others.into_iter().flatten())
}

/// Whether a column is this very text of the record.
fn column_is(event: &Event<'_>, value: &Json<'_>) -> bool {
    let is_it = |column: &Cow<'_, str>| match column {
        Cow::Borrowed(column) => value.text().is_some_and(|text| std::ptr::eq(*column, text)),
        Cow::Owned(_) => false,
    };
    columns(event).any(is_it)
}

/// Whether a column or the metadata says the same.
fn is_same(event: &Event<'_>, metadata: &Metadata<'_>, text: &str) -> bool {
    columns(event).any(|column| column == text)
        || event.http_status.is_some_and(|status| text.parse() == Ok(status))
        || metadata.holds_text(text)
}

#[cfg(test)]
mod tests {
    use super::super::{activity, directory, graph, kubernetes, other, storage};
    use super::*;

    #[test]
    fn what_goes_into_the_metadata_of_every_record_is_known() {
        assert!(READ_EVERYWHERE.as_slice().is_sorted());
        assert!(EVERYWHERE.iter().all(|(_, member)| READ_EVERYWHERE.as_slice().contains(member)));
    }

    #[test]
    fn known_members_are_in_lower_case_and_sorted() {
        let lists = [
            &storage::KNOWN,
            &activity::KNOWN,
            &activity::KNOWN_OF_NAMESPACE,
            &directory::KNOWN,
            &directory::KNOWN_OF_SIGN_IN,
            &directory::KNOWN_OF_RISK,
            &graph::KNOWN,
            &kubernetes::KNOWN,
            &other::KNOWN,
            &KEEPING,
        ];
        for known in lists.map(Names::as_slice) {
            // A name in both lists would be looked for in one spelling only.
            assert!(!known.iter().any(|name| READ_EVERYWHERE.contains(name)), "{known:?}");
            assert!(known.is_sorted() && known.iter().all(|name| *name == name.to_ascii_lowercase()), "{known:?}");
        }
    }
}
