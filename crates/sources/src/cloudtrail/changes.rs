//! What a call changed: the new state as far as the request states it. CloudTrail never says what a new state replaces; only of
//! what a call takes away (`RevokeSecurityGroupIngress`, a record set that is deleted) the request says what was before.

use crate::json::{self, Json, Parser};

use crate::percent::decoded;
use crate::secret::is_secret;

use super::parts;

/// A request parameter that becomes a change: service (`""`: any), call, parameter (in any ASCII case), field. The call may end
/// with `*`.
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
    ("s3", "PutObjectAcl", "AccessControlPolicy", "access_control_policy"),
    ("s3", "PutObjectAcl", "accessControlList", "access_control_list"),
    ("s3", "PutObjectAcl", "x-amz-acl", "acl"),
    ("s3", "PutAccountPublicAccessBlock", "PublicAccessBlockConfiguration", "public_access_block"),
    ("kms", "CreateGrant", "granteePrincipal", "grantee"),
    ("kms", "CreateGrant", "operations", "operations"),
    ("kms", "PutKeyPolicy", "policy", "key_policy"),
    ("lambda", "AddPermission*", "principal", "principal"),
    ("ecr", "SetRepositoryPolicy", "policyText", "repository_policy"),
    ("", "PutResourcePolicy", "policy", "resource_policy"),
    ("", "PutResourcePolicy", "policyDocument", "resource_policy"),
    ("", "PutResourcePolicy", "policyInJson", "resource_policy"),
    ("", "PutResourcePolicy", "resourcePolicy", "resource_policy"),
    ("sso", "CreateAccountAssignment", "permissionSetArn", "permission_set"),
    ("sso", "CreateAccountAssignment", "principalId", "principal"),
    ("cloudtrail", "PutEventSelectors", "advancedEventSelectors", "advanced_event_selectors"),
    ("cloudtrail", "PutEventSelectors", "eventSelectors", "event_selectors"),
    ("ec2", "AuthorizeSecurityGroup*", "cidrIp", "cidr_ip"),
    ("ec2", "AuthorizeSecurityGroup*", "ipPermissions", "ip_permissions"),
    ("ec2", "AuthorizeSecurityGroup*", "sourceSecurityGroupName", "source_security_group"),
    ("ec2", "CreateNetworkAclEntry", "cidrBlock", "cidr_block"),
    ("ec2", "CreateNetworkAclEntry", "ipv6CidrBlock", "ipv6_cidr_block"),
    ("ec2", "CreateNetworkAclEntry", "ruleAction", "rule_action"),
    ("ec2", "ReplaceNetworkAclEntry", "cidrBlock", "cidr_block"),
    ("ec2", "ReplaceNetworkAclEntry", "ipv6CidrBlock", "ipv6_cidr_block"),
    ("ec2", "ReplaceNetworkAclEntry", "ruleAction", "rule_action"),
    ("ec2", "ModifySecurityGroupRules", "securityGroupRule", "security_group_rules"),
    ("ec2", "UpdateSecurityGroupRuleDescriptions*", "ipPermissions", "ip_permissions"),
    ("ec2", "UpdateSecurityGroupRuleDescriptions*", "securityGroupRuleDescription", "security_group_rule_descriptions"),
    ("ec2", "ModifyImageAttribute", "launchPermission", "launch_permission"),
    ("ec2", "ModifySnapshotAttribute", "createVolumePermission", "create_volume_permission"),
    ("rds", "ModifyDBSnapshotAttribute", "valuesToAdd", "values_added"),
];

/// Request parameters that say what a call takes away, as [`RULES`].
const REMOVALS: &[Rule] = &[
    ("iam", "DetachGroupPolicy", "policyArn", "attached_policy"),
    ("iam", "DetachRolePolicy", "policyArn", "attached_policy"),
    ("iam", "DetachUserPolicy", "policyArn", "attached_policy"),
    ("iam", "RemoveRoleFromInstanceProfile", "roleName", "role"),
    ("iam", "RemoveUserFromGroup", "userName", "member"),
    ("sso", "DeleteAccountAssignment", "permissionSetArn", "permission_set"),
    ("sso", "DeleteAccountAssignment", "principalId", "principal"),
    ("ec2", "RevokeSecurityGroup*", "cidrIp", "cidr_ip"),
    ("ec2", "RevokeSecurityGroup*", "ipPermissions", "ip_permissions"),
    ("ec2", "RevokeSecurityGroup*", "securityGroupRuleIds", "security_group_rule_ids"),
    ("rds", "ModifyDBSnapshotAttribute", "valuesToRemove", "values_removed"),
];

/// Writes changes one after the other.
struct Writer<'o> {
    out: &'o mut String,
    separator: char,
}

impl Writer<'_> {
    fn change(&mut self, field: &str, before: Option<&Json<'_>>, after: Option<&Json<'_>>) {
        self.out.push(self.separator);
        self.separator = ',';
        self.out.push_str("{\"after\":");
        match after {
            Some(after) => write_decoded(after, self.out),
            None => self.out.push_str("null"),
        }
        if let Some(before) = before {
            self.out.push_str(",\"before\":");
            write_decoded(before, self.out);
        }
        self.out.push_str(",\"field\":");
        json::write_text(field, self.out);
        self.out.push('}');
    }
}

/// Appends the changes of a record as normalised JSON; returns whether there are any (nothing is appended if not).
pub(super) fn write(record: &Json<'_>, out: &mut String) -> bool {
    let Some(request) = parts::request(record) else { return false };
    let service = parts::service(record);
    let call = record.text_at("eventName").unwrap_or_default();
    let mut writer = Writer { out, separator: '[' };
    let stated = |(of_service, of_call, parameter, field): &'static Rule| {
        let is_of_service = of_service.is_empty() || *of_service == service;
        let is_call = of_call.strip_suffix('*').map_or(*of_call == call, |beginning| call.starts_with(beginning));
        let value = request.get_any_case(parameter).filter(|value| is_of_service && is_call && !value.is_vacant());
        value.map(|value| (*field, value))
    };
    if service == "iam"
        && call == "UpdateAccountPasswordPolicy"
        && let Some(members) = request.members()
    {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_vacant()) {
            writer.change(name, None, Some(value));
        }
    }
    if service == "route53" && call == "ChangeResourceRecordSets" {
        write_record_sets(request, &mut writer);
    }
    for (field, after) in RULES.iter().filter_map(stated) {
        writer.change(field, None, Some(after));
    }
    for (field, before) in REMOVALS.iter().filter_map(stated) {
        writer.change(field, Some(before), None);
    }
    let has_changes = writer.separator == ',';
    if has_changes {
        out.push(']');
    }
    has_changes
}

/// The record sets of a batch of Route 53, each under its type and name. One that is deleted has to be stated as it was.
fn write_record_sets(request: &Json<'_>, writer: &mut Writer<'_>) {
    let changes = request.get_any_case("changeBatch").and_then(|batch| batch.get_any_case("changes"));
    for change in changes.map(parts::objects).unwrap_or_default() {
        let Some(set) = change.get_any_case("resourceRecordSet") else { continue };
        let text = |name: &str| set.get_any_case(name).and_then(Json::text).unwrap_or_default();
        let field = format!("record {} {}", text("type"), text("name"));
        let is_deleted =
            change.get_any_case("action").and_then(Json::text).is_some_and(|action| action.eq_ignore_ascii_case("DELETE"));
        if is_deleted {
            writer.change(field.trim_end(), Some(set), None);
        } else {
            writer.change(field.trim_end(), None, Some(set));
        }
    }
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
