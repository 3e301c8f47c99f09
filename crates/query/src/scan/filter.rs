//! Late materialisation: conditions first, on their own columns; other columns only of the rows that are left.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, Int32Array, Int64Array, StringArray};
use arrow_buffer::BooleanBuffer;
use auditlake_event::Column;

use super::context::Context;
use super::error::{Damaged, ScanError};
use super::footer::Texts;
use super::object::Opened;
use super::predicate::Predicate;
use super::rows::Rows;

/// Of `rows`, those that satisfy all conditions.
pub async fn matching(
    context: &Context<'_>,
    opened: &mut Opened,
    row_group: usize,
    rows: Rows,
    predicate: &Predicate,
) -> Result<Rows, ScanError> {
    let mut rows = rows;
    for term in &predicate.terms {
        if rows.is_empty() {
            break;
        }
        let selection = rows.selection();
        opened.fetch_columns(context, row_group, term.columns, selection.as_ref()).await?;
        let arrays = opened.decode(row_group, term.columns, selection.as_ref(), Texts::Dictionary)?;
        rows = rows.masked(&term.evaluate(&arrays));
    }
    Ok(rows)
}

/// The event times of rows, in ms.
pub async fn times(
    context: &Context<'_>,
    opened: &mut Opened,
    row_group: usize,
    rows: &Rows,
) -> Result<Int64Array, ScanError> {
    let selection = rows.selection();
    opened.fetch_columns(context, row_group, &[Column::EventTime], selection.as_ref()).await?;
    let arrays = opened.decode(row_group, &[Column::EventTime], selection.as_ref(), Texts::Plain)?;
    let times = arrays.first().and_then(|array| array.as_primitive_opt::<TimestampMillisecondType>());
    let times = times.filter(|times| times.null_count() == 0);
    let times = times.ok_or_else(|| lacks(opened, Column::EventTime))?;
    Ok(times.reinterpret_cast::<Int64Type>())
}

/// What tells events of one millisecond apart.
pub struct Names {
    /// `event_time_nanos`.
    nanos: Option<Int32Array>,
    /// `event_id`.
    pub event_id: StringArray,
    /// `source`.
    pub source: StringArray,
}

impl Names {
    /// What a row states below the millisecond, in ns; 0 if nothing.
    pub fn nanos(&self, row: usize) -> i32 {
        self.nanos.as_ref().filter(|nanos| nanos.is_valid(row)).map_or(0, |nanos| nanos.value(row))
    }
}

/// Ids and sources of rows, and what they state below the millisecond.
pub async fn names(context: &Context<'_>, opened: &mut Opened, row_group: usize, rows: &Rows) -> Result<Names, ScanError> {
    const COLUMNS: &[Column] = &[Column::EventId, Column::Source, Column::EventTimeNanos];
    let selection = rows.selection();
    opened.fetch_columns(context, row_group, COLUMNS, selection.as_ref()).await?;
    let arrays = opened.decode(row_group, COLUMNS, selection.as_ref(), Texts::Plain)?;
    let text = |index: usize| {
        let text = arrays.get(index).and_then(|array| array.as_string_opt::<i32>());
        text.filter(|text| text.null_count() == 0).cloned().ok_or_else(|| lacks(opened, COLUMNS[index]))
    };
    let nanos = arrays.get(2).and_then(|array| array.as_primitive_opt::<Int32Type>()).cloned();
    Ok(Names { nanos, event_id: text(0)?, source: text(1)? })
}

/// Whether every row of a landing object belongs where its index says.
pub async fn belong_to(
    context: &Context<'_>,
    opened: &mut Opened,
    row_group: usize,
    rows: &Rows,
    region: &str,
    organization: &str,
) -> Result<bool, ScanError> {
    const COLUMNS: &[Column] = &[Column::Region, Column::Organization];
    let selection = rows.selection();
    opened.fetch_columns(context, row_group, COLUMNS, selection.as_ref()).await?;
    let arrays = opened.decode(row_group, COLUMNS, selection.as_ref(), Texts::Dictionary)?;
    let all_equal = |index: usize, expected: &str| {
        let test = super::predicate::Test::Equals(vec![expected.to_owned()]);
        test.evaluate(&arrays[index]).is_some_and(|mask: BooleanBuffer| mask.count_set_bits() == mask.len())
    };
    Ok(rows.is_empty() || (all_equal(0, region) && all_equal(1, organization)))
}

fn lacks(opened: &Opened, column: Column) -> ScanError {
    ScanError::damaged(
        &opened.handle,
        Damaged(format!("its column `{}` is missing, null or of another type", column.name())),
    )
}
