//! What is a secret in a record, and never reaches a column: the values of members by their names (of JSON in a text too), of
//! pairs of a name and a value, of parameters of URLs and settings, passwords in URLs, and private keys by their form.

mod names;
mod pairs;
mod texts;

use std::borrow::Cow;

use crate::json::REDACTED;

use names::{is_harmless_text, is_header, is_header_text};
pub(crate) use names::{is_secret, is_secret_member};
pub(crate) use pairs::SecretPair;

/// Names of the parameters of a URL whose values are secret, in lower case: the signatures and tokens of presigned URLs
/// (AWS, version 4 and 2; Google; Azure's SAS) and of OAuth. Besides them every name of a secret counts.
const SECRET_PARAMETERS: [&str; 5] = ["awsaccesskeyid", "code", "sig", "signature", "x-goog-signature"];
/// Longest name of a parameter or setting that is looked at, in bytes.
const MAX_PARAMETER_BYTES: usize = 64;

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A text that holds no secret any more, neither in JSON nor in URLs.
pub(crate) fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut cleaned = Cow::Borrowed(text);
    // A member's name ends with a quote, a parameter's with `=` or `%3D`: most texts have neither.
    if memchr::memchr3(b'"', b'=', b'%', text.as_bytes()).is_some() {
        cleaned = and_then(cleaned, without_secret_members);
        cleaned = and_then(cleaned, without_secret_parameters);
    }
    cleaned = and_then(cleaned, texts::without_passwords_of_urls);
    cleaned = and_then(cleaned, texts::without_bearer_tokens);
    cleaned = and_then(cleaned, texts::without_web_tokens);
    and_then(cleaned, texts::without_private_keys)
}

fn and_then(text: Cow<'_, str>, clean: impl Fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => clean(text),
        Cow::Owned(text) => match clean(&text) {
            Cow::Owned(cleaned) => Cow::Owned(cleaned),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

/// A text whose JSON holds no secret any more: in `"name":"value"`, also cut off and escaped however often
/// (`\"name\":\"value\"`, JSON in a text in JSON), the value of a secret member is replaced by `[redacted]`. So is a number;
/// `true`, `false`, `null` stay, and what is an array or object is left to the names in it. Linear in the text.
fn without_secret_members(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b':', rest)) {
        let colon = at + found;
        at = colon + 1;
        let Some(name) = quoted_name_before(bytes, colon, copied) else { continue };
        let is_header = is_header(name);
        if !is_header && !is_secret(name) {
            continue;
        }
        let Some((start, end)) = scalar_behind(bytes, at) else { continue };
        let value = text.get(start..end).unwrap_or_default();
        if is_harmless_text(value) || (is_header && !is_header_text(value)) {
            continue;
        }
        // Both ends lie beside ASCII, or at the end, so these are boundaries of characters.
        if let Some(before) = text.get(copied..start)
            && bytes.get(start..end) != Some(REDACTED.as_bytes())
        {
            out.push_str(before);
            out.push_str(REDACTED);
            copied = end;
        }
        at = end.max(at);
    }
    match text.get(copied..) {
        Some(rest) if copied > 0 => {
            out.push_str(rest);
            Cow::Owned(out)
        }
        _ => Cow::Borrowed(text),
    }
}

/// The quoted name that ends before `colon`. Looks no further back than `from`, and than a name with its escapes is long.
fn quoted_name_before(bytes: &[u8], colon: usize, from: usize) -> Option<&str> {
    let earliest = from.max(colon.saturating_sub(128));
    let before = bytes.get(earliest..colon).unwrap_or_default().trim_ascii_end();
    let quoted = before.strip_suffix(b"\"")?;
    let escapes = quoted.iter().rev().take_while(|byte| **byte == b'\\').count();
    let name = quoted.get(..quoted.len() - escapes).unwrap_or_default();
    let is_in_name = |byte: &&u8| is_name_byte(**byte) || matches!(**byte, b'.' | b' ' | b'/');
    let length = name.iter().rev().take_while(is_in_name).count();
    let (opening, name) = name.split_at(name.len() - length);
    if opening.ends_with(b"\"") { str::from_utf8(name).ok() } else { None }
}

/// Where a text or number that begins at `from`, behind white space, lies; a text without its quotes.
fn scalar_behind(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let behind = bytes.get(from..)?;
    let begin = from + (behind.len() - behind.trim_ascii_start().len());
    let rest = bytes.get(begin..)?;
    let escapes = rest.iter().take_while(|byte| **byte == b'\\').count();
    if rest.get(escapes) != Some(&b'"') {
        let length =
            rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
        let length = length.count();
        let is_number = rest.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-');
        return is_number.then_some((begin, begin + length));
    }
    let start = begin + escapes + 1;
    let mut run = 0;
    for (index, byte) in bytes.get(start..)?.iter().enumerate() {
        match byte {
            b'\\' => run += 1,
            b'"' if ends_text(run, escapes) => {
                let end = start + index - run.min(escapes);
                return (end > start).then_some((start, end));
            }
            _ => run = 0,
        }
    }
    (start < bytes.len()).then_some((start, bytes.len()))
}

/// Whether a quote behind `run` backslashes ends a text whose first quote stood behind `escapes`. Behind fewer it ends what is
/// further out. A quote that stands in the text has as many again and one more before it; a backslash in the text is twice as
/// many and two.
fn ends_text(run: usize, escapes: usize) -> bool {
    run.checked_sub(escapes).is_none_or(|literal| literal % (2 * (escapes + 1)) == 0)
}

/// A text whose URLs hold no secret any more: in `?name=value` and `&name=value`, also percent-encoded once
/// (`%26name%3Dvalue`), the value of a secret parameter is replaced by `[redacted]`. It reaches to the next `&`, `%26`, white
/// space, quote, `#`, `<`, `>` or the end. Linear in the text.
fn without_secret_parameters(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'=', b'%', rest)) {
        let sign = at + found;
        let sign_length = match bytes.get(sign..).unwrap_or_default() {
            [b'=', ..] => 1,
            [b'%', b'3', b'd' | b'D', ..] => 3,
            _ => 0,
        };
        at = sign + sign_length.max(1);
        if sign_length == 0 || !is_secret_name_before(bytes, sign.max(copied), copied) {
            continue;
        }
        let is_encoded = sign_length == 3;
        let value = bytes.get(at..).unwrap_or_default();
        let length = value
            .iter()
            .enumerate()
            .position(|(index, byte)| {
                matches!(byte, b'&' | b'"' | b'\'' | b'#' | b'<' | b'>')
                    || byte.is_ascii_whitespace()
                    || (is_encoded && value.get(index..index + 3) == Some(b"%26"))
            })
            .unwrap_or(value.len());
        // Both ends lie beside ASCII, so these are boundaries of characters.
        if length > 0
            && let (Some(before), true) = (text.get(copied..at), value.get(..length) != Some(REDACTED.as_bytes()))
        {
            out.push_str(before);
            out.push_str(REDACTED);
            copied = at + length;
        }
        at += length;
    }
    match text.get(copied..) {
        Some(rest) if copied > 0 => {
            out.push_str(rest);
            Cow::Owned(out)
        }
        _ => Cow::Borrowed(text),
    }
}

/// Whether the name of a secret parameter or setting ends at `end`, with what separates parameters before it. Looks no further
/// back than `from`, and than such a name is long.
fn is_secret_name_before(bytes: &[u8], end: usize, from: usize) -> bool {
    let earliest = from.max(end.saturating_sub(MAX_PARAMETER_BYTES));
    let before = bytes.get(earliest..end).unwrap_or_default();
    let length = before.iter().rev().take_while(|byte| is_name_byte(**byte)).count();
    let is_parameter = |name: &[u8]| SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()));
    let is_named = |name: &[u8]| str::from_utf8(name).is_ok_and(is_secret);
    let name = before.get(before.len() - length..).unwrap_or_default();
    let separator = bytes.get(..end - length).unwrap_or_default().last();
    let is_of_url = matches!(separator, None | Some(b'?' | b'&' | b';'));
    if is_of_url && is_parameter(name) {
        return true;
    }
    // Settings stand in lists and commands too: `["DB_PASSWORD=x"]`, `--password=x`.
    let separates =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b'(' | b'[' | b'{' | b'/');
    if (is_of_url || separator.is_some_and(separates)) && is_named(name) {
        return true;
    }
    // Percent-encoded: the separator ends with two digits, which may look like the name's first characters.
    ["%26", "%3F", "%3f"].iter().any(|sign| {
        let Some(encoded) = name.get(..2).filter(|digits| digits.eq_ignore_ascii_case(&sign.as_bytes()[1..])) else {
            return false;
        };
        let name = name.get(encoded.len()..).unwrap_or_default();
        separator == Some(&b'%') && (is_parameter(name) || is_named(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_urls_are_replaced() {
        for (text, expected) in [
            ("/a?X-Amz-Signature=abc&x=1", "/a?X-Amz-Signature=[redacted]&x=1"),
            ("/a?x=1&sig=a%2Bb%3D&se=2026", "/a?x=1&sig=[redacted]&se=2026"),
            ("GET /a?Signature=x%26y HTTP/1.1", "GET /a?Signature=[redacted] HTTP/1.1"),
            ("https%3A%2F%2Fh%2Fa%3Fsig%3Dabc%26se%3D1", "https%3A%2F%2Fh%2Fa%3Fsig%3D[redacted]%26se%3D1"),
            ("?a=1%26SIG%3Dx", "?a=1%26SIG%3D[redacted]"),
            ("?sig=a&sig=b", "?sig=[redacted]&sig=[redacted]"),
            ("sig=at-the-start", "sig=[redacted]"),
            ("AccountName=a;AccountKey=YWJj==;EndpointSuffix=x", "AccountName=a;AccountKey=[redacted]"),
            ("?sig=", "?sig="),
            ("?design=x&mysig=y", "?design=x&mysig=y"),
            ("a sig=text", "a sig=text"),
            ("é?sig=é\u{2028}é&é", "é?sig=[redacted]&é"),
            ("?sig=[redacted]", "?sig=[redacted]"),
            ("%", "%"),
        ] {
            assert_eq!(without_secrets(text), expected, "{text}");
            assert_eq!(without_secrets(expected), expected, "again");
        }
    }

    #[test]
    fn secrets_of_json_in_texts_are_replaced() {
        for (text, expected) in [
            (r#"{"a":1,"Password":"x","b":2}"#, r#"{"a":1,"Password":"[redacted]","b":2}"#),
            (r#"{"token" : "a"}, {"b":"c"}"#, r#"{"token" : "[redacted]"}, {"b":"c"}"#),
            (r#"{"token":"a\\","b":"c"}"#, r#"{"token":"[redacted]","b":"c"}"#),
            (r#"{"token":"a\"b","b":"c"}"#, r#"{"token":"[redacted]","b":"c"}"#),
            (r#"{"x":"{\"token\":\"a\\\"b\\\\\",\"y\":\"z\"}"}"#, r#"{"x":"{\"token\":\"[redacted]\",\"y\":\"z\"}"}"#),
            (r#"{\"token\":\"a"#, r#"{\"token\":\"[redacted]"#),
            (r#"{"token":-1.5e3,"b":2}"#, r#"{"token":[redacted],"b":2}"#),
            (r#""privateKeyData":"é","token":"ü"#, r#""privateKeyData":"[redacted]","token":"[redacted]"#),
            (
                r#"{"token":"","password":true,"token":null,"token":{}}"#,
                r#"{"token":"","password":true,"token":null,"token":{}}"#,
            ),
            (r#"{"pageToken":"a","tokens":"b"}"#, r#"{"pageToken":"a","tokens":"b"}"#),
            (r#""token":"?sig=1""#, r#""token":"[redacted]""#),
            (r#"{"token":"#, r#"{"token":"#),
            ("token: a, 12:30", "token: a, 12:30"),
            ("::", "::"),
        ] {
            assert_eq!(without_secrets(text), expected, "{text}");
            assert_eq!(without_secrets(expected), expected, "again");
        }
    }
}
