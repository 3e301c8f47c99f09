//! The Athena engine: renders the typed query as SQL and runs it.
//!
//! - a **statement** is SQL text and its execution parameters; every value that a caller chose is a parameter, never text;
//! - a **snapshot** is what a statement is bound to: `sealed until`, read first, and the moment of asking;
//! - a **window** is the span of event time that one statement covers; a page of the newest events takes two at most.
//!
//! [`sql`] and [`tables`] are pure. [`run`] starts, polls, fetches and stops one execution; [`engine`] puts them together as an
//! [`auditlake_query::Engine`].

pub mod engine;
pub mod export;
pub mod failure;
pub mod identifier;
pub mod rows;
pub mod run;
pub mod sql;
mod table_names;
pub mod tables;

pub use engine::{AthenaEngine, EngineOptions, LakeStatus};
pub use export::{AthenaExporter, Results};
pub use failure::{Failure, FailureKind};
pub use identifier::{Identifier, InvalidIdentifier};
pub use run::{ExecutionId, Progress, RunOptions, Runner, Statistics};
pub use sql::{Sides, Snapshot, Statement, Window};
pub use table_names::Tables;
