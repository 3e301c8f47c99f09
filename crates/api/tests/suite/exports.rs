//! Exports over the API, with an exporter that does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::common::{FixedClock, Fixture, Mood, NOW, organization};
use async_trait::async_trait;
use auditlake_api::{Caller, Door, Identity, Recorder};
use auditlake_event::{Event, Organization, Outcome, Region, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::clock::{Clock, SystemEntropy};
use auditlake_lake::landing::LandingWriter;
use auditlake_query::{
    Condition, ExportFile, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, Field, GuardedExporter,
    QueryError, QueryErrorKind, ScanEngine, Settings, StartedExport,
};
use auditlake_store::presign::Download;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

/// What an export is said to be.
#[derive(Clone, Default)]
enum Told {
    #[default]
    Running,
    Done(Vec<ExportFile>),
    Failed(QueryErrorKind),
}

#[derive(Default)]
struct FakeExporter {
    requests: Mutex<Vec<ExportRequest>>,
    asked_about: Mutex<Vec<ExportJob>>,
    cancelled: Mutex<Vec<String>>,
    told: Mutex<Told>,
    refuses: Mutex<Option<QueryErrorKind>>,
}

#[async_trait]
impl Exporter for FakeExporter {
    async fn start(&self, request: &ExportRequest) -> Result<StartedExport, QueryError> {
        if let Some(kind) = *self.refuses.lock().unwrap() {
            return Err(QueryError::new(kind, "bucket internal-3 said no"));
        }
        let mut requests = self.requests.lock().unwrap();
        requests.push(request.clone());
        let sealed_until = SealTime::from_start(Timestamp::parse("2026-03-01T11:00:00Z").unwrap());
        Ok(StartedExport { handle: format!("run-{}", requests.len()), sealed_until })
    }

    async fn progress(&self, job: &ExportJob) -> Result<ExportProgress, QueryError> {
        self.asked_about.lock().unwrap().push(job.clone());
        let state = match self.told.lock().unwrap().clone() {
            _ if self.cancelled.lock().unwrap().contains(&job.handle) => ExportState::Cancelled,
            Told::Running => ExportState::Running,
            Told::Done(files) => ExportState::Done(files),
            Told::Failed(kind) => ExportState::Failed(QueryError::new(kind, "ask for less (bucket internal-3)")),
        };
        Ok(ExportProgress { state, rows: Some(42), scanned_bytes: 7_000, unreadable_objects: 0 })
    }

    async fn cancel(&self, job: &ExportJob) -> Result<(), QueryError> {
        self.cancelled.lock().unwrap().push(job.handle.clone());
        Ok(())
    }

    async fn link(&self, file: &ExportFile, download: &Download) -> Result<String, QueryError> {
        let Download { valid_for, file_name, content_type } = download;
        Ok(format!(
            "https://files.example/{}?name={file_name}&type={content_type}&seconds={}",
            file.key,
            valid_for.as_secs()
        ))
    }
}

struct Setting {
    fixture: Fixture,
    exporter: Arc<FakeExporter>,
}

struct ClockAt(&'static str);

impl Clock for ClockAt {
    fn now(&self) -> Timestamp {
        Timestamp::parse(self.0).unwrap()
    }
}

fn tenant(name: &str) -> Caller {
    let identity = Identity { id: Some(format!("u-{name}")), name: None, email: None };
    Caller::tenant(organization(name), true, false).with_identity(identity)
}

impl Setting {
    fn new(caller: Caller) -> Self {
        let mut fixture = Fixture::with_caller(caller);
        let exporter = Arc::new(FakeExporter::default());
        fixture.api.reader.as_mut().unwrap().exporter = Some(Arc::clone(&exporter) as _);
        let door = Arc::clone(&fixture.memory) as Arc<dyn Door>;
        fixture.api.recorder = Some(Recorder { door, region: Region::parse("eu-west-1").unwrap() });
        Self { fixture, exporter }
    }

    async fn call(&self, method: Method, uri: &str, body: &str) -> (Response<Bytes>, Value) {
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        self.fixture.send(request.body(Bytes::from(body.to_owned())).unwrap()).await
    }

    async fn start(&self, body: Value) -> (u16, Value) {
        let (response, answer) = self.call(Method::POST, "/v1/exports", &body.to_string()).await;
        (response.status().as_u16(), answer)
    }

    async fn started(&self, body: Value) -> String {
        let (status, answer) = self.start(body).await;
        assert_eq!(status, 202, "{answer}");
        answer["link"].as_str().unwrap().to_owned()
    }

    async fn get(&self, uri: &str) -> (u16, Value) {
        let (response, answer) = self.call(Method::GET, uri, "").await;
        (response.status().as_u16(), answer)
    }

    fn at(&mut self, now: &'static str) {
        self.fixture.api.reader.as_mut().unwrap().clock = Arc::new(ClockAt(now));
    }

    /// Path and metadata of what was recorded of reads.
    fn records(&self) -> Vec<(String, Value)> {
        let events = self.fixture.memory.events.lock().unwrap();
        let records = events.iter().map(|event| {
            let metadata = serde_json::from_str(event.metadata.as_deref().unwrap()).unwrap();
            (event.action.to_string(), metadata)
        });
        records.collect()
    }
}

fn file(number: usize, suffix: &str) -> ExportFile {
    ExportFile { name: format!("part-{number:04}{suffix}"), key: format!("k/{number}"), bytes: 1_000 * number as u64 }
}

#[tokio::test]
async fn an_export_is_started_with_the_parameters_of_the_list_in_body_or_url() {
    let setting = Setting::new(tenant("acme"));
    let body = json!({
        "format": "csv", "from": "2026-02-01", "to": "2026-02-02T00:00:00Z", "action": ["a", "b"], "actor!": "root",
        "with_raw": true,
    });
    let (response, answer) = setting.call(Method::POST, "/v1/exports", &body.to_string()).await;
    assert_eq!(response.status(), 202);
    let link = answer["link"].as_str().unwrap();
    assert_eq!(response.headers()["location"], link);
    assert_eq!(link, format!("/v1/exports/{}", answer["export_id"].as_str().unwrap()));
    assert_eq!((&answer["status"], &answer["format"]), (&json!("running"), &json!("csv")));
    assert_eq!(answer["expires"], "2026-03-02T12:00:00.000Z");
    assert_eq!(answer["sealed_until"], "2026-03-01T11:00:00.000Z");

    let uri = "/v1/exports?format=csv&with_raw=true&from=2026-02-01&to=2026-02-02T00:00:00Z&action=a&action=b&actor!=root";
    assert_eq!(setting.call(Method::POST, uri, "").await.0.status(), 202);
    let body = r#"{"action": ["a", "b"], "format": "csv", "with_raw": "true"}"#;
    let uri = "/v1/exports?from=2026-02-01&to=2026-02-02&actor!=root";
    assert_eq!(setting.call(Method::POST, uri, body).await.0.status(), 202, "both ways at once");
    let requests = setting.exporter.requests.lock().unwrap();
    for request in requests.iter() {
        assert_eq!((request.format.as_str(), request.with_raw), ("csv", true));
        assert_eq!(request.query.organization, organization("acme"));
        assert_eq!(request.query.from.unwrap().to_string(), "2026-02-01T00:00:00.000Z");
        assert_eq!(request.query.to.unwrap().to_string(), "2026-02-02T00:00:00.000Z");
        let wanted = |field, negated, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            request.query.conditions.contains(&Condition { negated, ..Condition::any_of(field, values) })
        };
        assert!(wanted(Field::Action, false, &["a", "b"]) && wanted(Field::Actor, true, &["root"]), "{request:?}");
    }
}

#[tokio::test]
async fn what_is_empty_or_stated_twice_exports_nothing() {
    let setting = Setting::new(tenant("acme"));
    for (uri, body, field) in [
        ("/v1/exports", r#"{"format": "csv", "action": []}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "q!": []}"#, "q!"),
        ("/v1/exports", r#"{"format": "csv", "region": []}"#, "region"),
        ("/v1/exports", r#"{"format": "csv", "to": null}"#, "to"),
        ("/v1/exports", r#"{"format": "csv", "action": ""}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": [""]}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": [null]}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": [[]]}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": {}}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": "a", "action": "b"}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "action": "a", "\u0061ction": "b"}"#, "action"),
        ("/v1/exports", r#"{"format": "csv", "with_raw": []}"#, "with_raw"),
        ("/v1/exports", r#"{"format": "csv", "organization": []}"#, "organization"),
        ("/v1/exports?action=a", r#"{"format": "csv", "action": "b"}"#, "action"),
        ("/v1/exports?format=csv&action=", "", "action"),
        ("/v1/exports?format=csv&action", "", "action"),
    ] {
        let (response, answer) = setting.call(Method::POST, uri, body).await;
        assert_eq!(
            (response.status().as_u16(), answer["errors"][0]["field"].as_str()),
            (400, Some(field)),
            "{body} {answer}"
        );
    }
    assert!(setting.exporter.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_range_without_an_end_is_bounded_and_one_with_an_end_is_as_asked() {
    let setting = Setting::new(tenant("acme"));
    setting.started(json!({"format": "parquet"})).await;
    setting.started(json!({"format": "parquet", "to": "2027-01-01"})).await;
    setting.started(json!({"format": "parquet", "from": "2027-01-01"})).await;
    let bounds: Vec<_> =
        setting.exporter.requests.lock().unwrap().iter().map(|request| request.query.to.unwrap().to_string()).collect();
    // Now and the lead of five minutes; in the future there is nothing, whatever the bound.
    assert_eq!(bounds, ["2026-03-01T12:05:00.000Z", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.001Z"]);
    assert_eq!(NOW, "2026-03-01T12:00:00.000Z");
}

#[tokio::test]
async fn links_are_signed_anew_for_each_file_of_each_format() {
    for (format, suffix, content_type) in [
        ("csv", ".csv", "text/csv; charset=utf-8"),
        ("ndjson", ".ndjson.gz", "application/gzip"),
        ("parquet", ".parquet", "application/vnd.apache.parquet"),
    ] {
        let setting = Setting::new(tenant("acme"));
        let link = setting.started(json!({"format": format, "to": "2026-03-01T11:00:00Z"})).await;
        let (response, answer) = setting.call(Method::GET, &link, "").await;
        assert_eq!((response.status().as_u16(), answer["status"].as_str()), (200, Some("running")));
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(answer.get("files").is_none() && answer.get("complete").is_none(), "{answer}");

        *setting.exporter.told.lock().unwrap() = Told::Done(vec![file(1, suffix), file(2, suffix)]);
        let (status, answer) = setting.get(&link).await;
        assert_eq!((status, answer["status"].as_str(), answer["format"].as_str()), (200, Some("done"), Some(format)));
        assert_eq!(
            (&answer["rows"], &answer["scanned_bytes"], &answer["complete"]),
            (&json!(42), &json!(7_000), &json!(true))
        );
        let second = &answer["files"][1];
        assert_eq!((&second["name"], &second["bytes"]), (&json!(format!("part-0002{suffix}")), &json!(2_000)));
        assert_eq!(second["expires"], "2026-03-01T13:00:00.000Z");
        let name = format!("acme-20260301T120000Z-part-0002{suffix}");
        assert_eq!(second["url"], format!("https://files.example/k/2?name={name}&type={content_type}&seconds=3600"));
    }
}

#[tokio::test]
async fn an_export_is_complete_only_of_what_was_sealed_when_it_started() {
    let setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv", "to": "2026-03-01T11:00:00.001Z"})).await;
    *setting.exporter.told.lock().unwrap() = Told::Done(Vec::new());
    let (_, answer) = setting.get(&link).await;
    assert_eq!((&answer["complete"], &answer["files"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn a_failed_export_says_what_its_caller_can_do_and_names_no_internals() {
    let setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv"})).await;
    for (kind, problem) in [
        (QueryErrorKind::TooLarge, "urn:auditlake:problem:query-too-large"),
        (QueryErrorKind::Unavailable, "urn:auditlake:problem:unavailable"),
        (QueryErrorKind::Internal, "urn:auditlake:problem:internal"),
    ] {
        *setting.exporter.told.lock().unwrap() = Told::Failed(kind);
        let (status, answer) = setting.get(&link).await;
        assert_eq!((status, answer["status"].as_str()), (200, Some("failed")));
        assert_eq!(answer["error"]["type"], problem);
        let is_internal = kind != QueryErrorKind::TooLarge;
        assert!(!is_internal || !answer.to_string().contains("internal-3"), "{answer}");
    }
    *setting.exporter.refuses.lock().unwrap() = Some(QueryErrorKind::Unavailable);
    let (status, answer) = setting.start(json!({"format": "csv"})).await;
    assert_eq!(status, 503, "{answer}");
}

#[tokio::test]
async fn an_export_can_be_cancelled() {
    let setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv"})).await;
    let (response, _) = setting.call(Method::DELETE, &link, "").await;
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    assert_eq!(*setting.exporter.cancelled.lock().unwrap(), ["run-1"]);
    assert_eq!(setting.get(&link).await.1["status"], "cancelled");
}

#[tokio::test]
async fn another_tenant_a_forged_id_and_another_key_find_nothing() {
    let setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv"})).await;
    let mut others = vec![
        ("/v1/exports/nothing".to_owned(), 404),
        (format!("{link}A"), 404),
        (link[..link.len() - 1].to_owned(), 404),
        (format!("{link}?organization=acme"), 200),
        (format!("{link}?organization=globex"), 403),
        (format!("{link}?format=csv"), 400),
    ];
    // A character of the id changed, wherever it is.
    for at in (12..link.len() - 1).step_by(7) {
        let other = if link.as_bytes()[at] == b'x' { 'y' } else { 'x' };
        others.push((format!("{}{other}{}", &link[..at], &link[at + 1..]), 404));
    }
    for (uri, expected) in others {
        assert_eq!(setting.get(&uri).await.0, expected, "{uri}");
    }

    let mut stranger = Setting::new(tenant("globex"));
    *stranger.exporter.told.lock().unwrap() = Told::Done(vec![file(1, ".csv")]);
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        assert_eq!(stranger.call(method.clone(), &link, "").await.0.status(), 404, "{method}");
    }
    assert!(
        stranger.exporter.cancelled.lock().unwrap().is_empty() && stranger.exporter.asked_about.lock().unwrap().is_empty()
    );
    stranger.fixture.caller = tenant("acme");
    assert_eq!(stranger.get(&link).await.0, 200, "the same key, the right tenant");
    stranger.fixture.api.reader.as_mut().unwrap().cursor_key = Arc::from(b"a key that was renewed".as_slice());
    assert_eq!(stranger.get(&link).await.0, 404);

    let blind = Setting::new(Caller::tenant(organization("acme"), false, true));
    assert_eq!(blind.get(&link).await.0, 403);
    assert_eq!(blind.start(json!({"format": "csv"})).await.0, 403);
}

#[tokio::test]
async fn an_operator_names_the_organization_once() {
    let setting = Setting::new(Caller::operator(None));
    assert_eq!(setting.start(json!({"format": "csv"})).await.0, 400);
    let link = setting.started(json!({"format": "csv", "organization": "acme"})).await;
    assert_eq!(setting.get(&link).await.0, 200);
    assert_eq!(setting.get(&format!("{link}?organization=acme")).await.0, 200);
    assert_eq!(setting.get(&format!("{link}?organization=globex")).await.0, 404);
    assert_eq!(setting.get("/v1/exports/forged").await.0, 404);
    let jobs = setting.exporter.asked_about.lock().unwrap();
    assert!(jobs.iter().all(|job| job.organization == Organization::parse("acme").unwrap()), "{jobs:?}");
}

#[tokio::test]
async fn an_export_is_gone_after_a_day() {
    let mut setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv"})).await;
    setting.at("2026-03-02T11:59:59.999Z");
    assert_eq!(setting.get(&link).await.0, 200);
    setting.at("2026-03-02T12:00:00Z");
    assert_eq!(setting.get(&link).await.0, 410);
    assert_eq!(setting.call(Method::DELETE, &link, "").await.0.status(), 410);
    setting.fixture.caller = tenant("globex");
    assert_eq!(setting.get(&link).await.0, 404, "a stranger does not even learn that it was there");
}

#[tokio::test]
async fn starts_and_links_are_recorded_and_nothing_else_is() {
    let setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv", "action": "role_assign"})).await;
    setting.get(&link).await;
    assert_eq!(setting.records().len(), 1, "how it goes opens nothing of the log");
    *setting.exporter.told.lock().unwrap() = Told::Done(vec![file(1, ".csv")]);
    setting.get(&link).await;
    let records = setting.records();
    assert_eq!(records.len(), 2);
    let [start, links] = [&records[0].1["filters"], &records[1].1["filters"]];
    assert_eq!(start["conditions"], json!([{"field": "action", "negated": false, "values": ["role_assign"]}]));
    assert_eq!(start["export"], json!({"id": "run-1", "format": "csv"}));
    assert_eq!((&links["export"], &links["organization"]), (&start["export"], &json!("acme")));
    assert_eq!(links["filters_sha256"].as_str().unwrap().len(), 64);
    assert_eq!((&records[1].1["rows"], &records[1].1["scanned_bytes"]), (&json!(42), &json!(7_000)));
    let events = setting.fixture.memory.events.lock().unwrap().clone();
    assert!(events.iter().all(|event| event.action == "audit_log_query" && event.resource_id.as_deref() == Some("exports")));

    // Links that cannot be recorded are not given.
    *setting.fixture.memory.mood.lock().unwrap() = Mood::Broken;
    let (status, answer) = setting.get(&link).await;
    assert!(status == 503 && !answer.to_string().contains("files.example"), "{answer}");
}

#[tokio::test]
async fn a_refused_export_is_a_denied_read() {
    let setting = Setting::new(Caller::tenant(organization("acme"), false, true));
    assert_eq!(setting.start(json!({"format": "csv"})).await.0, 403);
    let records = setting.records();
    assert_eq!((records.len(), records[0].0.as_str()), (1, "permission_check"));
    assert_eq!(records[0].1, json!({"permission": "iam:tenant:iam:audit:read"}));
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_with_its_rule() {
    let setting = Setting::new(tenant("acme"));
    let cases: HashMap<&str, (&str, u16)> = HashMap::from([
        ("{}", ("format", 400)),
        (r#"{"format": "xlsx"}"#, ("format", 400)),
        (r#"{"format": ["csv", "parquet"]}"#, ("format", 400)),
        (r#"{"format": "csv", "with_raw": 1}"#, ("with_raw", 400)),
        (r#"{"format": "csv", "colour": "red"}"#, ("colour", 400)),
        (r#"{"format": "csv", "limit": 10}"#, ("limit", 400)),
        (r#"{"format": "csv", "from": "yesterday"}"#, ("from", 400)),
        (r#"{"format": "csv", "actor": {"id": 1}}"#, ("actor", 400)),
        (r#"{"format": "csv", "actor": [["a"]]}"#, ("actor", 400)),
    ]);
    for (body, (field, status)) in cases {
        let (response, answer) = setting.call(Method::POST, "/v1/exports", body).await;
        assert_eq!(response.status().as_u16(), status, "{body}: {answer}");
        assert_eq!(answer["errors"][0]["field"], field, "{body}: {answer}");
    }
    for body in ["[]", "\"csv\"", "{", "{\"format\": \"csv\"} x"] {
        assert_eq!(setting.call(Method::POST, "/v1/exports", body).await.0.status(), 400, "{body}");
    }
    let form = Request::post("/v1/exports").header("content-type", "application/x-ndjson").body(Bytes::from("{}")).unwrap();
    assert_eq!(setting.fixture.send(form).await.0.status(), 415);
    assert!(setting.exporter.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn other_methods_are_405_and_where_nothing_is_exported_there_is_nothing() {
    let mut setting = Setting::new(tenant("acme"));
    let link = setting.started(json!({"format": "csv"})).await;
    for (method, uri, allow) in
        [(Method::GET, "/v1/exports", "POST, OPTIONS"), (Method::PUT, link.as_str(), "GET, HEAD, DELETE, OPTIONS")]
    {
        let (response, _) = setting.call(method, uri, "").await;
        assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, allow));
    }
    setting.fixture.api.reader.as_mut().unwrap().exporter = None;
    assert_eq!(setting.get(&link).await.0, 404);
    assert_eq!(setting.start(json!({"format": "csv"})).await.0, 404);
}

#[tokio::test]
async fn an_export_that_could_read_too_much_is_refused_422_with_advice_before_anything_is_started() {
    let mut setting = Setting::new(tenant("acme"));
    let reader = setting.fixture.api.reader.as_ref().unwrap();
    let (store, lake) = (Arc::clone(&reader.store), reader.lake.clone());
    let writer = LandingWriter::new(Arc::clone(&store), lake.clone(), Arc::new(FixedClock), Arc::new(SystemEntropy));
    let event = Event {
        event_id: "e-1".into(),
        event_time: FixedClock.now(),
        received_time: FixedClock.now(),
        region: "eu-west-1".into(),
        organization: "acme".into(),
        source: "api".into(),
        action: "role_assign".into(),
        outcome: Outcome::Success,
        ..Event::default()
    };
    let bytes = writer.land(&[event]).await.unwrap().bytes as u64;
    let limit_to = |setting: &mut Setting, limit: u64| {
        let scan = Arc::new(ScanEngine::new(Arc::clone(&store), lake.clone(), Settings::default()));
        let guarded = GuardedExporter::new(Arc::clone(&setting.exporter) as _, scan, limit);
        setting.fixture.api.reader.as_mut().unwrap().exporter = Some(Arc::new(guarded));
    };

    limit_to(&mut setting, bytes - 1);
    let (status, problem) = setting.start(json!({"format": "csv"})).await;
    assert_eq!((status, &problem["type"]), (422, &json!("urn:auditlake:problem:query-too-large")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("is the limit") && detail.contains("`from` and `to`"), "{detail}");
    assert!(setting.exporter.requests.lock().unwrap().is_empty(), "nothing was started");
    // What has not happened yet reads nothing.
    let link = setting.started(json!({"format": "csv", "from": "2026-03-02"})).await;
    assert_eq!(setting.get(&link).await.0, 200, "a guarded export goes on as any other");

    limit_to(&mut setting, bytes);
    assert_eq!(setting.start(json!({"format": "csv"})).await.0, 202);
}
