//! `compact`: seals what is due, at every tick of the schedule; writes single shards of large periods; answers questions by hand.
//!
//! | event | what happens |
//! |---|---|
//! | a tick of the schedule, or anything else | every period that is due is sealed, in order, until the deadline's margin |
//! | `{"dry_run":true}` | what would be sealed, without writing anything |
//! | `{"hour":"2026-03-01T10:00:00Z"}` | every period up to the end of that hour is sealed |
//! | messages of the shard queue | each names a shard of a plan, which is written |
//!
//! A period that does not fit into one invocation goes on at the next tick: what is written is read back, not written again.

mod live_view;
mod shard_queue;

use std::path::PathBuf;
use std::sync::Arc;

use auditlake_event::Timestamp;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::seal::{HeldUp, RunLimits, SealError, SealRun, SealSettings, Sealer, ShardWorkers};
use auditlake_lake::{Arrival, Lake, SealTime, layout};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::clients::LakeAccess;
use crate::environment::{Environment, InvalidEnvironment};
use crate::runtime::Invocation;
use crate::sqs::{self, Message};
use crate::telemetry::{Metrics, Unit};
pub use live_view::AthenaLiveView;
pub use live_view::LiveView;
pub use shard_queue::{ShardMessage, SqsShardQueue};

/// Most periods that a dry run tells of.
const MOST_PREVIEWED: usize = 48;

/// The function.
pub struct CompactFunction {
    access: Arc<LakeAccess>,
    settings: SealSettings,
    view: Option<Arc<dyn LiveView>>,
    /// Remembers between invocations what it has read.
    sealer: Mutex<Option<Sealer>>,
    /// What the view was bound to last by this process; a new one binds it once more, in case it was reset by an update.
    bound: Mutex<Option<SealTime>>,
}

/// How much of the function's memory rows may take: buffers, encoders and the runtime need the rest.
fn memory_budget(environment: &Environment) -> Result<usize, InvalidEnvironment> {
    let megabytes = environment.parsed_or("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1_024_usize, str::parse::<usize>)?;
    Ok((megabytes << 20) / 4)
}

impl CompactFunction {
    /// A function with the settings of its environment.
    pub fn new(
        environment: &Environment,
        access: Arc<LakeAccess>,
        workers: Option<Arc<dyn ShardWorkers>>,
        view: Option<Arc<dyn LiveView>>,
    ) -> Result<Self, InvalidEnvironment> {
        let mut settings = SealSettings { memory_budget: memory_budget(environment)?, workers, ..SealSettings::default() };
        settings.spill_dir = environment.optional("AUDITLAKE_SPILL_DIR").map(PathBuf::from);
        let mib = |text: &str| match text.parse::<u64>() {
            Ok(mib @ 1..=65_536) => Ok(mib << 20),
            _ => Err("must lie in 1 to 65536"),
        };
        let defaults = settings.plan;
        settings.plan.max_shard_bytes = environment.parsed_or("AUDITLAKE_SHARD_MB", defaults.max_shard_bytes, mib)?;
        settings.plan.max_object_bytes =
            environment.parsed_or("AUDITLAKE_OBJECT_MB", defaults.max_object_bytes, mib)?.min(settings.plan.max_shard_bytes);
        settings.close_delay_ms = access.settings.slack_ms.clamp(250, settings.close_delay_ms);
        Ok(Self { access, settings, view, sealer: Mutex::new(None), bound: Mutex::new(None) })
    }

    fn new_sealer(&self, lake: Lake) -> Sealer {
        Sealer::new(Arc::clone(&self.access.store), lake, Arc::clone(&self.access.clock), self.settings.clone())
    }

    /// Does what the event asks for.
    pub async fn handle(
        &self,
        event: Value,
        invocation: Invocation,
        mut metrics: Metrics,
    ) -> (Result<Value, Error>, Metrics) {
        let lake = match self.access.lake().await {
            Ok(lake) => lake.clone(),
            Err(error) => return (Err(error.into()), metrics),
        };
        if let Some(messages) = sqs::messages(&event) {
            let response = self.write_shards(&lake, messages, &invocation, &mut metrics).await;
            return (serde_json::to_value(response).map_err(Error::from), metrics);
        }
        if event.get("dry_run").is_some_and(|value| value == true) {
            return (self.preview(&lake).await, metrics);
        }
        let until = match event.get("hour").map(until_of) {
            None => None,
            Some(Ok(until)) => Some(until),
            Some(Err(rule)) => return (Err(format!("hour {rule}").into()), metrics),
        };
        let limits = RunLimits { stop_at: Some(invocation.stop_at()), until, ..RunLimits::default() };
        let result = self.seal(&lake, limits, &mut metrics).await;
        (result, metrics)
    }

    async fn preview(&self, lake: &Lake) -> Result<Value, Error> {
        let mut sealer = self.new_sealer(lake.clone());
        let previews = sealer.preview(MOST_PREVIEWED).await?;
        let periods: Vec<Value> = previews
            .iter()
            .map(|preview| {
                let plan = &preview.plan;
                json!({
                    "seal_time": plan.seal_time, "closed": preview.closed, "rows": plan.rows(), "landing_objects": plan.inputs.len(),
                    "archive_objects": plan.shards.iter().map(Vec::len).sum::<usize>(), "shards": plan.shards.len(),
                    "set_aside": plan.set_aside.iter().map(|object| &object.key).collect::<Vec<_>>(),
                })
            })
            .collect();
        let sealed_until = sealer.sealed_until().await?;
        Ok(json!({"dry_run": true, "sealed_until": sealed_until, "due": periods}))
    }

    async fn seal(&self, lake: &Lake, limits: RunLimits, metrics: &mut Metrics) -> Result<Value, Error> {
        let mut held = self.sealer.lock().await;
        let sealer = held.get_or_insert_with(|| self.new_sealer(lake.clone()));
        let result = sealer.run(limits, &mut report).await;
        metrics.put("SealFailures", Unit::Count, u64::from(result.is_err()));
        let sealed_until = match &result {
            Ok(run) => Some(run.sealed_until),
            Err(_) => sealer.sealed_until().await.ok(),
        };
        let held_up = result.as_ref().err().and_then(|error| sealer.held_up(error));
        metrics.put("SealHeldUp", Unit::Count, u64::from(held_up.is_some()));
        if let Some(HeldUp { key, since, help, .. }) = &held_up {
            let key = key.as_deref().unwrap_or_default();
            metrics.note("held_up_by", key).note("held_up_since", &since.to_string());
            tracing::error!(alarm = true, key, %since, help, "the seal is held up; nothing newer is sealed until it is not");
        }
        let due_at = sealed_until.map(|sealed_until| sealer.due_at(sealed_until));
        if result.is_err() {
            // What it remembers may be what made it fail.
            *held = None;
        }
        drop(held);
        if let (Some(sealed_until), Some(due_at)) = (sealed_until, due_at) {
            self.put_lag(sealed_until, due_at, metrics).await;
        }
        metrics.put("LakeConfigurationDiffers", Unit::Count, self.access.settings.differences(lake).len() as u64);
        let run = result.map_err(|error: SealError| {
            tracing::error!(%error, retryable = error.retryable(), "seal failed; the next tick tries again");
            error
        })?;
        put_run(&run, metrics);
        self.bind_view(run.sealed_until, lake, metrics).await;
        Ok(json!({
            "sealed_until": run.sealed_until, "periods": run.periods, "rows_in": run.rows_in, "rows_out": run.rows_out,
            "duplicates": run.duplicates, "conflicts": run.conflicts, "late_rows": run.late_rows, "objects": run.objects,
            "bytes": run.bytes, "set_aside": run.set_aside.len(), "more_due": run.more_due, "waiting_shards": run.waiting_shards,
        }))
    }

    async fn bind_view(&self, sealed_until: SealTime, lake: &Lake, metrics: &mut Metrics) {
        let Some(view) = &self.view else { return };
        let mut bound = self.bound.lock().await;
        if *bound == Some(sealed_until) {
            return;
        }
        match view.bind(sealed_until, &lake.rule()).await {
            Ok(()) => *bound = Some(sealed_until),
            Err(error) => {
                // The view only grows stale: it shows landing rows that are archived meanwhile until landing expires them.
                tracing::error!(error, "the view events_live could not be rewritten");
                metrics.put("ViewFailures", Unit::Count, 1);
            }
        }
    }

    /// How late the seal is, and how old the oldest event is that waits for it.
    async fn put_lag(&self, sealed_until: SealTime, due_at: Timestamp, metrics: &mut Metrics) {
        let now = self.access.clock.now();
        let seconds_since = |time: Timestamp| u64::try_from((now.millis() - time.millis()) / 1_000).unwrap_or(0);
        metrics.put("SealLagSeconds", Unit::Seconds, seconds_since(due_at));
        // What arrived before it was in a window that is sealed; the few events of the near future in it are due with theirs.
        let start_after = layout::landing_bound(Arrival(sealed_until.start()));
        match self.access.store.list_page(layout::LANDING, Some(&start_after), 1).await {
            Ok(oldest) => {
                let arrival = oldest.first().and_then(|object| layout::LandingKey::parse(&object.key));
                let age = arrival.map_or(0, |key| seconds_since(key.arrival().0));
                metrics.put("OldestUnsealedSeconds", Unit::Seconds, age);
            }
            Err(error) => tracing::warn!(%error, "landing cannot be listed, the age of its oldest object is not known"),
        }
    }

    async fn write_shards(
        &self,
        lake: &Lake,
        messages: Vec<Message<'_>>,
        invocation: &Invocation,
        metrics: &mut Metrics,
    ) -> SqsBatchResponse {
        let mut failures = Vec::new();
        let mut rows = 0;
        for Message { id, body } in messages {
            let shard = match serde_json::from_str::<ShardMessage>(body) {
                Ok(shard) => shard,
                Err(error) => {
                    // Nobody else sends here; a tick asks for the shard again.
                    tracing::error!(message_id = id, %error, "not a message of ours, left out");
                    continue;
                }
            };
            let written = if self.access.clock.now() >= invocation.stop_at() {
                Err("the invocation's time is up".to_owned())
            } else {
                let done = self.new_sealer(lake.clone()).seal_shard(shard.seal_time, shard.shard).await;
                done.map(|done| done.map_or(0, |done| done.rows_in())).map_err(|error| error.to_string())
            };
            match written {
                Ok(written) => rows += written,
                Err(error) => {
                    tracing::error!(message_id = id, error, "shard could not be written, its message comes again");
                    failures.push(id.to_owned());
                }
            }
        }
        metrics.put("ShardRows", Unit::Count, rows);
        sqs::failed(failures)
    }
}

/// The end of the hour that a hand-made call names.
fn until_of(hour: &Value) -> Result<Timestamp, &'static str> {
    let text = hour.as_str().ok_or("must be a time such as 2026-03-01T10:00:00Z")?;
    let time = Timestamp::parse(text).map_err(|_| "must be a time such as 2026-03-01T10:00:00Z")?;
    Ok(time.hour().plus_millis(Timestamp::HOUR_MS))
}

fn put_run(run: &SealRun, metrics: &mut Metrics) {
    metrics
        .put("PeriodsSealed", Unit::Count, run.periods)
        .put("RowsSealed", Unit::Count, run.rows_out)
        .put("LateRows", Unit::Count, run.late_rows)
        .put("Duplicates", Unit::Count, run.duplicates)
        .put("Conflicts", Unit::Count, run.conflicts)
        .put("ObjectsSetAside", Unit::Count, run.set_aside.len() as u64)
        .put("WaitingShards", Unit::Count, run.waiting_shards as u64);
}

fn report(record: &SealRecord) {
    for set_aside in &record.set_aside {
        tracing::error!(seal_time = %record.seal_time, key = set_aside.key, reason = set_aside.reason, "landing object set aside");
    }
    if record.rows_in > 0 {
        tracing::info!(
            seal_time = %record.seal_time,
            rows = record.rows_out,
            duplicates = record.duplicates,
            conflicts = record.conflicts,
            late = record.late_rows,
            objects = record.outputs.len(),
            "sealed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_stands_for_all_its_periods() {
        let until = until_of(&json!("2026-03-01T10:20:00+02:00")).unwrap();
        assert_eq!(until.to_string(), "2026-03-01T09:00:00.000Z");
        assert!(until_of(&json!("10 o'clock")).is_err() && until_of(&json!(10)).is_err());
    }

    #[test]
    fn rows_take_a_quarter_of_the_function_s_memory() {
        let environment = Environment::of_pairs(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")]);
        assert_eq!(memory_budget(&environment).unwrap(), 512 << 20);
    }
}
