//! Typed queries answered by Athena.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auditlake_event::limits::EARLIEST_EVENT_TIME_MS;
use auditlake_event::{Event, Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::landing::Clock;
use auditlake_lake::period::SealRule;
use auditlake_query::{Answer, CountRequest, Counts, Engine, Position, QueryError, QueryErrorKind, SearchRequest};
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};
use crate::identifier::Tables;
use crate::rows::{self, Rows};
use crate::run::{RunOptions, Runner, Statistics, poll_delay, request_token};
use crate::sql::{
    Reading, Sides, Snapshot, Statement, Window, count_statement, count_window, search_statement, search_windows,
};

/// The name of this engine in answers.
pub const ENGINE: &str = "athena";

/// Most rows of a page.
const MAX_LIMIT: usize = 1_000;

/// What the engine must know of the lake before it makes a statement.
#[async_trait]
pub trait LakeStatus: Send + Sync {
    /// The first period that is not sealed.
    async fn sealed_until(&self) -> Result<SealTime, QueryError>;

    /// A time before which the archive holds no event of the organization: the earliest hour that its digests name. What is not
    /// known is the earliest time that the lake takes at all; statements then look at more partitions than they need.
    async fn archive_since(&self, organization: &Organization) -> Result<Timestamp, QueryError> {
        tracing::trace!(%organization, "the organization's earliest hour is not known");
        Ok(Timestamp::from_millis(EARLIEST_EVENT_TIME_MS))
    }
}

/// How typed queries are answered.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The tables.
    pub tables: Tables,
    /// The lake's seal rule, from `lake.json`.
    pub rule: SealRule,
    /// Length of the first of a page's two windows in ms.
    pub first_step_ms: i64,
    /// How long an answer may take; its execution is then stopped.
    pub deadline: Duration,
    /// How often an answer is tried again after an object went away or Athena said that a retry helps.
    pub retries: u32,
    /// Most groups of counts.
    pub max_count_rows: usize,
}

impl EngineOptions {
    /// The usual values: a first window of a day, 28 s (an HTTP API waits 30), two retries, 100,000 groups.
    pub fn new(tables: Tables, rule: SealRule) -> Self {
        Self {
            tables,
            rule,
            first_step_ms: 24 * Timestamp::HOUR_MS,
            deadline: Duration::from_secs(28),
            retries: 2,
            max_count_rows: 100_000,
        }
    }
}

/// The statements of a page of events, newest window first: the next is run only if those before it did not fill the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPlan {
    /// One or two statements, or none if nothing can match.
    pub statements: Vec<Statement>,
    /// What they are bound to.
    pub snapshot: Snapshot,
}

/// The statement of counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountPlan {
    /// `None` if nothing can match.
    pub statement: Option<Statement>,
    /// What it is bound to.
    pub snapshot: Snapshot,
}

/// The engine.
pub struct AthenaEngine {
    runner: Runner,
    run_options: RunOptions,
    options: EngineOptions,
    lake: Arc<dyn LakeStatus>,
    clock: Arc<dyn Clock>,
}

/// Why one try failed.
enum TryError {
    Failure(Failure),
    Query(QueryError),
}

impl From<Failure> for TryError {
    fn from(failure: Failure) -> Self {
        TryError::Failure(failure)
    }
}

impl From<QueryError> for TryError {
    fn from(error: QueryError) -> Self {
        TryError::Query(error)
    }
}

impl AthenaEngine {
    /// An engine that starts its executions with `client`.
    pub fn new(
        client: aws_sdk_athena::Client,
        run_options: RunOptions,
        options: EngineOptions,
        lake: Arc<dyn LakeStatus>,
        clock: Arc<dyn Clock>,
        random: crate::run::Random,
    ) -> Self {
        Self { runner: Runner::new(client, run_options.clone(), random), run_options, options, lake, clock }
    }

    /// Starts, polls, fetches and stops single executions, for answers that a caller comes back for.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The database that statements are run in.
    pub(crate) fn database(&self) -> &str {
        self.options.tables.database.as_str()
    }

    /// What a statement that is made now is bound to.
    pub async fn snapshot(&self, organization: &Organization) -> Result<Snapshot, QueryError> {
        // Read first: everything that a statement finds is then on the side that it looks for it.
        let sealed_until = self.lake.sealed_until().await?;
        let archive_since = self.lake.archive_since(organization).await?;
        Ok(Snapshot { sealed_until, archive_since, now: self.clock.now(), rule: self.options.rule })
    }

    /// The statements of a page.
    pub fn plan_search(&self, request: &SearchRequest, snapshot: Snapshot, sides: Sides) -> Result<SearchPlan, QueryError> {
        if request.limit == 0 || request.limit > MAX_LIMIT {
            return Err(QueryError::new(QueryErrorKind::Invalid, format!("limit must be between 1 and {MAX_LIMIT}")));
        }
        let after = request.after.as_ref();
        let mut statements = Vec::new();
        for window in search_windows(&request.query, after, &snapshot, self.options.first_step_ms) {
            let reading = self.reading(&request.query, &snapshot, sides, window);
            // One row more than asked for shows whether there are more.
            statements.extend(search_statement(&reading, after, request.limit + 1, request.with_raw)?);
        }
        Ok(SearchPlan { statements, snapshot })
    }

    /// The statement of counts.
    pub fn plan_count(&self, request: &CountRequest, snapshot: Snapshot, sides: Sides) -> Result<CountPlan, QueryError> {
        let statement = match count_window(&request.query, &snapshot) {
            Some(window) => {
                let reading = self.reading(&request.query, &snapshot, sides, window);
                count_statement(&reading, request.interval, request.group_by, request.limit)?
            }
            None => None,
        };
        Ok(CountPlan { statement, snapshot })
    }

    pub(crate) fn reading<'a>(
        &'a self,
        query: &'a auditlake_query::Query,
        snapshot: &'a Snapshot,
        sides: Sides,
        window: Window,
    ) -> Reading<'a> {
        Reading { tables: &self.options.tables, snapshot, sides, query, window }
    }

    /// Runs one statement to its end.
    async fn run(
        &self,
        statement: &Statement,
        snapshot: &Snapshot,
        max_rows: usize,
        deadline: Instant,
    ) -> Result<(Rows, Statistics), Failure> {
        let nonce = format!("{:016x}{:016x}", self.runner.random(), self.runner.random());
        let token = request_token(&nonce, snapshot.sealed_until, statement);
        let database = self.options.tables.database.as_str();
        let id = self.runner.start(database, statement, &token, false).await?;
        let statistics = self.runner.wait(&id, deadline).await?;
        let rows = self.runner.fetch(&id, max_rows).await?;
        tracing::info!(
            execution = %id,
            scanned_bytes = statistics.scanned_bytes,
            engine_ms = statistics.engine_ms,
            queue_ms = statistics.queue_ms,
            rows = rows.rows.len(),
            "execution answered"
        );
        Ok((rows, statistics))
    }

    async fn try_search(&self, request: &SearchRequest, deadline: Instant) -> Result<Answer, TryError> {
        let organization = &request.query.organization;
        let snapshot = self.snapshot(organization).await?;
        let plan = self.plan_search(request, snapshot, Sides::Both)?;
        let mut events: Vec<Event<'static>> = Vec::new();
        let mut scanned_bytes = 0;
        for statement in &plan.statements {
            let (rows, statistics) = self.run(statement, &snapshot, request.limit + 1, deadline).await?;
            scanned_bytes += statistics.scanned_bytes;
            events.extend(rows::events(rows, organization)?);
            if events.len() >= request.limit {
                break;
            }
        }
        let (events, next) = page(events, request.limit);
        // An object that Athena cannot read fails the execution: it never leaves rows out.
        Ok(Answer {
            events,
            next,
            sealed_until: snapshot.sealed_until,
            scanned_bytes,
            unreadable_objects: 0,
            engine: ENGINE,
        })
    }

    async fn try_count(&self, request: &CountRequest, deadline: Instant) -> Result<Counts, TryError> {
        let snapshot = self.snapshot(&request.query.organization).await?;
        let plan = self.plan_count(request, snapshot, Sides::Both)?;
        let (rows, statistics) = match &plan.statement {
            Some(statement) => self.run(statement, &snapshot, self.options.max_count_rows, deadline).await?,
            None => (rows::no_counts(), Statistics::default()),
        };
        let (mut counts, truncated) = rows::counts(rows, request.limit)?;
        if counts.is_empty() && request.interval.is_none() && request.group_by.is_none() {
            counts.push(auditlake_query::Count { time: None, value: None, count: 0 });
        }
        Ok(Counts {
            counts,
            truncated,
            sealed_until: snapshot.sealed_until,
            scanned_bytes: statistics.scanned_bytes,
            unreadable_objects: 0,
            engine: ENGINE,
        })
    }

    /// Whether a try is made again, after a wait. An object that went away needs a new `S`; throttling needs time.
    async fn may_try_again(&self, failure: &Failure, tries: u32, deadline: Instant) -> bool {
        let delay = match failure.kind {
            FailureKind::Vanished => Duration::ZERO,
            FailureKind::Unavailable => poll_delay(tries + 2, &self.run_options, self.runner.random()),
            _ => return false,
        };
        if tries >= self.options.retries || Instant::now() + delay >= deadline {
            return false;
        }
        tracing::warn!(error = %failure, tries, "a query is tried again");
        tokio::time::sleep(delay).await;
        true
    }
}

/// The page of the rows found, and the place of its last row if more may follow: a page that is just full may have a next one.
fn page(mut events: Vec<Event<'static>>, limit: usize) -> (Vec<Event<'static>>, Option<Position>) {
    let may_go_on = events.len() >= limit;
    events.truncate(limit);
    let last = events.last().filter(|_| may_go_on);
    let next = last.map(|event| Position {
        event_time: event.event_time,
        event_id: event.event_id.to_string(),
        source: event.source.to_string(),
        region: event.region.to_string(),
    });
    (events, next)
}

#[async_trait]
impl Engine for AthenaEngine {
    async fn search(&self, request: &SearchRequest) -> Result<Answer, QueryError> {
        let deadline = Instant::now() + self.options.deadline;
        let mut tries = 0;
        loop {
            match self.try_search(request, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(TryError::Query(error)) => return Err(error),
                Err(TryError::Failure(failure)) => {
                    if !self.may_try_again(&failure, tries, deadline).await {
                        return Err(failure.into());
                    }
                }
            }
            tries += 1;
        }
    }

    async fn count(&self, request: &CountRequest) -> Result<Counts, QueryError> {
        let deadline = Instant::now() + self.options.deadline;
        let mut tries = 0;
        loop {
            match self.try_count(request, deadline).await {
                Ok(counts) => return Ok(counts),
                Err(TryError::Query(error)) => return Err(error),
                Err(TryError::Failure(failure)) => {
                    if !self.may_try_again(&failure, tries, deadline).await {
                        return Err(failure.into());
                    }
                }
            }
            tries += 1;
        }
    }
}
