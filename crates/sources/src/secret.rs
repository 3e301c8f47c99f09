//! What is a secret in a record, and never reaches a column: the values of members by their names, and of parameters of URLs.

use std::borrow::Cow;

use crate::json::REDACTED;

/// Names of members whose values never reach a column, in lower case. CloudTrail blanks most of them itself; session tokens
/// of `AssumeRole`, `GetSessionToken` and the like it writes out.
const SECRETS: [&str; 16] = [
    "accountpassword",
    "adminpassword",
    "authorizationtoken",
    "clientsecret",
    "masteruserpassword",
    "newpassword",
    "oldpassword",
    "password",
    "privatekey",
    "privatekeyplaintext",
    "secretaccesskey",
    "secretbinary",
    "secretstring",
    "sessiontoken",
    "x-amz-security-token",
    "x-amz-signature",
];

/// The lengths of these names, one bit each: every member's name is asked for, and most fail here.
const LENGTHS: u64 = {
    let mut lengths = 0;
    let mut index = 0;
    while index < SECRETS.len() {
        lengths |= 1 << SECRETS[index].len();
        index += 1;
    }
    lengths
};

/// Whether the member of this name holds a secret, whatever its ASCII case.
pub(crate) fn is_secret(name: &str) -> bool {
    let may_be = name.len() < 64 && LENGTHS >> name.len() & 1 == 1;
    may_be && SECRETS.iter().any(|secret| secret.len() == name.len() && secret.eq_ignore_ascii_case(name))
}

/// Names of the parameters of a URL whose values are secret, in lower case: the signatures and tokens of presigned URLs
/// (AWS, version 4 and 2; Google; Azure's SAS) and of OAuth, and the keys in Azure's connection strings.
const SECRET_PARAMETERS: [&str; 14] = [
    "access_token",
    "accountkey",
    "awsaccesskeyid",
    "client_secret",
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

/// A text whose URLs hold no secret any more: in `?name=value` and `&name=value`, also percent-encoded once
/// (`%26name%3Dvalue`), the value of a secret parameter is replaced by `[redacted]`. It reaches to the next `&`, `%26`, white
/// space, quote, `#`, `<`, `>` or the end. Linear in the text.
pub(crate) fn without_secrets(text: &str) -> Cow<'_, str> {
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
