//! The parts of a record that say what was asked for and answered.

use crate::json::Json;

/// The service of a record, without `.amazonaws.com`.
pub(super) fn service<'r>(record: &'r Json<'_>) -> &'r str {
    let service = record.text_at("eventSource").unwrap_or_default();
    let host = service.strip_suffix(".cn").unwrap_or(service);
    host.strip_suffix(".amazonaws.com").unwrap_or(service)
}

/// What was asked for.
pub(super) fn request<'r>(record: &'r Json<'_>) -> Option<&'r Json<'r>> {
    record.get("requestParameters").map(unwrapped)
}

/// What was answered.
pub(super) fn answer<'r>(record: &'r Json<'_>) -> Option<&'r Json<'r>> {
    record.get("responseElements").map(unwrapped)
}

/// Newer calls of EC2 stand in an object of their name: `{"ModifySecurityGroupRulesRequest":{…}}`.
fn unwrapped<'r>(part: &'r Json<'r>) -> &'r Json<'r> {
    let mut members = part.members().into_iter().flat_map(|members| members.iter());
    match (members.next(), members.next()) {
        (Some((name, inner @ Json::Object(_))), None)
            if ["Request", "Response", "Result"].iter().any(|ending| name.ends_with(ending)) =>
        {
            inner
        }
        _ => part,
    }
}

/// The texts of a value that names one thing or several: a text, or texts in the lists of EC2 (`{"items":[…]}`, `{"item":…}`,
/// `{"tag":1,"content":"…"}`) and elsewhere (`{"member":[…]}`).
pub(super) fn texts<'r>(value: &'r Json<'_>, found: &mut Vec<&'r str>) {
    match value {
        Json::Text(_) => found.extend(value.text()),
        Json::Array(elements) => elements.iter().for_each(|element| texts(element, found)),
        Json::Object(_) => {
            for name in ["items", "item", "member", "content"] {
                if let Some(inner) = value.get(name) {
                    texts(inner, found);
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The objects of a list of EC2 or another service: `{"items":[…]}`, `{"member":[…]}`, an array, or the object itself.
pub(super) fn objects<'r>(value: &'r Json<'_>) -> Vec<&'r Json<'r>> {
    match value {
        Json::Array(elements) => elements.iter().filter(|element| element.members().is_some()).collect(),
        Json::Object(_) => match ["items", "item", "member"].iter().find_map(|name| value.get(name)) {
            Some(inner) => objects(inner),
            None => vec![value],
        },
        _ => Vec::new(),
    }
}
