//! Landing objects: what is inside one, how it is written, how it is read back and checked.
//!
//! A landing object is one Parquet file of [`landing_schema`](auditlake_event::columns::landing_schema). Its guarantees:
//!
//! - rows are sorted by (region, organization, event_time, event_id, source), equal ones in the order they came in, so the rows
//!   of one hour of one organization lie together and a seal can merge objects as streams;
//! - `seal_time` of every row is what the seal rule gives for its `event_time` and the object's arrival, and no `event_time`
//!   lies more than the lead after the arrival;
//! - the footer holds the format's and the schema's version, the arrival and an index of the groups of rows, so that a plan can
//!   be made from footers alone;
//! - every page carries the checksum of the Parquet format, and the footer those of everything before it
//!   ([`crate::checksums`]); objects of a [`LandingWriter`](crate::landing::LandingWriter) are named after their SHA-256.
//!
//! [`encode`] makes these true and [`LandingReader`] checks every one of them: what it accepts can be trusted, what it cannot
//! read is for quarantine, and what a newer version wrote makes a sealer stop ([`LandingError::must_stop`]).

mod column_chunk;
mod column_values;
mod decode;
mod dictionary;
mod encode;
mod index;
mod order;

pub use decode::{IndexError, LandingObject, LandingReader, decode, decode_named, read_index};
pub use encode::{EncodeError, EncodedLanding, LandingEncoder, encode, encode_named};
pub use index::{LandingGroup, LandingIndex};

/// Footer key: the arrival, RFC 3339.
pub const ARRIVAL_KEY: &str = "auditlake.arrival";
/// Footer key: the [`LandingIndex`].
pub const INDEX_KEY: &str = "auditlake.landing";

/// Footer key: how the object was named. Without it the name says nothing about the content.
pub const NAME_KEY: &str = "auditlake.name";
/// The name is made of the SHA-256 of the bytes; what follows in the value tells objects of equal events apart.
pub const NAME_BY_SHA256: &str = "sha256/";

/// Why an object under `landing/` is not used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandingError {
    /// No Parquet file, or a broken one: goes to quarantine.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A Parquet file that breaks a guarantee of landing objects: goes to quarantine.
    #[error("is no landing object: {0}")]
    Foreign(String),
    /// Written by a newer version: a reader must stop, and must not read only the columns it knows.
    #[error("has {what} version {found}, this version of auditlake knows {known}: upgrade first")]
    UnknownVersion {
        /// `format` or `schema`.
        what: &'static str,
        /// The version found.
        found: String,
        /// The version known.
        known: u32,
    },
    /// Has a column that is not known: a reader must stop, and must not read only the columns it knows.
    #[error("has the unknown column `{0}`: upgrade first")]
    UnknownColumn(String),
}

impl LandingError {
    /// Whether a sealer must stop instead of setting the object aside: it was written by a version that knows more.
    pub const fn must_stop(&self) -> bool {
        matches!(self, LandingError::UnknownVersion { .. } | LandingError::UnknownColumn(_))
    }
}
