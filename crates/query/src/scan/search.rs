//! A page of events: the first hour of its order first, no further than the page needs.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use auditlake_event::Timestamp;
use futures::stream::{StreamExt, TryStreamExt};

use super::context::Context;
use super::error::ScanError;
use super::handle::Handle;
use super::landing::{Group, Landing};
use super::listing::{Archive, Month, Spans};
use super::object::Opened;
use super::predicate::Predicate;
use super::presence::Presence;
use super::top::{Offered, Place, Top};
use super::unsealed::{self, Run, UnsealedHour};
use super::window::Window;
use super::{filter, output, prune};
use crate::answer::{Answer, Found, Page};
use crate::question::{Order, Position, SearchRequest};

/// Most hours that are read side by side.
const MAX_HOURS: usize = 64;

/// One hour of event time, of all regions.
#[derive(Default)]
struct Hour<'a> {
    unsealed: &'a [Group],
    archived: Vec<Arc<Handle>>,
}

struct Search<'a> {
    context: &'a Context<'a>,
    request: &'a SearchRequest,
    predicate: Predicate,
    window: Window,
    top: Top,
}

/// The span of an hour.
const fn window_of(hour: i64) -> Window {
    Window { from: hour, to: hour + Timestamp::HOUR_MS }
}

/// Answers a search.
pub async fn search(context: &Context<'_>, request: &SearchRequest) -> Result<Answer, ScanError> {
    let search = Search {
        context,
        request,
        predicate: Predicate::new(&request.query),
        window: Window::new(&request.query, request.order, request.after.as_ref()),
        // One more than asked for tells whether more follow.
        top: Top::new(request.order, request.limit.saturating_add(1)),
    };
    let mut unreadable_objects = 0;
    if !search.window.is_empty() {
        let (landing, archive, presence) = futures::try_join!(
            Landing::open(context, &request.query, search.window),
            Archive::open(context, &request.query),
            Presence::open(context, &request.query, search.window, None)
        )?;
        unreadable_objects = landing.unreadable;
        search.walk(&landing, &archive, &presence).await?;
    }
    let mut newest = search.top.into_ordered();
    let has_more = newest.len() > request.limit;
    newest.truncate(request.limit);
    let next = if has_more { newest.last().map(|(position, _)| position.clone()) } else { None };
    let events = output::events(context, &request.query, newest, request.with_raw).await?;
    Ok(Answer { facts: context.facts(unreadable_objects), found: Found::Page(Page { events, next }) })
}

impl Search<'_> {
    async fn walk(&self, landing: &Landing, archive: &Archive<'_>, presence: &Presence<'_>) -> Result<(), ScanError> {
        let mut months = archive.months(self.window).await?;
        months.extend(landing.by_hour.keys().map(|hour| Month::of(*hour)));
        let mut hours_at_once = 1;
        for span in Spans::new(months, self.window, 1, self.request.order) {
            if self.is_complete_before(span) {
                return Ok(());
            }
            let archived = archive.objects(span).await?;
            let first_hour = Timestamp::from_millis(span.from).hour().millis();
            let mut hours: BTreeMap<i64, Hour<'_>> = BTreeMap::new();
            for (hour, groups) in landing.by_hour.range(first_hour..span.to) {
                hours.entry(*hour).or_default().unsealed = groups;
            }
            for (hour, handles) in &archived {
                hours.entry(*hour).or_default().archived.clone_from(handles);
            }
            let mut hours: Vec<_> = hours.into_iter().collect();
            if self.request.order == Order::NewestFirst {
                hours.reverse();
            }
            let mut unchecked = span;
            while let Some((last_hour, _)) = hours.get(hours.len().min(hours_at_once).saturating_sub(1)) {
                let (part, beyond) = self.order_split(unchecked, *last_hour);
                let rest = hours.split_off(hours.len().min(hours_at_once));
                futures::try_join!(presence.check(span, part, &archived), self.read_hours(&hours, span))?;
                unchecked = beyond;
                hours = rest;
                hours_at_once = (hours_at_once * 2).min(MAX_HOURS);
                if hours.first().is_some_and(|(hour, _)| self.is_complete_before(window_of(*hour))) {
                    return Ok(());
                }
            }
            presence.check(span, unchecked, &archived).await?;
        }
        Ok(())
    }

    /// What comes up to the end of an hour in the order, and what comes after it.
    fn order_split(&self, span: Window, hour: i64) -> (Window, Window) {
        match self.request.order {
            Order::NewestFirst => (span.since(hour), Window { to: hour.max(span.from), ..span }),
            Order::OldestFirst => {
                let end = hour.saturating_add(Timestamp::HOUR_MS).min(span.to);
                (Window { to: end, ..span }, Window { from: end, ..span })
            }
        }
    }

    /// Whether nothing of a span, or of what comes after it in the order, can get in any more.
    fn is_complete_before(&self, span: Window) -> bool {
        let Some(threshold) = self.top.threshold() else { return false };
        match self.request.order {
            Order::NewestFirst => threshold >= span.to,
            Order::OldestFirst => threshold < span.from,
        }
    }

    /// The window as far as rows of it can still get in.
    fn open_window(&self) -> Window {
        match (self.top.threshold(), self.request.order) {
            (None, _) => self.window,
            (Some(threshold), Order::NewestFirst) => self.window.since(threshold),
            (Some(threshold), Order::OldestFirst) => self.window.until(threshold),
        }
    }

    async fn read_hours(&self, hours: &[(i64, Hour<'_>)], span: Window) -> Result<(), ScanError> {
        for (hour, Hour { unsealed, archived }) in hours {
            for unsealed in unsealed::by_region(unsealed, archived) {
                let most_rows = self.context.engine.settings.unsealed_rows;
                for slice in unsealed::slices(*hour, unsealed.rows(), most_rows) {
                    self.read_unsealed(&unsealed, slice.intersect(span)).await?;
                }
            }
        }
        let mut reads = Vec::new();
        for (hour, Hour { archived, .. }) in hours {
            for handle in archived {
                reads.push(self.read_archived(*hour, handle));
            }
        }
        futures::stream::iter(reads).buffered(self.context.concurrency()).try_collect::<()>().await
    }

    async fn read_archived(&self, hour: i64, handle: &Arc<Handle>) -> Result<(), ScanError> {
        if self.is_complete_before(window_of(hour)) {
            return Ok(());
        }
        let mut opened = Opened::open(self.context, handle).await?;
        let mut candidates = prune::row_groups(self.context, &mut opened, self.open_window(), &self.predicate).await?;
        if self.request.order == Order::OldestFirst {
            candidates.reverse();
        }
        for row_group in candidates {
            self.read_row_group(&mut opened, row_group).await?;
        }
        Ok(())
    }

    async fn read_row_group(&self, opened: &mut Opened, row_group: usize) -> Result<(), ScanError> {
        let context = self.context;
        let bounds = prune::time_bounds(opened, row_group);
        let window = self.open_window();
        if bounds.is_some_and(|(min, max)| !window.overlaps(min, max)) {
            return Ok(());
        }
        let rows = prune::pages(context, opened, row_group, window, &self.predicate)?;
        let rows = filter::matching(context, opened, row_group, rows, &self.predicate).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let times = filter::times(context, opened, row_group, &rows).await?;
        let window = self.open_window();
        let mut inside: Vec<usize> = (0..times.len()).filter(|&index| window.contains(times.value(index))).collect();
        // Of the rows at the very time of the cursor some were given out already: only their names tell which.
        let cursor_time = self.request.after.as_ref().map(|after| after.event_time.millis());
        let at_cursor = inside.iter().filter(|&&index| Some(times.value(index)) == cursor_time).count();
        let capacity = self.request.limit + 1 + at_cursor;
        if inside.len() > capacity {
            // Of more rows than can get in, only the first need names; equal times are told apart by them.
            let mut first: Vec<i64> = inside.iter().map(|&index| times.value(index)).collect();
            match self.request.order {
                Order::NewestFirst => {
                    let (_, oldest, _) = first.select_nth_unstable_by(capacity - 1, |left, right| right.cmp(left));
                    inside.retain(|&index| times.value(index) >= *oldest);
                }
                Order::OldestFirst => {
                    let (_, newest, _) = first.select_nth_unstable(capacity - 1);
                    inside.retain(|&index| times.value(index) <= *newest);
                }
            }
        }
        if inside.is_empty() {
            return Ok(());
        }
        let rows = rows.at(&inside);
        let names = filter::names(context, opened, row_group, &rows).await?;
        let region = opened.handle.partition.as_ref().map_or("", |partition| partition.region.as_str());
        for (index, &place) in inside.iter().enumerate() {
            let position = Position {
                event_time: Timestamp::from_millis(times.value(place)),
                nanos: names.nanos(index),
                event_id: names.event_id.value(index).to_owned(),
                source: names.source.value(index).to_owned(),
                region: region.to_owned(),
            };
            let row = Place { handle: Arc::clone(&opened.handle), row_group, row: rows.position(index) };
            if self.is_wanted(&position) {
                self.top.offer(position, row);
            }
        }
        Ok(())
    }

    /// Whether a place is not on a page before this one.
    fn is_wanted(&self, position: &Position) -> bool {
        self.request.after.as_ref().is_none_or(|after| self.request.order.is_after(position, after))
    }

    async fn read_unsealed(&self, unsealed: &UnsealedHour<'_>, slice: Window) -> Result<(), ScanError> {
        let window = self.open_window().intersect(slice);
        if window.is_empty() {
            return Ok(());
        }
        let context = self.context;
        let archived = unsealed.archived_copies(context, &self.predicate, window).await?;
        let mut groups: Vec<&Group> = unsealed.groups.clone();
        if !context.in_arrival_order {
            groups.reverse();
        }
        let mut reads = Vec::with_capacity(groups.len());
        for group in groups {
            reads.push(self.open_runs(group, slice));
        }
        let runs = futures::stream::iter(reads).buffered(context.concurrency());
        let mut runs = std::pin::pin!(runs);
        let mut seen = HashSet::new();
        while let Some(of_group) = runs.try_next().await? {
            let region = unsealed.groups.first().map_or("", |group| group.rows.region.as_str());
            for run in &of_group {
                self.take_run(run, region, slice, &archived, &mut seen)?;
            }
        }
        Ok(())
    }

    /// The rows of a group that can still get in.
    async fn open_runs(&self, group: &Group, slice: Window) -> Result<Vec<Run>, ScanError> {
        let window = self.open_window().intersect(slice);
        if !window.overlaps(group.rows.min_event_time.millis(), group.rows.max_event_time.millis()) {
            return Ok(Vec::new());
        }
        unsealed::runs(self.context, group, &self.predicate, window).await
    }

    fn take_run(
        &self,
        run: &Run,
        region: &str,
        slice: Window,
        archived: &HashSet<u128>,
        seen: &mut HashSet<u128>,
    ) -> Result<(), ScanError> {
        let mut open = self.open_window();
        for index in 0..run.matches.len() {
            let (time, event_id, source) = run.name(index);
            if !open.contains(time) || !slice.contains(time) || run.repeats(index) {
                continue;
            }
            let is_match = run.matches[index];
            if self.context.in_arrival_order {
                let is_first = seen.insert(self.context.engine.hash(time, event_id, source));
                if !is_first || !is_match {
                    continue;
                }
            }
            let is_archived =
                is_match && !archived.is_empty() && archived.contains(&self.context.engine.hash(time, event_id, source));
            if is_archived {
                continue;
            }
            let position = Position {
                event_time: Timestamp::from_millis(time),
                nanos: run.names.nanos(index),
                event_id: event_id.to_owned(),
                source: source.to_owned(),
                region: region.to_owned(),
            };
            if is_match {
                let is_wanted = self.is_wanted(&position);
                if self.top.offer_unsealed(position, unsealed::place(run, index), is_wanted) == Offered::Contradicts {
                    return Err(ScanError::ConflictingCopies);
                }
                open = self.open_window();
                continue;
            }
            // A later copy matched, this first one does not: the event does not match after all.
            if self.top.holds_unsealed(&position) {
                return Err(ScanError::ConflictingCopies);
            }
        }
        Ok(())
    }
}
