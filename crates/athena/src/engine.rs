//! Typed queries answered by Athena.

mod answers;
mod course;

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_event::limits::EARLIEST_EVENT_TIME_MS;
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;
use auditlake_lake::clock::Clock;
use auditlake_lake::period::SealRule;
use auditlake_query::{CountRequest, QueryError, QueryErrorKind, SearchRequest};

use crate::run::{RunOptions, Runner};
use crate::table_names::Tables;

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
    /// How often an answer is tried again after an object went away or Athena said that a retry helps.
    pub retries: u32,
    /// Most groups of counts.
    pub max_count_rows: usize,
    /// What a TB (2^40 bytes) scanned costs, in US dollars; prices are left out if `None`.
    pub usd_per_tb: Option<f64>,
}

impl EngineOptions {
    /// The usual values: a first window of a day, two retries, 100,000 groups, no prices.
    pub fn new(tables: Tables, rule: SealRule) -> Self {
        Self { tables, rule, first_step_ms: 24 * Timestamp::HOUR_MS, retries: 2, max_count_rows: 100_000, usd_per_tb: None }
    }
}

/// The statements of a page of events, the first window of its order first: the next is run only if those before it did not fill the page.
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

/// One statement of an answer.
struct Step {
    statement: Statement,
    /// Whether all of its range is sealed: a stored result then lacks nothing but late events.
    is_sealed: bool,
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
        let steps = self.search_steps(request, &snapshot, sides)?;
        Ok(SearchPlan { statements: steps.into_iter().map(|step| step.statement).collect(), snapshot })
    }

    fn search_steps(&self, request: &SearchRequest, snapshot: &Snapshot, sides: Sides) -> Result<Vec<Step>, QueryError> {
        if request.limit == 0 || request.limit > MAX_LIMIT {
            return Err(QueryError::new(QueryErrorKind::Invalid, format!("limit must be between 1 and {MAX_LIMIT}")));
        }
        let after = request.after.as_ref();
        let mut steps = Vec::new();
        for window in search_windows(&request.query, request.order, after, snapshot, self.options.first_step_ms) {
            let reading = self.reading(&request.query, snapshot, sides, window);
            // One row more than asked for shows whether there are more.
            let statement = search_statement(&reading, request.order, after, request.limit + 1, request.with_raw)?;
            steps.extend(statement.map(|statement| Step { statement, is_sealed: is_sealed(window, snapshot) }));
        }
        Ok(steps)
    }

    /// The statement of counts.
    pub fn plan_count(&self, request: &CountRequest, snapshot: Snapshot, sides: Sides) -> Result<CountPlan, QueryError> {
        let step = self.count_step(request, &snapshot, sides)?;
        Ok(CountPlan { statement: step.map(|step| step.statement), snapshot })
    }

    fn count_step(&self, request: &CountRequest, snapshot: &Snapshot, sides: Sides) -> Result<Option<Step>, QueryError> {
        let Some(window) = count_window(&request.query, snapshot) else { return Ok(None) };
        let reading = self.reading(&request.query, snapshot, sides, window);
        let statement =
            count_statement(&reading, request.interval, request.time_zone.as_ref(), request.group_by, request.limit)?;
        Ok(statement.map(|statement| Step { statement, is_sealed: is_sealed(window, snapshot) }))
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
}

/// Whether nothing but late events can still be sealed into a window.
fn is_sealed(window: Window, snapshot: &Snapshot) -> bool {
    window.to <= snapshot.sealed_until.start()
}
