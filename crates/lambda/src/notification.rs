//! Which objects a trigger speaks of: S3's own notifications, EventBridge's, and either inside an SQS message.
//!
//! S3 writes keys URL-encoded into its own notifications (`+` is a space), EventBridge writes them as they are. A bucket that
//! is set up sends an `s3:TestEvent`. Notifications come at least once, in any order.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

/// An object that came to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Created {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// Why a notification cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotNotification(String);

#[derive(Deserialize)]
struct S3Records {
    #[serde(rename = "Records")]
    records: Vec<S3Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_name: String,
    s3: S3Part,
}

#[derive(Deserialize)]
struct S3Part {
    bucket: Named,
    object: Keyed,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Keyed {
    key: String,
}

#[derive(Deserialize)]
struct EventBridge {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Named,
    object: Keyed,
}

fn decoded(key: &str) -> Result<String, NotNotification> {
    let spaces = key.replace('+', " ");
    let decoded = percent_decode_str(&spaces).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| NotNotification(format!("the key {key} is not UTF-8")))
}

/// A notification of S3 about an object.
pub fn of(object: &Created) -> Value {
    let key = utf8_percent_encode(&object.key, NON_ALPHANUMERIC).to_string();
    json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": object.bucket}, "object": {"key": key}}}]})
}

/// The objects that a notification says were created; none for a test event or one about something else.
pub fn created(notification: &Value) -> Result<Vec<Created>, NotNotification> {
    let invalid = |error: serde_json::Error| NotNotification(format!("not a notification of S3: {error}"));
    if notification.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if notification.get("detail-type").is_some() {
        if notification["detail-type"] != "Object Created" || notification["source"] != "aws.s3" {
            return Ok(Vec::new());
        }
        let event = EventBridge::deserialize(notification).map_err(invalid)?;
        return Ok(vec![Created { bucket: event.detail.bucket.name, key: event.detail.object.key }]);
    }
    // A topic between S3 and the queue wraps the notification once more.
    if let Some(inner) = notification.get("Message").and_then(Value::as_str)
        && notification.get("TopicArn").is_some()
    {
        return created(&serde_json::from_str(inner).map_err(invalid)?);
    }
    let records = S3Records::deserialize(notification).map_err(invalid)?.records;
    let is_creation = |record: &S3Record| {
        let name = record.event_name.strip_prefix("s3:").unwrap_or(&record.event_name);
        name.starts_with("ObjectCreated:")
    };
    let created = records.into_iter().filter(is_creation);
    created.map(|record| Ok(Created { bucket: record.s3.bucket.name, key: decoded(&record.s3.object.key)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bucket: &str, key: &str) -> Vec<Created> {
        vec![Created { bucket: bucket.to_owned(), key: key.to_owned() }]
    }

    fn s3(name: &str, key: &str) -> Value {
        json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name,
            "s3": {"bucket": {"name": "logs"}, "object": {"key": key, "size": 7, "eTag": "x"}}}]})
    }

    #[test]
    fn keys_of_s3_are_decoded_and_those_of_eventbridge_are_not() {
        assert_eq!(created(&s3("ObjectCreated:Put", "a+b/%C3%A4%2B%25.gz")).unwrap(), one("logs", "a b/ä+%.gz"));
        let event = json!({"version": "0", "source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": "logs"}, "object": {"key": "a+b %25.gz", "size": 7}}});
        assert_eq!(created(&event).unwrap(), one("logs", "a+b %25.gz"));
    }

    #[test]
    fn a_notification_that_is_made_says_the_same_object() {
        let object = Created { bucket: "logs".to_owned(), key: "a b/ä+%/x.gz".to_owned() };
        assert_eq!(created(&of(&object)).unwrap(), [object]);
    }

    #[test]
    fn a_topic_may_stand_between() {
        let message = s3("s3:ObjectCreated:CompleteMultipartUpload", "k").to_string();
        let wrapped = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": message});
        assert_eq!(created(&wrapped).unwrap(), one("logs", "k"));
    }

    #[test]
    fn test_events_and_other_news_name_no_object() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"});
        let removed = s3("ObjectRemoved:Delete", "k");
        let other = json!({"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}});
        for nothing in [test, removed, other] {
            assert_eq!(created(&nothing).unwrap(), []);
        }
    }

    #[test]
    fn what_is_no_notification_is_said() {
        for bad in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"Records": [{"eventName": "ObjectCreated:Put"}]}),
            s3("ObjectCreated:Put", "%ff"),
        ] {
            assert!(created(&bad).is_err(), "{bad}");
        }
    }
}
