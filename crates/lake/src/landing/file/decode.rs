//! The bytes of a landing object in, checked rows out.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, RecordBatch, StringArray, TimestampMillisecondArray};
use auditlake_event::columns::{SCHEMA_VERSION, landing_schema};
use auditlake_event::{ActorType, Category, Column, Outcome, Timestamp};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataReader};

use super::index::{LandingGroup, LandingIndex};
use super::{ARRIVAL_KEY, INDEX_KEY, LandingError, NAME_BY_SHA256, NAME_KEY};
use crate::checksums::{self, Checksums};
use crate::damage::{self, GAVE_UP, check_layout};
use crate::format::{FORMAT_KEY, FORMAT_VERSION, SCHEMA_KEY};
use crate::layout::LandingKey;
use crate::period::{Arrival, SealRule};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8_192;

/// A whole landing object in memory.
#[derive(Debug, Clone)]
pub struct LandingObject {
    /// What it holds.
    pub index: LandingIndex,
    /// Its rows in file order, checked.
    pub batches: Vec<RecordBatch>,
}

/// Why the index could not be read from the end of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The bytes given do not reach back far enough.
    #[error("the last {0} bytes of the object are needed")]
    NeedMore(usize),
    /// The object is not used as it is.
    #[error(transparent)]
    Landing(#[from] LandingError),
}

/// Reads a landing object as a whole and checks every guarantee. `arrival` is the one in its key.
pub fn decode(bytes: Bytes, arrival: Arrival, rule: &SealRule) -> Result<LandingObject, LandingError> {
    let reader = LandingReader::open(bytes, arrival, rule)?;
    let index = reader.index().clone();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(LandingObject { index, batches })
}

/// As [`decode`], for an object that was read by its key: if it is named after its SHA-256, that is checked too.
pub fn decode_named(bytes: Bytes, key: LandingKey, rule: &SealRule) -> Result<LandingObject, LandingError> {
    let reader = LandingReader::open(bytes.clone(), key.arrival(), rule)?;
    if reader.is_named_by_content && LandingKey::of_content(key.arrival(), &bytes) != key {
        return Err(unreadable("its SHA-256 is not the one in its name: it was replaced or damaged"));
    }
    let index = reader.index().clone();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(LandingObject { index, batches })
}

/// Reads the index from the last bytes of an object (`tail`) of `object_bytes` bytes. Everything that the footer alone can
/// tell is checked. `arrival` is the one in its key.
pub fn read_index(tail: &Bytes, object_bytes: u64, arrival: Arrival) -> Result<LandingIndex, IndexError> {
    let parsed = guarded(|| {
        let mut reader = ParquetMetaDataReader::new();
        match reader.try_parse_sized(tail, object_bytes) {
            Ok(()) => Ok(reader.finish().map_err(unreadable)?),
            Err(ParquetError::NeedMoreData(needed)) if u64::try_from(needed).is_ok_and(|needed| needed <= object_bytes) => {
                Err(IndexError::NeedMore(needed))
            }
            Err(error) => Err(unreadable(error).into()),
        }
    });
    let metadata = parsed?;
    Checksums::of(tail, object_bytes).map_err(unreadable)?;
    check_layout(&metadata, object_bytes).map_err(LandingError::Unreadable)?;
    Ok(check_footer(&metadata, arrival)?)
}

fn unreadable(error: impl std::fmt::Display) -> LandingError {
    LandingError::Unreadable(error.to_string())
}

fn foreign(reason: impl Into<String>) -> LandingError {
    LandingError::Foreign(reason.into())
}

/// Runs the decoder over bytes that may be damaged: if it panics, they are unreadable.
fn guarded<T, E: From<LandingError>>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    damage::guarded(|| LandingError::Unreadable(GAVE_UP.to_owned()).into(), decode)
}

fn metadata_value<'m>(metadata: &'m FileMetaData, key: &str) -> Result<&'m str, LandingError> {
    let entries = metadata.key_value_metadata().map_or(&[][..], Vec::as_slice);
    let entry = entries.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_deref());
    entry.ok_or_else(|| foreign(format!("the footer lacks `{key}`")))
}

fn check_version(metadata: &FileMetaData, key: &str, what: &'static str, known: u32) -> Result<(), LandingError> {
    let found = metadata_value(metadata, key)?;
    if found == known.to_string() {
        return Ok(());
    }
    Err(LandingError::UnknownVersion { what, found: found.to_owned(), known })
}

/// Checks versions, arrival and counts, and reads the index.
fn check_footer(metadata: &ParquetMetaData, arrival: Arrival) -> Result<LandingIndex, LandingError> {
    let file = metadata.file_metadata();
    check_version(file, FORMAT_KEY, "format", FORMAT_VERSION)?;
    check_version(file, SCHEMA_KEY, "schema", SCHEMA_VERSION)?;
    let columns = file.schema_descr().columns();
    if let Some(unknown) = columns.iter().find(|column| Column::from_name(column.name()).is_none()) {
        return Err(LandingError::UnknownColumn(unknown.path().string()));
    }
    let stated_arrival = metadata_value(file, ARRIVAL_KEY)?;
    if stated_arrival != arrival.0.to_string() {
        return Err(foreign(format!("its key says arrival {}, its footer {stated_arrival}", arrival.0)));
    }
    let index = LandingIndex::from_json(metadata_value(file, INDEX_KEY)?)
        .map_err(|reason| foreign(format!("its index cannot be read: {reason}")))?;
    let rows = usize::try_from(file.num_rows()).unwrap_or(0);
    let rows_in_groups: i64 = metadata.row_groups().iter().map(|group| group.num_rows()).fold(0, i64::saturating_add);
    if index.rows() != rows || rows_in_groups != file.num_rows() || rows == 0 {
        return Err(foreign(format!("its index counts {} rows, its footer {}", index.rows(), file.num_rows())));
    }
    Ok(index)
}

/// Reads a landing object batch by batch, checking every guarantee on the way. After an error it yields nothing more.
pub struct LandingReader {
    index: LandingIndex,
    is_named_by_content: bool,
    reader: ParquetRecordBatchReader,
    arrival: Arrival,
    rule: SealRule,
    /// The group that the next row belongs to, and how many of its rows were read.
    group: usize,
    rows_of_group: usize,
    /// Order key of the last row read: (event_time, event_id, source).
    previous: Option<(i64, String, String)>,
    failed: bool,
}

impl LandingReader {
    /// Opens an object whose key says `arrival`; checks what the footer can tell.
    pub fn open(bytes: Bytes, arrival: Arrival, rule: &SealRule) -> Result<Self, LandingError> {
        guarded(|| Self::open_unguarded(bytes, arrival, rule))
    }

    fn open_unguarded(bytes: Bytes, arrival: Arrival, rule: &SealRule) -> Result<Self, LandingError> {
        checksums::check_object(&bytes).map_err(unreadable)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(unreadable)?;
        check_layout(metadata.metadata(), bytes.len() as u64).map_err(LandingError::Unreadable)?;
        let index = check_footer(metadata.metadata(), arrival)?;
        let named = metadata_value(metadata.metadata().file_metadata(), NAME_KEY);
        let is_named_by_content = named.is_ok_and(|how| how.starts_with(NAME_BY_SHA256));
        check_schema(&metadata)?;
        check_groups(&index, arrival, rule)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
        let reader = builder.with_batch_size(BATCH_ROWS.min(index.rows())).build().map_err(unreadable)?;
        let rule = *rule;
        let (group, rows_of_group, previous, failed) = (0, 0, None, false);
        Ok(Self { index, is_named_by_content, reader, arrival, rule, group, rows_of_group, previous, failed })
    }

    /// What the object holds.
    pub fn index(&self) -> &LandingIndex {
        &self.index
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, LandingError> {
        let reader = &mut self.reader;
        let batch = guarded(|| reader.next().transpose().map_err(unreadable))?;
        let Some(batch) = batch else {
            if self.group != self.index.groups.len() {
                return Err(LandingError::Unreadable("it ends before the rows of its index".to_owned()));
            }
            return Ok(None);
        };
        self.check_rows(&batch)?;
        Ok(Some(batch))
    }

    /// Checks that the rows are those of the index, sorted, sealed by the rule and without unknown values.
    fn check_rows(&mut self, batch: &RecordBatch) -> Result<(), LandingError> {
        let columns = CheckedColumns::of(batch)?;
        check_listed(columns.outcome, Column::Outcome, |text| Outcome::parse(text).is_some())?;
        check_listed(columns.category, Column::Category, |text| Category::parse(text).is_some())?;
        check_listed(columns.actor_type, Column::ActorType, |text| ActorType::parse(text).is_some())?;
        let mut row = 0;
        while row < batch.num_rows() {
            let Some(group) = self.index.groups.get(self.group) else {
                return Err(foreign("it has more rows than its index"));
            };
            let end = batch.num_rows().min(row + group.rows - self.rows_of_group);
            self.check_run(&columns, group, row, end)?;
            self.rows_of_group += end - row;
            self.previous = columns.owned_key(end - 1);
            row = end;
            if self.rows_of_group == group.rows {
                self.group += 1;
                self.rows_of_group = 0;
                self.previous = None;
            }
        }
        Ok(())
    }

    /// Checks the rows `from..until` of a batch, which the index says belong to `group`.
    fn check_run(
        &self,
        columns: &CheckedColumns<'_>,
        group: &LandingGroup,
        from: usize,
        until: usize,
    ) -> Result<(), LandingError> {
        let broken =
            |row: usize, what: &str| foreign(format!("row {} {what}", group.first_row + self.rows_of_group + row - from));
        let first = columns.event_time.value(from);
        if self.rows_of_group == 0 && first != group.min_event_time.millis() {
            return Err(broken(from, "does not begin its group at the time the index says"));
        }
        let ends_group = self.rows_of_group + until - from == group.rows;
        if ends_group && columns.event_time.value(until - 1) != group.max_event_time.millis() {
            return Err(broken(until - 1, "does not end its group at the time the index says"));
        }
        let mut previous = self.previous.as_ref().map(|(time, id, source)| (*time, id.as_str(), source.as_str()));
        for row in from..until {
            let key = columns.key(row);
            if previous.is_some_and(|previous| previous > key) {
                return Err(broken(row, "is out of order"));
            }
            previous = Some(key);
            let names_fit = columns.region.value(row) == group.region.as_str()
                && columns.organization.value(row) == group.organization.as_str();
            if !names_fit {
                return Err(broken(row, "belongs to another region or organization than the index says"));
            }
            let event_time = Timestamp::from_millis(key.0);
            let seal_time = self.rule.seal_time(event_time, self.arrival);
            if columns.seal_time.value(row) != seal_time.start().millis() || seal_time != group.seal_time {
                return Err(broken(row, "has a seal time that the seal rule does not give"));
            }
        }
        Ok(())
    }
}

impl Iterator for LandingReader {
    type Item = Result<RecordBatch, LandingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_batch().transpose();
        self.failed = matches!(next, Some(Err(_)) | None);
        next
    }
}

fn check_schema(metadata: &ArrowReaderMetadata) -> Result<(), LandingError> {
    let expected = landing_schema();
    let found = metadata.schema().fields();
    for (position, field) in expected.fields().iter().enumerate() {
        if found.get(position) != Some(field) {
            return Err(foreign(format!("its column {position} is not the `{}` of an event", field.name())));
        }
    }
    if found.len() != expected.fields().len() {
        return Err(foreign("it has more columns than an event"));
    }
    Ok(())
}

/// Checks that the groups ascend and that each one's seal time follows the rule at both ends.
fn check_groups(index: &LandingIndex, arrival: Arrival, rule: &SealRule) -> Result<(), LandingError> {
    let latest = arrival.0.plus_millis(rule.lead_ms);
    let mut previous: Option<&LandingGroup> = None;
    for group in &index.groups {
        let key = |group: &LandingGroup| (group.region.clone(), group.organization.clone(), group.hour, group.seal_time);
        if previous.is_some_and(|previous| key(previous) >= key(group)) {
            return Err(foreign(format!("the group at row {} is out of order", group.first_row)));
        }
        if rule.seal_time(group.min_event_time, arrival) != group.seal_time
            || rule.seal_time(group.max_event_time, arrival) != group.seal_time
        {
            return Err(foreign(format!("the seal time of the group at row {} is not the rule's", group.first_row)));
        }
        if group.max_event_time > latest {
            return Err(foreign(format!("the group at row {} lies more than the lead after the arrival", group.first_row)));
        }
        previous = Some(group);
    }
    Ok(())
}

fn check_listed(array: &StringArray, column: Column, is_listed: impl Fn(&str) -> bool) -> Result<(), LandingError> {
    match array.iter().flatten().find(|text| !is_listed(text)) {
        Some(text) => Err(foreign(format!("`{}` holds the unknown value {text:?}", column.name()))),
        None => Ok(()),
    }
}

struct CheckedColumns<'a> {
    event_id: &'a StringArray,
    event_time: &'a TimestampMillisecondArray,
    seal_time: &'a TimestampMillisecondArray,
    region: &'a StringArray,
    organization: &'a StringArray,
    source: &'a StringArray,
    outcome: &'a StringArray,
    category: &'a StringArray,
    actor_type: &'a StringArray,
}

impl<'a> CheckedColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, LandingError> {
        for column in Column::ALL.iter().filter(|column| !column.nullable()) {
            if batch.column(column.index()).null_count() > 0 {
                return Err(foreign(format!("`{}` has a null", column.name())));
            }
        }
        let text = |column: Column| {
            let array = batch.column(column.index()).as_string_opt::<i32>();
            array.ok_or_else(|| foreign(format!("`{}` is no text", column.name())))
        };
        let time = |column: Column| {
            let array = batch.column(column.index()).as_primitive_opt::<TimestampMillisecondType>();
            array.ok_or_else(|| foreign(format!("`{}` is no time", column.name())))
        };
        Ok(Self {
            event_id: text(Column::EventId)?,
            event_time: time(Column::EventTime)?,
            seal_time: time(Column::SealTime)?,
            region: text(Column::Region)?,
            organization: text(Column::Organization)?,
            source: text(Column::Source)?,
            outcome: text(Column::Outcome)?,
            category: text(Column::Category)?,
            actor_type: text(Column::ActorType)?,
        })
    }

    fn key(&self, row: usize) -> (i64, &'a str, &'a str) {
        (self.event_time.value(row), self.event_id.value(row), self.source.value(row))
    }

    fn owned_key(&self, row: usize) -> Option<(i64, String, String)> {
        let (time, id, source) = self.key(row);
        Some((time, id.to_owned(), source.to_owned()))
    }
}
