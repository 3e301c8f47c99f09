//! Rows for tests, as events of their own and as Arrow batches.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use auditlake_event::batch::{EventBatchBuilder, EventRows};
use auditlake_event::columns::archive_schema;
use auditlake_event::{Event, Outcome, Timestamp, canonical};
use auditlake_lake::hash::Hash;
use auditlake_lake::layout::ArchiveKey;
use auditlake_lake::period::SealRule;
use auditlake_lake::seal::ShardContext;
use auditlake_lake::{Codec, Period, SealTime};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// 2026-03-01T12:00:00Z.
pub const START_MS: i64 = 1_772_366_400_000;

pub fn rule() -> SealRule {
    SealRule { period: Period::from_seconds(600).unwrap(), slack_ms: 300_000, lead_ms: 300_000 }
}

pub fn context(seal_time: SealTime) -> ShardContext {
    ShardContext { seal_time, codec: Codec::Snappy, rule: rule(), lists_restamped: true }
}

/// One row of a landing object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub region: String,
    pub organization: String,
    pub event_time: Timestamp,
    pub event_id: String,
    pub source: String,
    pub content: u8,
    pub raw: Option<String>,
    pub seal_time: SealTime,
}

/// What makes copies of one event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub region: String,
    pub organization: String,
    pub event_time: Timestamp,
    pub event_id: String,
    pub source: String,
}

/// A row sealed `periods` / 100 periods after its own.
pub fn row(region: u8, organization: u8, event_time: Timestamp, id: u8, source: u8, content: u8, periods: u32) -> Row {
    let mut seal_time = rule().period.start_of(event_time);
    for _ in 0..periods / 100 {
        seal_time = rule().period.next(seal_time);
    }
    Row {
        region: ["eu-west-1", "us-east-1"][usize::from(region)].to_owned(),
        organization: ["acme", "globex"][usize::from(organization)].to_owned(),
        event_time,
        event_id: format!("{}-{id}", ["event", "e"][usize::from(id % 2)]),
        source: ["api", "lakefs"][usize::from(source)].to_owned(),
        content,
        raw: None,
        seal_time,
    }
}

impl Row {
    pub fn identity(&self) -> Identity {
        Identity {
            region: self.region.clone(),
            organization: self.organization.clone(),
            event_time: self.event_time,
            event_id: self.event_id.clone(),
            source: self.source.clone(),
        }
    }

    fn event(&self) -> Event<'_> {
        Event {
            event_id: Cow::Borrowed(&self.event_id),
            event_time: self.event_time,
            received_time: self.event_time,
            region: Cow::Borrowed(&self.region),
            organization: Cow::Borrowed(&self.organization),
            source: Cow::Borrowed(&self.source),
            action: Cow::Owned(format!("action-{}", self.content)),
            outcome: Outcome::Success,
            actor_id: (self.content > 0).then_some(Cow::Borrowed("someone")),
            http_status: Some(i32::from(self.content)),
            raw: self.raw.as_deref().map(Cow::Borrowed),
            ..Event::default()
        }
    }

    /// The event hash, made from the event and not from columns.
    pub fn hash(&self) -> Hash {
        canonical::event_hash(&self.event()).into()
    }

    fn read(event: &Event<'_>, seal_time: SealTime) -> Self {
        Self {
            region: event.region.to_string(),
            organization: event.organization.to_string(),
            event_time: event.event_time,
            event_id: event.event_id.to_string(),
            source: event.source.to_string(),
            content: u8::try_from(event.http_status.unwrap()).unwrap(),
            raw: event.raw.as_deref().map(str::to_owned),
            seal_time,
        }
    }
}

/// The rows as a landing batch, in the order given.
pub fn batch(rows: &[Row]) -> RecordBatch {
    let mut builder = EventBatchBuilder::with_capacity(rows.len());
    for row in rows {
        builder.append(&row.event(), row.seal_time.start());
    }
    builder.finish().unwrap()
}

/// The rows as an archive batch, in the order given.
pub fn archive_batch(rows: &[Row]) -> RecordBatch {
    let landing = batch(rows);
    let columns =
        archive_schema().fields().iter().map(|field| landing.column_by_name(field.name()).unwrap().clone()).collect();
    RecordBatch::try_new(archive_schema(), columns).unwrap()
}

/// The rows of an archive object in file order.
pub fn read_archive_object(key: &ArchiveKey, bytes: Bytes) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let events = EventRows::new(&batch, Some((&key.partition.region, &key.partition.organization))).unwrap();
        for row in 0..batch.num_rows() {
            rows.push(Row::read(&events.event(row).unwrap(), SealTime::from_start(events.seal_time(row).unwrap())));
        }
    }
    rows
}

/// The seals that rows belong to, in order.
pub fn seal_times(objects: &[Vec<Row>]) -> Vec<SealTime> {
    let mut seal_times: Vec<SealTime> = objects.iter().flatten().map(|row| row.seal_time).collect();
    seal_times.sort();
    seal_times.dedup();
    seal_times
}
