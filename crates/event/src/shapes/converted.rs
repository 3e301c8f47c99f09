//! What a conversion gives, and how it is put together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::errors::error;
use super::record::Record;
use crate::byte_buffer::ByteBuffer;
use crate::columns::Column;
use crate::event_id::is_event_id;
use crate::input::FieldError;
use crate::normal_json::NodeId;

/// The namespace of ids derived from several texts that identify together, as a CloudEvent's `source` and `id`, or from one that
/// cannot be an id itself (a random UUID, fixed for ever).
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x2f6b_90d4_51c7_4e0a_9b1e_7d35_c8a4_62f1);

/// Put before a name in `metadata` that is taken already.
const OTHER: &str = "other_";

/// An id that a foreign event states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnId {
    /// The event's own, fit to be an `event_id`.
    Event(String),
    /// Those of a CloudEvent, which is unique by both together.
    Envelope {
        /// Its `source`.
        source: String,
        /// Its `id`.
        id: String,
    },
}

impl OwnId {
    /// A text of a sender as the id of an event: itself if it can be one, else a UUIDv5 over `scope`, a zero byte and the text.
    pub(super) fn of_text(scope: &str, text: &str) -> String {
        if is_event_id(text) { text.to_owned() } else { Self::within(scope, text) }
    }

    /// The id of what a text names only within a scope: a UUIDv5 over `scope`, a zero byte and the text.
    pub(super) fn within(scope: &str, text: &str) -> String {
        Uuid::new_v5(&ID_NAMESPACE, &[scope.as_bytes(), &[0], text.as_bytes()].concat()).to_string()
    }

    /// The id of the event as a posted one: of a CloudEvent a UUIDv5 over `source` and `id`, because only both together name it.
    pub fn event_id(&self) -> String {
        match self {
            OwnId::Event(id) => id.clone(),
            OwnId::Envelope { source, id } => Self::within(source, id),
        }
    }
}

/// An event of ours, made of one in a foreign shape. Its values are not checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// Members of the event, by name, as JSON.
    members: Vec<(String, String)>,
    /// Members of its `metadata` that the conversion named. A map: nobody bounds how many there are.
    metadata: BTreeMap<String, String>,
    /// Members of its `metadata` that the sender named.
    their_metadata: Vec<(String, String)>,
    /// A path of ours, and the sender's name for it.
    names: Vec<(String, String)>,
    own_id: Option<OwnId>,
    organization: Option<String>,
    account: Option<String>,
}

impl Converted {
    /// The id that the event states, if it does.
    pub fn own_id(&self) -> Option<&OwnId> {
        self.own_id.as_ref()
    }

    /// The organization of ours that the event states, if it does.
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The sender's own name for the tenant: WorkOS's organization, Retraced's group.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Forgets the organization that the event states, for a door that found out another way.
    pub fn remove_organization(&mut self) {
        self.members.retain(|(name, _)| name != Column::Organization.name());
        self.organization = None;
    }

    /// Notes in `metadata` that U+FFFD stands for what was no Unicode.
    pub fn mark_unicode_replaced(&mut self) {
        let name = "unicode_replaced";
        if !self.is_taken(name) {
            self.metadata.insert(name.to_owned(), "true".to_owned());
        }
    }

    fn is_taken(&self, name: &str) -> bool {
        let is_name = |(taken, _): &(String, String)| taken == name;
        self.metadata.contains_key(name) || self.their_metadata.iter().any(is_name) || self.members.iter().any(is_name)
    }

    /// Adds a member to `metadata`, under a longer name if the event has one of this name.
    fn put_free(&mut self, name: &str, json: String) {
        let mut name = name.to_owned();
        while self.is_taken(&name) {
            name.insert_str(0, OTHER);
        }
        self.metadata.insert(name, json);
    }

    /// The event as JSON.
    pub fn to_json(&self) -> String {
        let mut out = open_object();
        for (name, json) in &self.members {
            put(&mut out, name, json);
        }
        let has_conflict = self.their_metadata.iter().any(|(name, _)| self.metadata.contains_key(name));
        let is_apart = |name: &str| self.metadata.contains_key(name) || (has_conflict && name == Column::Metadata.name());
        if !self.metadata.is_empty() || !self.their_metadata.is_empty() {
            let mut metadata = open_object();
            let free = self.their_metadata.iter().filter(|(name, _)| !is_apart(name));
            let named = self.metadata.iter().chain(free.map(|(name, json)| (name, json)));
            named.for_each(|(name, json)| put(&mut metadata, name, json));
            if has_conflict {
                let mut apart = open_object();
                for (name, json) in self.their_metadata.iter().filter(|(name, _)| is_apart(name)) {
                    put(&mut apart, name, json);
                }
                apart.push(b'}');
                put(&mut metadata, Column::Metadata.name(), &text_of(&apart));
            }
            metadata.push(b'}');
            put(&mut out, Column::Metadata.name(), &text_of(&metadata));
        }
        out.push(b'}');
        text_of(&out).into_owned()
    }

    /// The sender's name for the field of an error.
    pub fn their_name(&self, field: &str) -> String {
        let rest_of = |ours: &str| field.strip_prefix(ours).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        let known = self.names.iter().filter_map(|(ours, theirs)| Some((ours.len(), theirs, rest_of(ours)?)));
        match known.max_by_key(|(length, ..)| *length) {
            Some((_, theirs, rest)) => format!("{theirs}{rest}"),
            None => field.to_owned(),
        }
    }
}

fn open_object() -> ByteBuffer {
    let mut out = ByteBuffer::default();
    out.push(b'{');
    out
}

/// What was put together, of texts only, so that nothing is ever replaced here.
fn text_of(out: &ByteBuffer) -> Cow<'_, str> {
    String::from_utf8_lossy(out.as_slice())
}

fn put(out: &mut ByteBuffer, name: &str, json: &str) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.put_string(name);
    out.push(b':');
    out.put_bytes(json.as_bytes());
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    let mut out = ByteBuffer::default();
    out.put_string(text);
    text_of(&out).into_owned()
}

/// An object of some members as JSON; `None` if there are none.
pub(super) fn object_json<'n>(record: Record<'_>, members: impl Iterator<Item = (&'n str, NodeId)>) -> Option<String> {
    let mut out = open_object();
    for (name, value) in members {
        put(&mut out, name, &record.json(value));
    }
    out.push(b'}');
    (out.len() > 2).then(|| text_of(&out).into_owned())
}

/// A conversion that is under way.
#[derive(Debug, Default)]
pub(super) struct Draft {
    converted: Converted,
    errors: Vec<FieldError>,
}

impl Draft {
    /// What came of it.
    pub fn finish(self) -> Result<Converted, Vec<FieldError>> {
        if self.errors.is_empty() { Ok(self.converted) } else { Err(self.errors) }
    }

    /// Notes that a member cannot be read.
    pub fn refuse(&mut self, path: impl Into<String>, detail: impl Into<Cow<'static, str>>) {
        self.errors.push(error(path, detail));
    }

    /// Whether a column is stated.
    pub fn states(&self, column: Column) -> bool {
        self.converted.members.iter().any(|(name, _)| name == column.name())
    }

    /// Says what the sender calls a column, stated or not.
    pub fn name(&mut self, column: Column, path: impl Into<String>) {
        self.converted.names.push((column.name().to_owned(), path.into()));
    }

    /// Makes a value of the event the value of a column. The first one counts.
    pub fn column(&mut self, column: Column, record: Record<'_>, node: NodeId, path: impl Into<String>) {
        if self.states(column) {
            return;
        }
        if column == Column::Organization {
            self.converted.organization = record.text_of(node).map(str::to_owned);
        }
        self.name(column, path);
        self.converted.members.push((column.name().to_owned(), record.json(node)));
    }

    /// Makes a text the value of a column. The first one counts.
    pub fn column_text(&mut self, column: Column, text: &str, path: impl Into<String>) {
        if !self.states(column) {
            self.name(column, path);
            self.converted.members.push((column.name().to_owned(), quoted(text)));
        }
    }

    /// Keeps a member that is no column beside the columns.
    pub fn other(&mut self, name: &str, record: Record<'_>, node: NodeId, path: impl Into<String>) {
        self.converted.names.push((name.to_owned(), path.into()));
        self.converted.members.push((name.to_owned(), record.json(node)));
    }

    /// Keeps a value in `metadata`: under a longer name if there is another of this name already, once if it is the same.
    pub fn keep(&mut self, name: &str, json: Option<String>, path: impl Into<String>) {
        let Some(json) = json else { return };
        let mut name = name.to_owned();
        while let Some(kept) = self.converted.metadata.get(&name) {
            if *kept == json {
                return;
            }
            name.insert_str(0, OTHER);
        }
        self.converted.names.push((format!("{}.{name}", Column::Metadata.name()), path.into()));
        self.converted.metadata.insert(name, json);
    }

    /// Keeps the members of an object that are not named here, each under its own name.
    pub fn keep_rest(&mut self, record: Record<'_>, used: &[&str], prefix: &str) {
        for (name, value) in record.members().filter(|(name, _)| !used.contains(name)) {
            self.keep(name, Some(record.json(value)), format!("{prefix}{name}"));
        }
    }

    /// Keeps a value that is said about the delivery and not about the event, under a longer name if the event has this one.
    pub fn keep_outer(&mut self, name: &str, json: Option<String>) {
        if let Some(json) = json {
            self.converted.put_free(name, json);
        }
    }

    /// The object that a member is; one that is something else is refused.
    pub fn record<'t>(&mut self, record: Record<'t>, name: &str, prefix: &str) -> Option<Record<'t>> {
        let found = record.record(record.get(name)?);
        if found.is_none() {
            self.refuse(format!("{prefix}{name}"), "must be a JSON object");
        }
        found
    }

    /// The truth that a member is; one that is something else is refused.
    pub fn truth(&mut self, record: Record<'_>, name: &str, prefix: &str) -> Option<bool> {
        let found = record.truth_of(record.get(name)?);
        if found.is_none() {
            self.refuse(format!("{prefix}{name}"), "must be true or false");
        }
        found
    }

    /// Takes over the sender's `metadata`.
    pub fn their_metadata(&mut self, record: Record<'_>, prefix: &str) {
        let name = Column::Metadata.name();
        let Some(metadata) = self.record(record, name, prefix) else { return };
        self.converted.names.push((name.to_owned(), format!("{prefix}{name}")));
        let members = metadata.all_members().map(|(name, value)| (name.to_owned(), record.json(value)));
        self.converted.their_metadata.extend(members);
    }

    /// Takes over what a sender of another shape may state in our own words: the tenant and the region.
    pub fn place(&mut self, record: Record<'_>, prefix: &str) {
        for column in [Column::Organization, Column::Region] {
            if let Some(node) = record.get(column.name()) {
                self.column(column, record, node, format!("{prefix}{}", column.name()));
            }
        }
    }

    /// Notes the event's own id. The first one counts.
    pub fn own_id(&mut self, id: OwnId) {
        self.converted.own_id.get_or_insert(id);
    }

    /// Notes the sender's own name for the tenant.
    pub fn account(&mut self, account: &str) {
        self.converted.account.get_or_insert_with(|| account.to_owned());
    }
}
