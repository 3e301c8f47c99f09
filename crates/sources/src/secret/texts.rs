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

/// Shortest token that is taken for one, in bytes.
const SHORTEST_TOKEN: usize = 16;

/// A text that holds no token behind `Bearer ` any more. Linear in the text: a token ends before white space, and so before the
/// next `Bearer `.
pub(super) fn without_bearer_tokens(text: &str) -> Cow<'_, str> {
    const BEARER: &[u8] = b"earer ";
    without_tokens(text, BEARER, BEARER.len(), |_, _| true)
}

/// A text that holds no signed JSON web token (RFC 7519) any more: three parts in base64 between dots, two of them JSON. Linear in
/// the text.
pub(super) fn without_web_tokens(text: &str) -> Cow<'_, str> {
    let is_web_token = |before: Option<u8>, token: &[u8]| {
        let payload = token.splitn(3, |byte| *byte == b'.').nth(1);
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric()) && payload.is_some_and(|part| part.starts_with(b"eyJ"))
    };
    without_tokens(text, b"eyJ", 0, is_web_token)
}

/// Replaces the tokens that begin `offset` bytes behind a mark and are secret by what stands before the mark and in them.
fn without_tokens<'t>(
    text: &'t str,
    mark: &[u8],
    offset: usize,
    is_secret: impl Fn(Option<u8>, &[u8]) -> bool,
) -> Cow<'t, str> {
    if text.len() < SHORTEST_TOKEN {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=');
    let mut out = String::new();
    let (mut copied, mut looked_at) = (0, 0);
    for found in memchr::memmem::find_iter(bytes, mark) {
        let start = found + offset;
        if start < looked_at {
            continue;
        }
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_token_byte(byte)).unwrap_or(rest.len());
        let token = rest.get(..length).unwrap_or_default();
        looked_at = start + length;
        let before = found.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        if length < SHORTEST_TOKEN || !is_secret(before, token) {
            continue;
        }
        // Both ends lie beside ASCII, so these are boundaries of characters.
        if let Some(unchanged) = text.get(copied..start) {
            out.push_str(unchanged);
            out.push_str(REDACTED);
            copied = looked_at;
        }
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
    fn tokens_of_bearers_are_replaced() {
        for (text, expected) in [
            ("Authorization: Bearer abcdefghijklmnop, x", "Authorization: Bearer [redacted], x"),
            ("the bearer of this", "the bearer of this"),
            ("a eyJhbGciOiJI.eyJzdWIiOiIx.c2ln b", "a [redacted] b"),
            // A place in a list: JSON in base64, but no token of this form.
            ("eyJuZXh0IjoiYWJjZGVmZ2hpamtsbW5vcCJ9", "eyJuZXh0IjoiYWJjZGVmZ2hpamtsbW5vcCJ9"),
            ("é Bearer é eyJ", "é Bearer é eyJ"),
        ] {
            let cleaned = |text: &str| without_web_tokens(&without_bearer_tokens(text)).into_owned();
            assert_eq!(cleaned(text), expected, "{text}");
            assert_eq!(cleaned(expected), expected, "again");
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
