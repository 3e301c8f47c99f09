//! One export from its start to its manifest.

use std::sync::Arc;
use std::time::Duration;

use auditlake_event::{Column, Event};
use auditlake_query::export::export_columns;
use auditlake_query::{
    Answer, Engine, EngineExt, ExportFile, ExportRequest, Page, QueryError, QueryErrorKind, SearchRequest,
};
use auditlake_store::{Put, SharedStore, StoreError, Upload};
use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::encode::{EncodeError, FileEncoder};
use super::manifest::{End, Manifest, ManifestError, Numbers, manifest_key};

/// Events that are read at once.
const PAGE: usize = 1_000;
/// How often a page is asked for before the export fails.
const TRIES: u32 = 4;
/// The first pause between tries; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("an object of the name {0} is there already")]
    Taken(String),
}

/// An export that is about to run.
pub(super) struct Job {
    pub engine: Arc<dyn Engine>,
    pub store: SharedStore,
    pub request: ExportRequest,
    /// Where its files go, ending in a slash.
    pub folder: String,
    /// A file ends after the page with which it reaches this size.
    pub file_bytes: u64,
    pub numbers: watch::Sender<Numbers>,
}

/// A file that is being written.
struct OpenFile {
    name: String,
    key: String,
    encoder: FileEncoder,
    upload: Box<dyn Upload>,
    bytes: u64,
}

impl OpenFile {
    async fn push(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bytes += bytes.len() as u64;
        self.upload.write(bytes).await
    }

    async fn write(&mut self, events: &[Event<'_>]) -> Result<(), JobError> {
        self.encoder.write(events)?;
        let bytes = self.encoder.take_bytes();
        Ok(self.push(bytes).await?)
    }

    async fn finish(self) -> Result<ExportFile, JobError> {
        let Self { name, key, encoder, mut upload, mut bytes } = self;
        let last = encoder.finish()?;
        bytes += last.len() as u64;
        upload.write(last).await?;
        match upload.finish().await? {
            Put::Created { .. } => Ok(ExportFile { name, key, bytes }),
            Put::Exists => Err(JobError::Taken(key)),
        }
    }
}

impl Job {
    /// Runs it when its turn comes, and leaves a manifest, unless the server stops.
    pub(super) async fn run(
        self,
        at_once: &Semaphore,
        mut cancelled: watch::Receiver<bool>,
        mut stop: watch::Receiver<bool>,
    ) {
        let work = async {
            // The semaphore is never closed.
            let _turn = at_once.acquire().await;
            self.write_files().await
        };
        let ended = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            Ok(_) = cancelled.wait_for(|cancelled| *cancelled) => None,
            ended = work => Some(ended),
        };
        let Numbers { rows, scanned_bytes, unreadable_objects } = *self.numbers.borrow();
        let (status, files, error) = match ended {
            None => (End::Cancelled, Vec::new(), None),
            Some(Ok(files)) => (End::Done, files, None),
            Some(Err(error)) => {
                tracing::error!(%error, folder = self.folder, "export failed");
                (End::Failed, Vec::new(), Some(told(&error)))
            }
        };
        tracing::info!(folder = self.folder, rows, scanned_bytes, files = files.len(), ?status, "export ended");
        let manifest = Manifest { status, rows, scanned_bytes, unreadable_objects, files, error };
        if let Err(error) = self.put_manifest(&manifest).await {
            tracing::error!(%error, folder = self.folder, "export left no manifest and counts as failed");
        }
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let bytes = serde_json::to_vec(manifest)?;
        self.store.put_if_absent(&manifest_key(&self.folder), bytes.into()).await?;
        Ok(())
    }

    async fn write_files(&self) -> Result<Vec<ExportFile>, JobError> {
        let columns: Arc<[Column]> = export_columns(self.request.with_raw).into();
        let mut files = Vec::new();
        let mut open = self.open(1, &columns).await?;
        let ExportRequest { query, with_raw, .. } = &self.request;
        let mut request = SearchRequest {
            order: auditlake_query::Order::NewestFirst,
            query: query.clone(),
            after: None,
            limit: PAGE,
            with_raw: *with_raw,
        };
        loop {
            let Answer { facts, found: Page { events, next } } = self.page(&request).await?;
            open.write(&events).await?;
            self.numbers.send_modify(|numbers| {
                numbers.rows += events.len() as u64;
                numbers.scanned_bytes += facts.scanned_bytes;
                numbers.unreadable_objects = numbers.unreadable_objects.max(facts.unreadable_objects);
            });
            let Some(next) = next else { break };
            request.after = Some(next);
            if open.bytes >= self.file_bytes {
                let following = self.open(files.len() + 2, &columns).await?;
                files.push(std::mem::replace(&mut open, following).finish().await?);
            }
        }
        files.push(open.finish().await?);
        Ok(files)
    }

    async fn open(&self, number: usize, columns: &Arc<[Column]>) -> Result<OpenFile, JobError> {
        let name = self.request.format.file_name(number);
        let key = format!("{}{name}", self.folder);
        let encoder = FileEncoder::new(self.request.format, columns)?;
        let upload = self.store.upload(&key).await?;
        Ok(OpenFile { name, key, encoder, upload, bytes: 0 })
    }

    /// A page, tried again while that may help.
    async fn page(&self, request: &SearchRequest) -> Result<Answer<Page>, QueryError> {
        let mut tries = 1;
        loop {
            match self.engine.search(request).await {
                Err(error) if error.kind == QueryErrorKind::Unavailable && tries < TRIES => {
                    tracing::warn!(%error, tries, "a page of an export is tried again");
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }
}

fn told(error: &JobError) -> ManifestError {
    let too_large = matches!(error, JobError::Query(error) if error.kind == QueryErrorKind::TooLarge);
    ManifestError { too_large, message: error.to_string() }
}
