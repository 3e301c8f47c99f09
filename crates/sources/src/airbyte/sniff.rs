//! Recognises Airbyte's files by the members of their first record.

use std::borrow::Cow;

use crate::json::Parser;
use crate::source::{Confidence, contains};

use super::log_message::PREFIX;

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 16 * 1024;
/// The prefix of every audit object's key.
const KEY_PART: &str = "audit-logging/";

/// Judges an object:
///
/// - certain: the first record has an audit entry's members; or a log event's, and an audit entry's message is in sight;
/// - likely: the first record is a log event of Airbyte. Its job logs look the same and hold no audit entries;
/// - by name: `audit-logging/` is in the key.
pub(super) fn judge(head: &[u8], object_name: &str) -> Confidence {
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head);
    let names = first_record(head);
    let has = |name: &str| names.iter().any(|found| found == name);
    let entry_members = ["actor", "request", "response", "success", "errorMessage"];
    let is_entry =
        has("id") && has("timestamp") && has("operation") && entry_members.iter().filter(|name| has(name)).count() >= 2;
    // The members in the order in which Airbyte writes them, as far as a record that is cut off shows them.
    let is_log_event = has("timestamp") && has("message") && (has("logSource") || (has("level") && has("caller")));
    let is_cut_log_event = names == ["timestamp", "message"];
    let has_audit_message = || contains(head, PREFIX.as_bytes());
    if is_entry || ((is_log_event || is_cut_log_event) && has_audit_message()) {
        return Confidence::Certain;
    }
    if is_log_event && has("logSource") && has("caller") {
        return Confidence::Likely;
    }
    if object_name.contains(KEY_PART) { Confidence::Name } else { Confidence::None }
}

/// How Airbyte begins the records of the kind that an object holds, to find the next one behind a broken one.
pub(super) fn beginning_of_records(head: &[u8]) -> &'static [u8] {
    let is_log = first_record(head.get(..SNIFFED_BYTES).unwrap_or(head)).iter().any(|name| name == "message");
    if is_log { b"{\"timestamp\":" } else { b"{\"id\":\"" }
}

/// The names of the members of the first record, as far as the head reaches.
fn first_record(head: &[u8]) -> Vec<Cow<'_, str>> {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(elements) = rest.strip_prefix(b"[") {
        rest = elements.trim_ascii_start();
    }
    // The documentation's sample has no brace around its list.
    let is_bare = rest.starts_with(b"\"events\"");
    let Some(members) = rest.strip_prefix(b"{").or(is_bare.then_some(rest)) else { return Vec::new() };
    match members_until_list(members) {
        (_, Some(elements)) => match elements.trim_ascii_start().strip_prefix(b"{") {
            Some(members) => members_until_list(members).0,
            None => Vec::new(),
        },
        (names, None) => names,
    }
}

/// The names of members up to the list `events`, and what stands behind its bracket; or of all of them.
fn members_until_list(mut rest: &[u8]) -> (Vec<Cow<'_, str>>, Option<&[u8]>) {
    let mut names = Vec::new();
    loop {
        let mut parser = Parser::new(rest);
        let Ok(name) = parser.name() else { return (names, None) };
        if name == "events" && parser.enter_array() == Ok(true) {
            return (names, rest.get(parser.position()..));
        }
        names.push(name);
        if parser.value(0).is_err() {
            return (names, None);
        }
        let behind = rest.get(parser.position()..).unwrap_or_default().trim_ascii_start();
        let Some(next) = behind.strip_prefix(b",") else { return (names, None) };
        rest = next;
    }
}
