//! One organization's part: its digests in order, and its objects.

use auditlake_event::Organization;
use auditlake_lake::hash::sha256_hex;
use auditlake_lake::seal::digests::Digest;
use auditlake_lake::{SealTime, layout};

use crate::error::VerifyError;
use crate::finding::FindingKind;
use crate::objects::Checker;
use crate::report::Report;

pub(crate) async fn check(
    checker: &mut Checker<'_>,
    organization: &Organization,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let prefix = layout::digests_prefix(organization);
    let mut keys = Vec::new();
    let mut foreign = Vec::new();
    checker
        .for_each_key(&prefix, |meta| {
            let name = meta.key.rsplit_once('/').map_or("", |(_, name)| name);
            let seal_time = name.strip_suffix(".json").and_then(SealTime::parse_key_name);
            match seal_time.filter(|seal_time| meta.key == layout::digest_key(organization, *seal_time)) {
                Some(seal_time) => keys.push((seal_time, meta.key.clone())),
                None => foreign.push(meta.key.clone()),
            }
        })
        .await?;
    for key in foreign {
        report.add(FindingKind::DigestUnlisted, &key, "its name is not that of a digest");
    }
    keys.sort();
    let mut previous: Option<(SealTime, String)> = None;
    for (seal_time, key) in keys {
        let Some(bytes) = checker.find(&key).await? else {
            report.add(FindingKind::DigestMissing, &key, "it was listed and is gone");
            continue;
        };
        let sha256 = sha256_hex(&bytes);
        checker.see(&sha256);
        let is_in_range = checker.options.includes(seal_time);
        let digest: Digest = match serde_json::from_slice(&bytes) {
            Ok(digest) => digest,
            Err(error) => {
                report.add(FindingKind::DigestChanged, &key, format!("it cannot be read: {error}"));
                previous = Some((seal_time, sha256));
                continue;
            }
        };
        if digest.organization != *organization || digest.seal_time != seal_time {
            let detail = format!("it is the digest of {} at {}", digest.organization, digest.seal_time);
            report.add(FindingKind::DigestChanged, &key, detail);
            previous = Some((seal_time, sha256));
            continue;
        }
        if is_in_range {
            check_link(&digest, previous.as_ref(), &key, report);
            report.seals += 1;
            report.organizations = 1;
            report.since = report.since.or(Some(seal_time.start()));
            report.until = Some(seal_time.start());
            report.newest_sha256 = Some(sha256.clone());
            checker.check_objects(&digest.objects, report).await?;
        } else {
            for object in &digest.objects {
                checker.objects.insert(&object.key);
            }
        }
        previous = Some((seal_time, sha256));
        checker.sealed();
    }
    checker.newest_digest = previous.map(|(seal_time, _)| seal_time);
    for region in checker.store.list_prefixes(layout::ARCHIVE).await? {
        checker.check_unlisted(&format!("{region}organization=org-{organization}/"), report).await?;
    }
    Ok(())
}

/// Checks that a digest follows the one before it, and that what it counts adds up.
fn check_link(digest: &Digest, previous: Option<&(SealTime, String)>, key: &str, report: &mut Report) {
    match (&digest.previous, previous) {
        (None, None) => {}
        (Some(named), Some((seal_time, sha256))) if named.seal_time == *seal_time && named.sha256 == *sha256 => {}
        (Some(named), Some((seal_time, _))) if named.seal_time == *seal_time => {
            let detail = format!("the digest of {seal_time} has another SHA-256 than the {} it names", named.sha256);
            report.add(FindingKind::DigestChainBroken, key, detail);
        }
        (Some(named), _) => {
            report.add(
                FindingKind::DigestMissing,
                &layout::digest_key(&digest.organization, named.seal_time),
                format!("{key} names it"),
            );
        }
        (None, Some((seal_time, _))) => {
            let detail = format!("it says that it is the first, but there is one of {seal_time}");
            report.add(FindingKind::DigestChainBroken, key, detail);
        }
    }
    let rows: u64 = digest.objects.iter().map(|object| object.rows).sum();
    let is_own = digest.objects.iter().all(|object| object.partition.organization == digest.organization);
    if rows != digest.rows || !is_own {
        report.add(FindingKind::DigestDiffersFromRecord, key, "what it counts is not what its objects have");
    }
}
