//! Takes the secrets out of a record before anything is read from it, so that none can reach a column by any way.

use std::borrow::Cow;

use crate::json::{self, Json, Parser, REDACTED};
use crate::names::Names;
use crate::secret::{is_secret, without_secrets};

/// How deep JSON that stands as text in JSON is looked into. A request body is one such text, and holds another at most;
/// what lies deeper is searched for secrets of URLs only.
const MAX_TEXTS: usize = 4;

/// Names of members whose values are secret in requests to Azure Resource Manager and in application settings, in lower
/// case, besides those of every source.
const AZURE_SECRETS: [&str; 14] = [
    "accesstoken",
    "accountkey",
    "administratorloginpassword",
    "connectionstring",
    "primaryconnectionstring",
    "primarykey",
    "protectedsettings",
    "refreshtoken",
    "sastoken",
    "secondaryconnectionstring",
    "secondarykey",
    "sharedaccesskey",
    "storageaccountaccesskey",
    "storageaccountkey",
];

/// Members that name what the object is about, and those that hold it: `{"key":"password","value":"…"}`.
const NAME_MEMBERS: [&str; 3] = ["key", "displayName", "name"];
const VALUE_MEMBERS: [&str; 3] = ["value", "newValue", "oldValue"];

static AZURE_SECRET_NAMES: Names = Names::new(&AZURE_SECRETS);

fn is_secret_here(name: &str) -> bool {
    is_secret(name) || AZURE_SECRET_NAMES.contains(name)
}

/// A record without its secrets: those of members by their names, of URLs, and of JSON that stands as text in it. `None`:
/// there are none.
pub(super) fn redacted<'r>(record: &'r Json<'r>) -> Option<Json<'r>> {
    cleaned(record, 0)
}

fn cleaned<'r>(value: &'r Json<'r>, texts: usize) -> Option<Json<'r>> {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
        Json::Text(text) => cleaned_text(text, texts).map(|text| Json::Text(Cow::Owned(text))),
        Json::Array(elements) => {
            let mut changed: Option<Vec<Json<'r>>> = None;
            for (index, element) in elements.iter().enumerate() {
                let Some(new) = cleaned(element, texts) else { continue };
                if let Some(element) = changed.get_or_insert_with(|| elements.clone()).get_mut(index) {
                    *element = new;
                }
            }
            changed.map(Json::Array)
        }
        Json::Object(members) => {
            let names = |name: &&str| value.get_any_case(name).and_then(Json::text).is_some_and(is_secret_here);
            let is_named_secret = NAME_MEMBERS.iter().any(names);
            let is_value = |name: &str| VALUE_MEMBERS.iter().any(|value| name.eq_ignore_ascii_case(value));
            let changed = members.changed(&mut |name, value| {
                let is_secret = is_secret_here(name) || (is_named_secret && is_value(name));
                if !is_secret {
                    return cleaned(value, texts);
                }
                let says_nothing = value.is_vacant() || matches!(value, Json::Bool(_)) || value.text() == Some(REDACTED);
                (!says_nothing).then_some(Json::Text(Cow::Borrowed(REDACTED)))
            });
            changed.map(Json::Object)
        }
    }
}

fn cleaned_text(text: &str, texts: usize) -> Option<String> {
    let trimmed = text.trim();
    if texts < MAX_TEXTS && trimmed.starts_with(['{', '[', '"']) {
        let mut parser = Parser::new(trimmed.as_bytes());
        if let Ok(inner) = parser.value(0)
            && parser.position() == trimmed.len()
        {
            let mut written = String::new();
            json::write_without_secrets(&cleaned(&inner, texts + 1)?, &is_secret, &mut written);
            return Some(written);
        }
    }
    match without_secrets(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted_text(text: &str) -> Option<String> {
        let value = Parser::new(text.as_bytes()).value(0).unwrap();
        let changed = redacted(&value)?;
        let mut out = String::new();
        json::write_without_secrets(&changed, &is_secret, &mut out);
        Some(out)
    }

    #[test]
    fn secrets_are_found_in_members_urls_pairs_and_texts_of_json() {
        for (text, expected) in [
            (r#"{"a":{"adminPassword":"p"}}"#, r#"{"a":{"adminPassword":"[redacted]"}}"#),
            (r#"{"a":[1,"/b?sig=x&se=1"]}"#, r#"{"a":[1,"/b?sig=[redacted]&se=1"]}"#),
            (r#"{"a":[{"key":"Password","value":"p","n":1}]}"#, r#"{"a":[{"key":"Password","n":1,"value":"[redacted]"}]}"#),
            (r#"{"a":"{\"primaryKey\":\"k\",\"b\":1}"}"#, r#"{"a":"{\"b\":1,\"primaryKey\":\"[redacted]\"}"}"#),
            (r#"{"a":"[\"{\\\"password\\\":\\\"p\\\"}\"]"}"#, r#"{"a":"[\"{\\\"password\\\":\\\"[redacted]\\\"}\"]"}"#),
            (r#"{"a":"{not json ?sig=x"}"#, r#"{"a":"{not json ?sig=[redacted]"}"#),
        ] {
            assert_eq!(redacted_text(text).as_deref(), Some(expected), "{text}");
            assert_eq!(redacted_text(expected), None, "again: {expected}");
        }
    }

    #[test]
    fn what_holds_no_secret_is_left_alone() {
        for text in
            [r#"{"a":[1,null,true,"{\"b\" : 1}","{","x=y"],"tokenHash":"key1(AB)","password":""}"#, r#"{"password":null}"#]
        {
            assert_eq!(redacted_text(text), None, "{text}");
        }
    }
}
