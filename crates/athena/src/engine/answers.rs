//! What the results of an answer's executions say.

use std::time::Duration;

use async_trait::async_trait;
use auditlake_event::{Event, Timestamp};
use auditlake_query::{
    Answer, CountRequest, Counts, Engine, Interval, Position, Progress, QueryError, SearchRequest, Ticket,
};

use super::course::{Found, Question};
use super::{AthenaEngine, ENGINE};
use crate::failure::{Failure, FailureKind};
use crate::rows;

fn too_slow() -> QueryError {
    Failure::new(FailureKind::Deadline, "athena did not answer in time, the query was stopped").into()
}

/// The page of the rows found, and the place of its last row if more may follow: a page that is just full may have a next one.
fn page(mut events: Vec<Event<'static>>, limit: usize) -> (Vec<Event<'static>>, Option<Position>) {
    let may_go_on = events.len() >= limit;
    events.truncate(limit);
    let last = events.last().filter(|_| may_go_on);
    let next = last.map(Position::of);
    (events, next)
}

#[async_trait]
impl Engine for AthenaEngine {
    async fn search(&self, request: &SearchRequest) -> Result<Answer, QueryError> {
        match self.begin_search(request, self.options.deadline).await? {
            Progress::Done(answer) => Ok(answer),
            Progress::Pending(ticket) => {
                self.cancel(&ticket).await?;
                Err(too_slow())
            }
        }
    }

    async fn count(&self, request: &CountRequest) -> Result<Counts, QueryError> {
        match self.begin_count(request, self.options.deadline).await? {
            Progress::Done(counts) => Ok(counts),
            Progress::Pending(ticket) => {
                self.cancel(&ticket).await?;
                Err(too_slow())
            }
        }
    }

    async fn begin_search(&self, request: &SearchRequest, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        self.begin(Question::Search(request), patience).await?.and_then(|found| self.search_answer(request, found))
    }

    async fn resume_search(
        &self,
        request: &SearchRequest,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        let found = self.resume(Question::Search(request), ticket, patience).await?;
        found.and_then(|found| self.search_answer(request, found))
    }

    async fn begin_count(&self, request: &CountRequest, patience: Duration) -> Result<Progress<Counts>, QueryError> {
        self.begin(Question::Count(request), patience).await?.and_then(|found| self.count_answer(request, found))
    }

    async fn resume_count(
        &self,
        request: &CountRequest,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Counts>, QueryError> {
        let found = self.resume(Question::Count(request), ticket, patience).await?;
        found.and_then(|found| self.count_answer(request, found))
    }

    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        self.stop_course(ticket).await
    }
}

impl AthenaEngine {
    fn search_answer(&self, request: &SearchRequest, found: Found) -> Result<Answer, QueryError> {
        let mut events: Vec<Event<'static>> = Vec::new();
        for rows in found.rows {
            events.extend(rows::events(rows, &request.query.organization)?);
        }
        let (events, next) = page(events, request.limit);
        // An object that Athena cannot read fails the execution: it never leaves rows out.
        Ok(Answer {
            events,
            next,
            sealed_until: found.sealed_until,
            scanned_bytes: found.scanned_bytes,
            cost: found.cost,
            unreadable_objects: 0,
            engine: ENGINE,
        })
    }

    fn count_answer(&self, request: &CountRequest, found: Found) -> Result<Counts, QueryError> {
        let rows = found.rows.into_iter().next().unwrap_or_else(rows::no_counts);
        let (mut counts, truncated) = rows::counts(rows, request.limit)?;
        if let Some(zone) = request.time_zone.as_ref().filter(|_| request.interval.is_some_and(Interval::is_by_date)) {
            for time in counts.iter_mut().filter_map(|count| count.time.as_mut()) {
                *time = Timestamp::from_millis(zone.instant_of(time.millis()));
            }
        }
        if counts.is_empty() && request.interval.is_none() && request.group_by.is_none() {
            counts.push(auditlake_query::Count { time: None, value: None, count: 0 });
        }
        Ok(Counts {
            counts,
            truncated,
            sealed_until: found.sealed_until,
            scanned_bytes: found.scanned_bytes,
            cost: found.cost,
            unreadable_objects: 0,
            engine: ENGINE,
        })
    }
}
