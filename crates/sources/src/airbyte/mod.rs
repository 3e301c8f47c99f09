//! `airbyte`: the audit log that Airbyte's server writes into its storage.
//!
//! # What is read
//!
//! | versions | a file is |
//! |---|---|
//! | 1.4 to 1.6 | `{"events":[…],"version":"1"}`, the list holds log events, whose `message` holds the entry as Kotlin prints it (see `log_message.rs`); also without the braces, as the documentation shows it |
//! | builds of May 2025 | one entry, a JSON object |
//! | 1.7 to 2.x | an array of entries |
//! | later | an array of entries with `organizationId` and `workspaceId` |
//!
//! Entries one a line are read too. Set aside: log events whose message is no audit entry. Anything else is quarantined. The
//! object's name is never used: the time in it is the server's local one, and that of the file before.
//!
//! # How an entry becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `id`. Without one: UUIDv5 over the source's name, a zero byte and the normalised record. Over 128 characters: UUIDv5 over the same with the id in the record's place, the id itself in `metadata.source_event_id` |
//! | `event_time` | the entry's `timestamp`, in milliseconds (not that of the log event around it, which is later) |
//! | `action` | `operation`, in a message `actionName`: the name of the API's method. `unknown` where a message leaves it open |
//! | `category` | by the words in the operation's name, see `operation.rs` |
//! | `outcome`, `error_message` | `success`, `errorMessage`; a failure is `denied` if the message is that of a `ForbiddenProblem`, see `entry.rs` |
//! | `actor_id`, `actor_email` | `actor.actorId`, `actor.email`; `unknown` is nobody |
//! | `actor_type` | `user`, where one is named; not for `Airbyte Support`, which stands for every administrator of the instance |
//! | `resource_…`, `scope_…` | see `resource.rs` |
//! | `changes` | the role before and after; else what the request of an operation that succeeded states as new, see `changes.rs`. Masked values are no statement |
//! | `source_ip` | the first address of `ipAddress` (the header `X-Forwarded-For`), canonical, without port |
//! | `user_agent` | `actor.userAgent` |
//! | `metadata` | see `metadata.rs` |
//! | `raw` | the record, normalised, without secrets |
//!
//! The organization is the import's, or that of the entry's `organizationId` if the import has a table of them.
//!
//! # Messages with more than one reading
//!
//! Callers can write texts that look like the rest of an entry. A message that can be read in several ways is an event of what all
//! readings agree on: id, time, user, e-mail address and source address always, the rest only if it is the same in each. `action` is
//! `unknown` then and `metadata.possible_injection` is `true`; `metadata.readings` says what may have happened. In quarantine a
//! caller could hide what they did by nothing but a strange user agent, and with one reading preferred forge it.
//!
//! # Copies of one entry
//!
//! Entries are equal in every column whatever file, order of members or spacing they come in. An entry in two
//! generations' shapes (which no Airbyte writes) has one id, but differs in `raw`.

mod changes;
mod entry;
mod forwarded;
mod log_message;
mod metadata;
mod operation;
mod redaction;
mod resource;
mod sniff;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::{Event, Outcome, Timestamp};

use crate::context::ImportContext;
use crate::decoding;
use crate::json::{self, Json, Parser};
use crate::names::Names;
use crate::reading::{Verdict, look_at_head, read_json};
use crate::records::Format;
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id};
use crate::summary::{SetAsideKind, Summary};

use entry::{Actor, Entry, stated};
use log_message::{LogMessage, Reading};
use metadata::Notes;
use redaction::without_secrets_in_text;

/// The name in the column `source`.
pub const NAME: &str = "airbyte";

/// The action of an event whose message leaves it open.
const UNKNOWN_ACTION: &str = "unknown";
/// Members that are JSON in a text.
static BODIES: Names = Names::new(&["request", "response"]);
/// How many readings of a message are kept.
const MAX_READINGS_KEPT: usize = 8;

/// The source `airbyte`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct Airbyte;

impl Source for Airbyte {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence {
        sniff::judge(head, object_name)
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let marker = match look_at_head(input, sink, sniff::beginning_of_records) {
            Ok(marker) => marker,
            Err(ended) => return ended,
        };
        let format = Format { lists: &["events"], marker, max_record_bytes: context.max_record_bytes };
        let mut reading = RecordReader { context, raw: String::new(), changes: String::new(), metadata: String::new() };
        read_json(input, format, sink, &mut |value, is_replaced, sink| reading.record(value, is_replaced, sink))
    }
}

struct RecordReader<'c> {
    context: &'c ImportContext,
    // Texts made for one event, kept to be used again for the next.
    raw: String,
    changes: String,
    metadata: String,
}

impl RecordReader<'_> {
    fn record(&mut self, record: &Json<'_>, is_replaced: bool, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        if entry::is_entry(record) {
            if let Some((unquoted, was_replaced)) = decoding::unquoted_members(record, &BODIES, 0) {
                return self.record(&unquoted, is_replaced || was_replaced, sink);
            }
            let mut raw = std::mem::take(&mut self.raw);
            raw.clear();
            let judged = self.json_entry(record, is_replaced, &mut raw, sink);
            self.raw = raw;
            return judged;
        }
        if record.get("message").is_none() && record.get("logSource").is_none() {
            return Ok(Verdict::Quarantine("no Airbyte audit entry: neither operation nor message is there".into()));
        }
        let message = match record.get("message") {
            Some(Json::Text(message)) => message.as_ref(),
            Some(_) => return Ok(Verdict::Quarantine("message is no text".into())),
            None => "",
        };
        if !message.starts_with(log_message::PREFIX) {
            let is_log_event =
                record.get("logSource").is_some() || (record.get("level").is_some() && record.get("caller").is_some());
            if !is_log_event {
                return Ok(Verdict::Quarantine("neither an audit entry nor a log event of Airbyte".into()));
            }
            return Ok(Verdict::SetAside(SetAsideKind::NotAudit));
        }
        match log_message::read(message) {
            Ok(read) => self.log_event(record, message, &read, is_replaced, sink),
            Err(reason) => Ok(Verdict::Quarantine(reason.into())),
        }
    }

    /// Reads an entry that is JSON; its normalised text is appended to `raw`.
    fn json_entry(
        &mut self,
        record: &Json<'_>,
        is_replaced: bool,
        raw: &mut String,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let notes = Notes { is_replaced, ..Notes::default() };
        if !redaction::write_record(record, None, raw) {
            return self.entry(record, &Entry::of_json(record), notes, raw, sink);
        }
        // Without its secrets, and with the JSON in its texts normalised, it is another record.
        let Ok(normalised) = Parser::new(raw.as_bytes()).value(0) else {
            return Ok(Verdict::Quarantine("the record cannot be normalised".into()));
        };
        self.entry(&normalised, &Entry::of_json(&normalised), notes, raw, sink)
    }

    /// Reads a log event with the message of an audit entry.
    fn log_event(
        &mut self,
        record: &Json<'_>,
        message: &str,
        read: &LogMessage<'_>,
        is_replaced: bool,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let mut raw = String::new();
        let message = read.rewritten(message, without_secrets_in_text);
        redaction::write_record(record, Some(("message", &message)), &mut raw);
        let Ok(normalised) = Parser::new(raw.as_bytes()).value(0) else {
            return Ok(Verdict::Quarantine("the record cannot be normalised".into()));
        };
        let is_ambiguous = read.readings.len() > 1;
        // Whoever wrote the summary, it is that of one reading only.
        let summary = read.agreed(|reading| reading.summary).map(without_secrets_in_text).unwrap_or_default();
        let readings = if is_ambiguous { readings_as_json(&read.readings) } else { String::new() };
        let readings = if is_ambiguous { redaction::decode(&readings) } else { None };

        let user = read.user.as_ref();
        let error_message = read.agreed(|reading| reading.error_message).unwrap_or_default();
        let entry = Entry {
            id: stated(read.id),
            timestamp: Some(read.timestamp),
            actor: Actor {
                id: user.and_then(|user| stated(user.id)),
                email: user.and_then(|user| stated_text(user.email)),
                addresses: user.and_then(|user| stated_text(user.addresses)),
                user_agent: read.agreed(|reading| reading.user_agent).flatten().and_then(stated_text),
            },
            operation: read.agreed(|reading| reading.action),
            request: redaction::decode(&summary).map(Cow::Owned),
            is_success: read.agreed(|reading| reading.is_success),
            error_message: Some(error_message).filter(|error| !matches!(*error, "" | "null")).map(without_secrets_in_text),
            ..Entry::default()
        };
        let notes = Notes {
            is_replaced,
            imitates_entry: read.imitates_entry,
            readings: readings.as_ref().map(|readings| (readings, read.readings.len())),
            ..Notes::default()
        };
        self.entry(&normalised, &entry, notes, &raw, sink)
    }

    /// Hands on the event of an entry. `record` is the whole record, as `raw` states it.
    fn entry<'r>(
        &mut self,
        record: &'r Json<'r>,
        entry: &'r Entry<'r>,
        notes: Notes<'r>,
        raw: &'r str,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let Some(event_time) = entry.timestamp.and_then(|text| text.parse().ok()).map(Timestamp::from_millis) else {
            return Ok(Verdict::Quarantine("timestamp is no time in milliseconds".into()));
        };
        if let Some(reason) = self.context.refuse_time(event_time) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        let is_open = notes.readings.is_some();
        let Some(action) = entry.operation.or(is_open.then_some(UNKNOWN_ACTION)) else {
            return Ok(Verdict::Quarantine("operation is no text".into()));
        };
        let (event_id, replaced_id) = match entry.id {
            Some(id) => own_id(NAME, Cow::Borrowed(id)),
            None => (Cow::Owned(derived_id(NAME, raw)), None),
        };
        let outcome = entry.outcome();
        let resource = resource::of(entry);
        let scope = resource::scope(entry);
        self.changes.clear();
        let has_changes = outcome == Outcome::Success && changes::write(entry, &mut self.changes);
        self.metadata.clear();
        let notes = Notes { replaced_id, keeps_raw: self.context.keep_raw, ..notes };
        let has_metadata = metadata::write(record, entry, &resource, &scope, &notes, &mut self.metadata);
        let actor = &entry.actor;
        let event = Event {
            event_id,
            event_time,
            action: Cow::Borrowed(action),
            category: entry.category(),
            outcome,
            error_message: entry.error_message.as_deref().map(Cow::Borrowed),
            actor_id: actor.id.map(Cow::Borrowed),
            actor_type: actor.kind(),
            actor_email: actor.email.as_deref().map(Cow::Borrowed),
            resource_type: resource.kind.map(Cow::Borrowed),
            resource_id: resource.id.map(Cow::Borrowed),
            resource_name: resource.name.map(Cow::Borrowed),
            scope_type: scope.kind.map(Cow::Borrowed),
            scope_id: scope.id.map(Cow::Borrowed),
            changes: has_changes.then_some(Cow::Borrowed(self.changes.as_str())),
            source_ip: actor.addresses.as_deref().and_then(forwarded::client),
            user_agent: actor.user_agent.as_deref().map(Cow::Borrowed),
            metadata: has_metadata.then_some(Cow::Borrowed(self.metadata.as_str())),
            raw: self.context.keep_raw.then_some(Cow::Borrowed(raw)),
            ..self.context.event(NAME, entry.organization())
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }
}

/// A text of a message without its secrets, unless it says that there is none.
fn stated_text(text: &str) -> Option<Cow<'_, str>> {
    stated(text).map(without_secrets_in_text)
}

/// What the first readings of a message say was done, as JSON.
fn readings_as_json(readings: &[Reading<'_>]) -> String {
    let mut out = String::new();
    for reading in readings.iter().take(MAX_READINGS_KEPT) {
        out.push_str(if out.is_empty() { "[{\"action\":" } else { ",{\"action\":" });
        json::write_text(reading.action, &mut out);
        let outcome = if reading.is_success { Outcome::Success } else { Outcome::Failure };
        out.push_str(",\"outcome\":");
        json::write_text(outcome.as_str(), &mut out);
        out.push('}');
    }
    out.push(']');
    out
}
