//! Exports on one machine: a task pages through the engine, newest first, and writes files to the lake's storage.
//!
//! `exports/<organization>/<uuid>/part-<number>.<suffix>`, then `manifest.json`, which says how it ended. Memory is bounded by a
//! page of events, a row group, and the parts of one upload.
//!
//! - Files become visible when the manifest lists them, never before.
//! - An export that is neither running here nor has a manifest was cut off by the server's end: it failed.
//! - Few run at once and few wait; beyond that a start is refused, to be tried again.
//! - What is older than [`sweep::KEPT_FOR`] is removed.

mod encode;
mod job;
mod manifest;
pub mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use auditlake_event::Organization;
use auditlake_lake::{Lake, status};
use auditlake_query::{
    Engine, ExportFile, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, QueryError, QueryErrorKind,
    StartedExport,
};
use auditlake_store::presign::{Download, Presign};
use auditlake_store::{ErrorKind, SharedStore, StoreError};
use tokio::sync::{Semaphore, watch};

use job::Job;
use manifest::{Manifest, Numbers, manifest_key};

/// Where exports lie.
pub const EXPORTS: &str = "exports/";
/// Exports that run at once.
const RUNNING_AT_ONCE: usize = 2;
/// Most exports that run or wait.
const MOST_STARTED: usize = 32;

/// A file ends after the page with which it reaches this size (64 MiB): small enough to be fetched again, large enough to be few.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// An export that waits or runs.
struct Running {
    numbers: watch::Receiver<Numbers>,
    cancel: watch::Sender<bool>,
}

type RunningExports = Arc<Mutex<HashMap<String, Running>>>;

/// Makes exports.
pub struct LocalExporter {
    engine: Arc<dyn Engine>,
    store: SharedStore,
    links: Arc<dyn Presign>,
    lake: Lake,
    running: RunningExports,
    at_once: Arc<Semaphore>,
    file_bytes: u64,
    stop: watch::Receiver<bool>,
}

fn store_error(error: &StoreError) -> QueryError {
    let kind = if error.retryable() { QueryErrorKind::Unavailable } else { QueryErrorKind::Internal };
    QueryError::new(kind, error.to_string())
}

/// The folder of an export, ending in a slash.
fn folder(organization: &Organization, handle: &str) -> String {
    format!("{EXPORTS}{organization}/{handle}/")
}

impl LocalExporter {
    /// An exporter that reads through `engine` and writes to `store`. Its exports are given up when `stop` turns true.
    pub fn new(
        engine: Arc<dyn Engine>,
        store: SharedStore,
        links: Arc<dyn Presign>,
        lake: Lake,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let at_once = Arc::new(Semaphore::new(RUNNING_AT_ONCE));
        let running = RunningExports::default();
        Self { engine, store, links, lake, running, at_once, file_bytes: FILE_BYTES, stop }
    }

    /// The same with files that end after `file_bytes`.
    #[must_use]
    pub fn with_file_bytes(self, file_bytes: u64) -> Self {
        Self { file_bytes, ..self }
    }
}

fn locked(running: &RunningExports) -> std::sync::MutexGuard<'_, HashMap<String, Running>> {
    // A panic elsewhere leaves the map whole: each change of it is one call.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Exporter for LocalExporter {
    async fn start(&self, request: &ExportRequest) -> Result<StartedExport, QueryError> {
        // Read before the first page is: the export knows at least as much.
        let sealed_until = status::sealed_until(self.store.as_ref(), &self.lake, None).await;
        let sealed_until = sealed_until.map_err(|error| store_error(&error))?;
        let handle = uuid::Uuid::new_v4().to_string();
        let (numbers_sender, numbers) = watch::channel(Numbers::default());
        let (cancel, cancelled) = watch::channel(false);
        {
            let mut running = locked(&self.running);
            if running.len() >= MOST_STARTED {
                let message = format!("{MOST_STARTED} exports run or wait already");
                return Err(QueryError::new(QueryErrorKind::Unavailable, message));
            }
            running.insert(handle.clone(), Running { numbers, cancel });
        }
        let job = Job {
            engine: Arc::clone(&self.engine),
            store: Arc::clone(&self.store),
            request: request.clone(),
            folder: folder(&request.query.organization, &handle),
            file_bytes: self.file_bytes,
            numbers: numbers_sender,
        };
        let (running, at_once, stop, name) =
            (Arc::clone(&self.running), Arc::clone(&self.at_once), self.stop.clone(), handle.clone());
        tokio::spawn(async move {
            job.run(&at_once, cancelled, stop).await;
            locked(&running).remove(&name);
        });
        Ok(StartedExport { handle, sealed_until })
    }

    async fn progress(&self, job: &ExportJob) -> Result<ExportProgress, QueryError> {
        if let Some(running) = locked(&self.running).get(&job.handle) {
            let Numbers { rows, scanned_bytes, unreadable_objects } = *running.numbers.borrow();
            let state = if *running.cancel.borrow() { ExportState::Cancelled } else { ExportState::Running };
            return Ok(ExportProgress { state, rows: Some(rows), scanned_bytes, unreadable_objects });
        }
        let key = manifest_key(&folder(&job.organization, &job.handle));
        match self.store.get(&key).await {
            Ok(object) => {
                let manifest: Manifest = serde_json::from_slice(&object.bytes)
                    .map_err(|error| QueryError::new(QueryErrorKind::Internal, format!("{key}: {error}")))?;
                Ok(manifest.into_progress())
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                let message = "the server ended before the export did: start it again";
                let state = ExportState::Failed(QueryError::new(QueryErrorKind::Unavailable, message));
                Ok(ExportProgress { state, rows: None, scanned_bytes: 0, unreadable_objects: 0 })
            }
            Err(error) => Err(store_error(&error)),
        }
    }

    async fn cancel(&self, job: &ExportJob) -> Result<(), QueryError> {
        if let Some(running) = locked(&self.running).get(&job.handle) {
            running.cancel.send_replace(true);
        }
        Ok(())
    }

    async fn link(&self, file: &ExportFile, download: &Download) -> Result<String, QueryError> {
        self.links.presigned_get(&file.key, download).await.map_err(|error| store_error(&error))
    }
}
