//! Which of Azure's logs a record belongs to, if any.

use crate::source::contains_any_case;

use super::record::{Record, text_at};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A record of one of the logs that are read.
    Record(Log),
    /// An entry of Azure Monitor that is no audit record: see [`of`].
    NotAudit,
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
}

/// Categories of the Activity log that say what somebody (or the platform) did or decided; `Action`, `Write` and `Delete`
/// are the old names.
const ACTIVITY_CATEGORIES: [&str; 6] = ["administrative", "policy", "security", "action", "write", "delete"];
const RISK_CATEGORIES: [&str; 4] = ["userriskevents", "riskyusers", "serviceprincipalriskevents", "riskyserviceprincipals"];
/// Sign-in logs of Entra ID end so: `SignInLogs`, `NonInteractiveUserSignInLogs`, `ServicePrincipalSignInLogs`….
const SIGN_IN_SUFFIX: &str = "signinlogs";

/// Judges a value, by the first rule that fits.
///
/// 1. a metric (`metricName`): no audit record;
/// 2. `properties.initiatedBy`, or the same in the record itself: a directory audit record, whatever its category;
/// 3. by `category`: `Storage…`; sign-in logs; `AuditLogs`; the findings of Entra ID Protection; `OperationalLogs` with an
///    `EventName` (Event Hubs, Service Bus); `AuditEvent` of a key vault; those of the Activity log that are acts;
/// 4. any other category of a record with a `resourceId`: no audit record. These are the platform's own notices
///    (`ServiceHealth`, `ResourceHealth`, `Alert`, `Autoscale`, `Recommendation`), the logs of programs, and the audit logs
///    of other systems that Azure Monitor only carries (`kube-audit`, `SQLSecurityAuditEvents`), which have formats of
///    their own;
/// 5. without a category, as some pipelines lose it: by the fields that only one of the logs has.
pub(super) fn of(record: &Record<'_>) -> Shape {
    if record.text("metricName").is_some() && record.arm_id().is_some() {
        return Shape::NotAudit;
    }
    if record.body().get_any_case("initiatedBy").is_some() {
        return Shape::Record(Log::Directory);
    }
    let log = match record.text("category") {
        Some(category) => of_category(&category.to_ascii_lowercase(), record),
        None => of_fields(record),
    };
    match log {
        Some(log) => Shape::Record(log),
        None if record.text("category").is_some() && record.arm_id().is_some() => Shape::NotAudit,
        None => Shape::Unknown,
    }
}

fn of_category(category: &str, record: &Record<'_>) -> Option<Log> {
    let is_of = |provider: &str| record.arm_id().is_some_and(|id| contains_any_case(id, provider));
    match category {
        "storageread" | "storagewrite" | "storagedelete" => Some(Log::Storage),
        "auditlogs" => Some(Log::Directory),
        "operationallogs" if record.text("EventName").is_some() => Some(Log::Namespace),
        "auditevent" if is_of("/providers/microsoft.keyvault/") => Some(Log::KeyVault),
        _ if category.ends_with(SIGN_IN_SUFFIX) => Some(Log::SignIn),
        _ if RISK_CATEGORIES.contains(&category) => Some(Log::Risk),
        _ if ACTIVITY_CATEGORIES.contains(&category) && record.text("operationName").is_some() => Some(Log::Activity),
        _ => None,
    }
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
        Some(operation) if is_storage && !operation.contains('/') => Some(Log::Storage),
        Some(operation) if operation.contains('/') && (has_claims || has_identity) => Some(Log::Activity),
        _ => is_graph_sign_in(record).then_some(Log::SignIn),
    }
}

/// A sign-in as the Microsoft Graph answers it: the record itself is what Azure Monitor puts into `properties`.
fn is_graph_sign_in(record: &Record<'_>) -> bool {
    let has_status = record.get("status").is_some_and(|status| text_at(status, "errorCode").is_some());
    has_status && record.text("createdDateTime").is_some() && record.text("appId").is_some()
}
