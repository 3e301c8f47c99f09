//! What the writing of a shard has to know of its seal.

use crate::format::Codec;
use crate::period::{SealRule, SealTime};

/// What a shard must know of its seal.
#[derive(Debug, Clone, Copy)]
pub struct ShardContext {
    /// The period that is sealed.
    pub seal_time: SealTime,
    /// Compression of the objects.
    pub codec: Codec,
    /// The rule that says which rows are late.
    pub rule: SealRule,
    /// Whether events with one id and different times are listed.
    pub lists_restamped: bool,
}
