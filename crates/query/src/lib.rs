//! The typed query of the lake, and the engines' narrow trait.
//!
//! - a **query** says which events of one organization are asked for: a time range and conditions on columns;
//! - an **engine** answers it by the two-sided exact read at `sealed until`: archive rows with an earlier seal time, landing rows
//!   with that or a later one, each event exactly once;
//! - a **cursor** is the signed place in the order of an answer at which the next page begins.

pub mod cursor;
pub mod engine;
pub mod export;
pub mod export_id;
pub mod parameters;
pub mod scan;
pub mod typed;

pub use cursor::{Cursor, CursorError};
pub use engine::{
    Answer, Bucket, Count, CountRequest, Counts, Engine, GroupBy, Interval, Position, QueryError, QueryErrorKind,
    SearchRequest,
};
pub use export::{ExportFile, ExportFormat, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, StartedExport};
pub use export_id::{ExportId, NotAnExportId};
pub use scan::{ScanEngine, Settings};
pub use typed::{Condition, Field, InvalidQuery, Query};
