//! How much a query could read at most, from lists alone: no object is opened.

use auditlake_event::Timestamp;

use super::attempts::Attempts;
use super::context::Context;
use super::error::ScanError;
use super::listing::{Archive, Spans};
use super::state::EngineState;
use super::window::Window;
use crate::error::QueryError;
use crate::question::{Order, Position};
use crate::typed::Query;

/// The objects that can hold rows of a query: all of the organization's in the hours of its range, and all of landing that is not
/// sealed, which mixes organizations. An upper bound: pruning reads less of them, and a page of the newest events stops early.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes of archive objects.
    pub archive_bytes: u64,
    /// Archive objects.
    pub archive_objects: u64,
    /// Bytes of landing objects.
    pub landing_bytes: u64,
    /// Landing objects.
    pub landing_objects: u64,
    /// Whether counting stopped because it was enough: older objects are not in the numbers.
    pub is_cut: bool,
    /// The earliest moment whose objects are in the numbers, if archive objects were looked for.
    pub counted_since: Option<Timestamp>,
}

impl Estimate {
    /// All bytes.
    pub const fn bytes(&self) -> u64 {
        self.archive_bytes.saturating_add(self.landing_bytes)
    }
}

/// See [`ScanEngine::estimate`](super::ScanEngine::estimate).
pub async fn estimate(
    engine: &EngineState,
    query: &Query,
    after: Option<&Position>,
    enough: u64,
) -> Result<Estimate, QueryError> {
    let window = Window::new(query, Order::NewestFirst, after);
    if window.is_empty() {
        return Ok(Estimate::default());
    }
    let context = Attempts::new(engine).begin(window).await?;
    match count_objects(&context, query, window, enough).await {
        Ok(estimate) => Ok(estimate),
        Err(ScanError::Query(error)) => Err(error),
        // Lists alone cannot end so; if they did, nothing would be known.
        Err(_) => Ok(Estimate { archive_bytes: u64::MAX, ..Estimate::default() }),
    }
}

async fn count_objects(context: &Context<'_>, query: &Query, window: Window, enough: u64) -> Result<Estimate, ScanError> {
    let mut estimate = Estimate::default();
    let first_arrival = context.sealed_until.start().plus_millis(-context.engine.lake.lead_ms);
    for object in &context.landed {
        if object.key.arrival().0 >= first_arrival {
            estimate.landing_bytes += object.size;
            estimate.landing_objects += 1;
        }
    }
    let archive = Archive::open(context, query).await?;
    let months = archive.months(window).await?;
    for span in Spans::new(months, window, 1, Order::NewestFirst) {
        if estimate.bytes() > enough {
            estimate.is_cut = true;
            break;
        }
        for handle in archive.objects(span).await?.values().flatten() {
            estimate.archive_bytes += handle.size;
            estimate.archive_objects += 1;
        }
        estimate.counted_since = Some(Timestamp::from_millis(span.from));
    }
    Ok(estimate)
}
