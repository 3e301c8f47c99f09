//! The question that an engine is asked: a page of events or counts.

use auditlake_event::{Column, Event, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::buckets::{Interval, TimeZone};
use crate::metadata_key::MetadataKey;
use crate::typed::Query;

/// What an engine is asked. Its kind decides the kind of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A page of events.
    Page(SearchRequest),
    /// Counts of events.
    Count(CountRequest),
}

impl Question {
    /// Which events it is about.
    pub const fn query(&self) -> &Query {
        match self {
            Question::Page(request) => &request.query,
            Question::Count(request) => &request.query,
        }
    }

    /// The order in which events are read, and the place after which they are wanted.
    pub const fn order(&self) -> (Order, Option<&Position>) {
        match self {
            Question::Page(request) => (request.order, request.after.as_ref()),
            Question::Count(_) => (Order::NewestFirst, None),
        }
    }
}

impl From<SearchRequest> for Question {
    fn from(request: SearchRequest) -> Self {
        Question::Page(request)
    }
}

impl From<CountRequest> for Question {
    fn from(request: CountRequest) -> Self {
        Question::Count(request)
    }
}

/// A page of events is asked for. Signed ids contain its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// Which events.
    pub query: Query,
    /// In which order.
    #[serde(default)]
    pub order: Order,
    /// Only rows that come after this place in the order; from the first if `None`.
    pub after: Option<Position>,
    /// Most rows to return, 1–1000.
    pub limit: usize,
    /// Whether `raw` is wanted too: it is often larger than the rest of the event, so lists leave it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_raw: bool,
}

/// Counts are asked for: of each time bucket, of each value of a column, of both, or one total. Signed ids contain its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRequest {
    /// Which events.
    pub query: Query,
    /// By time bucket.
    pub interval: Option<Interval>,
    /// The zone whose days make the buckets; UTC if `None`.
    #[serde(default)]
    pub time_zone: Option<TimeZone>,
    /// By the value of a column.
    pub group_by: Option<GroupBy>,
    /// Most values to return, those with the highest totals over all buckets (of equal ones the smaller value first, null last);
    /// time buckets do not count.
    pub limit: usize,
}

/// A place in the order of answers: newest first, by (`event_time`, `event_time_nanos`, `event_id`, `source`, `region`), all
/// descending. What states nothing below the millisecond counts as its first nanosecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Event time of the last row that was given out.
    pub event_time: Timestamp,
    /// What it states below the millisecond, in ns.
    pub nanos: i32,
    /// Its id.
    pub event_id: String,
    /// Its source.
    pub source: String,
    /// Its region.
    pub region: String,
}

impl Position {
    /// The place of an event.
    pub fn of(event: &Event<'_>) -> Self {
        Self {
            event_time: event.event_time,
            nanos: event.event_time_nanos.unwrap_or(0),
            event_id: event.event_id.to_string(),
            source: event.source.to_string(),
            region: event.region.to_string(),
        }
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// The newest first.
    #[default]
    #[serde(rename = "desc")]
    NewestFirst,
    /// The oldest first.
    #[serde(rename = "asc")]
    OldestFirst,
}

impl Order {
    /// Every order's text, for messages.
    pub const TEXTS: [&'static str; 2] = ["desc", "asc"];

    /// The order of a text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "desc" => Some(Self::NewestFirst),
            "asc" => Some(Self::OldestFirst),
            _ => None,
        }
    }

    /// Whether `place` comes after `other` in a list of this order.
    pub fn is_after(self, place: &Position, other: &Position) -> bool {
        match self {
            Self::NewestFirst => place < other,
            Self::OldestFirst => place > other,
        }
    }
}

/// What is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the column of that name")]
pub enum GroupBy {
    Action,
    ActorId,
    ActorEmail,
    Category,
    Outcome,
    ResourceType,
    ResourceId,
    Source,
    SourceIp,
    ServiceName,
    ScopeType,
    ScopeId,
    RequestId,
    ErrorCode,
    HttpStatus,
    /// A member of `metadata`: its text, or its JSON if it is a number, `true` or `false`; all else counts as null.
    Metadata(MetadataKey),
}

/// How a member of `metadata` is named.
pub const METADATA_PREFIX: &str = "metadata.";

impl GroupBy {
    /// Every column that is counted by.
    pub const COLUMNS: [GroupBy; 15] = [
        Self::Action,
        Self::ActorId,
        Self::ActorEmail,
        Self::Category,
        Self::Outcome,
        Self::ResourceType,
        Self::ResourceId,
        Self::Source,
        Self::SourceIp,
        Self::ServiceName,
        Self::ScopeType,
        Self::ScopeId,
        Self::RequestId,
        Self::ErrorCode,
        Self::HttpStatus,
    ];

    /// What a text names.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(METADATA_PREFIX) {
            return MetadataKey::new(name).map(Self::Metadata);
        }
        Self::COLUMNS.into_iter().find(|column| column.column().name() == text)
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::Metadata(key) => format!("{METADATA_PREFIX}{}", key.as_str()),
            column => column.column().name().to_owned(),
        }
    }

    /// The column that is read.
    pub const fn column(self) -> Column {
        match self {
            Self::Action => Column::Action,
            Self::ActorId => Column::ActorId,
            Self::ActorEmail => Column::ActorEmail,
            Self::Category => Column::Category,
            Self::Outcome => Column::Outcome,
            Self::ResourceType => Column::ResourceType,
            Self::ResourceId => Column::ResourceId,
            Self::Source => Column::Source,
            Self::SourceIp => Column::SourceIp,
            Self::ServiceName => Column::ServiceName,
            Self::ScopeType => Column::ScopeType,
            Self::ScopeId => Column::ScopeId,
            Self::RequestId => Column::RequestId,
            Self::ErrorCode => Column::ErrorCode,
            Self::HttpStatus => Column::HttpStatus,
            Self::Metadata(_) => Column::Metadata,
        }
    }
}

impl Serialize for GroupBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for GroupBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("nothing that is counted by"))
    }
}
