//! What is checked before the Parquet library may look: it believes what a file says about its own sizes, and what it cannot
//! have it takes down the whole program for. A file of some kilobytes can state pages of gigabytes.

use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::Length;

use super::thrift::{Compact, I32, LIST, STRUCT};
use crate::spool::Spool;

/// The length of the footer and the magic word behind it.
const TAIL_BYTES: u64 = 8;
/// Largest footer, in bytes (16 MiB): that of a file with ten columns and a row group for every row of a busy day.
const MAX_FOOTER_BYTES: u64 = 16 * 1024 * 1024;
/// Most columns and groups of columns.
const MAX_SCHEMA_ELEMENTS: u64 = 4096;
/// Deepest nesting of columns.
const MAX_SCHEMA_DEPTH: usize = 32;
/// Largest page when decompressed, in bytes (64 MiB). Writers aim at 1 MiB.
const MAX_PAGE_BYTES: i64 = 64 * 1024 * 1024;
/// Most values of a column of lists in a row group (4 Mi): a row is read as a whole, however long its list is.
const MAX_LIST_VALUES: i64 = 4 * 1024 * 1024;
/// Longest value of a column of fixed length, in bytes (64 KiB).
const MAX_FIXED_BYTES: i32 = 64 * 1024;
/// Largest page header, in bytes (1 MiB): it holds the smallest and largest value of the page.
const MAX_PAGE_HEADER_BYTES: usize = 1024 * 1024;
/// How much of a page header is looked at first.
const PAGE_HEADER_BYTES: usize = 512;

/// Why a file is not read.
type Refusal = String;

/// Checks the footer: that it is there, and that its schema is neither too wide nor too deep.
pub(super) fn check_footer(file: &Spool) -> Result<(), Refusal> {
    let tail_start = file.len().checked_sub(TAIL_BYTES).ok_or("it is shorter than a footer")?;
    let tail = file.some_bytes(tail_start, TAIL_BYTES as usize);
    let (length, magic) = tail.split_at_checked(4).ok_or("its footer cannot be read")?;
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err("its footer is encrypted".to_owned()),
        _ => return Err("it has no footer: it is cut off, or was never finished".to_owned()),
    }
    let length = u64::from(u32::from_le_bytes(length.try_into().unwrap_or_default()));
    if length > MAX_FOOTER_BYTES {
        return Err(format!("its footer is longer than {MAX_FOOTER_BYTES} bytes"));
    }
    let start = tail_start.checked_sub(length).ok_or("its footer is longer than the file")?;
    let footer = file.some_bytes(start, length as usize);
    check_schema(&footer).ok_or_else(|| "its footer cannot be read".to_owned())?
}

/// Walks through the schema, the list in field 2 of `FileMetaData`. `None`: these are no such bytes.
fn check_schema(footer: &[u8]) -> Option<Result<(), Refusal>> {
    let mut compact = Compact::new(footer);
    let mut last = 0;
    loop {
        match compact.field(&mut last)?? {
            (2, LIST) => break,
            (_, kind) => compact.skip(kind)?,
        }
    }
    let (count, kind) = compact.list()?;
    if count > MAX_SCHEMA_ELEMENTS {
        return Some(Err(format!("its schema has more than {MAX_SCHEMA_ELEMENTS} elements")));
    }
    if kind != STRUCT {
        return None;
    }
    // How many children each open group still waits for.
    let mut open: Vec<i64> = Vec::new();
    for _ in 0..count {
        let mut last = 0;
        let mut children = 0;
        while let Some((field, kind)) = compact.field(&mut last)? {
            match (field, kind) {
                (5, I32) => children = compact.integer()?,
                (_, kind) => compact.skip(kind)?,
            }
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(waiting) = open.last_mut() {
            *waiting -= 1;
        }
        if !(0..=MAX_SCHEMA_ELEMENTS as i64).contains(&children) {
            return Some(Err(format!("a group of its schema has {children} columns")));
        }
        if children > 0 {
            open.push(children);
        }
        if open.len() > MAX_SCHEMA_DEPTH {
            return Some(Err(format!("its schema nests deeper than {MAX_SCHEMA_DEPTH}")));
        }
    }
    Some(Ok(()))
}

/// Checks what the footer says about the columns and the number of rows. Every request has an id of its own, so a file has
/// fewer rows than bytes; more would be a file that costs more time than its size explains.
pub(super) fn check_metadata(file: &Spool, metadata: &ParquetMetaData) -> Result<(), Refusal> {
    for column in metadata.file_metadata().schema_descr().columns() {
        let is_fixed = column.physical_type() == PhysicalType::FIXED_LEN_BYTE_ARRAY;
        if is_fixed && !(0..=MAX_FIXED_BYTES).contains(&column.type_length()) {
            return Err(format!("values of its column {} have {} bytes", column.path().string(), column.type_length()));
        }
    }
    let mut rows = 0_u64;
    for row_group in metadata.row_groups() {
        let of_group = u64::try_from(row_group.num_rows()).map_err(|_| "a row group has a negative number of rows")?;
        rows = rows.saturating_add(of_group);
    }
    if rows > file.len() {
        return Err(format!("it states {rows} rows in {} bytes", file.len()));
    }
    Ok(())
}

/// Checks the pages of a row group by their headers.
pub(super) fn check_pages(file: &Spool, row_group: &RowGroupMetaData) -> Result<(), Refusal> {
    row_group.columns().iter().try_for_each(|column| {
        check_column(file, column).map_err(|reason| format!("column {}: {reason}", column.column_path().string()))
    })
}

fn check_column(file: &Spool, column: &ColumnChunkMetaData) -> Result<(), Refusal> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let (mut at, mut left) = range.ok_or("its place in the file is negative")?;
    if at.checked_add(left).is_none_or(|end| end > file.len()) {
        return Err("it lies outside the file".to_owned());
    }
    let is_list = column.column_descr().max_rep_level() > 0;
    let mut list_values = 0_i64;
    while left > 0 {
        let (page, header_bytes) = page_header(file, at, left).ok_or("a page header cannot be read")?;
        if !(0..=MAX_PAGE_BYTES).contains(&page.uncompressed_bytes) {
            return Err(format!("a page has {} bytes, more than {MAX_PAGE_BYTES}", page.uncompressed_bytes));
        }
        list_values = list_values.saturating_add(page.values);
        if is_list && !(0..=MAX_LIST_VALUES).contains(&list_values) {
            return Err(format!("its lists hold more than {MAX_LIST_VALUES} values"));
        }
        let compressed = u64::try_from(page.compressed_bytes).map_err(|_| "a page has a negative length")?;
        let length = header_bytes + compressed;
        left = left.checked_sub(length).ok_or("a page is longer than its column")?;
        at += length;
    }
    Ok(())
}

/// What is looked at of a `PageHeader`.
#[derive(Default)]
struct Page {
    uncompressed_bytes: i64,
    compressed_bytes: i64,
    values: i64,
}

/// The page header at a place, and how many bytes it has.
fn page_header(file: &Spool, at: u64, left: u64) -> Option<(Page, u64)> {
    let mut window = PAGE_HEADER_BYTES;
    loop {
        let limit = usize::try_from(left).unwrap_or(usize::MAX).min(window);
        let bytes = file.some_bytes(at, limit);
        let mut compact = Compact::new(&bytes);
        if let Some(page) = read_page_header(&mut compact) {
            return Some((page, compact.position() as u64));
        }
        // It may be longer than what was looked at.
        if limit < window || window >= MAX_PAGE_HEADER_BYTES {
            return None;
        }
        window *= 8;
    }
}

fn read_page_header(compact: &mut Compact<'_>) -> Option<Page> {
    let mut page = Page::default();
    let mut last = 0;
    while let Some((field, kind)) = compact.field(&mut last)? {
        match (field, kind) {
            (2, I32) => page.uncompressed_bytes = compact.integer()?,
            (3, I32) => page.compressed_bytes = compact.integer()?,
            // A data page of version 1 or 2: the number of values is its first field.
            (5 | 8, STRUCT) => {
                let mut last = 0;
                while let Some((field, kind)) = compact.field(&mut last)? {
                    match (field, kind) {
                        (1, I32) => page.values = compact.integer()?,
                        (_, kind) => compact.skip(kind)?,
                    }
                }
            }
            (_, kind) => compact.skip(kind)?,
        }
    }
    Some(page)
}
