//! The order of the rows of a landing object: (region, organization, event_time, event_id, source), equal ones as they came.

use auditlake_event::{Event, Timestamp};

use super::dictionary::Dictionary;

/// The most pairs of a region and an organization that are ranked by a table.
const MAX_RANKED_PAIRS: usize = 1 << 20;

/// The positions of `events` in the order in which they are written.
///
/// Events come in nearly sorted by time, from few partitions: they are dealt out by partition first, and each partition is
/// then sorted by an algorithm that sees sorted runs.
pub(super) fn file_order(events: &[Event<'_>]) -> Vec<usize> {
    let Some(ranks) = partition_ranks(events) else {
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by(|left, right| full_key(&events[*left]).cmp(&full_key(&events[*right])));
        return order;
    };
    let partitions = ranks.iter().max().map_or(0, |rank| rank + 1);
    let mut ends = vec![0; partitions];
    for rank in &ranks {
        ends[*rank] += 1;
    }
    let mut start = 0;
    for end in &mut ends {
        let rows = *end;
        *end = start;
        start += rows;
    }
    let mut dealt = vec![(Timestamp::default(), 0_usize); events.len()];
    for (position, (event, rank)) in events.iter().zip(&ranks).enumerate() {
        let place = &mut ends[*rank];
        dealt[*place] = (event.event_time, position);
        *place += 1;
    }
    let mut start = 0;
    for end in ends {
        dealt[start..end].sort_by(|left, right| {
            left.0.cmp(&right.0).then_with(|| events[left.1].order_key().cmp(&events[right.1].order_key()))
        });
        start = end;
    }
    dealt.into_iter().map(|(_, position)| position).collect()
}

fn full_key<'e>(event: &'e Event<'_>) -> (&'e str, &'e str, Timestamp, &'e str, &'e str) {
    (&event.region, &event.organization, event.event_time, &event.event_id, &event.source)
}

/// For each event the rank of its (region, organization) among those that occur; `None` if there are very many.
fn partition_ranks(events: &[Event<'_>]) -> Option<Vec<usize>> {
    let (mut regions, mut organizations) = (Dictionary::new(false), Dictionary::new(false));
    let mut pairs = Vec::with_capacity(events.len());
    for event in events {
        let region = regions.position_of(event.region.as_bytes())?;
        let organization = organizations.position_of(event.organization.as_bytes())?;
        pairs.push((usize::from(region), usize::from(organization)));
    }
    let width = organizations.len();
    if regions.len() * width > MAX_RANKED_PAIRS {
        return None;
    }
    let mut rank_of_pair = vec![usize::MAX; regions.len() * width];
    for (region, organization) in &pairs {
        rank_of_pair[region * width + organization] = 0;
    }
    let mut occurring: Vec<usize> = (0..rank_of_pair.len()).filter(|pair| rank_of_pair[*pair] == 0).collect();
    occurring.sort_by_key(|pair| (regions.value(pair / width), organizations.value(pair % width)));
    for (rank, pair) in occurring.into_iter().enumerate() {
        rank_of_pair[pair] = rank;
    }
    Some(pairs.into_iter().map(|(region, organization)| rank_of_pair[region * width + organization]).collect())
}
