//! Who made a call.

use auditlake_event::ActorType;

use crate::absent::stated;
use crate::json::Json;

/// Who made a call, as `userIdentity` states it.
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
/// - **id**: `arn` (of an assumed role that is the session's), else `principalId`, `onBehalfOf.userId` (IAM Identity Center),
///   `invokedBy` (an AWS service), `accountId`, `userName`;
/// - **type**: user (Root, IAMUser, FederatedUser, SAMLUser, WebIdentityUser, IdentityCenterUser, Directory), role (AssumedRole,
///   Role), service (AWSService), anonymous (`ANONYMOUS_PRINCIPAL`); a principal of another account (AWSAccount) by the
///   prefix of its id (`AIDA` user, `AROA` role); system for an event of the service itself with nobody named;
/// - **name**: `userName`; else the person on whose behalf the session acts (`onBehalfOf.userId`, a user of IAM Identity
///   Center), unless Identity Center named the session after that person; else the session's name. So whoever asks for the person
///   finds what their sessions did;
/// - **e-mail**: only where the name cannot be chosen by the caller: the session's name of a role that IAM Identity Center
///   manages (`AWSReservedSSO_…`), if it is an address. Elsewhere a session may call itself what it likes;
/// - **via**: `sessionContext.sessionIssuer.arn` (the role, or the user behind a federated session), else `invokedBy` if
///   that is not the actor itself.
pub(super) fn of<'r>(record: &'r Json<'_>) -> Actor<'r> {
    let Some(identity) = record.get("userIdentity") else {
        let is_service_event = record.text_at("eventType") == Some("AwsServiceEvent");
        return Actor { kind: is_service_event.then_some(ActorType::System), ..Actor::default() };
    };
    let text = |name: &str| identity.text_at(name).and_then(stated);
    let arn = text("arn");
    let principal = text("principalId");
    let account = text("accountId");
    let invoked_by = text("invokedBy");
    let user_name = text("userName");
    let issuer = identity.get("sessionContext").and_then(|context| context.get("sessionIssuer"));

    let kind = match text("type") {
        _ if account.is_some_and(is_anonymous) => Some(ActorType::Anonymous),
        Some("Root" | "IAMUser" | "FederatedUser" | "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser" | "Directory") => {
            Some(ActorType::User)
        }
        Some("AssumedRole" | "Role") => Some(ActorType::Role),
        Some("AWSService") => Some(ActorType::Service),
        Some("AWSAccount") => principal.and_then(kind_of_principal),
        None if invoked_by.is_some() => Some(ActorType::Service),
        _ => None,
    };
    let person = identity.get("onBehalfOf").and_then(|person| person.text_at("userId")).and_then(stated);
    let id = arn.or(principal).or(person).or(invoked_by).or(account).or(user_name);

    let is_session = matches!(text("type"), Some("AssumedRole" | "FederatedUser"));
    let session = is_session.then(|| session_name(arn, principal)).flatten();
    let is_managed =
        issuer.and_then(|issuer| issuer.text_at("userName")).is_some_and(|name| name.starts_with("AWSReservedSSO_"));
    Actor {
        id,
        kind,
        name: user_name.or(person.filter(|person| !is_managed && id != Some(*person))).or(session),
        email: session.filter(|name| is_managed && is_email(name)),
        via: issuer
            .and_then(|issuer| issuer.text_at("arn"))
            .and_then(stated)
            .or(invoked_by.filter(|invoked_by| id != Some(*invoked_by))),
    }
}

/// Whether this stands in the place of the account of a caller who showed no credentials.
pub(super) fn is_anonymous(account: &str) -> bool {
    account.eq_ignore_ascii_case("ANONYMOUS_PRINCIPAL")
}

/// The kind of a principal by the prefix of its unique id (IAM user guide, "Unique identifiers").
fn kind_of_principal(principal: &str) -> Option<ActorType> {
    match principal.get(..4)? {
        "AIDA" => Some(ActorType::User),
        "AROA" => Some(ActorType::Role),
        _ => None,
    }
}

/// `arn:aws:sts::<account>:assumed-role/<role>/<session>`, `…:federated-user/<name>`, or `<id>:<session>` as principal.
fn session_name<'r>(arn: Option<&'r str>, principal: Option<&'r str>) -> Option<&'r str> {
    let from_arn = arn.and_then(|arn| {
        let resource = arn.splitn(6, ':').nth(5)?;
        let (kind, rest) = resource.split_once('/')?;
        match kind {
            "assumed-role" => rest.split_once('/').map(|(_, session)| session),
            "federated-user" => Some(rest),
            _ => None,
        }
    });
    let from_principal = || principal.and_then(|principal| principal.split_once(':')).map(|(_, session)| session);
    from_arn.or_else(from_principal).filter(|name| !name.is_empty())
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
}
