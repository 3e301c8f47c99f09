//! An event over the limit, cut down to it: the largest free fields give way, and the event says which and how large they were.
//!
//! Free are texts that nothing is found by (`user_agent`, `error_message`, `http_path`, names), the values in `metadata`, and those
//! before and after a change. A text keeps its beginning and ends in `…`, anything else becomes `"…"`; `metadata.trimmed` names
//! each by its path, with its bytes as JSON. What an event is identified and asked by is never cut.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::byte_buffer::ByteBuffer;
use crate::canonical::append_canonical;
use crate::columns::Column;
use crate::json::Reader;
use crate::limits::max_text_bytes;
use crate::model::Event;
use crate::normal_json::{Member, NodeId, Tree, compare_names};

/// What stands where something was cut away.
const MARKER: &str = "…";
/// The member of `metadata` that names what was cut.
const TRIMMED: &str = "trimmed";
/// How many bytes a text keeps that gives way; smaller values stay as they are at first.
const KEPT_BYTES: usize = 256;
/// Longest path that is named whole, in characters.
const MAX_PATH_CHARS: usize = 128;

/// The beginning of a text of at most `bytes` bytes, the marker included.
fn beginning(text: &str, bytes: usize) -> String {
    format!("{}{MARKER}", &text[..text.floor_char_boundary(bytes.saturating_sub(MARKER.len()))])
}

/// Whether a text of this column may be cut.
pub(super) const fn is_free(column: Column) -> bool {
    matches!(column, Column::UserAgent | Column::ErrorMessage | Column::HttpPath | Column::ActorName | Column::ResourceName)
}

/// A text that is over its column's own limit, cut to it.
pub(super) fn to_column_limit(column: Column, text: &str) -> String {
    beginning(text, max_text_bytes(column))
}

/// Bytes of the event's JSON, as far as it is kept.
fn size(event: &Event<'_>, form: &mut ByteBuffer) -> usize {
    form.clear();
    append_canonical(event, form);
    form.len()
}

fn free_text<'e, 'a>(event: &'e mut Event<'a>, column: Column) -> Option<&'e mut Cow<'a, str>> {
    match column {
        Column::UserAgent => event.user_agent.as_mut(),
        Column::ErrorMessage => event.error_message.as_mut(),
        Column::HttpPath => event.http_path.as_mut(),
        Column::ActorName => event.actor_name.as_mut(),
        Column::ResourceName => event.resource_name.as_mut(),
        _ => None,
    }
}

/// What may give way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Text(Column),
    Metadata(NodeId),
    Changes(NodeId),
}

/// A candidate: its size as JSON and in the event's form, where JSON stands as a text; its path for people, and where it is.
struct Candidate {
    bytes: usize,
    form_bytes: usize,
    path: String,
    place: Place,
}

/// JSON of a column as a tree, and which nodes of it are cut.
struct Cut<'t> {
    tree: Tree<'t>,
    root: Option<NodeId>,
    cut: BTreeSet<NodeId>,
}

impl<'t> Cut<'t> {
    fn of(text: &'t str) -> Self {
        let mut tree = Tree::default();
        let root = if text.is_empty() { None } else { tree.read(&mut Reader::new(text), 0).ok() };
        Self { tree, root, cut: BTreeSet::new() }
    }

    /// The values that may give way below `node`: all that are no objects, or, where `is_coarse`, its members whole.
    fn collect(&self, node: NodeId, path: &str, is_coarse: bool, place: fn(NodeId) -> Place, out: &mut Vec<Candidate>) {
        for member in self.tree.as_object(node).unwrap_or_default() {
            let path = format!("{path}.{}", member.name);
            if !is_coarse && self.tree.as_object(member.value).is_some() {
                self.collect(member.value, &path, is_coarse, place, out);
                continue;
            }
            let mut json = ByteBuffer::default();
            self.tree.write(member.value, &mut json);
            let mut escaped = ByteBuffer::default();
            escaped.put_escaped(&String::from_utf8_lossy(json.as_slice()));
            out.push(Candidate { bytes: json.len(), form_bytes: escaped.len(), path, place: place(member.value) });
        }
    }

    fn write(&self, node: NodeId, out: &mut ByteBuffer) {
        if self.cut.contains(&node) {
            return match self.tree.as_text(node) {
                Some(text) => out.put_string(&beginning(text, KEPT_BYTES)),
                None => out.put_string(MARKER),
            };
        }
        let members: &[Member<'_>] = match (self.tree.as_object(node), self.tree.as_array(node)) {
            (Some(members), _) | (None, Some(members)) => members,
            (None, None) => return self.tree.write(node, out),
        };
        let is_object = self.tree.as_object(node).is_some();
        out.push(if is_object { b'{' } else { b'[' });
        for (position, member) in members.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            if is_object {
                out.put_string(&member.name);
                out.push(b':');
            }
            self.write(member.value, out);
        }
        out.push(if is_object { b'}' } else { b']' });
    }
}

/// Cuts the event down to `max_bytes` bytes of its JSON; what was cut before is in `trimmed`. Whether it fits now.
pub(super) fn trim(event: &mut Event<'_>, max_bytes: usize, trimmed: &mut BTreeMap<String, usize>) -> bool {
    let mut form = ByteBuffer::default();
    if trimmed.is_empty() && size(event, &mut form) <= max_bytes {
        return true;
    }
    let metadata = event.metadata.take().unwrap_or_default();
    let changes = event.changes.take().unwrap_or_default();
    let (mut metadata, mut changes) = (Cut::of(&metadata), Cut::of(&changes));
    for is_coarse in [false, true] {
        let mut candidates = candidates(event, &metadata, &changes, is_coarse);
        candidates.retain(|candidate| is_coarse || candidate.bytes > KEPT_BYTES + 2 + MARKER.len());
        candidates.sort_by(|left, right| left.form_bytes.cmp(&right.form_bytes).then_with(|| right.path.cmp(&left.path)));
        loop {
            write_back(event, &metadata, &changes, trimmed);
            let excess = size(event, &mut form).saturating_sub(max_bytes);
            if excess == 0 {
                return true;
            }
            if candidates.is_empty() {
                break;
            }
            // Several at a time, so that ten thousand small values do not mean ten thousand forms.
            let mut freed = 0;
            while freed < excess
                && let Some(candidate) = candidates.pop()
            {
                freed += candidate.form_bytes - KEPT_BYTES.min(candidate.form_bytes / 2);
                let path: String = candidate.path.chars().take(MAX_PATH_CHARS).collect();
                trimmed.entry(path).or_insert(candidate.bytes);
                match candidate.place {
                    Place::Text(column) => {
                        if let Some(text) = free_text(event, column) {
                            *text = Cow::Owned(beginning(text, KEPT_BYTES));
                        }
                    }
                    Place::Metadata(node) => metadata.cut.extend([node]),
                    Place::Changes(node) => changes.cut.extend([node]),
                }
            }
        }
    }
    false
}

fn candidates(event: &mut Event<'_>, metadata: &Cut<'_>, changes: &Cut<'_>, is_coarse: bool) -> Vec<Candidate> {
    let mut found = Vec::new();
    for column in Column::ALL.iter().filter(|column| is_free(**column) && !is_coarse) {
        if let Some(text) = free_text(event, *column) {
            let (bytes, path) = (text.len(), column.name().to_owned());
            found.push(Candidate { bytes, form_bytes: bytes, path, place: Place::Text(*column) });
        }
    }
    if let Some(root) = metadata.root {
        metadata.collect(root, Column::Metadata.name(), is_coarse, Place::Metadata, &mut found);
    }
    let entries = changes.root.and_then(|root| changes.tree.as_array(root)).unwrap_or_default();
    for (position, entry) in entries.iter().enumerate() {
        let path = format!("{}[{position}]", Column::Changes.name());
        changes.collect(entry.value, &path, is_coarse, Place::Changes, &mut found);
    }
    // The name of a changed field is what it is asked by.
    found.retain(|candidate| !matches!(candidate.place, Place::Changes(_)) || !candidate.path.ends_with("].field"));
    found
}

fn write_back(event: &mut Event<'_>, metadata: &Cut<'_>, changes: &Cut<'_>, trimmed: &BTreeMap<String, usize>) {
    let mut out = ByteBuffer::default();
    if let Some(root) = changes.root {
        changes.write(root, &mut out);
        event.changes = out.to_text().map(Cow::Owned);
    }
    out.clear();
    let members = metadata.root.and_then(|root| metadata.tree.as_object(root)).unwrap_or_default();
    let mut name = TRIMMED.to_owned();
    while members.iter().any(|member| member.name == name) {
        name.insert_str(0, "other_");
    }
    let mut marked = ByteBuffer::default();
    let mut paths: Vec<(&String, &usize)> = trimmed.iter().collect();
    paths.sort_by(|(left, _), (right, _)| compare_names(left, right));
    for (path, bytes) in paths {
        marked.push(if marked.len() == 0 { b'{' } else { b',' });
        marked.put_string(path);
        marked.push(b':');
        marked.put_bytes(bytes.to_string().as_bytes());
    }
    marked.push(b'}');
    let mut is_marked = trimmed.is_empty();
    let put_name = |name: &str, out: &mut ByteBuffer| {
        out.push(if out.len() == 0 { b'{' } else { b',' });
        out.put_string(name);
        out.push(b':');
    };
    for member in members {
        // Members stay in the order of their names.
        if !is_marked && compare_names(&name, &member.name).is_lt() {
            put_name(&name, &mut out);
            out.put_bytes(marked.as_slice());
            is_marked = true;
        }
        put_name(&member.name, &mut out);
        metadata.write(member.value, &mut out);
    }
    if !is_marked {
        put_name(&name, &mut out);
        out.put_bytes(marked.as_slice());
    }
    if out.len() > 0 {
        out.push(b'}');
        event.metadata = out.to_text().map(Cow::Owned);
    }
}
