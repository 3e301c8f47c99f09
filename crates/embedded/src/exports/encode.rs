//! Events as the bytes of one file.

use std::io::Write as _;
use std::sync::Arc;

use auditlake_api::event_json::EventJson;
use auditlake_event::batch::EventBatchBuilder;
use auditlake_event::columns::landing_schema;
use auditlake_event::{Column, Event, Timestamp};
use auditlake_query::{ExportFormat, csv};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression as ParquetCompression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Rows in a row group.
const ROW_GROUP_ROWS: usize = 32 * 1024;
/// Bytes at which a row group is ended before it has its rows (32 MiB).
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// Why events cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    /// An event is no JSON.
    #[error("an event cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The stream of gzip broke.
    #[error("gzip: {0}")]
    Gzip(#[from] std::io::Error),
    /// Columns or file of Parquet.
    #[error("Parquet: {0}")]
    Parquet(#[from] ParquetError),
}

enum Encoding {
    Csv(Vec<u8>),
    NdJson(Box<GzEncoder<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

/// One file that is being written. Finished bytes are taken away as they come.
pub(super) struct FileEncoder {
    columns: Arc<[Column]>,
    encoding: Encoding,
}

/// The positions of columns in a batch of events.
fn positions(columns: &[Column]) -> Vec<usize> {
    columns.iter().map(|column| column.index()).collect()
}

impl FileEncoder {
    /// A file of `columns`, which are in the order of events.
    pub(super) fn new(format: ExportFormat, columns: &Arc<[Column]>) -> Result<Self, EncodeError> {
        let encoding = match format {
            ExportFormat::Csv => {
                let mut out = Vec::new();
                csv::write_header(columns.iter().map(|column| column.name()), &mut out);
                Encoding::Csv(out)
            }
            ExportFormat::NdJson => Encoding::NdJson(Box::new(GzEncoder::new(Vec::new(), Compression::default()))),
            ExportFormat::Parquet => {
                let schema = landing_schema().project(&positions(columns)).map_err(ParquetError::from)?;
                let properties = WriterProperties::builder()
                    .set_compression(ParquetCompression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                    .build();
                let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::new(schema), options)?;
                Encoding::Parquet(Box::new(writer))
            }
        };
        Ok(Self { columns: Arc::clone(columns), encoding })
    }

    /// Appends events.
    pub(super) fn write(&mut self, events: &[Event<'_>]) -> Result<(), EncodeError> {
        match &mut self.encoding {
            Encoding::Csv(out) => events.iter().for_each(|event| csv::write_event(event, &self.columns, out)),
            Encoding::NdJson(out) => {
                for event in events {
                    serde_json::to_writer(&mut *out, &EventJson::new(event))?;
                    out.write_all(b"\n")?;
                }
            }
            Encoding::Parquet(writer) => {
                let mut builder = EventBatchBuilder::with_capacity(events.len());
                // The seal time is no column of an export.
                events.iter().for_each(|event| builder.append(event, Timestamp::from_millis(0)));
                let batch = builder.finish().and_then(|batch| batch.project(&positions(&self.columns)));
                writer.write(&batch.map_err(ParquetError::from)?)?;
            }
        }
        Ok(())
    }

    /// Takes the finished bytes away.
    pub(super) fn take_bytes(&mut self) -> Bytes {
        let finished = match &mut self.encoding {
            Encoding::Csv(out) => out,
            Encoding::NdJson(out) => out.get_mut(),
            Encoding::Parquet(writer) => writer.inner_mut(),
        };
        std::mem::take(finished).into()
    }

    /// Ends the file: the bytes not taken yet.
    pub(super) fn finish(self) -> Result<Bytes, EncodeError> {
        let bytes = match self.encoding {
            Encoding::Csv(out) => out,
            Encoding::NdJson(out) => out.finish()?,
            Encoding::Parquet(mut writer) => {
                writer.finish()?;
                std::mem::take(writer.inner_mut())
            }
        };
        Ok(bytes.into())
    }
}
