//! Events in, the bytes of one landing object out.

use std::sync::{Arc, OnceLock};

use auditlake_event::columns::{ColumnKind, SCHEMA_VERSION, landing_schema};
use auditlake_event::{Column, Event, Organization, Region, Timestamp};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescPtr;

use super::column_chunk::{ColumnChunk, Scratch};
use super::index::{LandingGroup, LandingIndex};
use super::order::file_order;
use super::{ARRIVAL_KEY, FORMAT_KEY, INDEX_KEY, SCHEMA_KEY};
use crate::lake_file::FORMAT_VERSION;
use crate::period::{Arrival, SealRule, SealTime};

/// Why events cannot be made a landing object.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// There is nothing to land.
    #[error("a landing object needs at least one event")]
    Empty,
    /// An event lies further in the future than the seal rule allows: the arrival was chosen too early.
    #[error("the event at position {position} happened at {event_time}, more than the lead after the arrival {arrival}")]
    AfterArrival {
        /// Position in the input.
        position: usize,
        /// Its time.
        event_time: Timestamp,
        /// The arrival that was asked for.
        arrival: Timestamp,
    },
    /// A region or organization that cannot be part of a path.
    #[error("`{name}` of the event at position {position} {source}")]
    InvalidName {
        /// Position in the input.
        position: usize,
        /// The text that is no name.
        name: String,
        /// The rule.
        source: auditlake_event::name::InvalidName,
    },
    /// The index could not be written.
    #[error("the index cannot be written: {0}")]
    Index(#[from] serde_json::Error),
    /// The file could not be written.
    #[error("the Parquet file cannot be written: {0}")]
    Parquet(#[from] ParquetError),
}

/// A landing object ready to be put.
#[derive(Debug, Clone)]
pub struct EncodedLanding {
    /// The Parquet file.
    pub bytes: Bytes,
    /// What it holds, as in its footer.
    pub index: LandingIndex,
}

/// Makes one landing object of `events`, in any order. Equal rows stay in the order given.
///
/// Fails if there are none, if a name cannot be part of a path, or if an event lies more than the lead after the arrival.
pub fn encode(events: &[Event<'_>], arrival: Arrival, rule: &SealRule) -> Result<EncodedLanding, EncodeError> {
    if events.is_empty() {
        return Err(EncodeError::Empty);
    }
    let latest = arrival.0.plus_millis(rule.lead_ms);
    if let Some((position, event)) = events.iter().enumerate().find(|(_, event)| event.event_time > latest) {
        return Err(EncodeError::AfterArrival { position, event_time: event.event_time, arrival: arrival.0 });
    }
    let mut columns = LandingColumns::new();
    let mut groups = GroupBuilder::default();
    for position in file_order(events) {
        let event = &events[position];
        let seal_time = rule.seal_time(event.event_time, arrival);
        groups.push(position, event, seal_time)?;
        columns.push(event, seal_time);
    }
    let index = groups.index;
    let bytes = columns.finish(&index, arrival)?;
    Ok(EncodedLanding { bytes, index })
}

#[derive(Default)]
struct GroupBuilder {
    index: LandingIndex,
}

impl GroupBuilder {
    /// Takes the next event in file order into the group it belongs to.
    fn push(&mut self, position: usize, event: &Event<'_>, seal_time: SealTime) -> Result<(), EncodeError> {
        let hour = event.event_time.hour();
        let first_row = self.index.rows();
        if let Some(group) = self.index.groups.last_mut() {
            let same_group = group.hour == hour
                && group.seal_time == seal_time
                && group.organization.as_str() == event.organization
                && group.region.as_str() == event.region;
            if same_group {
                group.rows += 1;
                group.max_event_time = event.event_time;
                return Ok(());
            }
        }
        let invalid = |name: &str| {
            let name = name.to_owned();
            move |source| EncodeError::InvalidName { position, name, source }
        };
        self.index.groups.push(LandingGroup {
            region: Region::parse(&event.region).map_err(invalid(&event.region))?,
            organization: Organization::parse(&event.organization).map_err(invalid(&event.organization))?,
            hour,
            seal_time,
            first_row,
            rows: 1,
            min_event_time: event.event_time,
            max_event_time: event.event_time,
        });
        Ok(())
    }
}

/// The columns of an object while rows are appended, in file order.
struct LandingColumns {
    columns: [ColumnChunk; Column::ALL.len()],
}

/// Whether a column's values are expected to repeat inside one object.
const fn repeats(column: Column) -> bool {
    !matches!(
        column,
        Column::EventId
            | Column::EventTime
            | Column::EventTimeNanos
            | Column::ResourceId
            | Column::RequestId
            | Column::HttpPath
            | Column::Changes
            | Column::Metadata
            | Column::Raw
    )
}

impl LandingColumns {
    fn new() -> Self {
        let chunk = |column: Column| {
            let is_text = matches!(column.kind(), ColumnKind::Text);
            ColumnChunk::new(is_text, column.nullable(), repeats(column))
        };
        Self { columns: std::array::from_fn(|position| chunk(Column::ALL[position])) }
    }

    /// Appends a row: every column, or the file cannot be finished.
    fn push(&mut self, event: &Event<'_>, seal_time: SealTime) {
        let nanos = event.event_time_nanos.map(i32::to_le_bytes);
        let status = event.http_status.map(i32::to_le_bytes);
        let columns = &mut self.columns;
        let mut put = |column: Column, value: Option<&[u8]>| columns[column.index()].push(value);
        put(Column::EventId, Some(event.event_id.as_bytes()));
        put(Column::EventTime, Some(&event.event_time.millis().to_le_bytes()));
        put(Column::EventTimeNanos, nanos.as_ref().map(<[u8; 4]>::as_slice));
        put(Column::ReceivedTime, Some(&event.received_time.millis().to_le_bytes()));
        put(Column::SealTime, Some(&seal_time.start().millis().to_le_bytes()));
        put(Column::Region, Some(event.region.as_bytes()));
        put(Column::Organization, Some(event.organization.as_bytes()));
        put(Column::Source, Some(event.source.as_bytes()));
        put(Column::Action, Some(event.action.as_bytes()));
        put(Column::Category, event.category.map(|category| category.as_str().as_bytes()));
        put(Column::Outcome, Some(event.outcome.as_str().as_bytes()));
        put(Column::ErrorCode, event.error_code.as_deref().map(str::as_bytes));
        put(Column::ErrorMessage, event.error_message.as_deref().map(str::as_bytes));
        put(Column::ActorId, event.actor_id.as_deref().map(str::as_bytes));
        put(Column::ActorType, event.actor_type.map(|kind| kind.as_str().as_bytes()));
        put(Column::ActorName, event.actor_name.as_deref().map(str::as_bytes));
        put(Column::ActorEmail, event.actor_email.as_deref().map(str::as_bytes));
        put(Column::ActorVia, event.actor_via.as_deref().map(str::as_bytes));
        put(Column::ResourceType, event.resource_type.as_deref().map(str::as_bytes));
        put(Column::ResourceId, event.resource_id.as_deref().map(str::as_bytes));
        put(Column::ResourceName, event.resource_name.as_deref().map(str::as_bytes));
        put(Column::ScopeType, event.scope_type.as_deref().map(str::as_bytes));
        put(Column::ScopeId, event.scope_id.as_deref().map(str::as_bytes));
        put(Column::Changes, event.changes.as_deref().map(str::as_bytes));
        put(Column::SourceIp, event.source_ip.as_deref().map(str::as_bytes));
        put(Column::UserAgent, event.user_agent.as_deref().map(str::as_bytes));
        put(Column::ServiceName, event.service_name.as_deref().map(str::as_bytes));
        put(Column::RequestId, event.request_id.as_deref().map(str::as_bytes));
        put(Column::HttpMethod, event.http_method.as_deref().map(str::as_bytes));
        put(Column::HttpPath, event.http_path.as_deref().map(str::as_bytes));
        put(Column::HttpStatus, status.as_ref().map(<[u8; 4]>::as_slice));
        put(Column::Metadata, event.metadata.as_deref().map(str::as_bytes));
        put(Column::Raw, event.raw.as_deref().map(str::as_bytes));
    }

    fn finish(self, index: &LandingIndex, arrival: Arrival) -> Result<Bytes, EncodeError> {
        let schema = parquet_schema()?;
        let properties = Arc::new(writer_properties(index, arrival)?);
        let mut writer = SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), properties)?;
        let mut row_group = writer.next_row_group()?;
        let mut scratch = Scratch::new();
        for ((column, chunk), description) in Column::ALL.iter().zip(self.columns).zip(schema.columns()) {
            let (bytes, close) = chunk.finish(description, statistics_of(*column, index), &mut scratch)?;
            row_group.append_column(&bytes, close)?;
        }
        row_group.close()?;
        Ok(Bytes::from(writer.into_inner()?))
    }
}

/// The Parquet schema of a landing object.
fn parquet_schema() -> Result<SchemaDescPtr, ParquetError> {
    static SCHEMA: OnceLock<SchemaDescPtr> = OnceLock::new();
    if let Some(schema) = SCHEMA.get() {
        return Ok(Arc::clone(schema));
    }
    let schema = Arc::new(ArrowSchemaConverter::new().convert(&landing_schema())?);
    Ok(Arc::clone(SCHEMA.get_or_init(|| schema)))
}

/// The smallest and largest value of the columns by which a reader skips objects.
fn statistics_of(column: Column, index: &LandingIndex) -> Option<Statistics> {
    let times = |time: fn(&LandingGroup) -> (Timestamp, Timestamp)| {
        let least = index.groups.iter().map(|group| time(group).0.millis()).min();
        let most = index.groups.iter().map(|group| time(group).1.millis()).max();
        Some(Statistics::int64(least, most, None, Some(0), false))
    };
    let names = |name: fn(&LandingGroup) -> &str| {
        let least = index.groups.iter().map(name).min().map(ByteArray::from);
        let most = index.groups.iter().map(name).max().map(ByteArray::from);
        Some(Statistics::byte_array(least, most, None, Some(0), false))
    };
    match column {
        Column::EventTime => times(|group| (group.min_event_time, group.max_event_time)),
        Column::SealTime => times(|group| (group.seal_time.start(), group.seal_time.start())),
        Column::Region => names(|group| group.region.as_str()),
        Column::Organization => names(|group| group.organization.as_str()),
        _ => None,
    }
}

fn writer_properties(index: &LandingIndex, arrival: Arrival) -> Result<WriterProperties, EncodeError> {
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let metadata = vec![
        entry(FORMAT_KEY, FORMAT_VERSION.to_string()),
        entry(SCHEMA_KEY, SCHEMA_VERSION.to_string()),
        entry(ARRIVAL_KEY, arrival.0.to_string()),
        entry(INDEX_KEY, index.to_json()?),
    ];
    let properties = WriterProperties::builder()
        .set_created_by(concat!("auditlake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(metadata));
    Ok(properties.build())
}
