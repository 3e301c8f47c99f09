//! What people keep audit records in: the messages of queues and topics, the rows of search engines, the alerts of monitors.
//!
//! An **envelope** is an object that is no record itself and holds one, or several, as JSON, as text, or in base64 (which may
//! hold gzip). Every source looks through the same envelopes, by [`open`]: what is inside is read as if it came alone, so it is the
//! same event. How deep envelopes may lie in each other and how much they may inflate to is bounded by `nested.rs`.
//!
//! | envelope | known by | payload |
//! |---|---|---|
//! | SNS | `TopicArn`, `Message`; `Sns` | `Message`, text |
//! | SQS | `Body` or `body` beside a receipt or an id | that text |
//! | EventBridge | `detail` beside `detail-type` or `source` | `detail` |
//! | Kinesis, Firehose, CloudWatch Logs subscriptions | `kinesis.data`, `awslogs.data`, `data` or `Data` beside their ids | base64, of gzip or not |
//! | Pub/Sub | `message.data`, `data` beside `messageId` | base64 |
//! | Wazuh | `rule` beside `agent`, `manager`, `decoder` or `location`; `integration` | `full_log`, else what the alert's `data` holds |
//! | Elasticsearch, OpenSearch | `_source`, `hits.hits` | each `_source` |
//! | Elastic Common Schema | `event.original` | that text, else `message` |
//! | Splunk | `result`, `_raw`, `event` beside `sourcetype` | `_raw`, else the fields |
//! | `aws cloudtrail lookup-events` | `CloudTrailEvent` | that text |
//! | Athena | `ResultSet.Rows`; rows of the tables of CloudTrail and S3 access logs, see `athena.rs` | the record |
//! | a collector's line | any object | `message`, `log`, `_raw` and the like, where a source knows what it holds |

mod athena;
mod payload;
mod wazuh;

use std::borrow::Cow;

use crate::json::{Json, Members};
use payload::{object, text};

pub(crate) use payload::{Envelope, Opened, Payload};

/// Names of the arrays in which envelopes come.
pub(crate) const LISTS: [&str; 10] =
    ["Records", "records", "Messages", "Events", "events", "logEvents", "receivedMessages", "results", "entries", "value"];

/// Members in which collectors put a line that they were given.
const TEXTS: [&str; 14] = [
    "message",
    "Message",
    "@message",
    "log",
    "_raw",
    "raw",
    "rawLog",
    "raw_log",
    "raw_event",
    "line",
    "msg",
    "original",
    "payload",
    "body",
];
/// Members in which they put it as an object.
const OBJECTS: [&str; 3] = ["event", "payload", "record"];

/// Looks at an object.
pub(crate) fn open<'v>(value: &'v Json<'v>) -> Opened<'v> {
    let Some(members) = value.members() else { return Opened::Nothing };
    if is_control(members) {
        return Opened::Control;
    }
    let certain = |name, payloads, is_one| Opened::Envelope(Envelope { name, payloads, is_one, is_certain: true });
    if let Some((name, payload)) = message(members) {
        return certain(name, vec![payload], true);
    }
    if let Some(payloads) = wazuh::payloads(members) {
        return certain("an alert of Wazuh", payloads, true);
    }
    if let Some((name, payloads)) = search_result(members) {
        return certain(name, payloads, false);
    }
    if let Some(payloads) = event_original(members) {
        return certain("an event of Elastic", payloads, true);
    }
    if let Some(payloads) = splunk(members) {
        return certain("a result of Splunk", payloads, true);
    }
    if let Some(payloads) = athena::payloads(members) {
        return certain("a row of Athena", payloads, false);
    }
    if let Some(elements) = list(members) {
        let payloads = elements.iter().map(Payload::Json).collect();
        return Opened::Envelope(Envelope { name: "a list", payloads, is_one: false, is_certain: false });
    }
    let texts = TEXTS.iter().filter_map(|name| text(members, name)).map(|text| Payload::Text(Cow::Borrowed(text)));
    let objects = OBJECTS.iter().filter_map(|name| object(members, name)).map(Payload::Json);
    let payloads: Vec<_> = texts.chain(objects).collect();
    if payloads.is_empty() {
        return Opened::Nothing;
    }
    Opened::Envelope(Envelope { name: "a collector's line", payloads, is_one: true, is_certain: false })
}

fn has_any(members: &Members<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| members.get(name).is_some())
}

/// Whether a message of a transport says something about the transport itself.
fn is_control(members: &Members<'_>) -> bool {
    let is_subscription = ["SubscriptionConfirmation", "UnsubscribeConfirmation"];
    let kind = text(members, "Type").unwrap_or_default();
    (is_subscription.contains(&kind) && members.get("TopicArn").is_some())
        || text(members, "messageType") == Some("CONTROL_MESSAGE")
}

/// The payload of a queue's, a topic's or a stream's message.
fn message<'v>(members: &'v Members<'v>) -> Option<(&'static str, Payload<'v>)> {
    let plain = |text: &'v str| Payload::Text(Cow::Borrowed(text));
    if members.get("TopicArn").is_some()
        && let Some(message) = text(members, "Message")
    {
        return Some(("a message of SNS", plain(message)));
    }
    if let Some(sns) = object(members, "Sns") {
        return Some(("a message of SNS", Payload::Json(sns)));
    }
    let marks = ["ReceiptHandle", "MD5OfBody", "MessageId"];
    if let Some(body) = text(members, "Body").filter(|_| has_any(members, &marks)) {
        return Some(("a message of SQS", plain(body)));
    }
    let is_queue = text(members, "eventSource") == Some("aws:sqs");
    let marks = ["receiptHandle", "md5OfBody", "messageId"];
    if let Some(body) = text(members, "body").filter(|_| is_queue || has_any(members, &marks)) {
        return Some(("a message of SQS", plain(body)));
    }
    if has_any(members, &["detail-type", "source"]) {
        if let Some(detail) = object(members, "detail") {
            return Some(("an event of EventBridge", Payload::Json(detail)));
        }
        if let Some(detail) = text(members, "detail") {
            return Some(("an event of EventBridge", plain(detail)));
        }
    }
    for name in ["kinesis", "awslogs"] {
        if let Some(data) = members.get(name).and_then(Json::members).and_then(|inner| text(inner, "data")) {
            return Some(("a record of a stream", Payload::Base64(data)));
        }
    }
    let is_streamed = has_any(members, &["SequenceNumber", "PartitionKey", "ApproximateArrivalTimestamp"]);
    if let Some(data) = text(members, "Data").filter(|_| is_streamed) {
        return Some(("a record of a stream", Payload::Base64(data)));
    }
    // Firehose gives an HTTP endpoint records with nothing but their data.
    let is_alone = members.iter().count() == 1;
    let is_streamed = has_any(members, &["recordId", "approximateArrivalTimestamp"]);
    if let Some(data) = text(members, "data").filter(|_| is_alone || is_streamed) {
        return Some(("a record of a stream", Payload::Base64(data)));
    }
    let marks = ["messageId", "message_id", "publishTime", "publish_time"];
    if let Some(inner) = members.get("message").and_then(Json::members)
        && let Some(data) = text(inner, "data")
    {
        return Some(("a message of Pub/Sub", Payload::Base64(data)));
    }
    if let Some(data) = text(members, "data").filter(|_| has_any(members, &marks)) {
        return Some(("a message of Pub/Sub", Payload::Base64(data)));
    }
    if let Some(event) = text(members, "CloudTrailEvent") {
        return Some(("an event of lookup-events", plain(event)));
    }
    None
}

/// The documents of a search engine's answer, or of one hit.
fn search_result<'v>(members: &'v Members<'v>) -> Option<(&'static str, Vec<Payload<'v>>)> {
    if let Some(source) = object(members, "_source") {
        return Some(("a document of Elasticsearch", vec![Payload::Json(source)]));
    }
    let hits = members.get("hits").and_then(|hits| hits.get("hits")).map(Json::elements)?;
    (!hits.is_empty()).then(|| ("an answer of Elasticsearch", hits.iter().map(Payload::Json).collect()))
}

/// What Elastic's agents keep of a line beside what they made of it.
fn event_original<'v>(members: &'v Members<'v>) -> Option<Vec<Payload<'v>>> {
    let nested = members.get("event").and_then(Json::members).and_then(|event| text(event, "original"));
    let original = nested.or_else(|| text(members, "event.original"))?;
    let texts = [Some(original), text(members, "message")];
    Some(texts.into_iter().flatten().map(|text| Payload::Text(Cow::Borrowed(text))).collect())
}

/// A result of a search, exported or sent on; an event as it is sent to the HTTP Event Collector.
fn splunk<'v>(members: &'v Members<'v>) -> Option<Vec<Payload<'v>>> {
    let plain = |text: &'v str| Payload::Text(Cow::Borrowed(text));
    if let Some(result) = object(members, "result") {
        let raw = result.members().and_then(|inner| text(inner, "_raw"));
        if raw.is_some() || has_any(members, &["preview", "offset", "lastrow", "search_name"]) {
            return Some(raw.map(plain).into_iter().chain([Payload::Json(result)]).collect());
        }
    }
    if let Some(raw) = text(members, "_raw") {
        return Some(vec![plain(raw)]);
    }
    if has_any(members, &["sourcetype", "source", "index"]) {
        if let Some(event) = object(members, "event") {
            return Some(vec![Payload::Json(event)]);
        }
        if let Some(event) = text(members, "event") {
            return Some(vec![plain(event)]);
        }
    }
    None
}

/// The elements of an object around nothing but a list of objects.
fn list<'v>(members: &'v Members<'v>) -> Option<&'v [Json<'v>]> {
    let elements = LISTS.iter().find_map(|name| members.get(name).map(Json::elements).filter(|list| !list.is_empty()))?;
    elements.iter().all(|element| element.members().is_some()).then_some(elements)
}
