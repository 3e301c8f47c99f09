//! Events in, the bytes of one landing object out.

use std::sync::{Arc, OnceLock};

use auditlake_event::columns::{ColumnKind, SCHEMA_VERSION, landing_schema};
use auditlake_event::{ActorType, Category, Column, Event, Organization, Region, Timestamp};
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
use super::column_values::{BLOCK_ROWS, ColumnValues};
use super::index::{LandingGroup, LandingIndex};
use super::order::{OrderColumns, PlacedRow};
use super::{ARRIVAL_KEY, INDEX_KEY, NAME_BY_SHA256, NAME_KEY};
use crate::checksums::{CHECKSUMS_KEY, CHECKSUMS_VALUE, ChecksumError, ChecksumsWriter};
use crate::format::{FORMAT_KEY, FORMAT_VERSION, SCHEMA_KEY};
use crate::layout::LandingKey;
use crate::period::{Arrival, SealRule};

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
    /// The checksums could not be added.
    #[error("the checksums cannot be added: {0}")]
    Checksums(#[from] ChecksumError),
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
    let mut encoder = LandingEncoder::new();
    encoder.push(events);
    encoder.finish(arrival, rule)
}

/// As [`encode`], for an object that is named after its own SHA-256: a reader can check the
/// bytes by the name. `salt` tells objects of equal events apart.
pub fn encode_named(
    events: &[Event<'_>],
    arrival: Arrival,
    rule: &SealRule,
    salt: [u8; 10],
) -> Result<(LandingKey, EncodedLanding), EncodeError> {
    let mut encoder = LandingEncoder { salt: Some(salt), ..LandingEncoder::new() };
    encoder.push(events);
    let encoded = encoder.finish(arrival, rule)?;
    Ok((LandingKey::of_content(arrival, &encoded.bytes), encoded))
}

/// Collects the events of one landing object, which may come from several bodies or files, without keeping them.
pub struct LandingEncoder {
    columns: [ColumnValues; Column::ALL.len()],
    event_time: Vec<Timestamp>,
    scratch: Scratch,
    /// Tells objects of equal events apart whose name is made of their content.
    salt: Option<[u8; 10]>,
}

impl Default for LandingEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// How many times smaller than its values a file is expected to be: room for it is made once.
const EXPECTED_COMPRESSION: usize = 3;

/// Whether a column's values are expected to repeat inside one object.
const fn repeats(column: Column) -> bool {
    !matches!(
        column,
        Column::EventId
            | Column::EventTimeNanos
            | Column::ResourceId
            | Column::RequestId
            | Column::HttpPath
            | Column::Changes
            | Column::Metadata
            | Column::Raw
    )
}

const fn is_text(column: Column) -> bool {
    matches!(column.kind(), ColumnKind::Text)
}

impl LandingEncoder {
    /// An encoder without events.
    pub fn new() -> Self {
        let values = |column: Column| ColumnValues::new(is_text(column), repeats(column));
        let columns = std::array::from_fn(|position| values(Column::ALL[position]));
        Self { columns, event_time: Vec::new(), scratch: Scratch::default(), salt: None }
    }

    /// How many events the object has so far.
    pub const fn len(&self) -> usize {
        self.event_time.len()
    }

    /// Whether the object has no events yet.
    pub const fn is_empty(&self) -> bool {
        self.event_time.is_empty()
    }

    /// Appends events, in any order.
    pub fn push(&mut self, events: &[Event<'_>]) {
        self.event_time.extend(events.iter().map(|event| event.event_time));
        events.chunks(BLOCK_ROWS).for_each(|block| self.push_block(block));
    }

    /// Makes the landing object; rows that are equal stay in the order in which they were appended. The encoder is empty
    /// afterwards and keeps its memory for the next object.
    ///
    /// Fails if there are no events, if a name cannot be part of a path, or if an event lies more than the lead after the
    /// arrival.
    pub fn finish(&mut self, arrival: Arrival, rule: &SealRule) -> Result<EncodedLanding, EncodeError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let encoded = self.encoded(arrival, rule, &mut scratch);
        self.scratch = scratch;
        self.columns.iter_mut().for_each(ColumnValues::clear);
        self.event_time.clear();
        encoded
    }

    fn encoded(&self, arrival: Arrival, rule: &SealRule, scratch: &mut Scratch) -> Result<EncodedLanding, EncodeError> {
        if self.is_empty() {
            return Err(EncodeError::Empty);
        }
        let latest = arrival.0.plus_millis(rule.lead_ms);
        if let Some((position, event_time)) = self.event_time.iter().enumerate().find(|(_, time)| **time > latest) {
            return Err(EncodeError::AfterArrival { position, event_time: *event_time, arrival: arrival.0 });
        }
        let order = OrderColumns {
            region: self.column(Column::Region),
            organization: self.column(Column::Organization),
            event_time: &self.event_time,
            event_id: self.column(Column::EventId),
            source: self.column(Column::Source),
        };
        let rows = order.file_order();
        let index = self.index_of(&rows, arrival, rule)?;
        let bytes = self.write(&rows, &index, arrival, scratch)?;
        Ok(EncodedLanding { bytes, index })
    }

    fn column(&self, column: Column) -> &ColumnValues {
        &self.columns[column.index()]
    }

    /// The text of a column that is never null.
    fn text(&self, column: Column, row: usize) -> &str {
        self.column(column).value(row).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// The groups of rows that are in file order.
    fn index_of(&self, rows: &[PlacedRow], arrival: Arrival, rule: &SealRule) -> Result<LandingIndex, EncodeError> {
        let mut index = LandingIndex::default();
        let mut partition = None;
        let mut seal_time = rule.seal_time(Timestamp::default(), arrival);
        for (first_row, placed) in rows.iter().enumerate() {
            let event_time = placed.event_time;
            if let Some(group) = index.groups.last_mut()
                && partition == Some(placed.partition)
            {
                // Times ascend inside a partition, and a period that begins in an hour begins another group.
                let same_hour = event_time < group.hour.plus_millis(Timestamp::HOUR_MS);
                if same_hour && (event_time == group.max_event_time || rule.seal_time(event_time, arrival) == seal_time) {
                    group.rows += 1;
                    group.max_event_time = event_time;
                    continue;
                }
            }
            partition = Some(placed.partition);
            seal_time = rule.seal_time(event_time, arrival);
            let position = placed.row as usize;
            let region = self.text(Column::Region, position);
            let organization = self.text(Column::Organization, position);
            let invalid = |name: &str| {
                let name = name.to_owned();
                move |source| EncodeError::InvalidName { position, name, source }
            };
            index.groups.push(LandingGroup {
                region: Region::parse(region).map_err(invalid(region))?,
                organization: Organization::parse(organization).map_err(invalid(organization))?,
                hour: event_time.hour(),
                seal_time,
                first_row,
                rows: 1,
                min_event_time: event_time,
                max_event_time: event_time,
            });
        }
        Ok(index)
    }

    /// Appends the values of every column but those that follow from the order of the rows. One column is filled after the
    /// other: what the processor learns about the values of one column does not hold for those of the next.
    fn push_block(&mut self, events: &[Event<'_>]) {
        for column in Column::ALL {
            let values = &mut self.columns[column.index()];
            match column {
                Column::EventTime | Column::SealTime => {}
                Column::ReceivedTime => {
                    push_numbers(values, events, |event| Some(event.received_time.millis().to_le_bytes()));
                }
                Column::EventTimeNanos => push_numbers(values, events, |event| event.event_time_nanos.map(i32::to_le_bytes)),
                Column::HttpStatus => push_numbers(values, events, |event| event.http_status.map(i32::to_le_bytes)),
                Column::Category => push_texts(values, events, |event| event.category.map(Category::as_str)),
                Column::Outcome => push_texts(values, events, |event| Some(event.outcome.as_str())),
                Column::ActorType => push_texts(values, events, |event| event.actor_type.map(ActorType::as_str)),
                Column::EventId => push_texts(values, events, |event| Some(&event.event_id)),
                Column::Region => push_texts(values, events, |event| Some(&event.region)),
                Column::Organization => push_texts(values, events, |event| Some(&event.organization)),
                Column::Source => push_texts(values, events, |event| Some(&event.source)),
                Column::Action => push_texts(values, events, |event| Some(&event.action)),
                Column::ErrorCode => push_texts(values, events, |event| event.error_code.as_deref()),
                Column::ErrorMessage => push_texts(values, events, |event| event.error_message.as_deref()),
                Column::ActorId => push_texts(values, events, |event| event.actor_id.as_deref()),
                Column::ActorName => push_texts(values, events, |event| event.actor_name.as_deref()),
                Column::ActorEmail => push_texts(values, events, |event| event.actor_email.as_deref()),
                Column::ActorVia => push_texts(values, events, |event| event.actor_via.as_deref()),
                Column::ResourceType => push_texts(values, events, |event| event.resource_type.as_deref()),
                Column::ResourceId => push_texts(values, events, |event| event.resource_id.as_deref()),
                Column::ResourceName => push_texts(values, events, |event| event.resource_name.as_deref()),
                Column::ScopeType => push_texts(values, events, |event| event.scope_type.as_deref()),
                Column::ScopeId => push_texts(values, events, |event| event.scope_id.as_deref()),
                Column::Changes => push_texts(values, events, |event| event.changes.as_deref()),
                Column::SourceIp => push_texts(values, events, |event| event.source_ip.as_deref()),
                Column::UserAgent => push_texts(values, events, |event| event.user_agent.as_deref()),
                Column::ServiceName => push_texts(values, events, |event| event.service_name.as_deref()),
                Column::RequestId => push_texts(values, events, |event| event.request_id.as_deref()),
                Column::HttpMethod => push_texts(values, events, |event| event.http_method.as_deref()),
                Column::HttpPath => push_texts(values, events, |event| event.http_path.as_deref()),
                Column::Metadata => push_texts(values, events, |event| event.metadata.as_deref()),
                Column::Raw => push_texts(values, events, |event| event.raw.as_deref()),
            }
        }
    }

    fn properties(&self, index: &LandingIndex, arrival: Arrival) -> Result<WriterProperties, EncodeError> {
        let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
        let mut metadata = vec![
            entry(FORMAT_KEY, FORMAT_VERSION.to_string()),
            entry(SCHEMA_KEY, SCHEMA_VERSION.to_string()),
            entry(CHECKSUMS_KEY, CHECKSUMS_VALUE.to_owned()),
            entry(ARRIVAL_KEY, arrival.0.to_string()),
            entry(INDEX_KEY, index.to_json()?),
        ];
        metadata.extend(self.salt.map(|salt| entry(NAME_KEY, format!("{NAME_BY_SHA256}{}", hex::encode(salt)))));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("auditlake ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_offset_index_disabled(true)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_key_value_metadata(Some(metadata));
        Ok(properties.build())
    }

    fn write(
        &self,
        rows: &[PlacedRow],
        index: &LandingIndex,
        arrival: Arrival,
        scratch: &mut Scratch,
    ) -> Result<Bytes, EncodeError> {
        let schema = parquet_schema()?;
        let properties = Arc::new(self.properties(index, arrival)?);
        let value_bytes: usize = self.columns.iter().map(ColumnValues::value_bytes).sum();
        let file = Vec::with_capacity(value_bytes / EXPECTED_COMPRESSION);
        let mut writer = SerializedFileWriter::new(file, schema.root_schema_ptr(), properties)?;
        let mut row_group = writer.next_row_group()?;
        for (column, description) in Column::ALL.iter().zip(schema.columns()) {
            let chunk = ColumnChunk::new(description, is_text(*column), statistics_of(*column, index), scratch);
            let (bytes, close) = match column {
                Column::EventTime => {
                    let times: Vec<[u8; 8]> = rows.iter().map(|placed| placed.event_time.millis().to_le_bytes()).collect();
                    chunk.write_plain(times.iter().map(|time| Some(time.as_slice())))?
                }
                Column::SealTime => chunk.write(&seal_times(index), 0..rows.len())?,
                _ => chunk.write(self.column(*column), rows.iter().map(|placed| placed.row as usize))?,
            };
            row_group.append_column(&bytes, close)?;
        }
        row_group.close()?;
        Ok(Bytes::from(ChecksumsWriter::default().finish(writer.into_inner()?)?))
    }
}

#[inline]
fn push_texts<'e>(values: &mut ColumnValues, events: &'e [Event<'_>], text: impl Fn(&'e Event<'_>) -> Option<&'e str>) {
    values.push(events.iter().map(|event| text(event).map(str::as_bytes)));
}

fn push_numbers<const BYTES: usize>(
    values: &mut ColumnValues,
    events: &[Event<'_>],
    number: impl Fn(&Event<'_>) -> Option<[u8; BYTES]>,
) {
    let mut numbers = [None; BLOCK_ROWS];
    numbers.iter_mut().zip(events).for_each(|(place, event)| *place = number(event));
    values.push(numbers.iter().take(events.len()).map(|number| number.as_ref().map(<[u8; BYTES]>::as_slice)));
}

/// The seal times of all rows in file order.
fn seal_times(index: &LandingIndex) -> ColumnValues {
    let mut values = ColumnValues::new(false, true);
    for group in &index.groups {
        let seal_time = group.seal_time.start().millis().to_le_bytes();
        for first_row in (0..group.rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(group.rows - first_row);
            values.push(std::iter::repeat_n(Some(seal_time.as_slice()), rows));
        }
    }
    values
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
