//! The event itself, after normalisation.

use std::borrow::Cow;

use crate::columns::Column;
use crate::time::Timestamp;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// Every value's text, for messages.
            pub const TEXTS: &'static [&'static str] = &[$($text),*];

            /// The value as it stands in JSON and Parquet.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The value of a text; `None` if there is no such value.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

text_enum!(
    /// How it ended.
    Outcome {
        /// It was done.
        Success = "success",
        /// It was tried and failed.
        Failure = "failure",
        /// It was refused for want of permission.
        Denied = "denied",
        /// The source does not say.
        Unknown = "unknown",
    }
);

impl Default for Outcome {
    /// Nothing is said.
    fn default() -> Self {
        Self::Unknown
    }
}

text_enum!(
    /// The kind of action.
    Category {
        /// Invite, create, change, remove a user.
        UserManagement = "user_management",
        /// Create, change, assign, revoke a role.
        RoleManagement = "role_management",
        /// Create, change, fill a group.
        GroupManagement = "group_management",
        /// A permission was asked for.
        PermissionCheck = "permission_check",
        /// Sign-in, sign-out, token, key.
        Authentication = "authentication",
        /// Data was read or written.
        DataAccess = "data_access",
        /// A setting was changed.
        Configuration = "configuration",
        /// Anything else.
        Other = "other",
    }
);

text_enum!(
    /// The kind of actor.
    ActorType {
        /// A person.
        User = "user",
        /// A program.
        Service = "service",
        /// A role, whoever wears it.
        Role = "role",
        /// An API key.
        ApiKey = "api_key",
        /// The platform itself.
        System = "system",
        /// Nobody who signed in.
        Anonymous = "anonymous",
    }
);

/// One audit record after normalisation. Texts borrow from the request or file they were read from where they can.
///
/// Invariants, kept by whoever builds one (`crate::input` for posted events, a source's parser for imported ones):
/// `region` and `organization` are valid names, `changes` and `metadata` are normalised JSON texts,
/// `event_time_nanos` lies in 0–999,999. The default states nothing, not even what is required: fill it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// The source's or client's own id, else derived.
    pub event_id: Cow<'a, str>,
    /// When it happened.
    pub event_time: Timestamp,
    /// What the source states below the millisecond, in ns.
    pub event_time_nanos: Option<i32>,
    /// When the lake took it in.
    pub received_time: Timestamp,
    /// Installation region.
    pub region: Cow<'a, str>,
    /// Tenant.
    pub organization: Cow<'a, str>,
    /// The door it came through.
    pub source: Cow<'a, str>,
    /// What was done.
    pub action: Cow<'a, str>,
    /// The kind of action.
    pub category: Option<Category>,
    /// How it ended.
    pub outcome: Outcome,
    /// The source's code of the error.
    pub error_code: Option<Cow<'a, str>>,
    /// The source's words about the error.
    pub error_message: Option<Cow<'a, str>>,
    /// Who: the stable id.
    pub actor_id: Option<Cow<'a, str>>,
    /// Who: the kind.
    pub actor_type: Option<ActorType>,
    /// Who: the readable name.
    pub actor_name: Option<Cow<'a, str>>,
    /// Who: the e-mail address.
    pub actor_email: Option<Cow<'a, str>>,
    /// The credential or role behind the actor.
    pub actor_via: Option<Cow<'a, str>>,
    /// What it was done to: the kind.
    pub resource_type: Option<Cow<'a, str>>,
    /// What it was done to: the id.
    pub resource_id: Option<Cow<'a, str>>,
    /// What it was done to: the readable name.
    pub resource_name: Option<Cow<'a, str>>,
    /// Where it applies: the kind.
    pub scope_type: Option<Cow<'a, str>>,
    /// Where it applies: the id.
    pub scope_id: Option<Cow<'a, str>>,
    /// Normalised JSON array of `{"field":…,"before":…,"after":…}`.
    pub changes: Option<Cow<'a, str>>,
    /// From where: the IP address, or what the source puts in its place.
    pub source_ip: Option<Cow<'a, str>>,
    /// From where: the client software.
    pub user_agent: Option<Cow<'a, str>>,
    /// The service that recorded it.
    pub service_name: Option<Cow<'a, str>>,
    /// The service's request id.
    pub request_id: Option<Cow<'a, str>>,
    /// The HTTP method of the request.
    pub http_method: Option<Cow<'a, str>>,
    /// The HTTP path of the request.
    pub http_path: Option<Cow<'a, str>>,
    /// The HTTP status of the answer.
    pub http_status: Option<i32>,
    /// Normalised JSON object of the rest that is worth keeping.
    pub metadata: Option<Cow<'a, str>>,
    /// The original record of an imported event.
    pub raw: Option<Cow<'a, str>>,
}

fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

impl Event<'_> {
    /// The text of a text column; `None` where it is null and for columns that hold no text.
    pub fn text(&self, column: Column) -> Option<&str> {
        match column {
            Column::EventId => Some(&self.event_id),
            Column::Region => Some(&self.region),
            Column::Organization => Some(&self.organization),
            Column::Source => Some(&self.source),
            Column::Action => Some(&self.action),
            Column::ErrorCode => self.error_code.as_deref(),
            Column::ErrorMessage => self.error_message.as_deref(),
            Column::ActorId => self.actor_id.as_deref(),
            Column::ActorName => self.actor_name.as_deref(),
            Column::ActorEmail => self.actor_email.as_deref(),
            Column::ActorVia => self.actor_via.as_deref(),
            Column::ResourceType => self.resource_type.as_deref(),
            Column::ResourceId => self.resource_id.as_deref(),
            Column::ResourceName => self.resource_name.as_deref(),
            Column::ScopeType => self.scope_type.as_deref(),
            Column::ScopeId => self.scope_id.as_deref(),
            Column::Changes => self.changes.as_deref(),
            Column::SourceIp => self.source_ip.as_deref(),
            Column::UserAgent => self.user_agent.as_deref(),
            Column::ServiceName => self.service_name.as_deref(),
            Column::RequestId => self.request_id.as_deref(),
            Column::HttpMethod => self.http_method.as_deref(),
            Column::HttpPath => self.http_path.as_deref(),
            Column::Metadata => self.metadata.as_deref(),
            Column::Raw => self.raw.as_deref(),
            Column::Category => self.category.map(Category::as_str),
            Column::Outcome => Some(self.outcome.as_str()),
            Column::ActorType => self.actor_type.map(ActorType::as_str),
            Column::EventTime | Column::EventTimeNanos | Column::ReceivedTime | Column::SealTime | Column::HttpStatus => {
                None
            }
        }
    }

    /// How long its texts are together, in bytes: what most of it costs in memory and in a file.
    pub fn text_bytes(&self) -> usize {
        Column::ALL.iter().filter_map(|column| self.text(*column)).map(str::len).sum()
    }

    /// The same event owning its texts.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            event_time: self.event_time,
            event_time_nanos: self.event_time_nanos,
            received_time: self.received_time,
            category: self.category,
            outcome: self.outcome,
            actor_type: self.actor_type,
            http_status: self.http_status,
            event_id: Cow::Owned(self.event_id.into_owned()),
            region: Cow::Owned(self.region.into_owned()),
            organization: Cow::Owned(self.organization.into_owned()),
            source: Cow::Owned(self.source.into_owned()),
            action: Cow::Owned(self.action.into_owned()),
            error_code: owned(self.error_code),
            error_message: owned(self.error_message),
            actor_id: owned(self.actor_id),
            actor_name: owned(self.actor_name),
            actor_email: owned(self.actor_email),
            actor_via: owned(self.actor_via),
            resource_type: owned(self.resource_type),
            resource_id: owned(self.resource_id),
            resource_name: owned(self.resource_name),
            scope_type: owned(self.scope_type),
            scope_id: owned(self.scope_id),
            changes: owned(self.changes),
            source_ip: owned(self.source_ip),
            user_agent: owned(self.user_agent),
            service_name: owned(self.service_name),
            request_id: owned(self.request_id),
            http_method: owned(self.http_method),
            http_path: owned(self.http_path),
            metadata: owned(self.metadata),
            raw: owned(self.raw),
        }
    }

    /// What makes two rows one event inside a partition's order: `(event_time, event_id, source)`.
    pub fn order_key(&self) -> (Timestamp, &str, &str) {
        (self.event_time, &self.event_id, &self.source)
    }
}
