//! Reads Parquet files: each row is a record, which is made JSON and judged as such.
//!
//! Guarantees, whatever the file holds:
//!
//! - every row is judged or lies in a part that is quarantined with the reason. A broken row group costs its rows from the
//!   break on: the rows before it are read (one by one if need be), and so are the other row groups. Their loss is one
//!   quarantined record, whose reason says how many rows are gone. A file without a readable footer is one such record;
//! - the file lies in memory if it is small, else in an unnamed temporary file. Besides it, memory holds a page of each column
//!   (at most 64 MiB, see `limits.rs`) and one row's text; rows are read in batches whose texts point into the pages;
//! - time is linear in the file's size and in the size of its rows' texts, which together count towards
//!   [`ImportContext::max_inflated_bytes`];
//! - nothing panics: where the Parquet library does, that is caught and makes the row group or the file broken.
//!
//! A position is the row's number in the file, and the offset of its row group. A quarantined row's bytes are its JSON, those
//! of a broken row group or file are the file's. Pages are read without looking at checksums, which few writers add.

mod limits;
mod render;
mod schema;
mod thrift;

use std::fmt::Display;
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::Length;

use crate::context::ImportContext;
use crate::json::{Failure, Json, Parser};
use crate::reading::Verdict;
use crate::source::{Counted, Position, Quarantined, ReadError, Sink};
use crate::spool::Spool;
use crate::summary::Summary;

use render::Renderer;
use schema::Columns;

const MAGIC: &[u8] = b"PAR1";
/// The shortest file: magic, an empty footer's length, magic.
const SHORTEST_BYTES: usize = 12;
/// How many rows are read at once.
const BATCH_ROWS: usize = 1024;

/// Judges a row, and is told whether characters in it had to be replaced.
type JudgeRow<'j> = dyn FnMut(&Json<'_>, bool, &mut Counted<'_>) -> Result<Verdict, ReadError> + 'j;

/// Whether an object that begins so is a Parquet file.
pub(crate) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Whether these bytes are a whole Parquet file.
pub(crate) fn is_whole(head: &[u8]) -> bool {
    is_parquet(head) && head.len() >= SHORTEST_BYTES && head.ends_with(MAGIC)
}

/// What a source expects of a Parquet file.
#[derive(Clone, Copy)]
pub(crate) struct ParquetFormat {
    /// Whether a column of this name is one of the source's. A file without any is quarantined whole.
    pub is_column: fn(&str) -> bool,
    /// The reason for that.
    pub reason: &'static str,
    /// Whether maps with texts as keys become objects; else arrays of `{"key":…,"value":…}`. A map with a key twice is such an
    /// array in any case.
    pub maps_are_objects: bool,
}

/// The names of the outermost columns of a Parquet file that lies whole in these bytes; none if it cannot be read.
pub(crate) fn column_names(whole: &[u8]) -> Vec<String> {
    Spool::fill(&mut &*whole).map(|file| file.column_names()).unwrap_or_default()
}

impl Spool {
    /// The names of the outermost columns; none if the file cannot be read.
    pub(crate) fn column_names(&self) -> Vec<String> {
        let names = || -> Result<Vec<String>, String> {
            limits::check_footer(self)?;
            let metadata = guarded(|| ParquetMetaDataReader::new().parse_and_finish(self))?;
            let root = metadata.file_metadata().schema_descr().root_schema();
            let fields = if root.is_group() { root.get_fields() } else { &[] };
            Ok(fields.iter().map(|field| field.name().to_owned()).collect())
        };
        names().unwrap_or_default()
    }
}

/// Reads a Parquet file.
pub(crate) fn read(
    input: &mut dyn BufRead,
    context: &ImportContext,
    format: &ParquetFormat,
    sink: &mut dyn Sink,
    judge: &mut JudgeRow<'_>,
) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let file = Spool::fill(input)?;
    let length = file.len();
    match open(&file, format) {
        Ok(columns) => {
            let mut reading =
                Reading { file: &file, columns: &columns, context, format, judge, row: String::new(), left: 0 };
            reading.left = context.max_inflated_bytes;
            reading.row_groups(&mut sink)?;
        }
        Err(reason) => {
            let bytes = file.some_bytes(0, context.max_record_bytes);
            sink.quarantined(&Quarantined {
                reason: &reason,
                position: Position::default(),
                bytes: &bytes,
                length,
                member: "",
            })?;
        }
    }
    Ok(sink.finish(length))
}

/// Does what the Parquet library may panic at: its indices and lengths come from the file. What it leaves behind then is dropped.
fn guarded<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its content contradicts itself".to_owned()),
    }
}

/// Reads what the file says about itself.
fn open(file: &Spool, format: &ParquetFormat) -> Result<Columns, String> {
    let broken = |reason: String| format!("broken Parquet file: {}", file.broken.clone().unwrap_or(reason));
    limits::check_footer(file).map_err(broken)?;
    let metadata = guarded(|| ParquetMetaDataReader::new().parse_and_finish(file)).map_err(broken)?;
    let names = metadata.file_metadata().schema_descr().root_schema();
    let names = if names.is_group() { names.get_fields() } else { &[] };
    if !names.iter().any(|field| (format.is_column)(field.name())) {
        return Err(format.reason.to_owned());
    }
    guarded(|| limits::check_metadata(file, &metadata)).map_err(broken)?;
    guarded(|| Columns::new(&metadata)).map_err(broken)
}

struct Reading<'f, 'j> {
    file: &'f Spool,
    columns: &'f Columns,
    context: &'f ImportContext,
    format: &'f ParquetFormat,
    judge: &'f mut JudgeRow<'j>,
    /// The text of a row.
    row: String,
    /// How many bytes of rows may still be read.
    left: u64,
}

/// How far a row group is read.
struct Progress {
    index: usize,
    /// Its place in the file, and the number of its first row there.
    start: Position,
    rows_done: u64,
}

impl Progress {
    fn position(&self) -> Position {
        Position { record_index: self.start.record_index + self.rows_done, ..self.start }
    }
}

/// Why a row group is not read on.
enum Stop {
    /// It ended.
    End,
    /// It is broken here.
    Broken(String),
    /// The file is too large.
    TooLarge,
}

impl Reading<'_, '_> {
    fn row_groups(&mut self, sink: &mut Counted<'_>) -> Result<(), ReadError> {
        let columns = self.columns;
        let mut first_row = 0_u64;
        for (index, row_group) in columns.metadata.metadata().row_groups().iter().enumerate() {
            let (byte_offset, length) = place(row_group, self.file.len());
            let start = Position { byte_offset, record_index: first_row };
            let mut progress = Progress { index, start, rows_done: 0 };
            let rows = u64::try_from(row_group.num_rows()).unwrap_or_default();
            let stop = match guarded(|| limits::check_pages(self.file, row_group)) {
                Ok(()) => self.row_group(&mut progress, rows, sink)?,
                Err(reason) => Stop::Broken(reason),
            };
            let lost = rows.saturating_sub(progress.rows_done);
            let reason = match &stop {
                Stop::End if lost == 0 => None,
                Stop::End => Some(format!("row group {index} ends {lost} rows too soon")),
                Stop::Broken(why) => Some(format!("row group {index} is broken, {lost} rows are lost: {why}")),
                Stop::TooLarge => Some("the object is larger than allowed after inflating".to_owned()),
            };
            if let Some(reason) = reason {
                let bytes = self.file.some_bytes(byte_offset, self.context.max_record_bytes.min(length));
                let position = progress.position();
                sink.quarantined(&Quarantined {
                    reason: &reason,
                    position,
                    bytes: &bytes,
                    length: length as u64,
                    member: "",
                })?;
            }
            if matches!(stop, Stop::TooLarge) {
                break;
            }
            first_row = first_row.saturating_add(rows);
        }
        Ok(())
    }

    /// Reads the rows that a row group states, as far as it can be read.
    fn row_group(&mut self, progress: &mut Progress, rows: u64, sink: &mut Counted<'_>) -> Result<Stop, ReadError> {
        match self.rows(progress, rows, BATCH_ROWS, sink)? {
            // The batch that breaks may begin with rows that do not.
            Stop::Broken(why) => Ok(match self.rows(progress, rows, 1, sink)? {
                Stop::Broken(_) => Stop::Broken(why),
                other => other,
            }),
            stop => Ok(stop),
        }
    }

    /// Reads a row group on from where it was left.
    fn rows(
        &mut self,
        progress: &mut Progress,
        rows: u64,
        batch_rows: usize,
        sink: &mut Counted<'_>,
    ) -> Result<Stop, ReadError> {
        let file = self.file.share()?;
        let offset = usize::try_from(progress.rows_done).unwrap_or(usize::MAX);
        let limit = usize::try_from(rows.saturating_sub(progress.rows_done)).unwrap_or(usize::MAX);
        let columns = self.columns;
        let opened = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, columns.metadata.clone())
                .with_row_groups(vec![progress.index])
                .with_offset(offset)
                .with_limit(limit)
                .with_batch_size(batch_rows)
                .build()
        });
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(reason) => return Ok(Stop::Broken(reason)),
        };
        loop {
            match guarded(|| reader.next().transpose()) {
                Ok(None) => return Ok(Stop::End),
                Ok(Some(batch)) if batch.num_rows() == 0 => return Ok(Stop::End),
                Ok(Some(batch)) => {
                    for row in 0..batch.num_rows() {
                        if !self.one_row(&batch, row, progress.position(), sink)? {
                            return Ok(Stop::TooLarge);
                        }
                        progress.rows_done += 1;
                    }
                }
                Err(reason) => return Ok(Stop::Broken(reason)),
            }
        }
    }

    /// Judges a row; `false`: it is one too many.
    fn one_row(
        &mut self,
        batch: &RecordBatch,
        row: usize,
        position: Position,
        sink: &mut Counted<'_>,
    ) -> Result<bool, ReadError> {
        self.row.clear();
        let maps_are_objects = self.format.maps_are_objects;
        let mut renderer = Renderer { out: &mut self.row, has_replaced: false, maps_are_objects };
        let rendered = guarded(|| renderer.row(batch, row, self.columns));
        let has_replaced = renderer.has_replaced;
        let Some(left) = self.left.checked_sub(self.row.len() as u64) else { return Ok(false) };
        self.left = left;
        let limit = self.context.max_record_bytes;
        let verdict = match rendered {
            Err(reason) => Verdict::Quarantine(format!("a value of the row cannot be read: {reason}").into()),
            Ok(()) if self.row.len() > limit => Verdict::Quarantine(format!("a row is larger than {limit} bytes").into()),
            Ok(()) => {
                let mut parser = Parser::new(self.row.as_bytes());
                match parser.value(0) {
                    Ok(value) => (self.judge)(&value, has_replaced || parser.has_replaced(), sink)?,
                    Err(Failure::Invalid { reason, .. }) => Verdict::Quarantine(format!("not a row: {reason}").into()),
                    Err(Failure::Incomplete) => Verdict::Quarantine("not a row".into()),
                }
            }
        };
        let bytes = self.row.as_bytes();
        sink.judged(verdict, position, bytes.get(..limit).unwrap_or(bytes), bytes.len() as u64)?;
        Ok(true)
    }
}

/// Where a row group lies and how long it is, as far as the file says and reaches.
fn place(row_group: &RowGroupMetaData, file_bytes: u64) -> (u64, usize) {
    let starts = row_group.columns().iter().map(|column| {
        let data = column.data_page_offset();
        column.dictionary_page_offset().map_or(data, |dictionary| dictionary.min(data))
    });
    let start = starts.min().and_then(|start| u64::try_from(start).ok()).unwrap_or_default().min(file_bytes);
    let stated = row_group.columns().iter().fold(0_i64, |sum, column| sum.saturating_add(column.compressed_size()));
    let length = u64::try_from(stated).unwrap_or_default().min(file_bytes - start);
    (start, usize::try_from(length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_a_reason() {
        assert_eq!(guarded(|| Ok::<_, String>(1)), Ok(1));
        assert_eq!(guarded(|| Err::<(), _>("why")), Err("why".to_owned()));
        let nothing: [u8; 0] = [];
        let index = nothing.len();
        assert_eq!(guarded(|| Ok::<_, String>(nothing[index])), Err("its content contradicts itself".to_owned()));
    }
}
