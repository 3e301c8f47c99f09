//! CloudEvents 1.0, JSON format (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).
//!
//! `data` is the event: one of ours, or a WorkOS or Retraced one. What it does not state comes from the envelope:
//!
//! | column | from |
//! |---|---|
//! | `event_id` | a UUIDv5 over `source`, a zero byte and `id`: only both together name an event |
//! | `event_time`, `action`, `resource_id` | `time`, `type`, `subject` |
//! | `metadata.cloudevent` | the envelope: every attribute but `specversion`, extensions included, and `data` that is no object |

use super::converted::{Draft, OwnId, object_json};
use super::outline::Outline;
use super::record::Record;
use super::shape::ForeignShape;
use super::{exported, retraced, workos};
use crate::columns::Column;

/// The member of `metadata` under which the envelope is kept.
const ENVELOPE: &str = "cloudevent";

/// The columns that the envelope states, if `data` does not.
const FROM_ENVELOPE: [(Column, &str); 3] =
    [(Column::EventTime, "time"), (Column::Action, "type"), (Column::ResourceId, "subject")];

pub(super) fn convert(event: Record<'_>, draft: &mut Draft) {
    let mut required = |name: &str| {
        let text = event.text(name);
        if text.is_none() {
            draft.refuse(name, "is required in a CloudEvent and must be a text");
        }
        text
    };
    match required("specversion") {
        Some("1.0") => {}
        // What the attributes of another version mean is not known.
        Some(_) => return draft.refuse("specversion", "must be 1.0"),
        None => return,
    }
    let (id, source, _) = (required("id"), required("source"), required("type"));
    if event.get("data").is_some() && event.get("data_base64").is_some() {
        draft.refuse("data_base64", "must not be stated together with data");
    }
    let data = event.get("data").and_then(|data| event.record(data));
    if let Some(data) = data {
        match Outline::of_record(data).posted_shape() {
            Some(ForeignShape::WorkOs) => workos::convert(data, "data.", draft),
            Some(ForeignShape::Retraced) => retraced::convert(data, "data.", draft),
            _ => exported::members(data, "data.", draft, |_| false),
        }
    }
    for (column, attribute) in FROM_ENVELOPE {
        if draft.states(column) {
            continue;
        }
        match event.get(attribute) {
            Some(node) => draft.column(column, event, node, attribute),
            None if column == Column::EventTime => draft.name(column, attribute),
            None => {}
        }
    }
    if let (Some(source), Some(id)) = (source, id) {
        draft.own_id(OwnId::Envelope { source: source.to_owned(), id: id.to_owned() });
    }
    let is_envelope = |name: &str| name != "specversion" && (name != "data" || data.is_none());
    draft.keep_outer(ENVELOPE, object_json(event, event.members().filter(|(name, _)| is_envelope(name))));
}
