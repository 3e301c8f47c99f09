//! The scan engine against a plain list of events: any lake, any query, any page size, any settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{World, arrivals, query, writing};
use auditlake_event::{Event, Timestamp};
use auditlake_query::{
    Count, CountRequest, EngineExt, GroupBy, Interval, MetadataKey, Order, Position, Query, ScanEngine, SearchRequest,
    Settings,
};
use auditlake_store::memory::MemoryStore;
use proptest::prelude::*;

fn settings() -> impl Strategy<Value = Settings> {
    let bytes = prop::sample::select(vec![0u64, 300, 4_000, 1_000_000]);
    let memory = prop::sample::select(vec![0usize, 20_000, 10_000_000]);
    let rows = prop::sample::select(vec![1usize, 5, 1_000]);
    let lengths = prop::sample::select(vec![vec![], vec![1_024, 32], vec![4, 2], vec![3], vec![1]]);
    (bytes, 8u64..2_000, 0u64..2_000, (prop::bool::ANY, lengths), 1usize..5, rows, memory).prop_map(
        |(whole_object_bytes, tail_bytes, gap_bytes, (page_index, merge_lengths), concurrency, unsealed_rows, memory)| {
            Settings {
                whole_object_bytes,
                tail_bytes,
                gap_bytes,
                page_index_rows: if page_index { 0 } else { 16_384 },
                merge_object_bytes: 1_000_000,
                merge_lengths,
                merged_cache_bytes: memory,
                concurrency,
                unsealed_rows,
                footer_cache_bytes: memory,
                object_cache_bytes: memory,
                index_cache_bytes: memory,
                list_cache_bytes: memory,
                ..Settings::default()
            }
        },
    )
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// All pages of `limit` rows, one after the other.
async fn pages(engine: &ScanEngine, query: &Query, order: Order, limit: usize) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let request = SearchRequest { order, query: query.clone(), after: after.clone(), limit, with_raw: true };
        let answer = engine.search(&request).await.unwrap();
        assert!(answer.found.events.len() <= limit);
        assert_eq!(answer.facts.unreadable_objects, 0);
        assert!(answer.found.next.is_none() || answer.found.events.len() == limit, "a page that is not full is the last");
        assert_eq!(
            answer.found.next.is_some(),
            answer.found.next == answer.found.events.last().map(Position::of) && answer.found.next.is_some()
        );
        events.extend(answer.found.events);
        after = answer.found.next;
        if after.is_none() {
            return events;
        }
    }
}

fn value(event: &Event<'_>, group_by: GroupBy) -> Option<String> {
    let text = match group_by {
        GroupBy::Action => Some(event.action.clone()),
        GroupBy::ActorId => event.actor_id.clone(),
        GroupBy::ActorEmail => event.actor_email.as_ref().map(|email| email.to_lowercase().into()),
        GroupBy::Category => event.category.map(|category| category.as_str().into()),
        GroupBy::Outcome => Some(event.outcome.as_str().into()),
        GroupBy::ResourceType => event.resource_type.clone(),
        GroupBy::ResourceId => event.resource_id.clone(),
        GroupBy::Source => Some(event.source.clone()),
        GroupBy::SourceIp => event.source_ip.clone(),
        GroupBy::ServiceName => event.service_name.clone(),
        GroupBy::ScopeType => event.scope_type.clone(),
        GroupBy::ScopeId => event.scope_id.clone(),
        GroupBy::RequestId => event.request_id.clone(),
        GroupBy::ErrorCode => event.error_code.clone(),
        GroupBy::HttpStatus => event.http_status.map(|status| status.to_string().into()),
        GroupBy::Metadata(_) => {
            let metadata: serde_json::Value = serde_json::from_str(event.metadata.as_deref()?).unwrap();
            metadata["x"].as_str().map(|text| text.to_owned().into())
        }
    };
    text.map(|text| text.to_string())
}

/// Counts by going through the list; nothing is left out.
fn expected_counts(events: &[&Event<'static>], request: &CountRequest) -> Vec<Count> {
    if request.interval.is_none() && request.group_by.is_none() {
        return vec![Count { time: None, value: None, count: events.len() as u64 }];
    }
    let mut groups: BTreeMap<(Option<Timestamp>, Option<String>), u64> = BTreeMap::new();
    for event in events {
        let bucket = request.interval.map(|interval| {
            let text = event.event_time.to_string();
            let start = match interval {
                Interval::Minute => format!("{}:00Z", &text[..16]),
                Interval::Hour => format!("{}:00:00Z", &text[..13]),
                Interval::Day => format!("{}T00:00:00Z", &text[..10]),
                // The Mondays around the time in which the events of a world lie.
                Interval::Week => {
                    let mondays = ["2026-01-12", "2026-01-19", "2026-02-23", "2026-03-02"];
                    let monday = mondays.iter().rfind(|monday| **monday <= &text[..10]).unwrap();
                    format!("{monday}T00:00:00Z")
                }
                Interval::Month => format!("{}-01T00:00:00Z", &text[..7]),
            };
            crate::model::time(&start)
        });
        *groups.entry((bucket, request.group_by.and_then(|group_by| value(event, group_by)))).or_default() += 1;
    }
    let mut counts: Vec<Count> = groups.into_iter().map(|((time, value), count)| Count { time, value, count }).collect();
    counts.sort_by_key(|count| (count.time, std::cmp::Reverse(count.count), count.value.is_none(), count.value.clone()));
    counts
}

fn count_shape() -> impl Strategy<Value = (Option<Interval>, Option<GroupBy>)> {
    let intervals = vec![Interval::Minute, Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
    let mut groups = GroupBy::COLUMNS.to_vec();
    groups.extend(MetadataKey::new("x").map(GroupBy::Metadata));
    (prop::option::of(prop::sample::select(intervals)), prop::option::of(prop::sample::select(groups)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn pages_and_counts_are_those_of_the_list_of_events(
        arrivals in arrivals(),
        period in prop::sample::select(vec![3_600u32, 900]),
        sealed in 0i64..9,
        expired in any::<bool>(),
        writing in writing(),
        settings in settings(),
        queries in prop::collection::vec((query(), 1usize..6, count_shape()), 1..5),
    ) {
        let world = World::new(period, &arrivals, writing);
        let store = MemoryStore::new();
        world.land(&store);
        let sealed_until = world.after_periods(sealed);
        world.seal(&store, world.lake.first_period, sealed_until);
        if expired {
            world.expire(&store, sealed_until);
        }
        let engine = ScanEngine::new(Arc::new(store), world.lake.clone(), settings);
        run(async {
            for (query, limit, (interval, group_by)) in queries {
                let mut expected = world.expected(&query);
                let found = pages(&engine, &query, Order::NewestFirst, limit).await;
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query:?}");
                expected.reverse();
                let found = pages(&engine, &query, Order::OldestFirst, limit).await;
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "oldest first: {query:?}");
                let request = CountRequest { time_zone: None,  query, interval, group_by, limit: 1_000 };
                let counts = engine.count(&request).await.unwrap();
                assert_eq!(counts.found.counts, expected_counts(&expected, &request), "{request:?}");
                assert_eq!(counts.facts.sealed_until, sealed_until);
                assert!(!counts.found.truncated);
            }
        });
    }
}
