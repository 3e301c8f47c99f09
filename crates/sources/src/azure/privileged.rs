//! Privileged Identity Management (PIM) for roles of Azure Resource Manager, as it writes into the Activity log: asked for,
//! activated, expired, assigned, removed. These records have no identity and no claims; who, which role and for whom stand in
//! `properties`. Source: records in open-telemetry/opentelemetry-collector-contrib issue 47566.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::json::Json;

use super::activity::{resource, scope};
use super::facts::{Actor, Facts, Resource, email};
use super::record::{ArmId, Record, id_of, name_at, text_at};
use super::{changes, claims, outcome};

/// The service itself, which ends what was given for a time.
const SERVICE_NAMES: [&str; 3] = ["AzureADPIM", "Azure AD PIM", "MS-PIM"];

pub(super) fn read<'r>(record: &Record<'r>) -> Facts<'r> {
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    let ending = outcome::of_operation(record);
    let subject = record.property_text("SubjectID");
    let subject_name = record.property("SubjectName").and_then(Json::text);
    let mut facts = Facts {
        action: Cow::Borrowed(record.text("operationName").unwrap_or_default()),
        category: Some(Category::RoleManagement),
        actor: caller(record).unwrap_or_else(|| claims::actor(record)),
        resource: Resource {
            kind: record.property_of(&["SubjectType", "SubjectObjectClass"]).map(Cow::Borrowed),
            id: subject.map(Cow::Borrowed),
            name: subject_name.map(Cow::Borrowed),
        },
        scope: scope(record, &arm),
        caller_address: record.text("callerIpAddress").or_else(|| record.property_of(&["callerIpAddress", "IpAddress"])),
        service_name: record.property_text("ResourceProviderName").or(arm.provider),
        request_id: record.text("correlationId"),
        ..Facts::default()
    };
    if facts.resource == Resource::default() {
        facts.resource = resource(record.arm_id(), &arm);
    }
    // `Grant` and `Revoke` stand only where something was given or taken.
    let action = record.property_text("ActionType").unwrap_or_default();
    if let Some(role) = record.property("RoleDefinition").filter(|_| ending.outcome == Outcome::Success) {
        facts.changes = match action.to_ascii_lowercase().as_str() {
            "grant" => changes::of_field("role", None, Some(role)),
            "revoke" => changes::of_field("role", Some(role), None),
            _ => None,
        };
    }
    facts.ending = ending;
    let metadata = &mut facts.metadata;
    for (key, property) in [
        ("action_type", "ActionType"),
        ("caller_info", "CallerInfo"),
        ("event_name", "EventName"),
        ("justification", "Justification"),
        ("pim_event_id", "EventID"),
        ("pim_request_id", "RoleAssignmentRequestId"),
        ("resource_group", "ResourceGroupName"),
        ("role", "RoleDefinition"),
        ("role_assignment_id", "OriginRoleAssignmentId"),
        ("role_definition_id", "RoleDefinitionOriginId"),
        ("role_resource_type", "ResourceType"),
        ("subject_id", "SubjectID"),
        ("subject_name", "SubjectName"),
        ("ticket_number", "TicketNumber"),
        ("ticket_system", "TicketSystem"),
    ] {
        metadata.json(key, record.property(property));
    }
    claims::write(record, metadata);
    facts
}

/// Who asked, by `CallerInfo`: `[{"CallerIdentityType":"ObjectID","CallerIdentityValue":…}]`, of the types `UPN`, `ObjectID`,
/// `Username`, `Name` and `ObjectClass`.
fn caller<'r>(record: &Record<'r>) -> Option<Actor<'r>> {
    let stated = record.property("CallerInfo")?;
    let value = |kind: &str| {
        let is_of = |one: &&Json<'_>| text_at(one, "CallerIdentityType").is_some_and(|name| name.eq_ignore_ascii_case(kind));
        // A mapping of types to values is read like the list of pairs.
        let listed = stated.elements().iter().filter(is_of).find_map(|one| name_at(one, "CallerIdentityValue"));
        listed.or_else(|| name_at(stated, kind))
    };
    let stated_value = |kind: &str| value(kind).filter(|text| crate::absent::stated(text).is_some());
    let (upn, object) = (stated_value("UPN"), stated_value("ObjectID").and_then(id_of));
    let shown = value("Name").or_else(|| value("Username"));
    let id = object.or(upn).or(shown)?;
    let is_service =
        upn.is_none() && shown.is_some_and(|name| SERVICE_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)));
    let kind = match stated_value("ObjectClass").map(str::to_ascii_lowercase).as_deref() {
        _ if is_service => Some(ActorType::System),
        Some("user") => Some(ActorType::User),
        Some("serviceprincipal" | "application") => Some(ActorType::Service),
        _ => upn.map(|_| ActorType::User),
    };
    Some(Actor { id: Some(id), kind, name: upn.or(shown), email: upn.and_then(email), via: None })
}
