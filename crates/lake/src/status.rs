//! Where the lake stands: which periods are closed, which are sealed.
//!
//! Close markers and seal records are written period by period from the lake's first one, so that "is there one" is true up to
//! some period and false from then on: the border is found with a handful of HEAD requests, without any list.

use auditlake_event::{Organization, Timestamp};
use auditlake_store::{ErrorKind, Store, StoreError};
use bytes::Bytes;

use crate::hash::sha256_hex;
use crate::lake_file::Lake;
use crate::layout;
use crate::period::SealTime;
use crate::seal::plan::Plan;
use crate::seal::record::{InvalidRecord, SealRecord, record_hash};

/// `sealed until`: the start of the first period that is not sealed. `hint` is an answer given earlier, if there is one.
///
/// The newest record is read ([`is_sealed`]), so that what a stranger put under a record's key does not end what is answered
/// from landing.
pub async fn sealed_until(store: &dyn Store, lake: &Lake, hint: Option<SealTime>) -> Result<SealTime, StoreError> {
    let from = hint.unwrap_or(lake.first_period);
    let mut border = first_without(store, lake, from, layout::record_key).await?;
    while border > from {
        let last = lake.period().previous(border);
        if is_sealed(store, lake, last).await? {
            break;
        }
        border = last;
    }
    Ok(border)
}

/// The bytes of an object; `None` if it is not there.
pub(crate) async fn find(store: &dyn Store, key: &str) -> Result<Option<Bytes>, StoreError> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.bytes)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a period is sealed: whether its record is there, and is one.
///
/// A record that contradicts its plan or its predecessor, or cannot be read, does not count if nothing else of its seal is there:
/// no seal wrote it, and its events are still in landing. If digests of the seal are there, it may be the damaged record of a
/// seal, and not to count it would hide events: that is an error of kind [`ErrorKind::Invalid`] that names it.
pub async fn is_sealed(store: &dyn Store, lake: &Lake, seal_time: SealTime) -> Result<bool, StoreError> {
    let key = layout::record_key(seal_time);
    let Some(record) = find(store, &key).await? else { return Ok(false) };
    let plan = find(store, &layout::plan_key(seal_time)).await?;
    let Some(problem) = problem_of(store, lake, seal_time, &record, plan.as_ref()).await? else { return Ok(true) };
    if has_digests(store, seal_time, plan.as_ref()).await? {
        let message =
            format!("this seal record {problem}: compare it with its versions or a backup (runbook, SealFailures)");
        return Err(StoreError::new(ErrorKind::Invalid, "get", &key, message));
    }
    tracing::error!(alarm = true, key, problem, "no seal wrote this record: its period counts as not sealed");
    Ok(false)
}

/// What is wrong with a seal record.
async fn problem_of(
    store: &dyn Store,
    lake: &Lake,
    seal_time: SealTime,
    record: &[u8],
    plan: Option<&Bytes>,
) -> Result<Option<String>, StoreError> {
    let record = match SealRecord::parse(record) {
        Ok(record) => record,
        // A newer version knows what it wrote.
        Err(InvalidRecord::UnknownVersion(_)) => return Ok(None),
        Err(InvalidRecord::Malformed(reason)) => return Ok(Some(format!("cannot be read ({reason})"))),
    };
    if record.seal_time != seal_time {
        return Ok(Some("is of another period".to_owned()));
    }
    if plan.is_none_or(|plan| record.plan_sha256 != sha256_hex(plan)) {
        return Ok(Some("is not of the plan that is there".to_owned()));
    }
    let previous =
        if seal_time == lake.first_period { None } else { record_hash(store, lake.period().previous(seal_time)).await? };
    let follows = record.previous_sha256 == previous;
    Ok((!follows).then(|| "does not follow the record of the period before".to_owned()))
}

/// Whether a digest of the seal that a plan is for is there.
async fn has_digests(store: &dyn Store, seal_time: SealTime, plan: Option<&Bytes>) -> Result<bool, StoreError> {
    let Some(plan) = plan else { return Ok(false) };
    // A plan that this version cannot read may have any.
    let Ok(plan) = Plan::parse(plan) else { return Ok(true) };
    for organization in plan.organizations() {
        if store.head(&layout::digest_key(organization, seal_time)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
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

    use super::*;
    use crate::format::Codec;
    use crate::period::Period;
    use crate::piece::Piece;
    use crate::seal::plan;

    /// Writes plan and record of an empty period; `previous` is the hash of the record before. Answers that of the new one.
    async fn seal_nothing(store: &MemoryStore, seal_time: SealTime, previous: Option<String>) -> String {
        let plan = plan::empty(seal_time, Codec::Snappy).to_bytes().unwrap();
        let record = SealRecord::of_nothing(seal_time, sha256_hex(&plan), previous).to_bytes().unwrap();
        let hash = sha256_hex(&record);
        store.put_if_absent(&layout::plan_key(seal_time), plan.into()).await.unwrap();
        store.put_if_absent(&layout::record_key(seal_time), record.into()).await.unwrap();
        hash
    }

    #[tokio::test]
    async fn the_border_is_found_wherever_it_lies_and_from_every_hint() {
        let created = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let lake = Lake::new(created, Period::from_seconds(10).unwrap(), 1_000, 300_000, Codec::Snappy);
        for sealed in [0usize, 1, 2, 3, 7, 8, 9, 100, 1_000] {
            let store = MemoryStore::new();
            let mut expected = lake.first_period;
            let (mut hints, mut previous) = (vec![None], None);
            for index in 0..sealed {
                previous = Some(seal_nothing(&store, expected, previous).await);
                expected = lake.period().next(expected);
                if index % 97 == 0 {
                    hints.push(Some(expected));
                }
            }
            for hint in hints {
                let before = store.points();
                assert_eq!(sealed_until(&store, &lake, hint).await.unwrap(), expected, "{sealed} {hint:?}");
                assert!(store.points() - before <= 2 * (2 * 11 + 3), "a handful of requests");
            }
        }
    }

    #[tokio::test]
    async fn a_record_that_no_seal_wrote_does_not_count_and_a_damaged_one_is_named() {
        let created = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let lake = Lake::new(created, Period::from_seconds(10).unwrap(), 1_000, 300_000, Codec::Snappy);
        let sealed = MemoryStore::new();
        let first = seal_nothing(&sealed, lake.first_period, None).await;
        let second = lake.period().next(lake.first_period);
        let acme = Organization::parse("acme").unwrap();
        let hour = created.hour();
        let partition =
            layout::Partition { region: auditlake_event::Region::parse("eu").unwrap(), organization: acme.clone(), hour };
        let mut planned = plan::empty(second, Codec::Snappy);
        planned.shards = vec![vec![Piece { partition, part: 0, from: None, until: None }]];
        let planned = planned.to_bytes().unwrap();
        let record = |seal_time, plan: &str, previous: &str| {
            Bytes::from(SealRecord::of_nothing(seal_time, plan.to_owned(), Some(previous.to_owned())).to_bytes().unwrap())
        };
        let plan_sha256 = sha256_hex(&planned);
        let third = lake.period().next(second);
        sealed.overwrite(&layout::plan_key(second), planned);
        sealed.overwrite(&layout::record_key(second), record(second, &plan_sha256, &first));
        assert_eq!(sealed_until(&sealed, &lake, None).await.unwrap(), third);
        assert_eq!(sealed_until(&sealed, &lake, Some(second)).await.unwrap(), third);
        for (bad, reason) in [
            (Bytes::new(), "cannot be read"),
            (Bytes::from_static(b"{}"), "cannot be read"),
            (record(third, &plan_sha256, &first), "another period"),
            (record(second, "00", &first), "not of the plan"),
            (record(second, &plan_sha256, "00"), "does not follow"),
        ] {
            let store = sealed.fork();
            store.overwrite(&layout::record_key(second), bad);
            assert_eq!(sealed_until(&store, &lake, None).await.unwrap(), second, "{reason}");
            store.overwrite(&layout::digest_key(&acme, second), Bytes::from_static(b"{}"));
            let error = sealed_until(&store, &lake, None).await.unwrap_err();
            assert!(
                error.to_string().contains(reason) && error.to_string().contains(&layout::record_key(second)),
                "{error}"
            );
            store.expire(&layout::plan_key(second));
            assert_eq!(sealed_until(&store, &lake, None).await.unwrap(), second, "without a plan: {reason}");
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
