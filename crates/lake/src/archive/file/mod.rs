//! Archive objects: how their bytes are made. Layout and settings are explained, with what was measured, in
//! `docs/archive-layout.md`.
//!
//! Every page carries the checksum of the Parquet format, and the footer those of everything before it ([`crate::checksums`]).
//!
//! The bytes are a function of the rows, of how many of them were announced, and of the version that writes them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, RecordBatch};
use auditlake_event::columns::{SCHEMA_VERSION, archive_schema};
use auditlake_event::{Column, Timestamp};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use self::row_groups::RowGroups;
pub use self::row_groups::{ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use super::merkle::MerkleTree;
use crate::checksums::{CHECKSUMS_KEY, CHECKSUMS_VALUE, ChecksumsWriter};
use crate::format::{Codec, FORMAT_KEY, FORMAT_VERSION, SCHEMA_KEY};
use crate::hash::Hash;
use crate::layout::ArchiveKey;

mod row_groups;

/// Footer key: the seal that wrote the object, RFC 3339.
pub const SEAL_TIME_KEY: &str = "auditlake.seal_time";
/// Footer key: the object's own key. An object that lies under another one is not the one that belongs there.
pub const OWN_KEY: &str = "auditlake.key";

/// Most rows in a page.
pub const PAGE_ROWS: usize = 2 * 1024;

/// What is known of an archive object from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFacts {
    /// SHA-256 of the bytes.
    pub sha256: Hash,
    /// Their number.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Merkle root over the rows' event hashes in file order.
    pub merkle_root: Hash,
    /// The first event time.
    pub min_event_time: Timestamp,
    /// The last event time.
    pub max_event_time: Timestamp,
}

/// Columns whose statistics let a reader skip row groups and pages.
const PAGE_STATISTICS: [Column; 1] = [Column::EventTime];
/// Columns whose statistics let a reader skip row groups.
const GROUP_STATISTICS: [Column; 3] = [Column::SealTime, Column::Outcome, Column::Source];

/// Columns that are asked for one value which most row groups do not hold.
const BLOOM_FILTERS: [Column; 2] = [Column::EventId, Column::ResourceId];

/// Times, which rise slowly: their differences take up a quarter of the space.
const DELTA_COLUMNS: [Column; 2] = [Column::EventTime, Column::ReceivedTime];

fn path(column: Column) -> ColumnPath {
    ColumnPath::from(column.name())
}

/// Whether an object's footer says that it belongs under another key than `key`. Objects of older versions do not say.
pub fn is_of_another_key(metadata: &ParquetMetaData, key: &str) -> bool {
    let entries = metadata.file_metadata().key_value_metadata().map_or(&[][..], Vec::as_slice);
    entries.iter().any(|entry| entry.key == OWN_KEY && entry.value.as_deref() != Some(key))
}

fn key_values(key: &ArchiveKey) -> Vec<KeyValue> {
    vec![
        KeyValue::new(FORMAT_KEY.to_owned(), FORMAT_VERSION.to_string()),
        KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_string()),
        KeyValue::new(CHECKSUMS_KEY.to_owned(), CHECKSUMS_VALUE.to_owned()),
        KeyValue::new(SEAL_TIME_KEY.to_owned(), key.seal_time.to_string()),
        KeyValue::new(OWN_KEY.to_owned(), key.to_string()),
    ]
}

/// How many rows decide which columns get a dictionary.
const SAMPLE_ROWS: usize = 1024;

/// The text columns whose values hardly repeat among the first rows: a dictionary would cost much and save nothing.
fn columns_without_dictionary(sample: &RecordBatch) -> Vec<ColumnPath> {
    let mut columns = Vec::new();
    for (field, column) in sample.schema_ref().fields().iter().zip(sample.columns()) {
        let Some(texts) = column.as_string_opt::<i32>() else { continue };
        let present = || texts.iter().take(SAMPLE_ROWS).flatten();
        let distinct = present().collect::<HashSet<&str>>().len();
        if distinct * 4 > present().count() * 3 {
            columns.push(ColumnPath::from(field.name().as_str()));
        }
    }
    columns
}

/// How archive objects are written, for `rows` rows that begin with those of `sample`.
fn properties(key: &ArchiveKey, rows: u64, sample: &RecordBatch) -> WriterProperties {
    let compression = match key.codec {
        Codec::Snappy => Compression::SNAPPY,
        Codec::Zstd => Compression::ZSTD(ZstdLevel::default()),
    };
    let mut builder: WriterPropertiesBuilder = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(Some(key_values(key)))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in BLOOM_FILTERS {
        builder = builder
            .set_column_bloom_filter_max_ndv(path(column), rows.clamp(1, ROW_GROUP_ROWS as u64))
            .set_column_bloom_filter_fpp(path(column), 0.01);
    }
    for column in columns_without_dictionary(sample) {
        builder = builder.set_column_dictionary_enabled(column, false);
    }
    for column in DELTA_COLUMNS {
        builder = builder
            .set_column_dictionary_enabled(path(column), false)
            .set_column_encoding(path(column), Encoding::DELTA_BINARY_PACKED);
    }
    for column in PAGE_STATISTICS {
        builder = builder.set_column_statistics_enabled(path(column), EnabledStatistics::Page);
    }
    for column in GROUP_STATISTICS {
        builder = builder.set_column_statistics_enabled(path(column), EnabledStatistics::Chunk);
    }
    builder.build()
}

/// Bytes on their way to storage, hashed and given checksums as they are taken away.
#[derive(Default)]
struct Passing {
    sha256: Sha256,
    checksums: ChecksumsWriter,
    passed: u64,
}

impl Passing {
    fn pass(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.passed += bytes.len() as u64;
    }
}

/// Makes one archive object. Bytes can be taken away while it grows.
pub struct ArchiveEncoder {
    key: ArchiveKey,
    announced_rows: u64,
    /// Made when the first rows are there.
    writer: Option<RowGroups<Vec<u8>>>,
    passing: Passing,
    merkle: MerkleTree,
    min_time: i64,
    max_time: i64,
}

impl ArchiveEncoder {
    /// For the object of `key`, of about `rows` rows.
    pub fn new(key: ArchiveKey, rows: u64) -> Self {
        let (merkle, min_time, max_time) = (MerkleTree::new(), i64::MAX, i64::MIN);
        let passing = Passing::default();
        Self { key, announced_rows: rows, writer: None, passing, merkle, min_time, max_time }
    }

    fn create_writer(&self, sample: &RecordBatch) -> Result<RowGroups<Vec<u8>>, ParquetError> {
        let properties = properties(&self.key, self.announced_rows, sample);
        // Arrow's own copy of the schema is not written: it would add kilobytes to every small object and says nothing that
        // Parquet's does not.
        let schema = ArrowSchemaConverter::new().convert(&archive_schema())?;
        let file = SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), Arc::new(properties))?;
        Ok(RowGroups::new(file, archive_schema()))
    }

    /// Appends rows, which must come after all before in time order; `hashes` are their event hashes.
    pub fn push(&mut self, rows: &RecordBatch, hashes: &[Hash]) -> Result<(), ParquetError> {
        let position = archive_schema().index_of(Column::EventTime.name())?;
        let times = rows.column(position).as_primitive_opt::<TimestampMillisecondType>();
        let Some(times) = times.filter(|times| times.len() == hashes.len()) else {
            return Err(ParquetError::General("rows without their event times or hashes".to_owned()));
        };
        if hashes.is_empty() {
            return Ok(());
        }
        for time in times.values() {
            self.min_time = self.min_time.min(*time);
            self.max_time = self.max_time.max(*time);
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let writer = self.create_writer(rows)?;
                self.writer.insert(writer)
            }
        };
        writer.write(rows)?;
        for hash in hashes {
            self.merkle.push(hash);
        }
        Ok(())
    }

    /// How many finished bytes can be taken.
    pub fn finished_bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.inner().len())
    }

    /// Takes the finished bytes away.
    pub fn take_bytes(&mut self) -> Bytes {
        let bytes = self.writer.as_mut().map(|writer| std::mem::take(writer.inner_mut())).unwrap_or_default();
        self.passing.checksums.update(&bytes);
        self.passing.pass(&bytes);
        bytes.into()
    }

    /// Ends the object: the bytes not taken yet, and what it is. `None` if there were no rows.
    pub fn finish(self) -> Result<Option<(Bytes, ArchiveFacts)>, ParquetError> {
        let Some(writer) = self.writer else { return Ok(None) };
        let mut passing = self.passing;
        let checksums = std::mem::take(&mut passing.checksums);
        let bytes = checksums.finish(writer.finish()?).map_err(|error| ParquetError::External(error.into()))?;
        passing.pass(&bytes);
        let facts = ArchiveFacts {
            sha256: Hash::new(passing.sha256.finalize().into()),
            bytes: passing.passed,
            rows: self.merkle.leaves(),
            merkle_root: self.merkle.root(),
            min_event_time: Timestamp::from_millis(self.min_time),
            max_event_time: Timestamp::from_millis(self.max_time),
        };
        Ok(Some((bytes.into(), facts)))
    }
}
