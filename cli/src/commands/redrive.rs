//! `auditlake redrive`: messages that a deployed lake gave up go back to their queue.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use auditlake_lake::layout::QUARANTINE;
use auditlake_store::s3::{S3Settings, connect, http_client};
use auditlake_store::{Put, SharedStore, list_all};
use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use serde::Deserialize;

use crate::arguments::RedriveArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::storage::storage_failure;

/// How long a dead letter is hidden while it is moved, in seconds: if this command dies, it shows again.
const HIDDEN_SECONDS: i32 = 60;

/// A quarantined message, as the functions write it.
#[derive(Deserialize)]
struct Quarantined {
    reason: String,
    body: String,
}

/// What was brought back.
#[derive(Default)]
struct Redriven {
    dead_letters: u64,
    quarantined: u64,
    earlier: u64,
}

fn queue_failure(error: impl std::error::Error) -> Failure {
    Failure::new(format!("queue: {}", DisplayErrorContext(error)))
        .advise("check the URL, the region (AWS_REGION) and the credentials' rights on the queue")
}

async fn sqs(arguments: &RedriveArguments) -> Client {
    let http_client = http_client(arguments.endpoint.as_deref());
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
    if let Some(endpoint) = &arguments.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Client::new(&loader.load().await)
}

/// Moves dead letters: each is sent before it is deleted, so that none is lost; one that is moved twice is one event.
async fn move_dead_letters(client: &Client, from: &str, to: &str) -> Result<u64, Failure> {
    let mut moved = 0;
    loop {
        let call = client.receive_message().queue_url(from).max_number_of_messages(10).visibility_timeout(HIDDEN_SECONDS);
        let received = call.wait_time_seconds(1).send().await.map_err(queue_failure)?;
        if received.messages().is_empty() {
            return Ok(moved);
        }
        for message in received.messages() {
            let body = message.body().unwrap_or_default();
            client.send_message().queue_url(to).message_body(body).send().await.map_err(queue_failure)?;
            let handle = message.receipt_handle().unwrap_or_default();
            client.delete_message().queue_url(from).receipt_handle(handle).send().await.map_err(queue_failure)?;
            moved += 1;
        }
    }
}

async fn count_dead_letters(client: &Client, queue: &str) -> Result<u64, Failure> {
    use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
    let call = client.get_queue_attributes().queue_url(queue).attribute_names(ApproximateNumberOfMessages);
    let attributes = call.send().await.map_err(queue_failure)?;
    let count = attributes.attributes().and_then(|attributes| attributes.get(&ApproximateNumberOfMessages));
    Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
}

/// Where it is noted that a quarantined message went back.
fn note_key(key: &str) -> String {
    format!("{QUARANTINE}redriven/{}", key.trim_start_matches(QUARANTINE))
}

async fn send_quarantined(
    client: &Client,
    store: &SharedStore,
    arguments: &RedriveArguments,
    redriven: &mut Redriven,
) -> Result<(), Failure> {
    let prefix = format!("{QUARANTINE}queue={}/", arguments.queue);
    let objects = list_all(store.as_ref(), &prefix, None, None).await.map_err(|error| storage_failure(&error))?;
    for object in objects {
        let note = note_key(&object.key);
        if store.head(&note).await.map_err(|error| storage_failure(&error))?.is_some() {
            redriven.earlier += 1;
            continue;
        }
        let bytes = store.get(&object.key).await.map_err(|error| storage_failure(&error))?.bytes;
        let Ok(quarantined) = serde_json::from_slice::<Quarantined>(&bytes) else {
            eprintln!("warning: {}: not a quarantined message, left out", object.key);
            continue;
        };
        if arguments.dry_run {
            let line = format!("{}: {}\n", object.key, output::printable(&quarantined.reason));
            std::io::stdout().lock().write_all(line.as_bytes())?;
        } else {
            let sent = client.send_message().queue_url(&arguments.queue_url).message_body(quarantined.body).send().await;
            sent.map_err(queue_failure)?;
            // Noted only after it was sent: if this command dies between the two, the message goes twice and is one event.
            match store.put_if_absent(&note, bytes::Bytes::from_static(b"{}\n")).await {
                Ok(Put::Created { .. } | Put::Exists) => {}
                Err(error) => return Err(storage_failure(&error)),
            }
        }
        redriven.quarantined += 1;
    }
    Ok(())
}

pub async fn run(arguments: RedriveArguments) -> Outcome {
    if arguments.dead_letter_queue_url.is_none() && arguments.bucket.is_none() {
        return Err(Failure::new("there is nothing to bring back".to_owned())
            .advise("name dead letters with --dead-letter-queue-url, quarantined messages with --bucket, or both"));
    }
    let client = sqs(&arguments).await;
    let mut redriven = Redriven::default();
    if let Some(dead_letters) = &arguments.dead_letter_queue_url {
        redriven.dead_letters = if arguments.dry_run {
            count_dead_letters(&client, dead_letters).await?
        } else {
            move_dead_letters(&client, dead_letters, &arguments.queue_url).await?
        };
    }
    if let Some(bucket) = &arguments.bucket {
        let mut settings = S3Settings::new(bucket);
        settings.endpoint.clone_from(&arguments.endpoint);
        settings.path_style = arguments.endpoint.is_some();
        let store: SharedStore = Arc::new(connect(settings).await.map_err(|error| storage_failure(&error))?);
        send_quarantined(&client, &store, &arguments, &mut redriven).await?;
    }
    let verb = if arguments.dry_run { "would go back" } else { "went back" };
    let line = format!(
        "{} and {} {verb}; {} went back earlier\n",
        output::counted(redriven.dead_letters, "dead letter"),
        output::counted(redriven.quarantined, "quarantined message"),
        output::counted(redriven.earlier, "quarantined message")
    );
    std::io::stdout().lock().write_all(line.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
