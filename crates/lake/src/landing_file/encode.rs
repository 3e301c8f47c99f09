//! Events in, the bytes of one landing object out.

use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::columns::{SCHEMA_VERSION, landing_schema};
use auditlake_event::{Column, Event, Organization, Region, Timestamp};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::index::{LandingGroup, LandingIndex};
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
    /// The columns could not be built.
    #[error("the columns cannot be built: {0}")]
    Columns(#[from] arrow::error::ArrowError),
    /// The file could not be written.
    #[error("the Parquet file cannot be written: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
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
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by(|left, right| sort_key(&events[*left]).cmp(&sort_key(&events[*right])));

    let mut builder = EventBatchBuilder::with_capacity(events.len());
    let mut groups = GroupBuilder::default();
    for position in order {
        let event = &events[position];
        let seal_time = rule.seal_time(event.event_time, arrival);
        groups.push(position, event, seal_time)?;
        builder.append(event, seal_time.start());
    }
    let index = groups.index;
    let batch = builder.finish()?;
    let options =
        ArrowWriterOptions::new().with_properties(writer_properties(&index, arrival)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), landing_schema(), options)?;
    writer.write(&batch)?;
    let bytes = Bytes::from(writer.into_inner()?);
    Ok(EncodedLanding { bytes, index })
}

fn sort_key<'e>(event: &'e Event<'_>) -> (&'e str, &'e str, Timestamp, &'e str, &'e str) {
    (&event.region, &event.organization, event.event_time, &event.event_id, &event.source)
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

/// Columns whose values hardly repeat inside one object: a dictionary would cost time and bytes.
const PLAIN_COLUMNS: [Column; 9] = [
    Column::EventId,
    Column::EventTime,
    Column::EventTimeNanos,
    Column::ResourceId,
    Column::RequestId,
    Column::HttpPath,
    Column::Changes,
    Column::Metadata,
    Column::Raw,
];

/// Columns by which a reader skips objects.
const STATISTICS_COLUMNS: [Column; 4] = [Column::EventTime, Column::SealTime, Column::Region, Column::Organization];

fn writer_properties(index: &LandingIndex, arrival: Arrival) -> Result<WriterProperties, EncodeError> {
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let metadata = vec![
        entry(FORMAT_KEY, FORMAT_VERSION.to_string()),
        entry(SCHEMA_KEY, SCHEMA_VERSION.to_string()),
        entry(ARRIVAL_KEY, arrival.0.to_string()),
        entry(INDEX_KEY, index.to_json()?),
    ];
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("auditlake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata));
    for column in PLAIN_COLUMNS {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name()), false);
    }
    for column in STATISTICS_COLUMNS {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column.name()), EnabledStatistics::Chunk);
    }
    Ok(properties.build())
}
