//! `land`: messages of the queue, brought together in one landing object.
//!
//! A message is reported as done only after its events are landed behind the fence, or after the message itself is in
//! quarantine with its reason. Everything else is reported as failed and comes again; what comes twice is one event.

use std::sync::Arc;

use auditlake_event::Event;
use auditlake_event::limits::EARLIEST_EVENT_TIME_MS;
use auditlake_lake::landing::{LandError, LandingWriter};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;

use crate::clients::LakeAccess;
use crate::queue::{MessageError, unpack};
use crate::runtime::Invocation;
use crate::telemetry::{Metrics, Unit};
use crate::{quarantine, sqs};

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

/// Whether the door of a lake with this lead would have let an event in. What says otherwise was not written by us, and an event of
/// the far future would wait in landing until then.
fn is_in_time(event: &Event<'_>, lead_ms: i64) -> bool {
    let latest = event.received_time.plus_millis(lead_ms);
    event.event_time.millis() >= EARLIEST_EVENT_TIME_MS && event.event_time <= latest
}

/// The events of a message.
fn read(body: &str, lead_ms: i64) -> Result<Vec<Event<'static>>, MessageError> {
    let events = unpack(body)?;
    match events.iter().position(|event| !is_in_time(event, lead_ms)) {
        Some(line) => Err(MessageError::Poison(format!("line {line}: `event_time` cannot have passed the door"))),
        None => Ok(events),
    }
}

fn id_of(message: SqsMessage) -> String {
    message.message_id.unwrap_or_default()
}

impl LandFunction {
    /// A function before a lake.
    pub fn new(access: Arc<LakeAccess>) -> Self {
        Self { access }
    }

    async fn flush(writer: &LandingWriter, waiting: &mut Waiting, landed: &mut Landed, failures: &mut Vec<String>) {
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
                failures.extend(waiting.messages);
            }
        }
    }

    async fn land(&self, messages: Vec<SqsMessage>) -> (Vec<String>, Landed) {
        let mut failures = Vec::new();
        let mut landed = Landed::default();
        let writer = match self.access.writer().await {
            Ok(writer) => writer,
            Err(error) => {
                tracing::error!(%error, "the lake cannot be opened");
                return (messages.into_iter().map(id_of).collect(), landed);
            }
        };
        let mut waiting = Waiting::default();
        for message in messages {
            let body = message.body.clone().unwrap_or_default();
            let id = id_of(message);
            match read(&body, writer.lake().lead_ms) {
                Ok(events) => {
                    waiting.bytes += events.iter().map(Event::text_bytes).sum::<usize>();
                    waiting.events.extend(events);
                    waiting.messages.push(id);
                }
                Err(MessageError::Poison(reason)) => {
                    match quarantine::put(&self.access, "ingest", &id, &body, &reason).await {
                        Ok(()) => landed.quarantined += 1,
                        Err(error) => {
                            tracing::error!(%error, message_id = id, "message cannot be quarantined");
                            failures.push(id);
                        }
                    }
                }
                Err(error @ MessageError::NewerFormat(_)) => {
                    tracing::error!(%error, message_id = id, "message must wait");
                    failures.push(id);
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
        (Ok(sqs::failed(failures)), metrics)
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
