//! A tree of JSON.

use std::borrow::Cow;
use std::cmp::Ordering;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// A JSON value. Only [`Parser`](super::Parser) makes one, which [`write_without_secrets`](super::write_without_secrets) relies on: a borrowed text holds nothing to be escaped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Members<'a>),
}

/// The members of an object, sorted by name, no name twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    /// Members of these names and values. Of two with one name the first counts.
    pub(crate) fn of(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        members.sort_by(|left, right| compare_names(&left.0, &right.0));
        members.dedup_by(|later, first| later.0 == first.0);
        Self(members)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// As `iter`, with the names as the parser gave them.
    pub(crate) fn as_parsed(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        &self.0
    }

    /// The member of a name; a member that is `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        // Objects are small, and names mostly differ in length already: quicker than bisecting.
        let found = self.0.iter().find(|(key, _)| key.len() == name.len() && key == name);
        found.map(|(_, value)| value).filter(|value| !matches!(value, Json::Null))
    }

    pub(crate) fn into_parsed(self) -> Vec<(Cow<'a, str>, Json<'a>)> {
        self.0
    }

    /// The member of a name, `null` too.
    pub(crate) fn stated(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members that pairs of names and values make; `None` if two have one name.
    pub(crate) fn from_pairs(mut pairs: Vec<(Cow<'a, str>, Json<'a>)>) -> Option<Self> {
        pairs.sort_by(|left, right| compare_names(&left.0, &right.0));
        let has_name_twice = pairs.windows(2).any(|pair| matches!(pair, [left, right] if left.0 == right.0));
        (!has_name_twice).then_some(Self(pairs))
    }

    /// These members with the values that `change` gives for some of them; `None` if it gives none.
    pub(crate) fn changed<'s>(
        &'s self,
        change: &mut dyn FnMut(&str, &'s Json<'a>) -> Option<Json<'a>>,
    ) -> Option<Members<'a>> {
        let mut changed: Option<Vec<_>> = None;
        for (index, (name, value)) in self.0.iter().enumerate() {
            match (change(name, value), &mut changed) {
                (Some(new), Some(members)) => members.push((name.clone(), new)),
                (None, Some(members)) => members.push((name.clone(), value.clone())),
                (Some(new), None) => {
                    // Only what stays is copied, not what takes its place.
                    let mut members = Vec::with_capacity(self.0.len());
                    members.extend_from_slice(self.0.get(..index).unwrap_or_default());
                    members.push((name.clone(), new));
                    changed = Some(members);
                }
                (None, None) => {}
            }
        }
        changed.map(Members)
    }
}

impl<'a> Json<'a> {
    /// The member of a name, if this is an object that has it and it is not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.members()?.get(name)
    }

    /// Like `get`, whatever the name's ASCII case.
    pub(crate) fn get_any_case(&self, name: &str) -> Option<&Json<'a>> {
        let mut any_case = None;
        for (key, value) in &self.members()?.0 {
            if key.len() != name.len() || !key.eq_ignore_ascii_case(name) {
                continue;
            }
            if key == name && !matches!(value, Json::Null) {
                return Some(value);
            }
            any_case.get_or_insert(value);
        }
        any_case.filter(|value| !matches!(value, Json::Null))
    }

    /// The members, if this is an object.
    pub(crate) fn members(&self) -> Option<&Members<'a>> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    pub(crate) fn elements(&self) -> &[Json<'a>] {
        match self {
            Json::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The text of a string that is not empty, or of a number.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text.as_ref()).filter(|text| !text.is_empty()),
            Json::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The text of a member, see `get` and `text`.
    pub(crate) fn text_at(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// Whether there is nothing in it: `null`, an empty text, array or object, or an array of one empty text
    /// (CloudTrail writes `"location":[""]` for a query parameter without a value).
    pub(crate) fn is_vacant(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Text(text) => text.is_empty(),
            Json::Array(elements) => elements.iter().all(Json::is_vacant),
            Json::Object(members) => members.is_empty(),
            Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

/// Orders member names as RFC 8785 does: by their UTF-16 code units.
pub(super) fn compare_names(left: &str, right: &str) -> Ordering {
    let difference = left.bytes().zip(right.bytes()).find(|(left, right)| left != right);
    match difference {
        None => left.len().cmp(&right.len()),
        // Characters beyond U+FFFF (first byte 0xF0 or above) are surrogates there, which come before U+E000 to U+FFFF.
        Some((0xf0.., 0xee | 0xef)) => Ordering::Less,
        Some((0xee | 0xef, 0xf0..)) => Ordering::Greater,
        Some((left, right)) => left.cmp(&right),
    }
}
