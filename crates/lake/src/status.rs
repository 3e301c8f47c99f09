//! Where the lake stands: which periods are closed, which are sealed.
//!
//! Close markers and seal records are written period by period from the lake's first one, so that "is there one" is true up to
//! some period and false from then on: the border is found with a handful of HEAD requests, without any list.

use auditlake_event::{Organization, Timestamp};
use auditlake_store::{Store, StoreError};

use crate::lake_file::Lake;
use crate::layout;
use crate::period::SealTime;

/// `sealed until`: the start of the first period that is not sealed. `hint` is an answer given earlier, if there is one.
pub async fn sealed_until(store: &dyn Store, lake: &Lake, hint: Option<SealTime>) -> Result<SealTime, StoreError> {
    first_without(store, lake, hint.unwrap_or(lake.first_period), layout::record_key).await
}

/// The first period at or after `from` that has no close marker, given that all periods before `from` have one.
pub async fn first_unclosed(store: &dyn Store, lake: &Lake, from: SealTime) -> Result<SealTime, StoreError> {
    first_without(store, lake, from, layout::close_key).await
}

/// The earliest hour of which the archive holds events of an organization, in any region; `None` if it holds none. A handful of
/// list requests a region: paths ascend with time.
pub async fn archive_since(store: &dyn Store, organization: &Organization) -> Result<Option<Timestamp>, StoreError> {
    let mut earliest: Option<Timestamp> = None;
    for region in store.list_prefixes(layout::ARCHIVE).await? {
        let mut prefix = format!("{region}organization=org-{organization}/");
        // year, month, day, hour
        for _ in 0..4 {
            match store.list_prefixes(&prefix).await?.into_iter().next() {
                Some(first) => prefix = first,
                None => break,
            }
        }
        if let Some(hour) = hour_of_prefix(&prefix) {
            earliest = Some(earliest.map_or(hour, |known| known.min(hour)));
        }
    }
    Ok(earliest)
}

/// The hour of `…/year=2026/month=03/day=01/hour=10/`.
fn hour_of_prefix(prefix: &str) -> Option<Timestamp> {
    let mut parts = prefix.trim_end_matches('/').rsplit('/');
    let hour = parts.next()?.strip_prefix("hour=")?;
    let day = parts.next()?.strip_prefix("day=")?;
    let month = parts.next()?.strip_prefix("month=")?;
    let year = parts.next()?.strip_prefix("year=")?;
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:00:00Z")).ok()
}

/// The first period at or after `from` whose object is absent: doubling steps, then bisection.
async fn first_without(
    store: &dyn Store,
    lake: &Lake,
    from: SealTime,
    key_of: fn(SealTime) -> String,
) -> Result<SealTime, StoreError> {
    let length = lake.period().millis();
    let at = |index: i64| SealTime::from_start(from.start().plus_millis(index * length));
    let mut present_before: i64 = 0;
    let mut step: i64 = 1;
    let mut absent = loop {
        let probe = present_before + step - 1;
        if store.head(&key_of(at(probe))).await?.is_none() {
            break probe;
        }
        present_before = probe + 1;
        step *= 2;
    };
    while present_before < absent {
        let middle = present_before + (absent - present_before) / 2;
        if store.head(&key_of(at(middle))).await?.is_none() {
            absent = middle;
        } else {
            present_before = middle + 1;
        }
    }
    Ok(at(absent))
}

#[cfg(test)]
mod tests {
    use auditlake_store::memory::MemoryStore;
    use bytes::Bytes;

    use super::*;
    use crate::lake_file::Codec;
    use crate::period::Period;

    #[tokio::test]
    async fn the_border_is_found_wherever_it_lies_and_from_every_hint() {
        let created = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let lake = Lake::new(created, Period::from_seconds(10).unwrap(), 1_000, 300_000, Codec::Snappy);
        for sealed in [0usize, 1, 2, 3, 7, 8, 9, 100, 1_000] {
            let store = MemoryStore::new();
            let mut expected = lake.first_period;
            let mut hints = vec![None];
            for index in 0..sealed {
                store.put_if_absent(&layout::record_key(expected), Bytes::new()).await.unwrap();
                expected = lake.period().next(expected);
                if index % 97 == 0 {
                    hints.push(Some(expected));
                }
            }
            for hint in hints {
                let before = store.points();
                assert_eq!(sealed_until(&store, &lake, hint).await.unwrap(), expected, "{sealed} {hint:?}");
                assert!(store.points() - before <= 2 * 2 * 11, "a handful of requests");
            }
        }
    }

    #[tokio::test]
    async fn the_earliest_hour_is_the_first_path_of_any_region() {
        let store = MemoryStore::new();
        let acme = Organization::parse("acme").unwrap();
        assert_eq!(archive_since(&store, &acme).await.unwrap(), None);
        for key in [
            "region=eu-west-1/organization=org-acme/year=2026/month=03/day=01/hour=00/a-snappy.parquet",
            "region=eu-west-1/organization=org-acme/year=2025/month=12/day=31/hour=23/a-snappy.parquet",
            "region=us-east-1/organization=org-acme/year=2026/month=01/day=01/hour=05/a-snappy.parquet",
            "region=us-east-1/organization=org-acme-eu/year=2020/month=01/day=01/hour=05/a-snappy.parquet",
        ] {
            store.put_if_absent(&format!("{}{key}", layout::ARCHIVE), Bytes::new()).await.unwrap();
        }
        let expected = Timestamp::parse("2025-12-31T23:00:00Z").unwrap();
        assert_eq!(archive_since(&store, &acme).await.unwrap(), Some(expected));
    }
}
