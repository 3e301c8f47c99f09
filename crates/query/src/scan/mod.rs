//! The scan engine: answers a typed query by reading the lake's Parquet objects.
//!
//! An answer is the two-sided exact read: landing is listed, then S = sealed until is read; archive objects of seals before S and
//! listed landing rows with seal time S or later are each event once. Guarantees:
//!
//! - every event that was acknowledged before the call and matches is in the answer once, whatever seals run meanwhile;
//! - copies that are not sealed yet collapse as the seal will collapse them: an archived copy wins, else the first arrived; this
//!   happens before the conditions are evaluated, so a later copy never shows what the first one does not hold;
//! - an archive object that a digest of the range names and that is gone fails the query ([`ArchiveExpiry`] apart), and is named;
//! - memory is bounded by the page asked for, the largest hour and the settings, not by how many objects there are.
//!
//! Reading order: newest hour first, and no further than the page needs; in an object the footer (or the whole object, if it is
//! small), then bloom filters, then the columns of conditions, then names and times of matching rows, and at the end the
//! columns of the rows given out.

mod attempts;
mod cache;
mod contains;
mod context;
mod count;
mod error;
mod estimate;
mod expiry;
mod filter;
mod footer;
mod handle;
mod json_member;
mod landed;
mod landing;
mod listing;
mod merged;
mod meter;
mod named;
mod object;
mod output;
mod predicate;
mod presence;
mod prune;
mod rows;
mod search;
mod settings;
mod state;
mod tally;
mod top;
mod unsealed;
mod window;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use auditlake_lake::Lake;
use auditlake_lake::damage::GAVE_UP;
use auditlake_store::SharedStore;
use futures::FutureExt;

use self::attempts::Attempts;
use self::context::Context;
use self::error::ScanError;
use self::state::EngineState;
use self::window::Window;
use crate::answer::{Answer, Progress};
use crate::engine::Engine;
use crate::error::{QueryError, QueryErrorKind};
use crate::question::{Position, Question};
use crate::typed::Query;

pub use self::cache::CacheUse;
pub use self::estimate::Estimate;
pub use self::expiry::ArchiveExpiry;
pub use self::settings::Settings;

/// Answers queries from the objects of a lake.
pub struct ScanEngine {
    state: EngineState,
}

impl ScanEngine {
    /// An engine over the lake in `store`.
    pub fn new(store: SharedStore, lake: Lake, settings: Settings) -> Self {
        Self { state: EngineState::new(store, lake, settings) }
    }

    /// How full its caches are.
    pub fn caches(&self) -> [CacheUse; 7] {
        self.state.caches()
    }

    /// Adds up what a query could read, newest days first, until it is more than `enough` bytes; `after` is where a page of the newest
    /// events begins.
    pub async fn estimate(&self, query: &Query, after: Option<&Position>, enough: u64) -> Result<Estimate, QueryError> {
        estimate::estimate(&self.state, query, after, enough).await
    }

    /// Fails as damaged if an archive object is gone that a query would read, for an engine that does not notice. Of digests that
    /// are not known yet, `most_digests` are read, the newest first.
    pub async fn check_presence(
        &self,
        query: &Query,
        after: Option<&Position>,
        most_digests: usize,
    ) -> Result<(), QueryError> {
        presence::check_presence(&self.state, query, after, most_digests).await
    }
}

#[async_trait]
impl Engine for ScanEngine {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        tracing::trace!(?patience, "a scan returns no tickets");
        if matches!(question, Question::Page(request) if request.limit == 0) {
            return Err(QueryError::new(QueryErrorKind::Invalid, "limit must be 1 at least"));
        }
        let mut attempts = Attempts::new(&self.state);
        let (order, after) = question.order();
        let window = Window::new(question.query(), order, after);
        loop {
            let context = attempts.begin(window).await?;
            match guarded(scan(&context, question)).await {
                Ok(answer) => {
                    let meter = &context.meter;
                    tracing::debug!(bytes = meter.bytes(), requests = meter.requests(), "scanned");
                    return Ok(Progress::Done(answer));
                }
                Err(error) => attempts.learn(error)?,
            }
        }
    }
}

async fn scan(context: &Context<'_>, question: &Question) -> Result<Answer, ScanError> {
    match question {
        Question::Page(request) => search::search(context, request).await,
        Question::Count(request) => count::count(context, request).await,
    }
}

/// Makes an attempt over bytes that may be damaged: a decoder that panics ends the attempt, not the task.
async fn guarded<T>(attempt: impl Future<Output = Result<T, ScanError>>) -> Result<T, ScanError> {
    let gave_up = || ScanError::Query(QueryError::new(QueryErrorKind::Damaged, GAVE_UP));
    AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or_else(|_| Err(gave_up()))
}
