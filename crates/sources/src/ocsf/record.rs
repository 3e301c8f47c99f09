//! A record, and which of its members a column or a key of the metadata holds already.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::absent::stated;
use crate::json::{Json, Members};

/// Members that are objects or arrays by the schema, wherever they stand: pipelines write them as JSON in a text too.
const STRUCTURED: [&str; 50] = [
    "account",
    "actor",
    "affected_code",
    "answers",
    "api",
    "app",
    "attacks",
    "authorizations",
    "certificate",
    "cloud",
    "data",
    "database",
    "databucket",
    "device",
    "dst_endpoint",
    "enrichments",
    "entity",
    "entity_result",
    "feature",
    "file",
    "file_result",
    "group",
    "groups",
    "http_request",
    "http_response",
    "iam_role",
    "iam_roles",
    "idp",
    "location",
    "metadata",
    "observables",
    "org",
    "policies",
    "policy",
    "privileges",
    "process",
    "product",
    "profiles",
    "request",
    "resource",
    "resources",
    "response",
    "service",
    "session",
    "src_endpoint",
    "table",
    "unmapped",
    "updated_user",
    "url",
    "user",
];

/// Whether a member is a structure by the schema.
pub(super) fn is_structured(name: &str, _: bool) -> bool {
    STRUCTURED.binary_search(&name).is_ok() || name.starts_with("updated_")
}

/// Members of no use to questions, which only `raw` holds where it is kept, if they are of the type that the schema has.
const ONLY_IN_RAW: [&[&str]; 7] = [
    &["api", "request", "data"],
    &["api", "response", "data"],
    &["enrichments"],
    &["observables"],
    &["raw_data"],
    &["raw_data_hash"],
    &["raw_data_size"],
];

/// Whether an object is an event of OCSF, by what only that has: its class, beside its category, its type or the version of the
/// schema.
pub(super) fn is_ocsf(value: &Json<'_>) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let has_version = || value.get("metadata").is_some_and(|metadata| metadata.text_at("version").is_some());
    let has_product = || value.get("metadata").is_some_and(|metadata| metadata.get("product").is_some());
    match (has("class_uid"), has("type_uid"), has("category_uid")) {
        (true, true, _) | (true, _, true) | (_, true, true) => true,
        (true, false, false) | (false, true, false) => has_version() || has_product(),
        _ => false,
    }
}

/// A text of a record that states something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'r> {
    node: &'r Json<'r>,
    pub text: &'r str,
}

/// A record.
#[derive(Debug)]
pub(super) struct Record<'r> {
    pub json: &'r Json<'r>,
    /// The values that are told elsewhere, by where they lie.
    told: RefCell<Vec<*const Json<'r>>>,
}

impl<'r> Record<'r> {
    pub(super) fn new(json: &'r Json<'r>) -> Self {
        Self { json, told: RefCell::new(Vec::with_capacity(32)) }
    }

    /// What follows a path of members.
    pub(super) fn at(&self, path: &[&str]) -> Option<&'r Json<'r>> {
        path.iter().try_fold(self.json, |value, name| value.get(name))
    }

    /// The text or number at a path of members, if it states something.
    pub(super) fn said(&self, path: &[&str]) -> Option<Said<'r>> {
        said(self.at(path)?)
    }

    /// As `said`, and a column holds it.
    pub(super) fn text(&self, path: &[&str]) -> Option<&'r str> {
        self.said(path).map(|said| self.tell(said))
    }

    /// The first of these paths that states something, which a column holds.
    pub(super) fn first(&self, paths: &[&[&str]]) -> Option<&'r str> {
        paths.iter().find_map(|path| self.text(path))
    }

    /// The text, which a column or the metadata holds from here on.
    pub(super) fn tell(&self, said: Said<'r>) -> &'r str {
        self.tell_value(said.node);
        said.text
    }

    /// Notes that a value is told elsewhere, with everything in it.
    pub(super) fn tell_value(&self, value: &'r Json<'r>) {
        self.told.borrow_mut().push(std::ptr::from_ref(value));
    }

    /// Whether a value is told elsewhere.
    pub(super) fn is_told(&self, value: &Json<'r>) -> bool {
        self.told.borrow().iter().any(|told| std::ptr::eq(*told, value))
    }

    /// What is told nowhere, as it stands in the record; `None` if nothing is left.
    pub(super) fn rest(&self, keeps_raw: bool) -> Option<Json<'r>> {
        if keeps_raw {
            for path in ONLY_IN_RAW {
                if let Some(value) = self.at(path).filter(|value| is_as_expected(path, value)) {
                    self.tell_value(value);
                }
            }
        }
        self.left_of(self.json)
    }

    fn left_of(&self, value: &'r Json<'r>) -> Option<Json<'r>> {
        if value.is_vacant() || self.is_told(value) {
            return None;
        }
        match value {
            Json::Object(members) => {
                let left = members.as_parsed().iter().filter_map(|(name, value)| Some((name.clone(), self.left_of(value)?)));
                let left: Vec<(Cow<'r, str>, Json<'r>)> = left.collect();
                (!left.is_empty()).then(|| Json::Object(Members::of(left)))
            }
            // A list keeps what is told of its elements too: without it nobody knew which is which.
            value => Some(value.clone()),
        }
    }
}

fn is_as_expected(path: &[&str], value: &Json<'_>) -> bool {
    match path.last() {
        Some(&"enrichments" | &"observables") => matches!(value, Json::Array(_)),
        Some(&"raw_data") => matches!(value, Json::Text(_)),
        Some(&"raw_data_size") => matches!(value, Json::Number(_)),
        _ => matches!(value, Json::Object(_)),
    }
}

/// The text or number of a value, if it states something.
pub(super) fn said<'r>(value: &'r Json<'r>) -> Option<Said<'r>> {
    value.text().and_then(stated).map(|text| Said { node: value, text })
}

/// A whole number, also as text.
pub(super) fn number(value: Option<&Json<'_>>) -> Option<i64> {
    value?.text()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Parser, write_whole};

    #[test]
    fn names_of_structures_are_sorted() {
        assert!(STRUCTURED.is_sorted());
    }

    #[test]
    fn what_is_told_is_not_left() {
        let value =
            Parser::new(br#"{"a":{"b":"x","c":"y"},"d":[{"e":"z"}],"f":null,"g":{"h":""},"i":"-"}"#).value(0).unwrap();
        let record = Record::new(&value);
        assert_eq!(record.text(&["a", "b"]), Some("x"));
        assert_eq!(record.text(&["i"]), None);
        let mut left = String::new();
        write_whole(&record.rest(true).unwrap(), &mut left);
        assert_eq!(left, r#"{"a":{"c":"y"},"d":[{"e":"z"}],"i":"-"}"#);
    }
}
