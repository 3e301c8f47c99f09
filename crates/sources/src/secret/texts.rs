//! Secrets that are known by their form.

use std::borrow::Cow;

use crate::json::REDACTED;

/// Longest part of a URL between its scheme and its host that is looked at, in bytes.
const MAX_USER_BYTES: usize = 512;

/// A text whose URLs hold no password any more: `postgres://ada:<password>@db.example.com/app`. Linear in the text.
pub(super) fn without_passwords_of_urls(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr::memchr(b'@', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    for scheme_end in memchr::memmem::find_iter(bytes, b"://") {
        let start = scheme_end + 3;
        let rest = bytes.get(start..).unwrap_or_default();
        let rest = rest.get(..MAX_USER_BYTES).unwrap_or(rest);
        let ends = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>') || byte.is_ascii_whitespace();
        let authority = rest.get(..rest.iter().position(ends).unwrap_or(rest.len())).unwrap_or_default();
        let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else { continue };
        let Some(colon) = authority.get(..at).and_then(|user| memchr::memchr(b':', user)) else { continue };
        let (from, to) = (start + colon + 1, start + at);
        if from < copied || from == to || bytes.get(from..to) == Some(REDACTED.as_bytes()) {
            continue;
        }
        // Both ends lie beside ASCII, so these are boundaries of characters.
        if let Some(before) = text.get(copied..from) {
            out.push_str(before);
            out.push_str(REDACTED);
            copied = to;
        }
    }
    replaced(text, out, copied)
}

/// A text that holds no private key in PEM any more: what stands between `-----BEGIN … PRIVATE KEY-----` and the next
/// `-----END` is replaced, or all that follows if there is none. Linear in the text.
pub(super) fn without_private_keys(text: &str) -> Cow<'_, str> {
    const BEGIN: &[u8] = b"PRIVATE KEY-----";
    if text.len() <= BEGIN.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    for found in memchr::memmem::find_iter(text.as_bytes(), BEGIN) {
        let from = found + BEGIN.len();
        let line = text.get(copied..found).unwrap_or_default();
        if found < copied || !line.rsplit("-----").next().is_some_and(|name| name.starts_with("BEGIN")) {
            continue;
        }
        let rest = text.get(from..).unwrap_or_default();
        let length = memchr::memmem::find(rest.as_bytes(), b"-----END").unwrap_or(rest.len());
        if length == 0 || rest.get(..length) == Some(REDACTED) {
            continue;
        }
        out.push_str(text.get(copied..from).unwrap_or_default());
        out.push_str(REDACTED);
        copied = from + length;
    }
    replaced(text, out, copied)
}

fn replaced(text: &str, mut out: String, copied: usize) -> Cow<'_, str> {
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_replaced() {
        for (text, expected) in [
            ("postgres://ada:pw@db/app", "postgres://ada:[redacted]@db/app"),
            ("see redis://:p@ss@h:6379, and amqp://u:é@h", "see redis://:[redacted]@h:6379, and amqp://u:[redacted]@h"),
            ("https://ada@h/a:b@c", "https://ada@h/a:b@c"),
            ("https://h:443/?a=b@c", "https://h:443/?a=b@c"),
            ("s3://b/k@v ada:x@y", "s3://b/k@v ada:x@y"),
            ("https://u:@h", "https://u:@h"),
            ("://:@", "://:@"),
        ] {
            assert_eq!(without_passwords_of_urls(text), expected, "{text}");
            assert_eq!(without_passwords_of_urls(expected), expected, "again");
        }
    }

    #[test]
    fn private_keys_are_replaced() {
        for (text, expected) in [
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                "a\n-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nb",
            ),
            ("-----BEGIN PRIVATE KEY-----MII", "-----BEGIN PRIVATE KEY-----[redacted]"),
            ("-----BEGIN PUBLIC KEY-----MII", "-----BEGIN PUBLIC KEY-----MII"),
            ("a PRIVATE KEY----- b", "a PRIVATE KEY----- b"),
        ] {
            assert_eq!(without_private_keys(text), expected, "{text}");
            assert_eq!(without_private_keys(expected), expected, "again");
        }
    }
}
