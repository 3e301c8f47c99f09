//! What was found out about a record, before it becomes an event.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Outcome};

use crate::metadata::Metadata;

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Actor<'r> {
    pub id: Option<&'r str>,
    pub kind: Option<ActorType>,
    pub name: Option<&'r str>,
    pub email: Option<&'r str>,
    pub via: Option<&'r str>,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource<'r> {
    pub kind: Option<Cow<'r, str>>,
    pub id: Option<Cow<'r, str>>,
    pub name: Option<Cow<'r, str>>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ending<'r> {
    pub outcome: Outcome,
    pub error_code: Option<Cow<'r, str>>,
    pub error_message: Option<Cow<'r, str>>,
    pub http_status: Option<i32>,
}

/// Where it applies: the kind and the id.
pub(super) type Scope<'r> = (&'static str, Cow<'r, str>);

/// What a record says, column by column. The time, the raw record and what every record has in its metadata are not here.
#[derive(Debug, Default)]
pub(super) struct Facts<'r> {
    /// The record's own id, if it has one.
    pub id: Option<Cow<'r, str>>,
    pub action: Cow<'r, str>,
    pub category: Option<Category>,
    pub ending: Ending<'r>,
    pub actor: Actor<'r>,
    pub resource: Resource<'r>,
    pub scope: Option<Scope<'r>>,
    /// The address as it is stated, with its port.
    pub caller_address: Option<&'r str>,
    pub user_agent: Option<&'r str>,
    pub service_name: Option<&'r str>,
    pub request_id: Option<&'r str>,
    pub http_method: Option<&'r str>,
    pub http_path: Option<&'r str>,
    /// A normalised JSON array.
    pub changes: Option<String>,
    pub metadata: Metadata<'r>,
}

/// The text as an e-mail address, if it is one that reaches somebody: the user principal name of a guest
/// (`ada_example.com#EXT#@contoso.onmicrosoft.com`) does not.
pub(super) fn email(text: &str) -> Option<&str> {
    let (local, domain) = text.split_once('@')?;
    let is_email = !local.is_empty() && domain.contains('.') && !domain.contains('@') && !text.contains(['#', ' ']);
    is_email.then_some(text)
}
