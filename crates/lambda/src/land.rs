//! `land`: messages of the queue, brought together in one landing object.
//!
//! A message is reported as done only after its events are landed behind the fence, or after the message itself is in
//! quarantine with its reason. Everything else is reported as failed and comes again; what comes twice is one event.

use std::sync::Arc;

use auditlake_event::{Column, Event};
use auditlake_lake::integrity::sha256_hex;
use auditlake_lake::landing::{LandError, LandingWriter};
use auditlake_lake::layout;
use auditlake_store::StoreError;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;
use serde_json::json;

use crate::clients::LakeAccess;
use crate::queue::{MessageError, unpack};
use crate::runtime::Invocation;
use crate::telemetry::{Metrics, Unit};

/// A landing object is written when its events reach this many bytes of texts (64 MiB): an invocation's messages inflate to
/// more than fits into memory at worst.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The function.
pub struct LandFunction {
    access: Arc<LakeAccess>,
}

/// What an invocation did.
#[derive(Debug, Default, Clone, Copy)]
struct Landed {
    events: u64,
    bytes: u64,
    quarantined: u64,
}

/// Events that wait for their landing object, and whose messages fail with it.
#[derive(Default)]
struct Waiting {
    events: Vec<Event<'static>>,
    bytes: usize,
    messages: Vec<String>,
}

fn size_of(event: &Event<'_>) -> usize {
    Column::ALL.iter().filter_map(|column| event.text(*column)).map(str::len).sum()
}

fn id_of(message: &SqsMessage) -> String {
    message.message_id.clone().unwrap_or_default()
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

/// Puts a message into quarantine. Its key follows from its bytes: delivered again, it is the same object.
pub async fn quarantine(access: &LakeAccess, queue: &str, body: &str, id: &str, reason: &str) -> Result<(), StoreError> {
    let document = json!({"reason": reason, "message_id": id, "body": body});
    let key = format!("{}queue={queue}/{}.json", layout::QUARANTINE, sha256_hex(body.as_bytes()));
    access.store.put_if_absent(&key, format!("{document}\n").into()).await?;
    tracing::error!(key, message_id = id, reason, "message quarantined");
    Ok(())
}

impl LandFunction {
    /// A function before a lake.
    pub fn new(access: Arc<LakeAccess>) -> Self {
        Self { access }
    }

    async fn flush(
        writer: &LandingWriter,
        waiting: &mut Waiting,
        landed: &mut Landed,
        failures: &mut Vec<BatchItemFailure>,
    ) {
        let waiting = std::mem::take(waiting);
        if waiting.events.is_empty() {
            return;
        }
        match writer.land(&waiting.events).await {
            Ok(object) => {
                tracing::info!(key = %object.key, rows = object.rows, bytes = object.bytes, messages = waiting.messages.len(), again = object.landed_again, "landed");
                landed.events += object.rows as u64;
                landed.bytes += object.bytes as u64;
            }
            Err(error) => {
                report(&error, waiting.messages.len());
                failures.extend(waiting.messages.into_iter().map(failure));
            }
        }
    }

    async fn land(&self, messages: Vec<SqsMessage>) -> (Vec<BatchItemFailure>, Landed) {
        let mut failures = Vec::new();
        let mut landed = Landed::default();
        let writer = match self.access.writer().await {
            Ok(writer) => writer,
            Err(error) => {
                tracing::error!(%error, "the lake cannot be opened");
                return (messages.iter().map(|message| failure(id_of(message))).collect(), landed);
            }
        };
        let mut waiting = Waiting::default();
        for message in messages {
            let id = id_of(&message);
            let body = message.body.unwrap_or_default();
            match unpack(&body) {
                Ok(events) => {
                    waiting.bytes += events.iter().map(size_of).sum::<usize>();
                    waiting.events.extend(events);
                    waiting.messages.push(id);
                }
                Err(MessageError::Poison(reason)) => match quarantine(&self.access, "ingest", &body, &id, &reason).await {
                    Ok(()) => landed.quarantined += 1,
                    Err(error) => {
                        tracing::error!(%error, message_id = id, "message cannot be quarantined");
                        failures.push(failure(id));
                    }
                },
                Err(error @ MessageError::NewerFormat(_)) => {
                    tracing::error!(%error, message_id = id, "message must wait");
                    failures.push(failure(id));
                }
            }
            if waiting.bytes >= MAX_BYTES {
                Self::flush(&writer, &mut waiting, &mut landed, &mut failures).await;
            }
        }
        Self::flush(&writer, &mut waiting, &mut landed, &mut failures).await;
        (failures, landed)
    }

    /// Lands the messages of one invocation and says which of them must come again.
    pub async fn handle(
        &self,
        event: SqsEvent,
        _: Invocation,
        mut metrics: Metrics,
    ) -> (Result<SqsBatchResponse, Error>, Metrics) {
        let (failures, landed) = self.land(event.records).await;
        metrics
            .put("EventsLanded", Unit::Count, landed.events)
            .put("LandingBytes", Unit::Bytes, landed.bytes)
            .put("MessagesQuarantined", Unit::Count, landed.quarantined)
            .put("MessagesFailed", Unit::Count, failures.len() as u64);
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures;
        (Ok(response), metrics)
    }
}

fn report(error: &LandError, messages: usize) {
    match error {
        LandError::Store(error) if error.retryable() => {
            tracing::warn!(%error, messages, "landing failed, the messages come again")
        }
        error => tracing::error!(%error, messages, "landing failed, the messages come again"),
    }
}
