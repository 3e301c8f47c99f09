//! Exports made by Athena: an execution each, which runs while nobody waits.
//!
//! - Each start writes to a folder that no other has: what a failed or cancelled `UNLOAD` leaves there is never taken for a file,
//!   and expires with the bucket's other results.
//! - The files are those of the execution's data manifest, never those of a listing; sizes come from a listing.
//! - A file outside the organization's own folder is never linked to.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use auditlake_event::Organization;
use auditlake_query::{
    ExportFile, ExportFormat, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, QueryError, QueryErrorKind,
    StartedExport,
};
use auditlake_store::presign::{Download, Presign};
use auditlake_store::{ErrorKind, SharedStore, StoreError, list_all};
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};

use crate::engine::AthenaEngine;
use crate::failure::{FailureKind, call_failure, execution_failure};
use crate::run::{ExecutionId, Statistics, request_token};
use crate::sql::{Sides, Statement, export_statement, export_window};

/// Where the workgroup puts results, in the bucket of results.
const RESULTS_PREFIX: &str = "athena/";
/// Where exports are unloaded to: below the prefix that the role may write, so that one rule of the bucket's lifecycle holds.
const EXPORTS_PREFIX: &str = "athena/exports/";

/// The bucket of results.
#[derive(Clone)]
pub struct Results {
    /// The bucket's name.
    pub bucket: String,
    /// Reads manifests and lists files.
    pub store: SharedStore,
    /// Signs links to files.
    pub links: Arc<dyn Presign>,
}

/// Makes exports.
pub struct AthenaExporter {
    engine: Arc<AthenaEngine>,
    results: Results,
}

fn store_error(error: &StoreError) -> QueryError {
    let kind = match error.kind {
        _ if error.retryable() => QueryErrorKind::Unavailable,
        ErrorKind::Denied => QueryErrorKind::Denied,
        _ => QueryErrorKind::Internal,
    };
    QueryError::new(kind, error.to_string())
}

fn defect(message: impl Into<String>) -> QueryError {
    QueryError::new(QueryErrorKind::Internal, message)
}

/// The folder of an organization's exports.
fn folder_of(organization: &Organization) -> String {
    format!("{EXPORTS_PREFIX}{organization}/")
}

impl AthenaExporter {
    /// An exporter that makes its statements as `engine` does.
    pub fn new(engine: Arc<AthenaEngine>, results: Results) -> Self {
        Self { engine, results }
    }

    /// 128 random bits, 32 characters.
    fn nonce(&self) -> String {
        let runner = self.engine.runner();
        format!("{:016x}{:016x}", runner.random(), runner.random())
    }

    /// The statement of an export that is unloaded to the folder `attempt`, and the `sealed until` it is bound to.
    async fn plan(
        &self,
        request: &ExportRequest,
        attempt: &str,
    ) -> Result<(Statement, auditlake_lake::SealTime), QueryError> {
        let organization = &request.query.organization;
        let snapshot = self.engine.snapshot(organization).await?;
        let window = export_window(&request.query, &snapshot);
        let reading = self.engine.reading(&request.query, &snapshot, Sides::Both, window);
        let folder = format!("s3://{}/{}{attempt}/", self.results.bucket, folder_of(organization));
        let statement = export_statement(&reading, request.format, request.with_raw, &folder)?;
        Ok((statement, snapshot.sealed_until))
    }

    async fn execution(&self, handle: &str) -> Result<QueryExecution, QueryError> {
        let client = self.engine.runner().client();
        let output = client.get_query_execution().query_execution_id(handle).send().await;
        let output = output.map_err(|error| call_failure("GetQueryExecution", &error))?;
        output.query_execution.ok_or_else(|| defect("GetQueryExecution answered no execution"))
    }

    /// The key of an `s3://` address in the bucket of results.
    fn key_of<'a>(&self, address: &'a str) -> Result<&'a str, QueryError> {
        let path = address.strip_prefix("s3://").and_then(|rest| rest.strip_prefix(self.results.bucket.as_str()));
        let key = path.and_then(|rest| rest.strip_prefix('/'));
        key.ok_or_else(|| defect(format!("athena put a result outside of the bucket of results: {address}")))
    }

    /// The keys of the files of an execution that succeeded.
    async fn keys(&self, job: &ExportJob, execution: &QueryExecution) -> Result<Vec<String>, QueryError> {
        let output = execution.result_configuration().and_then(|configuration| configuration.output_location());
        let output = output.ok_or_else(|| defect("GetQueryExecution answered no place of results"))?;
        if job.format == ExportFormat::Csv {
            let key = self.key_of(output)?;
            let is_result = key.starts_with(RESULTS_PREFIX) && key.ends_with(".csv") && key.contains(&job.handle);
            let own = is_result.then(|| vec![key.to_owned()]);
            return own.ok_or_else(|| defect(format!("athena's result {key} is not that of the export")));
        }
        let stated = execution.statistics().and_then(|statistics| statistics.data_manifest_location());
        let manifest = match stated {
            Some(location) => location.to_owned(),
            // Beside the result, under the name that the documentation states.
            None => {
                let (folder, _) = output.rsplit_once('/').unwrap_or((output, ""));
                format!("{folder}/{}-manifest.csv", job.handle)
            }
        };
        let manifest = match self.results.store.get(self.key_of(&manifest)?).await {
            Ok(object) => object.bytes,
            // An execution that wrote no file has none to state.
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(store_error(&error)),
        };
        let text = std::str::from_utf8(&manifest).map_err(|_| defect("athena's manifest is not UTF-8"))?;
        let folder = folder_of(&job.organization);
        let mut keys = Vec::new();
        for line in text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty()) {
            let key = self.key_of(line)?;
            if !key.starts_with(&folder) {
                return Err(defect(format!("athena's manifest names {key}, which is not the organization's")));
            }
            keys.push(key.to_owned());
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The files of an execution that succeeded, with their sizes.
    async fn files(&self, job: &ExportJob, execution: &QueryExecution) -> Result<Vec<ExportFile>, QueryError> {
        let keys = self.keys(job, execution).await?;
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let prefix = match first.rsplit_once('/') {
            Some((folder, _)) if job.format != ExportFormat::Csv => format!("{folder}/"),
            _ => first.clone(),
        };
        let listed =
            list_all(self.results.store.as_ref(), &prefix, None, None).await.map_err(|error| store_error(&error))?;
        let sizes: HashMap<String, u64> = listed.into_iter().map(|object| (object.key, object.size)).collect();
        let mut files = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            let bytes = *sizes.get(&key).ok_or_else(|| defect(format!("the export's file {key} is gone")))?;
            files.push(ExportFile { name: job.format.file_name(index + 1), key, bytes });
        }
        Ok(files)
    }
}

#[async_trait]
impl Exporter for AthenaExporter {
    async fn start(&self, request: &ExportRequest) -> Result<StartedExport, QueryError> {
        let attempt = self.nonce();
        let (statement, sealed_until) = self.plan(request, &attempt).await?;
        let token = request_token(&attempt, sealed_until, &statement);
        let id = self.engine.runner().start(self.engine.database(), &statement, &token, false).await?;
        tracing::info!(execution = %id, format = request.format.as_str(), "export started");
        Ok(StartedExport { handle: id.0, sealed_until })
    }

    async fn progress(&self, job: &ExportJob) -> Result<ExportProgress, QueryError> {
        let execution = self.execution(&job.handle).await?;
        let statistics = execution.statistics().map(Statistics::from).unwrap_or_default();
        let status = execution.status().ok_or_else(|| defect("GetQueryExecution answered no status"))?;
        let state = match status.state() {
            Some(QueryExecutionState::Succeeded) => ExportState::Done(self.files(job, &execution).await?),
            Some(ended @ (QueryExecutionState::Failed | QueryExecutionState::Cancelled)) => {
                let failure = execution_failure(*ended == QueryExecutionState::Cancelled, status);
                match failure.kind {
                    FailureKind::Cancelled => ExportState::Cancelled,
                    _ => ExportState::Failed(failure.into()),
                }
            }
            _ => ExportState::Running,
        };
        // An object that Athena cannot read fails the execution; how many rows it wrote it does not say.
        Ok(ExportProgress { state, rows: None, scanned_bytes: statistics.scanned_bytes, unreadable_objects: 0 })
    }

    async fn cancel(&self, job: &ExportJob) -> Result<(), QueryError> {
        self.engine.runner().stop(&ExecutionId(job.handle.clone())).await.map_err(QueryError::from)
    }

    async fn link(&self, file: &ExportFile, download: &Download) -> Result<String, QueryError> {
        self.results.links.presigned_get(&file.key, download).await.map_err(|error| store_error(&error))
    }
}
