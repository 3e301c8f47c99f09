//! The chain of seal records and, through them, everything in the lake.

use std::collections::{BTreeMap, BTreeSet};

use auditlake_event::Organization;
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::seal::digests::Digest;
use auditlake_lake::seal::record::SealRecord;
use auditlake_lake::{Lake, SealTime, layout};
use bytes::Bytes;
use futures::StreamExt;

use crate::error::VerifyError;
use crate::finding::FindingKind;
use crate::objects::Checker;
use crate::report::Report;

/// Records that are read ahead.
const READ_AHEAD: usize = 32;

/// What lies in `seals/` about one period.
#[derive(Debug, Default, Clone, Copy)]
struct Parts {
    record: bool,
    close: bool,
}

/// What the chain says before the next record.
#[derive(Default)]
struct Chain {
    /// Hash of the last record; `None` before the first, and after one that cannot be read.
    record: Option<String>,
    /// Whether the record before the next one is known, so that the next one can be compared with it.
    is_known: bool,
    /// The newest digest of each organization.
    digests: BTreeMap<Organization, String>,
}

pub(crate) async fn check(checker: &mut Checker<'_>, lake: Option<&Lake>, report: &mut Report) -> Result<(), VerifyError> {
    let periods = list_periods(checker).await?;
    let Some(newest) = periods.iter().rev().find(|(_, parts)| parts.record).map(|(seal_time, _)| *seal_time) else {
        if lake.is_none() {
            return Err(VerifyError::NoLake);
        }
        return unlisted(checker, report).await;
    };
    if lake.is_none() && !report.findings_by_kind.contains_key(&FindingKind::LakeFileUnreadable) {
        report.add(FindingKind::LakeFileUnreadable, layout::LAKE_FILE, "it is missing, but there are seal records");
    }
    let sealed: Vec<SealTime> = match lake {
        Some(lake) => expected(lake, newest),
        // Without the length of a period, only what is there can be checked.
        None => periods.iter().filter(|(_, parts)| parts.record).map(|(seal_time, _)| *seal_time).collect(),
    };
    checker.under_way = lake.map(|lake| lake.period().next(newest));
    let expected: BTreeSet<SealTime> = sealed.iter().copied().collect();
    for (seal_time, parts) in &periods {
        if parts.record && !expected.contains(seal_time) {
            let detail = "the lake has no such period";
            report.add(FindingKind::RecordChanged, &layout::record_key(*seal_time), detail);
        }
    }
    let mut chain = Chain { is_known: true, ..Chain::default() };
    let store = checker.store.clone();
    let reads = sealed.iter().map(|seal_time| {
        let (store, seal_time) = (store.clone(), *seal_time);
        async move {
            let (record, plan) = (layout::record_key(seal_time), layout::plan_key(seal_time));
            Ok::<_, VerifyError>((seal_time, find(&store, &record).await?, find(&store, &plan).await?))
        }
    });
    let mut reads = futures::stream::iter(reads).buffered(READ_AHEAD);
    while let Some(read) = reads.next().await {
        let (seal_time, record, plan) = read?;
        let is_closed = periods.get(&seal_time).is_some_and(|parts| parts.close);
        check_seal(checker, &mut chain, Seal { seal_time, record, plan, is_closed }, report).await?;
    }
    report.organizations = chain.digests.len() as u64;
    if let (Some(lake), Some(last)) = (lake, report.until) {
        report.until = Some(lake.period().next(SealTime::from_start(last)).start());
    }
    unlisted(checker, report).await
}

/// What is there of one seal.
struct Seal {
    seal_time: SealTime,
    record: Option<Bytes>,
    plan: Option<Bytes>,
    is_closed: bool,
}

async fn unlisted(checker: &Checker<'_>, report: &mut Report) -> Result<(), VerifyError> {
    checker.check_unlisted(layout::ARCHIVE, report).await?;
    checker.check_unlisted_digests(report).await
}

async fn find(store: &auditlake_store::SharedStore, key: &str) -> Result<Option<Bytes>, VerifyError> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.bytes)),
        Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Every period from the lake's first to `newest`.
fn expected(lake: &Lake, newest: SealTime) -> Vec<SealTime> {
    let mut periods = Vec::new();
    let mut seal_time = lake.first_period;
    while seal_time <= newest {
        periods.push(seal_time);
        seal_time = lake.period().next(seal_time);
    }
    periods
}

/// What lies in `seals/`, by period.
async fn list_periods(checker: &Checker<'_>) -> Result<BTreeMap<SealTime, Parts>, VerifyError> {
    let mut periods: BTreeMap<SealTime, Parts> = BTreeMap::new();
    checker
        .for_each_key(layout::SEALS, |meta| {
            let name = meta.key.rsplit_once('/').map_or(meta.key.as_str(), |(_, name)| name);
            let Some((start, rest)) = name.trim_start_matches('_').split_once('.') else { return };
            let Some(seal_time) = SealTime::parse_key_name(start) else { return };
            if meta.key == layout::record_key(seal_time) {
                periods.entry(seal_time).or_default().record = true;
            } else if meta.key == layout::close_key(seal_time) && rest == "close.json" {
                periods.entry(seal_time).or_default().close = true;
            }
        })
        .await?;
    Ok(periods)
}

async fn check_seal(
    checker: &mut Checker<'_>,
    chain: &mut Chain,
    seal: Seal,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let key = layout::record_key(seal.seal_time);
    // The chains are followed from the first record, so that what is in the range hangs on all that is before it.
    let is_in_range = checker.options.includes(seal.seal_time);
    let Some(bytes) = &seal.record else {
        if is_in_range {
            report.add(FindingKind::RecordMissing, &key, "later periods are sealed");
        }
        chain.record = None;
        chain.is_known = false;
        return Ok(());
    };
    let sha256 = sha256_hex(bytes);
    checker.see(&sha256);
    let record = match SealRecord::parse(bytes) {
        Ok(record) if record.seal_time == seal.seal_time => record,
        Ok(record) => {
            report.add(FindingKind::RecordChanged, &key, format!("it is the record of {}", record.seal_time));
            *chain = Chain { record: Some(sha256), is_known: true, digests: std::mem::take(&mut chain.digests) };
            return Ok(());
        }
        Err(error) => {
            report.add(FindingKind::RecordChanged, &key, error.to_string());
            *chain = Chain { record: Some(sha256), is_known: true, digests: std::mem::take(&mut chain.digests) };
            return Ok(());
        }
    };
    if is_in_range {
        check_record(chain, &seal, &record, &key, report);
        report.seals += 1;
        report.until = Some(seal.seal_time.start());
        report.since = report.since.or(Some(seal.seal_time.start()));
        report.newest_sha256 = Some(sha256.clone());
    }
    let digests = check_digests(checker, chain, &record, is_in_range, report).await?;
    chain.record = Some(sha256);
    chain.is_known = true;
    if is_in_range {
        checker.check_objects(&record.outputs, report).await?;
        compare_with_digests(&record, &digests, &key, report);
    } else {
        // They are checked by another run, and must not look as if no statement named them.
        for object in &record.outputs {
            checker.objects.insert(&object.key);
        }
    }
    checker.sealed();
    Ok(())
}

fn check_record(chain: &Chain, seal: &Seal, record: &SealRecord, key: &str, report: &mut Report) {
    if chain.is_known && record.previous_sha256 != chain.record {
        let detail = format!(
            "it names {} as the record before it, which is {}",
            record.previous_sha256.as_deref().unwrap_or("none"),
            chain.record.as_deref().unwrap_or("none")
        );
        report.add(FindingKind::RecordChainBroken, key, detail);
    }
    let plan_key = layout::plan_key(seal.seal_time);
    match &seal.plan {
        None => report.add(FindingKind::PlanChanged, &plan_key, "it is missing"),
        Some(plan) if sha256_hex(plan) != record.plan_sha256 => {
            let detail = format!("its SHA-256 is {}, the record states {}", sha256_hex(plan), record.plan_sha256);
            report.add(FindingKind::PlanChanged, &plan_key, detail);
        }
        Some(_) => {}
    }
    if !seal.is_closed {
        report.add(FindingKind::CloseMissing, &layout::close_key(seal.seal_time), "the period is sealed");
    }
    let read: u64 = record.inputs.iter().map(|input| input.rows).sum();
    let written: u64 = record.outputs.iter().map(|object| object.rows).sum();
    let kept = record.rows_out.saturating_add(record.duplicates).saturating_add(record.conflicts);
    if record.rows_in != read || record.rows_out != written || record.rows_in != kept {
        let detail = format!(
            "{} rows read ({read} in its inputs), {} written ({written} in its objects), {} duplicates, {} conflicts",
            record.rows_in, record.rows_out, record.duplicates, record.conflicts
        );
        report.add(FindingKind::RecordCountsDiffer, key, detail);
    }
}

/// Reads the digests that a record names and checks them; gives those that can be read.
async fn check_digests(
    checker: &mut Checker<'_>,
    chain: &mut Chain,
    record: &SealRecord,
    is_in_range: bool,
    report: &mut Report,
) -> Result<Vec<Digest>, VerifyError> {
    let mut found = Vec::with_capacity(record.digests.len());
    for written in &record.digests {
        checker.digests.insert(&written.key);
        let previous = chain.digests.insert(written.organization.clone(), written.sha256.clone());
        if !is_in_range {
            continue;
        }
        let Some(bytes) = checker.find(&written.key).await? else {
            report.add(FindingKind::DigestMissing, &written.key, format!("the record of {} names it", record.seal_time));
            continue;
        };
        let sha256 = sha256_hex(&bytes);
        checker.see(&sha256);
        if sha256 != written.sha256 {
            let detail = format!("its SHA-256 is {sha256}, the record states {}", written.sha256);
            report.add(FindingKind::DigestChanged, &written.key, detail);
            continue;
        }
        let digest: Digest = match serde_json::from_slice(&bytes) {
            Ok(digest) => digest,
            Err(error) => {
                report.add(FindingKind::DigestChanged, &written.key, format!("it cannot be read: {error}"));
                continue;
            }
        };
        let is_of_key = digest.organization == written.organization
            && digest.seal_time == record.seal_time
            && written.key == layout::digest_key(&digest.organization, digest.seal_time);
        if !is_of_key {
            let detail = format!("it is the digest of {} at {}", digest.organization, digest.seal_time);
            report.add(FindingKind::DigestChanged, &written.key, detail);
            continue;
        }
        let named = digest.previous.as_ref().map(|previous| previous.sha256.clone());
        if named != previous {
            let detail = format!(
                "it names {} as the digest before it, which is {}",
                named.as_deref().unwrap_or("none"),
                previous.as_deref().unwrap_or("none")
            );
            report.add(FindingKind::DigestChainBroken, &written.key, detail);
        }
        found.push(digest);
    }
    Ok(found)
}

/// Compares what a record says that a seal wrote with what its digests say.
fn compare_with_digests(record: &SealRecord, digests: &[Digest], key: &str, report: &mut Report) {
    if digests.len() != record.digests.len() {
        // What is missing or changed was said.
        return;
    }
    let mut stated: Vec<_> = digests.iter().flat_map(|digest| &digest.objects).collect();
    stated.sort_by(|left, right| left.key.cmp(&right.key));
    let mut outputs: Vec<_> = record.outputs.iter().collect();
    outputs.sort_by(|left, right| left.key.cmp(&right.key));
    let foreign = digests.iter().any(|digest| {
        digest.objects.iter().any(|object| object.partition.organization != digest.organization)
            || digest.rows != digest.objects.iter().map(|object| object.rows).sum::<u64>()
    });
    if stated != outputs || foreign {
        report.add(
            FindingKind::DigestDiffersFromRecord,
            key,
            "its digests name other objects or numbers of rows than it does",
        );
    }
    let conflicts: u64 = digests.iter().map(|digest| digest.conflicts.len() as u64).sum();
    let duplicates: u64 = digests.iter().map(|digest| digest.duplicates).sum();
    if conflicts != record.conflicts || duplicates > record.duplicates {
        let detail = format!(
            "it counts {} conflicts and {} duplicates, its digests {conflicts} and {duplicates}",
            record.conflicts, record.duplicates
        );
        report.add(FindingKind::RecordCountsDiffer, key, detail);
    }
}
