//! An event as JSON: its columns by name, nulls left out, `changes` and `metadata` as the JSON they are.

use auditlake_event::{Column, Event};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::directory::Actor;

/// What a part of a path keeps as it is (`pchar` of RFC 3986); the ids of clients need no encoding.
const PATH_PART: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@').remove(b'=').remove(b'+');
/// What a value in a query keeps as it is.
const QUERY_VALUE: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// An event, to be serialised, with the link to itself if it has one.
#[derive(Debug)]
pub struct EventJson<'e> {
    event: &'e Event<'e>,
    link: Option<String>,
    actor: Option<&'e Actor>,
}

impl<'e> EventJson<'e> {
    /// The event without a link.
    pub fn new(event: &'e Event<'e>) -> Self {
        Self { event, link: None, actor: None }
    }

    /// The event with its link, in which the organization is named if the caller must name it.
    pub fn with_link(event: &'e Event<'e>, names_organization: bool) -> Self {
        Self { event, link: Some(event_link(event, names_organization)), actor: None }
    }

    /// The same with what the directory says of its actor, if it does.
    #[must_use]
    pub fn known_as(self, actor: Option<&'e Actor>) -> Self {
        Self { actor, ..self }
    }
}

/// The path and query at which one event is read in full. Two sources may use the same id: what was not posted names its own.
pub fn event_link(event: &Event<'_>, names_organization: bool) -> String {
    let id = utf8_percent_encode(&event.event_id, &PATH_PART);
    let mut link = format!("/v1/events/{id}?at={}", event.event_time);
    if event.source != "api" {
        link.push_str("&source=");
        link.extend(utf8_percent_encode(&event.source, &QUERY_VALUE));
    }
    if names_organization {
        link.push_str("&organization=");
        link.extend(utf8_percent_encode(&event.organization, &QUERY_VALUE));
    }
    link
}

/// A text that holds JSON, as that JSON; as a text if it is none.
struct JsonText<'t>(&'t str);

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(self.0) {
            Ok(value) => value.serialize(serializer),
            Err(_) => serializer.serialize_str(self.0),
        }
    }
}

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        for column in Column::ALL {
            let name = column.name();
            match column {
                Column::EventTime => map.serialize_entry(name, &event.event_time)?,
                Column::EventTimeNanos => entry(&mut map, name, event.event_time_nanos)?,
                Column::ReceivedTime => map.serialize_entry(name, &event.received_time)?,
                Column::HttpStatus => entry(&mut map, name, event.http_status)?,
                Column::Changes => entry(&mut map, name, event.changes.as_deref().map(JsonText))?,
                Column::Metadata => entry(&mut map, name, event.metadata.as_deref().map(JsonText))?,
                _ => entry(&mut map, name, event.text(*column))?,
            }
        }
        entry(&mut map, "actor_directory", self.actor)?;
        entry(&mut map, "link", self.link.as_deref())?;
        map.end()
    }
}

fn entry<M: SerializeMap, V: Serialize>(map: &mut M, name: &str, value: Option<V>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}
