//! The rest of a record that is worth keeping apart: what questions filter by, and what no column holds.
//!
//! | key | from |
//! |---|---|
//! | `access_key_id` | `userIdentity.accessKeyId`: the credential the call was made with |
//! | `issued_access_key_id` | the access key the call gave out: `responseElements.credentials.accessKeyId` (AssumeRole and its like), `responseElements.accessKey.accessKeyId` (CreateAccessKey). Equal to the `access_key_id` of what was done with it |
//! | `external_id`, `role_session_name`, `assumed_role_arn` | `requestParameters.externalId`, `.roleSessionName`, `responseElements.assumedRoleUser.arn` |
//! | `account_id`, `identity_type`, `principal_id`, `invoked_by`, `credential_id`, `identity_provider` | `userIdentity` |
//! | `on_behalf_of` | the person of IAM Identity Center for whom a session acts: `userIdentity.onBehalfOf` with `userId` as `user_id`, `identityStoreArn` as `identity_store_arn` |
//! | `session_name` | the session's name, where `actor_name` is the person |
//! | `in_scope_of` | `userIdentity`, as it is |
//! | `session_created`, `mfa_authenticated` (boolean), `source_identity`, `web_id_federation`, `ec2_role_delivery` | `userIdentity.sessionContext` |
//! | `mfa_used` (boolean), `authentication_method` | `additionalEventData.MFAUsed`, `.AuthenticationMethod` (`QueryString`: a presigned URL) |
//! | `aws_region`, `event_type`, `event_category`, `event_version`, `api_version`, `read_only`, `management_event`, `shared_event_id` | the record |
//! | `vpc_endpoint_id`, `vpc_endpoint_account_id`, `tls_details`, `edge_device_details`, `session_from_console`, `service_event_details` | the record |
//! | `addendum`, `amends_event_id` | the record's `addendum`, and its `originalEventID` |
//! | `resources` | ARNs, where `resources` names more than one thing; ids, where the call was made on several things or made several |
//! | `related` | IAM names in the request besides the resource: `policyArn`, `userName`, `accessKeyId`… |
//! | `rest` | members of the record unknown here; without `raw` also `requestParameters`, `responseElements`, `additionalEventData`, `resources` and `userIdentity`, so that nothing is lost |
//! | `source_event_id` | the source's id where it was too long for `event_id` |
//! | `unicode_replaced` | `true` if U+FFFD stands for bytes that are no Unicode |

use crate::absent::stated;
use crate::json::Json;
use crate::metadata::{Metadata, Value};

use super::actor::Actor;
use super::parts;
use super::resource::Resource;

/// What was found out about a record while it was read.
pub(super) struct Notes<'r> {
    pub replaced_id: Option<&'r str>,
    pub is_replaced: bool,
    pub keeps_raw: bool,
}

/// Members of a record that `rest` need not hold, because a column or a key of the metadata does. Sorted.
pub(crate) const KNOWN: [&str; 30] = [
    "addendum",
    "additionalEventData",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointAccountId",
    "vpcEndpointId",
];
/// Members that only `raw` holds in full.
const FULL_IN_RAW: [&str; 5] = ["additionalEventData", "requestParameters", "resources", "responseElements", "userIdentity"];
/// Members whose text is a column.
const COLUMNS: [&str; 10] = [
    "errorCode",
    "errorMessage",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "recipientAccountId",
    "requestID",
    "sourceIPAddress",
    "userAgent",
];
/// Names in IAM requests that say what else was concerned.
const RELATED: [&str; 8] =
    ["accessKeyId", "groupName", "instanceProfileName", "policyArn", "policyName", "roleName", "serialNumber", "userName"];

/// Appends the metadata of a record as a normalised JSON object; returns whether there is any.
pub(super) fn write<'r>(
    record: &'r Json<'r>,
    actor: &Actor<'r>,
    resource: &Resource<'r>,
    notes: &Notes<'r>,
    out: &mut String,
) -> bool {
    let mut entries = Metadata::default();
    of_record(record, &mut entries);
    if let Some(identity) = record.get("userIdentity") {
        of_identity(identity, actor, &mut entries);
    }
    of_request(record, resource, &mut entries);
    let members = record.members().into_iter().flat_map(|members| members.iter());
    let rest: Vec<_> = members.filter(|(name, value)| is_rest(name, value, notes.keeps_raw)).collect();
    if !rest.is_empty() {
        entries.put("rest", Value::Members(rest));
    }
    entries.extend(notes.replaced_id.map(|id| ("source_event_id", Value::Text(id.into()))));
    if notes.is_replaced {
        entries.put("unicode_replaced", Value::Bool(true));
    }
    entries.write(out)
}

/// Whether a member of the record belongs to the rest: it is unknown, or no column can hold what it is, or only `raw` would.
fn is_rest(name: &str, value: &Json<'_>, keeps_raw: bool) -> bool {
    if matches!(value, Json::Null) {
        return false;
    }
    if FULL_IN_RAW.contains(&name) {
        let is_as_known = if name == "resources" { matches!(value, Json::Array(_)) } else { value.members().is_some() };
        return !keeps_raw || !is_as_known;
    }
    if COLUMNS.contains(&name) {
        return !matches!(value, Json::Text(_) | Json::Number(_));
    }
    KNOWN.binary_search(&name).is_err()
}

fn of_record<'r>(record: &'r Json<'r>, entries: &mut Metadata<'r>) {
    for (key, member) in [
        ("addendum", "addendum"),
        ("api_version", "apiVersion"),
        ("aws_region", "awsRegion"),
        ("edge_device_details", "edgeDeviceDetails"),
        ("event_category", "eventCategory"),
        ("event_type", "eventType"),
        ("event_version", "eventVersion"),
        ("management_event", "managementEvent"),
        ("read_only", "readOnly"),
        ("service_event_details", "serviceEventDetails"),
        ("session_from_console", "sessionCredentialFromConsole"),
        ("shared_event_id", "sharedEventID"),
        ("tls_details", "tlsDetails"),
        ("vpc_endpoint_account_id", "vpcEndpointAccountId"),
        ("vpc_endpoint_id", "vpcEndpointId"),
    ] {
        let Some(value) = record.get(member).filter(|value| !value.is_vacant()) else { continue };
        entries.put(key, yes_or_no(value).unwrap_or(Value::Json(value)));
    }
    let amended = record.get("addendum").and_then(|addendum| addendum.text_at("originalEventID"));
    entries.extend(amended.map(|id| ("amends_event_id", Value::Text(id.into()))));
    if let Some(additional) = record.get("additionalEventData") {
        let method = additional.text_at("AuthenticationMethod").and_then(stated);
        entries.extend(method.map(|method| ("authentication_method", Value::Text(method.into()))));
        entries.extend(additional.get("MFAUsed").and_then(yes_or_no).map(|value| ("mfa_used", value)));
    }
}

/// CloudTrail writes many truths as text.
fn yes_or_no<'r>(value: &Json<'_>) -> Option<Value<'r>> {
    match value.text()? {
        "true" | "Yes" => Some(Value::Bool(true)),
        "false" | "No" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn of_identity<'r>(identity: &'r Json<'r>, actor: &Actor<'r>, entries: &mut Metadata<'r>) {
    for (key, member) in [
        ("access_key_id", "accessKeyId"),
        ("account_id", "accountId"),
        ("credential_id", "credentialId"),
        ("identity_provider", "identityProvider"),
        ("identity_type", "type"),
        ("in_scope_of", "inScopeOf"),
        ("principal_id", "principalId"),
    ] {
        entries.extend(identity.get(member).filter(|value| !value.is_vacant()).map(|value| (key, Value::Json(value))));
    }
    if let Some(person) = identity.get("onBehalfOf") {
        match person.members() {
            Some(members) => {
                let mut members: Vec<_> = members.iter().map(|(name, value)| (on_behalf_of_key(name), value)).collect();
                members.sort_by_key(|(name, _)| *name);
                entries.members("on_behalf_of", members);
            }
            None => entries.json("on_behalf_of", Some(person)),
        }
        let person = person.text_at("userId").and_then(stated);
        let principal = identity.text_at("principalId").and_then(|principal| principal.split_once(':'));
        let session = principal.map(|(_, session)| session).filter(|_| person.is_some() && actor.name == person);
        entries.text("session_name", session);
    }
    // A column has it already where it is the actor, or what stands behind the actor.
    let is_elsewhere = |invoked_by: &&str| actor.id == Some(*invoked_by) || actor.via == Some(*invoked_by);
    let invoked_by = identity.text_at("invokedBy").filter(|invoked_by| !is_elsewhere(invoked_by));
    entries.extend(invoked_by.map(|invoked_by| ("invoked_by", Value::Text(invoked_by.into()))));
    let Some(session) = identity.get("sessionContext") else { return };
    for (key, member) in [
        ("ec2_role_delivery", "ec2RoleDelivery"),
        ("source_identity", "sourceIdentity"),
        ("web_id_federation", "webIdFederationData"),
    ] {
        entries.extend(session.get(member).filter(|value| !value.is_vacant()).map(|value| (key, Value::Json(value))));
    }
    let Some(attributes) = session.get("attributes") else { return };
    entries.extend(attributes.text_at("creationDate").map(|created| ("session_created", Value::Text(created.into()))));
    let mfa = attributes.get("mfaAuthenticated");
    entries.extend(mfa.map(|mfa| ("mfa_authenticated", yes_or_no(mfa).unwrap_or(Value::Json(mfa)))));
}

fn on_behalf_of_key(member: &str) -> &str {
    match member {
        "userId" => "user_id",
        "identityStoreArn" => "identity_store_arn",
        other => other,
    }
}

fn of_request<'r>(record: &'r Json<'r>, resource: &Resource<'r>, entries: &mut Metadata<'r>) {
    if let Some(answer) = parts::answer(record) {
        let text = |part: &str, name: &str| answer.get_any_case(part)?.get_any_case(name)?.text().and_then(stated);
        let issued = ["credentials", "accessKey", "roleCredentials"].iter().find_map(|part| text(part, "accessKeyId"));
        entries.text("issued_access_key_id", issued);
        entries.text("assumed_role_arn", text("assumedRoleUser", "arn"));
    }
    if let Some(request) = parts::request(record) {
        for (key, parameter) in [("external_id", "externalId"), ("role_session_name", "roleSessionName")] {
            entries.text(key, request.get_any_case(parameter).and_then(Json::text));
        }
        let is_iam = parts::service(record) == "iam";
        let is_related = |name: &&&str| is_iam && resource.parameter != Some(**name);
        let related = RELATED.iter().filter(is_related).filter_map(|name| Some((*name, request.get_any_case(name)?)));
        let related: Vec<_> = related.filter(|(_, value)| value.text().is_some()).collect();
        if !related.is_empty() {
            entries.put("related", Value::Members(related));
        }
    }
    if !resource.all.is_empty() {
        entries.put("resources", Value::Texts(resource.all.clone()));
    }
    let resources = record.get("resources").map(Json::elements).unwrap_or_default();
    let arns: Vec<&str> =
        resources.iter().filter_map(|resource| resource.text_at("ARN").or(resource.text_at("ARNPrefix"))).collect();
    if arns.len() > 1 || (arns.len() == 1 && resource.id.as_deref() != arns.first().copied()) {
        entries.put("resources", Value::Texts(arns));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_known_members_are_sorted() {
        assert!(super::KNOWN.is_sorted());
    }
}
