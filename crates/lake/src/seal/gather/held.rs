//! Gathered rows that are in memory.

use std::sync::Arc;

use arrow_array::Array;
use auditlake_event::columns::archive_schema;

use super::keyed::{KeyedBatch, RowRef, index_u32, sort_rows};
use super::spill::{Segment, Segments};

/// Rows in memory.
#[derive(Default)]
pub(super) struct Held {
    pub batches: Vec<Arc<KeyedBatch>>,
    pub segments: Segments,
    pub bytes: usize,
    pub rows: u64,
}

impl Held {
    /// Which archive columns hold anything.
    pub fn present_columns(&self) -> Vec<bool> {
        let holds = |position: usize| {
            self.batches.iter().any(|batch| {
                let column = batch.columns().column(position);
                column.null_count() < column.len()
            })
        };
        (0..archive_schema().fields().len()).map(holds).collect()
    }

    /// The rows of some segments in order.
    pub fn sorted_rows(&self, segments: &[Segment]) -> (Vec<Arc<KeyedBatch>>, Vec<RowRef>) {
        let mut batches = Vec::with_capacity(segments.len());
        let mut rows = Vec::new();
        for (slot, segment) in segments.iter().enumerate() {
            let batch = &self.batches[segment.batch as usize];
            rows.extend((segment.start..segment.end).map(|row| batch.reference(index_u32(slot), row)));
            batches.push(Arc::clone(batch));
        }
        sort_rows(&batches, &mut rows);
        (batches, rows)
    }
}
