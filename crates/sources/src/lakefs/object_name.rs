//! What an object's name says about its rows: `…/region=us-east-1/organization=org-acme/year=2026/…`.

use crate::context::ImportContext;
use crate::percent::decoded;

/// The partition columns of an object's name that its rows do not repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ObjectName {
    /// The region of the lakeFS installation.
    pub region: Option<String>,
    /// The customer of lakeFS Cloud, with the `org-` before it.
    pub organization: Option<String>,
}

impl ObjectName {
    pub(super) fn parse(name: &str) -> Self {
        let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
        let part = |column: &str| {
            let value = folders.split('/').find_map(|folder| folder.strip_prefix(column)?.strip_prefix('='))?;
            // What Hive writes for a null is no name.
            let is_stated = !value.is_empty() && value != "__HIVE_DEFAULT_PARTITION__";
            is_stated.then(|| decoded(value, false).map_or_else(|| value.to_owned(), |value| value.into_owned()))
        };
        Self { region: part("region"), organization: part("organization") }
    }

    /// The account by which the import may have a table of organizations: with `org-` before it, or without.
    pub(super) fn account(&self, context: &ImportContext) -> Option<&str> {
        let organization = self.organization.as_deref()?;
        let is_known = context.account_organizations.contains_key(organization);
        let short = organization.strip_prefix("org-").filter(|_| !is_known);
        Some(short.unwrap_or(organization))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_columns_are_found_in_folders_only() {
        let name = |region: Option<&str>, organization: Option<&str>| ObjectName {
            region: region.map(str::to_owned),
            organization: organization.map(str::to_owned),
        };
        for (text, expected) in [
            (
                "s3://b/etl/v1/data/region=us-east-1/organization=org-acme/year=2026/f.parquet",
                name(Some("us-east-1"), Some("org-acme")),
            ),
            ("organization=o%2Fx/f", name(None, Some("o/x"))),
            ("region=__HIVE_DEFAULT_PARTITION__/organization=/f", name(None, None)),
            ("organization=org-acme", name(None, None)),
            ("", name(None, None)),
        ] {
            assert_eq!(ObjectName::parse(text), expected, "{text}");
        }
    }
}
