//! WorkOS Audit Logs (<https://workos.com/docs/reference/audit-logs>): bare events, or as its API takes them
//! (`{"organization_id":…,"event":{…},"idempotency_key":…}`); in the spelling of the wire or of the SDKs (`occurredAt`).
//!
//! | column | from |
//! |---|---|
//! | `event_id` | `idempotency_key`: a UUIDv5 over `organization_id`, a zero byte and the key; else `id`, as WorkOS forwards its events |
//! | `event_time`, `action` | `occurred_at`, `action` |
//! | `actor_id`, `actor_name`, `actor_type` | `actor.id`, `.name`, `.type` if it is a word of ours |
//! | `resource_…` | `targets[0]` |
//! | `scope_type`, `scope_id` | `organization`, `organization_id` |
//! | `source_ip`, `user_agent` | `context.location` (of a list the first address, without a port), `context.user_agent` |
//! | `metadata` | `metadata`; beside it `targets` (if there are several, or one says more than a column holds), and everything else under its own name: `organization_id`, `idempotency_key`, `version`, `actor` and `context` with what is left of them |
//! | `outcome` | WorkOS has none: `unknown` |

use super::converted::{Draft, OwnId, object_json};
use super::record::Record;
use crate::absence::stated;
use crate::address::client_address;
use crate::columns::Column;
use crate::event_id::is_event_id;
use crate::model::ActorType;
use uuid::Uuid;

/// The namespace of ids derived from an idempotency key (a random UUID, fixed for ever).
const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x75a2_c0dd_6d76_4966_972e_ac19_3dd2_29f5);

const ORGANIZATION_NAMES: [&str; 2] = ["organization_id", "organizationId"];
const KEY_NAMES: [&str; 2] = ["idempotency_key", "idempotencyKey"];
const TIME_NAMES: [&str; 2] = ["occurred_at", "occurredAt"];
const AGENT_NAMES: [&str; 2] = ["user_agent", "userAgent"];

pub(super) fn convert(record: Record<'_>, prefix: &str, draft: &mut Draft) {
    let wrapped = record.get("event").and_then(|event| record.record(event));
    let wrapped = wrapped.filter(|_| record.first_of(&TIME_NAMES).is_none());
    let event = wrapped.unwrap_or(record);
    let path = if wrapped.is_some() { format!("{prefix}event.") } else { prefix.to_owned() };
    let mut used = vec!["action", "actor", "targets", "context", "metadata", "organization", "region"];

    match event.first_of(&TIME_NAMES) {
        Some((name, node)) => {
            draft.column(Column::EventTime, event, node, format!("{path}{name}"));
            used.push(name);
        }
        None => draft.name(Column::EventTime, format!("{path}{}", TIME_NAMES[0])),
    }
    match event.get("action") {
        Some(node) => draft.column(Column::Action, event, node, format!("{path}action")),
        None => draft.name(Column::Action, format!("{path}action")),
    }
    actor(event, &path, draft);
    targets(event, &path, draft);
    context(event, &path, draft);
    draft.their_metadata(event, &path);
    // Both may stand in the wrapping or in the event.
    identity(record, prefix, draft, &mut used);
    draft.place(record, prefix);
    draft.place(event, &path);
    if wrapped.is_some() {
        let mut used_outside = vec!["event", "organization", "region"];
        used_outside.extend(ORGANIZATION_NAMES.iter().chain(&KEY_NAMES));
        identity(event, &path, draft, &mut used);
        draft.keep_rest(record, &used_outside, prefix);
    }
    draft.keep_rest(event, &used, &path);
}

/// The tenant and the id.
fn identity(record: Record<'_>, prefix: &str, draft: &mut Draft, used: &mut Vec<&str>) {
    let organization = record.first_of(&ORGANIZATION_NAMES);
    if let Some((name, node)) = organization {
        let path = format!("{prefix}{name}");
        draft.column_text(Column::ScopeType, "organization", &path);
        draft.column(Column::ScopeId, record, node, &path);
        draft.keep(ORGANIZATION_NAMES[0], Some(record.json(node)), &path);
        record.text_of(node).into_iter().for_each(|organization| draft.account(organization));
        used.push(name);
    }
    if let Some((name, node)) = record.first_of(&KEY_NAMES) {
        let path = format!("{prefix}{name}");
        match record.text_of(node) {
            Some(key) => {
                let organization = organization.and_then(|(_, node)| record.text_of(node)).unwrap_or_default();
                let name = [organization.as_bytes(), &[0], key.as_bytes()].concat();
                draft.own_id(OwnId::Event(Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, &name).to_string()));
            }
            None if record.is_text(node) => {}
            None => draft.refuse(&path, "must be a string"),
        }
        draft.keep(KEY_NAMES[0], Some(record.json(node)), &path);
        used.push(name);
    } else if let Some(id) = record.text("id") {
        draft.own_id(OwnId::Event(OwnId::of_text("workos", id)));
        if is_event_id(id) {
            used.push("id");
        }
    }
}

fn actor(event: Record<'_>, path: &str, draft: &mut Draft) {
    let Some(actor) = draft.record(event, "actor", path) else { return };
    let path = format!("{path}actor");
    let mut used = vec!["id", "name"];
    for (name, column) in [("id", Column::ActorId), ("name", Column::ActorName)] {
        if let Some(node) = actor.get(name) {
            draft.column(column, actor, node, format!("{path}.{name}"));
        }
    }
    if let Some(kind) = actor.text("type").and_then(actor_type) {
        draft.column_text(Column::ActorType, kind.as_str(), format!("{path}.type"));
        used.push("type");
    }
    draft.keep("actor", object_json(actor, actor.members().filter(|(name, _)| !used.contains(name))), path);
}

/// A sender names its types of actors freely: only a word of ours, however it is spelled, is one of ours.
fn actor_type(text: &str) -> Option<ActorType> {
    let letters = |text: &str| text.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect::<String>();
    let is_same = |kind: &&ActorType| letters(kind.as_str()).eq_ignore_ascii_case(&letters(text));
    ActorType::ALL.iter().find(is_same).copied()
}

fn targets(event: Record<'_>, path: &str, draft: &mut Draft) {
    let Some(node) = event.get("targets") else { return };
    let path = format!("{path}targets");
    let Some(elements) = event.elements(node) else { return draft.refuse(path, "must be an array of JSON objects") };
    let mut says_more = elements.len() > 1;
    for (position, element) in elements.enumerate() {
        let Some(target) = event.record(element) else {
            draft.refuse(format!("{path}[{position}]"), "must be a JSON object");
            continue;
        };
        if position > 0 {
            continue;
        }
        for (name, column) in [("id", Column::ResourceId), ("name", Column::ResourceName), ("type", Column::ResourceType)] {
            if let Some(node) = target.get(name) {
                draft.column(column, target, node, format!("{path}[0].{name}"));
            }
        }
        says_more |= target.members().any(|(name, _)| !matches!(name, "id" | "name" | "type"));
    }
    draft.keep("targets", says_more.then(|| event.json(node)), path);
}

fn context(event: Record<'_>, path: &str, draft: &mut Draft) {
    let Some(context) = draft.record(event, "context", path) else { return };
    let path = format!("{path}context");
    let mut used = Vec::new();
    if let Some(node) = context.get("location") {
        let location = format!("{path}.location");
        let text = context.text_of(node);
        match text.and_then(client_address) {
            // What it was taken from is kept whole.
            Some(address) => draft.column_text(Column::SourceIp, &address, location),
            // A word that says that the sender knows none is no address, and stays where it stands.
            None if text.is_some_and(|text| stated(text).is_none()) => {}
            None => {
                draft.column(Column::SourceIp, context, node, location);
                used.push("location");
            }
        }
    }
    if let Some((name, node)) = context.first_of(&AGENT_NAMES) {
        draft.column(Column::UserAgent, context, node, format!("{path}.{name}"));
        used.push(name);
    }
    draft.keep("context", object_json(context, context.members().filter(|(name, _)| !used.contains(name))), path);
}
