//! The rows given out: all their columns, read last.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use auditlake_event::batch::EventRows;
use auditlake_event::columns::ColumnKind;
use auditlake_event::{Column, Event};
use futures::stream::{StreamExt, TryStreamExt};

use super::context::Context;
use super::error::{Damaged, ScanError};
use super::footer::Texts;
use super::handle::Handle;
use super::object::Opened;
use super::rows::Rows;
use super::top::Place;
use crate::question::Position;
use crate::typed::Query;

/// The rows wanted of one row group: each with its place in the answer.
struct Wanted {
    handle: Arc<Handle>,
    row_group: usize,
    /// Row and place, by row.
    rows: Vec<(u32, usize)>,
}

/// Reads the events of an answer, in its order.
pub async fn events(
    context: &Context<'_>,
    query: &Query,
    newest: Vec<(Position, Place)>,
    with_raw: bool,
) -> Result<Vec<Event<'static>>, ScanError> {
    let mut by_row_group: BTreeMap<(String, usize), Wanted> = BTreeMap::new();
    let count = newest.len();
    for (order, (_, Place { handle, row_group, row })) in newest.into_iter().enumerate() {
        let key = (handle.key.clone(), row_group);
        let wanted = by_row_group.entry(key).or_insert_with(|| Wanted { handle, row_group, rows: Vec::new() });
        wanted.rows.push((row, order));
    }
    let mut events: Vec<Option<Event<'static>>> = vec![None; count];
    let mut reads = Vec::with_capacity(by_row_group.len());
    for wanted in by_row_group.into_values() {
        reads.push(read(context, query, wanted, with_raw));
    }
    let read = futures::stream::iter(reads).buffer_unordered(context.concurrency());
    let mut read = std::pin::pin!(read);
    while let Some(some) = read.try_next().await? {
        for (order, event) in some {
            events[order] = Some(event);
        }
    }
    Ok(events.into_iter().flatten().collect())
}

async fn read(
    context: &Context<'_>,
    query: &Query,
    mut wanted: Wanted,
    with_raw: bool,
) -> Result<Vec<(usize, Event<'static>)>, ScanError> {
    wanted.rows.sort_unstable();
    let partition = wanted.handle.partition.as_ref();
    let is_read = |column: Column| {
        let comes_from_path = partition.is_some() && column.is_partition();
        !comes_from_path && (with_raw || column != Column::Raw)
    };
    let columns: Vec<Column> = Column::ALL.iter().copied().filter(|&column| is_read(column)).collect();
    let mut opened = Opened::open(context, &wanted.handle).await?;
    let total = opened.footer.rows(wanted.row_group);
    let rows = Rows::these(total, wanted.rows.iter().map(|(row, _)| *row).collect());
    let selection = rows.selection();
    opened.fetch_columns(context, wanted.row_group, &columns, selection.as_ref()).await?;
    let mut arrays = opened.decode(wanted.row_group, &columns, selection.as_ref(), Texts::Plain)?;
    let mut names: Vec<Column> = columns;
    if !with_raw {
        names.push(Column::Raw);
        arrays.push(super::object::nulls(ColumnKind::Text, rows.len()));
    }
    let damaged = |reason: String| ScanError::damaged(&wanted.handle, Damaged(reason));
    let named = names.iter().map(|column| column.name()).zip(arrays);
    let batch = RecordBatch::try_from_iter(named).map_err(|error| damaged(error.to_string()))?;
    let path = partition.map(|partition| (&partition.region, &partition.organization));
    let events = EventRows::new(&batch, path).map_err(|error| damaged(error.to_string()))?;
    let mut read = Vec::with_capacity(rows.len());
    for (index, (_, order)) in wanted.rows.iter().enumerate() {
        let event = events.event(index).map_err(|error| damaged(error.to_string()))?;
        if event.organization != query.organization.as_str() {
            return Err(damaged("it has a row of another organization than its index says".to_owned()));
        }
        read.push((*order, event.into_owned()));
    }
    Ok(read)
}
