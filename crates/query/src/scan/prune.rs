//! What need not be read: row groups and pages that cannot hold a matching row.

use auditlake_event::Column;
use auditlake_lake::archive::object::{bloom_range, integer_bounds, rows_of_pages};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

use super::context::Context;
use super::error::ScanError;
use super::object::Opened;
use super::predicate::{Predicate, Term};
use super::rows::Rows;
use super::window::Window;

/// A bloom filter is fetched on its own if its column takes at least this many times its bytes.
const BLOOM_PAYS: u64 = 4;

/// The earliest and latest event time of a row group, both inclusive; `None` if the footer does not say.
pub fn time_bounds(opened: &Opened, row_group: usize) -> Option<(i64, i64)> {
    integer_bounds(opened.footer.chunk(row_group, Column::EventTime)?)
}

/// The row groups that may hold matching rows within `window`, by what footer and bloom filters say, newest first.
pub async fn row_groups(
    context: &Context<'_>,
    opened: &mut Opened,
    window: Window,
    predicate: &Predicate,
) -> Result<Vec<usize>, ScanError> {
    let mut candidates: Vec<(i64, usize)> = Vec::new();
    for row_group in 0..opened.footer.metadata.num_row_groups() {
        let bounds = time_bounds(opened, row_group);
        let lies_outside = bounds.is_some_and(|(min, max)| max < window.from || min >= window.to);
        if lies_outside || opened.footer.rows(row_group) == 0 {
            continue;
        }
        if predicate.terms.iter().all(|term| may_hold_by_statistics(opened, row_group, term)) {
            candidates.push((bounds.map_or(i64::MAX, |(_, max)| max), row_group));
        }
    }
    candidates.sort_unstable_by(|left, right| right.cmp(left));
    let mut kept = Vec::with_capacity(candidates.len());
    for (_, row_group) in candidates {
        if may_hold_by_bloom_filters(context, opened, row_group, predicate).await? {
            kept.push(row_group);
        }
    }
    Ok(kept)
}

fn may_hold_by_statistics(opened: &Opened, row_group: usize, term: &Term) -> bool {
    let footer = &opened.footer;
    if term.negated {
        return true;
    }
    let mut columns = term.columns.iter().filter(|&&column| !footer.is_all_null(row_group, column));
    let Some(values) = term.required_values() else { return columns.next().is_some() };
    columns.any(|&column| {
        let statistics = footer.chunk(row_group, column).and_then(ColumnChunkMetaData::statistics);
        let Some(Statistics::ByteArray(statistics)) = statistics else { return true };
        let min = statistics.min_bytes_opt();
        let max = statistics.max_bytes_opt();
        values.iter().any(|value| lies_within(value, min, max))
    })
}

fn lies_within(value: &str, min: Option<&[u8]>, max: Option<&[u8]>) -> bool {
    min.is_none_or(|min| min <= value.as_bytes()) && max.is_none_or(|max| value.as_bytes() <= max)
}

async fn may_hold_by_bloom_filters(
    context: &Context<'_>,
    opened: &mut Opened,
    row_group: usize,
    predicate: &Predicate,
) -> Result<bool, ScanError> {
    for term in &predicate.terms {
        let Some(values) = term.required_values() else { continue };
        let mut filters = Vec::new();
        let mut is_decidable = true;
        for &column in term.columns.iter().filter(|&&column| !opened.footer.is_all_null(row_group, column)) {
            let Some(chunk) = opened.footer.chunk(row_group, column) else { continue };
            let compressed = u64::try_from(chunk.compressed_size()).unwrap_or(0);
            match bloom_range(chunk) {
                Some(range)
                    if opened.parts.holds(&range) || (range.end - range.start).saturating_mul(BLOOM_PAYS) <= compressed =>
                {
                    filters.push((column, range));
                }
                _ => is_decidable = false,
            }
        }
        if !is_decidable {
            continue;
        }
        opened.fetch_ranges(context, filters.iter().map(|(_, range)| range.clone()).collect()).await?;
        let mut may_hold = false;
        for (column, _) in &filters {
            let Some(chunk) = opened.footer.chunk(row_group, *column) else { continue };
            let filter = opened.parts.bloom_filter(chunk).map_err(|error| context.read_error(&opened.handle, error))?;
            may_hold |= filter.is_none_or(|filter| values.iter().any(|value| filter.check(value.as_str())));
        }
        if !may_hold {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The rows of a row group that may match, by what the page index says.
pub fn pages(
    context: &Context<'_>,
    opened: &Opened,
    row_group: usize,
    window: Window,
    predicate: &Predicate,
) -> Result<Rows, ScanError> {
    let mut rows = Rows::all(opened.footer.rows(row_group));
    let mut restrict = |column: Column, may_hold: &dyn Fn(&ColumnIndexMetaData, usize) -> bool| {
        let Some(leaf) = opened.footer.leaf(column) else { return Ok(()) };
        let ranges = rows_of_pages(&opened.footer.metadata, row_group, leaf, may_hold);
        if let Some(ranges) = ranges.map_err(|error| context.read_error(&opened.handle, error))? {
            rows = rows.within(ranges);
        }
        Ok::<(), ScanError>(())
    };
    restrict(Column::EventTime, &|values, page| match values {
        ColumnIndexMetaData::INT64(times) => {
            times.max_value(page).is_none_or(|&max| max >= window.from)
                && times.min_value(page).is_none_or(|&min| min < window.to)
        }
        _ => true,
    })?;
    for term in &predicate.terms {
        let (Some(wanted), [column]) = (term.required_values(), term.columns) else { continue };
        restrict(*column, &|values, page| match values {
            ColumnIndexMetaData::BYTE_ARRAY(texts) => {
                !texts.is_null_page(page)
                    && wanted.iter().any(|value| lies_within(value, texts.min_value(page), texts.max_value(page)))
            }
            _ => true,
        })?;
    }
    Ok(rows)
}
