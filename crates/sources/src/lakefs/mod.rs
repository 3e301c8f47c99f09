//! `lakefs`: who called lakeFS, by its audit table or its log.
//!
//! # What is read
//!
//! - **The audit table of lakeFS Cloud**: Parquet files, `etl/v1/data/region=…/organization=org-…/year=…/…-snappy.parquet`. A
//!   record is a row. Columns are found by name, in any order and of any fitting type; see `../parquet_file/mod.rs` for what
//!   is done about broken files. Rows as JSON (`{"data_operation_id":…}`) are read as well.
//! - **The log of lakeFS Enterprise and open source** in its JSON format: the lines with the message `HTTP call ended`, also
//!   shipped on by a collector that puts the line as text into `message`, `log` or `_raw`, and in CloudWatch Logs envelopes.
//!   The server's other lines are set aside. (Open source writes these lines at the level `debug` unless configured
//!   otherwise, and `request_id`, `service_name`, `client` and `sent_bytes` only with lakeFS's advanced authentication.)
//!
//! # How a record becomes an event
//!
//! | column | from (a row; a line has the same names without `data_`) |
//! |---|---|
//! | `event_id` | `data_request_id`. Without it: UUIDv5 over the source's name, a zero byte and the normalised record. Over 128 characters: UUIDv5 over the same with the id in the record's place, the id itself in `metadata.source_event_id` |
//! | `event_time` | `data_time`: the start of the request in a row, its end in a line |
//! | `action` | `data_operation_id`, folded to snake case; where only a path is stated `http_` and the method (`http_put`) |
//! | `category` | by the table in `operation.rs` |
//! | `outcome`, `http_status` | `data_status_code`, see `outcome.rs`. There is no error code and no message |
//! | `actor_id`, `actor_type` | `data_user`, as it is: lakeFS's id of the user, or the identity provider's. A row without it, or a line where it is empty: `anonymous` (sign-in, health checks); a line that lacks it says nothing about who called: older servers never wrote it. lakeFS does not say what kind of actor a user is |
//! | `resource_…`, `scope_…` | the path, see `target.rs`: `lakefs:object`, `lakefs:branch`, `lakefs:tag`, `lakefs:commit`, `lakefs:ref` (one of these three, or an expression), `lakefs:repository`, `lakefs:pull_request`, `lakefs:action_run`, `lakefs:user`, `lakefs:group`, `lakefs:policy`, `lakefs:credentials`. The id is the lakeFS URI where there is one. `scope_type` is `repository` |
//! | `service_name`, `request_id`, `http_method` | `data_service_name`, `data_request_id`, `data_method` |
//! | `http_path` | `data_path`, unless it is the path of an object (object operations of the S3 gateway): that is `metadata.path` |
//! | `source_ip` | a line's `source_ip` without its port: the other end of the connection. Rows do not say |
//! | `user_agent` | a line's `client`: the header `X-Lakefs-Client`, else `User-Agent`. Rows do not say |
//! | `changes` | none: lakeFS says neither before nor after |
//! | `metadata` | see `metadata.rs` |
//! | `raw` | the record as JSON, normalised, without secrets; a row's null columns are left out |
//!
//! The organization is the import's, or that of the object name's `organization=` if the import has a table of them, by its
//! name with or without `org-`.
//!
//! # Secrets, and copies of one record
//!
//! Signatures and tokens in paths are replaced by `[redacted]` as everywhere. A server that logs at the level `trace` adds the
//! bodies and headers of requests and answers, with the passwords and tokens in them: these four members are replaced as a
//! whole. The same request in the table and in the log has one id but two times, and stays two events.

mod metadata;
mod object_name;
mod operation;
mod outcome;
mod peer;
mod record;
mod target;
mod time;

use std::borrow::Cow;
use std::io::BufRead;

use auditlake_event::{ActorType, Event};

use crate::absent::stated;
use crate::context::ImportContext;
use crate::json::{self, Json, Parser};
use crate::parquet_file::{self, ParquetFormat};
use crate::reading::{Buffers, Verdict, look_at_head, read_json};
use crate::records::Format;
use crate::secret::without_secrets;
use crate::source::{Confidence, Counted, ReadError, Sink, Source, contains, contains_any_case, derived_id, own_id};
use crate::summary::{SetAsideKind, Summary};

use object_name::ObjectName;
use record::{METHOD, OPERATION_ID, PATH, REQUEST_ID, Record, SERVICE_NAME, STATUS_CODE, TIME, is_column, is_secret};

/// The name in the column `source`.
pub const NAME: &str = "lakefs";

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;
/// How many envelopes may lie around a line.
const MAX_ENVELOPES: usize = 3;
/// Where a collector puts a line as text.
const TEXT_ENVELOPES: [&str; 3] = ["message", "log", "_raw"];
/// The message of the lines that tell of requests.
const CALL_ENDED: &str = "HTTP call ended";
/// Columns by which a row is known wherever it stands.
const ROW_MARKS: [&str; 2] = ["data_operation_id", "data_request_id"];
/// The audit table's files.
const PARQUET: ParquetFormat = ParquetFormat {
    is_column,
    reason: "no lakeFS audit Parquet: none of its columns is one of lakeFS's, such as data_operation_id",
    maps_are_objects: false,
};

/// The source `lakefs`; see the module's page for what it reads.
#[derive(Debug, Clone, Copy)]
pub struct LakeFs;

impl Source for LakeFs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, head: &[u8], object_name: &str) -> Confidence {
        let has = |text: &str| contains(head.get(..SNIFFED_BYTES).unwrap_or(head), text.as_bytes());
        if parquet_file::is_parquet(head) {
            return sniff_parquet(head, object_name);
        }
        let is_json = head.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['));
        let is_row = ROW_MARKS.iter().all(|name| has(name));
        if is_json && (is_row || (has(CALL_ENDED) && has("status_code"))) {
            return Confidence::Certain;
        }
        // The server's lines before the first request: logrus with the caller's place, which is in lakeFS's packages.
        let is_logrus = ["\"level\":", "\"msg\":", "\"func\":\"pkg/"].iter().all(|text| has(text));
        if is_json && is_logrus && contains_any_case(object_name, "lakefs") {
            return Confidence::Likely;
        }
        Confidence::None
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        object_name: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let object_name = ObjectName::parse(object_name);
        let mut reading = Reading { context, object_name: &object_name, buffers: Buffers::default() };
        let is_parquet = match look_at_head(input, sink, parquet_file::is_parquet) {
            Ok(is_parquet) => is_parquet,
            Err(ended) => return ended,
        };
        if is_parquet {
            return parquet_file::read(input, context, &PARQUET, sink, &mut |row, is_replaced, sink| {
                reading.record(&Record::row(row), is_replaced, sink)
            });
        }
        let format =
            Format { lists: &["logEvents", "events"], marker: b"{\"client\"", max_record_bytes: context.max_record_bytes };
        read_json(input, format, sink, &mut |value, is_replaced, sink| reading.value(value, is_replaced, 0, sink))
    }
}

/// Whether these are the columns of an audit table.
pub(crate) fn has_columns(names: &[String]) -> bool {
    ROW_MARKS.iter().all(|mark| names.iter().any(|name| name == mark))
}

/// Parquet says what its columns are only at its end, so mostly the name has to decide.
fn sniff_parquet(head: &[u8], object_name: &str) -> Confidence {
    if ROW_MARKS.iter().all(|name| contains(head, name.as_bytes())) {
        return Confidence::Certain;
    }
    // The whole file lies before us, and these columns are not in it.
    if parquet_file::is_whole(head) {
        return Confidence::None;
    }
    let is_in_an_audit_table = object_name.contains("organization=") && object_name.ends_with(".parquet");
    if is_in_an_audit_table || contains_any_case(object_name, "lakefs") {
        return Confidence::Likely;
    }
    if object_name.ends_with("-snappy.parquet") { Confidence::Name } else { Confidence::None }
}

struct Reading<'c> {
    context: &'c ImportContext,
    object_name: &'c ObjectName,
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
        let Some(members) = value.members() else {
            return Ok(Verdict::Quarantine("a record must be a JSON object".into()));
        };
        let text = |name: &str| members.get(name).and_then(Json::text);
        if ROW_MARKS.iter().any(|name| members.get(name).is_some()) {
            return self.record(&Record::row(value), is_replaced, sink);
        }
        if text("msg") == Some(CALL_ENDED) {
            return self.record(&Record::line(value), is_replaced, sink);
        }
        let is_line = members.get("msg").is_some() && members.get("level").is_some();
        if is_line && !matches!((members.get("msg"), members.get("level")), (Some(Json::Text(_)), Some(Json::Text(_)))) {
            return Ok(Verdict::Quarantine("a log line whose msg or level is no text".into()));
        }
        if is_line {
            // A line that calls itself an audit record is one, whatever its message says.
            let is_audit =
                members.get("log_audit").is_some_and(|flag| *flag == Json::Bool(true) || flag.text() == Some("true"));
            let names_a_request = [OPERATION_ID, PATH].iter().any(|field| Record::line(value).text(*field).is_some());
            return match (is_audit, names_a_request) {
                (true, true) => self.record(&Record::line(value), is_replaced, sink),
                (true, false) => Ok(Verdict::Quarantine("an audit line without operation_id and path".into())),
                (false, _) => Ok(Verdict::SetAside(SetAsideKind::NotAudit)),
            };
        }
        if text("messageType") == Some("CONTROL_MESSAGE") {
            return Ok(Verdict::SetAside(SetAsideKind::Control));
        }
        let enveloped = TEXT_ENVELOPES.iter().find_map(|name| text(name).filter(|text| text.trim_start().starts_with('{')));
        if let Some(enveloped) = enveloped.filter(|_| envelopes < MAX_ENVELOPES) {
            let mut parser = Parser::new(enveloped.as_bytes());
            let Ok(inner) = parser.value(0) else {
                return Ok(Verdict::Quarantine("the record inside the envelope is not JSON".into()));
            };
            let is_replaced = is_replaced || parser.has_replaced();
            return self.value(&inner, is_replaced, envelopes + 1, sink);
        }
        Ok(Verdict::Quarantine("no lakeFS record: neither a row of the audit table nor a log line".into()))
    }

    fn record(&mut self, record: &Record<'_>, is_replaced: bool, sink: &mut Counted<'_>) -> Result<Verdict, ReadError> {
        let quarantine = |reason: String| Ok(Verdict::Quarantine(reason.into()));
        if record.text(OPERATION_ID).is_none() && record.text(PATH).is_none() {
            return quarantine(format!("{} and {} are missing", record.name(OPERATION_ID), record.name(PATH)));
        }
        let Some((event_time, event_time_nanos)) = record.text(TIME).and_then(time::parse) else {
            return quarantine(format!("{} is no ISO 8601 time", record.name(TIME)));
        };
        if let Some(reason) = self.context.refuse_time(event_time) {
            return Ok(Verdict::Quarantine(reason.into()));
        }
        let status = record.text(STATUS_CODE).map(str::parse::<i32>).transpose();
        let is_number = !matches!(record.get(STATUS_CODE), Some(Json::Bool(_) | Json::Array(_) | Json::Object(_)));
        let (Ok(http_status), true) = (status, is_number) else {
            return quarantine(format!("{} is no number", record.name(STATUS_CODE)));
        };

        let context = self.context;
        let buffers = &mut self.buffers;
        buffers.raw.clear();
        json::write_without_secrets(record.json(), &is_secret, &mut buffers.raw);

        let column = |field| record.text(field).map(without_secrets);
        let (event_id, replaced_id) = match column(REQUEST_ID) {
            Some(request_id) => own_id(NAME, request_id),
            None => (Cow::Owned(derived_id(NAME, &buffers.raw)), None),
        };
        let target = target::of(record);
        let resource = target.resource();
        let of_line = |name: &str| record.json().text_at(name).filter(|text| !record.is_row() && stated(text).is_some());
        let (source_ip, source_port) = of_line("source_ip").map(peer::split).unzip();
        let notes = metadata::Notes {
            object_name: self.object_name,
            event_time,
            source_port: source_port.flatten(),
            replaced_id: replaced_id.as_deref(),
            is_replaced,
            keeps_raw: context.keep_raw,
        };
        buffers.metadata.clear();
        let has_metadata = metadata::write(record, &target, &notes, &mut buffers.metadata);
        let action = operation::action(record.text(OPERATION_ID), record.text(METHOD));
        let actor_id = record.user().map(without_secrets);

        let event = Event {
            event_id,
            event_time,
            event_time_nanos,
            category: Some(operation::category(&action)),
            action: without_secrets(&action),
            outcome: outcome::of(http_status),
            actor_type: (actor_id.is_none() && record.is_of_nobody()).then_some(ActorType::Anonymous),
            actor_id,
            resource_type: resource.kind.map(Cow::Borrowed),
            resource_id: resource.id.as_deref().map(without_secrets),
            resource_name: resource.name.map(without_secrets),
            scope_type: target.repository.as_ref().map(|_| Cow::Borrowed("repository")),
            scope_id: target.repository.as_deref().map(without_secrets),
            source_ip,
            user_agent: of_line("client").map(without_secrets),
            service_name: column(SERVICE_NAME),
            request_id: column(REQUEST_ID),
            http_method: column(METHOD),
            http_path: target.http_path.map(without_secrets),
            http_status,
            metadata: has_metadata.then_some(Cow::Borrowed(buffers.metadata.as_str())),
            raw: context.keep_raw.then_some(Cow::Borrowed(buffers.raw.as_str())),
            ..context.event(NAME, self.object_name.account(context))
        };
        sink.event(&event)?;
        Ok(Verdict::Event)
    }
}
