//! How a sealer works, and when a run of it stops.

use std::path::PathBuf;
use std::sync::Arc;

use auditlake_event::Timestamp;

use super::plan::PlanSettings;
use super::workers::ShardWorkers;

/// How a sealer works. None of it changes what is sealed, only how objects are cut and how much is done at once.
#[derive(Clone)]
pub struct SealSettings {
    /// How objects and shards are cut.
    pub plan: PlanSettings,
    /// Bytes of decoded rows held in memory before they are spilled to disk.
    pub memory_budget: usize,
    /// Where spilled rows go; the system's temporary directory if `None`.
    pub spill_dir: Option<PathBuf>,
    /// How long after the end of its window a period is closed, in ms. More means fewer rows that must land again.
    pub close_delay_ms: i64,
    /// Storage requests under way at once.
    pub concurrency: usize,
    /// Most periods that are closed together while catching up.
    pub batch: usize,
    /// How many of the newest seal records a sealer that starts compares with landing; later ones that it did not write itself it
    /// compares in any case.
    pub compared_records: u32,
    /// Who writes the shards of a plan that has several, side by side; the sealer itself, one after the other, if `None`.
    pub workers: Option<Arc<dyn ShardWorkers>>,
}

impl Default for SealSettings {
    fn default() -> Self {
        Self {
            plan: PlanSettings::default(),
            memory_budget: 256 << 20,
            spill_dir: None,
            close_delay_ms: 2_000,
            concurrency: 16,
            batch: 1_024,
            compared_records: 8,
            workers: None,
        }
    }
}

/// When a run stops by itself, the rest being left to the next one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLimits {
    /// Most periods to seal.
    pub max_periods: Option<u64>,
    /// No period is begun at or after this moment.
    pub stop_at: Option<Timestamp>,
    /// Only periods that start before this time are sealed.
    pub until: Option<Timestamp>,
}
