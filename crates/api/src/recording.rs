//! Who read the log is in the log: every answered read is an event `audit_log_query`, every refusal one of `permission_check`.
//!
//! A read is recorded before it is answered: an answer that could not be recorded is not given (503). A record is written
//! through the door, not asked for, so it makes no further record. The edge decides whether there is a recorder at all.

use std::borrow::Cow;
use std::sync::Arc;

use auditlake_event::{ActorType, Category, Event, Organization, Outcome, Region, Timestamp};
use http::header::USER_AGENT;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::{Asked, Counted, Verb};
use crate::caller::Caller;
use crate::context::shown_path;
use crate::door::Door;
use crate::problem::Problem;

/// The column `source` of these events.
pub const SOURCE: &str = "auditlake.api";
/// The action of a read that was answered.
pub const QUERIED: &str = "audit_log_query";
/// The action of an upload to the directory.
pub const DIRECTORY_REPLACED: &str = "audit_log_directory_update";
/// The action of a refusal.
pub const CHECKED: &str = "permission_check";

/// The service that records.
const SERVICE: &str = "auditlake";
/// Longest user agent that is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 512;

/// Writes down who asked.
#[derive(Clone)]
pub struct Recorder {
    /// Where the records go.
    pub door: Arc<dyn Door>,
    /// The region of the records.
    pub region: Region,
}

/// What an event of the record is made of.
pub(crate) struct Record<'r> {
    pub caller: &'r Caller,
    pub parts: &'r Parts,
    pub request_id: &'r str,
    pub now: Timestamp,
    pub random: [u8; 10],
}

impl Record<'_> {
    fn event(&self, action: &'static str, organization: &Organization) -> Event<'static> {
        let identity = self.caller.identity();
        let user_agent = self.parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let millis = u64::try_from(self.now.millis()).unwrap_or_default();
        let owned = |text: &Option<String>| text.clone().map(Cow::Owned);
        Event {
            event_id: uuid::Builder::from_unix_timestamp_millis(millis, &self.random).into_uuid().to_string().into(),
            event_time: self.now,
            received_time: self.now,
            organization: organization.as_str().to_owned().into(),
            source: SOURCE.into(),
            action: action.into(),
            actor_id: owned(&identity.id),
            actor_type: identity.id.is_some().then_some(ActorType::User),
            actor_name: owned(&identity.name),
            actor_email: owned(&identity.email),
            resource_type: Some("audit_log".into()),
            source_ip: self.caller.address().map(|address| address.to_owned().into()),
            user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect::<String>().into()),
            service_name: Some(SERVICE.into()),
            request_id: Some(self.request_id.to_owned().into()),
            http_method: Some(self.parts.method.as_str().to_owned().into()),
            http_path: Some(shown_path(self.parts.uri.path()).to_owned().into()),
            ..Event::default()
        }
    }

    /// The event of a read that is answered.
    pub(crate) fn of_read(&self, asked: &Asked, counted: Counted, status: StatusCode) -> Event<'static> {
        let mut metadata = Map::new();
        if let Some(filters) = asked.filters.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            metadata.insert("filters".to_owned(), filters);
        }
        metadata.insert("rows".to_owned(), json!(counted.rows));
        metadata.insert("scanned_bytes".to_owned(), json!(counted.scanned_bytes));
        let (action, category) = match asked.verb {
            Verb::Read => (QUERIED, Category::DataAccess),
            Verb::Change => (DIRECTORY_REPLACED, Category::Configuration),
        };
        Event {
            category: Some(category),
            outcome: Outcome::Success,
            resource_id: Some(asked.what.into()),
            http_status: Some(i32::from(status.as_u16())),
            metadata: Some(Value::Object(metadata).to_string().into()),
            ..self.event(action, &asked.organization)
        }
    }

    /// The event of a refusal; `None` if no organization is known whose log could hold it.
    pub(crate) fn of_refusal(&self, problem: &Problem) -> Option<Event<'static>> {
        let organization = self.caller.bound_to()?;
        // An export is posted too, and reads.
        let is_write = match self.parts.method {
            Method::PUT => true,
            Method::POST => self.parts.uri.path() == "/v1/events",
            _ => false,
        };
        let needed = if is_write { "iam:tenant:iam:audit:write" } else { "iam:tenant:iam:audit:read" };
        Some(Event {
            category: Some(Category::PermissionCheck),
            outcome: Outcome::Denied,
            error_code: Some(problem.kind.into()),
            error_message: Some(problem.detail.clone()),
            resource_id: Some(shown_path(self.parts.uri.path()).trim_start_matches("/v1/").to_owned().into()),
            http_status: Some(i32::from(problem.status.as_u16())),
            metadata: Some(json!({"permission": needed}).to_string().into()),
            ..self.event(CHECKED, organization)
        })
    }
}

impl Recorder {
    /// Writes one event of the record. Fails with 503 if it is not durable.
    pub(crate) async fn write(&self, mut event: Event<'_>) -> Result<(), Problem> {
        event.region = Cow::Owned(self.region.as_str().to_owned());
        self.door.accept(&[event]).await.map_err(|error| {
            tracing::error!(%error, "who asked could not be recorded");
            Problem::unavailable("the read could not be recorded, so it is not answered; try again", 2)
        })
    }
}
