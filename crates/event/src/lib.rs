//! The audit event: its model, its JSON form, the rules it must satisfy, its canonical form and its Parquet columns.
//!
//! Vocabulary (the same words everywhere in this repository):
//!
//! - an **event** is one audit record after normalisation: who did what, when, from where, with what outcome, what changed;
//! - an **organization** is the tenant it belongs to, a **region** the installation it was recorded for;
//! - its **source** is the door it came through: `api` for posted events, else the log format it was read from;
//! - a **shape** is a JSON model of others in which events come too ([`shapes`]);
//! - its **canonical form** is the RFC 8785 JSON of its non-null columns other than `received_time` and `seal_time`;
//!   the **event hash** is the SHA-256 of that form.
//!
//! Everything here is pure: time and random ids are passed in.

pub mod absence;
pub mod address;
pub mod batch;
mod byte_buffer;
pub mod canonical;
pub mod columns;
mod escape;
mod event_id;
pub mod input;
mod json;
pub mod limits;
pub mod model;
pub mod name;
mod normal_json;
pub mod sha256;
pub mod shapes;
pub mod time;
pub mod transport;

pub use columns::Column;
pub use model::{ActorType, Category, Event, Outcome};
pub use name::{Organization, Region};
pub use time::Timestamp;
