//! What lies in landing for a run of periods, listed once.

use auditlake_event::Timestamp;
use auditlake_store::{ObjectMeta, Store, StoreError};

use crate::layout::{self, LandingKey};
use crate::period::{Arrival, Period, SealRule, SealTime};

/// The landing objects in the windows of some periods.
pub(super) struct Listing {
    /// By key, which is the order of arrival.
    objects: Vec<(LandingKey, ObjectMeta)>,
    /// Objects whose names are not those of landing objects.
    foreign: Vec<ObjectMeta>,
}

impl Listing {
    /// Lists landing for a run of periods that are all closed.
    pub(super) async fn of(store: &dyn Store, rule: &SealRule, periods: &[SealTime]) -> Result<Self, StoreError> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
            return Ok(Self { objects: Vec::new(), foreign: Vec::new() });
        };
        let (from, until) = (rule.window(*first).0, rule.window(*last).1);
        // Whole hours, so that names that are not ours are seen too.
        let start_after = layout::arrival_prefix(from);
        let end = layout::arrival_prefix(Arrival(until.0.hour().plus_millis(Timestamp::HOUR_MS)));
        let listed = auditlake_store::list_all(store, layout::LANDING, Some(&start_after), Some(&end)).await?;
        let mut listing = Self { objects: Vec::with_capacity(listed.len()), foreign: Vec::new() };
        for object in listed {
            match LandingKey::parse(&object.key) {
                Some(key) => listing.objects.push((key, object)),
                None => listing.foreign.push(object),
            }
        }
        listing.objects.sort_by(|left, right| left.1.key.cmp(&right.1.key));
        Ok(listing)
    }

    /// The objects that may hold rows of a period.
    pub(super) fn in_window(&self, rule: &SealRule, seal_time: SealTime) -> impl Iterator<Item = &(LandingKey, ObjectMeta)> {
        let (from, until) = rule.window(seal_time);
        let start = self.objects.partition_point(|(key, _)| key.arrival() < from);
        self.objects[start..].iter().take_while(move |(key, _)| key.arrival() < until)
    }

    /// Objects with foreign names that a period sets aside: the last one whose start lies in their hour does.
    pub(super) fn foreign_of(&self, period: Period, seal_time: SealTime) -> impl Iterator<Item = &ObjectMeta> {
        let prefix = layout::arrival_prefix(Arrival(seal_time.start()));
        let next = period.next(seal_time).start();
        let is_last_of_hour = next.hour() == next;
        self.foreign.iter().filter(move |object| is_last_of_hour && object.key.starts_with(&prefix))
    }
}
