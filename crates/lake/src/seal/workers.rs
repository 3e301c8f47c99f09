//! Who writes shards side by side, and what they state.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::outcome::ShardOutcome;
use crate::period::SealTime;

/// Asks for shards to be written.
#[async_trait]
pub trait ShardWorkers: Send + Sync {
    /// Asks for [`Sealer::seal_shard`](super::Sealer::seal_shard) to be called for each of these shards, at some time. May be repeated.
    async fn request(&self, seal_time: SealTime, shards: &[usize]) -> Result<(), String>;
}

/// What a worker states about the shard it wrote.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShardDone {
    pub(super) format_version: u32,
    /// The plan that was followed.
    pub(super) plan_sha256: String,
    /// What became of its rows.
    pub(super) outcome: ShardOutcome,
}

impl ShardDone {
    /// Rows read.
    pub fn rows_in(&self) -> u64 {
        self.outcome.rows_in
    }
}
