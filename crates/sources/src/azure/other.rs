//! Logs that are not read one by one. A record that says what was done, when, and something about by whom is an event;
//! any other goes to quarantine, since nobody promised that it holds no act.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category};

use crate::json::Json;
use crate::names::Names;

use super::activity::{resource, scope};
use super::facts::{Actor, Facts, email};
use super::record::{ArmId, Record, id_of, text_at};
use super::storage_resource::Url;
use super::{claims, outcome};

/// Members that a column or the metadata has besides those of every record, in lower case.
pub(super) static KNOWN: Names = Names::new(&["calleripaddress", "correlationid", "identity"]);

/// Names under which logs say who it was, in `properties` or beside them: ids of users, names of users, ids of applications.
const USER_IDS: [&str; 7] =
    ["userId", "userObjectId", "requesterObjectId", "principalId", "callerId", "actorId", "initiatedByUserId"];
const USER_NAMES: [&str; 17] = [
    "userPrincipalName",
    "upn",
    "userName",
    "user",
    "user_name",
    "caller",
    "callerName",
    "callerIdentity",
    "requesterUpn",
    "principalName",
    "server_principal_name",
    "session_server_principal_name",
    "csUsername",
    "userEmail",
    "initiatedBy",
    "actor",
    "principal",
];
const APP_IDS: [&str; 5] = ["servicePrincipalId", "appId", "applicationId", "requesterAppId", "clientAppId"];
/// Names under which logs say from where.
const ADDRESSES: [&str; 12] = [
    "callerIpAddress",
    "clientIpAddress",
    "clientIp",
    "client_ip",
    "ipAddress",
    "sourceIpAddress",
    "sourceIp",
    "sourceAddress",
    "remoteIpAddress",
    "remoteIp",
    "cIp",
    "remoteAddress",
];
const MEMBERS_OF_USER: [&str; 7] = ["id", "objectId", "oid", "userPrincipalName", "upn", "name", "userName"];

/// Fails with the reason if the record does not say what was done or says nothing about by whom.
pub(super) fn read<'r>(record: &Record<'r>) -> Result<Facts<'r>, Cow<'static, str>> {
    let Some(operation) = record.text("operationName").or_else(|| record.property_of(&["operationName", "operation"]))
    else {
        return Err("operationName is missing".into());
    };
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    let stated = |names: &[&str]| names.iter().find_map(|name| property_or_member(record, name));
    let caller_address = stated(&ADDRESSES).or_else(|| claims::address(record));
    let actor = who(record);
    if actor == Actor::default() && caller_address.is_none() {
        return Err(unnamed(record.text("category")));
    }
    // Databases write what was done beside the name of the log.
    let action = record.property_text("action_name").filter(|_| operation.eq_ignore_ascii_case("AuditEvent"));
    let uri = stated(&["requestUri", "uri", "url", "csUriStem"]);
    let path = uri.map(|uri| Url::parse(uri).map_or(uri, |url| url.path));
    let mut facts = Facts {
        action: Cow::Borrowed(action.unwrap_or(operation)),
        category: Some(Category::Other),
        ending: outcome::of_other(record),
        actor,
        resource: resource(record.arm_id(), &arm),
        scope: scope(record, &arm),
        caller_address,
        user_agent: stated(&["userAgent", "userAgentHeader", "clientInfo", "csUserAgent"]),
        service_name: arm.provider,
        request_id: record.text("correlationId").or_else(|| record.property_text("correlationId")),
        http_method: stated(&["requestMethod", "httpMethod", "csMethod"]),
        http_path: path.map(|path| path.split(['?', '#']).next().unwrap_or(path)).filter(|path| path.starts_with('/')),
        ..Facts::default()
    };
    claims::write(record, &mut facts.metadata);
    facts.metadata.text("uri", uri.filter(|uri| Some(*uri) != facts.http_path));
    Ok(facts)
}

/// The reason why a record that names nobody is no event. A category may be any text.
fn unnamed(category: Option<&str>) -> Cow<'static, str> {
    match category {
        Some(category) => {
            let shown: String = category.chars().take(64).collect();
            format!("the category {shown} is not read on its own, and the record says nothing about who acted").into()
        }
        None => "the record has no category and says nothing about who acted".into(),
    }
}

fn property_or_member<'r>(record: &Record<'r>, name: &str) -> Option<&'r str> {
    record.property_text(name).or_else(|| record.text(name))
}

fn who<'r>(record: &Record<'r>) -> Actor<'r> {
    let claimed = claims::actor(record);
    if claimed.id.is_some() {
        return claimed;
    }
    let find = |names: &[&str]| names.iter().find_map(|name| property_or_member(record, name).and_then(id_of));
    let inside = |name: &str| record.property(name).or_else(|| record.get(name)).filter(|value| value.members().is_some());
    let of_object = |value: &'r Json<'r>| MEMBERS_OF_USER.iter().find_map(|name| text_at(value, name).and_then(id_of));
    let object = ["identity", "user", "actor", "caller", "initiatedBy", "principal"].iter().find_map(|name| inside(name));
    let (user, name, app) = (find(&USER_IDS), find(&USER_NAMES), find(&APP_IDS));
    let named = object
        .and_then(|object| ["userPrincipalName", "upn", "name", "userName"].iter().find_map(|name| text_at(object, name)));
    let name = name.or(named).or(claimed.name);
    let id = user.or_else(|| object.and_then(of_object)).or(name).or(app);
    let is_app = id.is_some() && id == app;
    let is_user = user.is_some() || name.and_then(email).is_some();
    Actor {
        id,
        kind: if is_app { Some(ActorType::Service) } else { is_user.then_some(ActorType::User) },
        name,
        email: name.and_then(email),
        via: app.filter(|app| id != Some(*app)),
    }
}
