//! Secrets in Airbyte's entries, and how they are kept out of every column.
//!
//! Since 1.7 entries hold requests and responses as they were, on some endpoints with the configuration of a connector or the
//! token of a webhook; their strings may be JSON again, and error messages may quote it. The names of connectors' secrets
//! are open (every connector has its own), so a name that holds one of some words counts as a secret's: better one
//! value too many is replaced than one too few.

use std::borrow::Cow;

use crate::json::{self, Json, Parser, REDACTED};
use crate::secret::without_secrets;

/// What names of secrets hold, in lower case and without what separates words. Made from the names that Airbyte's own mask list
/// (`specs_secrets_mask.yaml`) has, less those of what is no secret (`email`, `domain`, `user_id`, `value`…).
const SECRET_WORDS: [&str; 27] = [
    "accesskey",
    "accountkey",
    "apikey",
    "applicationcredentials",
    "applicationkey",
    "authhash",
    "authheader",
    "authkey",
    "authorization",
    "clientkey",
    "coherekey",
    "consumerkey",
    "credentialsjson",
    "hmackey",
    "jaasconfig",
    "keysecret",
    "linkrunnerkey",
    "openaikey",
    "passphrase",
    "password",
    "pineconekey",
    "privatekey",
    "secret",
    "serviceaccount",
    "sharedaccesssignature",
    "sharedkey",
    "token",
];
/// `ssh_key`, `auth_ssh_key`: too short to be looked for in the middle of a name.
const SECRET_ENDS: [&str; 1] = ["sshkey"];

/// How short the name of a secret may be: `token`.
const MIN_NAME_BYTES: usize = 5;
/// Longest name of a member that is looked at inside a text.
const MAX_NAME_BYTES: usize = 64;
/// How many strings of JSON in strings of JSON are taken apart.
const MAX_DECODED: usize = 4;

/// Which letters the words have side by side at a place: one bit for each second letter, by the first.
type Pairs = [u32; 26];

/// The pairs of the words' letters at an index.
const fn pairs_at(at: usize) -> Pairs {
    let mut pairs = [0; 26];
    let mut index = 0;
    while index < SECRET_WORDS.len() + SECRET_ENDS.len() {
        let word = if index < SECRET_WORDS.len() { SECRET_WORDS[index] } else { SECRET_ENDS[index - SECRET_WORDS.len()] }
            .as_bytes();
        pairs[(word[at] - b'a') as usize] |= 1 << (word[at + 1] - b'a');
        index += 1;
    }
    pairs
}

static FIRST_PAIRS: Pairs = pairs_at(0);
static SECOND_PAIRS: Pairs = pairs_at(1);

fn holds(pairs: &Pairs, first: u8, second: u8) -> bool {
    let letter = |byte: u8| byte.checked_sub(b'a').filter(|letter| *letter < 26);
    match (letter(first), letter(second)) {
        (Some(first), Some(second)) => pairs[usize::from(first)] >> second & 1 == 1,
        _ => false,
    }
}

/// What is left of a name without what separates its words, in lower case.
fn plain_bytes(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b' ')).map(|byte| byte.to_ascii_lowercase())
}

/// Whether the member of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    // Every member's name is searched, and in most no word begins.
    let (mut begins, mut last, mut may_hold) = (false, 0, false);
    for byte in plain_bytes(name) {
        may_hold |= begins && holds(&SECOND_PAIRS, last, byte);
        begins = holds(&FIRST_PAIRS, last, byte);
        last = byte;
    }
    may_hold && {
        let plain: Vec<u8> = plain_bytes(name).collect();
        let words_begin = |rest: &[u8]| SECRET_WORDS.iter().any(|word| rest.starts_with(word.as_bytes()));
        (0..plain.len()).filter_map(|at| plain.get(at..)).any(words_begin)
            || SECRET_ENDS.iter().any(|end| plain.ends_with(end.as_bytes()))
    }
}

/// Whether a value is the mask that Airbyte writes over a secret: nothing is known about it then, not even whether two are equal.
pub(super) fn is_mask(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| byte == b'*')
}

/// Appends the normalised text of a record without its secrets. The member `replaced.0` gets the text `replaced.1`. Returns whether
/// anything but that member is not what it was: if not, the text says what the record says.
pub(super) fn write_record(record: &Json<'_>, replaced: Option<(&str, &str)>, out: &mut String) -> bool {
    let Some(members) = record.members() else { return write(record, 0, out) };
    let mut is_changed = false;
    let mut separator = '{';
    for (name, value) in members.as_parsed() {
        out.push(separator);
        separator = ',';
        json::write_parsed_text(name, out);
        out.push(':');
        match replaced.filter(|(of, _)| of == name) {
            Some((_, text)) => json::write_text(text, out),
            None => is_changed |= write_member(name, value, 0, out),
        }
    }
    out.push_str(if members.is_empty() { "{}" } else { "}" });
    is_changed
}

fn write_member(name: &str, value: &Json<'_>, decoded: usize, out: &mut String) -> bool {
    if is_secret(name) && !matches!(value, Json::Bool(_)) && !value.is_vacant() {
        json::write_text(REDACTED, out);
        return true;
    }
    write(value, decoded, out)
}

/// Appends a value without its secrets. A string that holds JSON is normalised inside too, and stays a string. Returns whether the
/// text says anything else than the value.
fn write(value: &Json<'_>, decoded: usize, out: &mut String) -> bool {
    let mut is_changed = false;
    match value {
        Json::Text(text) => {
            if decoded < MAX_DECODED
                && let Some(inner) = decode(text)
            {
                let mut rewritten = String::with_capacity(text.len());
                write(&inner, decoded + 1, &mut rewritten);
                json::write_text(&rewritten, out);
                return rewritten != *text;
            }
            match without_secrets_in_text(text) {
                Cow::Borrowed(_) => json::write_parsed_text(text, out),
                Cow::Owned(cleaned) => {
                    json::write_text(&cleaned, out);
                    is_changed = true;
                }
            }
        }
        Json::Array(elements) => {
            let mut separator = '[';
            for element in elements {
                out.push(separator);
                separator = ',';
                is_changed |= write(element, decoded, out);
            }
            out.push_str(if elements.is_empty() { "[]" } else { "]" });
        }
        Json::Object(members) => {
            let mut separator = '{';
            for (name, value) in members.as_parsed() {
                out.push(separator);
                separator = ',';
                json::write_parsed_text(name, out);
                out.push(':');
                is_changed |= write_member(name, value, decoded, out);
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => json::write_without_secrets(value, &is_secret, out),
    }
    is_changed
}

/// The object or array that a text is, if it is one and nothing else.
pub(super) fn decode(text: &str) -> Option<Json<'_>> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut parser = Parser::new(text.as_bytes());
    parser.value(0).ok().filter(|_| parser.position() == text.len())
}

/// A text without secrets: neither in URLs, nor in JSON that stands in it, be it in the middle, cut off or quoted once more
/// (`{\"password\":\"…\"}`). Linear in the text.
pub(super) fn without_secrets_in_text(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let quote = at + found;
        at = quote + 1;
        let Some((start, end, is_quoted)) = secret_value(text.as_bytes(), quote) else { continue };
        at = end;
        // The bounds lie beside ASCII, so they are boundaries of characters.
        if let Some(before) = text.get(copied..start) {
            out.push_str(before);
            let escapes = "\\".repeat(backslashes_before(text.as_bytes(), quote));
            let redacted = if is_quoted { REDACTED.to_owned() } else { format!("{escapes}\"{REDACTED}{escapes}\"") };
            out.push_str(&redacted);
            copied = end;
        }
    }
    if copied == 0 {
        return without_secrets(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    match without_secrets(&out) {
        Cow::Borrowed(_) => Cow::Owned(out),
        Cow::Owned(out) => Cow::Owned(out),
    }
}

fn backslashes_before(bytes: &[u8], at: usize) -> usize {
    bytes.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count()
}

/// If a secret's name begins behind the quote at `quote`: where its value begins and ends, and whether it stands in quotes (which
/// are not part of it).
fn secret_value(bytes: &[u8], quote: usize) -> Option<(usize, usize, bool)> {
    // So many backslashes stand before each quote of this depth.
    let level = backslashes_before(bytes, quote);
    let from_name = bytes.get(quote + 1..)?;
    let is_name_byte = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ');
    let name_length = from_name.iter().take(MAX_NAME_BYTES).take_while(is_name_byte).count();
    if name_length < MIN_NAME_BYTES || !is_secret(str::from_utf8(from_name.get(..name_length)?).ok()?) {
        return None;
    }
    let mut at = behind_quote(bytes, quote + 1 + name_length, level)?;
    at = behind_space(bytes, at);
    if bytes.get(at) != Some(&b':') {
        return None;
    }
    at = behind_space(bytes, at + 1);
    if let Some(start) = behind_quote(bytes, at, level) {
        let end = closing_quote(bytes, start, level).unwrap_or(bytes.len());
        return Some((start, end, true)).filter(|_| end > start);
    }
    let end = match bytes.get(at)? {
        b'{' | b'[' => closing_bracket(bytes, at, level),
        _ => {
            let rest = bytes.get(at..)?;
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'"' | b'\\') || byte.is_ascii_whitespace();
            at + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    };
    let says_nothing = matches!(bytes.get(at..end)?, b"" | b"true" | b"false" | b"null" | b"{}" | b"[]");
    Some((at, end, false)).filter(|_| !says_nothing)
}

fn behind_space(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where a quote behind `level` backslashes ends, if one begins at `at`.
fn behind_quote(bytes: &[u8], at: usize, level: usize) -> Option<usize> {
    let (escapes, rest) = bytes.get(at..)?.split_at_checked(level)?;
    (escapes.iter().all(|byte| *byte == b'\\') && rest.first() == Some(&b'"')).then_some(at + level + 1)
}

/// Whether a quote behind so many backslashes ends a string whose quotes stand behind `level` of them. Each pair of
/// `level + 1` is a backslash of the string itself.
fn is_closing(backslashes: usize, level: usize) -> bool {
    backslashes % (2 * (level + 1)) == level
}

/// Where the value of a string that begins at `start` ends.
fn closing_quote(bytes: &[u8], start: usize, level: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let quote = at + memchr::memchr(b'"', bytes.get(at..)?)?;
        let backslashes = backslashes_before(bytes.get(start..)?, quote - start);
        if is_closing(backslashes, level) {
            return Some(quote - level);
        }
        at = quote + 1;
    }
}

/// Where what the bracket at `start` opens has ended; the end of the text if it is not closed.
fn closing_bracket(bytes: &[u8], start: usize, level: usize) -> usize {
    let (mut depth, mut in_text, mut backslashes) = (0_usize, false, 0_usize);
    for (index, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'"' if is_closing(backslashes, level) => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
        if depth == 0 {
            return index + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "tunnel_user_password",
            "apiKey",
            "api_key_2",
            "X-Postmark-Account-Token",
            "clientSecret",
            "authToken",
            "auth_ssh_key",
            "service_account_json",
            "google_application_credentials",
            "SASL_JAAS_CONFIG",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in
            ["clientId", "email", "name", "workspaceId", "domain", "credentials", "host", "key", "permissionType", ""]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_of_json_inside_a_text_are_replaced_at_every_depth_of_quotes() {
        for (text, expected) in [
            (r#"bad: {"password":"hunter2","port":1}"#, r#"bad: {"password":"[redacted]","port":1}"#),
            (r#"{"password" : "a\"b\\","x":"y"}"#, r#"{"password" : "[redacted]","x":"y"}"#),
            (r#""{\"api_key\":\"a\\\"b\",\"x\":1}""#, r#""{\"api_key\":\"[redacted]\",\"x\":1}""#),
            (r#"{"token":12345,"x":1}"#, r#"{"token":"[redacted]","x":1}"#),
            (r#"{"secret":{"a":["}"]},"x":1}"#, r#"{"secret":"[redacted]","x":1}"#),
            (r#"{\"secret\":{\"a\":\"}\"},\"x\":1}"#, r#"{\"secret\":\"[redacted]\",\"x\":1}"#),
            (r#"{"password":"cut off"#, r#"{"password":"[redacted]"#),
            (r#"{"secret":["cut off"#, r#"{"secret":"[redacted]""#),
            (r#"{"password":"","token":null,"secret":true}"#, r#"{"password":"","token":null,"secret":true}"#),
            (r#"he said "password" and "token": none"#, r#"he said "password" and "token": "[redacted]""#),
            ("jdbc:db://h/d?user=u&password=p", "jdbc:db://h/d?user=u&password=[redacted]"),
            (r#"é"password":"é"é"#, r#"é"password":"[redacted]"é"#),
            ("no secret", "no secret"),
        ] {
            assert_eq!(without_secrets_in_text(text), expected);
            assert_eq!(without_secrets_in_text(expected), expected, "again");
        }
    }

    #[test]
    fn strings_of_json_stay_strings_and_are_normalised() {
        let record = Parser::new(
            br#"{"request":"{ \"b\": 1.0, \"a\": {\"password\": \"x\", \"t\": \"{\\\"apikey\\\":\\\"y\\\"}\"} }","token":"z","n":[null,true]}"#,
        )
        .value(0)
        .unwrap();
        let mut out = String::new();
        assert!(write_record(&record, None, &mut out));
        let expected = concat!(
            r#"{"n":[null,true],"request":"{\"a\":{\"password\":\"[redacted]\",\"t\":\"{\\\"apikey\\\":\\\"[redacted]\\\"}\"},"#,
            r#"\"b\":1.0}","token":"[redacted]"}"#
        );
        assert_eq!(out, expected);
        let again = Parser::new(expected.as_bytes()).value(0).unwrap();
        let mut written = String::new();
        // A secret's place is a change, though it is the same place.
        write_record(&again, None, &mut written);
        assert_eq!(written, expected);
    }

    proptest! {
        #[test]
        fn a_record_that_is_not_changed_is_read_back_as_it_was(
            names in prop::collection::vec("[a-zA-Z_]{0,9}|token|api_Key|é", 4),
            texts in prop::collection::vec(r#"[ -~é\n]{0,12}|\{"a": ?1\}|\["b"\]|\{"token":"x"\}|x\?sig=1|"password":"p""#, 4),
        ) {
            let member = |at: usize| (names[at].clone(), serde_json::Value::from(texts[at].clone()));
            let inner: serde_json::Map<_, _> = [member(0), member(1)].into_iter().collect();
            let record = serde_json::json!({(names[2].clone()): [inner, texts[2]], "last": texts[3], "n": 1.50, "z": null}).to_string();
            let record = Parser::new(record.as_bytes()).value(0).unwrap();
            let mut out = String::new();
            let is_changed = write_record(&record, None, &mut out);
            let read_back = Parser::new(out.as_bytes()).value(0).unwrap();
            prop_assert_eq!(is_changed, read_back != record, "{}", out);
        }

        #[test]
        fn words_are_found_wherever_they_stand(name in "[a-zA-Z_. -]{0,70}(token|Api[_-]Key|pass_word|sshkey|to ken|é)?[a-zA-Z_é]{0,4}") {
            let plain = name.replace(['_', '-', '.', ' '], "").to_ascii_lowercase();
            let expected = SECRET_WORDS.iter().any(|word| plain.contains(word)) || plain.ends_with("sshkey");
            prop_assert_eq!(is_secret(&name), expected, "{}", name);
        }
    }
}
