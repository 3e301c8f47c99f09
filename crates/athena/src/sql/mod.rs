//! Renders the typed query as Athena SQL (engine 3, which is Trino). Pure: the same input is the same statement.
//!
//! A statement is the two-sided exact read at `sealed until` (`S`), bound as a literal:
//!
//! ```text
//! archive  WHERE seal_time <  S     one BETWEEN over the partition column dt
//! UNION ALL
//! landing  WHERE seal_time >= S     arrivals from S - lead on, one BETWEEN over the partition column arrival
//! ```
//!
//! Duplicates of what is not sealed yet collapse *before* conditions are judged, so that a later copy never shows where the
//! first one does not match: on the landing side the first arrived wins (smallest `"$path"`, then see [`exact`]), and a row of
//! which the archive holds a copy gives way to it. Time ranges stand inside each side, never outside of a window function, where
//! Trino would no longer push them down.

pub mod count;
pub mod exact;
pub mod export;
pub mod search;
mod snapshot;
pub mod statement;
pub mod window;

mod condition;

pub use count::count_statement;
pub(crate) use exact::arrival_value;
pub use exact::{Reading, Sides};
pub use export::{export_statement, export_window};
pub use search::{search_columns, search_statement};
pub use snapshot::Snapshot;
pub(crate) use statement::time_literal;
pub use statement::{MAX_STATEMENT_BYTES, Statement};
pub use window::{Window, count_window, search_windows};
