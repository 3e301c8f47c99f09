//! Refuses exports that could read too much, or that would lack the events of an archive object that is gone, before anything is
//! started or billed.
//!
//! The estimate is that of [`ChoosingEngine`](crate::ChoosingEngine): made of lists, an upper bound. An export, which has no page to end
//! at, comes closer to it than a list does.

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_store::presign::Download;

use crate::choosing::{MOST_DIGESTS, refusal};
use crate::error::{QueryError, QueryErrorKind};
use crate::export::{ExportFile, ExportJob, ExportProgress, ExportRequest, Exporter, StartedExport};
use crate::scan::ScanEngine;

/// An exporter of what is all there, with a limit.
pub struct GuardedExporter {
    exporter: Arc<dyn Exporter>,
    scan: Arc<ScanEngine>,
    refuse_above_bytes: u64,
}

impl GuardedExporter {
    /// Guards an exporter by what `scan` says that an export could read; 0 refuses none for its size.
    pub fn new(exporter: Arc<dyn Exporter>, scan: Arc<ScanEngine>, refuse_above_bytes: u64) -> Self {
        Self { exporter, scan, refuse_above_bytes }
    }
}

#[async_trait]
impl Exporter for GuardedExporter {
    async fn start(&self, request: &ExportRequest) -> Result<StartedExport, QueryError> {
        let limit = self.refuse_above_bytes;
        if limit > 0 {
            let estimate = self.scan.estimate(&request.query, None, limit).await?;
            if estimate.bytes() > limit {
                return Err(QueryError::new(QueryErrorKind::TooLarge, refusal(&estimate, limit)));
            }
        }
        self.scan.check_presence(&request.query, None, MOST_DIGESTS).await?;
        self.exporter.start(request).await
    }

    async fn progress(&self, job: &ExportJob) -> Result<ExportProgress, QueryError> {
        self.exporter.progress(job).await
    }

    async fn cancel(&self, job: &ExportJob) -> Result<(), QueryError> {
        self.exporter.cancel(job).await
    }

    async fn link(&self, file: &ExportFile, download: &Download) -> Result<String, QueryError> {
        self.exporter.link(file, download).await
    }
}
