//! What a call changed: the new state as far as the request states it. CloudTrail never says what was before, so no
//! `before` is ever written.

use crate::json::{self, Json, Parser};

use crate::percent::decoded;
use crate::secret::is_secret;

/// A request parameter that becomes a change: service, call, parameter, field. The call may end with `*`.
type Rule = (&'static str, &'static str, &'static str, &'static str);

/// Changes of permissions, credentials and logging. A parameter that is absent or empty makes no change.
const RULES: &[Rule] = &[
    ("iam", "AddRoleToInstanceProfile", "roleName", "role"),
    ("iam", "AddUserToGroup", "userName", "member"),
    ("iam", "AttachGroupPolicy", "policyArn", "attached_policy"),
    ("iam", "AttachRolePolicy", "policyArn", "attached_policy"),
    ("iam", "AttachUserPolicy", "policyArn", "attached_policy"),
    ("iam", "CreatePolicy", "policyDocument", "policy_document"),
    ("iam", "CreatePolicyVersion", "policyDocument", "policy_document"),
    ("iam", "CreatePolicyVersion", "setAsDefault", "set_as_default"),
    ("iam", "CreateRole", "assumeRolePolicyDocument", "assume_role_policy_document"),
    ("iam", "CreateRole", "maxSessionDuration", "max_session_duration"),
    ("iam", "CreateRole", "permissionsBoundary", "permissions_boundary"),
    ("iam", "CreateUser", "permissionsBoundary", "permissions_boundary"),
    ("iam", "PutGroupPolicy", "policyDocument", "inline_policy"),
    ("iam", "PutRolePermissionsBoundary", "permissionsBoundary", "permissions_boundary"),
    ("iam", "PutRolePolicy", "policyDocument", "inline_policy"),
    ("iam", "PutUserPermissionsBoundary", "permissionsBoundary", "permissions_boundary"),
    ("iam", "PutUserPolicy", "policyDocument", "inline_policy"),
    ("iam", "SetDefaultPolicyVersion", "versionId", "default_version"),
    ("iam", "UpdateAccessKey", "status", "status"),
    ("iam", "UpdateAssumeRolePolicy", "policyDocument", "assume_role_policy_document"),
    ("iam", "UpdateGroup", "newGroupName", "group_name"),
    ("iam", "UpdateGroup", "newPath", "path"),
    ("iam", "UpdateRole*", "description", "description"),
    ("iam", "UpdateRole", "maxSessionDuration", "max_session_duration"),
    ("iam", "UpdateSSHPublicKey", "status", "status"),
    ("iam", "UpdateSigningCertificate", "status", "status"),
    ("iam", "UpdateUser", "newPath", "path"),
    ("iam", "UpdateUser", "newUserName", "user_name"),
    ("s3", "CreateBucket", "x-amz-acl", "acl"),
    ("s3", "PutBucketAcl", "AccessControlPolicy", "access_control_policy"),
    ("s3", "PutBucketAcl", "accessControlList", "access_control_list"),
    ("s3", "PutBucketAcl", "x-amz-acl", "acl"),
    ("s3", "PutBucketEncryption", "ServerSideEncryptionConfiguration", "encryption"),
    ("s3", "PutBucketLogging", "BucketLoggingStatus", "logging"),
    ("s3", "PutBucketPolicy", "bucketPolicy", "bucket_policy"),
    ("s3", "PutBucketPublicAccessBlock", "PublicAccessBlockConfiguration", "public_access_block"),
    ("s3", "PutBucketVersioning", "VersioningConfiguration", "versioning"),
    ("s3", "PutAccountPublicAccessBlock", "PublicAccessBlockConfiguration", "public_access_block"),
    ("kms", "CreateGrant", "granteePrincipal", "grantee"),
    ("kms", "CreateGrant", "operations", "operations"),
    ("kms", "PutKeyPolicy", "policy", "key_policy"),
    ("lambda", "AddPermission*", "principal", "principal"),
    ("secretsmanager", "PutResourcePolicy", "resourcePolicy", "resource_policy"),
    ("sso", "CreateAccountAssignment", "permissionSetArn", "permission_set"),
    ("sso", "CreateAccountAssignment", "principalId", "principal"),
    ("cloudtrail", "PutEventSelectors", "advancedEventSelectors", "advanced_event_selectors"),
    ("cloudtrail", "PutEventSelectors", "eventSelectors", "event_selectors"),
    ("ec2", "AuthorizeSecurityGroup*", "ipPermissions", "ip_permissions"),
    ("ec2", "ModifyImageAttribute", "launchPermission", "launch_permission"),
    ("ec2", "ModifySnapshotAttribute", "createVolumePermission", "create_volume_permission"),
    ("rds", "ModifyDBSnapshotAttribute", "valuesToAdd", "values_added"),
];

/// Appends the changes of a record as normalised JSON; returns whether there are any (nothing is appended if not).
pub(super) fn write(record: &Json<'_>, out: &mut String) -> bool {
    let Some(request) = record.get("requestParameters") else { return false };
    let service = record.text_at("eventSource").unwrap_or_default();
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    let call = record.text_at("eventName").unwrap_or_default();
    let is_password_policy = service == "iam" && call == "UpdateAccountPasswordPolicy";
    let mut separator = '[';
    let mut write_change = |field: &str, after: &Json<'_>| {
        out.push(separator);
        separator = ',';
        out.push_str("{\"after\":");
        write_decoded(after, out);
        out.push_str(",\"field\":");
        json::write_text(field, out);
        out.push('}');
    };
    if is_password_policy && let Some(members) = request.members() {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_vacant()) {
            write_change(name, value);
        }
    }
    for (of_service, of_call, parameter, field) in RULES {
        let fits =
            *of_service == service && of_call.strip_suffix('*').map_or(*of_call == call, |prefix| call.starts_with(prefix));
        if fits && let Some(after) = request.get(parameter).filter(|after| !after.is_vacant()) {
            write_change(field, after);
        }
    }
    let has_changes = separator == ',';
    if has_changes {
        out.push(']');
    }
    has_changes
}

/// Policies arrive as JSON in a text, percent-encoded or not; they are kept as the JSON they are.
fn write_decoded(value: &Json<'_>, out: &mut String) {
    if let Some(text) = value.text() {
        let decoded_text = if text.starts_with("%7B") || text.starts_with("%7b") { decoded(text, false) } else { None };
        let text = decoded_text.as_deref().unwrap_or(text).trim();
        if text.starts_with('{') {
            let mut parser = Parser::new(text.as_bytes());
            if let Ok(policy) = parser.value(0)
                && parser.position() == text.len()
            {
                return json::write_without_secrets(&policy, &is_secret, out);
            }
        }
    }
    json::write_without_secrets(value, &is_secret, out);
}
