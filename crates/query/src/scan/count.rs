//! Counts: every hour of the range, only the columns that are counted by or compared, and not even those where the footer
//! says enough.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use auditlake_event::{Column, Timestamp};
use futures::stream::{StreamExt, TryStreamExt};

use super::context::Context;
use super::error::ScanError;
use super::footer::Texts;
use super::handle::Handle;
use super::landing::{Group, Landing};
use super::listing::{Archive, Month, Spans};
use super::object::Opened;
use super::predicate::Predicate;
use super::presence::Presence;
use super::rows::Rows;
use super::tally::{self, Tally};
use super::unsealed::{self, UnsealedHour};
use super::window::Window;
use super::{filter, prune};
use crate::answer::{Answer, Counts, Found};
use crate::error::QueryError;
use crate::question::{CountRequest, Order};

struct Counting<'a> {
    context: &'a Context<'a>,
    predicate: Predicate,
    window: Window,
    column: Option<Column>,
    tally: Mutex<Tally>,
}

/// Answers a count.
pub async fn count(context: &Context<'_>, request: &CountRequest) -> Result<Answer, ScanError> {
    let tally = Tally::new(request);
    let counting = Counting {
        context,
        predicate: Predicate::new(&request.query),
        window: Window::new(&request.query, Order::NewestFirst, None),
        column: tally.column,
        tally: Mutex::new(tally),
    };
    let mut unreadable_objects = 0;
    if !counting.window.is_empty() {
        let (landing, archive, presence) = futures::try_join!(
            Landing::open(context, &request.query, counting.window),
            Archive::open(context, &request.query),
            Presence::open(context, &request.query, counting.window, None)
        )?;
        unreadable_objects = landing.unreadable;
        counting.walk(&landing, &archive, &presence).await?;
    }
    let tally = counting.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (counts, truncated) = tally.finish(request);
    Ok(Answer { facts: context.facts(unreadable_objects), found: Found::Counts(Counts { counts, truncated }) })
}

impl Counting<'_> {
    async fn walk(&self, landing: &Landing, archive: &Archive<'_>, presence: &Presence<'_>) -> Result<(), ScanError> {
        let mut months = archive.months(self.window).await?;
        months.extend(landing.by_hour.keys().map(|hour| Month::of(*hour)));
        for span in Spans::new(months, self.window, 31, Order::NewestFirst) {
            let archived = archive.objects(span).await?;
            let first_hour = Timestamp::from_millis(span.from).hour().millis();
            for (hour, groups) in landing.by_hour.range(first_hour..span.to) {
                let nothing = Vec::new();
                for unsealed in unsealed::by_region(groups, archived.get(hour).unwrap_or(&nothing)) {
                    let most_rows = self.context.engine.settings.unsealed_rows;
                    for slice in unsealed::slices(*hour, unsealed.rows(), most_rows) {
                        self.count_unsealed(&unsealed, slice.intersect(span)).await?;
                    }
                }
            }
            let mut reads = Vec::new();
            for (hour, handles) in &archived {
                for handle in handles {
                    reads.push(self.count_archived(*hour, handle));
                }
            }
            let reads = futures::stream::iter(reads).buffer_unordered(self.context.concurrency());
            futures::try_join!(presence.check(span, span, &archived), reads.try_collect::<()>())?;
        }
        Ok(())
    }

    fn tally<T>(&self, add: impl FnOnce(&mut Tally) -> Result<T, QueryError>) -> Result<T, ScanError> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut tally).map_err(ScanError::Query)
    }

    async fn count_archived(&self, hour: i64, handle: &Arc<Handle>) -> Result<(), ScanError> {
        let mut opened = Opened::open(self.context, handle).await?;
        let last = hour + Timestamp::HOUR_MS - 1;
        if self.predicate.terms.is_empty() && self.column.is_none() && self.window.covers(hour, last) {
            let bucket = self.tally(|tally| Ok(tally.common_bucket(hour, last)))?;
            if let Some(bucket) = bucket {
                return self.tally(|tally| tally.add_rows(bucket, opened.footer.total_rows()));
            }
        }
        for row_group in prune::row_groups(self.context, &mut opened, self.window, &self.predicate).await? {
            self.count_row_group(&mut opened, row_group, (hour, last)).await?;
        }
        Ok(())
    }

    async fn count_row_group(&self, opened: &mut Opened, row_group: usize, hour: (i64, i64)) -> Result<(), ScanError> {
        let context = self.context;
        let (min, max) = prune::time_bounds(opened, row_group).unwrap_or(hour);
        let mut rows = prune::pages(context, opened, row_group, self.window, &self.predicate)?;
        rows = filter::matching(context, opened, row_group, rows, &self.predicate).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut times = None;
        if !self.window.covers(min, max) {
            let all = filter::times(context, opened, row_group, &rows).await?;
            let inside: Vec<usize> = (0..all.len()).filter(|&index| self.window.contains(all.value(index))).collect();
            rows = rows.at(&inside);
            times = Some(inside.iter().map(|&index| all.value(index)).collect::<Vec<_>>().into());
        }
        let values = match self.column {
            Some(column) => Some(self.values(opened, row_group, &rows, column).await?),
            None => None,
        };
        let bucket = self.tally(|tally| Ok(tally.common_bucket(min, max)))?;
        if let Some(bucket) = bucket {
            return self.tally(|tally| match &values {
                Some(values) => tally.add_values(bucket, values),
                None => tally.add_rows(bucket, rows.len() as u64),
            });
        }
        let times = match times {
            Some(times) => times,
            None => filter::times(context, opened, row_group, &rows).await?,
        };
        self.tally(|tally| match &values {
            Some(values) => tally.add_times_and_values(&times, values),
            None => tally.add_times(&times),
        })
    }

    async fn values(
        &self,
        opened: &mut Opened,
        row_group: usize,
        rows: &Rows,
        column: Column,
    ) -> Result<ArrayRef, ScanError> {
        let selection = rows.selection();
        opened.fetch_columns(self.context, row_group, &[column], selection.as_ref()).await?;
        let mut arrays = opened.decode(row_group, &[column], selection.as_ref(), Texts::Dictionary)?;
        Ok(arrays.pop().unwrap_or_else(|| super::object::nulls(column.kind(), rows.len())))
    }

    /// Copies are found by the first arrived: groups are read in arrival order.
    async fn count_unsealed(&self, unsealed: &UnsealedHour<'_>, slice: Window) -> Result<(), ScanError> {
        let window = self.window.intersect(slice);
        if window.is_empty() {
            return Ok(());
        }
        let context = self.context;
        let archived = unsealed.archived_copies(context, &self.predicate, window).await?;
        let mut reads = Vec::new();
        for group in &unsealed.groups {
            if window.overlaps(group.rows.min_event_time.millis(), group.rows.max_event_time.millis()) {
                reads.push(self.runs_with_values(group, window));
            }
        }
        let runs = futures::stream::iter(reads).buffered(context.concurrency());
        let mut runs = std::pin::pin!(runs);
        let mut seen = HashSet::new();
        while let Some(of_group) = runs.try_next().await? {
            for (run, values) in &of_group {
                for index in 0..run.matches.len() {
                    let (time, event_id, source) = run.name(index);
                    let hash = context.engine.hash(time, event_id, source);
                    if !seen.insert(hash) || !run.matches[index] || archived.contains(&hash) {
                        continue;
                    }
                    let value = values.as_ref().and_then(|values| tally::text_at(values, index));
                    self.tally(|tally| tally.add_row(time, value.as_deref()))?;
                }
            }
        }
        Ok(())
    }

    async fn runs_with_values(
        &self,
        group: &Group,
        window: Window,
    ) -> Result<Vec<(unsealed::Run, Option<ArrayRef>)>, ScanError> {
        let mut with_values = Vec::new();
        for mut run in unsealed::runs(self.context, group, &self.predicate, window).await? {
            let values = match self.column {
                Some(column) => {
                    let selection = run.rows.selection();
                    run.opened.fetch_columns(self.context, run.row_group, &[column], selection.as_ref()).await?;
                    run.opened.decode(run.row_group, &[column], selection.as_ref(), Texts::Plain)?.pop()
                }
                None => None,
            };
            with_values.push((run, values));
        }
        Ok(with_values)
    }
}
