//! The archive: one Parquet object for each organization, hour and seal (or several, if it is large), written once.
//!
//! [`mod@file`] makes their bytes, [`object`] reads parts of one by ranges, `stored_object` all of one, `late` looks for the copies of
//! late events in those that earlier seals wrote, and [`merkle`] is the tree whose root a digest states.

mod error;
pub mod file;
pub(crate) mod late;
pub mod merkle;
pub mod object;
pub mod stored_object;

pub use error::{LateError, StoredObjectError, Unread};
