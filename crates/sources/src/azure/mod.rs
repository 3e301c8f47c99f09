//! `azure.storage`: the resource logs of Azure Storage, and the other audit logs that Azure Monitor delivers in the same
//! form.
//!
//! # What is read
//!
//! Lines of JSON (the append blobs `…/PT1H.json` of a diagnostic setting), arrays, `{"records":[…]}` (Event Hubs), the
//! answers of the REST API and the Microsoft Graph (`{"value":[…]}`), single records, and any of these as text in
//! `message`, `log` or `_raw` of a collector's line, or as an object in `data`; rows of Log Analytics, as a workspace exports
//! them and as its query API answers (`{"tables":[{"columns":…,"rows":…}]}`), see `row.rs`. Names of members count in any case;
//! members that are structures may be JSON in a text (`decoding.rs`).
//!
//! Events are: requests to storage (`StorageRead`, `StorageWrite`, `StorageDelete`); operations of the Activity log
//! (`Administrative`, `Policy`, `Security`, `Autoscale`; those of Privileged Identity Management by `privileged.rs`), on key
//! vaults (`AuditEvent`) and on namespaces of Event Hubs and Service Bus (`OperationalLogs`); of Entra ID: audit logs, sign-ins,
//! findings of Entra ID Protection; requests to the Microsoft Graph (`graph.rs`) and to the API server of a Kubernetes cluster
//! (`kubernetes.rs`). A record of any other log is an event if it says what was done, when, and something about by whom
//! (`other.rs`), else it goes to quarantine. Set aside is only what is known to say nothing of what anybody did: metrics, and
//! the categories and tables listed in `not_audit.rs`. `shape.rs` has the rules. Anything else is quarantined.
//!
//! # How a record becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | storage: `<correlationId>:<operationName>`, and `:<operationCount>` where it is stated (one request may write several records); of SMB `:<smbMessageID>` too. Activity log as the REST API answers: `eventDataId`. Entra ID: the record's own id in `properties.id`. Elsewhere, and where these are missing: UUIDv5 over the source's name, a zero byte and the normalised record. Over 128 characters: UUIDv5 over the same with the id in the record's place, the id itself in `metadata.source_event_id`. Never by position: a longer copy of a growing blob gives the same ids |
//! | `event_time` | `time` (or `eventTimestamp`, `EventTimeString`, `activityDateTime`, `TimeGenerated` of a row, `properties.timeGenerated` where the record has none); of a sign-in `properties.createdDateTime`, when it began, where that is stated. The forms of `time.rs`, exactly |
//! | `action` | `operationName` (its `value`); `EventName` of namespaces |
//! | `category` | by the tables in `storage.rs`, `activity.rs` and `directory.rs` |
//! | `outcome`, `error_code`, `error_message`, `http_status` | by the table in `outcome.rs` |
//! | `actor_…` | storage: `storage.rs`; operations: claims, `claims.rs`; Entra ID: `initiatedBy` or who signed in, `directory.rs` |
//! | `resource_…` | storage: the path `/<account>/<container>/<blob>`, `storage_resource.rs`; operations: `resourceId`; Entra ID: the first of `targetResources`, what a sign-in was for |
//! | `scope_type`, `scope_id` | `storage_account`; `subscription`; `tenant` |
//! | `changes` | `properties.requestbody` of a successful operation (after only); `modifiedProperties` of Entra ID (before and after) |
//! | `source_ip` | `callerIpAddress` without its port, canonical; else the address that `properties`, the request or the token states |
//! | `user_agent` | `userAgentHeader`, `userAgent`, `clientInfo` |
//! | `service_name` | the resource provider; `loggedByService` of Entra ID |
//! | `request_id` | `correlationId` |
//! | `http_method`, `http_path` | `httpRequest`; the path of `uri` |
//! | `metadata` | see `metadata.rs` |
//! | `raw` | the record, normalised, without secrets; members that were JSON in a text as the object they are |
//!
//! The organization is the import's, or the one that its table has for the storage account, the subscription or the tenant,
//! the first that it has.
//!
//! # Secrets
//!
//! Secrets are taken out before anything is read, see `redaction.rs`: signatures in URLs (`sig=`), values of members named
//! like a secret, also where JSON stands as text. Hashes of tokens and keys are no secrets: they say which credential it
//! was.

mod activity;
mod address;
mod changes;
mod claims;
mod directory;
mod facts;
mod graph;
mod kubernetes;
mod metadata;
mod not_audit;
mod other;
mod outcome;
mod privileged;
mod record;
mod redaction;
mod row;
mod shape;
mod sniff;
mod storage;
mod storage_resource;
mod structured;
mod time;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::Event;
use auditlake_event::address::is_list;

use crate::context::ImportContext;
use crate::decoding;
use crate::json::{self, Json, Parser};
use crate::names::Names;
use crate::reading::{Verdict, read_json};
use crate::records::Format;
use crate::secret::is_secret;
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id};
use crate::summary::Summary;

use facts::Facts;
use record::{ArmId, Record};
use shape::{Log, Shape};

/// The name in the column `source`.
pub const NAME: &str = "azure.storage";

/// How many envelopes may lie around a record.
const MAX_ENVELOPES: usize = 3;
/// Where a collector puts what it was sent, as text.
const TEXT_ENVELOPES: [&str; 3] = ["message", "log", "_raw"];
/// Names of the arrays that hold records.
const LISTS: &[&str] = &["records", "Records", "value", "tables", "Tables"];

/// The source `azure.storage`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct AzureStorage;

impl Source for AzureStorage {
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
        let format = Format { lists: LISTS, marker: b"{\"time\"", max_record_bytes: context.max_record_bytes };
        let mut reading = Reading { context, raw: String::new(), metadata: String::new() };
        read_json(input, format, sink, &mut |value, is_replaced, sink| {
            reading.value(value, Layers { is_replaced, ..Layers::default() }, sink)
        })
    }
}

struct Reading<'c> {
    context: &'c ImportContext,
    /// Texts made for one event, kept to be used again for the next.
    raw: String,
    metadata: String,
}

/// What was taken off before a value was reached.
#[derive(Debug, Clone, Copy, Default)]
struct Layers {
    /// Envelopes around it.
    envelopes: usize,
    /// Texts that its members stood in.
    texts: usize,
    /// Whether characters had to be replaced.
    is_replaced: bool,
}

impl Reading<'_> {
    fn value(&mut self, value: &Json<'_>, layers: Layers, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        if value.members().is_none() {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        }
        if let Some((columns, rows)) = row::rows_of_table(value)
            && layers.envelopes < MAX_ENVELOPES
        {
            return self.table(&columns, rows, layers, sink);
        }
        if layers.texts < decoding::MAX_LAYERS
            && let (Some(decoded), is_replaced) = decoding::decoded(value, &structured::is_structured)
        {
            let is_replaced = layers.is_replaced || is_replaced;
            return self.value(&decoded, Layers { texts: layers.texts + 1, is_replaced, ..layers }, sink);
        }
        let record = Record::new(value);
        match shape::of(&record) {
            Shape::NotAudit(kind) => Ok(Verdict::SetAside(kind)),
            Shape::Record(log) => {
                let properties = record.get("properties").filter(|_| lies_in_properties(&record, log));
                if properties.is_some_and(|properties| properties.members().is_none()) {
                    return Ok(Verdict::Quarantine("properties is no JSON object".into()));
                }
                let redacted = redaction::redacted(value);
                self.record(&Record::new(redacted.as_ref().unwrap_or(value)), log, layers.is_replaced, sink)
            }
            Shape::Unknown if layers.envelopes < MAX_ENVELOPES => self.envelope(value, layers, sink),
            Shape::Unknown => Ok(not_azure()),
        }
    }

    /// Looks for records inside a value that is none.
    fn envelope(&mut self, value: &Json<'_>, layers: Layers, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        let layers = Layers { envelopes: layers.envelopes + 1, texts: 0, ..layers };
        if let Some(data) = value.get("data").filter(|data| data.members().is_some()) {
            return self.value(data, layers, sink);
        }
        let text = |name: &&str| value.text_at(name).filter(|text| text.trim_start().starts_with(['{', '[']));
        let Some(text) = TEXT_ENVELOPES.iter().find_map(text) else { return Ok(not_azure()) };
        let mut parser = Parser::new(text.as_bytes());
        let Ok(inner) = parser.value(0) else {
            return Ok(Verdict::Quarantine("the record inside the envelope is not JSON".into()));
        };
        let layers = Layers { is_replaced: layers.is_replaced || parser.has_replaced(), ..layers };
        let listed = LISTS.iter().find_map(|name| inner.get(name)).map(Json::elements).unwrap_or_default();
        let listed = if listed.is_empty() { inner.elements() } else { listed };
        if listed.is_empty() {
            return self.value(&inner, layers, sink);
        }
        let mut together = Verdict::Event;
        for record in listed {
            together = worst(together, self.value(record, layers, sink)?);
        }
        Ok(together)
    }

    /// Reads a table of the query API, row by row.
    fn table(
        &mut self,
        columns: &[&str],
        rows: &[Json<'_>],
        layers: Layers,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let layers = Layers { envelopes: layers.envelopes + 1, ..layers };
        let mut together = Verdict::Event;
        for row in rows {
            let judged = match row::record_of(columns, row) {
                Some(record) => self.value(&record, layers, sink)?,
                None => Verdict::Quarantine("a row of the table has other cells than its columns".into()),
            };
            together = worst(together, judged);
        }
        Ok(together)
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        log: Log,
        is_replaced: bool,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        let Some((member, time_text)) = stated_time(record, log) else {
            return Ok(Verdict::Quarantine("time is missing".into()));
        };
        let Some((event_time, event_time_nanos)) = time::parse(time_text) else {
            return Ok(Verdict::Quarantine(format!("{member} is no time in a known form").into()));
        };
        if let Some(reason) = self.context.refuse_time(event_time) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        let (facts, known) = match read(record, log) {
            Ok(read) => read,
            Err(reason) => return Ok(Verdict::Quarantine(reason)),
        };
        if facts.action.is_empty() {
            return Ok(Verdict::Quarantine("operationName is missing".into()));
        }
        let context = self.context;
        self.raw.clear();
        json::write_without_secrets(record.whole, &is_secret, &mut self.raw);
        let (event_id, replaced_id) = match facts.id {
            Some(id) => own_id(NAME, id),
            None => (Cow::Owned(derived_id(NAME, &self.raw)), None),
        };
        let Facts { mut metadata, actor, resource, ending, scope, .. } = facts;
        let caller = facts.caller_address;
        metadata.text("forwarded_for", caller.filter(|caller| is_list(caller)));
        let (scope_type, scope_id) = scope.unzip();
        let account = account_of(context, record, scope_id.as_deref());

        let mut event = Event {
            event_id,
            event_time,
            event_time_nanos,
            action: facts.action,
            category: facts.category,
            outcome: ending.outcome,
            error_code: ending.error_code,
            error_message: ending.error_message,
            actor_id: actor.id.map(Cow::Borrowed),
            actor_type: actor.kind,
            actor_name: actor.name.map(Cow::Borrowed),
            actor_email: actor.email.map(Cow::Borrowed),
            actor_via: actor.via.map(Cow::Borrowed),
            resource_type: resource.kind,
            resource_id: resource.id,
            resource_name: resource.name,
            scope_type: scope_type.map(Cow::Borrowed),
            scope_id,
            changes: facts.changes.as_deref().map(Cow::Borrowed),
            source_ip: caller.map(address::caller_address),
            user_agent: facts.user_agent.map(Cow::Borrowed),
            service_name: facts.service_name.map(Cow::Borrowed),
            request_id: facts.request_id.map(Cow::Borrowed),
            http_method: facts.http_method.map(Cow::Borrowed),
            http_path: facts.http_path.map(Cow::Borrowed),
            http_status: ending.http_status,
            raw: context.keep_raw.then_some(Cow::Borrowed(self.raw.as_str())),
            ..context.event(NAME, account.as_deref())
        };
        let notes = metadata::Notes {
            known,
            event: &event,
            time_member: member,
            replaced_id,
            is_replaced,
            keeps_raw: context.keep_raw,
        };
        self.metadata.clear();
        let has_metadata = metadata::write(record, metadata, notes, &mut self.metadata);
        event.metadata = has_metadata.then_some(Cow::Borrowed(self.metadata.as_str()));
        sink.event(&event)?;
        Ok(Verdict::Event)
    }
}

fn not_azure() -> Verdict {
    Verdict::Quarantine("no record of Azure: category and resourceId name none of its logs".into())
}

/// What becomes of several records that stand in one: each that is an event is one; for all others the whole stands, once, as
/// the first of them was judged, or the first that is broken.
fn worst(together: Verdict, judged: Verdict) -> Verdict {
    match (&together, &judged) {
        (Verdict::Quarantine(_), _) => together,
        (Verdict::Event, _) | (_, Verdict::Quarantine(_)) => judged,
        _ => together,
    }
}

/// Whether what a record of this log says stands in its `properties`. Of the other logs it stands beside them.
fn lies_in_properties(record: &Record<'_>, log: Log) -> bool {
    !record.is_row
        && matches!(log, Log::Directory | Log::SignIn | Log::Risk | Log::Graph | Log::Privileged | Log::Kubernetes)
}

/// Where a record says when it happened, and what it says.
fn stated_time<'r>(record: &Record<'r>, log: Log) -> Option<(&'static str, &'r str)> {
    let of_body = |name: &'static str| Some((name, record::text_at(record.body(), name)?));
    let of_record = || record.first_of(&["time", "eventTimestamp", "EventTimeString"]);
    let of_properties = |name: &'static str| Some((name, record.property_text(name)?));
    let stated = match log {
        Log::SignIn => of_body("createdDateTime").or_else(of_record),
        Log::Directory => of_record().or_else(|| of_body("activityDateTime")),
        Log::Risk => of_record().or_else(|| of_body("detectedDateTime")),
        _ => of_record(),
    };
    stated.or_else(|| of_properties("timeGenerated")).or_else(|| {
        let others = ["eventTime", "eventTimestamp", "timestamp", "time"];
        others.into_iter().filter(|_| log == Log::Other).find_map(of_properties)
    })
}

/// Reads a record, and says which of its members its log knows. Fails with the reason if it is no event.
fn read<'r>(record: &Record<'r>, log: Log) -> Result<(Facts<'r>, &'static Names), Cow<'static, str>> {
    Ok(match log {
        Log::Storage => (storage::read(record), &storage::KNOWN),
        Log::KeyVault => (activity::read_key_vault(record), &activity::KNOWN),
        Log::Namespace => (activity::read_namespace(record), &activity::KNOWN_OF_NAMESPACE),
        Log::Directory => (directory::read(record), &directory::KNOWN),
        Log::SignIn => (directory::read_sign_in(record), &directory::KNOWN_OF_SIGN_IN),
        Log::Risk => (directory::read_risk(record), &directory::KNOWN_OF_RISK),
        Log::Activity => (activity::read(record), &activity::KNOWN),
        Log::Privileged => (privileged::read(record), &activity::KNOWN),
        Log::Graph => (graph::read(record), &graph::KNOWN),
        Log::Kubernetes => (kubernetes::read(record)?, &kubernetes::KNOWN),
        Log::Other => (other::read(record)?, &other::KNOWN),
    })
}

/// The account that the import's table of organizations has: the first of scope, subscription and tenant. Azure writes its
/// ids in any case, the table has them as they are or in lower case.
fn account_of(context: &ImportContext, record: &Record<'_>, scope_id: Option<&str>) -> Option<String> {
    let table = &context.account_organizations;
    if table.is_empty() {
        return None;
    }
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    let subscription = arm.subscription.or_else(|| record.text("subscriptionId"));
    let tenants = [arm.tenant, record.text("tenantId")];
    let candidates = [scope_id, subscription].into_iter().chain(tenants).flatten();
    candidates.flat_map(|id| [id.to_owned(), id.to_ascii_lowercase()]).find(|id| table.contains_key(id))
}
