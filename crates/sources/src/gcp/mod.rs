//! `gcp.audit`: Google Cloud Audit Logs, of Google Workspace too.
//!
//! # What is read
//!
//! Log entries (`LogEntry` with an `AuditLog` in `protoPayload`), one a line, in an array, or in the answer of
//! `entries.list`; messages of Pub/Sub, pushed (`message.data` in base64) or pulled (`receivedMessages`); CloudEvents with an
//! entry in `data`; entries as text in `message`, `log` or `_raw` of a collector; entries of exporters that spell the names
//! another way (any ASCII case, BigQuery's `protopayload_auditlog`, `metadataJson`…, see `entry.rs`). Entries of Access
//! Transparency have a mapping of their own, see `transparency.rs`.
//! Set aside: entries of other logs that tell of no act (`textPayload`; what programs print, requests, flows of packets, by the
//! log's name, see `entry.rs`). Anything else is quarantined: other logs with a structure of their own, whose entries may be somebody's
//! audit records.
//!
//! # How an entry becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `<parent>:<log>:<timestamp>:<insertId>`, such as `projects/p:activity:2026-03-01T09:15:00.123Z:1a2b3c`: an `insertId` alone is not unique. The timestamp is in UTC with three digits, or nine where it needs them, so that it does not depend on the exporter; of another log than `cloudaudit.googleapis.com` the whole name stands for parent and log. Without `insertId` or `logName`: UUIDv5 over the source's name, a zero byte and the normalised entry. Over 128 characters: UUIDv5 over the same with the key in the entry's place, the key itself in `metadata.source_event_id` |
//! | `event_time`, `event_time_nanos` | `timestamp`, to the nanosecond |
//! | `action`, `service_name` | `methodName`, `serviceName` |
//! | `category` | by the tables in `category.rs` |
//! | `outcome`, `error_code`, `error_message` | `status` first, then `granted`, see `outcome.rs`; the code by its name (`PERMISSION_DENIED`) |
//! | `actor_…` | `authenticationInfo`, see `actor.rs` |
//! | `resource_…`, `scope_…` | `resource.type`, `resourceName`, `logName`, see `resource.rs` |
//! | `changes` | policy deltas, original state and the like, see `changes.rs`; not of calls that failed or were denied |
//! | `source_ip`, `user_agent`, `request_id`, `http_…` | `requestMetadata`, else `httpRequest`, see `origin.rs` |
//! | `metadata` | see `metadata.rs`: key, delegation chain, permissions, operation, labels, network… |
//! | `raw` | the entry, normalised, without secrets |
//!
//! The organization is that of the scope (project, folder, organization or billing account), else that of the project that
//! the monitored resource names, if the import has a table of them; else the import's.
//!
//! # Parts of one call
//!
//! A long-running operation has an entry where it begins and one where it ends (`metadata.operation.id` is the same); both
//! are events, and only the second knows the outcome. An entry too large for Cloud Logging is split (`metadata.split`): each
//! part is an event, since each has an `insertId` of its own (the part's index stands behind it).

mod actor;
mod base64;
mod category;
mod changes;
mod entry;
mod metadata;
mod origin;
mod outcome;
mod resource;
mod sniff;
mod transparency;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::{Event, Outcome, Timestamp};

use crate::context::ImportContext;
use crate::decoding;
use crate::json::{self, Json, Parser};
use crate::reading::{Buffers, Verdict, read_json};
use crate::records::Format;
use crate::secret::{is_secret, without_secrets};
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id, stated_nanos};
use crate::summary::{SetAsideKind, Summary};

use self::entry::{Entry, Kind, Structures};
use self::resource::Resource;
use self::transparency::{Access, Payload};

/// The name in the column `source`.
pub const NAME: &str = "gcp.audit";

/// How many envelopes may lie around an entry: a collector's around a CloudEvent of Pub/Sub with its message has four.
const MAX_ENVELOPES: usize = 5;
/// Members of an envelope that hold an entry, or the next envelope, as an object: CloudEvents', Pub/Sub's.
const OBJECT_ENVELOPES: [&str; 2] = ["data", "message"];
/// Members of an envelope that hold it as text: as JSON, and those of CloudEvents and Pub/Sub in base64.
const TEXT_ENVELOPES: [&str; 5] = ["data", "data_base64", "message", "log", "_raw"];

/// The source `gcp.audit`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct GcpAudit;

impl Source for GcpAudit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence {
        sniff::sniff(head, object_name)
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let format = Format {
            lists: &["entries", "receivedMessages"],
            marker: b"{\"insertId\"",
            max_record_bytes: context.max_record_bytes,
        };
        let mut reading = Reading { context, buffers: Buffers::default() };
        read_json(input, format, sink, &mut |value, is_replaced, sink| reading.value(value, is_replaced, 0, sink))
    }
}

struct Reading<'c> {
    context: &'c ImportContext,
    buffers: Buffers,
}

impl Reading<'_> {
    fn value(
        &mut self,
        value: &Json<'_>,
        is_replaced: bool,
        envelopes: usize,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        if value.members().is_none() {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        }
        if let Some((unquoted, was_replaced)) = decoding::unquoted_members(value, &entry::STRUCTURED, 1) {
            return self.value(&unquoted, is_replaced || was_replaced, envelopes, sink);
        }
        let payload = entry::payload(value);
        if payload.get().is_none()
            && let Some(payload) = transparency::payload(value)
        {
            return self.access(value, &payload, is_replaced, sink);
        }
        match entry::kind(value, payload.get()) {
            Kind::Audit(audit_log) => return self.entry(value, audit_log, is_replaced, sink),
            Kind::UnknownEntry => {
                return Ok(Verdict::Quarantine("an entry of another log, which may tell of somebody's act".into()));
            }
            Kind::OtherEntry => return Ok(Verdict::SetAside(SetAsideKind::NotAudit)),
            Kind::NoEntry => {}
        }
        let mut reason = "no audit log entry: protoPayload is missing";
        if envelopes < MAX_ENVELOPES {
            let objects = OBJECT_ENVELOPES.iter().filter_map(|name| value.get(name));
            if let Some(inner) = objects.into_iter().find(|inner| inner.members().is_some()) {
                return self.value(inner, is_replaced, envelopes + 1, sink);
            }
            for name in TEXT_ENVELOPES {
                match value.get(name).and_then(Json::text).map(|text| inner_text(name, text)) {
                    Some(Inner::Json(json)) => return self.text(&json, is_replaced, envelopes, sink),
                    Some(Inner::Broken(why)) => reason = why,
                    Some(Inner::Nothing) | None => {}
                }
            }
        }
        Ok(Verdict::Quarantine(reason.into()))
    }

    /// Reads what an envelope holds as text.
    fn text(
        &mut self,
        text: &[u8],
        is_replaced: bool,
        envelopes: usize,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let mut parser = Parser::new(text);
        let Ok(inner) = parser.value(0) else {
            return Ok(Verdict::Quarantine("the entry inside the envelope is not JSON".into()));
        };
        if !text.get(parser.position()..).unwrap_or_default().trim_ascii().is_empty() {
            return Ok(Verdict::Quarantine("the envelope holds more than one entry".into()));
        }
        self.value(&inner, is_replaced || parser.has_replaced(), envelopes + 1, sink)
    }

    fn entry(
        &mut self,
        record: &Json<'_>,
        audit_log: &Json<'_>,
        is_replaced: bool,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let structures = Structures::of(audit_log);
        let entry = Entry::new(record, audit_log, &structures);
        let Some(action) = entry.audit_text("methodName") else {
            return Ok(Verdict::Quarantine("protoPayload.methodName is missing".into()));
        };
        let (event_time, nanos, time_text) = match self.time(&entry) {
            Ok(time) => time,
            Err(reason) => return Ok(Verdict::Quarantine(reason.into())),
        };
        let context = self.context;
        let buffers = &mut self.buffers;
        buffers.raw.clear();
        json::write_without_secrets(record, &is_secret, &mut buffers.raw);

        let (event_id, replaced_id) = event_id(&entry, event_time, nanos, &buffers.raw);
        let actor = actor::of(&entry);
        let resource = resource::of(&entry);
        let outcome = outcome::of(&entry);
        let origin = origin::of(&entry);
        buffers.changes.clear();
        let may_have_changed = matches!(outcome.outcome, Outcome::Success | Outcome::Unknown);
        let has_changes = may_have_changed && changes::write(&entry, &mut buffers.changes);
        buffers.metadata.clear();
        let notes = metadata::Notes { replaced_id: replaced_id.as_deref(), is_replaced, keeps_raw: context.keep_raw };
        let has_metadata = metadata::write(&entry, &actor, &origin, &notes, &mut buffers.metadata);

        let account = account_of(context, &entry, &resource);
        let event = Event {
            event_id: Cow::Borrowed(&event_id),
            event_time,
            event_time_nanos: stated_nanos(time_text, nanos),
            action: without_secrets(action),
            category: Some(category::of(&entry)),
            outcome: outcome.outcome,
            error_code: outcome.error_code.map(without_secrets),
            error_message: outcome.error_message.map(without_secrets),
            actor_id: actor.id.map(without_secrets),
            actor_type: actor.kind,
            actor_name: actor.name.map(without_secrets),
            actor_email: actor.email.map(without_secrets),
            actor_via: actor.via.map(without_secrets),
            resource_type: resource.kind.map(without_secrets),
            resource_id: resource.id.map(without_secrets),
            resource_name: resource.name.map(without_secrets),
            scope_type: resource.scope_kind.map(Cow::Borrowed),
            scope_id: resource.scope_id.map(without_secrets),
            changes: has_changes.then_some(Cow::Borrowed(buffers.changes.as_str())),
            source_ip: origin.address,
            user_agent: origin.user_agent.map(without_secrets),
            service_name: entry.audit_text("serviceName").map(without_secrets),
            request_id: origin.request_id.map(without_secrets),
            http_method: origin.http_method.map(without_secrets),
            http_path: origin.http_path.map(without_secrets),
            http_status: origin.http_status,
            metadata: has_metadata.then_some(Cow::Borrowed(buffers.metadata.as_str())),
            raw: context.keep_raw.then_some(Cow::Borrowed(buffers.raw.as_str())),
            ..context.event(NAME, account)
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }

    /// Reads an entry of Access Transparency.
    fn access(
        &mut self,
        record: &Json<'_>,
        payload: &Payload<'_>,
        is_replaced: bool,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let Some(access) = Access::of(payload) else {
            return Ok(Verdict::Quarantine("jsonPayload.accesses states no methodName".into()));
        };
        let structures = Structures::default();
        let entry = Entry::new(record, access.log(), &structures);
        let (event_time, nanos, time_text) = match self.time(&entry) {
            Ok(time) => time,
            Err(reason) => return Ok(Verdict::Quarantine(reason.into())),
        };
        let context = self.context;
        let buffers = &mut self.buffers;
        buffers.raw.clear();
        json::write_without_secrets(record, &is_secret, &mut buffers.raw);
        let (event_id, replaced_id) = event_id(&entry, event_time, nanos, &buffers.raw);
        let resource = resource::at(&entry, access.resource);
        buffers.metadata.clear();
        let notes = metadata::Notes { replaced_id: replaced_id.as_deref(), is_replaced, keeps_raw: context.keep_raw };
        let has_metadata = access.write_metadata(&entry, &notes, &mut buffers.metadata);
        let event = Event {
            event_id: Cow::Borrowed(&event_id),
            event_time,
            event_time_nanos: stated_nanos(time_text, nanos),
            action: without_secrets(access.method),
            category: Some(access.category),
            outcome: Outcome::Success,
            actor_id: access.actor.id.map(without_secrets),
            actor_type: access.actor.kind,
            actor_name: access.actor.name.map(without_secrets),
            resource_type: resource.kind.map(without_secrets),
            resource_id: resource.id.map(without_secrets),
            resource_name: resource.name.map(without_secrets),
            scope_type: resource.scope_kind.map(Cow::Borrowed),
            scope_id: resource.scope_id.map(without_secrets),
            metadata: has_metadata.then_some(Cow::Borrowed(buffers.metadata.as_str())),
            raw: context.keep_raw.then_some(Cow::Borrowed(buffers.raw.as_str())),
            ..context.event(NAME, account_of(context, &entry, &resource))
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }

    /// When an entry was written, and how that is stated; or why that cannot be taken.
    fn time<'r>(&self, entry: &Entry<'r>) -> Result<(Timestamp, i32, &'r str), &'static str> {
        let text = entry.text("timestamp").ok_or("timestamp is missing")?;
        let (time, nanos) = entry::time(text).ok_or("timestamp is no RFC 3339 time")?;
        self.context.refuse_time(time).map_or(Ok((time, nanos, text)), Err)
    }
}

/// The account whose organization an entry belongs to, if the import has a table of them.
fn account_of<'r>(context: &ImportContext, entry: &Entry<'r>, resource: &Resource<'r>) -> Option<&'r str> {
    let is_in_table = |account: &&str| context.account_organizations.contains_key(*account);
    resource.scope_id.filter(is_in_table).or_else(|| resource::labelled_project(entry))
}

/// What a text member of an envelope holds.
enum Inner<'t> {
    Json(Cow<'t, [u8]>),
    Broken(&'static str),
    /// Nothing that could be an entry.
    Nothing,
}

fn inner_text<'t>(name: &str, text: &'t str) -> Inner<'t> {
    if text.trim_start().starts_with('{') {
        return Inner::Json(Cow::Borrowed(text.as_bytes()));
    }
    if !matches!(name, "data" | "data_base64") {
        return Inner::Nothing;
    }
    base64::decoded(text.as_bytes())
        .map_or(Inner::Broken("the envelope's data is no base64"), |bytes| Inner::Json(bytes.into()))
}

/// The event's id, and the entry's own key if that was too long to be it.
fn event_id<'r>(entry: &Entry<'_>, time: Timestamp, nanos: i32, raw: &str) -> (Cow<'r, str>, Option<Cow<'r, str>>) {
    let (Some(insert_id), Some(log_name)) = (entry.text("insertId"), entry.text("logName")) else {
        return (Cow::Owned(derived_id(NAME, raw)), None);
    };
    let parts = entry::log_name_parts(log_name).and_then(|(parent, id)| Some((parent, entry::audit_log_id(id)?)));
    let log = parts.map_or_else(|| log_name.to_owned(), |(parent, log)| format!("{parent}:{log}"));
    let mut time = time.to_string();
    if nanos != 0 {
        time = format!("{}{nanos:06}Z", time.trim_end_matches('Z'));
    }
    let key = format!("{log}:{time}:{insert_id}");
    own_id(NAME, Cow::Owned(without_secrets(&key).into_owned()))
}
