//! Who reads an object, or what an envelope holds: found by its first bytes.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};

use crate::envelope::{self, LISTS, Opened, Payload};
use crate::json::{Failure, Json, Outer, Parser, write_whole};
use crate::source::{Confidence, Registry, Source};

/// How deep envelopes may lie in each other.
pub(crate) const MAX_DEPTH: usize = 5;
/// How many values at the beginning of an object are looked at to see whether it holds envelopes.
const LOOKED_AT: usize = 4;

const LENIENT: GeneralPurposeConfig =
    general_purpose::NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const PLAIN_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Looks for who reads what.
#[derive(Clone, Copy)]
pub(crate) struct Finder {
    pub known: Registry,
    /// The source that the caller stated: it reads whatever is no envelope.
    pub stated: Option<&'static dyn Source>,
    /// How many envelopes lie around what is looked at.
    pub depth: usize,
}

impl Finder {
    /// Who can read an object that begins so; `None` if nobody can.
    pub(crate) fn reader_of(&self, head: &[u8], object_name: &str) -> Option<&'static dyn Source> {
        let table = self.known.table;
        if table.sniff(head, object_name) == Confidence::Certain {
            return Some(table);
        }
        let (confidence, source) = match self.stated {
            Some(stated) => (stated.sniff(head, object_name), Some(stated)),
            None => sniffed(&self.known, head, object_name),
        };
        if confidence == Confidence::Certain {
            return source;
        }
        if self.holds_envelopes(head, confidence < Confidence::Likely) {
            return Some(self.known.envelopes);
        }
        // A first value that does not end in sight may be an envelope of many records.
        let is_likely = confidence > Confidence::None;
        let may_be_envelopes = || self.depth == 0 && self.stated.is_none() && is_cut_off(head);
        source.filter(|_| is_likely).or_else(|| may_be_envelopes().then_some(self.known.envelopes))
    }

    /// Whether one of the first values of an object is an envelope: `any`, or one that is known by more than what it holds.
    fn holds_envelopes(&self, head: &[u8], any: bool) -> bool {
        let first = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().first();
        if !matches!(first, Some(b'{' | b'[')) || self.depth > MAX_DEPTH {
            return false;
        }
        first_values(head).0.iter().any(|value| self.is_envelope(value, any))
    }

    fn is_envelope(&self, value: &Json<'_>, any: bool) -> bool {
        match envelope::open(value) {
            Opened::Nothing => false,
            Opened::Control => self.stated.is_none(),
            Opened::Envelope(opened) if opened.is_certain && self.stated.is_none() => true,
            Opened::Envelope(opened) if !opened.is_certain && !any => false,
            Opened::Envelope(opened) => opened
                .payloads
                .iter()
                .take(LOOKED_AT * 8)
                .any(|payload| bytes_of(payload).is_ok_and(|bytes| self.may_be_read(&bytes))),
        }
    }

    /// Whether somebody may read a payload. What is in gzip shows nothing before it is inflated, which reading does.
    fn may_be_read(&self, payload: &[u8]) -> bool {
        let inside = Finder { depth: self.depth + 1, ..*self };
        payload.starts_with(b"\x1f\x8b") || inside.reader_of(payload, "").is_some()
    }
}

/// The source that most likely wrote an object, and how sure it is.
pub(crate) fn sniffed(known: &Registry, head: &[u8], object_name: &str) -> (Confidence, Option<&'static dyn Source>) {
    let mut best: (Confidence, Option<&'static dyn Source>) = (Confidence::None, None);
    for source in known.sources.iter().copied() {
        let confidence = source.sniff(head, object_name);
        if confidence > best.0 {
            best = (confidence, Some(source));
        }
    }
    best
}

/// Whether the first value of an object, which is JSON as far as can be seen, does not end in its head.
fn is_cut_off(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    head.first() == Some(&b'{') && Parser::new(head).value(0) == Err(Failure::Incomplete)
}

/// The first values of an object, as far as its head holds them whole; behind the bracket of a list of envelopes, if it begins
/// with one. Second: whether there is such a list.
pub(crate) fn first_values(head: &[u8]) -> (Vec<Json<'_>>, bool) {
    let mut values = Vec::new();
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    rest = rest.strip_prefix(b"[").unwrap_or(rest);
    let mut parser = Parser::new(rest);
    let is_list = matches!(parser.outer(&LISTS), Ok(Outer::Elements));
    if is_list {
        rest = rest.get(parser.position()..).unwrap_or_default();
    }
    while values.len() < LOOKED_AT {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut parser = Parser::new(rest);
        let Ok(value @ Json::Object(_)) = parser.value(0) else { break };
        rest = rest.get(parser.position()..).unwrap_or_default();
        values.push(value);
    }
    (values, is_list)
}

/// The bytes of a payload, or why there are none.
pub(crate) fn bytes_of<'p>(payload: &'p Payload<'_>) -> Result<Cow<'p, [u8]>, &'static str> {
    match payload {
        Payload::Json(value) => {
            let mut text = String::new();
            write_whole(value, &mut text);
            Ok(Cow::Owned(text.into_bytes()))
        }
        Payload::Text(text) => Ok(Cow::Borrowed(text.as_bytes())),
        Payload::Base64(text) => {
            let text = text.trim();
            if text.starts_with(['{', '[']) {
                return Ok(Cow::Borrowed(text.as_bytes()));
            }
            let plain = |text: &[u8]| PLAIN_ALPHABET.decode(text).or_else(|_| URL_ALPHABET.decode(text)).ok();
            let without_breaks = || text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>();
            let decoded = plain(text.as_bytes()).or_else(|| plain(&without_breaks()));
            decoded.map(Cow::Owned).ok_or("the envelope's data is no base64")
        }
    }
}
