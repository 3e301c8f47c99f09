//! Exports by Athena: their statements, what becomes of an execution, and their meaning in the eyes of the referee.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auditlake_athena::tables::{TableOptions, tables};
use auditlake_athena::{
    AthenaEngine, AthenaExporter, EngineOptions, ExecutionId, Identifier, LakeStatus, Results, RunOptions, Tables,
};
use auditlake_event::{Column, Event, Organization, Region, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::clock::Clock;
use auditlake_query::{
    Condition, ExportFile, ExportFormat, ExportJob, ExportRequest, ExportState, Exporter, Field, Query, QueryError,
    QueryErrorKind,
};
use auditlake_store::memory::MemoryStore;
use auditlake_store::presign::{Download, Presign};
use auditlake_store::{Store, StoreError};

use crate::athena_server::{Answers, AthenaServer, End};
use crate::lake::{self, Lake, time};
use crate::s3_server::S3Server;
use crate::trino::{Trino, TrinoClient};

struct SealedLake;

#[async_trait]
impl LakeStatus for SealedLake {
    async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        Ok(lake::sealed_until())
    }

    async fn archive_since(&self, _: &Organization) -> Result<Timestamp, QueryError> {
        Ok(time("2025-12-31T23:00:00Z"))
    }
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        lake::now()
    }
}

/// Says which key it was asked for.
struct FakeLinks;

#[async_trait]
impl Presign for FakeLinks {
    async fn presigned_get(&self, key: &str, download: &Download) -> Result<String, StoreError> {
        Ok(format!("https://results.example/{key}?as={}", download.file_name))
    }
}

struct Fixture {
    server: AthenaServer,
    engine: Arc<AthenaEngine>,
    exporter: AthenaExporter,
    results: Arc<MemoryStore>,
}

impl Fixture {
    async fn new(answers: impl Answers) -> Self {
        let server = AthenaServer::start(answers).await;
        let counter = AtomicU64::new(1);
        let run_options = RunOptions {
            first_poll: Duration::from_millis(2),
            longest_poll: Duration::from_millis(50),
            ..RunOptions::in_workgroup("auditlake")
        };
        let tables = Tables::in_database(Identifier::parse("auditlake").unwrap());
        let options = EngineOptions::new(tables, lake::RULE);
        let random = Arc::new(move || counter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed));
        let status = Arc::new(SealedLake);
        let engine =
            Arc::new(AthenaEngine::new(server.client(), run_options, options, status, Arc::new(FixedClock), random));
        let results = Arc::new(MemoryStore::new());
        let place = Results { bucket: "results".into(), store: Arc::clone(&results) as _, links: Arc::new(FakeLinks) };
        let exporter = AthenaExporter::new(Arc::clone(&engine), place);
        Self { server, engine, exporter, results }
    }

    async fn start(&self, request: &ExportRequest) -> ExportJob {
        let started = self.exporter.start(request).await.unwrap();
        assert_eq!(started.sealed_until, lake::sealed_until());
        let organization = request.query.organization.clone();
        ExportJob { organization, format: request.format, created: lake::now(), handle: started.handle }
    }

    async fn state(&self, job: &ExportJob) -> ExportState {
        self.exporter.progress(job).await.unwrap().state
    }

    async fn put(&self, key: &str, bytes: &str) {
        self.results.put_if_absent(key, bytes.to_owned().into()).await.unwrap();
    }

    /// The statement of the last start.
    fn statement(&self) -> String {
        self.server.calls("StartQueryExecution").last().unwrap()["QueryString"].as_str().unwrap().to_owned()
    }
}

fn acme() -> Query {
    Query { to: Some(lake::now()), ..Query::all(Organization::parse("acme").unwrap()) }
}

fn request(format: ExportFormat) -> ExportRequest {
    ExportRequest { query: acme(), format, with_raw: false }
}

fn no_rows(_: &str, _: &[String]) -> End {
    End::Rows { columns: vec!["event_id".into()], rows: Vec::new(), scanned_bytes: 5_000 }
}

fn done(state: ExportState) -> Vec<ExportFile> {
    match state {
        ExportState::Done(files) => files,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_start_is_unloaded_to_a_folder_of_its_own_and_values_are_parameters() {
    let fixture = Fixture::new(no_rows).await;
    let hostile = "x' OR 1=1) TO 's3://elsewhere/' --";
    let mut folders = Vec::new();
    for format in [ExportFormat::Parquet, ExportFormat::NdJson, ExportFormat::Parquet] {
        let mut request = request(format);
        request.query.conditions.push(Condition::any_of(Field::Action, vec![hostile.into()]));
        fixture.start(&request).await;
        let text = fixture.statement();
        let (_, rest) = text.split_once("\nTO '").unwrap();
        let (folder, properties) = rest.split_once("'\n").unwrap();
        assert!(folder.starts_with("s3://results/athena/exports/acme/") && folder.ends_with('/'), "{folder}");
        let expected = match format {
            ExportFormat::Parquet => "WITH (format = 'PARQUET', compression = 'SNAPPY')",
            _ => "WITH (format = 'JSON', compression = 'GZIP')",
        };
        assert_eq!(properties, expected);
        assert!(text.starts_with("UNLOAD (\nSELECT ") && !text.contains("elsewhere") && !text.contains("LIMIT"), "{text}");
        folders.push(folder.to_owned());
    }
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), 3, "a new folder for each attempt");
    let starts = fixture.server.calls("StartQueryExecution");
    let parameters = starts[0]["ExecutionParameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter == "'x'' OR 1=1) TO ''s3://elsewhere/'' --'"), "{parameters:?}");
    assert!(starts.iter().all(|start| start["WorkGroup"] == "auditlake" && start.get("ResultReuseConfiguration").is_none()));
}

#[tokio::test]
async fn the_files_are_those_of_the_manifest_and_leftovers_are_none() {
    for states_manifest in [true, false] {
        let fixture = Fixture::new(no_rows).await;
        fixture.server.set_states_manifest(states_manifest);
        let job = fixture.start(&request(ExportFormat::Parquet)).await;
        let folder = "athena/exports/acme/0000000000000001/";
        fixture.put(&format!("{folder}20260301_b"), "12345").await;
        fixture.put(&format!("{folder}20260301_a"), "123").await;
        fixture.put(&format!("{folder}20260301_orphan"), "not written by the execution that succeeded").await;
        let manifest = format!("s3://results/{folder}20260301_b\ns3://results/{folder}20260301_a\n");
        fixture.put(&format!("athena/{}-manifest.csv", job.handle), &manifest).await;
        let progress = fixture.exporter.progress(&job).await.unwrap();
        assert_eq!((progress.rows, progress.scanned_bytes, progress.unreadable_objects), (None, 5_000, 0));
        let files = done(progress.state);
        let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.key.as_str(), file.bytes)).collect();
        let (a, b) = (format!("{folder}20260301_a"), format!("{folder}20260301_b"));
        assert_eq!(found, [("part-0001.parquet", a.as_str(), 3), ("part-0002.parquet", b.as_str(), 5)]);
        let download =
            Download { valid_for: Duration::from_secs(60), file_name: "acme.parquet".into(), content_type: "x/y" };
        let link = fixture.exporter.link(&files[0], &download).await.unwrap();
        assert_eq!(link, format!("https://results.example/{folder}20260301_a?as=acme.parquet"));
    }
}

#[tokio::test]
async fn the_file_of_csv_is_the_execution_s_own_result() {
    let fixture = Fixture::new(no_rows).await;
    let job = fixture.start(&request(ExportFormat::Csv)).await;
    let text = fixture.statement();
    assert!(text.starts_with("SELECT ") && text.contains("\nORDER BY events.event_time DESC"), "{text}");
    fixture.put(&format!("athena/{}.csv", job.handle), "\"event_id\"\n").await;
    fixture.put(&format!("athena/{}.csv.metadata", job.handle), "not ours").await;
    let files = done(fixture.state(&job).await);
    let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    assert_eq!(found, [("part-0001.csv", 11)]);
}

#[tokio::test]
async fn a_result_of_another_organization_or_bucket_is_never_linked_to() {
    for line in [
        "s3://results/athena/exports/acme-eu/0/a",
        "s3://results/athena/exports/globex/0/a",
        "s3://results/directory/organization=org-acme/a",
        "s3://results-of-others/athena/exports/acme/0/a",
        "/athena/exports/acme/0/a",
    ] {
        let fixture = Fixture::new(no_rows).await;
        let job = fixture.start(&request(ExportFormat::NdJson)).await;
        fixture.put(&format!("athena/{}-manifest.csv", job.handle), line).await;
        let error = fixture.exporter.progress(&job).await.unwrap_err();
        assert_eq!(error.kind, QueryErrorKind::Internal, "{line}: {error}");
    }
}

#[tokio::test]
async fn an_export_of_nothing_is_done_without_files_and_a_file_that_is_gone_is_an_error() {
    let fixture = Fixture::new(no_rows).await;
    let mut nothing = request(ExportFormat::Parquet);
    nothing.query.from = Some(time("2030-01-01T00:00:00Z"));
    nothing.query.to = Some(time("2030-01-02T00:00:00Z"));
    let job = fixture.start(&nothing).await;
    assert!(done(fixture.state(&job).await).is_empty());
    let manifest = "s3://results/athena/exports/acme/0/a";
    fixture.put(&format!("athena/{}-manifest.csv", job.handle), manifest).await;
    assert_eq!(fixture.exporter.progress(&job).await.unwrap_err().kind, QueryErrorKind::Internal);
}

#[tokio::test]
async fn running_failed_and_cancelled_are_told_apart() {
    let fixture = Fixture::new(|_: &str, _: &[String]| End::Never).await;
    let job = fixture.start(&request(ExportFormat::NdJson)).await;
    assert!(matches!(fixture.state(&job).await, ExportState::Running));
    fixture.exporter.cancel(&job).await.unwrap();
    assert!(matches!(fixture.state(&job).await, ExportState::Cancelled));
    assert_eq!(fixture.server.calls("StopQueryExecution").len(), 1);

    let cut_off = "Query cancelled! : Bytes scanned limit was exceeded";
    let fixture = Fixture::new(move |_: &str, _: &[String]| End::Cancelled(cut_off.into())).await;
    let job = fixture.start(&request(ExportFormat::Csv)).await;
    let ExportState::Failed(error) = fixture.state(&job).await else { panic!("it has failed") };
    assert_eq!(error.kind, QueryErrorKind::TooLarge);
    assert!(error.message.contains("ask for a shorter time range"), "{error}");

    fixture.server.fail_next("GetQueryExecution", "AccessDeniedException");
    assert_eq!(fixture.exporter.progress(&job).await.unwrap_err().kind, QueryErrorKind::Denied);
}

/// Trino in Athena's place, which has no `UNLOAD`: what it would write is answered as rows.
struct Unloading(TrinoClient);

impl Answers for Unloading {
    fn answer(&self, text: &str, parameters: &[String]) -> End {
        let unloaded =
            text.strip_prefix("UNLOAD (\n").and_then(|rest| rest.split_once("\n)\nTO '")).map(|(select, _)| select);
        self.0.answer(unloaded.unwrap_or(text), parameters)
    }
}

/// A cell as the documentation of exports describes it, worked out without the renderer.
fn expected_cell(event: &Event<'_>, column: Column, format: ExportFormat) -> Option<String> {
    let as_api = format != ExportFormat::Parquet;
    let shown = |time: Timestamp| {
        let text = time.to_string();
        if as_api { text } else { text.replace('T', " ").replace('Z', "") }
    };
    match column {
        Column::EventTime => Some(shown(event.event_time)),
        Column::ReceivedTime => Some(shown(event.received_time)),
        Column::EventTimeNanos => event.event_time_nanos.map(|number| number.to_string()),
        Column::HttpStatus => event.http_status.map(|number| number.to_string()),
        _ => event.text(column).map(|text| {
            let looks_like_a_formula =
                ["=", "+", "-", "@", "'", "\t", "\n", "\r"].iter().any(|start| text.starts_with(start));
            let is_ours = matches!(column, Column::Region | Column::Organization | Column::Source | Column::Outcome);
            if format == ExportFormat::Csv && looks_like_a_formula && !is_ours {
                format!("'{text}")
            } else {
                text.to_owned()
            }
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn referee_exports_what_the_model_holds() {
    let lake = Arc::new(Lake::new());
    let s3 = S3Server::start(lake.objects.clone()).await;
    let endpoint = s3.endpoint.clone();
    let Some(trino) = tokio::task::spawn_blocking(move || Trino::start(&endpoint, "lake")).await.unwrap() else { return };
    let options = TableOptions {
        database: Identifier::parse("auditlake").unwrap(),
        archive: "s3://lake".into(),
        landing: "s3://lake".into(),
        regions: vec![Region::parse("us-east-1").unwrap(), Region::parse("eu-west-1").unwrap()],
    };
    let client = trino.client();
    let made = tokio::task::spawn_blocking(move || {
        client.run("CREATE SCHEMA lake.auditlake").unwrap();
        tables(&options).iter().for_each(|table| drop(client.run(&table.trino_ddl()).unwrap()));
    });
    made.await.unwrap();
    let fixture = Fixture::new(Unloading(trino.client())).await;
    // Each costs the referee some seconds.
    for (format, with_raw) in [(ExportFormat::Csv, false), (ExportFormat::NdJson, true), (ExportFormat::Parquet, true)] {
        for conditions in [
            Vec::new(),
            vec![Condition { negated: true, ..Condition::any_of(Field::Actor, vec!["' OR 1=1 --".into(), "u-1".into()]) }],
        ] {
            let query = Query { conditions, ..acme() };
            let job = fixture.start(&ExportRequest { query: query.clone(), format, with_raw }).await;
            let id = ExecutionId(job.handle.clone());
            let runner = fixture.engine.runner();
            runner.wait(&id, tokio::time::Instant::now() + Duration::from_secs(120)).await.unwrap();
            let found = runner.fetch(&id, 100_000).await.unwrap();
            let columns: Vec<Column> = found.columns.iter().map(|name| Column::from_name(name).unwrap()).collect();
            let expected_columns = Column::ALL.iter().filter(|column| match column {
                Column::SealTime => false,
                Column::Raw => with_raw,
                _ => true,
            });
            assert!(columns.iter().eq(expected_columns), "{columns:?}");
            let row =
                |event: &Event<'_>| columns.iter().map(|column| expected_cell(event, *column, format)).collect::<Vec<_>>();
            let mut expected: Vec<_> = lake.search(&query).iter().map(row).collect();
            let mut rows = found.rows;
            if format != ExportFormat::Csv {
                rows.sort();
                expected.sort();
            }
            assert_eq!(rows.len(), expected.len(), "{format:?}");
            for (row, expected) in rows.iter().zip(&expected) {
                assert_eq!(row, expected, "{format:?}");
            }
        }
    }
}
