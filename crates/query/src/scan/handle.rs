//! One object that a query may read.

use auditlake_lake::layout::Partition;
use bytes::Bytes;

/// An object that a query may read.
#[derive(Debug)]
pub struct Handle {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where it lies in the archive; `None` for a landing object.
    pub partition: Option<Partition>,
    /// Its bytes, if it is made of landing objects that are read as one and lies nowhere else.
    pub merged: Option<Bytes>,
}
