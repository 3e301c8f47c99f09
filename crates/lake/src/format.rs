//! The version of what is stored, and how objects state it and their compression.

use serde::{Deserialize, Serialize};

/// The version of the layout, of plans, digests and records that this code reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// Footer key: version of the format, see [`FORMAT_VERSION`].
pub const FORMAT_KEY: &str = "auditlake.format";
/// Footer key: version of the columns, see [`auditlake_event::columns::SCHEMA_VERSION`].
pub const SCHEMA_KEY: &str = "auditlake.schema";

/// The compression of archive objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Snappy: the default.
    #[default]
    Snappy,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// The suffix of an object's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Codec::Snappy => "-snappy.parquet",
            Codec::Zstd => "-zstd.parquet",
        }
    }
}
