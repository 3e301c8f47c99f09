//! Requests to the API server of a cluster (`kube-audit`, `kube-audit-admin`), whose audit entries Azure Monitor carries as text in
//! `properties.log`; the table `AKSAudit` has their members as columns. Source: Kubernetes, "kube-apiserver Audit Configuration
//! (v1)", type `Event`.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::json::Json;
use crate::metadata::Value;
use crate::names::Names;

use super::activity::scope;
use super::facts::{Actor, Facts, Resource, email};
use super::outcome;
use super::record::{ArmId, Record, name_at, text_at};

/// Columns of a row that a column or the metadata has, in lower case.
pub(super) static KNOWN: Names =
    Names::new(&["auditid", "objectref", "requesturi", "responsestatus", "sourceips", "stage", "useragent", "verb"]);

/// Fails with the reason if the record holds no audit entry.
pub(super) fn read<'r>(record: &Record<'r>) -> Result<Facts<'r>, Cow<'static, str>> {
    let log = record.property("log");
    let entry = log.filter(|log| log.members().is_some()).or(Some(record.whole).filter(|_| record.is_row));
    let Some(entry) = entry else { return Err("properties.log is no audit entry of Kubernetes".into()) };
    let text = |name: &str| text_at(entry, name);
    let (Some(verb), Some(user)) = (text("verb"), entry.get_any_case("user")) else {
        return Err("properties.log is no audit entry of Kubernetes".into());
    };
    let object = entry.get_any_case("objectRef");
    let part = |name: &str| object.and_then(|object| name_at(object, name));
    let subresource = part("subresource");
    let kind = part("resource").map(|resource| match subresource {
        Some(subresource) => Cow::Owned(format!("{resource}/{subresource}")),
        None => Cow::Borrowed(resource),
    });
    let path = text("requestURI").map(|uri| uri.split(['?', '#']).next().unwrap_or(uri));
    let action = match (&kind, path) {
        (Some(kind), _) => Cow::Owned(format!("{verb} {kind}")),
        (None, Some(path)) => Cow::Owned(format!("{verb} {path}")),
        (None, None) => Cow::Borrowed(verb),
    };
    let addresses: Vec<&str> =
        entry.get_any_case("sourceIPs").map(Json::elements).unwrap_or_default().iter().filter_map(Json::text).collect();
    let id = match (part("namespace"), part("name")) {
        (Some(namespace), Some(name)) => Some(Cow::Owned(format!("{namespace}/{name}"))),
        (None, Some(name)) => Some(Cow::Borrowed(name)),
        (namespace, None) => namespace.map(|namespace| Cow::Owned(format!("{namespace}/"))),
    };
    let arm = ArmId::parse(record.arm_id().unwrap_or_default());
    let mut ending = outcome::of_http(entry.get_any_case("responseStatus").and_then(|status| status.get_any_case("code")));
    let has_error = matches!(ending.outcome, Outcome::Failure | Outcome::Denied);
    let status = |name: &str| entry.get_any_case("responseStatus").and_then(|status| text_at(status, name));
    ending.error_code = status("reason").filter(|_| has_error).map(Cow::Borrowed);
    ending.error_message = status("message").filter(|_| has_error).map(Cow::Borrowed);
    let audit_id = text("auditID");
    let stage = text("stage");
    let mut facts = Facts {
        id: audit_id.map(|id| stage.map_or(Cow::Borrowed(id), |stage| Cow::Owned(format!("{id}:{stage}")))),
        action,
        category: Some(category(verb, part("resource").unwrap_or_default(), subresource.unwrap_or_default())),
        ending,
        actor: who(user),
        resource: Resource {
            kind: kind.map(|kind| Cow::Owned(format!("kubernetes/{kind}"))),
            id,
            name: part("name").map(Cow::Borrowed),
        },
        scope: scope(record, &arm),
        caller_address: addresses.first().copied(),
        user_agent: text("userAgent"),
        service_name: arm.provider,
        request_id: audit_id,
        http_path: path.filter(|path| path.starts_with('/')),
        ..Facts::default()
    };
    let metadata = &mut facts.metadata;
    if addresses.len() > 1 {
        metadata.put("source_addresses", Value::Texts(addresses));
    }
    for (key, member) in
        [("impersonated_user", "impersonatedUser"), ("kubernetes_annotations", "annotations"), ("stage", "stage")]
    {
        metadata.json(key, entry.get_any_case(member));
    }
    metadata.json("groups", user.get_any_case("groups"));
    Ok(facts)
}

/// The user by the name that the cluster knows: of a service account `system:serviceaccount:<namespace>:<name>`, of the
/// cluster's own parts `system:…`, of Entra ID an object id or a user principal name.
fn who<'r>(user: &'r Json<'r>) -> Actor<'r> {
    let name = text_at(user, "username").or_else(|| text_at(user, "uid"));
    let Some(name) = name else { return Actor::default() };
    let kind = match name {
        "system:anonymous" => Some(ActorType::Anonymous),
        _ if name.starts_with("system:serviceaccount:") => Some(ActorType::Service),
        _ if name.starts_with("system:") => Some(ActorType::System),
        _ => email(name).map(|_| ActorType::User),
    };
    Actor { id: Some(name), kind, name: Some(name), email: email(name), via: None }
}

/// Who may do what is asked about: permission check; is set: role management; tokens given out: authentication; what reads or
/// uses the contents: data access, of secrets and of all else; what changes them: configuration.
fn category(verb: &str, resource: &str, subresource: &str) -> Category {
    let is_reading = ["get", "list", "watch"].contains(&verb);
    match (resource, subresource) {
        (
            "subjectaccessreviews" | "selfsubjectaccessreviews" | "localsubjectaccessreviews" | "selfsubjectrulesreviews",
            _,
        ) => Category::PermissionCheck,
        ("tokenreviews", _) | ("serviceaccounts", "token") => Category::Authentication,
        (_, "exec" | "attach" | "portforward" | "proxy" | "log") => Category::DataAccess,
        _ if is_reading => Category::DataAccess,
        ("roles" | "clusterroles" | "rolebindings" | "clusterrolebindings", _) => Category::RoleManagement,
        _ => Category::Configuration,
    }
}
