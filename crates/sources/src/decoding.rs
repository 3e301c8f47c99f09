//! JSON that stands as text in a record, as many pipelines write members that are objects.

use std::borrow::Cow;

use crate::json::{Json, Parser};
use crate::names::Names;

/// How many layers of text may lie around a member: JSON in a text in JSON in a text.
pub(crate) const MAX_LAYERS: usize = 4;

/// A record in which one layer of text is taken off the members that are structures, and whether characters in them had to be
/// replaced. `None`: no such member is JSON in a text.
/// `is_structured` says of a member by its name, and by whether it is one of the record's own, whether it is a structure.
pub(crate) fn decoded<'r>(record: &'r Json<'r>, is_structured: &dyn Fn(&str, bool) -> bool) -> (Option<Json<'r>>, bool) {
    let mut is_replaced = false;
    let decoded = members_decoded(record, true, is_structured, &mut is_replaced);
    (decoded, is_replaced)
}

fn members_decoded<'r>(
    value: &'r Json<'r>,
    is_outermost: bool,
    is_structured: &dyn Fn(&str, bool) -> bool,
    is_replaced: &mut bool,
) -> Option<Json<'r>> {
    match value {
        Json::Object(members) => {
            let changed = members.changed(&mut |name, value| {
                if is_structured(name, is_outermost) { value_decoded(value, is_structured, is_replaced) } else { None }
            });
            changed.map(Json::Object)
        }
        Json::Array(elements) => {
            let mut changed: Option<Vec<Json<'r>>> = None;
            for (index, element) in elements.iter().enumerate() {
                let Some(new) = value_decoded(element, is_structured, is_replaced) else { continue };
                if let Some(element) = changed.get_or_insert_with(|| elements.clone()).get_mut(index) {
                    *element = new;
                }
            }
            changed.map(Json::Array)
        }
        _ => None,
    }
}

fn value_decoded<'r>(
    value: &'r Json<'r>,
    is_structured: &dyn Fn(&str, bool) -> bool,
    is_replaced: &mut bool,
) -> Option<Json<'r>> {
    let Json::Text(text) = value else { return members_decoded(value, false, is_structured, is_replaced) };
    let (structure, replaced) = structure_in(text)?;
    *is_replaced |= replaced;
    Some(structure)
}

/// The object or array that a text is from its beginning to its end, or the text without its quotes that holds one, and whether
/// characters in it had to be replaced.
pub(crate) fn structure_in(text: &str) -> Option<(Json<'_>, bool)> {
    let text = text.trim();
    if text.starts_with('"') {
        return unquoted(text).map(|(text, has_replaced)| (Json::Text(Cow::Owned(text)), has_replaced));
    }
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut parser = Parser::new(text.as_bytes());
    let structure = parser.value(0).ok()?;
    (parser.position() == text.len()).then(|| (structure, parser.has_replaced()))
}

/// A record in which the quotes are taken off members whose text is a text in JSON that holds an object or array; `inside` says how
/// deep structures are looked into. Second: whether characters had to be replaced. `None`: there is no such member.
pub(crate) fn unquoted_members<'r>(record: &'r Json<'r>, structured: &Names, inside: usize) -> Option<(Json<'r>, bool)> {
    let mut is_replaced = false;
    let changed = record.members()?.changed(&mut |name, value| {
        if !structured.contains(name) {
            return None;
        }
        let (value, has_replaced) = match value {
            Json::Text(text) if text.trim_start().starts_with('"') => {
                let (text, has_replaced) = unquoted(text)?;
                (Json::Text(Cow::Owned(text)), has_replaced)
            }
            Json::Object(_) if inside > 0 => unquoted_members(value, structured, inside - 1)?,
            _ => return None,
        };
        is_replaced |= has_replaced;
        Some(value)
    })?;
    Some((Json::Object(changed), is_replaced))
}

/// The object or array in a text that is a text in JSON, which may hold such a text again, and whether characters had to be
/// replaced. `None`: there is none, or it lies too deep.
pub(crate) fn unquoted(text: &str) -> Option<(String, bool)> {
    let mut inner = Cow::Borrowed(text.trim());
    let mut has_replaced = false;
    for _ in 0..MAX_LAYERS {
        let mut parser = Parser::new(inner.as_bytes());
        let value = parser.value(0).ok()?;
        if parser.position() != inner.len() {
            return None;
        }
        has_replaced |= parser.has_replaced();
        let Json::Text(text) = value else { return None };
        let text = text.trim().to_owned();
        if text.starts_with(['{', '[']) {
            let mut parser = Parser::new(text.as_bytes());
            let is_whole = parser.value(0).is_ok() && parser.position() == text.len();
            return is_whole.then_some((text, has_replaced));
        }
        if !text.starts_with('"') {
            return None;
        }
        inner = Cow::Owned(text);
    }
    None
}

/// The elements of an array, or a value alone: some pipelines take the brackets off an array of one.
pub(crate) fn one_or_more<'r>(value: &'r Json<'r>) -> &'r [Json<'r>] {
    match value {
        Json::Array(elements) => elements,
        _ => std::slice::from_ref(value),
    }
}
