//! What it changed, as far as the record states it.
//!
//! | stated | change |
//! |---|---|
//! | a thing and the same after it: `entity` and `entity_result` or `updated_entity`, `user` and `updated_user`, `group` and `updated_group`, `iam_role` and `updated_role`, `file` and `file_result`, `resource` and `resource_result` | for each member that is another afterwards (also in `data`): field, before, after; no before where the thing did not state the member. A member that the thing has and its state afterwards leaves out says nothing |
//! | `privileges`, `policies`, `iam_roles`, `programmatic_credentials` of an activity that assigns, attaches or adds; that revokes, detaches or removes | the list, as `after` and `before` |
//! | `user` of a group's members that were added or removed | field `members`: the user |

use crate::json::{self, Json};
use crate::secret::is_secret;

use super::class::activity;
use super::record::Record;

const PAIRS: [(&str, &str); 9] = [
    ("entity", "entity_result"),
    ("entity", "updated_entity"),
    ("managed_entity", "managed_entity_result"),
    ("user", "updated_user"),
    ("user", "user_result"),
    ("group", "updated_group"),
    ("iam_role", "updated_role"),
    ("file", "file_result"),
    ("resource", "resource_result"),
];
const LISTS: [&str; 4] = ["privileges", "policies", "iam_roles", "programmatic_credentials"];

/// Appends the changes of a record as normalised JSON; returns whether there are any (nothing is appended if not).
pub(super) fn write(record: &Record<'_>, class: i64, out: &mut String) -> bool {
    let mut changes = Changes { out, is_empty: true };
    for (before, after) in PAIRS {
        if let (Some(before), Some(after)) = (record.at(&[before]), record.at(&[after])) {
            changes.states(before, after, "", 0);
        }
    }
    if let Some(gives) = gives(class, activity(record)) {
        for name in LISTS {
            if let Some(list) = record.at(&[name]).filter(|list| !list.is_vacant()) {
                changes.one_side(name, list, gives);
            }
        }
        let is_of_members = class == 3006 && matches!(activity(record), Some(3 | 4));
        if let Some(user) = record.at(&["user"]).filter(|user| is_of_members && !user.is_vacant()) {
            changes.one_side("members", user, gives);
        }
    }
    if !changes.is_empty {
        changes.out.push(']');
    }
    !changes.is_empty
}

/// Whether an activity gives something or takes it away; `None` if it does neither.
fn gives(class: i64, activity: Option<i64>) -> Option<bool> {
    match (class, activity?) {
        (3001, 7) | (3003, 1 | 2) | (3005, 1 | 3) | (3006, 1 | 3) | (3007, 10 | 14 | 16) | (3008, 4 | 8 | 10) => Some(true),
        (3001, 8) | (3005, 2 | 4) | (3006, 2 | 4) | (3007, 11 | 15 | 17) | (3008, 5 | 9 | 11) => Some(false),
        _ => None,
    }
}

struct Changes<'o> {
    out: &'o mut String,
    is_empty: bool,
}

impl Changes<'_> {
    fn states(&mut self, before: &Json<'_>, after: &Json<'_>, path: &str, depth: usize) {
        for (name, after) in after.members().into_iter().flat_map(|members| members.iter()) {
            let before = before.members().and_then(|members| members.stated(name));
            if before == Some(after) {
                continue;
            }
            match (before, after) {
                (Some(before @ Json::Object(_)), Json::Object(_)) if name == "data" && depth == 0 => {
                    self.states(before, after, "data.", depth + 1);
                }
                _ => self.change(&format!("{path}{name}"), name, before, Some(after)),
            }
        }
    }

    fn one_side(&mut self, field: &str, value: &Json<'_>, gives: bool) {
        let nothing = Some(&Json::Null);
        let (before, after) = if gives { (nothing, Some(value)) } else { (Some(value), nothing) };
        self.change(field, field, before, after);
    }

    fn change(&mut self, field: &str, name: &str, before: Option<&Json<'_>>, after: Option<&Json<'_>>) {
        self.out.push_str(if self.is_empty { "[{" } else { ",{" });
        self.is_empty = false;
        for (side, value) in [("\"after\":", after), ("\"before\":", before)] {
            if let Some(value) = value {
                self.out.push_str(side);
                json::write_member_without_secrets(name, value, &is_secret, self.out);
                self.out.push(',');
            }
        }
        self.out.push_str("\"field\":");
        json::write_text(field, self.out);
        self.out.push('}');
    }
}
