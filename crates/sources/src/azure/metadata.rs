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
//! | `rest` | members of the record unknown here; without `raw` also every member that is an object or an array, so that nothing is lost |
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
//! Of Entra ID: see the tables in `directory.rs`; `issued_access_key_id` is a sign-in's `uniqueTokenIdentifier`.

use std::borrow::Cow;

use crate::json::Json;
use crate::metadata::{Metadata, Value};
use crate::names::Names;

use super::record::{Record, worded};

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

/// What was found out about a record while it was read.
pub(super) struct Notes<'r> {
    /// Members that the record's own log knows, in lower case.
    pub known: &'static Names,
    pub resource_id: Option<&'r str>,
    pub replaced_id: Option<Cow<'r, str>>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Completes the metadata of a record and appends it as a normalised JSON object; returns whether there is any.
pub(super) fn write<'r>(record: &Record<'r>, mut metadata: Metadata<'r>, notes: Notes<'r>, out: &mut String) -> bool {
    for (key, member) in EVERYWHERE {
        let Some(value) = record.get(member) else { continue };
        let is_worded = value.members().is_some();
        match worded(value).filter(|_| is_worded) {
            Some(text) => metadata.text(key, Some(text)),
            None if value.text() == Some("None") => {}
            None => metadata.json(key, Some(value)),
        }
    }
    metadata.text("azure_resource_id", record.arm_id().filter(|id| notes.resource_id != Some(*id)));
    // Of two members that differ in case only, one was read; the other one is unknown.
    // Each is looked for once only, however many spellings of its name a record holds.
    let mut read: Vec<(&str, Option<&Json<'_>>)> = Vec::new();
    let mut is_read = |member: &str, value: &Json<'_>| {
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
        let is_structure = value.members().is_some() || matches!(value, Json::Array(_));
        !matches!(value, Json::Null) && !((notes.keeps_raw || !is_structure) && is_read(member, value))
    };
    metadata.members("rest", members.filter(is_rest).collect());
    metadata.extend(notes.replaced_id.map(|id| ("source_event_id", Value::Text(id))));
    metadata.flag("unicode_replaced", notes.is_replaced);
    metadata.write(out)
}

#[cfg(test)]
mod tests {
    use super::super::{activity, directory, storage};
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
        ];
        for known in lists.map(Names::as_slice) {
            // A name in both lists would be looked for in one spelling only.
            assert!(!known.iter().any(|name| READ_EVERYWHERE.contains(name)), "{known:?}");
            assert!(known.is_sorted() && known.iter().all(|name| *name == name.to_ascii_lowercase()), "{known:?}");
        }
    }
}
