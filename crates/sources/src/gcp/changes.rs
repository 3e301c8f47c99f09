//! What a call changed, as far as the entry states it.
//!
//! | stated | change |
//! |---|---|
//! | `bindingDeltas` (of `policyDelta`, or BigQuery's `datasetChange`…) | `{"field":"role <role>","before":null,"after":"<member>"}` for `ADD`, before and after exchanged for `REMOVE`. With a condition the member is `{"condition":…,"member":…}` |
//! | `auditConfigDeltas` | the same with the field `audit_log <service>` and the log type; of an exempted member `audit_exemption <service> <log type>` and the member |
//! | `permissionDelta` (of a custom role) | field `permission`, for `addedPermissions` and `removedPermissions` |
//! | `instanceMetadataDelta`, `projectMetadataDelta` | field `instance_metadata <key>`: `"before":null` if it was added, `"after":null` if it was deleted, neither if it was modified: the values are not stated |
//! | `resourceOriginalState` | for each of its members that the request states too: field, before, after (unless equal) |
//! | Google Workspace | `OLD_VALUE`, `NEW_VALUE` of a `SETTING_NAME` (else of the event's name); group members and administrators' roles like bindings: `group <address>`, `role <role>` |
//! | none of these, but a request that sets an IAM policy | field `iam_policy`, after: the policy's bindings, without a before |
//!
//! Deltas are looked for in `serviceData`, and only if none is there in `metadata`. Lists stand in the order of their names.

use std::collections::HashMap;

use crate::json::{self, Json};
use crate::secret::{is_secret, without_secrets};

use super::entry::{Entry, at_path, text_at};

/// How deep in `serviceData` and `metadata` deltas are looked for.
const MAX_DEPTH: usize = 4;

/// One side of a change.
#[derive(Clone, Copy)]
enum Side<'r> {
    /// It was not there.
    Nothing,
    Text(&'r str),
    Json(&'r Json<'r>),
    /// A member of a policy, under a condition.
    Conditional(&'r str, &'r Json<'r>),
}

/// Appends the changes of an entry as normalised JSON; returns whether there are any (nothing is appended if not).
pub(super) fn write(entry: &Entry<'_>, out: &mut String) -> bool {
    let mut changes = Changes { out, is_empty: true };
    for structure in [entry.service_data, entry.metadata].into_iter().flatten() {
        if changes.is_empty {
            changes.deltas(structure, 0);
        }
    }
    if let (Some(before), Some(after)) = (entry.original_state, entry.request) {
        changes.states(before, after);
    }
    for activity in entry.activities() {
        changes.activity(activity);
    }
    if changes.is_empty {
        changes.policy(entry);
    }
    changes.finish()
}

struct Changes<'o> {
    out: &'o mut String,
    is_empty: bool,
}

impl Changes<'_> {
    /// Appends a change. `None`: what was (or is) there is not stated.
    fn change(&mut self, field: &[&str], before: Option<Side<'_>>, after: Option<Side<'_>>) {
        self.out.push_str(if self.is_empty { "[{" } else { ",{" });
        self.is_empty = false;
        for (name, side) in [("\"after\":", after), ("\"before\":", before)] {
            if let Some(side) = side {
                self.out.push_str(name);
                write_side(side, self.out);
                self.out.push(',');
            }
        }
        self.out.push_str("\"field\":");
        let field: Vec<&str> = field.iter().copied().filter(|part| !part.is_empty()).collect();
        json::write_text(&without_secrets(&field.join(" ")), self.out);
        self.out.push('}');
    }

    /// Appends what an `ADD` or `REMOVE` did to a set. Another action is none that is known.
    fn member_of_set(&mut self, action: Option<&str>, field: &[&str], member: Side<'_>) {
        match action {
            Some("ADD") => self.change(field, Some(Side::Nothing), Some(member)),
            Some("REMOVE") => self.change(field, Some(member), Some(Side::Nothing)),
            _ => {}
        }
    }

    fn deltas(&mut self, value: &Json<'_>, depth: usize) {
        let Some(members) = value.members().filter(|_| depth < MAX_DEPTH) else { return };
        for (name, value) in members.iter() {
            match name.to_ascii_lowercase().as_str() {
                "bindingdeltas" => value.elements().iter().for_each(|delta| self.binding(delta)),
                "auditconfigdeltas" => value.elements().iter().for_each(|delta| self.audit_config(delta)),
                "permissiondelta" => self.role_permissions(value),
                "instancemetadatadelta" => self.keys("instance_metadata", value),
                "projectmetadatadelta" => self.keys("project_metadata", value),
                _ => self.deltas(value, depth + 1),
            }
        }
    }

    fn binding(&mut self, delta: &Json<'_>) {
        let (Some(role), Some(member)) = (text_at(delta, "role"), text_at(delta, "member")) else { return };
        let condition = delta.get_any_case("condition").filter(|condition| !condition.is_vacant());
        let side = condition.map_or(Side::Text(member), |condition| Side::Conditional(member, condition));
        self.member_of_set(text_at(delta, "action"), &["role", role], side);
    }

    fn audit_config(&mut self, delta: &Json<'_>) {
        let service = text_at(delta, "service").unwrap_or_default();
        let log_type = text_at(delta, "logType").unwrap_or_default();
        let action = text_at(delta, "action");
        match text_at(delta, "exemptedMember") {
            Some(member) => self.member_of_set(action, &["audit_exemption", service, log_type], Side::Text(member)),
            None => self.member_of_set(action, &["audit_log", service], Side::Text(log_type)),
        }
    }

    fn role_permissions(&mut self, delta: &Json<'_>) {
        for (list, action) in [("addedPermissions", "ADD"), ("removedPermissions", "REMOVE")] {
            let permissions = delta.get_any_case(list).map(Json::elements).unwrap_or_default();
            for permission in permissions.iter().filter_map(Json::text) {
                self.member_of_set(Some(action), &["permission"], Side::Text(permission));
            }
        }
    }

    fn keys(&mut self, field: &str, delta: &Json<'_>) {
        for (list, before, after) in [
            ("addedMetadataKeys", Some(Side::Nothing), None),
            ("modifiedMetadataKeys", None, None),
            ("deletedMetadataKeys", None, Some(Side::Nothing)),
        ] {
            let keys = delta.get_any_case(list).map(Json::elements).unwrap_or_default();
            for key in keys.iter().filter_map(Json::text) {
                self.change(&[field, key], before, after);
            }
        }
    }

    fn states(&mut self, before: &Json<'_>, after: &Json<'_>) {
        let (Some(before), Some(after)) = (before.members(), after.members()) else { return };
        let after: HashMap<&str, &Json<'_>> = after.iter().collect();
        for (name, old) in before.iter().filter(|(name, _)| *name != "@type") {
            if let Some(new) = after.get(name).copied().filter(|new| *new != old) {
                let is_hidden = is_secret(name);
                let side = |value| if is_hidden { Side::Text(json::REDACTED) } else { Side::Json(value) };
                self.change(&[name], Some(side(old)), Some(side(new)));
            }
        }
    }

    fn activity(&mut self, activity: &Json<'_>) {
        let parameters = activity.get_any_case("parameter").map(Json::elements).unwrap_or_default();
        // Read once: there may be as many of them as a record holds.
        let mut named = [None; 6];
        const NAMES: [&str; 6] = ["SETTING_NAME", "OLD_VALUE", "NEW_VALUE", "USER_EMAIL", "GROUP_EMAIL", "ROLE_NAME"];
        for parameter in parameters {
            let name = text_at(parameter, "name").unwrap_or_default();
            if let Some(slot) = NAMES.iter().position(|known| *known == name).and_then(|at| named.get_mut(at)) {
                *slot = slot.or_else(|| parameter_value(parameter));
            }
        }
        let [setting, old, new, user, group, role] = named;
        let event = text_at(activity, "eventName").unwrap_or_default();
        if old.is_some() || new.is_some() {
            let field = setting.and_then(Json::text).unwrap_or(event);
            return self.change(&[field], old.map(Side::Json), new.map(Side::Json));
        }
        let Some(user) = user.and_then(Json::text) else { return };
        let (action, kind, set) = match event {
            "ADD_GROUP_MEMBER" => ("ADD", "group", group),
            "REMOVE_GROUP_MEMBER" => ("REMOVE", "group", group),
            "ASSIGN_ROLE" => ("ADD", "role", role),
            "UNASSIGN_ROLE" => ("REMOVE", "role", role),
            _ => return,
        };
        if let Some(set) = set.and_then(Json::text) {
            self.member_of_set(Some(action), &[kind, set], Side::Text(user));
        }
    }

    /// A request that sets a whole policy, where the entry has no `policyDelta` at all: an empty one says that nothing changed.
    fn policy(&mut self, entry: &Entry<'_>) {
        let method = entry.audit_text("methodName").unwrap_or_default().to_ascii_lowercase();
        let has_delta = entry.service_data.is_some_and(|data| data.get_any_case("policyDelta").is_some());
        let bindings = entry.request.and_then(|request| at_path(request, &["policy", "bindings"]));
        if let Some(bindings) = bindings.filter(|_| method.ends_with("setiampolicy") && !has_delta) {
            self.change(&["iam_policy"], None, Some(Side::Json(bindings)));
        }
    }

    fn finish(self) -> bool {
        if !self.is_empty {
            self.out.push(']');
        }
        !self.is_empty
    }
}

/// The value of a parameter of a Google Workspace event.
pub(super) fn parameter_value<'r>(parameter: &'r Json<'r>) -> Option<&'r Json<'r>> {
    ["value", "multiStrValue", "boolValue", "intValue", "multiValue"].iter().find_map(|name| parameter.get_any_case(name))
}

fn write_side(side: Side<'_>, out: &mut String) {
    match side {
        Side::Nothing => out.push_str("null"),
        Side::Text(text) => json::write_text(&without_secrets(text), out),
        Side::Json(value) => json::write_without_secrets(value, &is_secret, out),
        Side::Conditional(member, condition) => {
            out.push_str("{\"condition\":");
            json::write_without_secrets(condition, &is_secret, out);
            out.push_str(",\"member\":");
            json::write_text(&without_secrets(member), out);
            out.push('}');
        }
    }
}
