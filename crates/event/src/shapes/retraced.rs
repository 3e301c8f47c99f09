//! Retraced (<https://github.com/retracedhq/retraced>): the events that its publisher API takes.
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `external_id`; with a group a UUIDv5 over its id, a zero byte and `external_id`, because each tenant of the sender counts for itself; so too where it cannot be an id |
//! | `event_time`, `action` | `created`, `action`. Retraced takes the time of receipt for a missing `created`; here it is required |
//! | `outcome` | `is_failure`: `failure`, or `success` if it is stated as `false`; else `unknown` |
//! | `actor_id`, `actor_name` | `actor.id`, `.name` |
//! | `actor_type` | `anonymous` if `is_anonymous` |
//! | `resource_…` | `target` |
//! | `scope_type`, `scope_id` | `group`, `group.id` |
//! | `source_ip` | `source_ip` (of a list the first address, without a port) |
//! | `service_name` | `component` |
//! | `metadata` | `metadata`; beside it everything else under its own name: `crud`, `description`, `fields`, `version`, `actor`, `target` and `group` with what is left of them |

use super::converted::{Draft, OwnId, object_json};
use super::record::Record;
use crate::absence::stated;
use crate::address::client_address;
use crate::columns::Column;
use crate::model::{ActorType, Outcome};

pub(super) fn convert(event: Record<'_>, prefix: &str, draft: &mut Draft) {
    let mut used =
        vec!["actor", "component", "group", "is_anonymous", "is_failure", "metadata", "organization", "region", "target"];
    for (name, column) in [("created", Column::EventTime), ("action", Column::Action)] {
        let path = format!("{prefix}{name}");
        match event.get(name) {
            Some(node) => draft.column(column, event, node, path),
            None => draft.name(column, path),
        }
        used.push(name);
    }
    if let Some(is_failure) = draft.truth(event, "is_failure", prefix) {
        let outcome = if is_failure { Outcome::Failure } else { Outcome::Success };
        draft.column_text(Column::Outcome, outcome.as_str(), format!("{prefix}is_failure"));
    }
    if draft.truth(event, "is_anonymous", prefix) == Some(true) {
        draft.column_text(Column::ActorType, ActorType::Anonymous.as_str(), format!("{prefix}is_anonymous"));
    }
    party(event, "actor", &[("id", Column::ActorId), ("name", Column::ActorName)], prefix, draft);
    let target = [("id", Column::ResourceId), ("name", Column::ResourceName), ("type", Column::ResourceType)];
    party(event, "target", &target, prefix, draft);
    party(event, "group", &[("id", Column::ScopeId)], prefix, draft);
    if draft.states(Column::ScopeId) {
        draft.column_text(Column::ScopeType, "group", format!("{prefix}group.id"));
    }
    let group = event.get("group").and_then(|group| event.record(group)?.text("id"));
    group.into_iter().for_each(|group| draft.account(group));

    if let Some(node) = event.get("source_ip") {
        let path = format!("{prefix}source_ip");
        let text = event.text_of(node);
        match text.and_then(client_address) {
            // What it was taken from is kept whole.
            Some(address) => draft.column_text(Column::SourceIp, &address, path),
            // A word that says that the sender knows none is no address, and stays where it stands.
            None if text.is_some_and(|text| stated(text).is_none()) => {}
            None => {
                draft.column(Column::SourceIp, event, node, path);
                used.push("source_ip");
            }
        }
    }
    if let Some(node) = event.get("component") {
        draft.column(Column::ServiceName, event, node, format!("{prefix}component"));
    }
    if let Some(node) = event.get("external_id") {
        match event.text_of(node) {
            Some(id) => {
                let event_id = group.map_or_else(|| OwnId::of_text("", id), |group| OwnId::within(group, id));
                if event_id == id {
                    used.push("external_id");
                }
                draft.own_id(OwnId::Event(event_id));
            }
            None if event.is_text(node) => {}
            None => draft.refuse(format!("{prefix}external_id"), "must be a string"),
        }
    }
    draft.their_metadata(event, prefix);
    draft.place(event, prefix);
    draft.keep_rest(event, &used, prefix);
}

/// Whoever or whatever took part: some members are columns, the others are kept.
fn party(event: Record<'_>, name: &str, columns: &[(&str, Column)], prefix: &str, draft: &mut Draft) {
    let Some(party) = draft.record(event, name, prefix) else { return };
    let path = format!("{prefix}{name}");
    for (member, column) in columns {
        if let Some(node) = party.get(member) {
            draft.column(*column, party, node, format!("{path}.{member}"));
        }
    }
    let is_kept = |member: &str| columns.iter().all(|(column, _)| *column != member);
    draft.keep(name, object_json(party, party.members().filter(|(member, _)| is_kept(member))), path);
}
