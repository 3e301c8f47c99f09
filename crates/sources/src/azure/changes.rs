//! What changed, as far as a record states it.

use std::borrow::Cow;

use crate::json::{self, Json, Parser};
use crate::secret::is_secret;

use super::record::{Record, text_at};

/// What a request to Azure Resource Manager asked for: `properties.requestbody`, if it is a JSON object in a text.
pub(super) fn requested<'r>(record: &Record<'r>) -> Option<Json<'r>> {
    let text = record.property_text("requestbody")?.trim();
    whole(text).filter(|body| body.members().is_some())
}

/// The normalised text of a request.
pub(super) fn text_of(body: &Json<'_>) -> String {
    let mut out = String::new();
    json::write_without_secrets(body, &is_secret, &mut out);
    out
}

/// The JSON that a text is from its beginning to its end.
fn whole(text: &str) -> Option<Json<'_>> {
    let mut parser = Parser::new(text.as_bytes());
    parser.value(0).ok().filter(|_| parser.position() == text.len())
}

/// Appends changes to a normalised JSON array.
#[derive(Default)]
struct Changes(String);

impl Changes {
    fn push(&mut self, field: &str, before: Option<&Json<'_>>, after: Option<&Json<'_>>) {
        let out = &mut self.0;
        out.push_str(if out.is_empty() { "[{" } else { ",{" });
        for (name, value) in [("after", after), ("before", before)] {
            let Some(value) = value else { continue };
            out.push_str(&format!("\"{name}\":"));
            json::write_without_secrets(value, &is_secret, out);
            out.push(',');
        }
        out.push_str("\"field\":");
        json::write_text(field, out);
        out.push('}');
    }

    fn finish(mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| {
            self.0.push(']');
            self.0
        })
    }
}

/// The changes of a successful request: each member of its body, and of the `properties` in it, is the new state of a
/// field. What was before the log does not tell.
pub(super) fn of_request(body: &Json<'_>) -> Option<String> {
    let mut changes = Changes::default();
    for (name, value) in body.members()?.iter().filter(|(_, value)| !value.is_vacant()) {
        match value.members().filter(|_| name.eq_ignore_ascii_case("properties")) {
            Some(properties) => {
                for (property, value) in properties.iter().filter(|(_, value)| !matches!(value, Json::Null)) {
                    changes.push(&format!("{name}.{property}"), None, Some(value));
                }
            }
            None => changes.push(name, None, Some(value)),
        }
    }
    changes.finish()
}

/// The change of one field.
pub(super) fn of_field(field: &str, before: Option<&Json<'_>>, after: Option<&Json<'_>>) -> Option<String> {
    let mut changes = Changes::default();
    changes.push(field, before, after);
    changes.finish()
}

/// Names in `modifiedProperties` that are no changes: the list of the others' names, and ids of who and what once more.
fn is_note(field: &str) -> bool {
    field == "Included Updated Properties" || field.starts_with("TargetId.") || field.starts_with("ActorId.")
}

/// The changes of a directory audit record: the `modifiedProperties` of every target, before and after. Their values are
/// JSON in texts and kept as the JSON they are. Where several targets were changed, the target's id stands before the
/// field.
pub(super) fn of_targets(targets: &[Json<'_>]) -> Option<String> {
    let modified = |target: &Json<'_>| target.get_any_case("modifiedProperties").is_some_and(|value| !value.is_vacant());
    let is_one = targets.iter().filter(|target| modified(target)).count() < 2;
    let mut changes = Changes::default();
    for target in targets {
        let properties = target.get_any_case("modifiedProperties").map(Json::elements).unwrap_or_default();
        for property in properties {
            let Some(name) = text_at(property, "displayName").filter(|name| !is_note(name)) else { continue };
            let id = text_at(target, "id").filter(|_| !is_one);
            let field = id.map_or(Cow::Borrowed(name), |id| Cow::Owned(format!("{id}/{name}")));
            let value = |name: &str| property.get_any_case(name).map(decoded).filter(|value| !value.is_vacant());
            let (before, after) = (value("oldValue"), value("newValue"));
            if before.is_some() || after.is_some() {
                changes.push(&field, before.as_deref(), after.as_deref());
            }
        }
    }
    changes.finish()
}

/// A value that is JSON in a text as that JSON. (A number in a text stays a text: the parser knows a number's end only by
/// what follows it.)
fn decoded<'v>(value: &'v Json<'v>) -> Cow<'v, Json<'v>> {
    value.text().and_then(whole).map_or(Cow::Borrowed(value), Cow::Owned)
}
