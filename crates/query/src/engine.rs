//! The narrow trait that both engines implement.

use std::time::Duration;

use async_trait::async_trait;
use auditlake_event::{Column, Event, Timestamp};
use auditlake_lake::SealTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::buckets::{Interval, TimeZone};
use crate::error::QueryError;
use crate::metadata_key::MetadataKey;
use crate::progress::{Progress, Ticket};
use crate::typed::Query;

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

/// A page of events is asked for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Which events.
    pub query: Query,
    /// In which order.
    pub order: Order,
    /// Only rows that come after this place in the order; from the first if `None`.
    pub after: Option<Position>,
    /// Most rows to return, 1–1000.
    pub limit: usize,
    /// Whether `raw` is wanted too: it is often larger than the rest of the event, so lists leave it out.
    pub with_raw: bool,
}

/// A page of events.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The rows, in the order that was asked for.
    pub events: Vec<Event<'static>>,
    /// The place of the last row if more may follow.
    pub next: Option<Position>,
    /// The first period not sealed when the answer was made.
    pub sealed_until: SealTime,
    /// Bytes read from storage for it (Athena: bytes scanned).
    pub scanned_bytes: u64,
    /// What else it took.
    pub cost: Cost,
    /// Landing objects that could not be understood and are missing from the answer; the seal sets them aside with an alarm.
    pub unreadable_objects: usize,
    /// `scan` or `athena`.
    pub engine: &'static str,
}

/// What an answer took, besides the bytes read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Time in the engine in ms: of Athena without its queue, of all executions together.
    pub engine_ms: u64,
    /// Bytes that Athena bills; `None` where nothing is billed by bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_bytes: Option<u64>,
    /// Their price in US dollars, if one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Whether a stored result was used again: late events since then may be missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused_result: bool,
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

/// Counts are asked for: of each time bucket, of each value of a column, of both, or one total.
#[derive(Debug, Clone)]
pub struct CountRequest {
    /// Which events.
    pub query: Query,
    /// By time bucket.
    pub interval: Option<Interval>,
    /// The zone whose days make the buckets; UTC if `None`.
    pub time_zone: Option<TimeZone>,
    /// By the value of a column.
    pub group_by: Option<GroupBy>,
    /// Most values to return, those with the highest totals over all buckets (of equal ones the smaller value first, null last);
    /// time buckets do not count.
    pub limit: usize,
}

/// One time bucket.
pub type Bucket = Timestamp;

/// The number of events of one bucket and value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Start of the time bucket, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Bucket>,
    /// The column's value, if asked for; `None` is null.
    pub value: Option<String>,
    /// How many events.
    pub count: u64,
}

/// Counts.
#[derive(Debug, Clone)]
pub struct Counts {
    /// The groups: by time ascending, then count descending, then value ascending (null last). Empty groups are left out; a
    /// count of neither interval nor column is always one group.
    pub counts: Vec<Count>,
    /// Whether values beyond `limit` were left out (their events are in no group).
    pub truncated: bool,
    /// The first period not sealed when the answer was made.
    pub sealed_until: SealTime,
    /// Bytes read from storage for it.
    pub scanned_bytes: u64,
    /// What else it took.
    pub cost: Cost,
    /// Landing objects that could not be understood and are missing from the counts; the seal sets them aside with an alarm.
    pub unreadable_objects: usize,
    /// `scan` or `athena`.
    pub engine: &'static str,
}

/// Answers typed queries. Each answer is exact at its `sealed_until`: every event that was acknowledged before the call
/// and matches is in it once.
#[async_trait]
pub trait Engine: Send + Sync {
    /// A page of events, newest first.
    async fn search(&self, request: &SearchRequest) -> Result<Answer, QueryError>;

    /// Numbers of events.
    async fn count(&self, request: &CountRequest) -> Result<Counts, QueryError>;

    /// A page of events, or, if it takes longer than `patience`, a ticket to come back with; the engine then goes on by itself.
    /// An engine that never takes long need not do anything for it: it answers, however long that takes.
    async fn begin_search(&self, request: &SearchRequest, patience: Duration) -> Result<Progress<Answer>, QueryError> {
        tracing::trace!(?patience, "this engine does not leave a search for later");
        self.search(request).await.map(Progress::Done)
    }

    /// Goes on with a search by the ticket it gave for the same request. An error that says "try again" leaves the ticket as good
    /// as it was.
    async fn resume_search(
        &self,
        request: &SearchRequest,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Answer>, QueryError> {
        tracing::debug!(?ticket, "no ticket of this engine, the search begins anew");
        self.begin_search(request, patience).await
    }

    /// Numbers of events, or a ticket, as [`Engine::begin_search`].
    async fn begin_count(&self, request: &CountRequest, patience: Duration) -> Result<Progress<Counts>, QueryError> {
        tracing::trace!(?patience, "this engine does not leave a count for later");
        self.count(request).await.map(Progress::Done)
    }

    /// Goes on with a count, as [`Engine::resume_search`].
    async fn resume_count(
        &self,
        request: &CountRequest,
        ticket: &Ticket,
        patience: Duration,
    ) -> Result<Progress<Counts>, QueryError> {
        tracing::debug!(?ticket, "no ticket of this engine, the count begins anew");
        self.begin_count(request, patience).await
    }

    /// Stops what is being done for a ticket; whoever asks by it later learns that it was cancelled. What has ended stays as it
    /// ended.
    async fn cancel(&self, ticket: &Ticket) -> Result<(), QueryError> {
        tracing::debug!(?ticket, "nothing runs for this ticket");
        Ok(())
    }
}
