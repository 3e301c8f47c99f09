//! The course of an answer: what was started for it, what has ended, and how it goes on, also long after its caller was told to
//! come back.
//!
//! A ticket is a course as JSON. Whoever resumes it makes the same statements again from the same snapshot, fetches what has
//! ended, and goes on. Starts carry a token of the course, so that two who resume the same ticket share their executions.

use std::time::Duration;

use auditlake_event::Timestamp;
use auditlake_lake::SealTime;
use auditlake_lake::period::SealRule;
use auditlake_query::{Answer, Cost, Facts, Progress, QueryError, Question, Ticket};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{AthenaEngine, ENGINE, Step};
use crate::failure::{Failure, FailureKind};
use crate::rows::Rows;
use crate::run::{ExecutionId, Statistics, StopGuard, poll_delay, request_token};
use crate::sql::{Sides, Snapshot};

const MIB: u64 = 1024 * 1024;
/// What an execution is billed at least (Athena's pricing page, which also says: rounded up to the next megabyte).
const LEAST_BILLED_BYTES: u64 = 10 * MIB;
/// A TB of Athena's price list, in bytes.
const TIB: f64 = 1_099_511_627_776.0;

/// The results of all executions that were needed.
type Results = Answer<Vec<Rows>>;

/// An execution that has succeeded.
#[derive(Debug, Serialize, Deserialize)]
struct Finished {
    id: ExecutionId,
    statistics: Statistics,
}

#[derive(Debug, Serialize, Deserialize)]
struct Course {
    /// The snapshot's times in ms; `archive_since` may lie beyond what a date can say.
    sealed_until: i64,
    archive_since: i64,
    now: i64,
    /// Stands for the statements: those of another version of this software may differ, and then nothing fits together.
    plan: String,
    /// Part of every start's token.
    nonce: String,
    /// The first steps, in order.
    finished: Vec<Finished>,
    /// The step after them.
    running: Option<ExecutionId>,
    /// How often something was tried again.
    tries: u32,
}

impl Course {
    fn snapshot(&self, rule: SealRule) -> Snapshot {
        Snapshot {
            sealed_until: SealTime::from_start(Timestamp::from_millis(self.sealed_until)),
            archive_since: Timestamp::from_millis(self.archive_since),
            now: Timestamp::from_millis(self.now),
            rule,
        }
    }

    fn ticket(&self) -> Result<Ticket, QueryError> {
        Ticket::new(ENGINE, self)
    }

    fn facts(&self, rule: SealRule, usd_per_tb: Option<f64>) -> Facts {
        let statistics = || self.finished.iter().map(|finished| finished.statistics);
        let billed_bytes = statistics().map(billed_bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "a price needs no exact bytes")]
        let price = |usd_per_tb: f64| (billed_bytes as f64 / TIB * usd_per_tb * 1e9).round() / 1e9;
        let cost = Cost {
            engine_ms: statistics().map(|statistics| statistics.engine_ms).sum(),
            billed_bytes: Some(billed_bytes),
            cost_usd: usd_per_tb.map(price),
            reused_result: statistics().any(|statistics| statistics.reused),
        };
        Facts {
            sealed_until: self.snapshot(rule).sealed_until,
            scanned_bytes: statistics().map(|statistics| statistics.scanned_bytes).sum(),
            cost,
            // An object that Athena cannot read fails the execution: it never leaves rows out.
            unreadable_objects: 0,
            engine: ENGINE,
        }
    }
}

/// What Athena bills for an execution: whole megabytes, ten at least; nothing where a stored result was used again.
fn billed_bytes(statistics: Statistics) -> u64 {
    if statistics.reused {
        return 0;
    }
    statistics.scanned_bytes.div_ceil(MIB).saturating_mul(MIB).max(LEAST_BILLED_BYTES)
}

fn plan_of(steps: &[Step], sealed_until: SealTime) -> String {
    let digests: Vec<String> = steps.iter().map(|step| request_token("plan", sealed_until, &step.statement)).collect();
    digests.iter().map(|digest| digest.get(..16).unwrap_or(digest)).collect()
}

/// Rows after which no further step is needed.
const fn enough_rows(question: &Question) -> usize {
    match question {
        Question::Page(request) => request.limit,
        Question::Count(_) => usize::MAX,
    }
}

impl AthenaEngine {
    fn steps(&self, question: &Question, snapshot: &Snapshot) -> Result<Vec<Step>, QueryError> {
        match question {
            Question::Page(request) => self.search_steps(request, snapshot, Sides::Both),
            Question::Count(request) => Ok(self.count_step(request, snapshot, Sides::Both)?.into_iter().collect()),
        }
    }

    /// Most rows that a step may have.
    const fn most_rows(&self, question: &Question) -> usize {
        match question {
            Question::Page(request) => request.limit + 1,
            Question::Count(_) => self.options.max_count_rows,
        }
    }

    fn results(&self, course: &Course, rows: Vec<Rows>) -> Results {
        Answer { facts: course.facts(self.options.rule, self.options.usd_per_tb), found: rows }
    }

    /// Begins an answer. Nothing is left running unless a ticket is returned.
    pub(super) async fn begin_course(
        &self,
        question: &Question,
        patience: Duration,
    ) -> Result<Progress<Results>, QueryError> {
        let until = Instant::now() + patience;
        let (mut course, mut steps) = self.new_course(question).await?;
        // Until there is a ticket, nobody else can stop what runs.
        let mut guard = StopGuard::new(&self.runner, None);
        let driven = self.drive(question, &mut course, &mut steps, until, &mut guard).await;
        match driven {
            Ok(Some(rows)) => {
                guard.disarm();
                Ok(Progress::Done(self.results(&course, rows)))
            }
            Ok(None) => {
                let ticket = course.ticket()?;
                guard.disarm();
                Ok(Progress::Pending(ticket))
            }
            Err(error) => {
                // Waited for: after the answer a function may be frozen.
                if let Some(id) = guard.id.take() {
                    self.stop_or_warn(&id).await;
                }
                Err(error)
            }
        }
    }

    /// Goes on with an answer.
    pub(super) async fn resume_course(
        &self,
        question: &Question,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Results>, QueryError> {
        let Some(mut course) = ticket.read::<Course>(ENGINE) else { return self.begin_course(question, patience).await };
        let until = Instant::now() + patience;
        let snapshot = course.snapshot(self.options.rule);
        let mut steps = self.steps(question, &snapshot)?;
        if plan_of(&steps, snapshot.sealed_until) != course.plan {
            tracing::info!("a ticket of other statements, the answer begins anew");
            self.stop_course(ticket).await?;
            return self.begin_course(question, patience).await;
        }
        // Whoever drops this can come back with the ticket, or cancel by it.
        let mut guard = StopGuard::that_only_notes(&self.runner);
        let driven = self.drive(question, &mut course, &mut steps, until, &mut guard).await;
        match driven? {
            Some(rows) => Ok(Progress::Done(self.results(&course, rows))),
            None => course.ticket().map(Progress::Pending),
        }
    }

    /// Stops what runs for a ticket.
    pub(super) async fn stop_course(&self, ticket: &Ticket) -> Result<(), QueryError> {
        let running = ticket.read::<Course>(ENGINE).and_then(|course| course.running);
        match running {
            Some(id) => Ok(self.runner.stop(&id).await?),
            None => Ok(()),
        }
    }

    async fn stop_or_warn(&self, id: &ExecutionId) {
        if let Err(failure) = self.runner.stop(id).await {
            tracing::warn!(execution = %id, error = %failure, "an execution that failed its caller could not be stopped");
        }
    }

    fn nonce(&self) -> String {
        format!("{:016x}{:016x}", self.runner.random(), self.runner.random())
    }

    async fn new_course(&self, question: &Question) -> Result<(Course, Vec<Step>), QueryError> {
        let snapshot = self.snapshot(&question.query().organization).await?;
        let steps = self.steps(question, &snapshot)?;
        let course = Course {
            sealed_until: snapshot.sealed_until.start().millis(),
            archive_since: snapshot.archive_since.millis(),
            now: snapshot.now.millis(),
            plan: plan_of(&steps, snapshot.sealed_until),
            nonce: self.nonce(),
            finished: Vec::new(),
            running: None,
            tries: 0,
        };
        Ok((course, steps))
    }

    /// Goes on until all results are there or `until` has passed (`None`). `guard` holds the execution that runs.
    async fn drive(
        &self,
        question: &Question,
        course: &mut Course,
        steps: &mut Vec<Step>,
        until: Instant,
        guard: &mut StopGuard<'_>,
    ) -> Result<Option<Vec<Rows>>, QueryError> {
        let mut fetched = Vec::new();
        loop {
            let failure = match self.advance(question, course, steps, until, &mut fetched, guard).await {
                Ok(true) => return Ok(Some(fetched)),
                Ok(false) => return Ok(None),
                Err(failure) => failure,
            };
            if failure.has_ended {
                course.running = None;
                guard.disarm();
            }
            if !self.may_try_again(&failure, course.tries, until).await {
                return Err(failure.into());
            }
            let tries = course.tries + 1;
            if failure.kind == FailureKind::Vanished {
                (*course, *steps) = self.new_course(question).await?;
                fetched.clear();
            } else if failure.has_ended {
                // The old token would return the execution that has failed.
                course.nonce = self.nonce();
            }
            course.tries = tries;
        }
    }

    /// Goes on without a failure: `true` once all results are in `fetched`, `false` if `until` has passed.
    async fn advance(
        &self,
        question: &Question,
        course: &mut Course,
        steps: &[Step],
        until: Instant,
        fetched: &mut Vec<Rows>,
        guard: &mut StopGuard<'_>,
    ) -> Result<bool, Failure> {
        loop {
            while let Some(finished) = course.finished.get(fetched.len()) {
                fetched.push(self.runner.fetch(&finished.id, self.most_rows(question)).await?);
            }
            let found: usize = fetched.iter().map(|rows| rows.rows.len()).sum();
            let next_step = steps.get(course.finished.len()).filter(|_| found < enough_rows(question));
            let Some(step) = next_step else { return Ok(true) };
            let was_running = course.running.is_some();
            let id = match course.running.clone() {
                Some(id) => id,
                None => self.start(course, step).await?,
            };
            guard.id = Some(id.clone());
            let Some(statistics) = self.runner.wait_or_leave(&id, until, was_running).await? else { return Ok(false) };
            tracing::info!(
                execution = %id,
                scanned_bytes = statistics.scanned_bytes,
                engine_ms = statistics.engine_ms,
                queue_ms = statistics.queue_ms,
                reused = statistics.reused,
                "execution answered"
            );
            guard.disarm();
            course.running = None;
            course.finished.push(Finished { id, statistics });
        }
    }

    async fn start(&self, course: &mut Course, step: &Step) -> Result<ExecutionId, Failure> {
        let sealed_until = course.snapshot(self.options.rule).sealed_until;
        // A result that may be used again still has a token of its own: a token returns an old execution whatever its age.
        let token = request_token(&course.nonce, sealed_until, &step.statement);
        let database = self.options.tables.database.as_str();
        let id = self.runner.start(database, &step.statement, &token, step.is_sealed).await?;
        course.running = Some(id.clone());
        Ok(id)
    }

    /// Whether a try is made again, after a wait. An object that went away needs a new `S`; throttling needs time.
    async fn may_try_again(&self, failure: &Failure, tries: u32, until: Instant) -> bool {
        if tries >= self.options.retries {
            return false;
        }
        let delay = match failure.kind {
            FailureKind::Vanished => Duration::ZERO,
            FailureKind::Unavailable | FailureKind::Throttled => {
                poll_delay(tries + 2, &self.run_options, self.runner.random())
            }
            _ => return false,
        };
        let left = until.saturating_duration_since(Instant::now());
        // A failed call is retried when the caller polls again; a failed execution must be started again now.
        if delay >= left && !failure.has_ended {
            return false;
        }
        tracing::warn!(error = %failure, tries, "a query is tried again");
        tokio::time::sleep(delay.min(left)).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills_are_whole_megabytes_and_ten_at_least() {
        let scanned = |scanned_bytes, reused| Statistics { scanned_bytes, reused, ..Statistics::default() };
        for (bytes, billed) in [(0, 10), (1, 10), (10 * MIB, 10), (10 * MIB + 1, 11), (3 * 1024 * MIB, 3_072)] {
            assert_eq!(billed_bytes(scanned(bytes, false)), billed * MIB, "{bytes}");
        }
        assert_eq!(billed_bytes(scanned(5, true)), 0);
    }
}
