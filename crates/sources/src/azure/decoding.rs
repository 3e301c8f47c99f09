//! JSON that stands as text in a record, as Log Analytics, Event Hubs and many pipelines write members that are objects.

use crate::json::{Json, Parser};
use crate::names::Names;

/// How many layers of text may lie around a member: JSON in a text in JSON in a text.
pub(super) const MAX_LAYERS: usize = 4;

/// Members that are objects or arrays in Azure's own form, in lower case: of the record, and of one another.
pub(super) static STRUCTURED: Names = Names::new(&[
    "actor",
    "additionaldetails",
    "app",
    "appliedconditionalaccesspolicies",
    "authenticationdetails",
    "authenticationprocessingdetails",
    "authorization",
    "authorization_d",
    "authorizationdetails",
    "callerinfo",
    "claim",
    "claims",
    "claims_d",
    "conditionalaccesspolicies",
    "devicedetail",
    "eventproperties",
    "evidence",
    "httprequest",
    "identity",
    "initiatedby",
    "locationdetails",
    "mfadetail",
    "modifiedproperties",
    "principals",
    "properties",
    "properties_d",
    "requester",
    "sourceidentity",
    "status",
    "statusinfo",
    "substatus",
    "targetidentity",
    "targetresources",
    "targets",
    "user",
]);

/// A record in which one layer of text is taken off the members that are structures, and whether characters in them had to be
/// replaced. `None`: no such member is JSON in a text.
pub(super) fn decoded<'r>(record: &'r Json<'r>) -> (Option<Json<'r>>, bool) {
    let mut is_replaced = false;
    let decoded = members_decoded(record, true, &mut is_replaced);
    (decoded, is_replaced)
}

fn members_decoded<'r>(value: &'r Json<'r>, is_outermost: bool, is_replaced: &mut bool) -> Option<Json<'r>> {
    match value {
        Json::Object(members) => {
            // The entry that Azure Monitor carries for a cluster; outermost it is a collector's envelope.
            let is_structured = |name: &str| STRUCTURED.contains(name) || (name == "log" && !is_outermost);
            let changed = members.changed(&mut |name, value| {
                if is_structured(name) { value_decoded(value, is_replaced) } else { None }
            });
            changed.map(Json::Object)
        }
        Json::Array(elements) => {
            let mut changed: Option<Vec<Json<'r>>> = None;
            for (index, element) in elements.iter().enumerate() {
                let Some(new) = value_decoded(element, is_replaced) else { continue };
                if let Some(element) = changed.get_or_insert_with(|| elements.clone()).get_mut(index) {
                    *element = new;
                }
            }
            changed.map(Json::Array)
        }
        _ => None,
    }
}

fn value_decoded<'r>(value: &'r Json<'r>, is_replaced: &mut bool) -> Option<Json<'r>> {
    let Json::Text(text) = value else { return members_decoded(value, false, is_replaced) };
    let (structure, replaced) = structure_in(text)?;
    *is_replaced |= replaced;
    Some(structure)
}

/// The object or array that a text is from its beginning to its end, and whether characters in it had to be replaced.
pub(super) fn structure_in(text: &str) -> Option<(Json<'_>, bool)> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut parser = Parser::new(text.as_bytes());
    let structure = parser.value(0).ok()?;
    (parser.position() == text.len()).then(|| (structure, parser.has_replaced()))
}

/// The elements of an array, or a value alone: some pipelines take the brackets off an array of one.
pub(super) fn one_or_more<'r>(value: &'r Json<'r>) -> &'r [Json<'r>] {
    match value {
        Json::Array(elements) => elements,
        _ => std::slice::from_ref(value),
    }
}
