//! Batches of a queue: what they hold, and which of it must come again.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse};
use serde_json::Value;

/// A message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'e> {
    /// The id by which it is reported as failed.
    pub id: &'e str,
    /// What was sent.
    pub body: &'e str,
}

/// The messages of an event; `None` if it is no batch of a queue.
pub fn messages(event: &Value) -> Option<Vec<Message<'_>>> {
    let records = event.get("Records")?.as_array()?;
    let is_message = |record: &Value| record["eventSource"] == "aws:sqs";
    if records.is_empty() || !records.iter().all(is_message) {
        return None;
    }
    let message = |record| Message { id: text_of(record, "messageId"), body: text_of(record, "body") };
    Some(records.iter().map(message).collect())
}

fn text_of<'e>(record: &'e Value, name: &str) -> &'e str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The answer that brings these messages again and ends all others.
pub fn failed(ids: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let failure = |id| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ids.into_iter().map(failure).collect();
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_batch_of_a_queue_has_messages() {
        let message = json!({"messageId": "a", "body": "x", "eventSource": "aws:sqs"});
        let event = json!({"Records": [message]});
        assert_eq!(messages(&event).unwrap(), [Message { id: "a", body: "x" }]);
        for other in
            [json!({"tick": true}), json!({"Records": []}), json!({"Records": [{"eventSource": "aws:s3"}, message]})]
        {
            assert!(messages(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_answer_names_what_must_come_again() {
        let answer = serde_json::to_value(failed(["b".to_owned()])).unwrap();
        assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "b"}]}));
        assert_eq!(serde_json::to_value(failed([])).unwrap(), json!({"batchItemFailures": []}));
    }
}
