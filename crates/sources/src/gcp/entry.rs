//! A log entry and the audit log in it, however an exporter spelled them.
//!
//! Cloud Logging writes `protoPayload` and camelCase. Exporters write `protopayload`, `insertid`, `callerIP`; BigQuery has
//! `protopayload_auditlog`, with structures as JSON in a text (`metadataJson`), and booleans and numbers as text. So members
//! are looked up in any ASCII case, and structures are read from text where they stand in one.

use auditlake_event::Timestamp;

use crate::json::{Json, Parser};
use crate::names::Names;

/// Members that are structures, of an entry and of its audit log: exporters write them as JSON in a text, and that in another.
pub(super) static STRUCTURED: Names = Names::new(&[
    "protoPayload",
    "protopayload_auditlog",
    "request",
    "requestJson",
    "response",
    "responseJson",
    "jsonPayload",
    "jsonpayload_type_transparencylog",
    "metadata",
    "metadataJson",
    "serviceData",
    "serviceDataJson",
    "resourceOriginalState",
    "resourceOriginalStateJson",
]);

/// What a JSON object is.
#[derive(Debug)]
pub(super) enum Kind<'r> {
    /// A log entry with this audit log.
    Audit(&'r Json<'r>),
    /// A log entry that is known to tell of no act, such as a program's own messages.
    OtherEntry,
    /// A log entry of another log, which may hold audit records of its own.
    UnknownEntry,
    /// No log entry.
    NoEntry,
}

/// A free structure: as it stands, or read from the text it stands in.
#[derive(Debug, Default)]
pub(super) enum Structure<'r> {
    #[default]
    Absent,
    Stated(&'r Json<'r>),
    Decoded(Json<'r>),
}

impl<'r> Structure<'r> {
    pub(super) fn of(value: &'r Json<'r>) -> Self {
        if let Json::Text(text) = value
            && text.trim_start().starts_with('{')
        {
            let mut parser = Parser::new(text.as_bytes());
            if let Ok(decoded) = parser.value(0)
                && text.get(parser.position()..).is_some_and(|rest| rest.trim().is_empty())
            {
                return Structure::Decoded(decoded);
            }
        }
        Structure::Stated(value)
    }

    /// The first of these members that says anything.
    fn first(value: &'r Json<'r>, names: &[&str]) -> Self {
        let mut stated = names.iter().filter_map(|name| value.get_any_case(name)).filter(|value| !value.is_vacant());
        stated.next().map(Self::of).unwrap_or_default()
    }

    pub(super) fn get(&self) -> Option<&Json<'r>> {
        match self {
            Structure::Absent => None,
            Structure::Stated(value) => Some(value),
            Structure::Decoded(value) => Some(value),
        }
    }
}

/// The free structures of an audit log, which entries borrow.
#[derive(Debug, Default)]
pub(super) struct Structures<'r> {
    request: Structure<'r>,
    response: Structure<'r>,
    metadata: Structure<'r>,
    service_data: Structure<'r>,
    original_state: Structure<'r>,
}

impl<'r> Structures<'r> {
    pub(super) fn of(audit_log: &'r Json<'r>) -> Self {
        let mut service_data = Structure::first(audit_log, &["serviceData", "serviceDataJson"]);
        if matches!(service_data, Structure::Absent) {
            // BigQuery has a column for each type that it knows: `servicedata_v1_iam`, `servicedata_v1_bigquery`…
            let members = audit_log.members().into_iter().flat_map(|members| members.iter());
            let mut typed = members.filter(|(name, value)| starts_with(name, "servicedata_v1") && !value.is_vacant());
            service_data = typed.next().map(|(_, value)| Structure::of(value)).unwrap_or_default();
        }
        Self {
            request: Structure::first(audit_log, &["request", "requestJson"]),
            response: Structure::first(audit_log, &["response", "responseJson"]),
            metadata: Structure::first(audit_log, &["metadata", "metadataJson"]),
            service_data,
            original_state: Structure::first(audit_log, &["resourceOriginalState", "resourceOriginalStateJson"]),
        }
    }
}

/// A log entry with an audit log, or with what stands in its place (see `transparency.rs`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'r> {
    /// The log entry.
    pub record: &'r Json<'r>,
    /// The audit log: `protoPayload`.
    pub audit_log: &'r Json<'r>,
    pub request: Option<&'r Json<'r>>,
    pub response: Option<&'r Json<'r>>,
    pub metadata: Option<&'r Json<'r>>,
    pub service_data: Option<&'r Json<'r>>,
    pub original_state: Option<&'r Json<'r>>,
}

impl<'r> Entry<'r> {
    pub(super) fn new(record: &'r Json<'r>, audit_log: &'r Json<'r>, structures: &'r Structures<'r>) -> Self {
        Self {
            record,
            audit_log,
            request: structures.request.get(),
            response: structures.response.get(),
            metadata: structures.metadata.get(),
            service_data: structures.service_data.get(),
            original_state: structures.original_state.get(),
        }
    }

    /// A text of the log entry.
    pub(super) fn text(&self, name: &str) -> Option<&'r str> {
        text_at(self.record, name)
    }

    /// A text of the audit log.
    pub(super) fn audit_text(&self, name: &str) -> Option<&'r str> {
        text_at(self.audit_log, name)
    }

    /// What follows a path of members of the audit log.
    pub(super) fn audit_path(&self, path: &[&str]) -> Option<&'r Json<'r>> {
        at_path(self.audit_log, path)
    }

    /// The elements of `authorizationInfo`: one for each permission that was checked.
    pub(super) fn permissions(&self) -> impl Iterator<Item = &'r Json<'r>> {
        self.audit_log.get_any_case("authorizationInfo").map(Json::elements).unwrap_or_default().iter()
    }

    /// The events of `metadata` of Google Workspace (`ActivityProto`).
    pub(super) fn activities(&self) -> impl Iterator<Item = &'r Json<'r>> {
        let is_activity = |metadata: &&Json<'_>| {
            metadata.get_any_case("activityId").is_some()
                || message_type(metadata).is_some_and(|kind| kind.ends_with("ActivityProto"))
        };
        let metadata = self.metadata.filter(is_activity);
        metadata.and_then(|metadata| metadata.get_any_case("event")).map(Json::elements).unwrap_or_default().iter()
    }

    /// The log's own name: `activity`, `data_access`, `system_event`, `policy`; of other logs their whole id.
    pub(super) fn log(&self) -> Option<&'r str> {
        let (_, id) = log_name_parts(self.text("logName")?)?;
        Some(audit_log_id(id).unwrap_or(id))
    }
}

/// The parent and the id (percent-encoded as it stands) of a log name: `projects/p/logs/<id>`.
pub(super) fn log_name_parts(log_name: &str) -> Option<(&str, &str)> {
    log_name.split_once("/logs/").filter(|(parent, id)| !parent.is_empty() && !id.is_empty())
}

/// The part of a log's id behind `cloudaudit.googleapis.com/`, whose slash may be percent-encoded.
pub(super) fn audit_log_id(id: &str) -> Option<&str> {
    let rest = id.strip_prefix("cloudaudit.googleapis.com")?;
    rest.strip_prefix('/').or_else(|| rest.strip_prefix("%2F")).or_else(|| rest.strip_prefix("%2f"))
}

pub(super) fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The text of a member, in any ASCII case.
pub(super) fn text_at<'r>(value: &'r Json<'_>, name: &str) -> Option<&'r str> {
    value.get_any_case(name)?.text()
}

/// What follows a path of members, in any ASCII case.
pub(super) fn at_path<'r>(value: &'r Json<'r>, path: &[&str]) -> Option<&'r Json<'r>> {
    path.iter().try_fold(value, |value, name| value.get_any_case(name))
}

/// A boolean, also as text.
pub(super) fn flag(value: Option<&Json<'_>>) -> Option<bool> {
    match value? {
        Json::Bool(flag) => Some(*flag),
        Json::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The type of a message: `@type`, which some exporters write as `at_sign_type`.
pub(super) fn message_type<'r>(value: &'r Json<'_>) -> Option<&'r str> {
    text_at(value, "@type").or_else(|| text_at(value, "at_sign_type"))
}

/// Whether the member of an entry that has this name holds its audit log: BigQuery puts the type behind the name.
pub(super) fn is_audit_log(name: &str) -> bool {
    name.eq_ignore_ascii_case("protoPayload") || starts_with(name, "protopayload_auditlog")
}

/// The audit log of a log entry, or whatever else stands in its place.
pub(super) fn payload<'r>(record: &'r Json<'r>) -> Structure<'r> {
    let members = record.members().into_iter().flat_map(|members| members.iter());
    let mut payloads = members.filter(|(name, value)| is_audit_log(name) && !value.is_vacant());
    payloads.next().map(|(_, value)| Structure::of(value)).unwrap_or_default()
}

/// Says what an object is. A `protoPayload` that states another type than `AuditLog` is none (App Engine's request logs have
/// one); CloudEvents and some exporters leave the type out.
pub(super) fn kind<'r>(record: &Json<'_>, payload: Option<&'r Json<'r>>) -> Kind<'r> {
    if let Some(payload) = payload {
        let is_other = message_type(payload).is_some_and(|kind| !kind.ends_with("google.cloud.audit.AuditLog"));
        let id = text_at(record, "logName").and_then(log_name_parts).map_or("", |(_, id)| id);
        return match is_other {
            false => Kind::Audit(payload),
            true if is_of_programs(record, id) => Kind::OtherEntry,
            true => Kind::UnknownEntry,
        };
    }
    let log_name = text_at(record, "logName");
    let is_in_audit_log = log_name.and_then(log_name_parts).is_some_and(|(_, id)| audit_log_id(id).is_some());
    let members = record.members().into_iter().flat_map(|members| members.iter());
    let mut stated = members.filter(|(_, value)| !matches!(value, Json::Null)).map(|(name, _)| name);
    let has_other_payload = stated.any(|name| ["textPayload", "jsonPayload"].iter().any(|other| starts_with(name, other)));
    // An entry may consist of an HTTP request alone.
    let is_entry = log_name.is_some() && ["insertId", "timestamp"].iter().any(|name| text_at(record, name).is_some());
    match log_name.and_then(log_name_parts) {
        _ if is_in_audit_log => Kind::NoEntry,
        Some((_, id)) if (has_other_payload || is_entry) && !is_of_programs(record, id) => Kind::UnknownEntry,
        _ if has_other_payload || is_entry => Kind::OtherEntry,
        _ => Kind::NoEntry,
    }
}

/// What the logs are called whose entries are known to tell of no act: what programs print, requests to servers, flows of packets.
const LOGS_OF_PROGRAMS: [&str; 12] = [
    "cloud-functions",
    "dns_queries",
    "events",
    "firewall",
    "nat_flows",
    "request_log",
    "requests",
    "run-jobs",
    "stderr",
    "stdout",
    "syslog",
    "vpc_flows",
];

/// Whether an entry of another log is known to tell of no act: a text, or one of a log of programs. Other entries with a structure
/// may be somebody's audit records.
fn is_of_programs(record: &Json<'_>, id: &str) -> bool {
    let members = record.members().into_iter().flat_map(|members| members.iter());
    let mut stated = members.filter(|(_, value)| !matches!(value, Json::Null)).map(|(name, _)| name);
    let has_structure = stated.any(|name| starts_with(name, "jsonPayload") || is_audit_log(name));
    let after_slash = id.rsplit('/').next().unwrap_or(id);
    let name =
        after_slash.rsplit_once("%2F").or_else(|| after_slash.rsplit_once("%2f")).map_or(after_slash, |(_, name)| name);
    !has_structure || LOGS_OF_PROGRAMS.contains(&name)
}

/// Reads a time: RFC 3339; or `2026-03-01 09:15:00.5`, with or without ` UTC` behind it, as BigQuery and its like print a
/// timestamp. A log entry's times are protobuf timestamps, which are UTC.
pub(super) fn time(text: &str) -> Option<(Timestamp, i32)> {
    if let Ok(time) = Timestamp::parse_with_nanos(text) {
        return Some(time);
    }
    let without_zone = text.strip_suffix(" UTC").unwrap_or(text);
    let is_printed = without_zone.as_bytes().get(10) == Some(&b' ')
        && without_zone.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
    let is_zoned = without_zone.bytes().skip(11).any(|byte| matches!(byte, b'+' | b'-'));
    if !is_printed || is_zoned {
        return None;
    }
    Timestamp::parse_with_nanos(&format!("{without_zone}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_zone_are_utc() {
        for (text, expected) in [
            ("2026-03-01T09:15:00.123456789Z", Some(("2026-03-01T09:15:00.123Z", 456_789))),
            ("2026-03-01T10:15:00+01:00", Some(("2026-03-01T09:15:00.000Z", 0))),
            ("2026-03-01 09:15:00", Some(("2026-03-01T09:15:00.000Z", 0))),
            ("2026-03-01 09:15:00.123456 UTC", Some(("2026-03-01T09:15:00.123Z", 456_000))),
            ("2026-03-01T09:15:00", None),
            ("2026-03-01 09:15:00 CET", None),
            ("2026-03-01 09:15:00-01:30", Some(("2026-03-01T10:45:00.000Z", 0))),
            ("2026-03-01 09:15:00-0130", None),
            ("2026-03-01 09:15", None),
            ("2026-02-30 09:15:00", None),
            ("1772356500", None),
            ("", None),
        ] {
            let found = time(text).map(|(time, nanos)| (time.to_string(), nanos));
            assert_eq!(found, expected.map(|(time, nanos)| (time.to_owned(), nanos)), "{text}");
        }
    }

    #[test]
    fn log_names_are_taken_apart() {
        for (name, expected) in [
            ("projects/p/logs/cloudaudit.googleapis.com%2Factivity", Some(("projects/p", Some("activity")))),
            ("folders/1/logs/cloudaudit.googleapis.com/policy", Some(("folders/1", Some("policy")))),
            ("organizations/1/logs/cloudaudit.googleapis.com%2fdata_access", Some(("organizations/1", Some("data_access")))),
            ("projects/p/logs/requests", Some(("projects/p", None))),
            ("projects/p", None),
        ] {
            assert_eq!(log_name_parts(name).map(|(parent, id)| (parent, audit_log_id(id))), expected, "{name}");
        }
    }
}
