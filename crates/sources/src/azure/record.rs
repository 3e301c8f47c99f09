//! A record, looked at whatever the case of its members' names: pipelines write `resourceId`, `resourceid` and
//! `ResourceId`.

use crate::absent::stated;
use crate::json::Json;

use super::row;

/// A record and its `properties`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'r> {
    pub whole: &'r Json<'r>,
    pub properties: Option<&'r Json<'r>>,
    /// Whether it is a row of a Log Analytics table: its members are the table's columns.
    pub is_row: bool,
}

impl<'r> Record<'r> {
    pub(super) fn new(whole: &'r Json<'r>) -> Self {
        let mut record = Self { whole, properties: None, is_row: row::is_row(whole) };
        record.properties = record.get("properties").filter(|properties| properties.members().is_some());
        record
    }

    /// A member that says something; of a row the column that holds what Azure Monitor's records have in that member.
    pub(super) fn get(&self, name: &str) -> Option<&'r Json<'r>> {
        let stated = |name: &str| self.whole.get_any_case(name).filter(|value| !value.is_vacant());
        match row::columns(name).filter(|_| self.is_row) {
            Some(columns) => columns.iter().find_map(|column| stated(column)),
            None => stated(name),
        }
    }

    /// The text of a member, also of one in the form `{"value":…,"localizedValue":…}`.
    pub(super) fn text(&self, name: &str) -> Option<&'r str> {
        worded(self.get(name)?)
    }

    /// A member of `properties`; of a row, which has none as a rule, the column of that name.
    pub(super) fn property(&self, name: &str) -> Option<&'r Json<'r>> {
        let stated = self.properties.and_then(|properties| properties.get_any_case(name));
        let value = stated.or_else(|| if self.is_row { row::property(self.whole, name) } else { None });
        value.filter(|value| !value.is_vacant())
    }

    pub(super) fn property_text(&self, name: &str) -> Option<&'r str> {
        worded(self.property(name)?)
    }

    /// The text of the first of these properties that states something.
    pub(super) fn property_of(&self, names: &[&str]) -> Option<&'r str> {
        names.iter().find_map(|name| self.property_text(name))
    }

    /// What holds an Entra ID record's own members: `properties` in what Azure Monitor delivers, the record itself as the
    /// Microsoft Graph answers and as Log Analytics keeps it.
    pub(super) fn body(&self) -> &'r Json<'r> {
        self.properties.filter(|_| !self.is_row).unwrap_or(self.whole)
    }

    /// The member of the first of these names that is there, with the name.
    pub(super) fn first_of<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &'r str)> {
        names.iter().find_map(|name| Some((*name, self.text(name)?)))
    }

    /// `resourceId`, or `resourceUri` as Azure Resource Manager's own events have it.
    pub(super) fn arm_id(&self) -> Option<&'r str> {
        self.text("resourceId").or_else(|| self.text("resourceUri"))
    }
}

/// The text of a value, also of one in the form `{"value":…,"localizedValue":…}`, unless it is a word for nothing.
pub(super) fn worded<'r>(value: &'r Json<'r>) -> Option<&'r str> {
    named(value).filter(|text| stated(text).is_some())
}

/// As `worded`, for names that people choose: a group may be called `None`.
pub(super) fn named<'r>(value: &'r Json<'r>) -> Option<&'r str> {
    value.text().or_else(|| value.get_any_case("value")?.text())
}

/// The text of a member, whatever the name's case.
pub(super) fn text_at<'r>(value: &'r Json<'r>, name: &str) -> Option<&'r str> {
    worded(value.get_any_case(name)?)
}

/// As `text_at`, for names that people choose.
pub(super) fn name_at<'r>(value: &'r Json<'r>, name: &str) -> Option<&'r str> {
    named(value.get_any_case(name)?)
}

/// The id of somebody, or of something that was made: the one of zeros stands for none.
pub(super) fn id_of(text: &str) -> Option<&str> {
    (text != "00000000-0000-0000-0000-000000000000").then_some(text)
}

/// What an id of Azure Resource Manager is made of, such as
/// `/subscriptions/<id>/resourceGroups/<group>/providers/<provider>/<type>/<name>/<type>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ArmId<'r> {
    pub subscription: Option<&'r str>,
    pub tenant: Option<&'r str>,
    /// `Microsoft.Storage`, the last one if one resource lies in another.
    pub provider: Option<&'r str>,
    /// `Microsoft.Storage/storageAccounts/blobServices`.
    pub kind: Option<String>,
    /// The last name.
    pub name: Option<&'r str>,
}

impl<'r> ArmId<'r> {
    pub(super) fn parse(id: &'r str) -> Self {
        let parts: Vec<&str> = id.split('/').filter(|part| !part.is_empty()).collect();
        let behind = |name: &str| {
            let at = parts.iter().position(|part| part.eq_ignore_ascii_case(name))?;
            parts.get(at + 1).copied()
        };
        let (subscription, group) = (behind("subscriptions"), behind("resourceGroups"));
        let provider_at = parts.iter().rposition(|part| part.eq_ignore_ascii_case("providers"));
        let Some(provided) = provider_at.and_then(|at| parts.get(at + 1..)).filter(|provided| !provided.is_empty()) else {
            let kind = match (group, subscription) {
                (Some(_), _) => Some("Microsoft.Resources/resourceGroups"),
                (None, Some(_)) => Some("Microsoft.Resources/subscriptions"),
                (None, None) => None,
            };
            let name = group.or(subscription);
            return Self { subscription, tenant: behind("tenants"), provider: None, kind: kind.map(str::to_owned), name };
        };
        // The provider, then types and names by turns.
        let types = provided.iter().enumerate().filter(|(index, _)| *index == 0 || index % 2 == 1).map(|(_, part)| *part);
        let kind = types.collect::<Vec<_>>().join("/");
        let name = provided.get(2..).and_then(|_| provided.last()).copied();
        Self { subscription, tenant: behind("tenants"), provider: provided.first().copied(), kind: Some(kind), name }
    }

    /// The provider alone.
    pub(super) fn provider_of(id: &'r str) -> Option<&'r str> {
        let mut behind = None;
        for part in id.rsplit('/').filter(|part| !part.is_empty()) {
            if part.eq_ignore_ascii_case("providers") {
                return behind;
            }
            behind = Some(part);
        }
        None
    }

    /// The name behind a type.
    pub(super) fn name_of(id: &'r str, kind: &str) -> Option<&'r str> {
        let mut parts = id.split('/');
        parts.by_ref().find(|part| part.eq_ignore_ascii_case(kind))?;
        parts.next().filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_azure_resource_manager_are_taken_apart() {
        for (id, subscription, kind, name) in [
            (
                "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default",
                Some("s1"),
                Some("Microsoft.Storage/storageAccounts/blobServices"),
                Some("default"),
            ),
            (
                "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.EVENTHUB/NAMESPACES/N",
                Some("S1"),
                Some("MICROSOFT.EVENTHUB/NAMESPACES"),
                Some("N"),
            ),
            (
                "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/providers/Microsoft.Authorization/roleAssignments/r",
                Some("s1"),
                Some("Microsoft.Authorization/roleAssignments"),
                Some("r"),
            ),
            ("/tenants/t1/providers/Microsoft.aadiam", None, Some("Microsoft.aadiam"), None),
            ("/subscriptions/s1/resourceGroups/g", Some("s1"), Some("Microsoft.Resources/resourceGroups"), Some("g")),
            ("/subscriptions/s1", Some("s1"), Some("Microsoft.Resources/subscriptions"), Some("s1")),
            ("/providers", None, None, None),
            ("", None, None, None),
        ] {
            let parsed = ArmId::parse(id);
            assert_eq!((parsed.subscription, parsed.kind.as_deref(), parsed.name), (subscription, kind, name), "{id}");
            assert_eq!(ArmId::provider_of(id), parsed.provider, "{id}");
        }
        assert_eq!(ArmId::parse("/tenants/t1/providers/Microsoft.aadiam").tenant, Some("t1"));
        assert_eq!(ArmId::name_of("/x/StorageAccounts/a/y", "storageaccounts"), Some("a"));
        assert_eq!(ArmId::name_of("/x/storageAccounts", "storageaccounts"), None);
    }
}
