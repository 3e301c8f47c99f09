//! What an operation changed: roles from and to, else the new state as far as a request states it.

use crate::json::{self, Json};

use super::entry::Entry;
use super::redaction::{is_mask, is_secret};

/// A member of a request that becomes a change: operation, member, field. Of these only the new state is known.
const RULES: &[(&str, &str, &str)] = &[
    ("activateSsoConfig", "emailDomain", "email_domain"),
    ("addGroupMember", "userId", "member"),
    ("createGroupPermission", "permissionType", "role"),
    ("createSsoConfig", "defaultRole", "default_role"),
    ("createSsoConfig", "emailDomain", "email_domain"),
    ("createSsoConfig", "status", "status"),
    ("enableScim", "idpProvider", "idp_provider"),
    ("setOrganizationAgenticStatus", "isAgentic", "is_agentic"),
    ("updateConnection", "name", "name"),
    ("updateConnection", "status", "status"),
    ("updateGroup", "description", "description"),
    ("updateGroup", "name", "name"),
    ("updateOrganization", "email", "email"),
    ("updateOrganization", "organizationName", "organization_name"),
    ("updateUser", "name", "name"),
    ("updateUser", "status", "status"),
    ("updateWorkspace", "email", "email"),
    ("updateWorkspace", "name", "name"),
    ("updateWorkspaceName", "name", "name"),
    ("updateWorkspaceOrganization", "organizationId", "organization_id"),
    ("webBackendUpdateConnection", "name", "name"),
    ("webBackendUpdateConnection", "status", "status"),
];
/// Members of a request that state what is no more: operation, member, field.
const REMOVALS: &[(&str, &str, &str)] = &[("removeGroupMember", "userId", "member")];

/// A role that a permission gives; inside `Some`, `None` states that there is none.
type Role<'r> = Option<Option<&'r Json<'r>>>;

/// What the member says, `null` included. A mask says nothing.
fn role<'r>(body: &'r Json<'r>, name: &str) -> Role<'r> {
    let (_, value) = body.members()?.iter().find(|(member, _)| *member == name)?;
    match value {
        Json::Null => Some(None),
        Json::Text(text) if !text.is_empty() && !is_mask(text) => Some(Some(value)),
        _ => None,
    }
}

/// The role that a permission had before, and the one asked for.
pub(super) fn roles<'r>(entry: &'r Entry<'r>) -> (Role<'r>, Role<'r>) {
    let has_roles = |body: &&Json<'r>| role(body, "previousRole").is_some() || role(body, "newRole").is_some();
    let body = entry.bodies().find(has_roles);
    body.map_or((None, None), |body| (role(body, "previousRole"), role(body, "newRole")))
}

/// Appends the changes of an entry that succeeded as normalised JSON; returns whether there are any (nothing is appended if not).
pub(super) fn write<'r>(entry: &'r Entry<'r>, out: &mut String) -> bool {
    let start = out.len();
    let (previous, new) = roles(entry);
    if previous.flatten() != new.flatten() {
        write_change("role", previous, new, out);
    }
    let Some(operation) = entry.operation else { return false };
    let rules = RULES.iter().map(|rule| (rule, false)).chain(REMOVALS.iter().map(|rule| (rule, true)));
    for ((_, member, field), is_removal) in rules.filter(|((of, ..), _)| *of == operation) {
        let value = entry.request.as_deref().and_then(|request| request.get(member));
        let is_stated = |value: &&Json<'_>| !value.is_vacant() && !value.text().is_some_and(is_mask);
        let Some(value) = value.filter(is_stated) else { continue };
        if is_removal {
            write_change(field, Some(Some(value)), Some(None), out);
        } else {
            write_change(field, None, Some(Some(value)), out);
        }
    }
    if out.len() == start {
        return false;
    }
    out.push(']');
    true
}

fn write_change(field: &str, before: Role<'_>, after: Role<'_>, out: &mut String) {
    let mut separator = if out.is_empty() { "[{" } else { ",{" };
    for (name, state) in [("after", after), ("before", before)] {
        let Some(value) = state else { continue };
        out.push_str(separator);
        separator = ",";
        json::write_text(name, out);
        out.push(':');
        json::write_without_secrets(value.unwrap_or(&Json::Null), &is_secret, out);
    }
    out.push_str(separator);
    out.push_str("\"field\":");
    json::write_text(field, out);
    out.push('}');
}
