//! Members of JSON texts, compared as texts: a string by what it says, a number, `true` or `false` by its JSON. `null`, objects and arrays are
//! no values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

fn members(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text).ok()
}

/// The text of a scalar.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.bytes().next()? {
        b'"' => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// The text of the member at a path of a JSON object.
pub fn at_path<'t>(text: &'t str, path: &[&str]) -> Option<Cow<'t, str>> {
    // Most rows do not have the member at all; one with escapes may have it in another spelling.
    let last = path.last()?;
    if !text.contains('\\') && memchr::memmem::find(text.as_bytes(), last.as_bytes()).is_none() {
        return None;
    }
    let mut text = text;
    for (depth, name) in path.iter().enumerate() {
        let value = *members(text)?.get(*name)?;
        if depth + 1 == path.len() {
            return scalar(value);
        }
        text = value.get();
    }
    None
}

/// One change, as far as it is compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl Change {
    /// The text of a member.
    pub fn member(&self, name: &str) -> Option<&str> {
        match name {
            "field" => self.field.as_deref(),
            "before" => self.before.as_deref(),
            "after" => self.after.as_deref(),
            _ => None,
        }
    }
}

/// The changes of an event.
pub fn changes(text: &str) -> Vec<Change> {
    let entries: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    let change = |entry: &&RawValue| {
        let members = members(entry.get()).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(|value| scalar(value)).map(Cow::into_owned);
        Change { field: text("field"), before: text("before"), after: text("after") }
    };
    entries.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_texts_and_nothing_else_is() {
        let text = r#"{"a":"x\u0041","n":1.50,"t":true,"z":null,"o":{"in":7,"deep":{"er":"y"}},"l":[1],"o.in":"dotted"}"#;
        for (path, expected) in [
            (&["a"][..], Some("xA")),
            (&["n"], Some("1.50")),
            (&["t"], Some("true")),
            (&["z"], None),
            (&["o"], None),
            (&["l"], None),
            (&["o", "in"], Some("7")),
            (&["o", "deep", "er"], Some("y")),
            (&["o.in"], Some("dotted")),
            (&["missing"], None),
            (&["a", "b"], None),
        ] {
            assert_eq!(at_path(text, path).as_deref(), expected, "{path:?}");
        }
        assert_eq!(at_path("not json a", &["a"]), None);
        let escaped = r#"{"\u0061":"x"}"#;
        assert_eq!(at_path(escaped, &["a"]).as_deref(), Some("x"));
    }

    #[test]
    fn changes_are_read_entry_by_entry() {
        let found = changes(r#"[{"field":"role","before":null,"after":"admin"},{"field":"age","before":1,"after":true},7]"#);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].member("field"), found[0].member("before")), (Some("role"), None));
        assert_eq!((found[1].member("before"), found[1].member("after")), (Some("1"), Some("true")));
        assert_eq!(changes("{}"), []);
    }
}
