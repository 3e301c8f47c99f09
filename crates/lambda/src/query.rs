//! `query`: the reading half of the HTTP API, answered by Athena.

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_api::claims::ClaimNames;
use auditlake_api::{Api, Counted, Directory, Reader, Recorder, Room};
use auditlake_athena::{AthenaEngine, AthenaExporter, EngineOptions, Identifier, LakeStatus, Results, RunOptions, Tables};
use auditlake_console::Console;
use auditlake_event::{Organization, Timestamp};
use auditlake_lake::clock::{Clock, SystemClock, SystemEntropy};
use auditlake_lake::{SealTime, status};
use auditlake_query::scan::{ArchiveExpiry, Settings as ScanSettings};
use auditlake_query::{ChoosingEngine, Engine, Exporter, GuardedExporter, QueryError, QueryErrorKind, ScanEngine};
use lambda_runtime::Error;
use tokio::sync::{Mutex, OnceCell};

use crate::asking::Asking;
use crate::clients::LakeAccess;
use crate::environment::{Environment, InvalidEnvironment, claim_names, console};
use crate::http_edge::{HttpAnswer, HttpEvent, answer, answer_console};
use crate::ingest::{BatchQueue, QueueDoor};
use crate::runtime::Invocation;
use crate::telemetry::{Metrics, Unit};

/// Later than any event: the archive's side of a statement is left out.
const NOTHING_ARCHIVED: Timestamp = Timestamp::from_millis(i64::MAX);

/// Where the key comes from that signs cursors.
#[async_trait]
pub trait CursorKey: Send + Sync {
    /// The key.
    async fn key(&self) -> Result<Arc<[u8]>, String>;
}

/// A secret of Secrets Manager.
pub struct SecretsManagerKey {
    client: aws_sdk_secretsmanager::Client,
    id: String,
}

impl SecretsManagerKey {
    /// The secret of an ARN or name.
    pub fn new(config: &aws_config::SdkConfig, id: String) -> Self {
        Self { client: aws_sdk_secretsmanager::Client::new(config), id }
    }
}

#[async_trait]
impl CursorKey for SecretsManagerKey {
    async fn key(&self) -> Result<Arc<[u8]>, String> {
        let secret = self.client.get_secret_value().secret_id(&self.id).send().await;
        let secret = secret.map_err(|error| aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string())?;
        let bytes = match (secret.secret_string(), secret.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(bytes)) => bytes.as_ref(),
            (None, None) => &[],
        };
        if bytes.len() < 16 { Err("the secret must have at least 16 bytes".to_owned()) } else { Ok(Arc::from(bytes)) }
    }
}

/// What the engine must know of the lake, read from storage and remembered for as long as it stays true.
struct StoredStatus {
    access: Arc<LakeAccess>,
    /// Only ever grows.
    sealed_until: Mutex<Option<SealTime>>,
}

fn unavailable(error: impl std::fmt::Display) -> QueryError {
    QueryError::new(QueryErrorKind::Unavailable, error.to_string())
}

#[async_trait]
impl LakeStatus for StoredStatus {
    async fn sealed_until(&self) -> Result<SealTime, QueryError> {
        let lake = self.access.lake().await.map_err(unavailable)?;
        let hint = *self.sealed_until.lock().await;
        let sealed_until = status::sealed_until(self.access.store.as_ref(), lake, hint).await.map_err(unavailable)?;
        *self.sealed_until.lock().await = Some(sealed_until);
        Ok(sealed_until)
    }

    async fn archive_since(&self, organization: &Organization) -> Result<Timestamp, QueryError> {
        let earliest = status::archive_since(self.access.store.as_ref(), organization).await.map_err(unavailable)?;
        // Nothing archived: everything sealed before the moment that `sealed until` was read would be there by now.
        Ok(earliest.unwrap_or(NOTHING_ARCHIVED))
    }
}

/// The function.
pub struct QueryFunction {
    access: Arc<LakeAccess>,
    client: aws_sdk_athena::Client,
    cursor_key: Arc<dyn CursorKey>,
    queue: Arc<dyn BatchQueue>,
    directory: Directory,
    database: Identifier,
    workgroup: String,
    asking: Asking,
    /// The bucket of results; without it nothing is exported.
    results_bucket: Option<String>,
    names: ClaimNames,
    /// Served beside the API, so that page and API are one origin.
    console: Option<Console>,
    random: auditlake_athena::run::Random,
    api: OnceCell<Api>,
}

impl QueryFunction {
    /// A function with the settings of its environment.
    pub fn new(
        environment: &Environment,
        access: Arc<LakeAccess>,
        client: aws_sdk_athena::Client,
        cursor_key: Arc<dyn CursorKey>,
        queue: Arc<dyn BatchQueue>,
        random: auditlake_athena::run::Random,
    ) -> Result<Self, InvalidEnvironment> {
        let directory = Directory::new(access.bucket(&environment.required("AUDITLAKE_RESULTS_BUCKET")?));
        Ok(Self {
            directory,
            access,
            client,
            cursor_key,
            queue,
            database: database(environment)?,
            workgroup: environment.required("AUDITLAKE_WORKGROUP")?,
            asking: Asking::read(environment)?,
            results_bucket: environment.optional("AUDITLAKE_RESULTS_BUCKET"),
            names: claim_names(environment),
            console: console(environment)?,
            random,
            api: OnceCell::new(),
        })
    }

    /// Exports, guarded by the check of what must be there, and by a limit if there is one.
    fn exporter(&self, engine: &Arc<AthenaEngine>, scan: Arc<ScanEngine>) -> Option<Arc<dyn Exporter>> {
        let bucket = self.results_bucket.clone()?;
        let store = Arc::new(self.access.landing.as_ref()?.sibling(&bucket));
        let results = Results { bucket, links: Arc::clone(&store) as _, store };
        let exporter: Arc<dyn Exporter> = Arc::new(AthenaExporter::new(Arc::clone(engine), results));
        Some(Arc::new(GuardedExporter::new(exporter, scan, self.asking.max_export_bytes)))
    }

    async fn api(&self) -> Result<&Api, Error> {
        let make = || async {
            let lake = self.access.lake().await?.clone();
            let cursor_key = self.cursor_key.key().await?;
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let mut options = EngineOptions::new(Tables::in_database(self.database.clone()), lake.rule());
            options.usd_per_tb = self.asking.usd_per_tb;
            let run_options =
                RunOptions { reuse_minutes: self.asking.reuse_minutes, ..RunOptions::in_workgroup(&self.workgroup) };
            let status = StoredStatus { access: Arc::clone(&self.access), sealed_until: Mutex::new(None) };
            let athena = Arc::new(AthenaEngine::new(
                self.client.clone(),
                run_options,
                options,
                Arc::new(status),
                Arc::clone(&clock),
                Arc::clone(&self.random),
            ));
            let store = Arc::clone(&self.access.store);
            let archive_expiry = ArchiveExpiry::of_days(self.asking.archive_expiration_days, Arc::clone(&clock));
            let scan_settings = ScanSettings { archive_expiry, ..ScanSettings::default() };
            let scan = Arc::new(ScanEngine::new(Arc::clone(&store), lake.clone(), scan_settings));
            let exporter = self.exporter(&athena, Arc::clone(&scan));
            let engine: Arc<dyn Engine> = Arc::new(ChoosingEngine::new(athena, scan, self.asking.choice));
            let directory = self.directory.clone();
            let reader = Reader { engine, store, lake, cursor_key, clock: Arc::clone(&clock), directory, exporter };
            // Who asked goes the way of every event: this function may not write the lake.
            let door = Arc::new(QueueDoor::new(Arc::clone(&self.queue), Arc::clone(&self.access)));
            let recorder = Some(Recorder { door, region: self.access.settings.region.clone() });
            Ok::<_, Error>(Api {
                ingest: None,
                reader: Some(reader),
                clock,
                entropy: Arc::new(SystemEntropy),
                recorder,
                room: Room::unbounded(),
                vitals: None,
            })
        };
        self.api.get_or_try_init(make).await
    }

    /// Answers one request.
    pub async fn handle(
        &self,
        event: HttpEvent,
        invocation: Invocation,
        mut metrics: Metrics,
    ) -> (Result<HttpAnswer, Error>, Metrics) {
        if let Some(answer) = answer_console(self.console.as_ref(), &event).await {
            return (Ok(answer), metrics);
        }
        let (answer, Counted { rows, scanned_bytes, .. }) = answer(self.api().await, &self.names, event, &invocation).await;
        metrics
            .put("Queries", Unit::Count, 1)
            .put("RowsAnswered", Unit::Count, rows)
            .put("ScannedBytes", Unit::Bytes, scanned_bytes)
            .put("QueryFailures", Unit::Count, u64::from(answer.status() >= 500));
        (Ok(answer), metrics)
    }
}

/// The Glue database: `AUDITLAKE_DATABASE`.
pub fn database(environment: &Environment) -> Result<Identifier, InvalidEnvironment> {
    const DATABASE: &str = "AUDITLAKE_DATABASE";
    let name = environment.required(DATABASE)?;
    Identifier::parse(&name).map_err(|error| InvalidEnvironment { name: DATABASE.to_owned(), rule: error.to_string() })
}
