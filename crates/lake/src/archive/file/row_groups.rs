//! Row groups whose pages carry the checksum of the Parquet format.
//!
//! The library encodes the columns and hands over finished pages without it. They are kept here until their row group ends, get
//! the checksum into their headers, and are then put together as column chunks.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, PageKey, PageStore, PageStoreArgs, PageStoreFactory, compute_leaves,
};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedFileWriter;

use crate::page_crc::PageHeader;

/// Rows in a row group.
pub const ROW_GROUP_ROWS: usize = 32 * 1024;
/// Bytes at which a row group is ended before it has its rows, so that a writer's memory is bounded whatever the rows are.
pub const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The finished pages of a row group by column: header and content of each, one after the other.
#[derive(Debug, Clone, Default)]
struct Pages(Arc<Mutex<Vec<Vec<Bytes>>>>);

impl Pages {
    fn with<T>(&self, column: usize, use_pages: impl FnOnce(&mut Vec<Bytes>) -> T) -> T {
        let mut columns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if columns.len() <= column {
            columns.resize_with(column + 1, Vec::new);
        }
        use_pages(&mut columns[column])
    }
}

impl PageStoreFactory for Pages {
    fn create(&self, column: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        Ok(Box::new(ColumnPages { pages: self.clone(), column: column.column_index() }))
    }
}

struct ColumnPages {
    pages: Pages,
    column: usize,
}

impl PageStore for ColumnPages {
    fn put(&mut self, value: Bytes) -> Result<PageKey> {
        self.pages.with(self.column, |pages| {
            pages.push(value);
            Ok(PageKey::new(pages.len() as u64 - 1))
        })
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let place = usize::try_from(key.get()).unwrap_or(usize::MAX);
        let page = self.pages.with(self.column, |pages| pages.get_mut(place).map(std::mem::take));
        page.ok_or_else(|| ParquetError::General(format!("there is no page {place}")))
    }

    fn memory_size(&self) -> usize {
        self.pages.with(self.column, |pages| pages.iter().map(Bytes::len).sum())
    }
}

/// Writes rows as row groups of bounded size.
pub(super) struct RowGroups<W: std::io::Write + Send> {
    file: SerializedFileWriter<W>,
    schema: SchemaRef,
    factory: ArrowRowGroupWriterFactory,
    pages: Pages,
    /// The columns of the row group under way, and its rows.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl<W: std::io::Write + Send> RowGroups<W> {
    /// Into `file`, whose columns are those of `schema`.
    pub fn new(file: SerializedFileWriter<W>, schema: SchemaRef) -> Self {
        let pages = Pages::default();
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        let factory = factory.with_page_store_factory(Arc::new(pages.clone()));
        Self { file, schema, factory, pages, columns: Vec::new(), rows: 0 }
    }

    /// Where the file goes.
    pub fn inner(&self) -> &W {
        self.file.inner()
    }

    /// Where the file goes. Bytes that are there may be taken away.
    pub fn inner_mut(&mut self) -> &mut W {
        self.file.inner_mut()
    }

    /// Appends rows, of which a row group ends when it has [`ROW_GROUP_ROWS`] rows or [`ROW_GROUP_BYTES`] bytes.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let taken = (batch.num_rows() - from).min(ROW_GROUP_ROWS - self.rows);
            self.write_slice(&batch.slice(from, taken))?;
            from += taken;
            let bytes: usize = self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum();
            if self.rows >= ROW_GROUP_ROWS || bytes >= ROW_GROUP_BYTES {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn write_slice(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        let mut writers = self.columns.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                let writer =
                    writers.next().ok_or_else(|| ParquetError::General("more columns than the file has".to_owned()))?;
                writer.write(&leaf)?;
            }
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    fn end_row_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let mut row_group = self.file.next_row_group()?;
        for (column, writer) in std::mem::take(&mut self.columns).into_iter().enumerate() {
            let closed = writer.close()?.close().clone();
            let pages = self.pages.with(column, std::mem::take);
            let (bytes, closed) = with_checksums(closed, &pages)?;
            row_group.append_column(&bytes, closed)?;
        }
        row_group.close()?;
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<W> {
        self.end_row_group()?;
        self.file.into_inner()
    }
}

fn signed(length: usize) -> Result<i64> {
    i64::try_from(length).map_err(|_| ParquetError::General("more bytes than a column chunk can count".to_owned()))
}

/// The bytes of a column chunk with the checksums of its pages, and what is known of it.
fn with_checksums(mut closed: ColumnCloseResult, pages: &[Bytes]) -> Result<(Bytes, ColumnCloseResult)> {
    let (mut dictionary, mut data) = (Vec::new(), Vec::new());
    let mut data_pages: Vec<usize> = Vec::new();
    let mut added = 0;
    for page in pages.chunks(2) {
        let [header, stored] = page else {
            return Err(ParquetError::General("a page without its content".to_owned()));
        };
        let parsed = PageHeader::parse(header)?;
        let with_crc = parsed.with_crc(stored);
        added += with_crc.len() - header.len();
        let bytes = if parsed.is_dictionary {
            &mut dictionary
        } else {
            data_pages.push(with_crc.len() + stored.len());
            &mut data
        };
        bytes.extend_from_slice(&with_crc);
        bytes.extend_from_slice(stored);
    }
    let metadata = closed.metadata;
    let (compressed, uncompressed) = (metadata.compressed_size(), metadata.uncompressed_size());
    closed.metadata = metadata
        .into_builder()
        .set_total_compressed_size(compressed + signed(added)?)
        .set_total_uncompressed_size(uncompressed + signed(added)?)
        .build()?;
    if let Some(index) = &mut closed.offset_index {
        let mut offset = 0;
        for (location, bytes) in index.page_locations.iter_mut().zip(data_pages) {
            location.offset = offset;
            location.compressed_page_size =
                i32::try_from(bytes).map_err(|_| ParquetError::General("a page is larger than it can say".to_owned()))?;
            offset += i64::from(location.compressed_page_size);
        }
    }
    closed.bytes_written += added as u64;
    let closed = closed.update_dictionary_location(dictionary.len())?;
    dictionary.extend_from_slice(&data);
    Ok((dictionary.into(), closed))
}
