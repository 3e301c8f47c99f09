//! Who made a call.

use auditlake_event::ActorType;

use crate::json::Json;

use super::entry::{Entry, at_path, text_at};

/// Who made a call, as `authenticationInfo` states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Actor<'r> {
    pub id: Option<&'r str>,
    pub kind: Option<ActorType>,
    pub name: Option<&'r str>,
    pub email: Option<&'r str>,
    pub via: Option<&'r str>,
}

/// Reads the actor:
///
/// - **id**: `principalEmail`, else `principalSubject` (of `user:` and `serviceAccount:` the address behind it, so that it
///   is the id that `principalEmail` would have given), else `sub` of `thirdPartyPrincipal.thirdPartyClaims`;
/// - **type**: see [`kind_of`];
/// - **name**: of a federated identity the part behind `/subject/`, of a Kubernetes service account its own name;
/// - **e-mail**: the id, if it is an address (Kubernetes users such as `system:anonymous` stand in `principalEmail` too);
/// - **via**: the first authority that `serviceAccountDelegationInfo` names. The list is in the order of delegation, so this
///   is who really acted, through the service account that is the id. The whole chain is `metadata.delegation_chain`.
pub(super) fn of<'r>(entry: &Entry<'r>) -> Actor<'r> {
    let info = entry.audit_log.get_any_case("authenticationInfo");
    let subject = info.and_then(|info| text_at(info, "principalSubject"));
    let email = info.and_then(|info| text_at(info, "principalEmail"));
    let id = email.or(subject.map(without_kind)).or_else(|| third_party(info?));
    let has_key = info.and_then(|info| text_at(info, "serviceAccountKeyName")).is_some();
    let kind = match id {
        Some(id) => kind_of(id, subject, has_key),
        None => (entry.log() == Some("system_event")).then_some(ActorType::System),
    };
    Actor { id, kind, name: id.and_then(name_in), email: id.filter(|id| is_email(id)), via: delegation_chain(entry).next() }
}

/// The authorities behind a service account, in the order in which they delegated. Elements that name nobody are left out.
pub(super) fn delegation_chain<'r>(entry: &Entry<'r>) -> impl Iterator<Item = &'r str> {
    let chain = entry.audit_path(&["authenticationInfo", "serviceAccountDelegationInfo"]);
    chain.map(Json::elements).unwrap_or_default().iter().filter_map(|authority| {
        let first_party = authority.get_any_case("firstPartyPrincipal");
        let email = first_party.and_then(|principal| text_at(principal, "principalEmail"));
        let subject = || text_at(authority, "principalSubject");
        let first_party_subject = || text_at(first_party?, "principalSubject");
        let named = email.or_else(subject).or_else(first_party_subject).or_else(|| authority.text());
        named.map(without_kind).or_else(|| third_party(authority))
    })
}

fn third_party<'r>(value: &'r Json<'r>) -> Option<&'r str> {
    at_path(value, &["thirdPartyPrincipal", "thirdPartyClaims", "sub"])?.text()
}

/// `user:a@example.com` and `serviceAccount:b@…` without what they are.
fn without_kind(subject: &str) -> &str {
    ["user:", "serviceAccount:"].iter().find_map(|kind| subject.strip_prefix(kind)).unwrap_or(subject)
}

/// The kind of an actor, by the first rule that fits:
///
/// 1. Kubernetes: `system:anonymous` is anonymous, `system:serviceaccount:…` a service, other `system:…` the system;
/// 2. an address under `gserviceaccount.com` or `prod.google.com` (Google's own jobs) is a service; so is who has the
///    subject `serviceAccount:…` or used a service account's key; `system@google.com` is the system;
/// 3. federated: of a workforce pool a user, of a workload identity pool a service;
/// 4. the subject `user:…`, or any other address, is a user.
fn kind_of(id: &str, subject: Option<&str>, has_key: bool) -> Option<ActorType> {
    let subject = subject.unwrap_or_default();
    let is_service = [".gserviceaccount.com", "@prod.google.com"].iter().any(|suffix| id.ends_with(suffix));
    match id {
        "system:anonymous" => Some(ActorType::Anonymous),
        _ if id.starts_with("system:serviceaccount:") => Some(ActorType::Service),
        _ if id.starts_with("system:") || id == "system@google.com" => Some(ActorType::System),
        _ if is_service || has_key || subject.starts_with("serviceAccount:") => Some(ActorType::Service),
        _ if id.contains("/workforcePools/") => Some(ActorType::User),
        _ if id.contains("/workloadIdentityPools/") => Some(ActorType::Service),
        _ if subject.starts_with("user:") || is_email(id) => Some(ActorType::User),
        _ => None,
    }
}

fn name_in(id: &str) -> Option<&str> {
    let federated = id.strip_prefix("principal://").and_then(|rest| rest.split_once("/subject/")).map(|(_, name)| name);
    let in_cluster = || id.strip_prefix("system:serviceaccount:").and_then(|rest| rest.rsplit(':').next());
    federated.or_else(in_cluster).filter(|name| !name.is_empty())
}

fn is_email(text: &str) -> bool {
    let is_odd = |character: char| character.is_whitespace() || matches!(character, '/' | ':' | '<' | '>' | ',');
    let parts = text.split_once('@').filter(|_| !text.contains(is_odd));
    parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
}
