//! What one archive object of a seal holds.

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::layout::Partition;

/// The rows of one archive object: a partition, or a time range of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// The partition.
    pub partition: Partition,
    /// The object's number among those of the seal in this partition.
    pub shard: u16,
    /// The first event time, inclusive; `None` for the start of the partition.
    pub from: Option<Timestamp>,
    /// The event time after the last, exclusive; `None` for the end of the partition.
    pub until: Option<Timestamp>,
}
