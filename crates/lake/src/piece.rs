//! What one archive object of a seal holds.

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::layout::Partition;

/// The rows of one archive object: a partition, or a time range of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// The partition.
    pub partition: Partition,
    /// The object's number among those of the seal in this partition; plans call it `shard`.
    #[serde(rename = "shard")]
    pub part: u16,
    /// The first event time, inclusive; `None` for the start of the partition.
    pub from: Option<Timestamp>,
    /// The event time after the last, exclusive; `None` for the end of the partition.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_that_of_the_first_version() {
        let text = r#"{"partition":{"region":"eu","organization":"acme","hour":"2026-03-01T09:00:00.000Z"},"shard":3,"from":null,"until":"2026-03-01T09:30:00.000Z"}"#;
        let piece: Piece = serde_json::from_str(text).unwrap();
        assert_eq!(piece.part, 3);
        assert_eq!(serde_json::to_string(&piece).unwrap(), text);
    }
}
