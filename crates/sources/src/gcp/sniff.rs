//! Whether an object holds Google Cloud's log entries.

use crate::source::{Confidence, contains};

use super::base64;

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;
/// How many Pub/Sub messages are looked into, and how much of each.
const MESSAGES: usize = 4;
const MESSAGE_BYTES: usize = 4096;

/// Names in which a log entry holds its audit log, as Cloud Logging, other exporters and BigQuery write them.
const PAYLOADS: [&[u8]; 3] = [b"\"protoPayload\"", b"\"protopayload\"", b"\"protopayload_auditlog"];
/// The type of an entry of Access Transparency, as Cloud Logging and BigQuery state it.
const TRANSPARENCY: [&[u8]; 2] = [b"google.cloud.audit.TransparencyLog\"", b"\"jsonpayload_type_transparencylog\""];
/// Names that stand beside it, or in it.
const COMPANIONS: [&[u8]; 6] =
    [b"\"insertId\"", b"\"insertid\"", b"\"logName\"", b"\"logname\"", b"\"methodName\"", b"\"authenticationInfo\""];
/// Members in which collectors put an entry as text.
const TEXT_ENVELOPES: [&str; 4] = ["message", "log", "_raw", "data"];

/// Judges an object: certain for log entries with a `protoPayload` or of Access Transparency, bare, as text in a collector's envelope, in base64 in
/// Pub/Sub's, or in the CloudEvent of audit logs; likely for log entries of other kinds, which may share an object with them.
pub(super) fn sniff(head: &[u8], object_name: &str) -> Confidence {
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head);
    let confidence = entries(head);
    if confidence == Confidence::Certain || contains(head, b"\"google.cloud.audit.log.v1.written\"") {
        return Confidence::Certain;
    }
    let is_text = contains(head, b"\\\"protoPayload\\\"") || contains(head, b"google.cloud.audit.TransparencyLog\\\"");
    if is_text && TEXT_ENVELOPES.iter().any(|name| holds_text_object(head, name)) {
        return Confidence::Certain;
    }
    let confidence = confidence.max(messages(head));
    if confidence > Confidence::None {
        return confidence;
    }
    if object_name.contains("cloudaudit.googleapis.com") { Confidence::Name } else { Confidence::None }
}

fn entries(text: &[u8]) -> Confidence {
    let holds_any = |names: &[&[u8]]| names.iter().any(|name| contains(text, name));
    if holds_any(&PAYLOADS) {
        return if holds_any(&COMPANIONS) { Confidence::Certain } else { Confidence::Likely };
    }
    if holds_any(&TRANSPARENCY) && holds_any(&COMPANIONS) {
        return Confidence::Certain;
    }
    let is_entry = holds_any(&[b"\"logName\""]) && holds_any(&[b"\"insertId\"", b"\"receiveTimestamp\""]);
    if is_entry && holds_any(&[b"\"jsonPayload\"", b"\"textPayload\""]) { Confidence::Likely } else { Confidence::None }
}

/// What follows the colon behind each member of this name.
fn values<'h>(head: &'h [u8], name: &str) -> impl Iterator<Item = &'h [u8]> {
    let quoted = format!("\"{name}\"");
    let ends: Vec<usize> = memchr::memmem::find_iter(head, quoted.as_bytes()).map(|at| at + quoted.len()).collect();
    ends.into_iter()
        .filter_map(move |end| head.get(end..)?.trim_ascii_start().strip_prefix(b":"))
        .map(<[u8]>::trim_ascii_start)
}

fn holds_text_object(head: &[u8], name: &str) -> bool {
    values(head, name).any(|value| value.strip_prefix(b"\"").is_some_and(|text| text.trim_ascii_start().starts_with(b"{")))
}

/// What the messages of Pub/Sub hold.
fn messages(head: &[u8]) -> Confidence {
    let texts = values(head, "data").filter_map(|value| value.strip_prefix(b"\"")).take(MESSAGES);
    let found = texts.map(|text| {
        let length = text.iter().take(MESSAGE_BYTES).take_while(|byte| !matches!(byte, b'"' | b'\\')).count();
        // Cut between groups, so that what is there can be decoded.
        let whole = text.get(..length / 4 * 4).unwrap_or_default();
        base64::decoded(whole).map_or(Confidence::None, |decoded| entries(&decoded))
    });
    found.max().unwrap_or(Confidence::None)
}
