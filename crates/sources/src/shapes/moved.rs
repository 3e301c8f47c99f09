//! Events of a lake as they are: what an operator moves from one lake to another.
//!
//! An event that a lake answered or exported states everything that its hash is made of, so it becomes the same event again:
//! organization, region, source, id and `raw` as they stand, `metadata` and `changes` as the JSON they are. `received_time` is
//! kept too: it is when the events were taken in, wherever they lie. Nothing is redacted a second time.

use std::borrow::Cow;

use auditlake_event::{ActorType, Category, Column, Event, Organization, Outcome, Region, Timestamp};

use crate::context::ImportContext;
use crate::json::{self, Json};

/// Members of an answer that are no part of the event.
const OF_THE_ANSWER: [&str; 2] = ["actor_directory", "link"];

/// Whether a lake wrote the record: it says when it took the event in.
pub(super) fn is_of_a_lake(record: &Json<'_>) -> bool {
    record.get(Column::ReceivedTime.name()).is_some()
}

/// The event of a record, or why it is none.
pub(super) fn event<'r>(record: &'r Json<'_>, context: &ImportContext) -> Result<Event<'r>, String> {
    let mut members = record.members().into_iter().flat_map(|members| members.iter());
    if let Some((name, _)) = members.find(|(name, _)| !is_known(name)) {
        return Err(format!("`{name}` is no column of an event"));
    }
    let record = Record(record);
    let organization = record.required(Column::Organization)?;
    Organization::validate(&organization).map_err(|error| format!("organization: {error}"))?;
    let region = record.required(Column::Region)?;
    Region::validate(&region).map_err(|error| format!("region: {error}"))?;
    let event_time = record.time(Column::EventTime)?;
    if let Some(reason) = context.refuse_time(event_time) {
        return Err(reason.to_owned());
    }
    let event_time_nanos = record.integer(Column::EventTimeNanos)?;
    if event_time_nanos.is_some_and(|nanos| !(0..=999_999).contains(&nanos)) {
        return Err("event_time_nanos: must lie in 0 to 999999".to_owned());
    }
    Ok(Event {
        event_id: record.required(Column::EventId)?,
        event_time,
        event_time_nanos,
        received_time: record.time(Column::ReceivedTime)?.min(context.received_time),
        region,
        organization,
        source: record.required(Column::Source)?,
        action: record.required(Column::Action)?,
        category: record.word(Column::Category, Category::parse)?,
        outcome: record.word(Column::Outcome, Outcome::parse)?.ok_or("outcome: is required")?,
        error_code: record.text(Column::ErrorCode)?,
        error_message: record.text(Column::ErrorMessage)?,
        actor_id: record.text(Column::ActorId)?,
        actor_type: record.word(Column::ActorType, ActorType::parse)?,
        actor_name: record.text(Column::ActorName)?,
        actor_email: record.text(Column::ActorEmail)?,
        actor_via: record.text(Column::ActorVia)?,
        resource_type: record.text(Column::ResourceType)?,
        resource_id: record.text(Column::ResourceId)?,
        resource_name: record.text(Column::ResourceName)?,
        scope_type: record.text(Column::ScopeType)?,
        scope_id: record.text(Column::ScopeId)?,
        changes: record.json(Column::Changes)?,
        source_ip: record.text(Column::SourceIp)?,
        user_agent: record.text(Column::UserAgent)?,
        service_name: record.text(Column::ServiceName)?,
        request_id: record.text(Column::RequestId)?,
        http_method: record.text(Column::HttpMethod)?,
        http_path: record.text(Column::HttpPath)?,
        http_status: record.integer(Column::HttpStatus)?,
        metadata: record.json(Column::Metadata)?,
        raw: record.text(Column::Raw)?,
    })
}

fn is_known(name: &str) -> bool {
    Column::from_name(name).is_some() || OF_THE_ANSWER.contains(&name)
}

struct Record<'r, 'j>(&'r Json<'j>);

impl<'r> Record<'r, '_> {
    fn text(&self, column: Column) -> Result<Option<Cow<'r, str>>, String> {
        match self.0.get(column.name()) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(Cow::Borrowed(text.as_ref()))),
            Some(_) => Err(format!("{}: must be a string", column.name())),
        }
    }

    fn required(&self, column: Column) -> Result<Cow<'r, str>, String> {
        let text = self.text(column)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{}: is required", column.name()))
    }

    fn time(&self, column: Column) -> Result<Timestamp, String> {
        let text = self.required(column)?;
        Timestamp::parse(&text).map_err(|_| format!("{}: is no RFC 3339 time", column.name()))
    }

    fn integer(&self, column: Column) -> Result<Option<i32>, String> {
        match self.0.get(column.name()) {
            None => Ok(None),
            Some(value) => {
                let number = if let Json::Number(number) = value { number.parse().ok() } else { None };
                number.map(Some).ok_or_else(|| format!("{}: must be an integer", column.name()))
            }
        }
    }

    fn word<T>(&self, column: Column, parse: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| format!("{}: is none of the values of its list", column.name()))
    }

    /// A column that holds JSON: as the JSON it is, or as the text of it.
    fn json(&self, column: Column) -> Result<Option<Cow<'r, str>>, String> {
        match self.0.get(column.name()) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(Cow::Borrowed(text.as_ref()))),
            Some(value @ (Json::Object(_) | Json::Array(_))) => {
                let mut out = String::new();
                json::write_whole(value, &mut out);
                Ok(Some(Cow::Owned(out)))
            }
            Some(_) => Err(format!("{}: must be JSON", column.name())),
        }
    }
}
