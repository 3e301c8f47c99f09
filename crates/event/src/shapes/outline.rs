//! What an event looks like from outside: the names of its members.

use super::record::Record;
use super::shape::ForeignShape;
use crate::columns::Column;
use crate::json::{Reader, SyntaxError};

/// What the members of an object say about its shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    has_spec_version: bool,
    has_event_type: bool,
    has_event_time: bool,
    has_event_id: bool,
    has_action: bool,
    has_occurred_at: bool,
    has_targets: bool,
    has_crud: bool,
    has_created: bool,
    /// `group` or `actor` is an object.
    has_group_or_actor: bool,
    /// `target` is an object.
    has_target: bool,
    /// `event` holds a WorkOS event.
    wraps_workos: bool,
    /// The byte at which the array `events` begins.
    list_at: Option<usize>,
}

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Object,
    Array,
    Other,
}

impl Outline {
    /// The outline of the object that a text begins with. The text may end early or be no JSON: what stands before counts.
    pub fn of(text: &str) -> Self {
        let mut outline = Self::default();
        // Whoever reads the object says what is wrong with it.
        let _is_whole = outline.scan(&mut Reader::new(text), true).is_ok();
        outline
    }

    /// The outline of an object that was read.
    pub(super) fn of_record(record: Record<'_>) -> Self {
        let mut outline = Self::default();
        for (name, value) in record.members() {
            let kind = match record.record(value) {
                Some(_) => Kind::Object,
                None if record.is_array(value) => Kind::Array,
                None => Kind::Other,
            };
            outline.note(name, kind);
            if let (true, Some(event)) = (name == "event", record.record(value)) {
                let inner = event.members().map(|(name, _)| name);
                outline.wraps_workos = is_workos(inner);
            }
        }
        outline
    }

    fn scan(&mut self, reader: &mut Reader<'_>, is_outer: bool) -> Result<(), SyntaxError> {
        reader.skip_whitespace();
        if !reader.take(b'{') {
            return Err(reader.error("an object"));
        }
        reader.skip_whitespace();
        if reader.take(b'}') {
            return Ok(());
        }
        loop {
            if reader.peek() != Some(b'"') {
                return Err(reader.error("a member's name"));
            }
            // A name with escapes is none of those that are looked for.
            let name = reader.string()?.raw();
            reader.colon()?;
            let kind = match reader.peek() {
                Some(b'n') => Kind::Null,
                Some(b'{') => Kind::Object,
                Some(b'[') => Kind::Array,
                _ => Kind::Other,
            };
            self.note(name, kind);
            if is_outer && name == "event" && kind == Kind::Object {
                let mut event = Self::default();
                let _is_whole = event.scan(&mut reader.clone(), false).is_ok();
                self.wraps_workos = event.has_occurred_at && event.has_targets;
            }
            if is_outer && name == "events" && kind == Kind::Array {
                self.list_at.get_or_insert(reader.position);
            }
            reader.skip_value()?;
            if !reader.comma_or(b'}')? {
                return Ok(());
            }
        }
    }

    fn note(&mut self, name: &str, kind: Kind) {
        if kind == Kind::Null {
            return;
        }
        match name {
            "specversion" => self.has_spec_version = true,
            "type" => self.has_event_type = true,
            "action" => self.has_action = true,
            "occurred_at" | "occurredAt" => self.has_occurred_at = true,
            "targets" => self.has_targets = true,
            "crud" => self.has_crud = true,
            "created" => self.has_created = true,
            "group" | "actor" if kind == Kind::Object => self.has_group_or_actor = true,
            "target" if kind == Kind::Object => self.has_target = true,
            _ if name == Column::EventTime.name() => self.has_event_time = true,
            _ if name == Column::EventId.name() => self.has_event_id = true,
            _ => {}
        }
    }

    /// The shape of an event that was posted as JSON, see [`ForeignShape::of_posted`].
    pub fn posted_shape(&self) -> Option<ForeignShape> {
        if self.has_event_time || self.has_event_id {
            return None;
        }
        if self.wraps_workos || (self.has_occurred_at && self.has_targets) {
            return Some(ForeignShape::WorkOs);
        }
        (self.has_crud || (self.has_created && self.has_group_or_actor)).then_some(ForeignShape::Retraced)
    }

    /// The shape of a record that may be anything.
    pub fn shape(&self) -> Option<ForeignShape> {
        if self.has_spec_version && self.has_event_type {
            return Some(ForeignShape::CloudEvents);
        }
        if self.has_event_time && self.has_action {
            return Some(ForeignShape::Exported);
        }
        self.posted_shape()
    }

    /// Whether hardly anything but this shape looks so: an envelope may hold what another format claims, and `created` beside an
    /// `actor` is what anybody might write.
    pub fn is_certain(&self) -> bool {
        match self.shape() {
            Some(ForeignShape::WorkOs | ForeignShape::Exported) => true,
            Some(ForeignShape::Retraced) => {
                self.has_crud && self.has_action && (self.has_created || self.has_group_or_actor || self.has_target)
            }
            Some(ForeignShape::CloudEvents) | None => false,
        }
    }

    /// Where the array of an object `{"events":[…]}` begins, in bytes, if the object is no event itself.
    pub fn list_at(&self) -> Option<usize> {
        self.list_at.filter(|_| self.shape().is_none() && !self.has_event_time && !self.has_action)
    }
}

fn is_workos<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let mut outline = Outline::default();
    names.for_each(|name| outline.note(name, Kind::Other));
    outline.has_occurred_at && outline.has_targets
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKOS: &str = r#"{"action":"a","occurred_at":"2026-03-01T10:00:00Z","targets":[],"context":{}}"#;

    fn shape(text: &str) -> Option<ForeignShape> {
        Outline::of(text).shape()
    }

    #[test]
    fn shapes_are_told_apart_by_the_names_of_their_members() {
        let wrapped = format!(r#"{{"organization_id":"org_1","event":{WORKOS}}}"#);
        for (text, expected) in [
            (WORKOS, Some(ForeignShape::WorkOs)),
            (r#"{"targets":[],"occurredAt":"x"}"#, Some(ForeignShape::WorkOs)),
            (&wrapped, Some(ForeignShape::WorkOs)),
            (r#"{"action":"a","crud":"c"}"#, Some(ForeignShape::Retraced)),
            (r#"{"action":"a","created":"x","group":{}}"#, Some(ForeignShape::Retraced)),
            (r#"{"action":"a","created":"x","actor":{"id":"1"}}"#, Some(ForeignShape::Retraced)),
            (r#"{"action":"a","created":"x","actor":"alice"}"#, None),
            (r#"{"action":"a","created":null,"actor":{}}"#, None),
            (r#"{"specversion":"1.0","type":"t","id":"1"}"#, Some(ForeignShape::CloudEvents)),
            (r#"{"specversion":"1.0","type":"t","data":{"crud":"c","occurred_at":1}}"#, Some(ForeignShape::CloudEvents)),
            (r#"{"event_time":"x","action":"a","crud":"c"}"#, Some(ForeignShape::Exported)),
            (r#"{"event_time":null,"action":"a","crud":"c"}"#, Some(ForeignShape::Retraced)),
            (r#"{"event_id":"e","crud":"c"}"#, None),
            (r#"{"action":"a"}"#, None),
            (r#"{"event":{"created":"2026"},"crud":null}"#, None),
            ("[1]", None),
            ("", None),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn a_posted_event_is_foreign_only_if_it_states_neither_time_nor_id_of_ours() {
        let posted = ForeignShape::of_posted;
        assert_eq!(posted(WORKOS), Some(ForeignShape::WorkOs));
        assert_eq!(posted(&WORKOS.replace("{\"action\"", "{\"event_id\":\"e\",\"action\"")), None);
        assert_eq!(posted(&WORKOS.replace("{\"action\"", "{\"event_time\":\"t\",\"action\"")), None);
        assert_eq!(posted(r#"{"specversion":"1.0","type":"t","id":"1","source":"s"}"#), None);
    }

    #[test]
    fn what_stands_before_the_end_of_a_text_counts() {
        let cut = &WORKOS[..WORKOS.len() - 3];
        assert_eq!(shape(cut), Some(ForeignShape::WorkOs));
        assert_eq!(shape(r#"{"organization_id":"o","event":{"occurredAt":"x","targets":[{"#), Some(ForeignShape::WorkOs));
        assert_eq!(shape(&WORKOS[..30]), None);
    }

    #[test]
    fn a_list_is_found_unless_the_object_is_an_event() {
        assert_eq!(Outline::of(r#"{"events":[{"crud":"c"}"#).list_at(), Some(10));
        assert_eq!(Outline::of(r#"{"next_cursor":null, "events" : [{"#).list_at(), Some(32));
        assert_eq!(Outline::of(r#"{"event_time":"x","events":[1]}"#).list_at(), None);
        assert_eq!(Outline::of(r#"{"crud":"c","events":[1]}"#).list_at(), None);
        assert_eq!(Outline::of(r#"{"events":{}}"#).list_at(), None);
    }
}
