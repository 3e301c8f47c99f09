//! Which shape an object's first event has.

use auditlake_event::shapes::{ForeignShape, Outline};

use crate::source::{Confidence, contains};

/// How much of an object is looked at to recognise it.
const SNIFFED_BYTES: usize = 64 * 1024;
/// How many arrays and lists may lie around the first event.
const MAX_ENTERED: usize = 4;
/// How many lines are tried, should the first ones be broken.
const MAX_LINES: usize = 8;

/// How sure it is that an object holds events of a shape.
pub(super) fn confidence(shape: ForeignShape, head: &[u8]) -> Confidence {
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head);
    let Some(outline) = first_event(text_of(head)) else { return Confidence::None };
    if outline.shape() != Some(shape) {
        return Confidence::None;
    }
    // An envelope of Google Cloud's around an entry of its audit log, which has a source of its own.
    let is_google = [&b"\"protoPayload\""[..], b"\"google.cloud.audit.log.", b"google.cloud.audit.TransparencyLog\""]
        .iter()
        .any(|marker| contains(head, marker));
    match outline.is_certain() {
        _ if shape == ForeignShape::CloudEvents && is_google => Confidence::None,
        true => Confidence::Certain,
        false => Confidence::Likely,
    }
}

/// Whether the events of an object lie in a list, `{"events":[…]}`.
pub(super) fn is_list(head: &[u8]) -> bool {
    lines(text_of(head)).next().and_then(enter).is_some_and(|(_, is_list)| is_list)
}

/// The text that a head holds, up to the first byte that is none.
fn text_of(head: &[u8]) -> &str {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => head.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok()).unwrap_or_default(),
    }
}

/// The text from each of its first lines on that may begin an event.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1));
    let texts = starts.filter_map(|start| text.get(start..)).map(str::trim_ascii_start);
    texts.take(MAX_LINES).filter(|text| text.starts_with(['{', '[']))
}

/// The outline of the first object that has a shape.
fn first_event(text: &str) -> Option<Outline> {
    lines(text).filter_map(enter).map(|(outline, _)| outline).find(|outline| outline.shape().is_some())
}

/// Goes through what lies around the first event of a text: its outline, and whether an object with a list was entered.
fn enter(mut text: &str) -> Option<(Outline, bool)> {
    let mut is_list = false;
    for _ in 0..MAX_ENTERED {
        text = text.trim_ascii_start();
        if let Some(elements) = text.strip_prefix('[') {
            text = elements;
            continue;
        }
        let outline = Outline::of(text);
        match outline.list_at().and_then(|at| text.get(at..)) {
            Some(list) => (text, is_list) = (list, true),
            None => return Some((outline, is_list)),
        }
    }
    None
}
