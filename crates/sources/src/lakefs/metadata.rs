//! The rest of a record that is worth keeping apart.
//!
//! | key | from |
//! |---|---|
//! | `operation_id` | the operation as lakeFS writes it; `action` is folded |
//! | `ref`, `path` | the branch, tag or commit, and the object's path in the repository: stated, or read from the request's path (decoded) |
//! | `prefix` | the prefix of a listing, decoded |
//! | `source_ref` | of a merge: what is merged into `ref` |
//! | `right_ref` | of a comparison: what `ref` is compared with |
//! | `policy_id`, `member_id`, `user_id` | the policy attached or detached, the member of a group, the owner of credentials |
//! | `data_repository`, `data_ref` | these columns, where the record states them: it does for requests to the S3 gateway only, `scope_id` and `ref` are there for the REST API too |
//! | `data_time` | the time as it was written, where that is not how an event time is (`2026-03-01T09:15:00.266Z`) |
//! | `lakefs_region`, `lakefs_organization` | the partition columns `region` and `organization` of the object's name |
//! | `source_ip_is_peer` | `true`: `source_ip` is the other end of the connection, which is a load balancer where there is one |
//! | `source_port` | the port of that end |
//! | `host`, `matched_host`, `sent_bytes`, `log_audit` | the log line |
//! | `took` | the log line: how long the request took, in nanoseconds |
//! | `rest` | members of the record unknown here, and known ones of a type that no column can hold; without `raw` also the logger's `level`, `file` and `func` |
//! | `source_event_id` | the request id where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |
//!
//! The three `data_…` keys are there for the view `lakefs_audit`, which gives back the table that lakeFS documents.

use std::borrow::Cow;

use auditlake_event::Timestamp;

use crate::json::{Json, REDACTED};
use crate::metadata::{Metadata, Value};

use super::object_name::ObjectName;
use super::record::{OPERATION_ID, REFERENCE, REPOSITORY, Record, TIME, is_secret};
use super::target::Target;

/// What was found out about a record while it was read.
pub(super) struct Notes<'n> {
    pub object_name: &'n ObjectName,
    pub event_time: Timestamp,
    pub source_port: Option<u16>,
    pub replaced_id: Option<&'n str>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Members of a log line with a key of the same name.
const OF_LINE: [&str; 5] = ["host", "log_audit", "matched_host", "sent_bytes", "took"];
/// Members of a log line that a column holds, or that are the same in every event of this source.
const KNOWN_OF_LINE: [&str; 3] = ["client", "msg", "source_ip"];
/// Members of a log line that say something about the logger: only `raw` holds them.
const OF_LOGGER: [&str; 3] = ["file", "func", "level"];

/// What stands for a member whose value is a secret.
const REDACTED_MEMBER: Json<'static> = Json::Text(Cow::Borrowed(REDACTED));

/// Appends the metadata of a record as a normalised JSON object; returns whether there is any.
pub(super) fn write(record: &Record<'_>, target: &Target<'_>, notes: &Notes<'_>, out: &mut String) -> bool {
    let mut entries = Metadata::default();
    entries.text("operation_id", record.text(OPERATION_ID));
    entries.text("ref", target.reference.as_deref());
    entries.text("path", target.path.as_deref());
    entries.extend(target.related.iter().map(|(key, text)| (*key, Value::Text(Cow::Borrowed(text)))));
    entries.text("data_repository", record.text(REPOSITORY));
    entries.text("data_ref", record.text(REFERENCE));
    let written_time = notes.event_time.to_string();
    entries.text("data_time", record.text(TIME).filter(|text| *text != written_time));
    entries.text("lakefs_region", notes.object_name.region.as_deref());
    entries.text("lakefs_organization", notes.object_name.organization.as_deref());
    if !record.is_row() {
        for name in OF_LINE {
            entries.json(name, record.json().get(name));
        }
        entries.flag("source_ip_is_peer", record.json().text_at("source_ip").is_some());
        entries.extend(notes.source_port.map(|port| ("source_port", Value::Number(i64::from(port)))));
    }
    let is_known_of_line = |name: &str, value: &Json<'_>| {
        let is_of_logger = OF_LOGGER.contains(&name) && matches!(value, Json::Text(_));
        OF_LINE.contains(&name) || (notes.keeps_raw && is_of_logger)
    };
    // A column holds a text or a number.
    let is_in_column = |value: &Json<'_>| matches!(value, Json::Text(_) | Json::Number(_));
    let is_rest = |name: &str, value: &Json<'_>| {
        let is_held = record.is_field(name) || (!record.is_row() && KNOWN_OF_LINE.contains(&name));
        if is_held { !is_in_column(value) } else { record.is_row() || !is_known_of_line(name, value) }
    };
    let members = record.json().members().into_iter().flat_map(|members| members.iter());
    let rest = members.filter(|(name, value)| !matches!(value, Json::Null) && is_rest(name, value));
    let without_secrets =
        rest.map(|(name, value)| (name, if is_secret(name) && !value.is_vacant() { &REDACTED_MEMBER } else { value }));
    entries.members("rest", without_secrets.collect());
    entries.text("source_event_id", notes.replaced_id);
    entries.flag("unicode_replaced", notes.is_replaced);
    entries.write(out)
}
