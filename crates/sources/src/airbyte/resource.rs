//! What an operation was done to, and where that lies.

use super::entry::{Entry, stated};
use super::operation::subject_of;

/// What an operation was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Resource<'r> {
    pub kind: Option<&'static str>,
    pub id: Option<&'r str>,
    pub name: Option<&'r str>,
}

/// Reads the resource: of a permission the user who has it (`targetUser`, whose e-mail address is the name; a group's or an
/// application's permission has none), else what the operation's name says, with the id that the request or the response has
/// for it.
pub(super) fn of<'r>(entry: &'r Entry<'_>) -> Resource<'r> {
    let Some(subject) = entry.operation.and_then(subject_of) else { return Resource::default() };
    if let Some(user) = entry.bodies().find_map(|body| body.get("targetUser")) {
        let text = |name: &str| user.text_at(name).and_then(stated);
        if let Some(id) = text("id") {
            return Resource { kind: Some("user"), id: Some(id), name: text("email") };
        }
    }
    let find = |names: &[&str]| names.iter().find_map(|name| entry.in_bodies(name));
    Resource { kind: Some(subject.kind), id: find(subject.ids), name: find(subject.names) }
}

/// Where an operation applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scope<'r> {
    pub kind: Option<&'r str>,
    pub id: Option<&'r str>,
}

/// Reads the scope, by the first that is stated: where a permission applies (`targetScope`; the instance has no id), the
/// workspace (of the entry, else of its bodies), the organization.
pub(super) fn scope<'r>(entry: &'r Entry<'_>) -> Scope<'r> {
    if let Some((kind, id)) = entry.target_scope() {
        return Scope { kind: Some(kind), id };
    }
    if let Some(id) = entry.workspace_id.or_else(|| entry.in_bodies("workspaceId")) {
        return Scope { kind: Some("workspace"), id: Some(id) };
    }
    match entry.organization_id.or_else(|| entry.in_bodies("organizationId")) {
        Some(id) => Scope { kind: Some("organization"), id: Some(id) },
        None => Scope::default(),
    }
}
