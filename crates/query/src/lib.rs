//! The typed query of the lake, and the engines' narrow trait.
//!
//! - a **query** says which events of one organization are asked for: a time range and conditions on columns;
//! - a **question** asks for a page of these events or for counts of them;
//! - an **engine** answers it by the two-sided exact read at `sealed until`: archive rows with an earlier seal time, landing rows
//!   with that or a later one, each event exactly once;
//! - an **answer** contains what was found and the facts about how it was made;
//! - **progress** is an answer or, where that takes longer than its caller waits, a **ticket** with which to ask for it later;
//! - an **estimate** is how much a query could read at most, known without reading;
//! - a **cursor** is the signed place in the order of an answer at which the next page begins.

pub mod addresses;
pub mod answer;
pub mod buckets;
pub mod choosing;
pub mod csv;
pub mod cursor;
pub mod engine;
pub mod error;
pub mod export;
pub mod fold;
pub mod metadata_key;
pub mod nearest;
pub mod parameters;
pub mod question;
pub mod scan;
pub mod signed;
pub mod typed;

pub use answer::{Answer, Bucket, Cost, Count, Counts, Facts, Found, Page, Progress, Ticket};
pub use buckets::{Interval, TimeZone};
pub use choosing::{Choice, ChoosingEngine};
pub use cursor::{Cursor, CursorError};
pub use engine::{Engine, EngineExt};
pub use error::{QueryError, QueryErrorKind};
pub use export::guard::GuardedExporter;
pub use export::id::{ExportId, NotAnExportId};
pub use export::{ExportFile, ExportFormat, ExportJob, ExportProgress, ExportRequest, ExportState, Exporter, StartedExport};
pub use metadata_key::MetadataKey;
pub use question::{CountRequest, GroupBy, Order, Position, Question, SearchRequest};
pub use scan::{Estimate, ScanEngine, Settings};
pub use typed::{Condition, Field, InvalidQuery, PERSON_BEHIND, Query};
