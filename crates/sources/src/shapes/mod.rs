//! `cloudevents`, `workos`, `retraced` and `auditlake`: events in JSON shapes that `POST /v1/events` takes too.
//!
//! Which member becomes which column, and what an event must satisfy, is the door's own: [`auditlake_event::shapes`] and
//! [`auditlake_event::input`]. What differs from a posted event:
//!
//! | | posted | imported |
//! |---|---|---|
//! | `source` | `api` | the shape's name |
//! | secrets | as the client sends them | the values of members named like a secret, and secrets in URLs, are `[redacted]` in every column |
//! | half a surrogate pair, invalid UTF-8 | refused | U+FFFD, and `metadata.unicode_replaced` |
//! | the id of a CloudEvent | its `id` | `<source>\|<id>` (unique only together); derived from both if that is too long |
//! | the id of an event that states none | random, or from the request's key | UUIDv5 over the source's name, a zero byte and the normalised record |
//! | organization | the caller's | the import's, or that of its table of accounts for WorkOS's `organization_id`, Retraced's `group.id`, or an `organization` of ours. One that is stated and is another goes to quarantine |
//! | `raw` | – | the normalised record, without secrets |
//!
//! A lake is moved with [`ImportContext::keep_organizations`]: see `moved.rs`.
//!
//! Read are single events, events one after the other or one a line, arrays, and `{"events":[…]}`.

mod moved;
mod sniff;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::input::{DoorContext, FieldError, Lookalikes, read_converted};
use auditlake_event::shapes::{Converted, ForeignShape, OwnId};
use auditlake_event::{Event, Organization};

use crate::context::ImportContext;
use crate::json::{self, Json};
use crate::reading::{Verdict, look_at_head, read_json};
use crate::records::Format;
use crate::secret::is_secret;
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id};
use crate::summary::Summary;

/// CloudEvents 1.0 around any event.
pub const CLOUDEVENTS: ShapeSource =
    ShapeSource { name: "cloudevents", shape: ForeignShape::CloudEvents, marker: b"{\"specversion\"" };
/// WorkOS Audit Logs.
pub const WORKOS: ShapeSource = ShapeSource { name: "workos", shape: ForeignShape::WorkOs, marker: b"{\"action\"" };
/// Retraced.
pub const RETRACED: ShapeSource = ShapeSource { name: "retraced", shape: ForeignShape::Retraced, marker: b"{\"action\"" };
/// Our own JSON: what a lake answered, or what was spooled to be posted.
pub const AUDITLAKE: ShapeSource =
    ShapeSource { name: "auditlake", shape: ForeignShape::Exported, marker: b"{\"event_id\"" };

/// What stands between `source` and `id` of a CloudEvent in an event's id: no URI reference holds it.
const ID_SEPARATOR: char = '|';

/// A source of events in one shape; see the module's page.
#[derive(Debug, Clone, Copy)]
pub struct ShapeSource {
    name: &'static str,
    shape: ForeignShape,
    /// How a record usually begins.
    marker: &'static [u8],
}

impl Source for ShapeSource {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sniff(&self, head: &[u8], _: &str) -> Confidence {
        sniff::confidence(self.shape, head)
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let is_list = match look_at_head(input, sink, sniff::is_list) {
            Ok(is_list) => is_list,
            Err(ended) => return ended,
        };
        // An event may have an array of this name itself.
        let lists: &[&str] = if is_list { &["events"] } else { &[] };
        let format = Format { lists, marker: self.marker, max_record_bytes: context.max_record_bytes };
        let mut raw = String::new();
        read_json(input, format, sink, &mut |value, is_replaced, sink| {
            self.record(value, is_replaced, context, &mut raw, sink)
        })
    }
}

impl ShapeSource {
    fn record(
        &self,
        value: &Json<'_>,
        is_replaced: bool,
        context: &ImportContext,
        raw: &mut String,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        if value.members().is_none() {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        }
        if let Some(reason) = self.refusal(value) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        raw.clear();
        if context.keep_organizations && self.shape == ForeignShape::Exported && moved::is_of_a_lake(value) {
            return match moved::event(value, context) {
                Ok(event) => {
                    sink.event(&event)?;
                    Ok(Verdict::Event)
                }
                Err(reason) => Ok(Verdict::Quarantine(reason.into())),
            };
        }
        json::write_without_secrets(value, &is_secret, raw);
        let event = self.shape.convert(raw).and_then(|converted| self.event(converted, is_replaced, context, raw));
        match event {
            Ok(event) => {
                sink.event(&event)?;
                Ok(Verdict::Event)
            }
            // Without what stands around it, the event inside would be another one: of no organization, with another id.
            Err(errors) if self.is_wrapped(value) => Ok(Verdict::Refused(reason(&errors).into())),
            Err(errors) => Ok(Verdict::Quarantine(reason(&errors).into())),
        }
    }

    /// Whether a record is an event of WorkOS as its API takes it: in `event`, beside its organization and its key.
    fn is_wrapped(&self, value: &Json<'_>) -> bool {
        let has = |name: &str| value.get(name).is_some();
        self.shape == ForeignShape::WorkOs
            && value.get("event").is_some_and(|event| event.get("targets").is_some())
            && ["organization_id", "organizationId", "idempotency_key", "idempotencyKey"].iter().any(|name| has(name))
    }

    /// Why a record is none of this shape though some of its members are called so. WorkOS demands `targets`, which may be empty;
    /// audit logs of others have `occurred_at`, `actor` and a `target`, and who, what and how it ended stand elsewhere there.
    fn refusal(&self, value: &Json<'_>) -> Option<&'static str> {
        if self.shape != ForeignShape::WorkOs {
            return None;
        }
        let has_time = |event: &Json<'_>| ["occurred_at", "occurredAt"].iter().any(|name| event.get(name).is_some());
        let event = value.get("event").filter(|event| event.members().is_some() && !has_time(value)).unwrap_or(value);
        let is_other = has_time(event) && event.get("targets").is_none();
        is_other.then_some("no WorkOS event: targets is missing")
    }

    fn event<'r>(
        &self,
        mut converted: Converted,
        is_replaced: bool,
        context: &'r ImportContext,
        raw: &'r str,
    ) -> Result<Event<'r>, Vec<FieldError>> {
        if is_replaced {
            converted.mark_unicode_replaced();
        }
        let keeps_organization = context.keep_organizations && self.shape == ForeignShape::Exported;
        let organization = if keeps_organization { None } else { Some(organization(&mut converted, context)) };
        let event_id = self.event_id(&converted, raw);
        let door = DoorContext {
            lead_ms: context.lead_ms,
            source: self.name,
            event_id: Some(&event_id),
            // What was exported or spooled is taken as it is.
            lookalikes: Lookalikes::Keep,
            max_event_bytes: usize::MAX,
            ..DoorContext::api(context.received_time, &context.region, organization)
        };
        // No id is made at random: one is known.
        let event = read_converted(&converted, 0, &door, &mut || [0; 10])?;
        Ok(Event { raw: context.keep_raw.then_some(Cow::Borrowed(raw)), ..event })
    }

    fn event_id(&self, converted: &Converted, raw: &str) -> String {
        match converted.own_id() {
            Some(OwnId::Event(id)) => id.clone(),
            Some(OwnId::Envelope { source, id }) if source.contains(ID_SEPARATOR) => {
                derived_id(self.name, &format!("{source}\0{id}"))
            }
            Some(OwnId::Envelope { source, id }) => {
                // Both are in the metadata, should the one be replaced.
                let (event_id, _) = own_id(self.name, Cow::Owned(format!("{source}{ID_SEPARATOR}{id}")));
                event_id.into_owned()
            }
            None => derived_id(self.name, raw),
        }
    }
}

/// The organization of an event. One that is known by a table need not be stated as it is called here.
fn organization<'c>(converted: &mut Converted, context: &'c ImportContext) -> &'c Organization {
    let known = |name: Option<&str>| name.and_then(|name| context.account_organizations.get(name));
    match known(converted.account()).or(known(converted.organization())) {
        Some(organization) => {
            converted.remove_organization();
            organization
        }
        None => &context.organization,
    }
}

fn reason(errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
    texts.join("; ")
}
