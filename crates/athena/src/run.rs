//! One execution: start, poll, fetch, stop, each a step of its own, and all of them together.

use std::sync::Arc;
use std::time::Duration;

use auditlake_lake::SealTime;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, ResultConfiguration,
    ResultReuseByAgeConfiguration, ResultReuseConfiguration,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind, call_failure, execution_failure};
use crate::rows::Rows;
use crate::sql::Statement;

/// Rows of one page of results, the header included (Athena's maximum).
const PAGE_ROWS: i32 = 1_000;

/// A source of random numbers, given by whoever wires the engine.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How executions are made.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The workgroup: it fixes the scan limit, the place of results and their encryption.
    pub workgroup: String,
    /// The data catalog; the account's own if `None`.
    pub catalog: Option<String>,
    /// `s3://…` of results, where the workgroup does not fix one.
    pub output_location: Option<String>,
    /// How old a stored result may be that is used again, in minutes; none is if `None`. Only for statements over what is sealed.
    pub reuse_minutes: Option<i32>,
    /// The wait before the first poll; later ones grow by half.
    pub first_poll: Duration,
    /// The longest wait between polls.
    pub longest_poll: Duration,
}

impl RunOptions {
    /// The usual waits in a workgroup: 150 ms, growing to 1.5 s. A small statement takes Athena one to three seconds.
    pub fn in_workgroup(workgroup: impl Into<String>) -> Self {
        Self {
            workgroup: workgroup.into(),
            catalog: None,
            output_location: None,
            reuse_minutes: None,
            first_poll: Duration::from_millis(150),
            longest_poll: Duration::from_millis(1_500),
        }
    }
}

/// The id that Athena gave an execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(pub String);

impl std::fmt::Display for ExecutionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What an execution took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Bytes read from storage; billed by 10 MB at least.
    pub scanned_bytes: u64,
    /// Time in the engine in ms.
    pub engine_ms: u64,
    /// Time in Athena's queue in ms.
    pub queue_ms: u64,
    /// Whether a stored result was used again.
    pub reused: bool,
}

impl From<&QueryExecutionStatistics> for Statistics {
    fn from(statistics: &QueryExecutionStatistics) -> Self {
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        Self {
            scanned_bytes: number(statistics.data_scanned_in_bytes()),
            engine_ms: number(statistics.engine_execution_time_in_millis()),
            queue_ms: number(statistics.query_queue_time_in_millis()),
            reused: statistics.result_reuse_information().is_some_and(|reuse| reuse.reused_previous_result()),
        }
    }
}

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Queued or running; what it took so far.
    Running(Statistics),
    /// Its result can be fetched.
    Succeeded(Statistics),
}

/// The token that makes a start idempotent: the same token starts nothing new, it returns the execution it started before.
/// 64 characters (Athena takes 32–128). The nonce belongs to one request of a caller: two requests never share an execution,
/// two tries of one do. `sealed_until` is in it because an answer must not be older than the `S` it states.
pub fn request_token(nonce: &str, sealed_until: SealTime, statement: &Statement) -> String {
    let mut hasher = Sha256::new();
    for part in [nonce, &sealed_until.to_string(), &statement.text]
        .into_iter()
        .chain(statement.parameters.iter().map(String::as_str))
    {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// The wait before poll number `attempt` (from 0): grows by half up to the longest, of which a random part between half and all
/// is taken, so that many callers do not poll together.
pub fn poll_delay(attempt: u32, options: &RunOptions, random: u64) -> Duration {
    let grown = options.first_poll.as_secs_f64() * 1.5_f64.powi(i32::try_from(attempt.min(64)).unwrap_or(64));
    let bounded = grown.min(options.longest_poll.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a share between 0 and 1 needs no exact integer")]
    let share = (random >> 11) as f64 / (1u64 << 53) as f64;
    Duration::from_secs_f64(bounded * (0.5 + share / 2.0))
}

/// Runs statements in one workgroup. Clones share the client.
#[derive(Clone)]
pub struct Runner {
    client: Client,
    options: RunOptions,
    random: Random,
}

impl Runner {
    /// A runner. The client's retry configuration says how often a throttled call is made again before it fails.
    pub fn new(client: Client, options: RunOptions, random: Random) -> Self {
        Self { client, options, random }
    }

    /// The client, for what is asked of an execution besides its rows.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A random number, for nonces.
    pub(crate) fn random(&self) -> u64 {
        (self.random)()
    }

    /// Starts an execution. `token` is from [`request_token`]; with `may_reuse` a stored result may be taken instead, which is
    /// right only for a statement whose answer never changes.
    pub async fn start(
        &self,
        database: &str,
        statement: &Statement,
        token: &str,
        may_reuse: bool,
    ) -> Result<ExecutionId, Failure> {
        let context = QueryExecutionContext::builder().database(database).set_catalog(self.options.catalog.clone()).build();
        let parameters = (!statement.parameters.is_empty()).then(|| statement.parameters.clone());
        let mut call = self
            .client
            .start_query_execution()
            .query_string(&statement.text)
            .set_execution_parameters(parameters)
            .client_request_token(token)
            .query_execution_context(context)
            .work_group(&self.options.workgroup);
        if let Some(location) = &self.options.output_location {
            call = call.result_configuration(ResultConfiguration::builder().output_location(location).build());
        }
        if let (true, Some(minutes)) = (may_reuse, self.options.reuse_minutes) {
            let by_age = ResultReuseByAgeConfiguration::builder().enabled(true).max_age_in_minutes(minutes).build();
            call = call.result_reuse_configuration(
                ResultReuseConfiguration::builder().result_reuse_by_age_configuration(by_age).build(),
            );
        }
        let output = call.send().await.map_err(|error| call_failure("StartQueryExecution", &error))?;
        let id = output
            .query_execution_id()
            .ok_or_else(|| Failure::new(FailureKind::Internal, "StartQueryExecution answered no id"))?;
        tracing::debug!(execution = id, parameters = statement.parameters.len(), "execution started");
        Ok(ExecutionId(id.to_owned()))
    }

    /// Where an execution stands. Fails with what its end means if it failed or was cancelled.
    pub async fn poll(&self, id: &ExecutionId) -> Result<Progress, Failure> {
        let output = self.client.get_query_execution().query_execution_id(&id.0).send().await;
        let output = output.map_err(|error| call_failure("GetQueryExecution", &error))?;
        let execution = output
            .query_execution()
            .ok_or_else(|| Failure::new(FailureKind::Internal, "GetQueryExecution answered no execution"))?;
        let statistics = execution.statistics().map(Statistics::from).unwrap_or_default();
        let status =
            execution.status().ok_or_else(|| Failure::new(FailureKind::Internal, "GetQueryExecution answered no status"))?;
        match status.state() {
            Some(QueryExecutionState::Succeeded) => Ok(Progress::Succeeded(statistics)),
            Some(QueryExecutionState::Failed) => Err(execution_failure(false, status)),
            Some(QueryExecutionState::Cancelled) => Err(execution_failure(true, status)),
            _ => Ok(Progress::Running(statistics)),
        }
    }

    /// The result of an execution that succeeded. Fails as too large if it has more than `max_rows` rows.
    pub async fn fetch(&self, id: &ExecutionId, max_rows: usize) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        let mut next_token = None;
        let mut is_first_page = true;
        loop {
            let call = self.client.get_query_results().query_execution_id(&id.0).max_results(PAGE_ROWS);
            let page = call.set_next_token(next_token).send().await;
            let page = page.map_err(|error| call_failure("GetQueryResults", &error))?;
            let result =
                page.result_set().ok_or_else(|| Failure::new(FailureKind::Internal, "GetQueryResults answered no rows"))?;
            if is_first_page {
                let columns = result.result_set_metadata().map(|metadata| metadata.column_info()).unwrap_or_default();
                rows.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            for (position, row) in result.rows().iter().enumerate() {
                let values: Vec<_> = row.data().iter().map(|datum| datum.var_char_value().map(str::to_owned)).collect();
                // The first row of a SELECT's first page repeats the columns' names.
                let is_header = is_first_page
                    && position == 0
                    && values.iter().map(Option::as_deref).eq(rows.columns.iter().map(|name| Some(name.as_str())));
                if is_header {
                    continue;
                }
                if values.len() != rows.columns.len() {
                    return Err(Failure::new(FailureKind::Internal, "athena answered a row with missing columns"));
                }
                rows.rows.push(values);
            }
            if rows.rows.len() > max_rows {
                let message =
                    format!("the answer has more than {max_rows} rows: ask for a shorter time range or longer buckets");
                return Err(Failure::new(FailureKind::TooLarge, message));
            }
            is_first_page = false;
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Stops an execution; one that has ended already stays as it ended.
    pub async fn stop(&self, id: &ExecutionId) -> Result<(), Failure> {
        let stopped = self.client.stop_query_execution().query_execution_id(&id.0).send().await;
        stopped.map(|_| ()).map_err(|error| call_failure("StopQueryExecution", &error))
    }

    /// Polls until the execution succeeds. It is stopped if `deadline` passes, and also if this future is dropped.
    pub async fn wait(&self, id: &ExecutionId, deadline: Instant) -> Result<Statistics, Failure> {
        let mut guard = StopGuard::new(self, Some(id.clone()));
        match self.wait_or_leave(id, deadline, false).await {
            Ok(Some(statistics)) => {
                guard.disarm();
                Ok(statistics)
            }
            Ok(None) => {
                guard.disarm();
                self.stop(id).await?;
                Err(Failure::new(FailureKind::Deadline, "athena did not answer in time, the query was stopped"))
            }
            Err(failure) => {
                // A poll that got no answer says nothing of the execution: it may still run, and cost.
                if failure.has_ended {
                    guard.disarm();
                }
                Err(failure)
            }
        }
    }

    /// Polls until the execution succeeds, or until `until`: `None` says that it is left running. `polls_at_once` is for an
    /// execution that was started a while ago; else the first poll comes after the first wait.
    pub async fn wait_or_leave(
        &self,
        id: &ExecutionId,
        until: Instant,
        polls_at_once: bool,
    ) -> Result<Option<Statistics>, Failure> {
        if polls_at_once && let Progress::Succeeded(statistics) = self.poll(id).await? {
            return Ok(Some(statistics));
        }
        for attempt in 0.. {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(left.min(poll_delay(attempt, &self.options, self.random()))).await;
            if let Progress::Succeeded(statistics) = self.poll(id).await? {
                return Ok(Some(statistics));
            }
        }
        Ok(None)
    }
}

/// Stops an execution that nobody waits for any longer, unless it is disarmed before it is dropped.
pub(crate) struct StopGuard<'a> {
    runner: &'a Runner,
    /// The execution that runs.
    pub(crate) id: Option<ExecutionId>,
    stops: bool,
}

impl<'a> StopGuard<'a> {
    pub(crate) const fn new(runner: &'a Runner, id: Option<ExecutionId>) -> Self {
        Self { runner, id, stops: true }
    }

    /// A guard of an execution that somebody else can stop.
    pub(crate) const fn that_only_notes(runner: &'a Runner) -> Self {
        Self { runner, id: None, stops: false }
    }

    pub(crate) fn disarm(&mut self) {
        self.id = None;
    }
}

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take().filter(|_| self.stops) else { return };
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
        let runner = self.runner.clone();
        handle.spawn(async move {
            if let Err(failure) = runner.stop(&id).await {
                tracing::warn!(execution = %id, error = %failure, "an abandoned execution could not be stopped");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use auditlake_event::Timestamp;

    use super::*;

    fn statement(text: &str, parameters: &[&str]) -> Statement {
        Statement { text: text.to_owned(), parameters: parameters.iter().map(|text| (*text).to_owned()).collect() }
    }

    #[test]
    fn a_token_is_as_long_as_athena_takes_and_tells_requests_apart() {
        let s = SealTime::from_start(Timestamp::from_millis(0));
        let later = SealTime::from_start(Timestamp::from_millis(3_600_000));
        let base = request_token("n", s, &statement("SELECT ?", &["'a'", "'b'"]));
        assert_eq!(base.len(), 64);
        assert_eq!(base, request_token("n", s, &statement("SELECT ?", &["'a'", "'b'"])));
        for other in [
            request_token("m", s, &statement("SELECT ?", &["'a'", "'b'"])),
            request_token("n", later, &statement("SELECT ?", &["'a'", "'b'"])),
            request_token("n", s, &statement("SELECT 1", &["'a'", "'b'"])),
            request_token("n", s, &statement("SELECT ?", &["'a''b'"])),
            request_token("n", s, &statement("SELECT ?", &["'a'b", "''"])),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        let options = RunOptions::in_workgroup("w");
        assert_eq!(poll_delay(0, &options, 0), Duration::from_millis(75));
        assert_eq!(poll_delay(1_000, &options, 0), Duration::from_millis(750));
        for attempt in 0..20 {
            assert!(poll_delay(attempt, &options, u64::MAX) <= options.longest_poll);
            assert!(poll_delay(attempt, &options, u64::MAX) > poll_delay(attempt, &options, 0));
        }
    }
}
