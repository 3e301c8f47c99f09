//! `POST /v1/exports`, `GET /v1/exports/{id}`, `DELETE /v1/exports/{id}`: the whole result of a query as files.
//!
//! Nothing is kept about an export here: its id is signed and says what it is. What is not an id of ours, or is another
//! organization's, is not there (404); what is older than a day is gone (410). Links are signed anew at each GET.

use std::collections::HashSet;
use std::time::Duration;

use auditlake_event::limits::LEAD_MS;
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_query::{
    ExportFile, ExportFormat, ExportId, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, Query,
};
use auditlake_store::presign::Download;
use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};

use crate::answer::{Asked, Counted, Verb, answered, json as json_answer};
use crate::body::{self, BodyFormat};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::room::Claim;
use crate::state::{Reader, actors_of, invalid, query_problem};

/// How long an export can be asked for, in ms (24 hours).
pub const KEPT_MS: i64 = 24 * Timestamp::HOUR_MS;
/// How long a link works (1 hour). A download that began goes on, one that is resumed later needs a link of a new GET.
pub const LINK_VALID_FOR: Duration = Duration::from_secs(3_600);
/// When a client should ask again how an export goes, in seconds.
const RETRY_AFTER_SECONDS: u32 = 2;

/// How an export goes, as JSON.
#[derive(Serialize)]
struct ExportAnswer<'a> {
    export_id: &'a str,
    status: &'static str,
    format: ExportFormat,
    link: String,
    created: Timestamp,
    expires: Timestamp,
    to: Timestamp,
    sealed_until: SealTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable_objects: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorAnswer>,
}

/// A file of a finished export.
#[derive(Serialize)]
struct FileAnswer {
    name: String,
    bytes: u64,
    url: String,
    expires: Timestamp,
}

/// Why an export failed: what its caller would have been told of a query.
#[derive(Serialize)]
struct ErrorAnswer {
    r#type: String,
    title: &'static str,
    detail: String,
}

impl<'a> ExportAnswer<'a> {
    fn new(text: &'a str, id: &ExportId, status: &'static str) -> Self {
        Self {
            export_id: text,
            status,
            format: id.job.format,
            link: format!("/v1/exports/{text}"),
            created: id.job.created,
            expires: id.job.created.plus_millis(KEPT_MS),
            to: id.to,
            sealed_until: id.sealed_until,
            complete: None,
            files: None,
            rows: None,
            scanned_bytes: None,
            unreadable_objects: None,
            error: None,
        }
    }
}

/// The members of a JSON object in order, also those that are stated twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The parameters in a body: a JSON object whose values are texts, numbers, booleans, or arrays of them. What is empty is not absent:
/// null, `[]` and a member that is stated twice are refused, because leaving them out would export more than was meant.
fn parameters_of_body(headers: &HeaderMap, body: &Bytes, claim: &mut Claim) -> Result<Vec<(String, String)>, Problem> {
    let bytes = body::inflate(headers, body, claim)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    if !matches!(body::format_of(headers)?, BodyFormat::Json | BodyFormat::Sniff) {
        return Err(Problem::unsupported_media_type("an export is asked for with application/json"));
    }
    let Members(members) = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::malformed_body(format!("the body must be a JSON object of parameters: {error}")))?;
    let mut pairs: Vec<(String, String)> = Vec::with_capacity(members.len());
    let mut stated = HashSet::new();
    for (name, value) in members {
        if !stated.insert(name.clone()) {
            return Err(Problem::invalid_parameter(name, "stands in the body twice: state several values as an array"));
        }
        let values = match value {
            Value::Null => return Err(Problem::invalid_parameter(name, "must not be null: leave the member out instead")),
            Value::Array(values) if values.is_empty() => {
                return Err(Problem::invalid_parameter(name, "must have one value at least: leave the member out instead"));
            }
            Value::Array(values) => values,
            single => vec![single],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => return Err(Problem::invalid_parameter(name, "must be a text, or an array of texts")),
            };
            pairs.push((name.clone(), text));
        }
    }
    Ok(pairs)
}

fn exporter(reader: &Reader) -> Result<&dyn Exporter, Problem> {
    let nothing_here = || Problem::not_found("nothing is exported here");
    reader.exporter.as_deref().ok_or_else(nothing_here)
}

fn defect() -> Problem {
    tracing::error!("an export's id cannot be made");
    Problem::internal()
}

/// The name of an export in the record of reads, where its start and each handing out of links belong together.
fn named_in_record(job: &ExportJob) -> Value {
    json!({"id": job.handle, "format": job.format})
}

fn asked_by_start(query: &Query, job: &ExportJob) -> Asked {
    let mut filters: Value = serde_json::from_str(&query.canonical_json()).unwrap_or_default();
    if let Some(members) = filters.as_object_mut() {
        members.insert("export".to_owned(), named_in_record(job));
    }
    asked(query.organization.clone(), &filters)
}

fn asked_for_links(id: &ExportId) -> Asked {
    let hash = hex::encode(id.filter_hash);
    let organization = &id.job.organization;
    let filters = json!({"organization": organization.as_str(), "filters_sha256": hash, "export": named_in_record(&id.job)});
    asked(organization.clone(), &filters)
}

fn asked(organization: Organization, filters: &Value) -> Asked {
    Asked { organization, what: "exports", filters: Some(filters.to_string()), verb: Verb::Read }
}

pub(crate) async fn start_export(reader: &Reader, context: &Context<'_>, body: &Bytes) -> Result<Response<Bytes>, Problem> {
    let exporter = exporter(reader)?;
    let mut parameters = Parameters::parse(context.query)?;
    parameters.extend(parameters_of_body(context.headers, body, &mut context.room.claim())?)?;
    let organization = context.caller.organization_to_read(parameters.take("organization")?.as_deref())?;
    let format = parameters.take("format")?.as_deref().and_then(ExportFormat::parse);
    let format = format
        .ok_or_else(|| Problem::invalid_parameter("format", format!("must be one of {}", ExportFormat::TEXTS.join(", "))))?;
    let with_raw = match parameters.take("with_raw")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid_parameter("with_raw", "must be true or false")),
    };
    let mut query = Query::from_parameters(organization, parameters.rest().iter().map(|(name, value)| (name, value)))
        .map_err(invalid)?;

    // Without `to`, what happens later than now is in no export, however long it runs.
    let now = reader.clock.now();
    let newest = now.plus_millis(reader.lake.lead_ms.max(LEAD_MS));
    let to = match (query.end(), query.from) {
        (Some(end), _) => end,
        // In the future there is nothing, which is an answer too.
        (None, Some(from)) if from >= newest => from.plus_millis(1),
        (None, _) => newest,
    };
    query.to.get_or_insert(to);

    let widened = actors_of(reader, &query.organization).await?.widen(&query)?;
    let request = ExportRequest { query: widened, format, with_raw };
    let started = exporter.start(&request).await.map_err(query_problem)?;
    let organization = query.organization.clone();
    let id = ExportId {
        job: ExportJob { organization, format, created: now, handle: started.handle },
        sealed_until: started.sealed_until,
        to,
        filter_hash: query.filter_hash(),
    };
    let text = id.encode(&reader.cursor_key).map_err(|_| defect())?;
    let answer = ExportAnswer::new(&text, &id, "running");
    let location = HeaderValue::from_str(&answer.link).map_err(|_| defect())?;
    let mut response = json_answer(StatusCode::ACCEPTED, &answer)?;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    Ok(answered(response, asked_by_start(&query, &id.job), Counted::default()))
}

/// Reads the id of a path for a caller. An operator need not name the organization again: the id says it.
fn find(reader: &Reader, context: &Context<'_>, text: &str) -> Result<ExportId, Problem> {
    let mut parameters = Parameters::parse(context.query)?;
    let named = parameters.take("organization")?;
    parameters.expect_none_left()?;
    let not_found = || Problem::not_found("there is no export of this id");
    let id = ExportId::decode(text, &reader.cursor_key).ok();
    let caller = context.caller;
    let organization: Organization = match (&named, caller.bound_to(), &id) {
        (None, None, Some(id)) => caller.organization_to_read(Some(id.job.organization.as_str()))?,
        (None, None, None) => return Err(not_found()),
        _ => caller.organization_to_read(named.as_deref())?,
    };
    let id = id.filter(|id| id.job.organization == organization).ok_or_else(not_found)?;
    if reader.clock.now() >= id.job.created.plus_millis(KEPT_MS) {
        let detail = "an export is kept for 24 hours: start it again";
        return Err(Problem::new(StatusCode::GONE, "expired", "No longer there", detail));
    }
    Ok(id)
}

/// The name under which a browser saves a file.
fn download_name(job: &ExportJob, file: &ExportFile) -> String {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    // To the second: 20260301T120000.
    let created: String = plain(&job.created.to_string()).chars().take(15).collect();
    format!("{}-{created}Z-{}", job.organization, file.name)
}

async fn link_all(
    exporter: &dyn Exporter,
    id: &ExportId,
    files: &[ExportFile],
    now: Timestamp,
) -> Result<Vec<FileAnswer>, Problem> {
    let expires = now.plus_millis(i64::try_from(LINK_VALID_FOR.as_millis()).unwrap_or(0));
    let mut answers = Vec::with_capacity(files.len());
    for file in files {
        let download = Download {
            valid_for: LINK_VALID_FOR,
            file_name: download_name(&id.job, file),
            content_type: id.job.format.content_type(),
        };
        let url = exporter.link(file, &download).await.map_err(query_problem)?;
        answers.push(FileAnswer { name: file.name.clone(), bytes: file.bytes, url, expires });
    }
    Ok(answers)
}

pub(crate) async fn get_export(reader: &Reader, context: &Context<'_>, text: &str) -> Result<Response<Bytes>, Problem> {
    let exporter = exporter(reader)?;
    let id = find(reader, context, text)?;
    let ExportProgress { state, rows, scanned_bytes, unreadable_objects } =
        exporter.progress(&id.job).await.map_err(query_problem)?;
    let mut answer = match state {
        ExportState::Running => ExportAnswer::new(text, &id, "running"),
        ExportState::Cancelled => ExportAnswer::new(text, &id, "cancelled"),
        ExportState::Failed(error) => {
            let Problem { kind, title, detail, .. } = query_problem(error);
            let error = ErrorAnswer { r#type: format!("urn:auditlake:problem:{kind}"), title, detail: detail.into_owned() };
            ExportAnswer { error: Some(error), ..ExportAnswer::new(text, &id, "failed") }
        }
        ExportState::Done(files) => ExportAnswer {
            complete: Some(unreadable_objects == 0 && id.to <= id.sealed_until.start()),
            files: Some(link_all(exporter, &id, &files, reader.clock.now()).await?),
            ..ExportAnswer::new(text, &id, "done")
        },
    };
    answer.rows = rows;
    answer.scanned_bytes = Some(scanned_bytes);
    answer.unreadable_objects = (unreadable_objects > 0).then_some(unreadable_objects);
    let mut response = json_answer(StatusCode::OK, &answer)?;
    if answer.status == "running" {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    // Only links open anything of the log.
    if answer.files.is_none() {
        return Ok(response);
    }
    let numbers = Counted { rows: rows.unwrap_or(0), scanned_bytes, ..Counted::default() };
    Ok(answered(response, asked_for_links(&id), numbers))
}

pub(crate) async fn cancel_export(reader: &Reader, context: &Context<'_>, text: &str) -> Result<Response<Bytes>, Problem> {
    let exporter = exporter(reader)?;
    let id = find(reader, context, text)?;
    exporter.cancel(&id.job).await.map_err(query_problem)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
