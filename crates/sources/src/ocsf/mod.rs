//! `ocsf`: events of the Open Cybersecurity Schema Framework (<https://schema.ocsf.io>), as Amazon Security Lake and many pipelines
//! write them.
//!
//! # What is read
//!
//! - **JSON**: events one a line, in an array or in a list (`{"Records":[…]}`, `events`, `results`…); members that are objects by
//!   the schema may stand in a text, and that text in another, four deep.
//! - **Parquet**, as Security Lake has it: a column for each attribute, objects as structures. Maps (`unmapped`) are objects. See
//!   `../parquet_file/mod.rs` for what is done about broken files.
//!
//! An event is known by its class: `class_uid` beside `category_uid`, `type_uid` or `metadata.version`. Which classes are audit
//! records: `class.rs`. Anything else is quarantined.
//!
//! # How a record becomes an event
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `metadata.uid`, else `metadata.original_event_uid`. Without them: UUIDv5 over the source's name, a zero byte and the normalised record. Over 128 characters: UUIDv5 over the same with the id in the record's place, the id itself in `metadata.source_event_id`. `metadata.event_code` is none: it names a kind of event |
//! | `event_time`, `event_time_nanos` | `time`, else `time_dt`, see `time.rs` |
//! | `action` | `api.operation`, else class and activity (`Account Change: Create`), by name or number |
//! | `category` | the class and the activity, see `class.rs` |
//! | `outcome`, `error_…`, `http_status` | `status_id` and what stands beside it, see `outcome.rs` |
//! | `actor_…` | `actor`, of a sign-in `user`, see `actor.rs` |
//! | `resource_…` | what the class is about, see `resource.rs` |
//! | `scope_…` | `cloud.account.uid` (`account`), else a project, organization or `metadata.tenant_uid` |
//! | `changes` | a thing and its state afterwards, privileges and the like, see `changes.rs`; not of acts that failed or were denied |
//! | `source_ip` | `src_endpoint.ip`, canonical; nothing but an address |
//! | `user_agent`, `http_method`, `http_path` | `http_request` |
//! | `service_name`, `request_id` | `api.service.name` (of a sign-in `service.name`); `api.request.uid`, else `http_request.uid`, `metadata.correlation_uid` |
//! | `metadata` | see `metadata.rs`: all that no column holds, with and without `raw` |
//! | `raw` | the record, normalised, without secrets |
//!
//! The organization is that of the scope or of the caller's account (`actor.user.account.uid`), if the import has a table of them; else
//! the import's.
//!
//! # Copies of one event
//!
//! One event as JSON and as Parquet has one id, but times and numbers are written in other ways, so `raw` differs. An event that Security
//! Lake made of CloudTrail's record (`metadata.uid` is the `eventID`) is another event than that record read as `aws.cloudtrail`:
//! the source is part of what identifies an event. Import one of them.

mod actor;
mod changes;
mod class;
mod columns;
mod metadata;
mod outcome;
mod record;
mod resource;
mod sniff;
mod time;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::{Event, Outcome, address};

use crate::context::ImportContext;
use crate::decoding;
use crate::json::{self, Json};
use crate::parquet_file::{self, ParquetFormat};
use crate::reading::{Buffers, Verdict, look_at_head, read_json};
use crate::records::Format;
use crate::secret::{is_secret, without_secrets};
use crate::source::{Confidence, Counted, ReadError, Sink, Source, derived_id, own_id};
use crate::summary::Summary;

use self::class::Use;
use self::columns::is_column;
use self::record::Record;

pub(crate) use self::columns::has_columns;

/// The name in the column `source`.
pub const NAME: &str = "ocsf";

/// Lists in which events come. (Names that an event itself may have a list under are left to the envelopes.)
const LISTS: [&str; 4] = ["Records", "records", "Events", "events"];

const PARQUET: ParquetFormat = ParquetFormat {
    is_column,
    reason: "no OCSF Parquet: none of its columns is one of OCSF's, such as class_uid",
    maps_are_objects: true,
};

/// The source `ocsf`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct Ocsf;

impl Source for Ocsf {
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
        let mut reading = Reading { context, buffers: Buffers::default() };
        match look_at_head(input, sink, parquet_file::is_parquet) {
            Ok(true) => parquet_file::read(input, context, &PARQUET, sink, &mut |row, is_replaced, sink| {
                reading.value(row, is_replaced, 0, sink)
            }),
            Ok(false) => {
                let format =
                    Format { lists: &LISTS, marker: b"{\"activity_id\"", max_record_bytes: context.max_record_bytes };
                read_json(input, format, sink, &mut |value, is_replaced, sink| reading.value(value, is_replaced, 0, sink))
            }
            Err(ended) => ended,
        }
    }
}

struct Reading<'c> {
    context: &'c ImportContext,
    buffers: Buffers,
}

impl Reading<'_> {
    /// Judges a record; `texts`: how many layers of text were taken off its members.
    fn value(
        &mut self,
        value: &Json<'_>,
        is_replaced: bool,
        texts: usize,
        sink: &mut Counted<'_>,
    ) -> Result<Verdict, ReadError> {
        if value.members().is_none() {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        }
        if !record::is_ocsf(value) && texts == 0 && value.get("class_uid").is_none() {
            return Ok(Verdict::Quarantine("no OCSF event: class_uid is missing".into()));
        }
        if texts < decoding::MAX_LAYERS
            && let (Some(decoded), was_replaced) = decoding::decoded(value, &record::is_structured)
        {
            return self.value(&decoded, is_replaced || was_replaced, texts + 1, sink);
        }
        if !record::is_ocsf(value) {
            let reason = "no OCSF event: beside class_uid neither category_uid, type_uid nor metadata.version";
            return Ok(Verdict::Quarantine(reason.into()));
        }
        self.record(&Record::new(value), is_replaced, sink)
    }

    fn record(&mut self, record: &Record<'_>, is_replaced: bool, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        let Some(class) = class::uid(record) else {
            return Ok(Verdict::Quarantine("class_uid is no number".into()));
        };
        match class::usage(record, class, class::category(record, class)) {
            Use::Event => {}
            Use::SetAside(kind) => return Ok(Verdict::SetAside(kind)),
            Use::Quarantine(reason) => return Ok(Verdict::Quarantine(reason.into())),
        }
        let time = match time::of(record) {
            Ok(time) => time,
            Err(reason) => return Ok(Verdict::Quarantine(reason.into())),
        };
        if let Some(reason) = self.context.refuse_time(time.time) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        let context = self.context;
        let buffers = &mut self.buffers;
        buffers.raw.clear();
        json::write_without_secrets(record.json, &is_secret, &mut buffers.raw);

        let own = record.first(&[&["metadata", "uid"], &["metadata", "original_event_uid"]]);
        let (event_id, replaced_id) = match own {
            Some(own) => own_id(NAME, without_secrets(own)),
            None => (Cow::Owned(derived_id(NAME, &buffers.raw)), None),
        };
        let action = class::action(record, class);
        let ending = outcome::of(record, class);
        let actor = actor::of(record, class);
        let resource = resource::of(record, class);
        let accounts: [&[&str]; 2] = [&["cloud", "account", "uid"], &["actor", "user", "account", "uid"]];
        let is_in_table = |account: &&str| context.account_organizations.contains_key(*account);
        let mapped = accounts.iter().filter_map(|path| record.said(path)).map(|said| said.text).find(is_in_table);
        let scope = resource::scope(record);
        let account = mapped.or(scope.map(|(_, id)| id));

        let url = record.text(&["http_request", "url", "path"]);
        let source_ip = address_of(record);
        let service: &[&[&str]] = if class == 3002 {
            &[&["api", "service", "name"], &["service", "name"]]
        } else {
            &[&["api", "service", "name"]]
        };
        let request: [&[&str]; 3] = [&["api", "request", "uid"], &["http_request", "uid"], &["metadata", "correlation_uid"]];
        let column = |text: Option<&str>| text.map(|text| Cow::Owned(without_secrets(text).into_owned()));
        let user_agent = record.text(&["http_request", "user_agent"]);
        let http_method = record.text(&["http_request", "http_method"]);
        let (service_name, request_id) = (record.first(service), record.first(&request));

        buffers.changes.clear();
        let may_have_changed = matches!(ending.outcome, Outcome::Success | Outcome::Unknown);
        let has_changes = may_have_changed && changes::write(record, class, &mut buffers.changes);
        buffers.metadata.clear();
        let notes = metadata::Notes { replaced_id: replaced_id.as_deref(), is_replaced, keeps_raw: context.keep_raw };
        let has_metadata = metadata::write(record, &resource, &notes, &mut buffers.metadata);
        let event = Event {
            event_id,
            event_time: time.time,
            event_time_nanos: time.nanos,
            action: without_secrets(&action),
            category: Some(class::event_category(record, class)),
            outcome: ending.outcome,
            error_code: column(ending.error_code),
            error_message: column(ending.error_message),
            actor_id: column(actor.id),
            actor_type: actor.kind,
            actor_name: column(actor.name),
            actor_email: column(actor.email),
            actor_via: column(actor.via),
            resource_type: column(resource.kind),
            resource_id: column(resource.id),
            resource_name: column(resource.name),
            scope_type: scope.map(|(kind, _)| Cow::Borrowed(kind)),
            scope_id: column(scope.map(|(_, id)| id)),
            changes: has_changes.then_some(Cow::Borrowed(buffers.changes.as_str())),
            source_ip,
            user_agent: column(user_agent),
            service_name: column(service_name),
            request_id: column(request_id),
            http_method: column(http_method),
            http_path: column(url),
            http_status: ending.http_status,
            metadata: has_metadata.then_some(Cow::Borrowed(buffers.metadata.as_str())),
            raw: context.keep_raw.then_some(Cow::Borrowed(buffers.raw.as_str())),
            ..context.event(NAME, account)
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }
}

/// The caller's address. What stands there and is none, such as the name of a service, stays in the metadata.
fn address_of(record: &Record<'_>) -> Option<Cow<'static, str>> {
    let said = record.said(&["src_endpoint", "ip"])?;
    let address = address::first_address(said.text);
    address.parse::<std::net::IpAddr>().ok()?;
    if !address::is_list(said.text) {
        record.tell(said);
    }
    Some(Cow::Owned(address.into_owned()))
}
