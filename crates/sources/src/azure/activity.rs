//! Operations of Azure Resource Manager (the Activity log), on key vaults, and on namespaces of Event Hubs and Service Bus.

use std::borrow::Cow;

use auditlake_event::{Category, Outcome};

use crate::json::Json;
use crate::metadata::Metadata;
use crate::names::Names;

use super::facts::{Facts, Resource, Scope};
use super::record::{ArmId, Record, text_at};
use super::storage_resource::Url;
use super::{changes, claims, outcome};

/// Members of an operation's record that a column or the metadata has besides those of every record, in lower case.
pub(super) static KNOWN: Names = Names::new(&[
    "authorization",
    "caller",
    "calleripaddress",
    "claims",
    "correlationid",
    "description",
    "eventdataid",
    "eventname",
    "httprequest",
    "id",
    "identity",
    "operationid",
    "resourcegroupname",
    "resourceprovidername",
    "resourcetype",
    "resourceuri",
    "status",
    "submissiontimestamp",
    "subscriptionid",
    "substatus",
]);
/// The same of a record of a namespace.
pub(super) static KNOWN_OF_NAMESPACE: Names = Names::new(&[
    "activityid",
    "caller",
    "calleripaddress",
    "environment",
    "eventname",
    "eventproperties",
    "eventtimestring",
    "region",
    "scaleunit",
    "status",
]);

/// The subscription, in lower case as Azure writes its ids; else the tenant.
pub(super) fn scope<'r>(record: &Record<'r>, arm: &ArmId<'r>) -> Option<Scope<'r>> {
    let subscription = arm.subscription.or_else(|| record.text("subscriptionId"));
    let tenant = arm.tenant.or_else(|| record.text("tenantId"));
    let scope = subscription.map(|id| ("subscription", id)).or(tenant.map(|id| ("tenant", id)));
    scope.map(|(kind, id)| (kind, Cow::Owned(id.to_ascii_lowercase())))
}

pub(super) fn resource<'r>(id: Option<&'r str>, arm: &ArmId<'r>) -> Resource<'r> {
    Resource { kind: arm.kind.clone().map(Cow::Owned), id: id.map(Cow::Borrowed), name: arm.name.map(Cow::Borrowed) }
}

/// `Microsoft.Storage` in `Microsoft.Storage/storageAccounts/write`.
fn provider_of(action: &str) -> Option<&str> {
    action.split_once('/').map(|(provider, _)| provider).filter(|provider| provider.contains('.'))
}

pub(super) fn read<'r>(record: &Record<'r>) -> Facts<'r> {
    let action = record.text("operationName").unwrap_or_default();
    let authorized = claims::authorization(record).and_then(|authorization| text_at(authorization, "scope"));
    let id = record.arm_id().or(authorized);
    let arm = ArmId::parse(id.unwrap_or_default());
    let ending = outcome::of_operation(record);
    let request = record.get("httpRequest");
    let part_of_request = |name: &str| request.and_then(|request| text_at(request, name));
    let mut facts = Facts {
        id: record.text("eventDataId").map(Cow::Borrowed),
        action: Cow::Borrowed(action),
        category: Some(category(action, record.text("category").unwrap_or_default())),
        actor: claims::actor(record),
        resource: resource(id, &arm),
        scope: scope(record, &arm),
        caller_address: record
            .text("callerIpAddress")
            .or_else(|| part_of_request("clientIpAddress"))
            .or_else(|| claims::address(record)),
        service_name: provider_of(action).or(arm.provider).or_else(|| record.text("resourceProviderName")),
        request_id: record.text("correlationId"),
        http_method: part_of_request("method"),
        http_path: part_of_request("uri").and_then(Url::parse).map(|url| url.path).filter(|path| !path.is_empty()),
        ..Facts::default()
    };
    let body = changes::requested(record);
    if ending.outcome == Outcome::Success {
        facts.changes = body.as_ref().and_then(changes::of_request);
    } else {
        facts.metadata.text("request_body", body.as_ref().map(changes::text_of));
    }
    facts.ending = ending;
    claims::write(record, &mut facts.metadata);
    notes(record, &mut facts.metadata);
    facts.metadata.text("client_request_id", part_of_request("clientRequestId"));
    facts
}

fn notes<'r>(record: &Record<'r>, metadata: &mut Metadata<'r>) {
    for (key, member) in [
        ("caller", "caller"),
        ("description", "description"),
        ("event_name", "eventName"),
        ("operation_id", "operationId"),
        ("resource_group", "resourceGroupName"),
        ("status", "status"),
        ("sub_status", "subStatus"),
        ("submission_time", "submissionTimestamp"),
    ] {
        metadata.text(key, record.text(member));
    }
    for (key, property) in [
        ("client_request_id", "clientRequestId"),
        ("entity", "entity"),
        ("event_category", "eventCategory"),
        ("hierarchy", "hierarchy"),
        ("is_compliance_check", "isComplianceCheck"),
        ("message", "message"),
        ("policies", "policies"),
        ("service_request_id", "serviceRequestId"),
    ] {
        metadata.json(key, record.property(property));
    }
}

/// What kind of action an operation is, by the first rule that fits (names in any case; operations are
/// `<provider>/<types>/<verb>`, verbs `read`, `write`, `delete` and `<name>/action`):
///
/// 1. what evaluates policies or reports a threat (the categories `Policy` and `Security`): other;
/// 2. role assignments and definitions, deny assignments, `elevateAccess`: role management, unless they are read;
/// 3. the contents of key vaults: data access; so are contents of a disk that `beginGetAccess` opens;
/// 4. keys, tokens and credentials given out or renewed (`listKeys`, `listSecrets`, `regenerateKey`, `listAccountSas`,
///    `generateUserDelegationKey`…): authentication;
/// 5. reading, and actions that only look or use (`list…`, `get…`, `check…`, `validate`, `whatIf`, `join`…): other;
///    everything else: configuration.
fn category(action: &str, log_category: &str) -> Category {
    let name = action.to_ascii_lowercase();
    if ["policy", "security"].iter().any(|category| log_category.eq_ignore_ascii_case(category)) {
        return Category::Other;
    }
    let is_read = name.ends_with("/read");
    let about_roles = ["/roleassignments/", "/roledefinitions/", "/denyassignments/", "/elevateaccess/"];
    if name.starts_with("microsoft.authorization/") && about_roles.iter().any(|part| name.contains(part)) && !is_read {
        return Category::RoleManagement;
    }
    let verb = name.strip_suffix("/action").and_then(|rest| rest.rsplit('/').next()).unwrap_or_default();
    let credentials = ["connectionstring", "credential", "key", "password", "secret", "token"];
    let is_about_credentials = verb.ends_with("sas") || credentials.iter().any(|word| verb.contains(word));
    let gives_credentials = (is_about_credentials && (verb.starts_with("list") || verb.starts_with("get")))
        || verb.starts_with("regenerate")
        || verb == "generateuserdelegationkey";
    let is_vault_content =
        ["/vaults/secrets/", "/vaults/keys/", "/vaults/certificates/"].iter().any(|part| name.contains(part));
    match () {
        () if name.starts_with("microsoft.keyvault/") && is_vault_content => Category::DataAccess,
        () if gives_credentials => Category::Authentication,
        () if verb == "begingetaccess" => Category::DataAccess,
        () if is_read || only_looks(verb) => Category::Other,
        () => Category::Configuration,
    }
}

/// Whether an action (in lower case) changes nothing by its name.
fn only_looks(verb: &str) -> bool {
    const BEGINNINGS: [&str; 15] = [
        "calculate",
        "check",
        "describe",
        "download",
        "evaluate",
        "export",
        "fetch",
        "get",
        "list",
        "preview",
        "query",
        "search",
        "validate",
        "view",
        "whatif",
    ];
    BEGINNINGS.iter().any(|beginning| verb.starts_with(beginning)) || verb == "join" || verb == "read"
}

/// A key vault's own log. Operations are words (`SecretGet`, `VaultPatch`), the thing is `properties.id`.
pub(super) fn read_key_vault<'r>(record: &Record<'r>) -> Facts<'r> {
    let action = record.text("operationName").unwrap_or_default();
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    let item = record.property_text("id").and_then(Url::parse).map(|url| url.path);
    let uri = record.property_text("requestUri").and_then(Url::parse);
    let category = match action {
        "Authentication" => Category::Authentication,
        _ if action.starts_with("VaultGet") || action.starts_with("VaultList") => Category::Other,
        _ if action.starts_with("Vault") => Category::Configuration,
        _ => Category::DataAccess,
    };
    let mut facts = Facts {
        action: Cow::Borrowed(action),
        category: Some(category),
        ending: outcome::of_operation(record),
        actor: claims::actor(record),
        resource: vault_item(record, item).unwrap_or_else(|| resource(record.arm_id(), &arm)),
        scope: scope(record, &arm),
        caller_address: record.text("callerIpAddress").or_else(|| claims::address(record)),
        user_agent: record.property_text("clientInfo"),
        service_name: arm.provider,
        request_id: record.text("correlationId"),
        http_path: uri.map(|url| url.path).filter(|path| !path.is_empty()),
        ..Facts::default()
    };
    claims::write(record, &mut facts.metadata);
    facts
}

/// `https://<vault>/secrets/<name>/<version>`.
fn vault_item<'r>(record: &Record<'r>, path: Option<&'r str>) -> Option<Resource<'r>> {
    let mut parts = path?.split('/').filter(|part| !part.is_empty());
    let (kind, name) = (parts.next()?, parts.next()?);
    Some(Resource {
        kind: Some(Cow::Owned(format!("Microsoft.KeyVault/vaults/{kind}"))),
        id: record.property_text("id").map(Cow::Borrowed),
        name: Some(Cow::Borrowed(name)),
    })
}

/// A management operation on a namespace. `Caller` is the way it came (`Portal`), not who called.
pub(super) fn read_namespace<'r>(record: &Record<'r>) -> Facts<'r> {
    let action = record.text("EventName").unwrap_or_default();
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    // The service's own spelling is "Retreive".
    let is_read = ["get", "list", "retreive", "retrieve"].iter().any(|verb| action.to_ascii_lowercase().starts_with(verb));
    let mut facts = Facts {
        action: Cow::Borrowed(action),
        category: Some(if is_read { Category::Other } else { Category::Configuration }),
        ending: outcome::of_namespace(record),
        resource: resource(record.arm_id(), &arm),
        scope: scope(record, &arm),
        caller_address: record.text("callerIpAddress"),
        service_name: arm.provider,
        request_id: record.text("ActivityId"),
        ..Facts::default()
    };
    for (key, member) in
        [("caller", "Caller"), ("environment", "Environment"), ("location", "Region"), ("scale_unit", "ScaleUnit")]
    {
        facts.metadata.text(key, record.text(member));
    }
    facts
        .metadata
        .json("event_properties", record.get("EventProperties").filter(|properties| !matches!(properties, Json::Null)));
    facts
}
