//! Attempts at one query, until nothing changes under one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::error::{ScanError, query_error};
use super::landing;
use super::meter::Meter;
use super::state::EngineState;
use super::window::Window;
use crate::error::{QueryError, QueryErrorKind};

/// How often a query starts again because something changed under it.
const MAX_ATTEMPTS: usize = 5;

/// Attempts at one query, until nothing changes under one.
pub struct Attempts<'a> {
    engine: &'a EngineState,
    began: Instant,
    meter: Arc<Meter>,
    unreadable: BTreeSet<String>,
    in_arrival_order: bool,
    made: usize,
}

impl<'a> Attempts<'a> {
    /// None yet.
    pub fn new(engine: &'a EngineState) -> Self {
        let meter = Arc::new(Meter::default());
        Self { engine, began: Instant::now(), meter, unreadable: BTreeSet::new(), in_arrival_order: false, made: 0 }
    }

    /// The next attempt: what is in landing, then what is sealed by now.
    ///
    /// In this order nothing falls between the two: what expires before landing is listed was sealed before, so the archive of a
    /// `sealed until` that is read later has it. What expires after it was listed is noticed when it is read.
    pub async fn begin(&mut self, window: Window) -> Result<Context<'a>, QueryError> {
        self.made += 1;
        if self.made > MAX_ATTEMPTS {
            let message = "the lake changed several times while it was read: try again";
            return Err(QueryError::new(QueryErrorKind::Unavailable, message));
        }
        let engine = self.engine;
        let sealed_before = match engine.last_sealed_until() {
            Some(sealed_before) => sealed_before,
            None => engine.sealed_until().await?,
        };
        let landed = landing::list(engine, sealed_before, window).await.map_err(|error| query_error(&error))?;
        Ok(Context {
            engine,
            began: self.began,
            meter: Arc::clone(&self.meter),
            landed,
            sealed_until: engine.sealed_until().await?,
            unreadable: self.unreadable.clone(),
            in_arrival_order: self.in_arrival_order,
        })
    }

    /// Takes note of why an attempt ended; fails if another one is of no use.
    pub fn learn(&mut self, error: ScanError) -> Result<(), QueryError> {
        match error {
            ScanError::Vanished(key) => {
                tracing::info!(key, "an object vanished while it was read, starting again");
                self.engine.lists.clear();
            }
            ScanError::UnreadableLanding { key, reason } => {
                tracing::warn!(key, reason, "a landing object cannot be read, answering without it");
                self.unreadable.insert(key);
                // Leaving one out is progress: it does not count as an attempt.
                self.made -= 1;
            }
            ScanError::ConflictingCopies => self.in_arrival_order = true,
            ScanError::Query(error) => return Err(error),
        }
        Ok(())
    }
}
