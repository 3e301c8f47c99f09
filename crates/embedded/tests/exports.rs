//! Exports of `serve`: the files that a link gives hold what the list holds, and an export ends as it should whatever happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by panicking")]

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auditlake_embedded::exports::LocalExporter;
use auditlake_embedded::serve::{self, Serving, Settings};
use auditlake_event::{Event, Organization, Region, Timestamp};
use auditlake_lake::clock::{Clock, SystemClock};
use auditlake_lake::{Codec, Lake, Period, SealTime};
use auditlake_query::{
    Answer, Engine, ExportFormat, ExportJob, ExportRequest, ExportState, Exporter, Facts, Found, Page, Position, Progress,
    Query, QueryError, QueryErrorKind, Question,
};
use auditlake_store::memory::MemoryStore;
use auditlake_store::presign::{Download, Presign};
use auditlake_store::{Store, StoreError};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use tokio::sync::watch;

const EVENTS: usize = 5_000;

/// Texts that readers and writers get wrong.
const AWKWARD: [&str; 12] = [
    "plain",
    "quo\"ted, with comma",
    "two\r\nlines",
    "=HYPERLINK(\"http://evil.example\")",
    "+1",
    "-",
    "@home",
    "'=quoted",
    " framed ",
    "tab\tin",
    "Ünï \u{1F600}",
    "null",
];

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60))).build().into()
}

/// A served lake, asked over HTTP.
struct Served {
    serving: Serving,
    _directory: tempfile::TempDir,
}

impl Served {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let acme = Organization::parse("acme").unwrap();
        let settings = Settings::on_free_ports(directory.path().to_owned(), acme, Region::parse("eu-west-1").unwrap());
        Self { serving: serve::start(settings).await.unwrap(), _directory: directory }
    }

    async fn call(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("http://{}{path}", self.serving.api_address);
        let called = tokio::task::spawn_blocking(move || {
            let mut response = match (method, body) {
                ("DELETE", _) => agent().delete(&url).call().unwrap(),
                (_, None) => agent().get(&url).call().unwrap(),
                (_, Some(body)) => {
                    let request = agent().post(&url).header("content-type", "application/json");
                    request.send(body.to_string().as_bytes()).unwrap()
                }
            };
            let mut text = String::new();
            response.body_mut().as_reader().read_to_string(&mut text).unwrap();
            (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
        });
        called.await.unwrap()
    }

    async fn post_events(&self) {
        let now = SystemClock.now();
        for batch in 0..EVENTS / 1_000 {
            let event = |index: usize| {
                let number = batch * 1_000 + index;
                let text = AWKWARD[number % AWKWARD.len()];
                json!({
                    // Ids may begin with what a spreadsheet takes for a formula; many events share a millisecond.
                    "event_id": format!("{}{number:05}", ["=", "id-", "-"][number % 3]),
                    "event_time": now.plus_millis(-(number as i64 / 7)).to_string(),
                    "action": if number.is_multiple_of(2) { "role_assign" } else { "login" },
                    "outcome": "success", "actor_id": text, "resource_id": format!("{text}{number}"), "http_status": 200 + number % 5,
                    "changes": [{"field": "role", "before": null, "after": text}], "metadata": {"number": number, "text": text},
                })
            };
            let events: Vec<Value> = (0..1_000).map(event).collect();
            let (status, answer) = self.call("POST", "/v1/events", Some(json!({"events": events}))).await;
            assert_eq!(status, 202, "{}", answer["errors"]);
        }
    }

    /// Every event as the list gives it, without its link.
    async fn list(&self, filter: &str) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.call("GET", &format!("/v1/events?limit=1000{filter}{cursor}"), None).await;
            assert_eq!(status, 200, "{page}");
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        events.iter_mut().for_each(|event| drop(event.as_object_mut().unwrap().remove("link")));
        events
    }

    /// Starts an export and waits for its end.
    async fn export(&self, body: Value) -> Value {
        let (status, answer) = self.call("POST", "/v1/exports", Some(body)).await;
        assert_eq!(status, 202, "{answer}");
        let link = answer["link"].as_str().unwrap().to_owned();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, answer) = self.call("GET", &link, None).await;
            assert_eq!(status, 200, "{answer}");
            if answer["status"] != "running" {
                return answer;
            }
            assert!(Instant::now() < deadline, "{answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

struct Downloaded {
    status: u16,
    disposition: Option<String>,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

async fn download(url: &str, range: Option<String>) -> Downloaded {
    let url = url.to_owned();
    let fetched = tokio::task::spawn_blocking(move || {
        let mut request = agent().get(&url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let mut response = request.call().unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (disposition, content_type) = (header("content-disposition"), header("content-type"));
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
        Downloaded { status: response.status().as_u16(), disposition, content_type, bytes }
    });
    fetched.await.unwrap()
}

/// CSV by RFC 4180, plainly: records of fields; `None` is an empty field without quotes.
fn parse_csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut records, mut record, mut characters) = (Vec::new(), Vec::new(), text.chars().peekable());
    while characters.peek().is_some() {
        let mut field = String::new();
        let is_quoted = characters.next_if_eq(&'"').is_some();
        let mut end = None;
        while let Some(character) = characters.next() {
            if is_quoted && character == '"' {
                if characters.next_if_eq(&'"').is_some() {
                    field.push('"');
                    continue;
                }
                end = characters.next();
                break;
            }
            if !is_quoted && matches!(character, ',' | '\r') {
                end = Some(character);
                break;
            }
            field.push(character);
        }
        record.push((is_quoted || !field.is_empty()).then_some(field));
        match end {
            Some(',') => {}
            Some('\r') => {
                assert_eq!(characters.next(), Some('\n'), "lines end in CRLF");
                records.push(std::mem::take(&mut record));
            }
            other => panic!("a field ends in {other:?}"),
        }
    }
    assert!(record.is_empty(), "the last line ends too");
    records
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// A value of the list as a text cell.
fn cell(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Columns of a row, each by its name.
type NamedTexts = Vec<(String, Option<String>)>;

/// Columns and field ids of a Parquet file and its rows, by the low-level reader, which knows nothing of Arrow.
fn parquet_rows(bytes: Vec<u8>) -> (Vec<(String, i32)>, Vec<NamedTexts>) {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let columns = schema.get_fields().iter().map(|field| (field.name().to_owned(), field.get_basic_info().id())).collect();
    let text = |field: &Field| match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Int(number) => Some(number.to_string()),
        Field::TimestampMillis(millis) => Some(Timestamp::from_millis(*millis).to_string()),
        other => panic!("{other:?}"),
    };
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        row.get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect()
    });
    (columns, rows.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_events_are_exported_in_every_format_as_the_list_has_them() {
    let served = Served::start().await;
    served.post_events().await;
    let list = served.list("").await;
    assert_eq!(list.len(), EVENTS);

    let export = served.export(json!({"format": "ndjson"})).await;
    assert_eq!((&export["status"], &export["rows"]), (&json!("done"), &json!(EVENTS)), "{export}");
    assert!(export["scanned_bytes"].is_u64(), "it may be 0: the engine remembers what the list has just read");
    let file = &export["files"][0];
    let whole = download(file["url"].as_str().unwrap(), None).await;
    assert_eq!((whole.status, whole.bytes.len() as u64), (200, file["bytes"].as_u64().unwrap()));
    let lines: Vec<Value> = gunzip(&whole.bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, list);

    let export = served.export(json!({"format": "csv"})).await;
    let text = String::from_utf8(download(export["files"][0]["url"].as_str().unwrap(), None).await.bytes).unwrap();
    let mut records = parse_csv(&text).into_iter();
    let header: Vec<String> = records.next().unwrap().into_iter().map(Option::unwrap).collect();
    assert_eq!((header.len(), header[0].as_str(), header[30].as_str()), (31, "event_id", "metadata"));
    let records: Vec<_> = records.collect();
    assert_eq!(records.len(), EVENTS);
    for (record, event) in records.iter().zip(&list) {
        for (name, found) in header.iter().zip(record) {
            assert!(!found.as_deref().is_some_and(|text| text.starts_with(['=', '+', '-', '@'])), "{name}: {found:?}");
            let plain = found.as_deref().map(|text| text.strip_prefix('\'').unwrap_or(text).to_owned());
            assert_eq!(plain, cell(event.get(name)), "{name}");
        }
    }

    let export = served.export(json!({"format": "parquet"})).await;
    let (columns, rows) = parquet_rows(download(export["files"][0]["url"].as_str().unwrap(), None).await.bytes);
    assert_eq!(columns.len(), 31);
    // As in docs/archive-layout.md, and those of the path besides.
    for column in
        [("event_id", 1), ("event_time", 2), ("region", 6), ("organization", 7), ("http_status", 31), ("metadata", 32)]
    {
        assert!(columns.contains(&(column.0.to_owned(), column.1)), "{column:?} in {columns:?}");
    }
    assert_eq!(rows.len(), EVENTS);
    for (row, event) in rows.iter().zip(&list) {
        for (name, found) in row {
            assert_eq!(*found, cell(event.get(name)), "{name}");
        }
    }
    served.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_can_be_resumed_has_a_name_and_needs_its_signature() {
    let served = Served::start().await;
    served.post_events().await;
    let export = served.export(json!({"format": "csv", "action": ["login"], "actor!": "plain"})).await;
    let expected = served.list("&action=login&actor!=plain").await.len();
    assert_eq!(export["rows"], json!(expected), "{export}");
    assert!(expected > 0 && expected < EVENTS);
    let file = &export["files"][0];
    let (url, size) = (file["url"].as_str().unwrap(), file["bytes"].as_u64().unwrap());
    let whole = download(url, None).await;
    assert_eq!((whole.status, whole.bytes.len() as u64), (200, size));
    let disposition = whole.disposition.unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"acme-2") && disposition.ends_with("Z-part-0001.csv\""),
        "{disposition}"
    );
    assert_eq!(whole.content_type.as_deref(), Some("text/csv; charset=utf-8"));

    let first = download(url, Some(format!("bytes=0-{}", size / 2 - 1))).await;
    let rest = download(url, Some(format!("bytes={}-", size / 2))).await;
    assert_eq!((first.status, rest.status), (206, 206));
    assert_eq!([first.bytes, rest.bytes].concat(), whole.bytes);

    let forged = url.replacen("part-0001", "part-0002", 1);
    assert_eq!(download(&forged, None).await.status, 403);
    assert_eq!(download(url.split_once('?').unwrap().0, None).await.status, 403);
    served.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_nothing_is_a_file_of_its_format() {
    let served = Served::start().await;
    for (format, rows) in [("csv", 1), ("ndjson", 0), ("parquet", 0)] {
        let export = served.export(json!({"format": format, "action": "nothing"})).await;
        assert_eq!((&export["status"], &export["rows"]), (&json!("done"), &json!(0)), "{export}");
        let bytes = download(export["files"][0]["url"].as_str().unwrap(), None).await.bytes;
        let found = match format {
            "csv" => parse_csv(&String::from_utf8(bytes).unwrap()).len(),
            "ndjson" => gunzip(&bytes).lines().count(),
            _ => parquet_rows(bytes).1.len(),
        };
        assert_eq!(found, rows, "{format}");
    }
    served.serving.stop().await;
}

/// An engine of numbered events that does as it is told.
struct Numbered {
    events: usize,
    mood: Mood,
    calls: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    /// The first call fails for now.
    Shaky,
    TooLarge,
    Hanging,
}

fn position(number: usize) -> Position {
    let event_time = Timestamp::from_millis(1_772_366_400_000 - number as i64);
    Position { event_time, nanos: 0, event_id: format!("{number:06}"), source: "api".into(), region: "r".into() }
}

#[async_trait]
impl Engine for Numbered {
    async fn ask(&self, question: &Question, _: Duration) -> Result<Progress<Answer>, QueryError> {
        let Question::Page(request) = question else {
            return Err(QueryError::new(QueryErrorKind::Internal, "nobody counts here"));
        };
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.mood {
            Mood::Hanging => std::future::pending().await,
            Mood::TooLarge => return Err(QueryError::new(QueryErrorKind::TooLarge, "ask for less")),
            Mood::Shaky if call == 0 => return Err(QueryError::new(QueryErrorKind::Unavailable, "not now")),
            Mood::Good | Mood::Shaky => {}
        }
        let first = request.after.as_ref().map_or(0, |after| after.event_id.parse::<usize>().unwrap() + 1);
        let end = self.events.min(first + request.limit);
        let event = |number: usize| Event {
            event_id: position(number).event_id.into(),
            event_time: position(number).event_time,
            received_time: position(number).event_time,
            ..Event::default()
        };
        let facts = Facts {
            sealed_until: SealTime::from_start(Timestamp::from_millis(0)),
            scanned_bytes: 10,
            cost: auditlake_query::Cost::default(),
            unreadable_objects: 0,
            engine: "numbered",
        };
        let next = (end < self.events).then(|| position(end - 1));
        Ok(Progress::Done(Answer { facts, found: Found::Page(Page { events: (first..end).map(event).collect(), next }) }))
    }
}

struct NoLinks;

#[async_trait]
impl Presign for NoLinks {
    async fn presigned_get(&self, key: &str, _: &Download) -> Result<String, StoreError> {
        Ok(key.to_owned())
    }
}

struct Local {
    exporter: LocalExporter,
    store: Arc<MemoryStore>,
    stop: watch::Sender<bool>,
}

fn local(store: &Arc<MemoryStore>, events: usize, mood: Mood) -> Local {
    let engine = Arc::new(Numbered { events, mood, calls: AtomicU32::new(0) });
    let lake = Lake::new(SystemClock.now(), Period::HOUR, 300_000, 300_000, Codec::Snappy);
    let (stop, stopped) = watch::channel(false);
    let exporter = LocalExporter::new(engine, Arc::clone(store) as _, Arc::new(NoLinks), lake, stopped);
    Local { exporter, store: Arc::clone(store), stop }
}

impl Local {
    async fn start(&self, format: ExportFormat) -> Result<ExportJob, QueryError> {
        let organization = Organization::parse("acme").unwrap();
        let request = ExportRequest { query: Query::all(organization.clone()), format, with_raw: false };
        let started = self.exporter.start(&request).await?;
        Ok(ExportJob { organization, format, created: SystemClock.now(), handle: started.handle })
    }

    async fn ended(&self, job: &ExportJob) -> ExportState {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.exporter.progress(job).await.unwrap().state {
                ExportState::Running if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(5)).await,
                ended => return ended,
            }
        }
    }

    async fn manifest(&self, job: &ExportJob) -> Option<Value> {
        let object = self.store.get(&format!("exports/acme/{}/manifest.json", job.handle)).await.ok()?;
        Some(serde_json::from_slice(&object.bytes).unwrap())
    }
}

#[tokio::test]
async fn a_large_export_is_cut_into_files_that_each_stand_alone() {
    let store = Arc::new(MemoryStore::new());
    let local = local(&store, 10_500, Mood::Shaky);
    let local = Local { exporter: local.exporter.with_file_bytes(100_000), ..local };
    for format in [ExportFormat::Csv, ExportFormat::NdJson, ExportFormat::Parquet] {
        let job = local.start(format).await.unwrap();
        let ExportState::Done(files) = local.ended(&job).await else { panic!("{format:?} is not done") };
        let mut ids = HashSet::new();
        for (index, file) in files.iter().enumerate() {
            assert_eq!(file.name, format.file_name(index + 1));
            let bytes = store.get(&file.key).await.unwrap().bytes.to_vec();
            assert_eq!(bytes.len() as u64, file.bytes);
            let found: Vec<String> = match format {
                ExportFormat::Csv => {
                    let records = parse_csv(&String::from_utf8(bytes).unwrap());
                    assert_eq!(records[0][0].as_deref(), Some("event_id"), "every file has its header");
                    records.into_iter().skip(1).map(|mut record| record.swap_remove(0).unwrap()).collect()
                }
                ExportFormat::NdJson => gunzip(&bytes)
                    .lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned())
                    .collect(),
                ExportFormat::Parquet => parquet_rows(bytes).1.into_iter().map(|row| row[0].1.clone().unwrap()).collect(),
            };
            assert!(found.is_sorted(), "numbers rise as times fall");
            found.into_iter().for_each(|id| assert!(ids.insert(id), "no event twice"));
        }
        assert_eq!(ids.len(), 10_500, "{format:?}");
        assert!(format != ExportFormat::Csv || files.len() > 3, "{} files", files.len());
    }
}

#[tokio::test]
async fn a_cancelled_export_stays_cancelled_and_shows_no_file() {
    let store = Arc::new(MemoryStore::new());
    let local_one = local(&store, 10, Mood::Hanging);
    let job = local_one.start(ExportFormat::Csv).await.unwrap();
    assert!(matches!(local_one.exporter.progress(&job).await.unwrap().state, ExportState::Running));
    local_one.exporter.cancel(&job).await.unwrap();
    assert!(matches!(local_one.ended(&job).await, ExportState::Cancelled));
    while local_one.manifest(&job).await.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let manifest = local_one.manifest(&job).await.unwrap();
    assert_eq!((&manifest["status"], &manifest["files"]), (&json!("cancelled"), &json!([])));
    let restarted = local(&store, 10, Mood::Good);
    assert!(matches!(restarted.ended(&job).await, ExportState::Cancelled));
    // One that has ended stays as it ended.
    let done = restarted.start(ExportFormat::Csv).await.unwrap();
    assert!(matches!(restarted.ended(&done).await, ExportState::Done(_)));
    restarted.exporter.cancel(&done).await.unwrap();
    assert!(matches!(restarted.ended(&done).await, ExportState::Done(_)));
}

#[tokio::test]
async fn an_export_that_a_stop_cut_off_has_failed_after_the_restart_and_one_that_was_done_is_still_there() {
    let store = Arc::new(MemoryStore::new());
    let before = local(&store, 10, Mood::Good);
    let done = before.start(ExportFormat::Parquet).await.unwrap();
    before.ended(&done).await;
    let hanging = local(&store, 10, Mood::Hanging);
    let cut_off = hanging.start(ExportFormat::Csv).await.unwrap();
    hanging.stop.send_replace(true);
    let after = local(&store, 10, Mood::Good);
    let ExportState::Failed(error) = after.ended(&cut_off).await else { panic!("it cannot have ended") };
    assert_eq!(error.kind, QueryErrorKind::Unavailable);
    assert!(matches!(after.ended(&done).await, ExportState::Done(files) if files.len() == 1));
    assert!(hanging.manifest(&cut_off).await.is_none());
}

#[tokio::test]
async fn an_export_that_would_read_too_much_says_so_also_after_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let first = local(&store, 10, Mood::TooLarge);
    let job = first.start(ExportFormat::Csv).await.unwrap();
    for exporter in [first, local(&store, 10, Mood::Good)] {
        let ExportState::Failed(error) = exporter.ended(&job).await else { panic!("it has failed") };
        assert_eq!((error.kind, error.message.as_str()), (QueryErrorKind::TooLarge, "ask for less"));
    }
}

#[tokio::test]
async fn no_more_exports_wait_than_can_be_kept_in_mind() {
    let store = Arc::new(MemoryStore::new());
    let local = local(&store, 10, Mood::Hanging);
    let mut jobs = Vec::new();
    let error = loop {
        match local.start(ExportFormat::Csv).await {
            Ok(job) => jobs.push(job),
            Err(error) => break error,
        }
        assert!(jobs.len() < 1_000);
    };
    assert_eq!((error.kind, jobs.len()), (QueryErrorKind::Unavailable, 32));
    local.exporter.cancel(&jobs[0]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while local.start(ExportFormat::Csv).await.is_err() {
        assert!(Instant::now() < deadline, "an export that ended makes room");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
