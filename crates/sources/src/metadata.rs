//! The column `metadata` of an imported event, put together.

use std::borrow::Cow;

use crate::json::{self, Json};
use crate::secret::{is_secret, without_secrets};

/// A value of the metadata.
#[derive(Debug, Clone)]
pub(crate) enum Value<'r> {
    Json(&'r Json<'r>),
    Text(Cow<'r, str>),
    Texts(Vec<&'r str>),
    /// An object of texts. Of two with one name the first counts.
    NamedTexts(Vec<(Cow<'r, str>, Cow<'r, str>)>),
    Bool(bool),
    Number(i64),
    /// An object of some members of a record.
    Members(Vec<(&'r str, &'r Json<'r>)>),
}

/// What goes into the column `metadata`: a JSON object, written with sorted names, without white space and without secrets.
#[derive(Debug)]
pub(crate) struct Metadata<'r> {
    entries: Vec<(&'r str, Value<'r>)>,
}

impl Default for Metadata<'_> {
    fn default() -> Self {
        // Nearly all events have fewer.
        Self { entries: Vec::with_capacity(32) }
    }
}

impl<'r> Metadata<'r> {
    /// Adds a value. A name that is there already is not written twice: the first one counts.
    pub(crate) fn put(&mut self, name: &'r str, value: Value<'r>) {
        self.entries.push((name, value));
    }

    /// Adds values.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = (&'r str, Value<'r>)>) {
        self.entries.extend(entries);
    }

    /// Adds a text, if there is one.
    pub(crate) fn text(&mut self, name: &'r str, text: Option<impl Into<Cow<'r, str>>>) {
        self.entries.extend(text.map(|text| (name, Value::Text(text.into()))));
    }

    /// Adds a JSON value, if there is one and it is not vacant.
    pub(crate) fn json(&mut self, name: &'r str, value: Option<&'r Json<'r>>) {
        self.entries.extend(value.filter(|value| !value.is_vacant()).map(|value| (name, Value::Json(value))));
    }

    /// Adds those members as one object, if there are any.
    pub(crate) fn members(&mut self, name: &'r str, members: Vec<(&'r str, &'r Json<'r>)>) {
        if !members.is_empty() {
            self.entries.push((name, Value::Members(members)));
        }
    }

    /// Adds `true`, if it is.
    pub(crate) fn flag(&mut self, name: &'r str, is_set: bool) {
        if is_set {
            self.entries.push((name, Value::Bool(true)));
        }
    }

    /// Whether a value of a record is written as it stands, under whatever name.
    pub(crate) fn holds(&self, value: &Json<'_>) -> bool {
        self.holds_where(|kept| match kept {
            Value::Json(kept) => std::ptr::eq(*kept, value),
            Value::Text(Cow::Borrowed(kept)) => value.text().is_some_and(|text| std::ptr::eq(*kept, text)),
            Value::Members(members) => members.iter().any(|(_, kept)| std::ptr::eq(*kept, value)),
            _ => false,
        })
    }

    /// Whether a text or number is written that is the same.
    pub(crate) fn holds_text(&self, text: &str) -> bool {
        self.holds_where(|kept| match kept {
            Value::Json(kept) => kept.text() == Some(text),
            Value::Text(kept) => kept == text,
            _ => false,
        })
    }

    /// Of two values of one name the second is not written.
    fn holds_where(&self, is_it: impl Fn(&Value<'r>) -> bool) -> bool {
        let is_first = |index: usize, name: &str| {
            self.entries.get(..index).is_some_and(|before| before.iter().all(|(earlier, _)| *earlier != name))
        };
        let mut entries = self.entries.iter().enumerate();
        entries.any(|(index, (name, value))| is_it(value) && is_first(index, name))
    }

    /// Appends the object; returns whether it holds anything (nothing is appended if not).
    pub(crate) fn write(mut self, out: &mut String) -> bool {
        self.entries.sort_by_key(|(name, _)| *name);
        self.entries.dedup_by_key(|(name, _)| *name);
        let mut separator = '{';
        for (name, value) in &self.entries {
            out.push(separator);
            separator = ',';
            json::write_text(name, out);
            out.push(':');
            write_value(value, out);
        }
        if self.entries.is_empty() {
            return false;
        }
        out.push('}');
        true
    }
}

fn write_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Json(value) => json::write_without_secrets(value, &is_secret, out),
        Value::Text(text) => json::write_text(&without_secrets(text), out),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Texts(texts) => {
            let mut separator = '[';
            for text in texts {
                out.push(separator);
                separator = ',';
                json::write_text(&without_secrets(text), out);
            }
            out.push_str(if texts.is_empty() { "[]" } else { "]" });
        }
        Value::NamedTexts(texts) => {
            let mut sorted: Vec<_> = texts.iter().collect();
            sorted.sort_by_key(|(name, _)| name);
            sorted.dedup_by_key(|(name, _)| name);
            let mut separator = '{';
            for (name, text) in sorted {
                out.push(separator);
                separator = ',';
                json::write_text(name, out);
                out.push(':');
                json::write_text(&if is_secret(name) { json::REDACTED.into() } else { without_secrets(text) }, out);
            }
            out.push_str(if texts.is_empty() { "{}" } else { "}" });
        }
        Value::Members(members) => {
            let mut separator = '{';
            for (name, value) in members {
                out.push(separator);
                separator = ',';
                json::write_text(name, out);
                out.push(':');
                json::write_member_without_secrets(name, value, &is_secret, out);
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Parser;

    #[test]
    fn entries_are_sorted_and_secrets_replaced() {
        let value = Parser::new(br#"{"uri":"/a?sig=x","password":"p"}"#).value(0).unwrap();
        let mut metadata = Metadata::default();
        metadata.text("b", Some("?sig=1"));
        metadata.json("a", Some(&value));
        metadata.flag("c", true);
        metadata.flag("d", false);
        metadata.text("b", Some("second"));
        metadata.put("n", Value::Number(-1));
        metadata.put(
            "t",
            Value::NamedTexts(vec![("z".into(), "1".into()), ("password".into(), "p".into()), ("z".into(), "2".into())]),
        );
        metadata.members("m", vec![("password", value.get("password").unwrap())]);
        let mut out = String::new();
        assert!(metadata.write(&mut out));
        let expected = concat!(
            r#"{"a":{"password":"[redacted]","uri":"/a?sig=[redacted]"},"b":"?sig=[redacted]","c":true,"#,
            r#""m":{"password":"[redacted]"},"n":-1,"t":{"password":"[redacted]","z":"1"}}"#
        );
        assert_eq!(out, expected);
        assert!(!Metadata::default().write(&mut out));
        assert_eq!(out, expected);
    }
}
