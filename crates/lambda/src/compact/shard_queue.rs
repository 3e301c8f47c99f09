//! Shards of large periods, handed out over a queue to the same function.

use async_trait::async_trait;
use auditlake_lake::SealTime;
use auditlake_lake::seal::ShardWorkers;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks for one shard of a period's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardMessage {
    /// The period.
    pub seal_time: SealTime,
    /// The shard's number.
    pub shard: usize,
}

/// The queue of shards.
pub struct SqsShardQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsShardQueue {
    /// The queue of a URL.
    pub fn new(config: &aws_config::SdkConfig, url: String) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url }
    }
}

#[async_trait]
impl ShardWorkers for SqsShardQueue {
    async fn request(&self, seal_time: SealTime, shards: &[usize]) -> Result<(), String> {
        for shard in shards {
            let body =
                serde_json::to_string(&ShardMessage { seal_time, shard: *shard }).map_err(|error| error.to_string())?;
            let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
            sent.map_err(|error| aws_sdk_sqs::error::DisplayErrorContext(error).to_string())?;
        }
        Ok(())
    }
}

/// The messages of a queue's batch: id, and what it asks for. `None` if the event is no such batch.
pub fn messages(event: &Value) -> Option<Vec<(String, Result<ShardMessage, String>)>> {
    let records = event.get("Records")?.as_array()?;
    let message = |record: &Value| {
        let id = record["messageId"].as_str().unwrap_or_default().to_owned();
        let body = record["body"].as_str().unwrap_or_default();
        (id, serde_json::from_str(body).map_err(|error| error.to_string()))
    };
    Some(records.iter().map(message).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_comes_back_as_it_went_and_others_are_said() {
        let body = r#"{"seal_time":"2026-03-01T10:00:00.000Z","shard":3}"#;
        let message: ShardMessage = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), body);
        let event = json!({"Records": [{"messageId": "a", "body": body}, {"messageId": "b", "body": "x"}]});
        let messages = messages(&event).unwrap();
        assert_eq!(messages[0].1.as_ref().unwrap(), &message);
        assert!(messages[1].1.is_err() && messages[1].0 == "b");
        assert!(super::messages(&json!({"tick": true})).is_none());
    }
}
