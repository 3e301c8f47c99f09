//! Reading Parquet bytes that may be damaged.
//!
//! The decoder is not made for hostile bytes: a footer with a negative length or a page of nonsense can make it panic. Everything
//! that reads an object of the lake decodes inside [`guarded`], and checks a footer with [`check_layout`] before it uses a number
//! of it, so that damage is an answer and never the end of a task.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// What stands in for the decoder's panic.
pub const GAVE_UP: &str = "the Parquet decoder gave up on damaged bytes";

/// Most rows of a row group that a decoder makes room for at once. Our own writers stay far below.
const MOST_ROWS: i64 = 1 << 24;

/// Runs a decoder over bytes that may be damaged; if it panics, the answer is `on_panic`.
pub fn guarded<T, E>(on_panic: impl FnOnce() -> E, decode: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(on_panic()))
}

fn range(start: i64, length: i64) -> Option<Range<u64>> {
    let start = u64::try_from(start).ok()?;
    Some(start..start.checked_add(u64::try_from(length).ok()?)?)
}

fn lies_before(range: Option<Range<u64>>, end: u64) -> bool {
    range.is_some_and(|range| range.end <= end)
}

/// A range that need not be there, but if it is, has a place.
fn is_absent_or_before(start: Option<i64>, length: Option<i32>, end: u64) -> bool {
    match (start, length) {
        (Some(start), Some(length)) => lies_before(range(start, i64::from(length)), end),
        (Some(start), None) => lies_before(range(start, 0), end),
        (None, _) => true,
    }
}

fn is_sound(chunk: &ColumnChunkMetaData, rows: i64, end: u64) -> bool {
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    chunk.num_values() == rows
        && chunk.uncompressed_size() >= 0
        && chunk.data_page_offset() >= start
        && lies_before(range(start, chunk.compressed_size()), end)
        && is_absent_or_before(chunk.bloom_filter_offset(), chunk.bloom_filter_length(), end)
        && is_absent_or_before(chunk.column_index_offset(), chunk.column_index_length(), end)
        && is_absent_or_before(chunk.offset_index_offset(), chunk.offset_index_length(), end)
}

/// Checks the numbers of the footer of an object of `object_bytes` bytes: every part lies inside the object, and the rows of the
/// row groups are the rows of the file. Says what is wrong.
pub fn check_layout(metadata: &ParquetMetaData, object_bytes: u64) -> Result<(), String> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let mut total: i64 = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows = group.num_rows();
        if !(0..=MOST_ROWS).contains(&rows) || group.num_columns() != columns {
            return Err(format!(
                "its footer says that row group {number} has {rows} rows in {} columns",
                group.num_columns()
            ));
        }
        total = total.saturating_add(rows);
        if let Some(chunk) = group.columns().iter().find(|chunk| !is_sound(chunk, rows, object_bytes)) {
            return Err(format!("its footer misplaces the column {} of row group {number}", chunk.column_path()));
        }
    }
    let stated = metadata.file_metadata().num_rows();
    if stated == total { Ok(()) } else { Err(format!("its footer says {stated} rows, its row groups have {total}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "a decoder that panics is what is tested")]
    fn a_panic_is_an_answer() {
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let answer: Result<(), &str> = guarded(|| GAVE_UP, || panic!("divide by zero"));
        std::panic::set_hook(silent);
        assert_eq!(answer, Err(GAVE_UP));
        assert_eq!(guarded(|| GAVE_UP, || Ok(7)), Ok(7));
    }
}
