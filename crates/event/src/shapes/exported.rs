//! Our own JSON: an event as a lake answers it, or as a program spools what it posts elsewhere.
//!
//! Every member is what it would be in a posted event. What the lake sets itself (`source`, `received_time`, `seal_time`) is kept
//! in `metadata` under `exported`, because the lake that takes the event in now sets its own. The `raw` and the `link` of an
//! answer are left out: the one is part of the record that an import keeps, the other leads to another lake. An `event_id` that a
//! client may not choose, as those of imported events, is taken as it is.

use super::converted::{Draft, OwnId, object_json};
use super::record::Record;
use crate::columns::Column;
use crate::event_id::is_event_id;
use crate::limits::MAX_EVENT_ID_CHARS;

/// The member of `metadata` that holds what the exporting lake had set.
const EXPORTED: &str = "exported";
const SET_BY_LAKE: [Column; 3] = [Column::Source, Column::ReceivedTime, Column::SealTime];

pub(super) fn convert(record: Record<'_>, draft: &mut Draft) {
    let is_answer = record.get(Column::ReceivedTime.name()).is_some();
    let is_left_out = |name: &str| name == Column::Raw.name() || (is_answer && name == "link");
    let is_set_by_lake = |name: &str| SET_BY_LAKE.iter().any(|column| column.name() == name);
    let is_imported_id = |id: &&str| !is_event_id(id) && id.chars().count() <= MAX_EVENT_ID_CHARS;
    let imported_id = record.text(Column::EventId.name()).filter(is_imported_id);
    imported_id.into_iter().for_each(|id| draft.own_id(OwnId::Event(id.to_owned())));
    let is_imported_id = |name: &str| imported_id.is_some() && name == Column::EventId.name();
    members(record, "", draft, |name| is_set_by_lake(name) || is_left_out(name) || is_imported_id(name));
    draft.keep_outer(EXPORTED, object_json(record, record.members().filter(|(name, _)| is_set_by_lake(name))));
}

/// Takes over the members of an event of ours, but for some.
pub(super) fn members(record: Record<'_>, prefix: &str, draft: &mut Draft, is_left_out: impl Fn(&str) -> bool) {
    for (name, value) in record.members().filter(|(name, _)| !is_left_out(name)) {
        let path = format!("{prefix}{name}");
        match Column::from_name(name) {
            Some(Column::Metadata) => draft.their_metadata(record, prefix),
            Some(column) => draft.column(column, record, value, path),
            None => draft.other(name, record, value, path),
        }
    }
}
