//! What is a secret in a record, and never reaches a column: the values of members by their names (of JSON in a text too), and
//! of parameters of URLs.

use std::borrow::Cow;

use crate::json::REDACTED;
use crate::names::Names;

/// Names of members whose values never reach a column, in lower case. CloudTrail blanks most of them itself; session tokens
/// of `AssumeRole`, `GetSessionToken` and the like it writes out. Google Cloud's are spelled with and without `_`.
const SECRETS: [&str; 38] = [
    "access_token",
    "accesstoken",
    "accountpassword",
    "adminpassword",
    "authorizationtoken",
    "client_secret",
    "clientsecret",
    "id_token",
    "idtoken",
    "key_string",
    "keystring",
    "masteruserpassword",
    "newpassword",
    "oldpassword",
    "password",
    "private_key",
    "private_key_data",
    "privatekey",
    "privatekeydata",
    "privatekeyplaintext",
    "raw_key",
    "rawkey",
    "refresh_token",
    "refreshtoken",
    "root_password",
    "rootpassword",
    "secret_access_key",
    "secretaccesskey",
    "secretbinary",
    "secretstring",
    "sessiontoken",
    "shared_secret",
    "sharedsecret",
    "signed_jwt",
    "signedjwt",
    "token",
    "x-amz-security-token",
    "x-amz-signature",
];

static SECRET_NAMES: Names = Names::new(&SECRETS);

/// Whether the member of this name holds a secret, whatever its ASCII case.
pub(crate) fn is_secret(name: &str) -> bool {
    SECRET_NAMES.contains(name)
}

/// Names of the parameters of a URL whose values are secret, in lower case: the signatures and tokens of presigned URLs
/// (AWS, version 4 and 2; Google; Azure's SAS) and of OAuth, and the keys in Azure's connection strings.
const SECRET_PARAMETERS: [&str; 15] = [
    "access_token",
    "accountkey",
    "awsaccesskeyid",
    "client_secret",
    "code",
    "id_token",
    "password",
    "refresh_token",
    "sharedaccesskey",
    "sig",
    "signature",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-signature",
    "x-goog-security-token",
];

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A text that holds no secret any more, neither in JSON nor in URLs.
pub(crate) fn without_secrets(text: &str) -> Cow<'_, str> {
    // A member's name ends with a quote, a parameter's with `=` or `%3D`: most texts have neither.
    if memchr::memchr3(b'"', b'=', b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    match without_secret_members(text) {
        Cow::Borrowed(text) => without_secret_parameters(text),
        Cow::Owned(text) => Cow::Owned(without_secret_parameters(&text).into_owned()),
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
        if !is_secret_member_before(bytes, colon, copied) {
            continue;
        }
        let Some((start, end)) = scalar_behind(bytes, at) else { continue };
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

/// Whether the quoted name of a secret member ends before `colon`. Looks no further back than `from`, and than such a name
/// with its escapes is long.
fn is_secret_member_before(bytes: &[u8], colon: usize, from: usize) -> bool {
    let earliest = from.max(colon.saturating_sub(128));
    let before = bytes.get(earliest..colon).unwrap_or_default().trim_ascii_end();
    let Some(quoted) = before.strip_suffix(b"\"") else { return false };
    let escapes = quoted.iter().rev().take_while(|byte| **byte == b'\\').count();
    let name = quoted.get(..quoted.len() - escapes).unwrap_or_default();
    let length = name.iter().rev().take_while(|byte| is_name_byte(**byte)).count();
    let (opening, name) = name.split_at(name.len() - length);
    opening.ends_with(b"\"") && str::from_utf8(name).is_ok_and(is_secret)
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

/// Whether the name of a secret parameter ends at `end`, with what separates parameters before it. Looks no further back than
/// `from`, and than such a name is long.
fn is_secret_name_before(bytes: &[u8], end: usize, from: usize) -> bool {
    let longest = SECRET_PARAMETERS.iter().map(|name| name.len()).max().unwrap_or_default();
    let earliest = from.max(end.saturating_sub(longest + 1));
    let before = bytes.get(earliest..end).unwrap_or_default();
    let length = before.iter().rev().take_while(|byte| is_name_byte(**byte)).count();
    let names = |name: &[u8]| SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()));
    let name = before.get(before.len() - length..).unwrap_or_default();
    let separator = bytes.get(..end - length).unwrap_or_default();
    if names(name) {
        return separator.is_empty() || separator.ends_with(b"?") || separator.ends_with(b"&") || separator.ends_with(b";");
    }
    // Percent-encoded: the separator ends with two digits, which may look like the name's first characters.
    ["%26", "%3F", "%3f"].iter().any(|sign| {
        let Some(encoded) = name.get(..2).filter(|digits| digits.eq_ignore_ascii_case(&sign.as_bytes()[1..])) else {
            return false;
        };
        separator.ends_with(b"%") && names(name.get(encoded.len()..).unwrap_or_default())
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

    #[test]
    fn names_count_in_any_case_and_only_whole() {
        for name in
            ["sessionToken", "SecretAccessKey", "password", "X-Amz-Signature", "masterUserPassword", "privateKeyPlaintext"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["passwordResetRequired", "accessKeyId", "nextToken", "secretId", "tokens", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
