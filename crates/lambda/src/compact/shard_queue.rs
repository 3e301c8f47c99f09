//! Shards of large periods, handed out over a queue to the same function.

use async_trait::async_trait;
use auditlake_lake::SealTime;
use auditlake_lake::seal::ShardWorkers;
use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_is_written_and_nothing_else() {
        let body = r#"{"seal_time":"2026-03-01T10:00:00.000Z","shard":3}"#;
        let message: ShardMessage = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), body);
        for other in ["x", "{}", r#"{"seal_time":"2026-03-01T10:00:00Z","shard":3,"more":1}"#] {
            assert!(serde_json::from_str::<ShardMessage>(other).is_err(), "{other}");
        }
    }
}
