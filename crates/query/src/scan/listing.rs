//! Which archive objects there are, newest days first.
//!
//! A lake may reach back many years with long gaps, so years and months that exist are asked for first, and days of a month are
//! listed in growing spans. Folders and digests that were listed at one `sealed until` stay true for it: all earlier seals are complete.
//! Objects are listed anew by each query: one that is gone is noticed even if all that is in it is remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use auditlake_event::time::Civil;
use auditlake_event::{Region, Timestamp};
use auditlake_lake::layout::{ARCHIVE, ArchiveKey, digests_prefix, organization_prefix};
use auditlake_store::list_all;
use futures::future::try_join_all;

use super::context::Context;
use super::error::ScanError;
use super::handle::Handle;
use super::state::Listed;
use super::window::Window;
use crate::question::Order;
use crate::typed::Query;

const DAY_MS: i64 = 24 * Timestamp::HOUR_MS;
/// Queries that span no more months than this list them without asking which exist.
const MONTHS_WITHOUT_ASKING: i64 = 3;

/// A month: years since 0, times 12, plus the month from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(i64);

impl Month {
    /// The month a time lies in.
    pub fn of(time: i64) -> Self {
        let civil = Timestamp::from_millis(time).civil();
        Self(civil.year * 12 + civil.month - 1)
    }

    fn start(self) -> i64 {
        let civil = Civil {
            year: self.0.div_euclid(12),
            month: self.0.rem_euclid(12) + 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            millisecond: 0,
        };
        Timestamp::from_civil(civil).map_or(i64::MIN, Timestamp::millis)
    }

    /// From the first instant to that of the next month.
    pub fn window(self) -> Window {
        Window { from: self.start(), to: Self(self.0 + 1).start() }
    }

    /// `year=YYYY/month=MM/`.
    pub fn path(self) -> String {
        format!("year={:04}/month={:02}/", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// Spans of days to read one after the other, in the order of the answer.
#[derive(Debug)]
pub struct Spans {
    months: BTreeSet<Month>,
    window: Window,
    /// What is left of the month begun.
    rest: Option<Window>,
    days: i64,
    order: Order,
}

impl Spans {
    /// Spans that cover `window` within `months`, the first of `days` days, each next one twice as long, none beyond its month.
    pub const fn new(months: BTreeSet<Month>, window: Window, days: i64, order: Order) -> Self {
        Self { months, window, rest: None, days, order }
    }
}

impl Iterator for Spans {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let rest = loop {
            match self.rest.take() {
                Some(rest) if !rest.is_empty() => break rest,
                _ => {
                    let month = match self.order {
                        Order::NewestFirst => self.months.pop_last(),
                        Order::OldestFirst => self.months.pop_first(),
                    };
                    self.rest = Some(month?.window().intersect(self.window));
                }
            }
        };
        let days = self.days;
        self.days = (days * 2).min(31);
        let (span, rest) = match self.order {
            Order::NewestFirst => {
                let last_day = (rest.to - 1).div_euclid(DAY_MS);
                let from = rest.from.max((last_day - days + 1).saturating_mul(DAY_MS));
                (Window { from, to: rest.to }, Window { from: rest.from, to: from })
            }
            Order::OldestFirst => {
                let first_day = rest.from.div_euclid(DAY_MS);
                let to = rest.to.min((first_day + days).saturating_mul(DAY_MS));
                (Window { from: rest.from, to }, Window { from: to, to: rest.to })
            }
        };
        self.rest = Some(rest);
        Some(span)
    }
}

/// The archive of one organization.
pub struct Archive<'a> {
    context: &'a Context<'a>,
    query: &'a Query,
    regions: Vec<Region>,
}

impl<'a> Archive<'a> {
    /// Finds the regions.
    pub async fn open(context: &'a Context<'a>, query: &'a Query) -> Result<Self, ScanError> {
        let regions = match &query.region {
            Some(region) => vec![region.clone()],
            None => {
                let prefixes = prefixes(context, ARCHIVE.to_owned()).await?;
                prefixes.iter().filter_map(|prefix| Region::parse(last_value(prefix, "region=")?).ok()).collect()
            }
        };
        Ok(Self { context, query, regions })
    }

    /// The months within `window` that may hold objects, or of which a digest says that they must.
    pub async fn months(&self, window: Window) -> Result<BTreeSet<Month>, ScanError> {
        if window.from != i64::MIN && window.to != i64::MAX {
            let (first, last) = (Month::of(window.from), Month::of(window.to - 1));
            if last.0 - first.0 < MONTHS_WITHOUT_ASKING {
                return Ok((first.0..=last.0).map(Month).collect());
            }
        }
        let organization = &self.query.organization;
        let roots = self.regions.iter().map(|region| organization_prefix(region, organization));
        let roots = roots.chain([digests_prefix(organization)]);
        let years = try_join_all(roots.map(|root| prefixes(self.context, root))).await?;
        let may_matter = |prefix: &String| {
            let Some(year) = last_value(prefix, "year=").and_then(|year| year.parse::<i64>().ok()) else { return false };
            let year = Window { from: Month(year * 12).start(), to: Month(year * 12 + 12).start() };
            !year.intersect(window).is_empty()
        };
        let years = years.iter().flat_map(|years| years.iter().filter(|year| may_matter(year)));
        let months = try_join_all(years.map(|year| prefixes(self.context, year.clone()))).await?;
        let mut found = BTreeSet::new();
        for prefix in months.iter().flat_map(|months| months.iter()) {
            let mut parts = prefix.trim_end_matches('/').rsplit('/');
            let month = parts.next().and_then(|part| part.strip_prefix("month=")?.parse::<i64>().ok());
            let year = parts.next().and_then(|part| part.strip_prefix("year=")?.parse::<i64>().ok());
            if let (Some(year), Some(month @ 1..=12)) = (year, month) {
                found.insert(Month(year * 12 + month - 1));
            }
        }
        found.retain(|month| !month.window().intersect(window).is_empty());
        Ok(found)
    }

    /// The objects of the hours that overlap `span`, which lies in one month, by hour.
    pub async fn objects(&self, span: Window) -> Result<BTreeMap<i64, Vec<Arc<Handle>>>, ScanError> {
        let lists = self.regions.iter().map(|region| self.objects_of_region(region, span));
        let mut by_hour: BTreeMap<i64, Vec<Arc<Handle>>> = BTreeMap::new();
        for object in try_join_all(lists).await?.into_iter().flatten() {
            if let Some(partition) = &object.partition {
                by_hour.entry(partition.hour.millis()).or_default().push(object);
            }
        }
        Ok(by_hour)
    }

    async fn objects_of_region(&self, region: &Region, span: Window) -> Result<Vec<Arc<Handle>>, ScanError> {
        let month = format!("{}{}", organization_prefix(region, &self.query.organization), Month::of(span.from).path());
        let bounds = bounds(&month, span);
        let found = list_all(self.context.store(), &month, Some(&bounds.start), Some(&bounds.end)).await?;
        let mut objects = Vec::with_capacity(found.len());
        for object in found {
            let Some(key) = ArchiveKey::parse(&object.key) else {
                tracing::debug!(key = object.key, "not an archive object");
                continue;
            };
            if key.seal_time < self.context.sealed_until {
                let partition = Some(key.partition);
                objects.push(Arc::new(Handle { key: object.key, size: object.size, partition, merged: None }));
            }
        }
        Ok(objects)
    }
}

/// Texts between which (both exclusive) the keys of the hours that overlap `span` lie.
fn bounds(month: &str, span: Window) -> Range<String> {
    let path = |time: i64| {
        let civil = Timestamp::from_millis(time).civil();
        format!("{month}day={:02}/hour={:02}/", civil.day, civil.hour)
    };
    // `0` is the character after `/`: beyond every key of the last hour.
    let last = path(span.to - 1);
    path(span.from)..format!("{}0", last.trim_end_matches('/'))
}

async fn prefixes(context: &Context<'_>, root: String) -> Result<Vec<String>, ScanError> {
    let cache_key = format!("{}|{root}", context.sealed_until.key_name());
    if let Some(listed) = context.engine.lists.get(&cache_key)
        && let Listed::Prefixes(prefixes) = listed.as_ref()
    {
        return Ok(prefixes.clone());
    }
    let found = context.store().list_prefixes(&root).await?;
    let memory = found.iter().map(|prefix| prefix.len() + 48).sum();
    context.engine.lists.insert(&cache_key, Arc::new(Listed::Prefixes(found.clone())), memory);
    Ok(found)
}

fn last_value<'p>(prefix: &'p str, name: &str) -> Option<&'p str> {
    prefix.trim_end_matches('/').rsplit('/').next()?.strip_prefix(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().millis()
    }

    fn spans(months: &[&str], from: i64, to: i64) -> Vec<String> {
        ordered_spans(Order::NewestFirst, months, from, to)
    }

    fn ordered_spans(order: Order, months: &[&str], from: i64, to: i64) -> Vec<String> {
        let months = months.iter().map(|month| Month::of(time(&format!("{month}-15T00:00:00Z")))).collect();
        let spans = Spans::new(months, Window { from, to }, 1, order);
        spans.map(|span| format!("{} {}", Timestamp::from_millis(span.from), Timestamp::from_millis(span.to))).collect()
    }

    #[test]
    fn spans_cover_what_is_asked_newest_first_and_skip_what_is_not_there() {
        let all = spans(&["2024-02", "2026-03"], i64::MIN, i64::MAX);
        assert_eq!(all.first().unwrap(), "2026-03-31T00:00:00.000Z 2026-04-01T00:00:00.000Z");
        assert_eq!(all[1], "2026-03-29T00:00:00.000Z 2026-03-31T00:00:00.000Z");
        assert_eq!(all.last().unwrap(), "2024-02-01T00:00:00.000Z 2024-03-01T00:00:00.000Z");
        let some = spans(&["2026-02", "2026-03"], time("2026-02-28T22:30:00Z"), time("2026-03-02T00:00:00.001Z"));
        let expected = [
            "2026-03-02T00:00:00.000Z 2026-03-02T00:00:00.001Z",
            "2026-03-01T00:00:00.000Z 2026-03-02T00:00:00.000Z",
            "2026-02-28T22:30:00.000Z 2026-03-01T00:00:00.000Z",
        ];
        assert_eq!(some, expected);
    }

    #[test]
    fn spans_of_the_oldest_first_cover_the_same_from_the_other_end() {
        let (from, to) = (time("2026-02-27T22:30:00Z"), time("2026-03-02T00:00:00.001Z"));
        let expected = [
            "2026-02-27T22:30:00.000Z 2026-02-28T00:00:00.000Z",
            "2026-02-28T00:00:00.000Z 2026-03-01T00:00:00.000Z",
            "2026-03-01T00:00:00.000Z 2026-03-02T00:00:00.001Z",
        ];
        assert_eq!(ordered_spans(Order::OldestFirst, &["2026-03", "2026-02"], from, to), expected);
        assert_eq!(ordered_spans(Order::OldestFirst, &["2024-02"], i64::MIN, i64::MAX).len(), 5);
    }

    #[test]
    fn bounds_take_in_whole_hours_and_nothing_else() {
        let month = "x/year=2026/month=03/";
        let span = Window { from: time("2026-03-01T09:30:00Z"), to: time("2026-03-01T11:00:00Z") };
        let bounds = bounds(month, span);
        let holds = |key: &str| bounds.start.as_str() < key && key < bounds.end.as_str();
        assert!(holds("x/year=2026/month=03/day=01/hour=09/20260301T090000Z-0000-snappy.parquet"));
        assert!(holds("x/year=2026/month=03/day=01/hour=10/20990301T090000Z-9999-zstd.parquet"));
        assert!(!holds("x/year=2026/month=03/day=01/hour=08/20990301T090000Z-9999-zstd.parquet"));
        assert!(!holds("x/year=2026/month=03/day=01/hour=11/20260301T090000Z-0000-snappy.parquet"));
    }
}
