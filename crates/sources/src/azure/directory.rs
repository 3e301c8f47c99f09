//! Entra ID (Azure Active Directory): changes in the directory, sign-ins, and the findings of Entra ID Protection.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::json::Json;
use crate::metadata::Value;
use crate::names::Names;

use super::facts::{Actor, Facts, Resource, Scope, email};
use super::record::{ArmId, Record, id_of, name_at, text_at};
use super::{changes, outcome};
use crate::decoding::one_or_more;

/// Members of a directory audit record that a column or the metadata has besides those of every record, in lower case: of
/// the record as Azure Monitor delivers it, and of `properties`, which the Microsoft Graph answers as the record itself.
pub(super) static KNOWN: Names = Names::new(&[
    "aadoperationtype",
    "activitydatetime",
    "activitydisplayname",
    "additionaldetails",
    "calleripaddress",
    "correlationid",
    "id",
    "identity",
    "initiatedby",
    "ipaddress",
    "loggedbyservice",
    "operationtype",
    "result",
    "resultreason",
    "targetresources",
    "useragent",
]);
/// The same of a sign-in.
pub(super) static KNOWN_OF_SIGN_IN: Names = Names::new(&[
    "appdisplayname",
    "appid",
    "authenticationdetails",
    "authenticationprotocol",
    "authenticationrequirement",
    "calleripaddress",
    "clientappused",
    "conditionalaccessstatus",
    "correlationid",
    "createddatetime",
    "crosstenantaccesstype",
    "devicedetail",
    "id",
    "identity",
    "ipaddress",
    "isinteractive",
    "locationdetails",
    "mfadetail",
    "resourcedisplayname",
    "resourceidentity",
    "riskdetail",
    "risklevelaggregated",
    "risklevelduringsignin",
    "riskstate",
    "serviceprincipalid",
    "serviceprincipalname",
    "sessionid",
    "status",
    "tokenissuertype",
    "uniquetokenidentifier",
    "useragent",
    "userdisplayname",
    "userid",
    "userprincipalname",
    "usertype",
]);
/// The same of a finding.
pub(super) static KNOWN_OF_RISK: Names = Names::new(&["calleripaddress", "correlationid", "identity"]);

/// What the Microsoft Graph's sign-ins, which have no name of the operation, are called in Azure Monitor's.
const SIGN_IN: &str = "Sign-in activity";

fn scope<'r>(record: &Record<'r>) -> Option<Scope<'r>> {
    let tenant = record.arm_id().and_then(|id| ArmId::parse(id).tenant).or_else(|| record.text("tenantId"));
    tenant.map(|tenant| ("tenant", Cow::Owned(tenant.to_ascii_lowercase())))
}

fn service_name<'r>(record: &Record<'r>) -> Option<&'r str> {
    text_at(record.body(), "loggedByService").or_else(|| ArmId::parse(record.arm_id()?).provider)
}

/// The value of a pair `{"key":…,"value":…}` in `additionalDetails`.
fn additional<'r>(body: &'r Json<'r>, key: &str) -> Option<&'r str> {
    let details = body.get_any_case("additionalDetails").map(one_or_more).unwrap_or_default();
    let named = |detail: &&Json<'_>| text_at(detail, "key").is_some_and(|name| name.eq_ignore_ascii_case(key));
    text_at(details.iter().find(named)?, "value")
}

pub(super) fn read<'r>(record: &Record<'r>) -> Facts<'r> {
    let body = record.body();
    let targets = body.get_any_case("targetResources").or_else(|| body.get_any_case("Targets"));
    let targets = targets.map(one_or_more).unwrap_or_default();
    let ending = outcome::of_directory(record);
    let initiator = body.get_any_case("initiatedBy").or_else(|| body.get_any_case("Actor"));
    let user = initiator.and_then(|initiator| initiator.get_any_case("user"));
    let mut facts = Facts {
        id: text_at(body, "id").map(Cow::Borrowed),
        action: Cow::Borrowed(activity(record)),
        category: Some(category(record, targets)),
        actor: initiator_of(record, initiator, user),
        resource: targets.first().map(target).or_else(|| provisioned(body)).unwrap_or_default(),
        scope: scope(record),
        caller_address: record
            .text("callerIpAddress")
            .or_else(|| record.text("ipAddress"))
            .or_else(|| text_at(user?, "ipAddress"))
            .or_else(|| text_at(initiator?.get_any_case("app")?, "ipAddress")),
        user_agent: text_at(body, "userAgent").or_else(|| additional(body, "User-Agent")),
        service_name: service_name(record),
        request_id: record.text("correlationId").or_else(|| text_at(body, "correlationId")),
        changes: (ending.outcome == Outcome::Success).then(|| changes::of_targets(targets)).flatten(),
        ending,
        ..Facts::default()
    };
    let metadata = &mut facts.metadata;
    metadata.text("activity", text_at(body, "activityDisplayName").filter(|activity| facts.action != *activity));
    for (key, member) in [
        ("activity_category", "category"),
        ("activity_time", "activityDateTime"),
        ("operation_type", "operationType"),
        ("operation_type", "AADOperationType"),
        ("result_reason", "resultReason"),
    ] {
        metadata.text(key, text_at(body, member));
    }
    metadata.json("additional_details", body.get_any_case("additionalDetails"));
    let display = user.or_else(|| initiator?.get_any_case("app")).and_then(|one| name_at(one, "displayName"));
    metadata.text("display_name", display.filter(|name| Some(*name) != facts.actor.name));
    metadata.json("actor_roles", user.and_then(|user| user.get_any_case("roles")));
    let ids: Vec<&str> = targets.iter().filter_map(|target| text_at(target, "id")).collect();
    if ids.len() > 1 {
        metadata.put("resources", Value::Texts(ids));
    }
    facts
}

fn activity<'r>(record: &Record<'r>) -> &'r str {
    record.text("operationName").or_else(|| text_at(record.body(), "activityDisplayName")).unwrap_or_default()
}

/// Who changed it: the user, else the application (its service principal, and through its application id).
fn initiator_of<'r>(record: &Record<'r>, initiator: Option<&'r Json<'r>>, user: Option<&'r Json<'r>>) -> Actor<'r> {
    let identity = || record.text("identity");
    if let Some(user) = user.filter(|user| says_who(user)) {
        let upn = text_at(user, "userPrincipalName");
        return Actor {
            id: text_at(user, "id").and_then(id_of).or(upn),
            kind: Some(ActorType::User),
            name: upn.or_else(|| text_at(user, "displayName")).or_else(identity),
            email: upn.and_then(email),
            via: None,
        };
    }
    if let Some(app) = initiator.and_then(|initiator| initiator.get_any_case("app")).filter(|app| says_who(app)) {
        let (principal, app_id) =
            (text_at(app, "servicePrincipalId").and_then(id_of), text_at(app, "appId").and_then(id_of));
        let name = text_at(app, "displayName").or_else(|| text_at(app, "servicePrincipalName")).or_else(identity);
        return Actor {
            id: principal.or(app_id).or(name),
            kind: Some(ActorType::Service),
            name,
            email: None,
            via: app_id.filter(|_| principal.is_some()),
        };
    }
    initiator.and_then(initiator_alone).unwrap_or_else(|| Actor { name: identity(), ..Actor::default() })
}

/// Whether a part of `initiatedBy` says anything: Log Analytics writes both parts, one of them with nothing in it.
fn says_who(part: &Json<'_>) -> bool {
    let names = ["id", "userPrincipalName", "displayName", "servicePrincipalId", "servicePrincipalName", "appId"];
    names.iter().any(|name| text_at(part, name).is_some())
}

/// Who started it where it is neither a user's nor an application's part: the initiator of a provisioning
/// (`{"id":…,"name":…,"type":"user"}`), the `Actor` of Intune's audit log (`{"ObjectId":…,"UPN":…,"Application":…}`).
fn initiator_alone<'r>(initiator: &'r Json<'r>) -> Option<Actor<'r>> {
    let text = |name: &str| text_at(initiator, name);
    let upn = text("UPN").or_else(|| text("userPrincipalName"));
    let name = upn.or_else(|| text("displayName")).or_else(|| text("name")).or_else(|| text("ApplicationName"));
    let app = text("Application").and_then(id_of);
    let id = text("ObjectId").or_else(|| text("id")).and_then(id_of).or(upn).or(app).or(name)?;
    let stated = text("initiatorType").or_else(|| text("type")).unwrap_or_default().to_ascii_lowercase();
    let kind = match stated.as_str() {
        "user" => Some(ActorType::User),
        "app" | "application" | "serviceprincipal" => Some(ActorType::Service),
        "system" => Some(ActorType::System),
        _ if upn.is_some() => Some(ActorType::User),
        _ => (Some(id) == app).then_some(ActorType::Service),
    };
    Some(Actor { id: Some(id), kind, name, email: upn.and_then(email), via: app.filter(|app| *app != id) })
}

/// What a provisioning made or changed: the account in the target system, else the one it was made from.
fn provisioned<'r>(body: &'r Json<'r>) -> Option<Resource<'r>> {
    let identity = ["targetIdentity", "sourceIdentity"].iter().find_map(|name| body.get_any_case(name))?;
    let kind = text_at(identity, "identityType").or_else(|| text_at(identity, "type"));
    let name = name_at(identity, "displayName").or_else(|| name_at(identity, "name"));
    let resource = Resource {
        kind: kind.map(Cow::Borrowed),
        id: text_at(identity, "id").map(Cow::Borrowed),
        name: name.map(Cow::Borrowed),
    };
    (resource != Resource::default()).then_some(resource)
}

fn target<'r>(target: &'r Json<'r>) -> Resource<'r> {
    let upn = text_at(target, "userPrincipalName");
    Resource {
        kind: text_at(target, "type").map(Cow::Borrowed),
        id: text_at(target, "id").or(upn).map(Cow::Borrowed),
        name: upn.or_else(|| name_at(target, "displayName")).or_else(|| name_at(target, "Name")).map(Cow::Borrowed),
    }
}

/// What kind of action a change is: by the activity's category (`UserManagement`, `GroupManagement`, `RoleManagement`,
/// `Authentication`); where that is lost, a role assignment by its name, else by what was changed (`User`, `Group`,
/// `Role`); all else is configuration (applications, policies, devices, the directory). What only reads (a BitLocker key, the
/// password of a device's administrator, a list that is downloaded) is data access, what only checks is other.
fn category(record: &Record<'_>, targets: &[Json<'_>]) -> Category {
    const READING: [&str; 8] = ["download ", "export ", "get ", "list ", "read ", "retrieve ", "search ", "view "];
    let stated =
        record.properties.and_then(|properties| text_at(properties, "category")).or_else(|| record.text("category"));
    let name = activity(record).to_ascii_lowercase();
    let changed = targets.first().and_then(|target| text_at(target, "type")).unwrap_or_default();
    if READING.iter().any(|verb| name.starts_with(verb)) || name == "recover device local administrator password" {
        return Category::DataAccess;
    }
    match stated.unwrap_or_default().to_ascii_lowercase().as_str() {
        "usermanagement" => Category::UserManagement,
        "groupmanagement" => Category::GroupManagement,
        "rolemanagement" => Category::RoleManagement,
        "authentication" => Category::Authentication,
        _ if name.starts_with("validate ") || name.starts_with("check ") => Category::Other,
        "auditlogs" | "" if name.contains("role assignment") || name.contains("user access administrator") => {
            Category::RoleManagement
        }
        "auditlogs" | "" => match changed.to_ascii_lowercase().as_str() {
            "user" => Category::UserManagement,
            "group" => Category::GroupManagement,
            "role" => Category::RoleManagement,
            _ => Category::Configuration,
        },
        _ => Category::Configuration,
    }
}

pub(super) fn read_sign_in<'r>(record: &Record<'r>) -> Facts<'r> {
    let body = record.body();
    let text = |name: &str| text_at(body, name);
    let resource_name = text("resourceDisplayName");
    // In the record itself `resourceId` is the directory's.
    let resource_id = record.properties.and_then(|properties| text_at(properties, "resourceId"));
    let resource_id = resource_id.or_else(|| text("resourceIdentity")).and_then(id_of);
    let address = record.text("callerIpAddress").or_else(|| text("ipAddress"));
    let mut facts = Facts {
        id: text("id").map(Cow::Borrowed),
        action: Cow::Borrowed(record.text("operationName").unwrap_or(SIGN_IN)),
        category: Some(Category::Authentication),
        ending: outcome::of_sign_in(record),
        actor: who_signed_in(record),
        resource: Resource {
            kind: resource_name.or(resource_id).map(|_| Cow::Borrowed("ServicePrincipal")),
            id: resource_id.map(Cow::Borrowed),
            name: resource_name.map(Cow::Borrowed),
        },
        scope: scope(record),
        caller_address: address,
        user_agent: text("userAgent"),
        service_name: service_name(record),
        request_id: record.text("correlationId").or_else(|| text("correlationId")),
        ..Facts::default()
    };
    let metadata = &mut facts.metadata;
    for (key, member) in [
        ("app_display_name", "appDisplayName"),
        ("app_id", "appId"),
        ("authentication_details", "authenticationDetails"),
        ("authentication_protocol", "authenticationProtocol"),
        ("authentication_requirement", "authenticationRequirement"),
        ("client_app", "clientAppUsed"),
        ("conditional_access_status", "conditionalAccessStatus"),
        ("cross_tenant_access", "crossTenantAccessType"),
        ("device", "deviceDetail"),
        ("home_tenant_id", "homeTenantId"),
        ("is_interactive", "isInteractive"),
        ("issued_access_key_id", "uniqueTokenIdentifier"),
        ("mfa", "mfaDetail"),
        ("risk_detail", "riskDetail"),
        ("risk_level", "riskLevelDuringSignIn"),
        ("risk_level_aggregated", "riskLevelAggregated"),
        ("risk_state", "riskState"),
        ("session_id", "sessionId"),
        ("token_issuer_type", "tokenIssuerType"),
        ("user_type", "userType"),
    ] {
        metadata.json(key, body.get_any_case(member));
    }
    // Where the location is one word, which every record has, the place stands beside it.
    let location = body.get_any_case("location").filter(|_| !record.is_row);
    metadata.json("place", body.get_any_case("locationDetails").or(location));
    let status = body.get_any_case("status");
    metadata.text("status_details", status.and_then(|status| text_at(status, "additionalDetails")));
    metadata.text("display_name", text("userDisplayName"));
    // When the log was written; the event's time is when the sign-in began.
    metadata.text("logged_time", text("createdDateTime").and(record.text("time")));
    metadata.text("sign_in_address", text("ipAddress").filter(|stated| Some(*stated) != address));
    facts
}

/// Who signed in: the user, else the service principal (managed identities too); through the application.
fn who_signed_in<'r>(record: &Record<'r>) -> Actor<'r> {
    let body = record.body();
    let text = |name: &str| text_at(body, name);
    let (user, upn, app) = (text("userId").and_then(id_of), text("userPrincipalName"), text("appId").and_then(id_of));
    let (principal, principal_name) = (text("servicePrincipalId").and_then(id_of), text("servicePrincipalName"));
    if let Some(id) = user.or(upn) {
        let name = upn.or_else(|| text("userDisplayName"));
        return Actor { id: Some(id), kind: Some(ActorType::User), name, email: upn.and_then(email), via: app };
    }
    let id = principal.or(app);
    Actor {
        id,
        kind: id.or(principal_name).map(|_| ActorType::Service),
        name: principal_name.or_else(|| record.text("identity")),
        email: None,
        via: app.filter(|app| id != Some(*app)),
    }
}

/// A finding about a user or a service principal. Whom it is about is what it was made on: whether they did it is the
/// question.
pub(super) fn read_risk<'r>(record: &Record<'r>) -> Facts<'r> {
    let body = record.body();
    let text = |name: &str| text_at(body, name);
    let table = record.get("Type").filter(|_| record.is_row).and_then(Json::text);
    let category = record.text("category").or(table).unwrap_or_default();
    let (user, principal) = (text("userId"), text("servicePrincipalId").or_else(|| text("appId")));
    let kind = user.map(|_| "User").or(principal.map(|_| "ServicePrincipal"));
    let mut facts = Facts {
        id: text("id").filter(|_| category.to_ascii_lowercase().ends_with("events")).map(Cow::Borrowed),
        action: Cow::Borrowed(record.text("operationName").or_else(|| text("riskEventType")).unwrap_or(category)),
        category: Some(Category::Other),
        resource: Resource {
            kind: kind.map(Cow::Borrowed),
            id: user.or(principal).map(Cow::Borrowed),
            name: text("userPrincipalName").or_else(|| text("displayName")).map(Cow::Borrowed),
        },
        scope: scope(record),
        caller_address: record.text("callerIpAddress").or_else(|| text("ipAddress")),
        service_name: service_name(record),
        request_id: record.text("correlationId").or_else(|| text("correlationId")),
        ..Facts::default()
    };
    for (key, member) in [
        ("activity", "activity"),
        ("activity_time", "activityDateTime"),
        ("detection_timing", "detectionTimingType"),
        ("place", "location"),
        ("risk_detail", "riskDetail"),
        ("risk_event_type", "riskEventType"),
        ("risk_level", "riskLevel"),
        ("risk_state", "riskState"),
    ] {
        facts.metadata.json(key, body.get_any_case(member));
    }
    facts
}
