//! Requests to the Microsoft Graph (`MicrosoftGraphActivityLogs`) and to the Azure AD Graph before it
//! (`AzureADGraphActivityLogs`). Sources: Microsoft Learn, "Access Microsoft Graph activity logs"; the reference of the tables
//! `MicrosoftGraphActivityLogs` and `AADGraphActivityLogs`.
//!
//! The two spell some members differently (`requestMethod`, `httpMethod`), and as rows of Log Analytics both are columns.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category};

use crate::names::Names;
use crate::percent::decoded;

use super::facts::{Actor, Facts, Resource};
use super::outcome;
use super::record::{ArmId, Record, id_of};
use super::shape;
use super::storage_resource::Url;

/// Members that a column or the metadata has besides those of every record, in lower case: of a row they are its columns.
pub(super) static KNOWN: Names = Names::new(&[
    "aadtenantid",
    "actortype",
    "apiversion",
    "appid",
    "calleripaddress",
    "clientauthmethod",
    "clientrequestid",
    "correlationid",
    "deviceid",
    "httpmethod",
    "httpstatuscode",
    "identityprovider",
    "ipaddress",
    "operationid",
    "requestid",
    "requestmethod",
    "requesturi",
    "responsesizebytes",
    "responsestatuscode",
    "roles",
    "scopes",
    "serviceprincipalid",
    "sessionid",
    "signinactivityid",
    "timegenerated",
    "tokenissuedat",
    "useragent",
    "userid",
    "wids",
]);

/// Names of the operations where the record has none, as a row of the Microsoft Graph's has.
const GRAPH: &str = "Microsoft Graph Activity";
const OLD_GRAPH: &str = "AAD Graph Activity";

/// The older of the two, the Azure AD Graph.
fn is_old(record: &Record<'_>) -> bool {
    let table = if record.is_row { shape::table(record.whole) } else { None };
    let category = record.text("category").map(str::to_ascii_lowercase);
    [table, category].into_iter().flatten().any(|name| name.starts_with("aadgraph") || name.starts_with("azureadgraph"))
}

pub(super) fn read<'r>(record: &Record<'r>) -> Facts<'r> {
    let is_old = is_old(record);
    let text = |name: &str| record.property_text(name);
    let uri = text("requestUri");
    let path = uri.map(|uri| match Url::parse(uri) {
        Some(url) => url.path,
        None => uri.split(['?', '#']).next().unwrap_or(uri),
    });
    let method = record.property_of(&["requestMethod", "httpMethod"]);
    let status = ["responseStatusCode", "httpStatusCode"].iter().find_map(|name| record.property(name));
    let tenant = text("tenantId").filter(|_| !record.is_row).or_else(|| record.text("tenantId"));
    let tenant = tenant.or_else(|| ArmId::parse(record.arm_id()?).tenant);
    let target = Target::of(path.unwrap_or_default(), tenant);
    let mut facts = Facts {
        action: Cow::Borrowed(record.text("operationName").unwrap_or(if is_old { OLD_GRAPH } else { GRAPH })),
        category: Some(target.category(method.unwrap_or_default())),
        ending: outcome::of_http(status.or_else(|| record.get("resultSignature"))),
        actor: who(record),
        resource: target.resource(),
        scope: tenant.map(|tenant| ("tenant", Cow::Owned(tenant.to_ascii_lowercase()))),
        caller_address: record.text("callerIpAddress").or_else(|| record.property_of(&["callerIpAddress", "ipAddress"])),
        user_agent: text("userAgent"),
        service_name: Some(if is_old { "Azure AD Graph" } else { "Microsoft Graph" }),
        request_id: record.text("correlationId").or_else(|| record.property_of(&["requestId", "operationId"])),
        http_method: method,
        http_path: path.filter(|path| !path.is_empty()),
        ..Facts::default()
    };
    let metadata = &mut facts.metadata;
    metadata.text("uri", uri.filter(|uri| Some(*uri) != path));
    for (key, property) in [
        ("access_key_id", "signInActivityId"),
        ("actor_type", "actorType"),
        ("api_version", "apiVersion"),
        ("app_id", "appId"),
        ("client_auth_method", "clientAuthMethod"),
        ("client_request_id", "clientRequestId"),
        ("device_id", "deviceId"),
        ("identity_provider", "identityProvider"),
        ("operation_id", "operationId"),
        ("request_id", "requestId"),
        ("response_size", "responseSizeBytes"),
        ("session_id", "sessionId"),
        ("token_issued_time", "tokenIssuedAt"),
        ("token_issued_time", "issuedAt"),
        ("token_roles", "roles"),
        ("token_scopes", "scopes"),
        ("token_wids", "wids"),
    ] {
        metadata.json(key, record.property(property));
    }
    facts
}

/// The user, else the service principal, else the application alone; a user and a service principal through the application.
fn who<'r>(record: &Record<'r>) -> Actor<'r> {
    let id = |name: &str| record.property_text(name).and_then(id_of);
    let app = id("appId");
    let (found, kind) = match (id("userId"), id("servicePrincipalId"), app) {
        (Some(user), ..) => (user, ActorType::User),
        (None, Some(principal), _) => (principal, ActorType::Service),
        (None, None, Some(app)) => (app, ActorType::Service),
        (None, None, None) => return Actor::default(),
    };
    Actor { id: Some(found), kind: Some(kind), via: app.filter(|app| *app != found), ..Actor::default() }
}

/// What a path names: collections, and the key of an entity in the last of them that has one.
/// `/v1.0/groups/<id>/members/<id>/$ref`, `/v1.0/users('ada@example.com')`.
struct Target<'r> {
    collections: Vec<&'r str>,
    /// How many collections lead to the key, and the key.
    key: Option<(usize, Cow<'r, str>)>,
    /// What is called on it: `getMemberGroups`, `$batch`, `sendMail`.
    last: &'r str,
}

impl<'r> Target<'r> {
    fn of(path: &'r str, tenant: Option<&str>) -> Self {
        let mut target = Target { collections: Vec::new(), key: None, last: "" };
        for (index, segment) in path.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            target.last = segment;
            let names_version = index == 0 && is_version(segment);
            // The Azure AD Graph has the tenant before everything else.
            let names_tenant = index < 2
                && target.collections.is_empty()
                && (Some(segment) == tenant || segment == "myorganization" || segment == "me");
            if names_version || names_tenant || segment.starts_with('$') {
                continue;
            }
            let (name, inner) = match segment.split_once('(') {
                Some((name, rest)) => (name, rest.strip_suffix(')')),
                None => (segment, None),
            };
            if inner.is_none() && is_key(name) {
                target.key = Some((target.collections.len(), decoded(name, false).unwrap_or(Cow::Borrowed(name))));
                continue;
            }
            target.collections.push(name);
            let inner =
                inner.map(|inner| inner.trim_matches('\'')).filter(|inner| !inner.is_empty() && !inner.contains('='));
            if let Some(inner) = inner {
                let key = decoded(inner, false).unwrap_or(Cow::Borrowed(inner));
                target.key = Some((target.collections.len(), key));
            }
        }
        target
    }

    fn resource(&self) -> Resource<'r> {
        let count = self.key.as_ref().map_or(self.collections.len(), |(count, _)| *count);
        let collections = self.collections.get(..count).unwrap_or_default().join("/");
        Resource {
            kind: (!collections.is_empty()).then(|| Cow::Owned(format!("microsoft.graph/{collections}"))),
            id: self.key.as_ref().map(|(_, key)| key.clone()),
            name: None,
        }
    }

    /// What kind of action a request is: what only reads is data access, whatever it reads, and so is everything about the
    /// contents that people keep (mail, files, chats); else by what is changed.
    fn category(&self, method: &str) -> Category {
        const CONTENTS: [&str; 14] = [
            "calendar",
            "calendars",
            "chats",
            "contacts",
            "drive",
            "drives",
            "events",
            "mailfolders",
            "messages",
            "onenote",
            "sendmail",
            "sites",
            "teams",
            "todo",
        ];
        const READING: [&str; 8] =
            ["$batch", "checkmember", "checkmembers", "getbyids", "getmember", "query", "search", "validateproperties"];
        const ROLES: [&str; 5] =
            ["approleassignedto", "approleassignments", "directoryroles", "oauth2permissiongrants", "rolemanagement"];
        let last = self.last.rsplit('.').next().unwrap_or(self.last).to_ascii_lowercase();
        let names: Vec<String> = self.collections.iter().map(|name| name.to_ascii_lowercase()).collect();
        let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
        let is_reading = ["GET", "HEAD", "OPTIONS"].iter().any(|reading| method.eq_ignore_ascii_case(reading))
            || READING.iter().any(|reading| last.starts_with(reading));
        match names.first().map(String::as_str) {
            _ if is_reading || has(&CONTENTS) => Category::DataAccess,
            _ if has(&ROLES) => Category::RoleManagement,
            Some("groups") => Category::GroupManagement,
            Some("users" | "invitations") => Category::UserManagement,
            // Of one's own account the path says only `me`.
            None if self.last == "me" => Category::UserManagement,
            _ => Category::Configuration,
        }
    }
}

/// `v1.0`, `beta`, `v2`.
fn is_version(segment: &str) -> bool {
    segment.eq_ignore_ascii_case("beta")
        || segment.strip_prefix(['v', 'V']).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Collections are words of letters (and `2` in `oauth2PermissionGrants`), functions have a dot; keys are ids, numbers and
/// addresses.
fn is_key(segment: &str) -> bool {
    let has_digits = segment.bytes().filter(u8::is_ascii_digit).count() > 1;
    segment.contains('@')
        || segment.contains("%40")
        || (!segment.contains('.') && (has_digits || segment.contains(['-', '_', '%', '=', '!'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_collections_and_the_last_entity() {
        let tenant = "7e000000-0000-4000-8000-000000000001";
        for (path, kind, id) in [
            ("/v1.0/users", Some("microsoft.graph/users"), None),
            (
                "/beta/applications/9d000000-0000-4000-8000-00000000000a",
                Some("microsoft.graph/applications"),
                Some("9d000000-0000-4000-8000-00000000000a"),
            ),
            ("/v1.0/users('ada@example.com')", Some("microsoft.graph/users"), Some("ada@example.com")),
            ("/v1.0/users/ada%40example.com/messages", Some("microsoft.graph/users"), Some("ada@example.com")),
            ("/v1.0/groups/6-1/members/9-2/$ref", Some("microsoft.graph/groups/members"), Some("9-2")),
            ("/v1.0/groups/6-1/members/$ref", Some("microsoft.graph/groups"), Some("6-1")),
            ("/v1.0/me/drive/items/01ABC234", Some("microsoft.graph/drive/items"), Some("01ABC234")),
            ("/v1.0/oauth2PermissionGrants", Some("microsoft.graph/oauth2PermissionGrants"), None),
            ("/v2/7e000000-0000-4000-8000-000000000001/users", Some("microsoft.graph/users"), None),
            ("/myorganization/users/9-2", Some("microsoft.graph/users"), Some("9-2")),
            ("/v1.0/$batch", None, None),
            ("", None, None),
        ] {
            let resource = Target::of(path, Some(tenant)).resource();
            assert_eq!((resource.kind.as_deref(), resource.id.as_deref()), (kind, id), "{path}");
        }
    }

    #[test]
    fn what_reads_is_no_change() {
        for (method, path, category) in [
            ("GET", "/v1.0/users", Category::DataAccess),
            ("get", "/v1.0/roleManagement/directory/roleAssignments", Category::DataAccess),
            ("POST", "/v1.0/$batch", Category::DataAccess),
            ("POST", "/v1.0/users/1-2/getMemberGroups", Category::DataAccess),
            ("POST", "/v1.0/users/1-2/microsoft.graph.getMemberObjects", Category::DataAccess),
            ("POST", "/v1.0/users/1-2/sendMail", Category::DataAccess),
            ("PATCH", "/v1.0/users/1-2", Category::UserManagement),
            ("POST", "/v1.0/groups/1-2/members/$ref", Category::GroupManagement),
            ("POST", "/v1.0/servicePrincipals/1-2/appRoleAssignments", Category::RoleManagement),
            ("PATCH", "/v1.0/applications/1-2", Category::Configuration),
            ("PATCH", "/v1.0/me", Category::UserManagement),
        ] {
            assert_eq!(Target::of(path, None).category(method), category, "{method} {path}");
        }
    }
}
