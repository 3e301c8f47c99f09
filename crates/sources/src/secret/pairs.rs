//! Secrets whose name is a value itself: `{"name":"DB_PASSWORD","value":"…"}`.

use crate::json::{Json, Members};
use crate::names::Names;

use super::is_secret;

/// Members that name what their object is about.
static NAME_MEMBERS: Names = Names::new(&[
    "attributename",
    "displayname",
    "field",
    "fieldname",
    "header",
    "headername",
    "key",
    "name",
    "optionname",
    "parameterkey",
    "parametername",
    "propertyname",
    "variablename",
]);

/// Members that hold it.
static VALUE_MEMBERS: Names = Names::new(&[
    "after",
    "attributevalue",
    "before",
    "currentvalue",
    "default",
    "defaultvalue",
    "headervalue",
    "newvalue",
    "oldvalue",
    "optionvalue",
    "parametervalue",
    "previousvalue",
    "propertyvalue",
    "resolvedvalue",
    "stringvalue",
    "value",
    "values",
]);

/// Kinds of variables whose value is the name of a secret that lies elsewhere (CodeBuild).
const REFERENCES: [&str; 2] = ["PARAMETER_STORE", "SECRETS_MANAGER"];

/// Whether an object is a pair of a secret's name and the secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretPair(bool);

impl SecretPair {
    /// Judges an object's members.
    pub(crate) fn of(members: &Members<'_>) -> Self {
        if !members.iter().any(|(name, _)| VALUE_MEMBERS.contains(name)) {
            return Self(false);
        }
        let text = |value: &Json<'_>| value.text().is_some_and(is_secret);
        let is_named = members.iter().any(|(name, value)| NAME_MEMBERS.contains(name) && text(value));
        let is_reference = || members.get("type").and_then(Json::text).is_some_and(|kind| REFERENCES.contains(&kind));
        Self(is_named && !is_reference())
    }

    /// Whether the member of this name holds the pair's secret.
    pub(crate) fn has_secret_in(self, name: &str) -> bool {
        self.0 && VALUE_MEMBERS.contains(name)
    }
}
