//! `changes` in its three shapes, and the one it is kept in.

use super::problem::Problem;
use crate::byte_buffer::ByteBuffer;
use crate::limits::MAX_SHORT_TEXT_BYTES;
use crate::normal_json::{NodeId, Tree, compare_names};

const WRONG_SHAPE: &str = "must be an array of {\"field\",\"before\",\"after\"}, an object of a `before` and an `after` object, \
                           or an object of {\"before\",\"after\"} by field";
const WRONG_ENTRY: &str = "must be an object of `field`, `before` and `after` and nothing else";
const WRONG_CHANGE: &str = "must be an object of `before` and `after` and nothing else";
const WRONG_FIELD: &str = "must be a text that is not empty";
const LONG_FIELD: &str = "must not be longer than 2048 bytes";

const _: () = assert!(MAX_SHORT_TEXT_BYTES == 2_048, "the text above states the limit");

/// One changed field; a value that is absent is null.
struct Change<'t> {
    field: &'t str,
    before: Option<NodeId>,
    after: Option<NodeId>,
}

/// The canonical text of `changes`: a JSON array of `{"after":…,"before":…,"field":…}`; `None` if nothing changed. It is put
/// together in `out`.
pub(super) fn normalise(tree: &Tree<'_>, changes: NodeId, out: &mut ByteBuffer) -> Result<Option<String>, Problem> {
    let list = if let Some(entries) = tree.as_array(changes) {
        let listed = entries.iter().enumerate().map(|(position, entry)| listed_change(tree, position, entry.value));
        listed.collect::<Result<Vec<_>, _>>()?
    } else if let Some((before, after)) = snapshots(tree, changes) {
        differences(tree, before, after)
    } else {
        changes_by_field(tree, changes)?
    };
    if list.is_empty() {
        return Ok(None);
    }
    out.clear();
    for change in &list {
        out.push(if out.len() == 0 { b'[' } else { b',' });
        out.put(b"{\"after\":");
        write_value(tree, change.after, out);
        out.put(b",\"before\":");
        write_value(tree, change.before, out);
        out.put(b",\"field\":");
        out.put_string(change.field);
        out.push(b'}');
    }
    out.push(b']');
    Ok(out.to_text())
}

fn write_value(tree: &Tree<'_>, value: Option<NodeId>, out: &mut ByteBuffer) {
    match value {
        Some(value) => tree.write(value, out),
        None => out.put(b"null"),
    }
}

fn problem(path: String, detail: &'static str) -> Problem {
    Problem { path, detail: detail.into() }
}

fn listed_change<'t>(tree: &'t Tree<'_>, position: usize, entry: NodeId) -> Result<Change<'t>, Problem> {
    let Some(members) = tree.as_object(entry) else { return Err(problem(format!("[{position}]"), WRONG_ENTRY)) };
    let (mut field, mut before, mut after) = (None, None, None);
    for member in members {
        match &*member.name {
            "field" => field = tree.as_text(member.value).filter(|field| !field.is_empty()),
            "before" => before = Some(member.value),
            "after" => after = Some(member.value),
            _ => return Err(problem(format!("[{position}].{}", member.name), WRONG_ENTRY)),
        }
    }
    match field {
        Some(field) if field.len() > MAX_SHORT_TEXT_BYTES => Err(problem(format!("[{position}].field"), LONG_FIELD)),
        Some(field) => Ok(Change { field, before, after }),
        None => Err(problem(format!("[{position}].field"), WRONG_FIELD)),
    }
}

/// The two snapshots, if `changes` is an object of nothing but `before` and `after` and both are objects or null.
fn snapshots(tree: &Tree<'_>, changes: NodeId) -> Option<(Option<NodeId>, Option<NodeId>)> {
    let members = tree.as_object(changes).filter(|members| !members.is_empty())?;
    let (mut before, mut after) = (None, None);
    for member in members {
        if tree.as_object(member.value).is_none() && !tree.is_null(member.value) {
            return None;
        }
        match &*member.name {
            "before" => before = Some(member.value),
            "after" => after = Some(member.value),
            _ => return None,
        }
    }
    Some((before, after))
}

/// One change for each member whose values differ, sorted by name.
fn differences<'t>(tree: &'t Tree<'_>, before: Option<NodeId>, after: Option<NodeId>) -> Vec<Change<'t>> {
    let members = |snapshot: Option<NodeId>| snapshot.and_then(|id| tree.as_object(id)).unwrap_or_default();
    let (mut before, mut after) = (members(before), members(after));
    let mut list = Vec::with_capacity(before.len().max(after.len()));
    loop {
        let order = match (before.first(), after.first()) {
            (Some(old), Some(new)) => compare_names(&old.name, &new.name),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return list,
        };
        let old = if order.is_le() { take_first(&mut before) } else { None };
        let new = if order.is_ge() { take_first(&mut after) } else { None };
        if old.zip(new).is_some_and(|(old, new)| tree.is_same(old.value, new.value)) {
            continue;
        }
        let Some(named) = old.or(new) else { return list };
        let value = |member: Option<&crate::normal_json::Member<'_>>| member.map(|member| member.value);
        list.push(Change { field: &named.name, before: value(old), after: value(new) });
    }
}

fn take_first<'t, T>(list: &mut &'t [T]) -> Option<&'t T> {
    let (first, rest) = list.split_first()?;
    *list = rest;
    Some(first)
}

fn changes_by_field<'t>(tree: &'t Tree<'_>, changes: NodeId) -> Result<Vec<Change<'t>>, Problem> {
    let Some(fields) = tree.as_object(changes) else { return Err(problem(String::new(), WRONG_SHAPE)) };
    let mut list = Vec::with_capacity(fields.len());
    for named in fields {
        let Some(members) = tree.as_object(named.value) else {
            return Err(problem(format!(".{}", named.name), WRONG_CHANGE));
        };
        let mut change = Change { field: &named.name, before: None, after: None };
        for member in members {
            match &*member.name {
                "before" => change.before = Some(member.value),
                "after" => change.after = Some(member.value),
                _ => return Err(problem(format!(".{}.{}", named.name, member.name), WRONG_CHANGE)),
            }
        }
        if members.is_empty() {
            return Err(problem(format!(".{}", named.name), WRONG_CHANGE));
        }
        list.push(change);
    }
    Ok(list)
}
