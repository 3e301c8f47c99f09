//! Who asked.

use std::borrow::Cow;

use auditlake_event::ActorType;

use crate::absent::stated;

/// Who asked, as the requester field states it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Actor<'l> {
    pub id: Option<&'l str>,
    pub kind: Option<ActorType>,
    pub name: Option<&'l str>,
    pub email: Option<&'l str>,
    pub via: Option<Cow<'l, str>>,
}

/// Beginnings of the names of roles that AWS makes, whose ARNs hold a path that the log does not state:
/// `aws-reserved/sso.amazonaws.com/…`, `aws-service-role/<service>/…`.
const ROLES_WITH_PATH: [&str; 2] = ["AWSReservedSSO_", "AWSServiceRoleFor"];

/// Reads the requester, with the ids that `aws.cloudtrail` has for the same principals:
///
/// | requester | id | type | name | via |
/// |---|---|---|---|---|
/// | `-` of a request, `Anonymous` (2006) | | anonymous | | |
/// | `-` of what S3 did by itself (`S3.…`, `BATCH.…`) | | | | |
/// | `arn:…:user/<path><name>` | the ARN | user | the name | |
/// | `arn:aws:iam::cloudfront:user/…` (an origin access identity) | the ARN | service | the name | |
/// | `arn:…:assumed-role/<role>/<session>` | the ARN | role | the session | the role's ARN |
/// | `arn:…:federated-user/<name>` | the ARN | user | the name | |
/// | `arn:…:root` | the ARN | user | | |
/// | `svc:<service>`, `<service>.amazonaws.com` (S3 Batch Operations) | the service without `svc:` | service | | |
/// | `AmazonS3` (lifecycle) | `AmazonS3` | system | | |
/// | a canonical user id, or anything else | as it is | | | |
///
/// A canonical user id is an account or a CloudFront identity; which one is not stated, so the type is null.
///
/// The log states a role's name without the path of its ARN. `via` is the ARN of a role without path; of roles that AWS
/// makes, which are known to have one, it is only the name. E-mail addresses are read from sessions that IAM Identity Center
/// named, as there.
///
/// `-` is S3's word for a request that was not authenticated (S3 user guide, field "Requester"), so it states that somebody was
/// anonymous. Other words for nothing (`null`) state nothing.
pub(super) fn of<'l>(requester: &'l str, operation: &str) -> Actor<'l> {
    let is_request = !operation.starts_with("S3.") && !operation.starts_with("BATCH.");
    if requester == "Anonymous" || (requester == "-" && is_request) {
        return Actor { kind: Some(ActorType::Anonymous), ..Actor::default() };
    }
    let Some(requester) = stated(requester) else { return Actor::default() };
    let is_host = requester.ends_with(".amazonaws.com") || requester.ends_with(".amazonaws.com.cn");
    let service = requester.strip_prefix("svc:").or(Some(requester).filter(|_| is_host));
    if let Some(service) = service.filter(|service| !service.is_empty()) {
        return Actor { id: Some(service), kind: Some(ActorType::Service), ..Actor::default() };
    }
    let actor = Actor { id: Some(requester), ..Actor::default() };
    if requester == "AmazonS3" {
        return Actor { kind: Some(ActorType::System), ..actor };
    }
    let mut parts = requester.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("iam" | "sts"), Some(_), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return actor;
    };
    let Some((kind, path)) = resource.split_once('/') else {
        return Actor { kind: (resource == "root").then_some(ActorType::User), ..actor };
    };
    let last = Some(path.rsplit('/').next().unwrap_or(path)).filter(|name| !name.is_empty());
    match kind {
        "user" if account == "cloudfront" => Actor { kind: Some(ActorType::Service), name: last, ..actor },
        "user" => Actor { kind: Some(ActorType::User), name: last, ..actor },
        "federated-user" => Actor { kind: Some(ActorType::User), name: stated(path), ..actor },
        "assumed-role" => {
            let (role, session) = path.split_once('/').unwrap_or((path, ""));
            let has_path = ROLES_WITH_PATH.iter().any(|beginning| role.starts_with(beginning));
            let via = if has_path {
                Cow::Borrowed(role)
            } else {
                Cow::Owned(format!("arn:{partition}:iam::{account}:role/{role}"))
            };
            Actor {
                kind: Some(ActorType::Role),
                name: stated(session),
                email: Some(session).filter(|name| role.starts_with("AWSReservedSSO_") && is_email(name)),
                via: Some(via),
                ..actor
            }
        }
        _ => actor,
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
}
