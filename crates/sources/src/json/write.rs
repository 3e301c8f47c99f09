//! The normalised text of a tree.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::parse::Parser;
use super::parse::plain_length;
use super::value::{Json, Members, REDACTED};
use crate::secret::{SecretPair, is_secret_member, without_secrets};

/// How many texts of JSON in texts of JSON are taken apart to find pairs of a secret's name and the secret.
const MAX_TEXTS: usize = 4;

/// Appends the normalised text of a value. The value of every member whose name `is_secret` is replaced by `"[redacted]"`,
/// unless it says nothing (see [`is_secret_member`]); so are the values of pairs whose name is that of a secret, and secrets in
/// texts. JSON in a text is normalised where a secret is replaced in it, and else left as it is.
pub(crate) fn write_without_secrets(value: &Json<'_>, is_secret: &impl Fn(&str) -> bool, out: &mut String) {
    write(value, is_secret, 0, out);
}

/// Appends the value of a member as [`write_without_secrets`] does.
pub(crate) fn write_member_without_secrets(
    name: &str,
    value: &Json<'_>,
    is_secret: &impl Fn(&str) -> bool,
    out: &mut String,
) {
    if is_secret_member(name, value, is_secret) {
        write_text(REDACTED, out);
    } else {
        write(value, is_secret, 0, out);
    }
}

fn write(value: &Json<'_>, is_secret: &impl Fn(&str) -> bool, texts: usize, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => out.push_str(number),
        Json::Text(text) => {
            let redacted = without_secrets(text);
            match without_pairs_in_text(text, &redacted, is_secret, texts) {
                Some(rewritten) => write_text(&rewritten, out),
                None => match redacted {
                    Cow::Borrowed(_) => write_parsed_text(text, out),
                    Cow::Owned(redacted) => write_text(&redacted, out),
                },
            }
        }
        Json::Array(elements) => {
            let mut separator = '[';
            for element in elements {
                out.push(separator);
                separator = ',';
                write(element, is_secret, texts, out);
            }
            out.push_str(if elements.is_empty() { "[]" } else { "]" });
        }
        Json::Object(object) => {
            let Members(members) = object;
            let pair = SecretPair::of(object);
            let mut separator = '{';
            for (name, value) in members {
                out.push(separator);
                separator = ',';
                write_parsed_text(name, out);
                out.push(':');
                let is_hidden = is_secret_member(name, value, is_secret)
                    || (pair.has_secret_in(name) && is_secret_member(name, value, &|_| true));
                if is_hidden {
                    write_text(REDACTED, out);
                } else {
                    write(value, is_secret, texts, out);
                }
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
}

/// The normalised JSON of a text that is JSON and holds a secret which the text alone does not show: in a pair, or as an array
/// or object under a secret's name. `redacted`: the text without the secrets that it shows, which mostly is JSON still.
fn without_pairs_in_text(text: &str, redacted: &str, is_secret: &impl Fn(&str) -> bool, texts: usize) -> Option<String> {
    if texts >= MAX_TEXTS || !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let inner = whole_json(redacted).or_else(|| whole_json(text))?;
    let (mut cleaned, mut as_it_is) = (String::with_capacity(text.len()), String::with_capacity(text.len()));
    write(&inner, is_secret, texts + 1, &mut cleaned);
    write_whole(&inner, &mut as_it_is);
    (cleaned != as_it_is).then_some(cleaned)
}

/// The value that a text is, if it is one and nothing else.
fn whole_json(text: &str) -> Option<Json<'_>> {
    let text = text.trim();
    let mut parser = Parser::new(text.as_bytes());
    parser.value(0).ok().filter(|_| parser.position() == text.len())
}

/// Appends the normalised text of a value, with everything in it.
pub(crate) fn write_whole(value: &Json<'_>, out: &mut String) {
    match value {
        Json::Text(text) => write_parsed_text(text, out),
        Json::Array(elements) => {
            let mut separator = '[';
            for element in elements {
                out.push(separator);
                separator = ',';
                write_whole(element, out);
            }
            out.push_str(if elements.is_empty() { "[]" } else { "]" });
        }
        Json::Object(Members(members)) => {
            let mut separator = '{';
            for (name, value) in members {
                out.push(separator);
                separator = ',';
                write_parsed_text(name, out);
                out.push(':');
                write_whole(value, out);
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number),
    }
}

/// Appends a text as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, from_special) = rest.split_at(plain_length(rest.as_bytes()));
        out.push_str(plain);
        let mut characters = from_special.chars();
        match characters.next() {
            None => break,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            // Writing to a string cannot fail.
            Some(control) => write!(out, "\\u{:04x}", u32::from(control)).unwrap_or_default(),
        }
        rest = characters.as_str();
    }
    out.push('"');
}

/// Appends a text that the parser gave as a JSON string.
#[expect(clippy::ptr_arg, reason = "whether it is borrowed says whether it holds escapes")]
pub(crate) fn write_parsed_text(text: &Cow<'_, str>, out: &mut String) {
    match text {
        // The parser borrows only what it found free of escapes.
        Cow::Borrowed(plain) => {
            out.push('"');
            out.push_str(plain);
            out.push('"');
        }
        Cow::Owned(text) => write_text(text, out),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parser;
    use super::*;
    use proptest::prelude::*;

    fn normalised(text: &str) -> String {
        let mut out = String::new();
        write_without_secrets(&Parser::new(text.as_bytes()).value(0).unwrap(), &|_| false, &mut out);
        out
    }

    #[test]
    fn order_spacing_and_escapes_do_not_matter() {
        let one = r#"{"b":[1, 2.0 ,"é\/\u0041\u001f"],"a":{"y":null,"x":true}}"#;
        let other = "{\n  \"a\" : {\"x\":true,\"y\":null}, \"b\" : [1,2.0,\"\\u00e9/A\\u001F\"] }";
        assert_eq!(normalised(one), r#"{"a":{"x":true,"y":null},"b":[1,2.0,"é/A\u001f"]}"#);
        assert_eq!(normalised(one), normalised(other));
    }

    #[test]
    fn names_are_sorted_by_utf16_code_units() {
        // RFC 8785, section 3.2.3, whose example gives this order.
        let text = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(normalised(text), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let value =
            Parser::new(br#"{"a":[{"k":"s3cret"},{"k":{"x":1}},{"k":false},{"k":null},{"k":""}]}"#).value(0).unwrap();
        let mut out = String::new();
        write_without_secrets(&value, &|name| name == "k", &mut out);
        assert_eq!(out, r#"{"a":[{"k":"[redacted]"},{"k":"[redacted]"},{"k":false},{"k":null},{"k":""}]}"#);
    }

    fn cleaned(text: &str) -> String {
        let mut out = String::new();
        write_without_secrets(&Parser::new(text.as_bytes()).value(0).unwrap(), &crate::secret::is_secret, &mut out);
        out
    }

    #[test]
    fn a_secret_is_found_by_the_name_beside_it() {
        for (text, expected) in [
            (r#"{"name":"DB_PASSWORD","value":"p"}"#, r#"{"name":"DB_PASSWORD","value":"[redacted]"}"#),
            (r#"[{"Key":"api-key","Value":["p"]}]"#, r#"[{"Key":"api-key","Value":"[redacted]"}]"#),
            (
                r#"{"parameterKey":"DbPassword","parameterValue":"p"}"#,
                r#"{"parameterKey":"DbPassword","parameterValue":"[redacted]"}"#,
            ),
            (
                r#"{"field":"token","before":"a","after":"b"}"#,
                r#"{"after":"[redacted]","before":"[redacted]","field":"token"}"#,
            ),
            // The value is the name of a secret that lies elsewhere.
            (
                r#"{"name":"DB_PASSWORD","value":"/prod/db","type":"PARAMETER_STORE"}"#,
                r#"{"name":"DB_PASSWORD","type":"PARAMETER_STORE","value":"/prod/db"}"#,
            ),
            (r#"{"name":"DB_HOST","value":"h"}"#, r#"{"name":"DB_HOST","value":"h"}"#),
            (r#"{"key":"hasPassword","value":"true"}"#, r#"{"key":"hasPassword","value":"true"}"#),
            // In JSON that stands in a text; a text without secrets stays as it is.
            (
                r#"{"a":"[ {\"name\":\"TOKEN\",\"value\":\"p\"} ]"}"#,
                r#"{"a":"[{\"name\":\"TOKEN\",\"value\":\"[redacted]\"}]"}"#,
            ),
            (r#"{"a":"{ \"token\" : [\"p\"] }"}"#, r#"{"a":"{\"token\":\"[redacted]\"}"}"#),
            (r#"{"a":"{ \"b\" : 1 }"}"#, r#"{"a":"{ \"b\" : 1 }"}"#),
        ] {
            assert_eq!(cleaned(text), expected, "{text}");
            assert_eq!(cleaned(expected), expected, "again: {expected}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            let mut out = String::new();
            write_text(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text.clone());
            let rendered = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(normalised(&rendered), out);
        }
    }
}
