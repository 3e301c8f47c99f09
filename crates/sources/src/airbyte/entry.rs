//! An audit entry, however it was written: what the four generations have in common.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::absent;
use crate::json::Json;

use super::redaction::{decode, is_mask};

/// An audit entry. Nothing in it is a secret any more.
#[derive(Debug, Default)]
pub(super) struct Entry<'r> {
    pub id: Option<&'r str>,
    /// Milliseconds since the Unix epoch, as written.
    pub timestamp: Option<&'r str>,
    pub actor: Actor<'r>,
    /// What was done; `None` where a message leaves it open.
    pub operation: Option<&'r str>,
    /// What was asked for; in a log message the summary, which answers hold too.
    pub request: Option<Cow<'r, Json<'r>>>,
    pub response: Option<Cow<'r, Json<'r>>>,
    pub is_success: Option<bool>,
    pub error_message: Option<Cow<'r, str>>,
    pub organization_id: Option<&'r str>,
    pub workspace_id: Option<&'r str>,
}

/// Who did it, and from where.
#[derive(Debug, Default)]
pub(super) struct Actor<'r> {
    pub id: Option<&'r str>,
    pub email: Option<Cow<'r, str>>,
    /// The header `X-Forwarded-For`.
    pub addresses: Option<Cow<'r, str>>,
    pub user_agent: Option<Cow<'r, str>>,
}

/// Who stands for the instance's administrators in the entries of newer versions.
const AIRBYTE_SUPPORT: &str = "Airbyte Support";

impl Actor<'_> {
    /// A user, where one is named. `Airbyte Support` stands for whoever has the administrator's role of the instance, people
    /// and programs alike; and of an entry without an actor nobody knows who it was.
    pub(super) fn kind(&self) -> Option<ActorType> {
        let is_user = self.id.map_or(self.email.is_some(), |id| id != AIRBYTE_SUPPORT);
        is_user.then_some(ActorType::User)
    }
}

/// Whether a record is an entry itself, not a log event around one.
pub(super) fn is_entry(record: &Json<'_>) -> bool {
    record.get("operation").is_some()
}

/// A text, unless it only says that there is none: Airbyte writes `unknown` for what it does not know about an actor, `null`
/// where Kotlin prints nothing, and a mask over what may be a secret. What is stated stays as it was written.
pub(super) fn stated(text: &str) -> Option<&str> {
    absent::stated(text).filter(|stated| !is_mask(stated)).map(|_| text)
}

/// Error messages of a refusal for want of permission, whole until 1.7 and with what follows since: `ForbiddenProblem` is
/// what Airbyte throws then. Nothing else in an entry tells refusals from other failures.
const FORBIDDEN: &str = "The request is forbidden.";
const FORBIDDEN_BEGINNING: &str = "Detail: class ForbiddenProblemResponse ";

impl<'r> Entry<'r> {
    /// Reads an entry of the generations that are JSON.
    pub(super) fn of_json(record: &'r Json<'r>) -> Self {
        let text = |name: &str| record.text_at(name).and_then(stated);
        let free_text = |of: &'r Json<'r>, name: &str| of.text_at(name).and_then(stated).map(Cow::Borrowed);
        let actor = record.get("actor").map_or_else(Actor::default, |actor| Actor {
            id: actor.text_at("actorId").and_then(stated),
            email: free_text(actor, "email"),
            addresses: free_text(actor, "ipAddress"),
            user_agent: free_text(actor, "userAgent"),
        });
        Self {
            id: text("id"),
            timestamp: record.text_at("timestamp"),
            actor,
            operation: record.text_at("operation"),
            request: record.get("request").map(body),
            response: record.get("response").map(body),
            is_success: match record.get("success") {
                Some(Json::Bool(is_success)) => Some(*is_success),
                _ => None,
            },
            error_message: record.text_at("errorMessage").map(Cow::Borrowed),
            organization_id: text("organizationId"),
            workspace_id: text("workspaceId"),
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.is_success {
            Some(true) => Outcome::Success,
            Some(false) => {
                let is_forbidden = |error: &str| error == FORBIDDEN || error.starts_with(FORBIDDEN_BEGINNING);
                if self.error_message.as_deref().is_some_and(is_forbidden) { Outcome::Denied } else { Outcome::Failure }
            }
            None => Outcome::Unknown,
        }
    }

    pub(super) fn category(&self) -> Option<Category> {
        self.operation.map(super::operation::category)
    }

    /// What was asked for and what came of it.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Json<'r>> {
        self.request.iter().chain(&self.response).map(AsRef::as_ref)
    }

    /// The text of the first member of that name in the request or the response, if it says anything.
    pub(super) fn in_bodies(&self, name: &str) -> Option<&str> {
        self.bodies().find_map(|body| body.text_at(name).and_then(stated))
    }

    /// The organization it happened in: as the entry states it, else (before there was such a member) as the bodies of a call
    /// that succeeded do. A call that failed may have named any organization.
    pub(super) fn organization(&self) -> Option<&str> {
        let in_bodies = || {
            let scope = self.target_scope().filter(|(kind, _)| *kind == "organization");
            self.in_bodies("organizationId").or(scope.and_then(|(_, id)| id))
        };
        self.organization_id.or_else(|| if self.is_success == Some(true) { in_bodies() } else { None })
    }

    /// Where a permission applies: kind and id, which the instance has not.
    pub(super) fn target_scope(&self) -> Option<(&str, Option<&str>)> {
        let scope = self.bodies().find_map(|body| body.get("targetScope"))?;
        Some((scope.text_at("type").and_then(stated)?, scope.text_at("id").and_then(stated)))
    }
}

/// A request or response. Every provider of them but one writes JSON into a string.
pub(super) fn body<'r>(value: &'r Json<'r>) -> Cow<'r, Json<'r>> {
    match value {
        Json::Text(text) => decode(text).map_or(Cow::Borrowed(value), Cow::Owned),
        _ => Cow::Borrowed(value),
    }
}
