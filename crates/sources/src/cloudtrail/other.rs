//! Records that stand where CloudTrail's do and are none of its events.

use std::borrow::Cow;

use crate::json::Json;
use crate::reading::Verdict;
use crate::summary::SetAsideKind;

/// What a record is, if it is no event of CloudTrail.
///
/// - Set aside, for it tells of no act: a digest; statistics of CloudTrail Insights; counts of data events
///   (CloudTrail user guide, "Aggregated events"); the notice that a log file was delivered; the test that S3 sends to a new
///   receiver of its notifications.
/// - In quarantine, for it may: a notification of S3 or another service, of which CloudTrail has a record of its own. They look
///   alike (`eventVersion`, `eventSource`, `eventName`, `userIdentity`), but CloudTrail's `eventSource` is a host
///   (`s3.amazonaws.com`), that of notifications is not (`aws:s3`, `minio:s3`). So is what other clouds write in CloudTrail's
///   manner (ActionTrail of Alibaba Cloud has `acsRegion`).
pub(super) fn judge(record: &Json<'_>) -> Option<Verdict> {
    let text = |name: &str| record.text_at(name);
    if text("digestS3Object").is_some() && text("digestStartTime").is_some() {
        return Some(Verdict::SetAside(SetAsideKind::Digest));
    }
    // What names a call at its top is an event, whatever it says besides.
    if text("eventName").is_none() {
        let is = |kind: &str, category: &str| text("eventType") == Some(kind) || text("eventCategory") == Some(category);
        if is("AwsCloudTrailInsight", "Insight") {
            return Some(Verdict::SetAside(SetAsideKind::Insight));
        }
        if is("AwsAggregatedEvent", "Aggregated") {
            return Some(Verdict::SetAside(SetAsideKind::Aggregated));
        }
        let is_test = text("Event").is_some_and(|event| event.ends_with(":TestEvent"));
        let is_delivery = record.get("s3ObjectKey").is_some() && text("s3Bucket").is_some();
        if is_test || is_delivery {
            return Some(Verdict::SetAside(SetAsideKind::Notification));
        }
    }
    let notified = text("eventSource").filter(|source| source.contains(':'));
    if let Some(source) = notified {
        let short: String = source.chars().take(64).collect();
        return Some(Verdict::Quarantine(Cow::Owned(format!("a notification of {short}, no record of CloudTrail"))));
    }
    if record.get("s3").is_some_and(|object| object.text_at("s3SchemaVersion").is_some()) {
        return Some(Verdict::Quarantine("a notification of S3, no record of CloudTrail".into()));
    }
    let is_action_trail = record.get("acsRegion").is_some() || record.get("eventRW").is_some();
    is_action_trail.then_some(Verdict::Quarantine("a record of another cloud's trail, not of CloudTrail".into()))
}
