//! What kind of action a call is.

use auditlake_event::Category;

use crate::json::Json;

/// Calls that read or write data although CloudTrail counts them as management events.
const DATA_ACTIONS: [(&str, &[&str]); 3] = [
    ("secretsmanager.amazonaws.com", &["GetSecretValue", "BatchGetSecretValue", "PutSecretValue"]),
    ("ssm.amazonaws.com", &["GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"]),
    (
        "s3.amazonaws.com",
        &[
            "GetObject",
            "HeadObject",
            "PutObject",
            "CopyObject",
            "DeleteObject",
            "DeleteObjects",
            "ListObjects",
            "ListObjectsV2",
            "ListObjectVersions",
            "RestoreObject",
            "SelectObjectContent",
            "UploadPart",
            "UploadPartCopy",
            "CompleteMultipartUpload",
        ],
    ),
];

/// IAM calls about the account as a whole, whatever else their names hold.
const ACCOUNT_WORDS: [&str; 6] = [
    "AccountPasswordPolicy",
    "AccountAlias",
    "SAMLProvider",
    "OpenIDConnectProvider",
    "ServerCertificate",
    "OrganizationsRoot",
];
/// What the names of IAM calls about groups, roles and their permissions, and users hold, in this order of preference.
const GROUP_WORDS: [&str; 1] = ["Group"];
const USER_WORDS: [&str; 8] = [
    "User",
    "LoginProfile",
    "AccessKey",
    "MFADevice",
    "SSHPublicKey",
    "SigningCertificate",
    "ServiceSpecificCredential",
    "Password",
];
const ROLE_WORDS: [&str; 5] = ["Role", "Policy", "InstanceProfile", "PermissionSet", "AccountAssignment"];

/// Beginnings of names of calls that only read; counts where `readOnly` is not stated.
const READ_PREFIXES: [&str; 12] =
    ["Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Check", "Query", "Scan", "Test", "View"];

/// The category of a record, by the first rule that fits:
///
/// 1. STS, sign-in and portal (`sts`, `signin`, `sso` session calls), Cognito and Roles Anywhere sessions, every
///    `AwsConsoleSignIn`: authentication;
/// 2. data events, and reading secrets, parameters or objects: data access;
/// 3. IAM, IAM Identity Center and identity store, if they write: group, user or role management by the words in the
///    name; `Simulate…Policy` is a permission check;
/// 4. other calls that write: configuration; that read: other.
pub(super) fn of(record: &Json<'_>) -> Category {
    let service = record.text_at("eventSource").unwrap_or_default();
    let name = record.text_at("eventName").unwrap_or_default();
    if is_authentication(service, name) || record.text_at("eventType") == Some("AwsConsoleSignIn") {
        return Category::Authentication;
    }
    let is_data_event =
        record.text_at("eventCategory") == Some("Data") || record.get("managementEvent") == Some(&Json::Bool(false));
    let is_data_action = DATA_ACTIONS.iter().any(|(of_service, actions)| *of_service == service && actions.contains(&name));
    if is_data_event || is_data_action {
        return Category::DataAccess;
    }
    let writes = match record.get("readOnly") {
        Some(Json::Bool(is_read)) => !is_read,
        // EventBridge and lookup-events have it as a text here and there.
        Some(Json::Text(text)) if text == "true" || text == "false" => text == "false",
        _ => !READ_PREFIXES.iter().any(|prefix| name.starts_with(prefix)),
    };
    let manages_identities =
        ["iam.amazonaws.com", "sso.amazonaws.com", "identitystore.amazonaws.com", "sso-directory.amazonaws.com"]
            .contains(&service);
    if manages_identities && name.starts_with("Simulate") {
        return Category::PermissionCheck;
    }
    match (manages_identities, writes) {
        (true, true) => identity_category(name),
        (false, true) => Category::Configuration,
        (_, false) => Category::Other,
    }
}

fn is_authentication(service: &str, name: &str) -> bool {
    match service {
        "sts.amazonaws.com" | "signin.amazonaws.com" | "sso-oauth.amazonaws.com" => true,
        "sso.amazonaws.com" => {
            ["Authenticate", "Federate", "Logout", "UserAuthentication", "GetRoleCredentials"].contains(&name)
        }
        "rolesanywhere.amazonaws.com" => name == "CreateSession",
        "cognito-idp.amazonaws.com" => name.contains("InitiateAuth") || name.contains("RespondToAuthChallenge"),
        _ => false,
    }
}

fn identity_category(name: &str) -> Category {
    let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if holds(&ACCOUNT_WORDS) {
        Category::Configuration
    } else if holds(&GROUP_WORDS) {
        Category::GroupManagement
    } else if holds(&USER_WORDS) {
        Category::UserManagement
    } else if holds(&ROLE_WORDS) {
        Category::RoleManagement
    } else {
        Category::Configuration
    }
}
