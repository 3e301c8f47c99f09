//! What the results of an answer's executions say.

use std::time::Duration;

use async_trait::async_trait;
use auditlake_event::{Event, Timestamp};
use auditlake_query::{
    Answer, Count, CountRequest, Counts, Engine, Found, Interval, Page, Position, Progress, QueryError, Question,
    SearchRequest, Ticket,
};

use super::AthenaEngine;
use crate::rows::{self, Rows};

#[async_trait]
impl Engine for AthenaEngine {
    async fn ask(&self, question: &Question, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        let progress = self.begin_course(question, patience).await?;
        progress.and_then(|results| results.and_then(|rows| found(question, rows)))
    }

    async fn resume(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        let progress = self.resume_course(question, ticket, patience).await?;
        progress.and_then(|results| results.and_then(|rows| found(question, rows)))
    }

    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        self.stop_course(ticket).await
    }
}

/// What the rows of all executions say.
fn found(question: &Question, results: Vec<Rows>) -> Result<Found, QueryError> {
    match question {
        Question::Page(request) => page(request, results).map(Found::Page),
        Question::Count(request) => counts(request, results).map(Found::Counts),
    }
}

/// The page of the rows found, and the place of its last row if more may follow: a page that is just full may have a next one.
fn page(request: &SearchRequest, results: Vec<Rows>) -> Result<Page, QueryError> {
    let mut events: Vec<Event<'static>> = Vec::new();
    for rows in results {
        events.extend(rows::events(rows, &request.query.organization)?);
    }
    let may_go_on = events.len() >= request.limit;
    events.truncate(request.limit);
    let next = events.last().filter(|_| may_go_on).map(Position::of);
    Ok(Page { events, next })
}

fn counts(request: &CountRequest, results: Vec<Rows>) -> Result<Counts, QueryError> {
    let rows = results.into_iter().next().unwrap_or_else(rows::no_counts);
    let (mut counts, truncated) = rows::counts(rows, request.limit)?;
    if let Some(zone) = request.time_zone.as_ref().filter(|_| request.interval.is_some_and(Interval::is_by_date)) {
        for time in counts.iter_mut().filter_map(|count| count.time.as_mut()) {
            *time = Timestamp::from_millis(zone.instant_of(time.millis()));
        }
    }
    if counts.is_empty() && request.interval.is_none() && request.group_by.is_none() {
        counts.push(Count { time: None, value: None, count: 0 });
    }
    Ok(Counts { counts, truncated })
}
