//! The narrow trait that every engine implements.

use std::time::Duration;

use async_trait::async_trait;

use crate::answer::{Answer, Counts, Page, Progress, Ticket};
use crate::error::{QueryError, QueryErrorKind};
use crate::question::{CountRequest, Question, SearchRequest};

/// How long an answer may take for callers who state no limit.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Answers questions. Each answer is exact at its `sealed_until`: every event that was acknowledged before the call and matches is in
/// it once.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Answers a question or, if that takes longer than `patience`, returns a ticket and continues by itself. An engine that keeps no
    /// tickets may ignore `patience` and always answer.
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError>;

    /// Continues the answer to a question by the ticket that was returned for the same question. After an error that says "try again",
    /// the ticket is still valid. A ticket that the engine does not know is replaced: the question is asked again.
    async fn resume(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        tracing::debug!(?ticket, "no ticket of this engine, the question is asked again");
        self.ask(question, patience).await
    }

    /// Stops what is being done for a ticket; a later call with this ticket fails as cancelled. An answer that is already there stays.
    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        tracing::debug!(?ticket, "nothing runs for this ticket");
        Ok(())
    }
}

/// Shorter calls, for callers who wait for the answer and do not come back for it.
#[async_trait]
pub trait EngineExt: Engine {
    /// The answer to a question. If it takes longer than `limit`, it is cancelled and the call fails as unavailable.
    async fn answer_within(&self, question: &Question, limit: Duration) -> Result<Answer, QueryError> {
        match self.ask(question, limit).await? {
            Progress::Done(answer) => Ok(answer),
            Progress::Pending(ticket) => {
                self.cancel(&ticket).await?;
                let message = "the query was not answered in time and was stopped";
                Err(QueryError::new(QueryErrorKind::Unavailable, message))
            }
        }
    }

    /// The answer to a question, however long it takes; an engine with tickets is stopped after an hour.
    async fn answer(&self, question: &Question) -> Result<Answer, QueryError> {
        self.answer_within(question, LONGEST).await
    }

    /// A page of events, as [`EngineExt::answer`].
    async fn search(&self, request: &SearchRequest) -> Result<Answer<Page>, QueryError> {
        self.answer(&request.clone().into()).await?.into_page()
    }

    /// Counts of events, as [`EngineExt::answer`].
    async fn count(&self, request: &CountRequest) -> Result<Answer<Counts>, QueryError> {
        self.answer(&request.clone().into()).await?.into_counts()
    }
}

impl<E: Engine + ?Sized> EngineExt for E {}
