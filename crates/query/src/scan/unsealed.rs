//! The rows of one hour that are not sealed yet, with copies collapsed as the seal will collapse them.
//!
//! Two rows are one event if region, organization, source, event time and event id are equal. An archived copy wins, else the
//! first arrived: the smallest landing key, then row. The conditions are evaluated on the winner alone.
//!
//! Rows are read object by object, so memory does not grow with their number:
//!
//! - a search reads newest arrivals first and needs no memory of what it saw: only a row among the newest can be taken away
//!   again, by an earlier copy that does not match. That is rare; the attempt is then given up and made again in arrival order;
//! - in arrival order the first copy is met first; 16 bytes are kept for each row of one slice of the hour, and the hour is cut
//!   into slices so that this is bounded too.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::Int64Array;
use auditlake_event::{Column, Timestamp};

use super::context::Context;
use super::error::{Damaged, ScanError};
use super::filter;
use super::handle::Handle;
use super::landing::Group;
use super::object::Opened;
use super::predicate::Predicate;
use super::rows::{Rows, narrow};
use super::window::Window;

/// One region's groups of one hour, and the archive objects beside them.
pub struct UnsealedHour<'a> {
    /// The groups in arrival order.
    pub groups: Vec<&'a Group>,
    /// The archive objects of the same hour and region.
    pub archived: Vec<Arc<Handle>>,
}

/// A run of rows of one row group of a landing object: names of all, and which of them match.
pub struct Run {
    /// The object.
    pub opened: Opened,
    /// Its row group.
    pub row_group: usize,
    /// The rows.
    pub rows: Rows,
    /// Their event times.
    pub times: Int64Array,
    /// Their ids and sources.
    pub names: filter::Names,
    /// Whether each matches.
    pub matches: Vec<bool>,
}

impl Run {
    /// The event time, id and source of a row.
    pub fn name(&self, index: usize) -> (i64, &str, &str) {
        (self.times.value(index), self.names.event_id.value(index), self.names.source.value(index))
    }

    /// Whether a row is a copy of the one before it: in one object copies lie together, the first arrived first.
    pub fn repeats(&self, index: usize) -> bool {
        index > 0 && self.name(index) == self.name(index - 1)
    }
}

/// Splits an hour's groups by region and pairs each with the archive's objects.
pub fn by_region<'a>(groups: &'a [Group], archived: &[Arc<Handle>]) -> Vec<UnsealedHour<'a>> {
    let mut regions: BTreeMap<&str, UnsealedHour<'a>> = BTreeMap::new();
    for group in groups {
        let region = group.rows.region.as_str();
        let hour = regions.entry(region).or_insert_with(|| UnsealedHour { groups: Vec::new(), archived: Vec::new() });
        hour.groups.push(group);
    }
    for handle in archived {
        if let Some(partition) = &handle.partition
            && let Some(hour) = regions.get_mut(partition.region.as_str())
        {
            hour.archived.push(Arc::clone(handle));
        }
    }
    regions.into_values().collect()
}

/// Spans of an hour that each hold about as many rows as may be remembered, newest first.
pub fn slices(hour: i64, rows: usize, most_rows: usize) -> Vec<Window> {
    let count = i64::try_from(rows.div_ceil(most_rows.max(1))).unwrap_or(i64::MAX).clamp(1, Timestamp::HOUR_MS);
    let edge = |index: i64| hour + Timestamp::HOUR_MS * index / count;
    (0..count).rev().map(|index| Window { from: edge(index), to: edge(index + 1) }).collect()
}

impl UnsealedHour<'_> {
    /// How many rows the groups have.
    pub fn rows(&self) -> usize {
        self.groups.iter().map(|group| group.rows.rows).sum()
    }

    /// Whether a group's rows may have a copy in the archive: only late ones can.
    fn may_be_archived(&self, context: &Context<'_>, group: &Group) -> bool {
        let rule = context.engine.lake.rule();
        !self.archived.is_empty() && rule.is_late(group.rows.min_event_time, group.rows.seal_time)
    }

    /// The hashes of those late rows within `window` that match and that the archive has already.
    pub async fn archived_copies(
        &self,
        context: &Context<'_>,
        predicate: &Predicate,
        window: Window,
    ) -> Result<HashSet<u128>, ScanError> {
        let mut late = HashSet::new();
        let mut span: Option<Window> = None;
        for group in self.groups.iter().filter(|group| self.may_be_archived(context, group)) {
            for run in runs(context, group, predicate, window).await? {
                for index in (0..run.matches.len()).filter(|&index| run.matches[index]) {
                    let (time, id, source) = run.name(index);
                    late.insert(context.engine.hash(time, id, source));
                    let wider = span.map_or((time, time + 1), |span| (span.from.min(time), span.to.max(time + 1)));
                    span = Some(Window { from: wider.0, to: wider.1 });
                }
            }
        }
        let mut copies = HashSet::new();
        let Some(span) = span else { return Ok(copies) };
        let nothing = Predicate { terms: Vec::new() };
        for handle in &self.archived {
            let mut opened = Opened::open(context, handle).await?;
            for row_group in super::prune::row_groups(context, &mut opened, span, &nothing).await? {
                let rows = super::prune::pages(context, &opened, row_group, span, &nothing)?;
                let times = filter::times(context, &mut opened, row_group, &rows).await?;
                let inside: Vec<usize> = (0..times.len()).filter(|&index| span.contains(times.value(index))).collect();
                let rows = rows.at(&inside);
                let names = filter::names(context, &mut opened, row_group, &rows).await?;
                for (index, &place) in inside.iter().enumerate() {
                    let hash =
                        context.engine.hash(times.value(place), names.event_id.value(index), names.source.value(index));
                    if late.contains(&hash) {
                        copies.insert(hash);
                    }
                }
            }
        }
        Ok(copies)
    }
}

/// The rows of a group within `window`, by row group.
pub async fn runs(
    context: &Context<'_>,
    group: &Group,
    predicate: &Predicate,
    window: Window,
) -> Result<Vec<Run>, ScanError> {
    let mut opened = Opened::open(context, &group.handle).await?;
    let mut runs = Vec::new();
    let mut row_group_start = 0;
    for row_group in 0..opened.footer.metadata.num_row_groups() {
        let total = opened.footer.rows(row_group);
        let from = group.rows.first_row.max(row_group_start);
        let to = (group.rows.first_row + group.rows.rows).min(row_group_start + total);
        let inside = (from < to).then(|| from - row_group_start..to - row_group_start);
        row_group_start += total;
        let Some(inside) = inside else { continue };
        let rows = Rows::all(total).within(vec![inside]);
        if let Some(run) = run(context, &mut opened, group, row_group, rows, predicate, window).await? {
            runs.push(run);
        }
    }
    Ok(runs)
}

async fn run(
    context: &Context<'_>,
    opened: &mut Opened,
    group: &Group,
    row_group: usize,
    rows: Rows,
    predicate: &Predicate,
    window: Window,
) -> Result<Option<Run>, ScanError> {
    fetch_together(context, opened, row_group, &rows, predicate).await?;
    let times = filter::times(context, opened, row_group, &rows).await?;
    let inside: Vec<usize> = (0..times.len()).filter(|&index| window.contains(times.value(index))).collect();
    if inside.is_empty() {
        return Ok(None);
    }
    let (rows, times) = if inside.len() == times.len() {
        (rows, times)
    } else {
        (rows.at(&inside), inside.iter().map(|&index| times.value(index)).collect::<Vec<_>>().into())
    };
    let (region, organization) = (group.rows.region.as_str(), group.rows.organization.as_str());
    if !filter::belong_to(context, opened, row_group, &rows, region, organization).await? {
        let reason = Damaged("it has rows of another region or organization than its index says".to_owned());
        return Err(ScanError::damaged(&opened.handle, reason));
    }
    let matching = filter::matching(context, opened, row_group, rows.clone(), predicate).await?;
    let mut matches = vec![false; rows.len()];
    let mut place = 0;
    for index in 0..matching.len() {
        while rows.position(place) < matching.position(index) {
            place += 1;
        }
        matches[place] = true;
    }
    let names = filter::names(context, opened, row_group, &rows).await?;
    Ok(Some(Run { opened: opened.clone(), row_group, rows, times, names, matches }))
}

/// Fetches all that a run needs in one go: landing objects are small, requests are not.
async fn fetch_together(
    context: &Context<'_>,
    opened: &mut Opened,
    row_group: usize,
    rows: &Rows,
    predicate: &Predicate,
) -> Result<(), ScanError> {
    let mut columns = vec![
        Column::EventTime,
        Column::EventTimeNanos,
        Column::EventId,
        Column::Source,
        Column::Region,
        Column::Organization,
    ];
    columns.extend(predicate.terms.iter().flat_map(|term| term.columns));
    opened.fetch_columns(context, row_group, &columns, rows.selection().as_ref()).await
}

/// The row's place for an answer.
pub fn place(run: &Run, index: usize) -> super::top::Place {
    let row = run.rows.position(index);
    super::top::Place { handle: Arc::clone(&run.opened.handle), row_group: run.row_group, row: narrow(row as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_the_hour_without_overlap_newest_first() {
        for (rows, most, expected) in [(0, 10, 1), (10, 10, 1), (11, 10, 2), (95, 10, 10), (usize::MAX, 1, 3_600_000)] {
            let slices = slices(7_200_000, rows, most);
            assert_eq!(slices.len(), expected);
            assert_eq!((slices[0].to, slices[expected - 1].from), (10_800_000, 7_200_000));
            assert!(slices.windows(2).all(|pair| pair[0].from == pair[1].to));
        }
    }
}
