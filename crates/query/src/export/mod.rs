//! Exports: the whole result of a query as files, made while nobody waits.
//!
//! - an **exporter** starts one, says how it goes, cancels it and links to its files;
//! - a **job** is what an exporter needs to find one again: it is inside the signed [`ExportId`](crate::ExportId).
//!
//! An export holds every event that was acknowledged before it was started and matches, once. What is acknowledged while it runs
//! may or may not be in it.

pub mod guard;
pub mod id;

use async_trait::async_trait;
use auditlake_event::{Column, Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_store::presign::Download;
use serde::{Deserialize, Serialize};

use crate::error::QueryError;
use crate::typed::Query;

/// The format of an export's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Comma-separated values with a header line, newest first; see [`is_guarded`].
    Csv,
    /// One JSON object a line, in gzip.
    #[serde(rename = "ndjson")]
    NdJson,
    /// Parquet with Snappy.
    Parquet,
}

impl ExportFormat {
    /// Every format's text, for messages.
    pub const TEXTS: [&'static str; 3] = ["csv", "ndjson", "parquet"];

    /// The format of a text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "ndjson" => Some(Self::NdJson),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The format as a text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::NdJson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// How the name of a file ends.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Csv => ".csv",
            Self::NdJson => ".ndjson.gz",
            Self::Parquet => ".parquet",
        }
    }

    /// The content type of a file. NDJSON is a gzip file, not a gzip encoding: it is saved as it is.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::NdJson => "application/gzip",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The name of a file of this format, from 1 on.
    pub fn file_name(self, number: usize) -> String {
        format!("part-{number:04}{}", self.suffix())
    }
}

/// The columns of an export, in order: those of a list. `seal_time` says where the lake keeps a row, not what happened.
pub fn export_columns(with_raw: bool) -> Vec<Column> {
    let is_wanted = |column: &Column| *column != Column::SealTime && (with_raw || *column != Column::Raw);
    Column::ALL.iter().copied().filter(is_wanted).collect()
}

/// What a spreadsheet may take for the beginning of a formula (OWASP, "CSV Injection"), and the apostrophe itself, so that what
/// was guarded can be told.
pub const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '\'', '\t', '\n', '\r'];

/// Whether texts of a column are guarded in CSV: what begins with one of [`FORMULA_STARTS`] has an apostrophe put before it. An
/// audit log holds texts that an attacker chose, and auditors open it in a spreadsheet. Taking one leading apostrophe away gives
/// the text back. Columns whose texts are the lake's own need no guard.
pub const fn is_guarded(column: Column) -> bool {
    !matches!(
        column,
        Column::EventTime
            | Column::EventTimeNanos
            | Column::ReceivedTime
            | Column::SealTime
            | Column::Region
            | Column::Organization
            | Column::Source
            | Column::Category
            | Column::Outcome
            | Column::ActorType
            | Column::HttpStatus
    )
}

/// An export is asked for.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Which events; `to` is set.
    pub query: Query,
    /// The files' format.
    pub format: ExportFormat,
    /// Whether the column `raw` is wanted.
    pub with_raw: bool,
}

/// An export that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedExport {
    /// The exporter's own name of it, of `[A-Za-z0-9_-]`.
    pub handle: String,
    /// The first period that was not sealed when it was started.
    pub sealed_until: SealTime,
}

/// What an exporter needs to find an export again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportJob {
    /// Whose events it holds.
    pub organization: Organization,
    /// The files' format.
    pub format: ExportFormat,
    /// When it was asked for.
    pub created: Timestamp,
    /// The exporter's own name of it.
    pub handle: String,
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// Its name in the export, such as `part-0001.csv`.
    pub name: String,
    /// The key of the object.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Where an export stands.
#[derive(Debug)]
pub enum ExportState {
    /// Waiting or running.
    Running,
    /// All files are there.
    Done(Vec<ExportFile>),
    /// It ended without a result.
    Failed(QueryError),
    /// It was cancelled.
    Cancelled,
}

/// How an export goes.
#[derive(Debug)]
pub struct ExportProgress {
    /// Where it stands.
    pub state: ExportState,
    /// Rows written so far, where that is known.
    pub rows: Option<u64>,
    /// Bytes read from storage so far.
    pub scanned_bytes: u64,
    /// Landing objects that could not be understood and are missing.
    pub unreadable_objects: usize,
}

/// Makes exports.
#[async_trait]
pub trait Exporter: Send + Sync {
    /// Starts one. It goes on when this returns.
    async fn start(&self, request: &ExportRequest) -> Result<StartedExport, QueryError>;

    /// How one goes. An error says that this is not known; that an export failed is no error.
    async fn progress(&self, job: &ExportJob) -> Result<ExportProgress, QueryError>;

    /// Cancels one; one that has ended stays as it ended.
    async fn cancel(&self, job: &ExportJob) -> Result<(), QueryError>;

    /// A link to a file.
    async fn link(&self, file: &ExportFile, download: &Download) -> Result<String, QueryError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_one_name_everywhere() {
        for text in ExportFormat::TEXTS {
            let format = ExportFormat::parse(text).unwrap();
            assert_eq!(format.as_str(), text);
            assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{text}\""));
            assert!(format.file_name(7).starts_with(&format!("part-0007.{text}")));
        }
        assert_eq!(ExportFormat::parse("CSV"), None);
    }

    #[test]
    fn an_export_has_the_columns_of_a_list() {
        let names = |with_raw| export_columns(with_raw).iter().map(|column| column.name()).collect::<Vec<_>>();
        assert_eq!((names(false).len(), names(true).len()), (31, 32));
        assert_eq!(names(true)[..4], ["event_id", "event_time", "event_time_nanos", "received_time"]);
        assert_eq!(names(true)[31], "raw");
        assert!(!names(true).contains(&"seal_time"));
    }
}
