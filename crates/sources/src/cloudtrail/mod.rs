//! `aws.cloudtrail`: the record of AWS API calls.
//!
//! # What is read
//!
//! Log files (`{"Records":[…]}`, gzip or not), records one a line, arrays, single records, EventBridge events (`detail`),
//! the answer of `lookup-events` (`CloudTrailEvent` is JSON in a string), CloudWatch Logs subscriptions and exports
//! (`logEvents` or `events` with the record as text in `message`), also shipped on by a collector that puts the original
//! line into `message`, `log` or `_raw`; rows of Athena's tables, with names in lower case and members that are JSON in a text
//! (`normal.rs`). A record is an object with `eventName` and `eventTime`.
//! Set aside, by kind: digest files, Insights records, aggregated events, CloudWatch control messages, notices that a log file
//! was delivered and tests of a notification. Anything else is quarantined, so are notifications of S3, DynamoDB and others,
//! whose records look like CloudTrail's (`other.rs`).
//!
//! # How a record becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `<eventID>:<recipientAccountId>`; `<eventID>` where no recipient is stated. One call seen by two accounts has two records and stays two events. A record whose `addendum` has the reason `UPDATED_DATA` and repeats the `eventID` of the record it amends gets `:updated` behind it. Without `eventID`: UUIDv5 over the source's name, a zero byte and the normalised record. Over 128 characters: UUIDv5 over the same with the id in the record's place, the id itself in `metadata.source_event_id` |
//! | `event_time` | `eventTime` (the end of the call, to the second) |
//! | `action`, `service_name`, `request_id` | `eventName`, `eventSource`, `requestID` |
//! | `category` | by the tables in `category.rs` |
//! | `outcome`, `error_code`, `error_message` | by `outcome.rs`: an `errorCode` that speaks of missing permission is `denied`, every other one `failure`; a sign-in that failed is `failure` |
//! | `actor_…` | `userIdentity`, see `actor.rs` |
//! | `resource_…` | `resources`, else what the answer or the request names, see `resource.rs` |
//! | `scope_type`, `scope_id` | `account`, `recipientAccountId` (else the caller's account) |
//! | `changes` | what a successful permission change states as new, see `changes.rs`; CloudTrail does not tell what was before, save of what is taken away |
//! | `source_ip`, `user_agent` | `sourceIPAddress` (an address, or the name of the AWS service that called), `userAgent` |
//! | `metadata` | see `metadata.rs`: access key, external id, issued access key, region, MFA, VPC endpoint, TLS… |
//! | `raw` | the record, normalised, without secrets |
//!
//! The organization is the import's, or that of the account if the import has a table of accounts.
//!
//! # Secrets, and copies of one record
//!
//! CloudTrail writes session tokens into the records of `AssumeRole`. The values of members named like a secret (see
//! `../secret.rs`) are replaced by `"[redacted]"` in every column, `raw` and derived ids included.
//! `raw` is the *normalised* record (members sorted, no white space), so that a copy delivered in another order, in another
//! envelope or through another trail is equal in every column and is one event after sealing.

mod actor;
mod category;
mod changes;
mod metadata;
mod normal;
mod other;
mod outcome;
mod parts;
mod resource;
mod sniff;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::{Event, Timestamp};

use crate::absent::stated;
use crate::context::ImportContext;
use crate::decoding;
use crate::json::{self, Json, Parser};
use crate::reading::{Buffers, Verdict, read_json};
use crate::records::Format;
use crate::secret::{is_secret, without_secrets};
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id, stated_nanos};
use crate::summary::{SetAsideKind, Summary};

/// The members of a record that are known, in CloudTrail's spelling.
pub(crate) use metadata::KNOWN as MEMBERS;

/// The name in the column `source`.
pub const NAME: &str = "aws.cloudtrail";

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;
/// How many envelopes may lie around a record.
const MAX_ENVELOPES: usize = 3;
/// Where a collector or CloudWatch Logs puts the record as text.
const TEXT_ENVELOPES: [&str; 4] = ["CloudTrailEvent", "message", "log", "_raw"];

/// The source `aws.cloudtrail`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct CloudTrail;

impl Source for CloudTrail {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence {
        let content = sniff::confidence(head.get(..SNIFFED_BYTES).unwrap_or(head));
        if content > Confidence::None {
            return content;
        }
        let is_named =
            ["_CloudTrail_", "_CloudTrail-", "/CloudTrail/", "/CloudTrail-"].iter().any(|part| object_name.contains(part));
        if is_named { Confidence::Name } else { Confidence::None }
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let format = Format {
            lists: &["Records", "Events", "logEvents", "events"],
            marker: b"{\"eventVersion\"",
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
        if let Some((unquoted, was_replaced)) = decoding::unquoted_members(value, &normal::STRUCTURED, 0) {
            return self.value(&unquoted, is_replaced || was_replaced, envelopes, sink);
        }
        // What lies in an envelope is spelled by itself; `lookup-events` has names like a record's beside it.
        let is_envelope = value.get("CloudTrailEvent").is_some();
        match normal::normalised(value).filter(|_| !is_envelope) {
            Some(value) => self.normal(&value, is_replaced, envelopes, sink),
            None => self.normal(value, is_replaced, envelopes, sink),
        }
    }

    fn normal(
        &mut self,
        value: &Json<'_>,
        is_replaced: bool,
        envelopes: usize,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let Some(members) = value.members() else {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        };
        let text = |name: &str| members.get(name).and_then(Json::text);
        if let Some(verdict) = other::judge(value) {
            return Ok(verdict);
        }
        if text("eventName").is_some() && members.get("eventTime").is_some() {
            return self.record(value, is_replaced, sink);
        }
        if text("messageType") == Some("CONTROL_MESSAGE") {
            return Ok(Verdict::SetAside(SetAsideKind::Control));
        }
        if envelopes < MAX_ENVELOPES {
            if let Some(detail @ Json::Object(_)) = members.get("detail") {
                return self.value(detail, is_replaced, envelopes + 1, sink);
            }
            let enveloped =
                TEXT_ENVELOPES.iter().find_map(|name| text(name).filter(|text| text.trim_start().starts_with('{')));
            if let Some(enveloped) = enveloped {
                let mut parser = Parser::new(enveloped.as_bytes());
                let Ok(inner) = parser.value(0) else {
                    return Ok(Verdict::Quarantine("the record inside the envelope is not JSON".into()));
                };
                let is_replaced = is_replaced || parser.has_replaced();
                return self.value(&inner, is_replaced, envelopes + 1, sink);
            }
        }
        Ok(Verdict::Quarantine("no CloudTrail record: eventName or eventTime is missing".into()))
    }

    fn record(&mut self, record: &Json<'_>, is_replaced: bool, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        let time_text = record.text_at("eventTime").unwrap_or_default();
        let Ok((event_time, nanos)) = Timestamp::parse_with_nanos(time_text) else {
            return Ok(Verdict::Quarantine("eventTime is no RFC 3339 time".into()));
        };
        if let Some(reason) = self.context.refuse_time(event_time) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        let context = self.context;
        let buffers = &mut self.buffers;
        buffers.raw.clear();
        json::write_without_secrets(record, &is_secret, &mut buffers.raw);

        let caller = record.get("userIdentity").and_then(|identity| identity.text_at("accountId")).and_then(stated);
        let recipient = record.text_at("recipientAccountId").and_then(stated);
        let account = recipient.or(caller.filter(|account| !actor::is_anonymous(account)));
        let (event_id, replaced_id) = event_id(record, &buffers.raw);
        let actor = actor::of(record);
        let resource = resource::of(record);
        let outcome = outcome::of(record);
        buffers.changes.clear();
        let has_changes =
            outcome.outcome == auditlake_event::Outcome::Success && changes::write(record, &mut buffers.changes);
        buffers.metadata.clear();
        let notes = metadata::Notes { replaced_id: replaced_id.as_deref(), is_replaced, keeps_raw: context.keep_raw };
        let has_metadata = metadata::write(record, &actor, &resource, &notes, &mut buffers.metadata);

        let event = Event {
            event_id: Cow::Borrowed(&event_id),
            event_time,
            event_time_nanos: stated_nanos(time_text, nanos),
            action: Cow::Borrowed(record.text_at("eventName").unwrap_or_default()),
            category: Some(category::of(record)),
            outcome: outcome.outcome,
            error_code: outcome.error_code.map(Cow::Borrowed),
            error_message: outcome.error_message.map(without_secrets),
            actor_id: actor.id.map(Cow::Borrowed),
            actor_type: actor.kind,
            actor_name: actor.name.map(Cow::Borrowed),
            actor_email: actor.email.map(Cow::Borrowed),
            actor_via: actor.via.map(Cow::Borrowed),
            resource_type: resource.kind.as_deref().map(Cow::Borrowed),
            resource_id: resource.id.as_deref().map(without_secrets),
            resource_name: resource.name.map(without_secrets),
            scope_type: account.map(|_| Cow::Borrowed("account")),
            scope_id: account.map(Cow::Borrowed),
            changes: has_changes.then_some(Cow::Borrowed(buffers.changes.as_str())),
            source_ip: record.text_at("sourceIPAddress").and_then(stated).map(Cow::Borrowed),
            user_agent: record.text_at("userAgent").filter(|text| stated(text).is_some()).map(without_secrets),
            service_name: record.text_at("eventSource").and_then(stated).map(Cow::Borrowed),
            request_id: record.text_at("requestID").and_then(stated).map(Cow::Borrowed),
            metadata: has_metadata.then_some(Cow::Borrowed(buffers.metadata.as_str())),
            raw: context.keep_raw.then_some(Cow::Borrowed(buffers.raw.as_str())),
            ..context.event(NAME, account)
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }
}

/// The event's id, and the source's own if that was too long to be it.
fn event_id<'r>(record: &'r Json<'_>, raw: &str) -> (Cow<'r, str>, Option<Cow<'r, str>>) {
    let Some(own) = record.text_at("eventID").and_then(stated) else {
        return (Cow::Owned(derived_id(NAME, raw)), None);
    };
    let mut id = Cow::Borrowed(own);
    if let Some(account) = record.text_at("recipientAccountId").and_then(stated) {
        id = Cow::Owned(format!("{own}:{account}"));
    }
    if let Some(addendum) = record.get("addendum")
        && addendum.text_at("reason") == Some("UPDATED_DATA")
        && addendum.text_at("originalEventID").is_none_or(|original| original == own)
    {
        id.to_mut().push_str(":updated");
    }
    own_id(NAME, id)
}
