//! What kind of action a call is.

use auditlake_event::Category;

use super::entry::{Entry, text_at};

/// Services that sign in, and give out tokens and signatures.
const AUTHENTICATION: [&str; 5] = [
    "login.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
    "identitytoolkit.googleapis.com",
    "securetoken.googleapis.com",
];

/// What the methods of permission checks hold, in lower case.
const PERMISSION_CHECKS: [&str; 6] = [
    "testiampermissions",
    "subjectaccessreviews",
    "subjectrulesreviews",
    "troubleshootiampolicy",
    "authorizeuser",
    "checkpolicy",
];

/// Services whose methods are about their customers' data, and beginnings of the methods that are, in lower case.
const DATA: &[(&str, &str)] = &[
    ("storage.googleapis.com", "storage.objects."),
    ("storage.googleapis.com", "google.storage.objects."),
    ("bigquery.googleapis.com", "jobservice."),
    ("bigquery.googleapis.com", "tabledataservice."),
    ("bigquery.googleapis.com", "google.cloud.bigquery.v2.jobservice."),
    ("bigquery.googleapis.com", "google.cloud.bigquery.v2.tabledataservice."),
    ("bigquery.googleapis.com", "google.cloud.bigquery.storage."),
    ("secretmanager.googleapis.com", "google.cloud.secretmanager.v1.secretmanagerservice.accesssecretversion"),
    ("secretmanager.googleapis.com", "google.cloud.secretmanager.v1.secretmanagerservice.addsecretversion"),
    ("cloudkms.googleapis.com", "encrypt"),
    ("cloudkms.googleapis.com", "decrypt"),
    ("cloudkms.googleapis.com", "asymmetric"),
    ("cloudkms.googleapis.com", "mac"),
    ("cloudkms.googleapis.com", "raw"),
    ("datastore.googleapis.com", "google.datastore."),
    ("firestore.googleapis.com", "google.firestore.v1.firestore."),
    ("spanner.googleapis.com", "google.spanner.v1.spanner."),
    ("bigtable.googleapis.com", "google.bigtable.v2."),
    ("pubsub.googleapis.com", "google.pubsub.v1.publisher.publish"),
    ("pubsub.googleapis.com", "google.pubsub.v1.subscriber.pull"),
    ("pubsub.googleapis.com", "google.pubsub.v1.subscriber.streamingpull"),
    ("logging.googleapis.com", "google.logging.v2.loggingservicev2."),
    ("k8s.io", "io.k8s.core.v1.secrets."),
    ("monitoring.googleapis.com", "google.monitoring.v3.metricservice."),
];

/// Services that only manage things: their reads are not of data, although the log `data_access` holds them (`ADMIN_READ`).
const MANAGEMENT: [&str; 14] = [
    "cloudbilling.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iap.googleapis.com",
    "k8s.io",
    "logging.googleapis.com",
    "orgpolicy.googleapis.com",
    "run.googleapis.com",
    "servicemanagement.googleapis.com",
    "serviceusage.googleapis.com",
];

/// Beginnings of the last part of methods that only read, in lower case.
const READS: [&str; 11] =
    ["get", "list", "aggregatedlist", "search", "query", "batchget", "lookup", "read", "watch", "describe", "fetch"];

/// What methods of any service hold that change who may do what, besides `SetIam…`, in lower case: Kubernetes' roles and
/// their bindings, invitations to own a project.
const GRANTS: [&str; 2] = ["authorization.rbac", "projectownershipinvite"];
/// What methods that manage roles, groups and users hold, in lower case; in this order of preference.
const ROLES: [&str; 3] = ["role", "iam.v2.policies.", "delegatedadmin"];
const GROUPS: [&str; 2] = ["group", "membership"];
const USERS: [&str; 5] = ["serviceaccount", "user", "password", "2sv", "recovery"];
/// Services whose methods are about identities, so that the words above count in them.
const IDENTITY: [&str; 4] =
    ["iam.googleapis.com", "admin.googleapis.com", "cloudidentity.googleapis.com", "groups.googleapis.com"];

/// The category of an entry, by the first rule that fits:
///
/// 1. the log `policy`, and methods that ask for permissions (`TestIamPermissions`, Kubernetes' access reviews,
///    Identity-Aware Proxy's `AuthorizeUser`, OS Login's `CheckPolicy`): permission check;
/// 2. sign-in, tokens and signatures (`login`, `iamcredentials`, `sts`…): authentication;
/// 3. setting a policy of who may do what, in any service and spelling (`SetIamPolicy`, `setIamPermissions`, Kubernetes'
///    RBAC): role management;
/// 4. what a permission's `permissionType` says: `DATA_READ`, `DATA_WRITE`: data access;
/// 5. methods on data, by the table: data access;
/// 6. methods of IAM, Cloud Identity and Google Workspace that write: role, group or user management by the words in them;
/// 7. reads: of services that only manage things, of `permissionType` `ADMIN_READ`, or outside the log `data_access`: other;
/// 8. the rest of the log `data_access`: data access; else configuration.
pub(super) fn of(entry: &Entry<'_>) -> Category {
    let service = entry.audit_text("serviceName").unwrap_or_default();
    let method = entry.audit_text("methodName").unwrap_or_default();
    let log = entry.log();
    if log == Some("policy") {
        return Category::PermissionCheck;
    }
    by_tables(service, method, log == Some("data_access"), &|wanted| {
        let mut types = entry.permissions().filter_map(|permission| text_at(permission, "permissionType"));
        types.any(|kind| wanted.contains(&kind))
    })
}

/// The category of an access by Google's staff: by the same rules, for a method of no service. It counts as one of the log
/// `data_access` unless its permission types (`permissionDetails`) are administrative.
pub(super) fn of_access(method: &str, permission_types: &[&str]) -> Category {
    let is_of_type = |wanted: &[&str]| permission_types.iter().any(|kind| wanted.contains(kind));
    by_tables("", method, !is_of_type(&["ADMIN_READ", "ADMIN_WRITE"]), &is_of_type)
}

fn by_tables(service: &str, method: &str, is_data_log: bool, is_of_type: &dyn Fn(&[&str]) -> bool) -> Category {
    let method = method.to_ascii_lowercase();
    let last = method.rsplit(['.', '/']).next().unwrap_or_default();
    let holds = |words: &[&str]| words.iter().any(|word| method.contains(word));
    let is_read = READS.iter().any(|read| last.starts_with(read));
    if holds(&PERMISSION_CHECKS) {
        return Category::PermissionCheck;
    }
    if AUTHENTICATION.contains(&service) {
        return Category::Authentication;
    }
    if last.starts_with("setiam") || (!is_read && holds(&GRANTS)) {
        return Category::RoleManagement;
    }
    let is_data_method = DATA.iter().any(|(of_service, start)| *of_service == service && method.starts_with(start));
    if is_of_type(&["DATA_READ", "DATA_WRITE"]) || is_data_method {
        return Category::DataAccess;
    }
    if !is_read && IDENTITY.contains(&service) {
        return identity_category(&holds);
    }
    if is_read && (MANAGEMENT.contains(&service) || !is_data_log || is_of_type(&["ADMIN_READ"])) {
        return Category::Other;
    }
    if is_data_log { Category::DataAccess } else { Category::Configuration }
}

fn identity_category(holds: &dyn Fn(&[&str]) -> bool) -> Category {
    if holds(&ROLES) {
        Category::RoleManagement
    } else if holds(&GROUPS) {
        Category::GroupManagement
    } else if holds(&USERS) {
        Category::UserManagement
    } else {
        Category::Configuration
    }
}
