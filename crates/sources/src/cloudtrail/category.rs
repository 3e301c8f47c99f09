//! What kind of action a call is.

use auditlake_event::Category;

use crate::json::Json;

/// Calls that read or write data, also where CloudTrail counts them as management events or does not say. A name that ends with
/// `*` stands for all that begin so.
const DATA_ACTIONS: [(&str, &[&str]); 12] = [
    ("athena.amazonaws.com", &["StartQueryExecution", "GetQueryResults*"]),
    ("bedrock.amazonaws.com", &["Converse*", "InvokeModel*", "InvokeAgent", "InvokeFlow", "Retrieve*"]),
    (
        "dynamodb.amazonaws.com",
        &[
            "BatchExecuteStatement",
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "GetItem",
            "GetRecords",
            "PutItem",
            "Query",
            "Scan",
            "TransactGetItems",
            "TransactWriteItems",
            "UpdateItem",
        ],
    ),
    ("kinesis.amazonaws.com", &["GetRecords", "PutRecord", "PutRecords", "SubscribeToShard"]),
    ("lambda.amazonaws.com", &["Invoke", "Invoke2*", "InvokeAsync*", "InvokeFunction*", "InvokeWithResponseStream*"]),
    ("rds-data.amazonaws.com", &["BatchExecuteStatement", "ExecuteSql", "ExecuteStatement"]),
    ("redshift-data.amazonaws.com", &["BatchExecuteStatement", "ExecuteStatement", "GetStatementResult*"]),
    ("sns.amazonaws.com", &["Publish", "PublishBatch"]),
    ("sqs.amazonaws.com", &["DeleteMessage*", "ReceiveMessage", "SendMessage*"]),
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

/// Calls of KMS that use a key and change nothing about it.
const KEY_USES: [&str; 10] = [
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey*",
    "GenerateMac",
    "GenerateRandom",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
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
const READ_PREFIXES: [&str; 26] = [
    "BatchDescribe",
    "BatchGet",
    "BatchList",
    "Check",
    "Count",
    "Decode",
    "Describe",
    "Detect",
    "Discover",
    "Download",
    "Estimate",
    "Evaluate",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Read",
    "Scan",
    "Search",
    "Select",
    "Test",
    "Validate",
    "View",
];

/// The category of a record, by the first rule that fits:
///
/// 1. STS, sign-in and portal (`sts`, `signin`, `sso` session calls), Cognito and Roles Anywhere sessions, credentials that a service gives out, every
///    `AwsConsoleSignIn`: authentication;
/// 2. data events, and reading secrets, parameters or objects: data access;
/// 3. what came through a VPC endpoint's log (`NetworkActivity`), which tells of calls on the network, and uses of a key
///    (`Decrypt`): other;
/// 4. IAM, IAM Identity Center and identity store, if they write: group, user or role management by the words in the
///    name; `Simulate…Policy` is a permission check;
/// 5. other calls that write: configuration; that read: other.
pub(super) fn of(record: &Json<'_>) -> Category {
    let service = record.text_at("eventSource").unwrap_or_default();
    let name = record.text_at("eventName").unwrap_or_default();
    if is_authentication(service, name) || record.text_at("eventType") == Some("AwsConsoleSignIn") {
        return Category::Authentication;
    }
    let event_category = record.text_at("eventCategory").unwrap_or_default();
    let is_data_event = event_category == "Data" || truth(record, "managementEvent") == Some(false);
    let is_data_action = DATA_ACTIONS.iter().any(|(of_service, actions)| *of_service == service && is_one_of(actions, name));
    if is_data_event || is_data_action {
        return Category::DataAccess;
    }
    let is_on_the_network = event_category == "NetworkActivity" || record.text_at("eventType") == Some("AwsVpceEvent");
    if is_on_the_network || (service == "kms.amazonaws.com" && is_one_of(&KEY_USES, name)) {
        return Category::Other;
    }
    let writes = match truth(record, "readOnly") {
        Some(is_read) => !is_read,
        None => !READ_PREFIXES.iter().any(|prefix| name.starts_with(prefix)),
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

/// A truth, which EventBridge, lookup-events and exports have as a text here and there.
fn truth(record: &Json<'_>, name: &str) -> Option<bool> {
    match record.get(name)? {
        Json::Bool(value) => Some(*value),
        Json::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|own| own.strip_suffix('*').map_or(*own == name, |beginning| name.starts_with(beginning)))
}

fn is_authentication(service: &str, name: &str) -> bool {
    match service {
        "sts.amazonaws.com" | "signin.amazonaws.com" | "sso-oauth.amazonaws.com" => true,
        "sso.amazonaws.com" => {
            ["Authenticate", "Federate", "Logout", "UserAuthentication", "GetRoleCredentials"].contains(&name)
        }
        "rolesanywhere.amazonaws.com" => name == "CreateSession",
        // They give out credentials to sign in with, and change nothing.
        "redshift.amazonaws.com" => name.starts_with("GetClusterCredentials"),
        "redshift-serverless.amazonaws.com" => name == "GetCredentials",
        "ecr.amazonaws.com" | "ecr-public.amazonaws.com" | "codeartifact.amazonaws.com" => name == "GetAuthorizationToken",
        "cognito-identity.amazonaws.com" => {
            ["GetCredentialsForIdentity", "GetId", "GetOpenIdToken", "GetOpenIdTokenForDeveloperIdentity"].contains(&name)
        }
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
