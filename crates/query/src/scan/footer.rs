//! What is known of an object's inside.

use std::sync::{Arc, OnceLock};

use arrow_schema::{DataType, Field, FieldRef, Schema, TimeUnit};
use auditlake_event::Column;
use auditlake_event::columns::ColumnKind;
use auditlake_lake::checksums::Checksums;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::Encoding;
use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::schema::types::SchemaDescriptor;

use super::error::Damaged;

/// What is known of an object's inside; immutable, as the object is.
#[derive(Debug)]
pub struct Footer {
    /// The Parquet metadata, with the page index where it pays.
    pub metadata: Arc<ParquetMetaData>,
    /// The leaf of each column, by [`Column::index`]; `None` where the object lacks it: all null.
    leaves: [Option<usize>; Column::ALL.len()],
    /// What its bytes are checked by; `None` if it was written without.
    pub checksums: Option<Arc<Checksums>>,
    /// How to decode its columns, each way made when it is first needed.
    plain: OnceLock<ArrowReaderMetadata>,
    dictionary: OnceLock<ArrowReaderMetadata>,
}

/// How text columns are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// As `StringArray`.
    Plain,
    /// As `DictionaryArray<Int32, Utf8>` where all pages of the chunk use its dictionary, else as `StringArray`.
    Dictionary,
}

impl Footer {
    /// Finds the columns of an object.
    pub fn new(metadata: ParquetMetaData, checksums: Option<Arc<Checksums>>) -> Result<Self, Damaged> {
        let schema = metadata.file_metadata().schema_descr();
        let mut leaves = [None; Column::ALL.len()];
        if schema.root_schema().get_fields().len() != schema.num_columns() {
            return Err(Damaged("it has nested columns, which no event has".to_owned()));
        }
        for (leaf, descriptor) in schema.columns().iter().enumerate() {
            if let Some(column) = Column::from_name(descriptor.name()) {
                leaves[column.index()] = Some(leaf);
            }
        }
        let (plain, dictionary) = (OnceLock::new(), OnceLock::new());
        Ok(Self { metadata: Arc::new(metadata), leaves, checksums, plain, dictionary })
    }

    /// How to decode its columns.
    pub fn reader_metadata(&self, texts: Texts) -> Result<&ArrowReaderMetadata, Damaged> {
        let slot = match texts {
            Texts::Plain => &self.plain,
            Texts::Dictionary => &self.dictionary,
        };
        if let Some(made) = slot.get() {
            return Ok(made);
        }
        let schema = self.metadata.file_metadata().schema_descr();
        let mut fields: Vec<FieldRef> = Vec::with_capacity(schema.num_columns());
        for (leaf, descriptor) in schema.columns().iter().enumerate() {
            let data_type = match Column::from_name(descriptor.name()) {
                Some(column) => self.data_type(column, leaf, texts),
                // A column of a newer version: never read, whatever its type.
                None => inferred_type(schema, leaf)?,
            };
            let is_optional = descriptor.self_type().is_optional();
            fields.push(Arc::new(Field::new(descriptor.name(), data_type, is_optional)));
        }
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let made = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options)?;
        Ok(slot.get_or_init(|| made))
    }

    fn data_type(&self, column: Column, leaf: usize, texts: Texts) -> DataType {
        let uses_dictionary = || (0..self.metadata.num_row_groups()).all(|group| self.is_dictionary_encoded(group, leaf));
        match column.kind() {
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            ColumnKind::Int32 => DataType::Int32,
            ColumnKind::Text if texts == Texts::Dictionary && uses_dictionary() => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            ColumnKind::Text => DataType::Utf8,
        }
    }

    /// The leaf of a column, if the object has it.
    pub const fn leaf(&self, column: Column) -> Option<usize> {
        self.leaves[column.index()]
    }

    /// A column's chunk in a row group; `None` where the object lacks the column.
    pub fn chunk(&self, row_group: usize, column: Column) -> Option<&ColumnChunkMetaData> {
        Some(self.metadata.row_group(row_group).column(self.leaf(column)?))
    }

    /// Whether every value of a column in a row group is null.
    pub fn is_all_null(&self, row_group: usize, column: Column) -> bool {
        let Some(chunk) = self.chunk(row_group, column) else { return true };
        let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt());
        nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(chunk.num_values()))
    }

    /// The page index, if it was read.
    pub fn page_index(&self) -> Option<&Arc<dyn PageIndexProvider>> {
        self.metadata.page_index()
    }

    /// Rows of a row group.
    pub fn rows(&self, row_group: usize) -> usize {
        usize::try_from(self.metadata.row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// Rows of the object.
    pub fn total_rows(&self) -> u64 {
        self.metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// About how much memory it takes.
    pub fn memory(&self) -> usize {
        let checksums = self.checksums.as_ref().map_or(0, |checksums| checksums.memory());
        self.metadata.memory_size() + checksums + 2 * self.metadata.file_metadata().schema_descr().num_columns() * 200
    }

    fn is_dictionary_encoded(&self, row_group: usize, leaf: usize) -> bool {
        let chunk = self.metadata.row_group(row_group).column(leaf);
        let uses_only_dictionary = |mask: &parquet::basic::EncodingMask| {
            mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
        };
        chunk.dictionary_page_offset().is_some() && chunk.page_encoding_stats_mask().is_some_and(uses_only_dictionary)
    }
}

fn inferred_type(schema: &SchemaDescriptor, leaf: usize) -> Result<DataType, Damaged> {
    let inferred = parquet_to_arrow_schema(schema, None)?;
    Ok(inferred.field(leaf).data_type().clone())
}
