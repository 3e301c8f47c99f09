//! Whether an object holds records of CloudTrail.

use crate::source::{Confidence, contains};

/// Names that stand in nearly every record, in lower case, for Athena's tables have them so.
const OWN: [&[u8]; 5] =
    [b"\"eventsource\"", b"\"useridentity\"", b"\"sourceipaddress\"", b"\"eventversion\"", b"\"eventname\""];
/// Where a collector or CloudWatch Logs puts a record as text. (`Message` is what SNS has: an envelope of any source.)
const TEXT_ENVELOPES: [&[u8]; 4] = [b"\"logEvents\"", b"\"message\":", b"\"log\":", b"\"_raw\":"];
/// What stands in notifications of S3 and other services and in no record of CloudTrail, in lower case: their `eventSource` is no
/// host, and S3's have a version of their own.
const NOTIFICATIONS: [&[u8]; 3] = [b"\"s3schemaversion\"", b":testevent\"", b"\"s3objectkey\""];
/// What stands in ActionTrail's records, which are written in CloudTrail's manner, in lower case.
const OTHER_TRAILS: [&[u8]; 2] = [b"\"acsregion\"", b"\"eventrw\""];

/// Judges by an object's beginning. Notifications are known too, but another source may know better: here they are only told
/// apart from records.
pub(super) fn confidence(head: &[u8]) -> Confidence {
    let as_written = head;
    let head = head.to_ascii_lowercase();
    let has = |text: &[u8]| contains(&head, text);
    if OTHER_TRAILS.iter().any(|name| has(name)) {
        return Confidence::None;
    }
    if is_notification(&head) {
        return Confidence::Likely;
    }
    let own_count = OWN.iter().filter(|name| has(name)).count();
    if own_count >= 2 || has(b"\"cloudtrailevent\"") || has(b"\"digests3object\"") {
        return Confidence::Certain;
    }
    let in_text = has(b"\\\"eventsource\\\"") || has(b"\\\"eventversion\\\"");
    if in_text && TEXT_ENVELOPES.iter().any(|name| contains(as_written, name)) {
        return Confidence::Certain;
    }
    if own_count == 1 { Confidence::Likely } else { Confidence::None }
}

fn is_notification(head: &[u8]) -> bool {
    let name = b"\"eventsource\"";
    let source = memchr::memmem::find(head, name).and_then(|at| head.get(at + name.len()..));
    let text = source.and_then(|behind| behind.trim_ascii_start().strip_prefix(b":")).map(<[u8]>::trim_ascii_start);
    let value = text.and_then(|text| text.strip_prefix(b"\"")).and_then(|text| text.split(|byte| *byte == b'"').next());
    value.is_some_and(|value| value.contains(&b':')) || NOTIFICATIONS.iter().any(|name| contains(head, name))
}
