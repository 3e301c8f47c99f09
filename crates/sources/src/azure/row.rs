//! Rows of Log Analytics: what a workspace exports to storage, and what its query API and `az monitor log-analytics query`
//! answer. The columns are the members of Azure Monitor's records under names of their own: `TimeGenerated` for `time`,
//! `ActivityStatusValue` for `resultType`; members of `properties` are columns beside them. Source: "Azure Monitor Logs table
//! reference", table by table.

use std::borrow::Cow;

use crate::json::{Json, Members};

/// Which columns hold a member of a record, the first that says something counts. What is not listed has a column of its own
/// name. `TenantId` is the workspace's own id, which is no tenant of Entra ID.
const COLUMNS: [(&str, &[&str]); 17] = [
    ("authorization", &["Authorization_d", "Authorization"]),
    ("callerIpAddress", &["CallerIpAddress", "IPAddress", "ClientIP_s"]),
    ("category", &["CategoryValue", "Category"]),
    ("claims", &["Claims_d", "Claims"]),
    ("eventTimestamp", &["EventTimestamp"]),
    ("operationName", &["OperationNameValue", "OperationName"]),
    ("properties", &["Properties_d", "Properties"]),
    ("resourceGroupName", &["ResourceGroup"]),
    ("resourceId", &["ResourceId", "_ResourceId"]),
    ("resourceProviderName", &["ResourceProviderValue", "ResourceProvider"]),
    ("resultSignature", &["ActivitySubstatusValue", "ActivitySubstatus", "ResultSignature"]),
    ("resultType", &["ActivityStatusValue", "ActivityStatus", "ResultType"]),
    ("submissionTimestamp", &["EventSubmissionTimestamp"]),
    ("subscriptionId", &["SubscriptionId", "_SubscriptionId"]),
    ("tenantId", &["AADTenantId"]),
    ("time", &["TimeGenerated", "TimeGenerated [UTC]"]),
    ("timeGenerated", &["TimeGenerated", "TimeGenerated [UTC]"]),
];

pub(super) fn columns(name: &str) -> Option<&'static [&'static str]> {
    COLUMNS.iter().find(|(member, _)| *member == name).map(|(_, columns)| *columns)
}

/// Whether a member of a row is a column that stands for a member of Azure Monitor's records.
pub(super) fn is_column(name: &str) -> bool {
    COLUMNS.iter().any(|(_, columns)| columns.iter().any(|column| column.eq_ignore_ascii_case(name)))
}

/// A row states when the workspace keeps it as having happened, and has no `time`.
pub(super) fn is_row(value: &Json<'_>) -> bool {
    let has = |name: &str| value.get_any_case(name).is_some();
    (has("TimeGenerated") || has("TimeGenerated [UTC]")) && !has("time")
}

/// The column of a property. The old table of all resource logs, `AzureDiagnostics`, has the type behind the name.
pub(super) fn property<'r>(row: &'r Json<'r>, name: &str) -> Option<&'r Json<'r>> {
    let stated = |name: &str| row.get_any_case(name).filter(|value| !value.is_vacant());
    stated(name).or_else(|| ["_s", "_g", "_d", "_b", "_t"].iter().find_map(|kind| stated(&format!("{name}{kind}"))))
}

/// A table of the query API: `{"name":…,"columns":[{"name":…,"type":…}],"rows":[[…]]}`; of its first version the names begin
/// with capitals, and the columns have a `ColumnName`.
pub(super) fn rows_of_table<'r>(value: &'r Json<'r>) -> Option<(Vec<&'r str>, &'r [Json<'r>])> {
    let (columns, rows) = (value.get_any_case("columns")?, value.get_any_case("rows")?);
    let (Json::Array(columns), Json::Array(rows)) = (columns, rows) else { return None };
    let name = |column: &'r Json<'r>| {
        column.text().or_else(|| column.get_any_case("name")?.text()).or_else(|| column.get_any_case("ColumnName")?.text())
    };
    Some((columns.iter().map(name).collect::<Option<_>>()?, rows))
}

/// A row of a table as a record; `None` if it has more or fewer cells than there are columns, or two columns have one name.
pub(super) fn record_of<'r>(columns: &[&'r str], row: &'r Json<'r>) -> Option<Json<'r>> {
    let Json::Array(cells) = row else { return None };
    if cells.len() != columns.len() {
        return None;
    }
    let pairs = columns.iter().zip(cells).filter(|(_, cell)| !matches!(cell, Json::Null));
    // The parser may have read a name from escapes, so it is no borrowed text of the parser's.
    let pairs = pairs.map(|(name, cell)| (Cow::Owned((*name).to_owned()), cell.clone()));
    Members::from_pairs(pairs.collect()).map(Json::Object)
}
