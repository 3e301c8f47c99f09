//! Classes of events: what they are called, what their activities are, and which are audit records.
//! (<https://schema.ocsf.io>, versions 1.0 to 1.8)

use auditlake_event::Category;

use crate::json::Json;
use crate::source::contains_any_case;
use crate::summary::SetAsideKind;

use super::record::{Record, number};

/// A class that audit logs use: its number, its name, and the names of its activities from 1 on.
struct Class {
    uid: i64,
    name: &'static str,
    activities: &'static [&'static str],
}

#[rustfmt::skip]
const CLASSES: [Class; 15] = [
    Class { uid: 3001, name: "Account Change", activities: &["Create", "Enable", "Password Change", "Password Reset", "Disable", "Delete", "Attach Policy", "Detach Policy", "Lock", "MFA Factor Enable", "MFA Factor Disable", "Unlock"] },
    Class { uid: 3002, name: "Authentication", activities: &["Logon", "Logoff", "Authentication Ticket", "Service Ticket Request", "Service Ticket Renew", "Preauth", "Account Switch"] },
    Class { uid: 3003, name: "Authorize Session", activities: &["Assign Privileges", "Assign Groups"] },
    Class { uid: 3004, name: "Entity Management", activities: &["Create", "Read", "Update", "Delete", "Move", "Enroll", "Unenroll", "Enable", "Disable", "Activate", "Deactivate", "Suspend", "Resume"] },
    Class { uid: 3005, name: "User Access Management", activities: &["Assign Privileges", "Revoke Privileges", "Assign Roles", "Remove Roles"] },
    Class { uid: 3006, name: "Group Management", activities: &["Assign Privileges", "Revoke Privileges", "Add User", "Remove User", "Delete", "Create", "Add Subgroup", "Remove Subgroup", "Update"] },
    Class { uid: 3007, name: "User Management", activities: &["Create", "Update", "Delete", "Enable", "Disable", "Lock", "Unlock", "Password Change", "Password Reset", "Attach Policies", "Detach Policies", "MFA Factor Enable", "MFA Factor Disable", "Assign Privileges", "Remove Privileges", "Assign Roles", "Remove Roles"] },
    Class { uid: 3008, name: "Role Management", activities: &["Create", "Update", "Delete", "Assign Privileges", "Remove Privileges", "Assign Resources", "Remove Resources", "Attach Policies", "Detach Policies", "Add Programmatic Credentials", "Remove Programmatic Credentials"] },
    Class { uid: 6001, name: "Web Resources Activity", activities: &["Create", "Read", "Update", "Delete", "Search", "Import", "Export", "Share"] },
    Class { uid: 6002, name: "Application Lifecycle", activities: &["Install", "Remove", "Start", "Stop", "Restart", "Enable", "Disable", "Update"] },
    Class { uid: 6003, name: "API Activity", activities: &["Create", "Read", "Update", "Delete"] },
    Class { uid: 6004, name: "Web Resource Access Activity", activities: &["Access Grant", "Access Deny", "Access Revoke", "Access Error"] },
    Class { uid: 6005, name: "Datastore Activity", activities: &["Read", "Update", "Connect", "Query", "Write", "Create", "Delete", "List", "Encrypt", "Decrypt"] },
    Class { uid: 6006, name: "File Hosting Activity", activities: &["Upload", "Download", "Update", "Delete", "Rename", "Copy", "Move", "Restore", "Preview", "Lock", "Unlock", "Share", "Unshare", "Open", "Sync", "Unsync"] },
    Class { uid: 6007, name: "Scan Activity", activities: &["Started", "Completed", "Cancelled"] },
];

/// The number of a record's class: `class_uid`, else the class that `type_uid` begins with, else that of the name in
/// `class_name`, or in `class_uid` where that is a name.
pub(super) fn uid(record: &Record<'_>) -> Option<i64> {
    let by_name = |path: &str| {
        let name = record.at(&[path])?.text()?;
        CLASSES.iter().find(|class| class.name.eq_ignore_ascii_case(name.trim())).map(|class| class.uid)
    };
    number(record.at(&["class_uid"]))
        .or_else(|| number(record.at(&["type_uid"])).map(|uid| uid / 100))
        .or_else(|| by_name("class_uid"))
        .or_else(|| by_name("class_name"))
}

/// The number of a record's category: `category_uid`, else the one that its class lies in. Classes of extensions have the
/// extension's number before their own.
pub(super) fn category(record: &Record<'_>, class: i64) -> i64 {
    number(record.at(&["category_uid"])).unwrap_or(class % 100_000 / 1_000)
}

/// The number of a record's activity: `activity_id`, else what `type_uid` ends with.
pub(super) fn activity(record: &Record<'_>) -> Option<i64> {
    number(record.at(&["activity_id"])).or_else(|| number(record.at(&["type_uid"])).map(|uid| uid % 100))
}

/// What is done with a record of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Event,
    SetAside(SetAsideKind),
    Quarantine(&'static str),
}

/// Which records are audit records:
///
/// | category | |
/// |---|---|
/// | 3 (identity and access), 6 (application), 7 (remediation) | an event |
/// | any other, and the record names a user or session as its actor | an event |
/// | 2 (findings), 5 (discovery), 4001, 4002, 4003, 4004, 4013 (flows, HTTP, DNS, DHCP, NTP) | set aside: what a program observed |
/// | any other: 1 (system), other classes of 4, 8 (unmanned systems), 0, unknown ones | quarantined: it may be an act, and says not whose |
pub(super) fn usage(record: &Record<'_>, class: i64, category: i64) -> Use {
    let named = [["actor", "user"], ["actor", "session"]];
    let names_actor = || {
        named.iter().any(|path| {
            let one = record.at(path);
            one.is_some_and(|one| ["uid", "name", "email_addr", "uid_alt"].iter().any(|name| one.text_at(name).is_some()))
        })
    };
    match (category, class) {
        (3 | 6 | 7, _) => Use::Event,
        _ if names_actor() => Use::Event,
        (2 | 5, _) | (4, 4001..=4004 | 4013) => Use::SetAside(SetAsideKind::NotAudit),
        (1 | 4 | 8, _) => Use::Quarantine("an event of OCSF outside identity and applications that names no actor"),
        _ => Use::Quarantine("an event of OCSF of an unknown category that names no actor"),
    }
}

/// What was done: the API's operation, else class and activity (`Account Change: Create`).
pub(super) fn action<'r>(record: &Record<'r>, class: i64) -> std::borrow::Cow<'r, str> {
    if let Some(operation) = record.text(&["api", "operation"]) {
        return operation.into();
    }
    let known = CLASSES.iter().find(|known| known.uid == class);
    let said = |name: &str| record.said(&[name]).map(|said| said.text);
    let id = activity(record);
    let by_id = || {
        let index = usize::try_from(id?.checked_sub(1)?).ok()?;
        known?.activities.get(index).copied()
    };
    let class_name = said("class_name").or(known.map(|known| known.name));
    match (class_name, said("activity_name").or_else(by_id), said("type_name")) {
        (Some(class), Some(activity), _) => format!("{class}: {activity}").into(),
        (_, _, Some(kind)) => kind.into(),
        (class_name, _, None) => {
            let class = class_name.map_or_else(|| format!("class {class}"), str::to_owned);
            format!("{class}: activity {}", id.unwrap_or_default()).into()
        }
    }
}

/// The category of an event. Of an entity it is by the entity's type; of an API's call by its activity.
pub(super) fn event_category(record: &Record<'_>, class: i64) -> Category {
    let activity = activity(record);
    let entity = record.at(&["entity", "type"]).and_then(Json::text).unwrap_or_default();
    let is_of = |words: &[&str]| words.iter().any(|word| contains_any_case(entity, word));
    match class {
        3001 if matches!(activity, Some(7 | 8)) => Category::RoleManagement,
        3007 if matches!(activity, Some(10 | 11 | 14..=17)) => Category::RoleManagement,
        3001 | 3007 => Category::UserManagement,
        3002 | 3003 => Category::Authentication,
        3004 if is_of(&["group"]) => Category::GroupManagement,
        3004 if is_of(&["role", "policy", "permission"]) => Category::RoleManagement,
        3004 if is_of(&["user", "account"]) => Category::UserManagement,
        3004 if activity == Some(2) => Category::Other,
        3004 => Category::Configuration,
        3005 | 3008 => Category::RoleManagement,
        3006 => Category::GroupManagement,
        6001 | 6006 => Category::DataAccess,
        // Who only uses a key changes nothing and reads nothing.
        6005 if matches!(activity, Some(9 | 10)) => Category::Other,
        6005 => Category::DataAccess,
        6004 => Category::PermissionCheck,
        6002 => Category::Configuration,
        6003 if matches!(activity, Some(1 | 3 | 4)) => Category::Configuration,
        _ => Category::Other,
    }
}
