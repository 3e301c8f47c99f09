//! `ingest`: posted events to the queue, or, where they are too many for a message, straight to landing.

use std::sync::Arc;

use async_trait::async_trait;
use auditlake_api::claims::ClaimNames;
use auditlake_api::{Api, Counted, Door, DoorError, Ingest, Recorder, Room};
use auditlake_event::Event;
use auditlake_event::input::{LargeEvents, Lookalikes};
use auditlake_event::limits::DEFAULT_MAX_EVENT_BYTES;
use auditlake_lake::clock::{SystemClock, SystemEntropy};
use auditlake_lake::opening::OpenError;
use lambda_runtime::Error;
use tokio::sync::OnceCell;

use crate::clients::LakeAccess;
use crate::environment::{Environment, InvalidEnvironment, claim_names};
use crate::http_edge::{HttpAnswer, HttpEvent, answer};
use crate::queue;
use crate::runtime::Invocation;
use crate::telemetry::{Metrics, Unit};

/// The queue to `land`.
#[async_trait]
pub trait BatchQueue: Send + Sync {
    /// Puts a message in. Returns only after the queue has it for good.
    async fn send(&self, message: String) -> Result<(), String>;
}

/// An SQS queue.
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsQueue {
    /// The queue of a URL.
    pub fn new(config: &aws_config::SdkConfig, url: String) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url }
    }
}

#[async_trait]
impl BatchQueue for SqsQueue {
    async fn send(&self, message: String) -> Result<(), String> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(message).send().await;
        sent.map(|_| ()).map_err(|error| aws_sdk_sqs::error::DisplayErrorContext(error).to_string())
    }
}

/// The door of the deployed lake.
pub struct QueueDoor {
    queue: Arc<dyn BatchQueue>,
    access: Arc<LakeAccess>,
}

impl QueueDoor {
    /// A door before a queue and a lake.
    pub fn new(queue: Arc<dyn BatchQueue>, access: Arc<LakeAccess>) -> Self {
        Self { queue, access }
    }

    async fn land(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        let failed = |error: &dyn std::fmt::Display| DoorError::Failed(error.to_string());
        let writer = self.access.writer().await.map_err(|error| failed(&error))?;
        let landed = writer.land(events).await.map_err(|error| failed(&error))?;
        tracing::info!(key = %landed.key, rows = landed.rows, bytes = landed.bytes, "landed past the queue");
        Ok(())
    }
}

#[async_trait]
impl Door for QueueDoor {
    async fn accept(&self, events: &[Event<'_>]) -> Result<(), DoorError> {
        match queue::pack(events).map_err(|error| DoorError::Failed(error.to_string()))? {
            Some(message) => self.queue.send(message).await.map_err(DoorError::Failed),
            None => self.land(events).await,
        }
    }
}

/// The function.
pub struct IngestFunction {
    access: Arc<LakeAccess>,
    door: Arc<QueueDoor>,
    names: ClaimNames,
    max_event_bytes: usize,
    lookalikes: Lookalikes,
    large_events: LargeEvents,
    api: OnceCell<Api>,
}

impl IngestFunction {
    /// A function with the settings of its environment.
    pub fn new(
        environment: &Environment,
        access: Arc<LakeAccess>,
        queue: Arc<dyn BatchQueue>,
    ) -> Result<Self, InvalidEnvironment> {
        let max_event_bytes = environment.parsed_or("AUDITLAKE_MAX_EVENT_BYTES", DEFAULT_MAX_EVENT_BYTES, |text| {
            let value: usize = text.parse().map_err(|_| "must be a number of bytes")?;
            if (1_024..=1_024 * 1_024).contains(&value) { Ok(value) } else { Err("must lie in 1024 to 1048576") }
        })?;
        let lookalikes = environment.parsed_or("AUDITLAKE_UNKNOWN_MEMBERS", Lookalikes::Refuse, |text| match text {
            "refuse" => Ok(Lookalikes::Refuse),
            "keep" => Ok(Lookalikes::Keep),
            _ => Err("must be `refuse` or `keep`"),
        })?;
        let large_events = environment.parsed_or("AUDITLAKE_LARGE_EVENTS", LargeEvents::Refuse, |text| match text {
            "refuse" => Ok(LargeEvents::Refuse),
            "trim" => Ok(LargeEvents::Trim),
            _ => Err("must be `refuse` or `trim`"),
        })?;
        let door = Arc::new(QueueDoor::new(queue, Arc::clone(&access)));
        Ok(Self {
            access,
            door,
            names: claim_names(environment),
            max_event_bytes,
            lookalikes,
            large_events,
            api: OnceCell::new(),
        })
    }

    /// The lake's lead is a rule of the door, so the lake is opened before the first event is judged.
    async fn api(&self) -> Result<&Api, OpenError> {
        let make = || async {
            let lead_ms = self.access.lake().await?.lead_ms;
            let ingest = Ingest {
                door: Arc::clone(&self.door) as _,
                region: self.access.settings.region.clone(),
                max_event_bytes: self.max_event_bytes,
                lookalikes: self.lookalikes,
                large_events: self.large_events,
                lead_ms,
            };
            let recorder = Recorder { door: Arc::clone(&self.door) as _, region: self.access.settings.region.clone() };
            Ok(Api {
                ingest: Some(ingest),
                reader: None,
                clock: Arc::new(SystemClock),
                entropy: Arc::new(SystemEntropy),
                recorder: Some(recorder),
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
        let (answer, Counted { accepted, refused, .. }) = answer(self.api().await, &self.names, event, &invocation).await;
        metrics.put("EventsAccepted", Unit::Count, accepted).put("EventsRefused", Unit::Count, refused);
        (Ok(answer), metrics)
    }
}
