//! The typed query of the lake, and the engines' narrow trait.
//!
//! - a **query** says which events of one organization are asked for: a time range and conditions on columns;
//! - an **engine** answers it by the two-sided exact read at `sealed until`: archive rows with an earlier seal time, landing rows
//!   with that or a later one, each event exactly once;
//! - **progress** is where an answer stands that takes longer than its caller waits; a **ticket** goes on with it;
//! - an **estimate** is how much a query could read at most, known without reading;
//! - a **cursor** is the signed place in the order of an answer at which the next page begins.

pub mod addresses;
pub mod buckets;
pub mod choosing;
pub mod csv;
pub mod cursor;
pub mod engine;
pub mod error;
pub mod export;
pub mod export_guard;
pub mod export_id;
pub mod fold;
pub mod metadata_key;
pub mod nearest;
pub mod parameters;
pub mod progress;
pub mod scan;
pub mod signed;
pub mod typed;

pub use buckets::{Interval, TimeZone};
pub use choosing::{Choice, ChoosingEngine};
pub use cursor::{Cursor, CursorError};
pub use engine::{Answer, Bucket, Cost, Count, CountRequest, Counts, Engine, GroupBy, Order, Position, SearchRequest};
pub use error::{QueryError, QueryErrorKind};
pub use export::{ExportFile, ExportFormat, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, StartedExport};
pub use export_guard::GuardedExporter;
pub use export_id::{ExportId, NotAnExportId};
pub use metadata_key::MetadataKey;
pub use progress::{Progress, Ticket};
pub use scan::{Estimate, ScanEngine, Settings};
pub use typed::{Condition, Field, InvalidQuery, PERSON_BEHIND, Query};
