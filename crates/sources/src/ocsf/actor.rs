//! Who did it.

use auditlake_event::ActorType;

use super::record::{Record, number};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Actor<'r> {
    pub id: Option<&'r str>,
    pub kind: Option<ActorType>,
    pub name: Option<&'r str>,
    pub email: Option<&'r str>,
    pub via: Option<&'r str>,
}

const ACTOR: &[&str] = &["actor", "user"];
const USER: &[&str] = &["user"];

/// Reads the actor.
///
/// - Of a sign-in and of a session that is authorised (3002, 3003) it is `user`: `actor` is the program that asked for it. Where both
///   have one `uid`, what `user` leaves out is taken from `actor.user`. Without `user` it is `actor.user`.
/// - Of everything else it is `actor.user`, else `actor.iam_role`, an application (`actor.app_uid`, `actor.app_name`), the service
///   in `actor.invoked_by`, the user of `actor.process`.
///
/// The id is `uid`, else `name`, `email_addr`, `uid_alt`. The type is told by `type`, else `type_id` (1 and 2: user, 3: system, 4: service).
/// `actor_via` is `actor.session.issuer`, the role or user behind a session, else the service in `actor.invoked_by`.
pub(super) fn of<'r>(record: &Record<'r>, class: i64) -> Actor<'r> {
    let is_of_user = matches!(class, 3002 | 3003) && names_one(record, USER);
    let mut actor = if is_of_user { user(record, USER) } else { user(record, ACTOR) };
    if is_of_user {
        let is_same = |name: &str| {
            let texts = (record.said(&["actor", "user", name]), record.said(&["user", name]));
            matches!(texts, (Some(left), Some(right)) if left.text == right.text)
        };
        if is_same("uid") || (actor.id.is_some() && is_same("name")) {
            let other = user(record, ACTOR);
            actor.kind = actor.kind.or(other.kind);
            actor.name = actor.name.or(other.name);
            actor.email = actor.email.or(other.email);
        }
    }
    if actor.id.is_none() {
        let role = record.first(&[&["actor", "iam_role", "uid"], &["actor", "iam_role", "name"]]);
        let app = || record.first(&[&["actor", "app_uid"], &["actor", "app_name"]]);
        let service = || record.text(&["actor", "invoked_by"]);
        let of_process = || user(record, &["actor", "process", "user"]);
        actor = match role {
            Some(role) => Actor { id: Some(role), kind: Some(ActorType::Role), ..actor },
            None => match app().or_else(service) {
                Some(app) => Actor { id: Some(app), kind: Some(ActorType::Service), ..actor },
                None => of_process(),
            },
        };
    }
    let issuer = record.said(&["actor", "session", "issuer"]).or_else(|| record.said(&["session", "issuer"]));
    let invoked_by = || record.said(&["actor", "invoked_by"]).filter(|said| actor.id != Some(said.text));
    actor.via = issuer.or_else(invoked_by).map(|said| record.tell(said));
    actor
}

fn names_one(record: &Record<'_>, path: &[&str]) -> bool {
    ["uid", "name", "email_addr", "uid_alt"].iter().any(|name| record.said(&joined(path, name)).is_some())
}

fn joined<'p>(path: &[&'p str], name: &'p str) -> Vec<&'p str> {
    path.iter().copied().chain([name]).collect()
}

fn user<'r>(record: &Record<'r>, path: &[&str]) -> Actor<'r> {
    let said = |name: &str| record.said(&joined(path, name));
    let text = |name: &str| said(name).map(|said| record.tell(said));
    let id = ["uid", "name", "email_addr", "uid_alt"].iter().find_map(|name| text(name));
    let email = said("email_addr").filter(|said| said.text.contains('@')).map(|said| record.tell(said));
    Actor { id, kind: kind(record, path), name: text("name").or_else(|| text("full_name")), email, via: None }
}

/// The type of a user. The member is told by its key in the metadata, since types have more words than columns.
fn kind(record: &Record<'_>, path: &[&str]) -> Option<ActorType> {
    let word = record.said(&joined(path, "type")).map(|said| said.text.to_ascii_lowercase());
    match word.as_deref() {
        Some(
            "user" | "admin" | "administrator" | "iamuser" | "root" | "federateduser" | "samluser" | "webidentityuser"
            | "identitycenteruser" | "directory" | "guest" | "member",
        ) => return Some(ActorType::User),
        Some("assumedrole" | "role") => return Some(ActorType::Role),
        Some("service" | "awsservice" | "serviceaccount" | "service account" | "serviceprincipal" | "application") => {
            return Some(ActorType::Service);
        }
        Some("system") => return Some(ActorType::System),
        Some("anonymous" | "anonymoususer") => return Some(ActorType::Anonymous),
        Some("api_key" | "apikey" | "api key") => return Some(ActorType::ApiKey),
        _ => {}
    }
    match number(record.at(&joined(path, "type_id")))? {
        1 | 2 => Some(ActorType::User),
        3 => Some(ActorType::System),
        4 => Some(ActorType::Service),
        _ => None,
    }
}
