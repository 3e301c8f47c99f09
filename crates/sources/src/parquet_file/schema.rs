//! How a file's columns are read.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::errors::Result;
use parquet::file::metadata::{FileMetaData, ParquetMetaData};
use parquet::schema::types::{BasicTypeInfo, SchemaDescriptor, Type, TypePtr};

/// What the bytes of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    /// Text, by the file's word for it.
    Text,
    /// A UUID.
    Uuid,
    /// Not said: text if it reads as such.
    Unsaid,
}

/// A file's columns, in its order.
pub(super) struct Columns {
    pub names: Vec<String>,
    pub bytes: Vec<Bytes>,
    pub metadata: ArrowReaderMetadata,
}

impl Columns {
    /// Prepares the reading of a file:
    ///
    /// - texts are read as bytes, because the library gives up a whole batch of rows for one byte that is no UTF-8;
    /// - bytes are read as views into the pages, because a dictionary's long value that a thousand rows name would be copied
    ///   a thousand times;
    /// - the Arrow schema that some writers add is not looked at: what it says beyond Parquet's is not needed here.
    pub(super) fn new(metadata: &ParquetMetaData) -> Result<Self> {
        let file = metadata.file_metadata();
        let root = file.schema_descr().root_schema();
        let names = root.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let bytes = root.get_fields().iter().map(|field| bytes_of(field)).collect();
        let schema = SchemaDescriptor::new(without_text(root)?);
        let views = Schema::new(views(parquet_to_arrow_schema(&schema, None)?.fields()));
        let file = FileMetaData::new(file.version(), file.num_rows(), None, None, Arc::new(schema), None);
        let metadata = ParquetMetaData::new(file, metadata.row_groups().to_vec());
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::new(views));
        Ok(Self { names, bytes, metadata: ArrowReaderMetadata::try_new(Arc::new(metadata), options)? })
    }
}

fn is_text(info: &BasicTypeInfo) -> bool {
    matches!(info.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON)
        || matches!(info.logical_type_ref(), Some(LogicalType::String | LogicalType::Enum | LogicalType::Json))
}

fn bytes_of(field: &Type) -> Bytes {
    let info = field.get_basic_info();
    match info.logical_type_ref() {
        Some(LogicalType::Uuid) => Bytes::Uuid,
        // What text inside a list or a structure is, is not looked up.
        _ if is_text(info) || field.is_group() => Bytes::Text,
        _ => Bytes::Unsaid,
    }
}

/// The same type, but what is text in it is bytes.
fn without_text(of: &Type) -> Result<TypePtr> {
    let info = of.get_basic_info();
    let id = info.has_id().then(|| info.id());
    match of {
        Type::GroupType { fields, .. } => {
            let fields: Result<Vec<TypePtr>> = fields.iter().map(|field| without_text(field)).collect();
            let mut builder = Type::group_type_builder(info.name())
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_id(id)
                .with_fields(fields?);
            if info.has_repetition() {
                builder = builder.with_repetition(info.repetition());
            }
            Ok(Arc::new(builder.build()?))
        }
        Type::PrimitiveType { physical_type: PhysicalType::BYTE_ARRAY, .. } if is_text(info) => {
            let builder = Type::primitive_type_builder(info.name(), PhysicalType::BYTE_ARRAY).with_id(id);
            Ok(Arc::new(builder.with_repetition(info.repetition()).build()?))
        }
        Type::PrimitiveType { .. } => Ok(Arc::new(of.clone())),
    }
}

fn views(fields: &Fields) -> Vec<FieldRef> {
    fields.iter().map(view).collect()
}

fn view(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(views(fields).into()),
        DataType::List(element) => DataType::List(view(element)),
        DataType::Map(entries, is_sorted) => DataType::Map(view(entries), *is_sorted),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}
