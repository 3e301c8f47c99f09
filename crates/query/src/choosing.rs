//! Chooses by what a query could read: refuses it, scans by itself, or asks Athena. Same answers either way.
//!
//! Athena answers without the events of an archive object that is gone. Before it is asked, the objects that the digests name are
//! compared with those that are there, as a scan does.
//!
//! The estimate is made of lists, before anything is read or billed. It is an upper bound: a page of the newest events usually
//! reads a small part of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::answer::{Answer, Progress, Ticket};
use crate::engine::Engine;
use crate::error::{QueryError, QueryErrorKind};
use crate::question::{Order, Position, Question};
use crate::scan::{Estimate, ScanEngine};
use crate::typed::Query;

const MIB: u64 = 1024 * 1024;
/// Most digests that are read before Athena is asked, besides those that are known: some seconds of requests.
pub(crate) const MOST_DIGESTS: usize = 2_000;

/// By what is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// A query that could read no more bytes than this is scanned; 0 scans none.
    pub scan_up_to_bytes: u64,
    /// A query that could read more bytes than this is refused; 0 refuses none.
    pub refuse_above_bytes: u64,
}

impl Choice {
    /// Whether there is anything to choose.
    pub const fn is_needed(&self) -> bool {
        self.scan_up_to_bytes > 0 || self.refuse_above_bytes > 0
    }
}

/// Which engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    Scan,
    Athena,
}

/// Answers by the engine that suits the question.
pub struct ChoosingEngine {
    athena: Arc<dyn Engine>,
    scan: Arc<ScanEngine>,
    choice: Choice,
}

impl ChoosingEngine {
    /// Chooses between `athena`, which answers what is large and may pend, and `scan`, which also says how much there is.
    pub fn new(athena: Arc<dyn Engine>, scan: Arc<ScanEngine>, choice: Choice) -> Self {
        Self { athena, scan, choice }
    }

    /// Fails as too large if the query may not be asked.
    async fn choose(&self, query: &Query, after: Option<&Position>) -> Result<Chosen, QueryError> {
        let Choice { scan_up_to_bytes, refuse_above_bytes } = self.choice;
        if !self.choice.is_needed() {
            return Ok(Chosen::Athena);
        }
        let enough = scan_up_to_bytes.max(refuse_above_bytes);
        let estimate = match self.scan.estimate(query, after, enough).await {
            Ok(estimate) => estimate,
            Err(error) if refuse_above_bytes > 0 => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "what the query could read is not known, asking athena");
                return Ok(Chosen::Athena);
            }
        };
        let bytes = estimate.bytes();
        tracing::debug!(bytes, is_cut = estimate.is_cut, "estimated");
        if refuse_above_bytes > 0 && bytes > refuse_above_bytes {
            return Err(QueryError::new(QueryErrorKind::TooLarge, refusal(&estimate, refuse_above_bytes)));
        }
        Ok(if bytes <= scan_up_to_bytes && scan_up_to_bytes > 0 { Chosen::Scan } else { Chosen::Athena })
    }
}

/// What is said of a query that is refused: the estimate, the limit, and what to narrow.
pub(crate) fn refusal(estimate: &Estimate, limit: u64) -> String {
    let landing = estimate.landing_bytes.div_ceil(MIB);
    let (bytes, limit) = (estimate.bytes().div_ceil(MIB), limit / MIB);
    let counted = match (estimate.is_cut, estimate.counted_since) {
        (true, Some(since)) => format!("at least {bytes} MB, counting only what happened since {since}"),
        (true, None) => format!("at least {bytes} MB, counting only what is not sealed yet"),
        (false, _) => format!("{bytes} MB in {} objects", estimate.archive_objects + estimate.landing_objects),
    };
    format!(
        "it may read {counted} ({landing} MB of it not sealed yet), and {limit} MB is the limit: ask for a shorter time range \
         with `from` and `to`, or for one `region`"
    )
}

/// Where a page begins beyond which nothing newer is read.
fn newest_of(question: &Question) -> Option<&Position> {
    let (order, after) = question.order();
    after.filter(|_| order == Order::NewestFirst)
}

fn left(patience: Duration, began: Instant) -> Duration {
    patience.saturating_sub(began.elapsed())
}

#[async_trait]
impl Engine for ChoosingEngine {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        let began = Instant::now();
        let (query, newest) = (question.query(), newest_of(question));
        if self.choose(query, newest).await? == Chosen::Scan {
            let patience = left(patience, began);
            // A scan cannot go on after the function has answered, Athena can.
            match tokio::time::timeout(patience, self.scan.ask(question, patience)).await {
                Ok(answer) => return answer,
                Err(_) => tracing::info!("a scan took longer than the caller waits, asking athena"),
            }
        }
        self.scan.check_presence(query, newest, MOST_DIGESTS).await?;
        self.athena.ask(question, left(patience, began)).await
    }

    async fn resume(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        self.athena.resume(question, ticket, patience).await
    }

    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        self.athena.cancel(ticket).await
    }
}

#[cfg(test)]
mod tests {
    use auditlake_event::Timestamp;

    use super::*;

    #[test]
    fn a_refusal_says_how_much_the_limit_and_what_to_narrow() {
        let whole = Estimate {
            archive_bytes: 600 * MIB,
            archive_objects: 24,
            landing_bytes: 1,
            landing_objects: 1,
            ..Estimate::default()
        };
        let text = refusal(&whole, 500 * MIB);
        assert!(text.contains("601 MB in 25 objects") && text.contains("500 MB is the limit"), "{text}");
        assert!(text.contains("`from` and `to`") && text.contains("1 MB of it not sealed yet"), "{text}");
        let since = Timestamp::parse("2026-02-03T00:00:00Z").unwrap();
        let cut = Estimate { is_cut: true, counted_since: Some(since), ..whole };
        assert!(
            refusal(&cut, 500 * MIB).contains("at least 601 MB, counting only what happened since 2026-02-03T00:00:00.000Z")
        );
    }
}
