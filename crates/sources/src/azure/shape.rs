//! Which of Azure's logs a record belongs to, if any.

use crate::json::Json;
use crate::source::contains_any_case;
use crate::summary::SetAsideKind;

use super::not_audit;
use super::record::{Record, text_at};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A record of one of the logs that are read.
    Record(Log),
    /// An entry of Azure Monitor that is known to say nothing of what anybody did.
    NotAudit(SetAsideKind),
    /// No record of Azure, perhaps an envelope around one.
    Unknown,
}

/// The logs that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// A request to a storage account.
    Storage,
    /// An operation of Azure Resource Manager: the Activity log.
    Activity,
    /// A step of Privileged Identity Management for a role of Azure Resource Manager, in the Activity log.
    Privileged,
    /// An operation on a key vault.
    KeyVault,
    /// A management operation on a namespace of Event Hubs or Service Bus.
    Namespace,
    /// A change in an Entra ID directory.
    Directory,
    /// A sign-in to Entra ID.
    SignIn,
    /// A finding of Entra ID Protection about a user or a service principal.
    Risk,
    /// A request to the Microsoft Graph or to its predecessor, the Azure AD Graph.
    Graph,
    /// A request to the API server of a Kubernetes cluster.
    Kubernetes,
    /// Any other log: an event if it says what was done, when, and something about by whom.
    Other,
}

/// Categories of the Activity log that say what somebody (or the platform) did or decided; `Action`, `Write` and `Delete`
/// are the old names.
const ACTIVITY_CATEGORIES: [&str; 7] = ["administrative", "policy", "security", "autoscale", "action", "write", "delete"];
const RISK_CATEGORIES: [&str; 4] = ["userriskevents", "riskyusers", "serviceprincipalriskevents", "riskyserviceprincipals"];
const GRAPH_CATEGORIES: [&str; 3] = ["microsoftgraphactivitylogs", "azureadgraphactivitylogs", "aadgraphactivitylogs"];
/// Sign-in logs of Entra ID end so: `SignInLogs`, `NonInteractiveUserSignInLogs`, `ServicePrincipalSignInLogs`….
const SIGN_IN_SUFFIX: &str = "signinlogs";

/// Judges a value, by the first rule that fits.
///
/// 1. a metric (`metricName`): set aside;
/// 2. a row of a Log Analytics table that holds one of the logs: by the table;
/// 3. `properties.initiatedBy`, or the same in the record itself: a directory audit record, whatever its category;
/// 4. by `category`: `Storage…`; sign-in logs; `AuditLogs`; the findings of Entra ID Protection; requests to the Microsoft
///    Graph; `OperationalLogs` with an `EventName` (Event Hubs, Service Bus); `AuditEvent` of a key vault; `kube-audit`; those of
///    the Activity log that are acts;
/// 5. a category that is known to say nothing of what anybody did ([`not_audit::of`]): set aside;
/// 6. without a category, as some pipelines lose it: by the fields that only one of the logs has;
/// 7. anything else of Azure (it has a `resourceId`, a `tenantId` and an operation, or is a row): another log. Nobody promised
///    that it holds no acts, so it is an event or goes to quarantine.
pub(super) fn of(record: &Record<'_>) -> Shape {
    let has_arm_id = record.arm_id().is_some();
    if record.text("metricName").is_some() && has_arm_id {
        return Shape::NotAudit(SetAsideKind::NotAudit);
    }
    if let Some(shape) = Some(record).filter(|record| record.is_row).and_then(by_table) {
        return shape;
    }
    if record.body().get_any_case("initiatedBy").is_some() {
        return Shape::Record(Log::Directory);
    }
    let category = record.text("category");
    let log = match category {
        Some(category) => of_category(&category.to_ascii_lowercase(), record),
        None => None,
    };
    let has_operation = record.text("operationName").is_some();
    let is_azure = has_arm_id || record.is_row || (has_operation && record.text("tenantId").is_some());
    if let Some(kind) = category.filter(|_| log.is_none() && is_azure).and_then(not_audit::of) {
        return Shape::NotAudit(kind);
    }
    match log.or_else(|| of_fields(record)) {
        Some(log) => Shape::Record(log),
        None if is_azure && (category.is_some() || has_operation || record.is_row) => Shape::Record(Log::Other),
        None => Shape::Unknown,
    }
}

/// The table a row is of, in lower case. Queries over several tables name it in a column of theirs.
pub(super) fn table(row: &Json<'_>) -> Option<String> {
    let named = ["Type", "$table", "TableName"].iter().find_map(|name| text_at(row, name));
    named.filter(|name| !name.eq_ignore_ascii_case("PrimaryResult")).map(str::to_ascii_lowercase)
}

/// What a row is, by its table; `None`: by its category and columns, as any record.
fn by_table(record: &Record<'_>) -> Option<Shape> {
    let table = table(record.whole)?;
    let log = match table.as_str() {
        "azureactivity" => return None,
        "auditlogs" | "aadcustomsecurityattributeauditlogs" | "aadprovisioninglogs" => Log::Directory,
        "microsoftgraphactivitylogs" | "aadgraphactivitylogs" => Log::Graph,
        "storagebloblogs" | "storagefilelogs" | "storagequeuelogs" | "storagetablelogs" => Log::Storage,
        "azkvauditlogs" => Log::KeyVault,
        "aaduserriskevents" | "aadriskyusers" | "aadserviceprincipalriskevents" | "aadriskyserviceprincipals" => Log::Risk,
        "aksaudit" | "aksauditadmin" => Log::Kubernetes,
        _ if table.ends_with("signinlogs") => Log::SignIn,
        _ if not_audit::is_table(&table) => return Some(Shape::NotAudit(SetAsideKind::NotAudit)),
        _ => return None,
    };
    Some(Shape::Record(log))
}

fn of_category(category: &str, record: &Record<'_>) -> Option<Log> {
    let is_of = |provider: &str| record.arm_id().is_some_and(|id| contains_any_case(id, provider));
    match category {
        "storageread" | "storagewrite" | "storagedelete" => Some(Log::Storage),
        "auditlogs" => Some(Log::Directory),
        "operationallogs" if record.text("EventName").is_some() => Some(Log::Namespace),
        "auditevent" if is_of("/providers/microsoft.keyvault/") => Some(Log::KeyVault),
        "kube-audit" | "kube-audit-admin" => Some(Log::Kubernetes),
        _ if category.ends_with(SIGN_IN_SUFFIX) => Some(Log::SignIn),
        _ if RISK_CATEGORIES.contains(&category) => Some(Log::Risk),
        _ if GRAPH_CATEGORIES.contains(&category) => Some(Log::Graph),
        _ if ACTIVITY_CATEGORIES.contains(&category) && record.text("operationName").is_some() => Some(of_operation(record)),
        _ => None,
    }
}

/// Privileged Identity Management writes into the Activity log with names of its own.
fn of_operation(record: &Record<'_>) -> Log {
    let is_privileged = record.property("CallerInfo").is_some()
        || record.property_text("ResourceProviderName").is_some_and(|name| name.eq_ignore_ascii_case("azurerbac"));
    if is_privileged { Log::Privileged } else { Log::Activity }
}

fn of_fields(record: &Record<'_>) -> Option<Log> {
    let operation = record.text("operationName");
    let is_storage =
        record.arm_id().is_some_and(|id| contains_any_case(id, "/providers/microsoft.storage/storageaccounts/"));
    let has_claims =
        record.get("claims").is_some() || record.get("caller").is_some() || record.get("authorization").is_some();
    let has_identity = record.get("identity").is_some_and(|identity| identity.get_any_case("claims").is_some());
    match operation {
        // Operations of Azure Resource Manager are paths, those of storage are words.
        Some(operation) if record.text("category").is_none() && is_storage && !operation.contains('/') => Some(Log::Storage),
        Some(operation) if operation.contains('/') && (has_claims || has_identity) => Some(Log::Activity),
        _ if is_graph_request(record) => Some(Log::Graph),
        _ => is_graph_sign_in(record).then_some(Log::SignIn),
    }
}

/// A sign-in as the Microsoft Graph answers it: the record itself is what Azure Monitor puts into `properties`.
fn is_graph_sign_in(record: &Record<'_>) -> bool {
    let has_status = record.get("status").is_some_and(|status| text_at(status, "errorCode").is_some());
    has_status && record.text("createdDateTime").is_some() && record.text("appId").is_some()
}

/// A request to the Microsoft Graph: what no other log has.
fn is_graph_request(record: &Record<'_>) -> bool {
    record.property("signInActivityId").is_some() && record.property("requestUri").is_some()
}
