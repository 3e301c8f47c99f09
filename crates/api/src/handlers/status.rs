//! `GET /v1/status`: where the lake stands.

use auditlake_event::Timestamp;
use auditlake_event::columns::SCHEMA_VERSION;
use auditlake_lake::seal::HeldUp;
use auditlake_lake::{Codec, Lake, SealTime};
use auditlake_store::ErrorKind;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;

use crate::answer::json;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::state::{RETRY_DAMAGED_SECONDS, Reader, storage_problem};

/// Where the lake stands.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Version of the software.
    pub version: &'static str,
    /// Version of the lake's layout.
    pub format_version: u32,
    /// Version of the set of columns.
    pub schema_version: u32,
    /// When the lake was created.
    pub created: Timestamp,
    /// The present moment, by this machine's clock.
    pub now: Timestamp,
    /// The start of the first period that is not sealed.
    pub sealed_until: SealTime,
    /// Seconds from `sealed_until` to now.
    pub lag_seconds: i64,
    /// When the period that begins at `sealed_until` can be sealed: its end and the slack have passed.
    pub next_seal: Timestamp,
    /// Length of a seal period in seconds.
    pub seal_period_seconds: u32,
    /// How long after a period's end its events may arrive, in seconds.
    pub slack_seconds: f64,
    /// Compression of archive objects.
    pub codec: Codec,
    /// What keeps the next period from being sealed until somebody does something, where the server that answers seals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_up: Option<HeldUp>,
    /// How the server that answers does, where one process does everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerStatus>,
}

/// How the server that answers does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// What it does by itself.
    pub tasks: Vec<TaskStatus>,
    /// Memory of the process in bytes, where the system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Its caches and other bounded memory.
    pub caches: Vec<CacheStatus>,
}

/// How a task does that nobody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// `seal` or `landing`.
    pub name: &'static str,
    /// Whether its last try went well.
    pub state: TaskState,
    /// Tries in a row that failed.
    pub failures: u32,
    /// How often it was started again because it broke off.
    pub restarts: u32,
}

/// Whether a task does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Its last try went well.
    Running,
    /// Its last try failed; it tries again.
    Failing,
    /// It waits for the clock to be believed: the log says why.
    WaitingForClock,
}

/// How full a cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CacheStatus {
    /// What it holds.
    pub name: &'static str,
    /// Bytes it holds.
    pub bytes: usize,
    /// Most bytes it may hold.
    pub budget_bytes: usize,
}

/// Tells how the server does.
pub trait Vitals: Send + Sync {
    /// How it does now.
    fn vitals(&self) -> ServerStatus;

    /// What holds the seal up, if something does.
    fn held_up(&self) -> Option<HeldUp>;
}

impl Status {
    /// The status of `lake`, sealed until `sealed_until`, at `now`.
    pub fn new(lake: &Lake, sealed_until: SealTime, now: Timestamp) -> Self {
        let slack_seconds = lake.slack_ms as f64 / 1_000.0;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            format_version: lake.format_version,
            schema_version: SCHEMA_VERSION,
            created: lake.created,
            now,
            sealed_until,
            lag_seconds: (now.millis() - sealed_until.start().millis()) / 1_000,
            next_seal: lake.rule().window(sealed_until).1.0,
            seal_period_seconds: lake.seal_period_seconds,
            slack_seconds,
            codec: lake.codec,
            held_up: None,
            server: None,
        }
    }
}

/// Organizations stand in keys: a tenant learns that the seal is held up, not by what.
fn shown_to(caller: &Caller, held_up: HeldUp) -> HeldUp {
    if caller.bound_to().is_none() {
        return held_up;
    }
    let (reason, help) = ("an object is in the way".to_owned(), "an operator of the lake has to look at it".to_owned());
    HeldUp { key: None, reason, help, ..held_up }
}

pub(crate) async fn status(
    reader: &Reader,
    vitals: Option<&dyn Vitals>,
    caller: &Caller,
) -> Result<Response<Bytes>, Problem> {
    let sealed_until = auditlake_lake::status::sealed_until(reader.store.as_ref(), &reader.lake, None).await;
    let sealed_until = sealed_until.map_err(|error| match error.kind {
        // The newest seal record is damaged: nothing can be answered, and its key names no organization.
        ErrorKind::Invalid => {
            tracing::error!(alarm = true, key = error.key, %error, "it is not known what is sealed");
            Problem::unavailable(error.to_string(), RETRY_DAMAGED_SECONDS)
        }
        _ => storage_problem(&error),
    })?;
    let server = vitals.map(|vitals| vitals.vitals());
    let held_up = vitals.and_then(|vitals| vitals.held_up());
    let held_up = held_up.map(|held_up| shown_to(caller, held_up));
    json(StatusCode::OK, &Status { held_up, server, ..Status::new(&reader.lake, sealed_until, reader.clock.now()) })
}
