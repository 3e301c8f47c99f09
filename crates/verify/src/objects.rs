//! Archive objects against what digests say of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use auditlake_lake::SealTime;
use auditlake_lake::archive::StoredObjectError;
use auditlake_lake::archive::stored_object::StoredObject;
use auditlake_lake::layout::{self, ArchiveKey};
use auditlake_lake::seal::outcome::ArchiveObject;
use auditlake_store::{ErrorKind, ObjectMeta, SharedStore, StoreError};
use futures::StreamExt;

use crate::error::VerifyError;
use crate::finding::FindingKind;
use crate::named::Keys;
use crate::options::{Options, Progress};
use crate::report::Report;

/// Hashes of records and digests that may be asked for by `known`.
const HASH_DIGITS: usize = 64;

/// What a verification reads with and remembers.
pub(crate) struct Checker<'a> {
    pub store: SharedStore,
    pub options: &'a Options,
    progress: &'a (dyn Fn(Progress) + Sync),
    /// Archive objects that statements name.
    pub objects: Keys,
    /// Digests that statements name.
    pub digests: Keys,
    /// The period after the newest record: its seal may be under way, with objects and digests that no record names yet.
    pub under_way: Option<SealTime>,
    /// Of one organization: seals after this one may be under way.
    pub newest_digest: Option<SealTime>,
    known: HashSet<String>,
    seen: HashSet<String>,
    seals: AtomicU64,
    checked: AtomicU64,
    bytes: AtomicU64,
}

/// What is wrong with an object.
type Problem = (FindingKind, String);

impl<'a> Checker<'a> {
    pub fn new(store: SharedStore, options: &'a Options, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        let known =
            options.known.iter().filter(|hash| hash.len() == HASH_DIGITS).map(|hash| hash.to_ascii_lowercase()).collect();
        Self {
            store,
            options,
            progress,
            objects: Keys::default(),
            digests: Keys::default(),
            under_way: None,
            newest_digest: None,
            known,
            seen: HashSet::new(),
            seals: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Remembers the hash of a record or digest if it is asked for.
    pub fn see(&mut self, sha256: &str) {
        if self.known.contains(sha256) {
            self.seen.insert(sha256.to_owned());
        }
    }

    /// Whether a hash that is asked for was seen.
    pub fn has_seen(&self, sha256: &str) -> bool {
        self.seen.contains(&sha256.to_ascii_lowercase())
    }

    /// Says how far it is.
    pub fn tell(&self) {
        (self.progress)(Progress {
            seals: self.seals.load(Ordering::Relaxed),
            objects: self.checked.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        });
    }

    pub fn sealed(&self) {
        self.seals.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    pub fn at_once(&self) -> usize {
        match self.options.at_once {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            at_once => at_once,
        }
    }

    /// The bytes of an object; `None` if it is not there.
    pub async fn find(&self, key: &str) -> Result<Option<bytes::Bytes>, StoreError> {
        match self.store.get(key).await {
            Ok(object) => Ok(Some(object.bytes)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Checks the objects of one seal.
    pub async fn check_objects(&mut self, stated: &[ArchiveObject], report: &mut Report) -> Result<(), VerifyError> {
        let mut wanted = Vec::with_capacity(stated.len());
        for object in stated {
            if self.objects.insert(&object.key) {
                wanted.push(object);
            } else {
                report.add(FindingKind::ObjectListedTwice, &object.key, "another seal names this object too");
            }
        }
        let checks = wanted.into_iter().map(|object| self.check_object(object));
        let mut checks = futures::stream::iter(checks).buffer_unordered(self.at_once());
        while let Some(checked) = checks.next().await {
            let (object, problem) = checked?;
            report.objects += 1;
            report.bytes += object.bytes;
            report.events += object.rows;
            if let Some((kind, detail)) = problem {
                report.add(kind, &object.key, detail);
            }
            self.checked.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(object.bytes, Ordering::Relaxed);
            self.tell();
        }
        Ok(())
    }

    async fn check_object<'o>(
        &self,
        stated: &'o ArchiveObject,
    ) -> Result<(&'o ArchiveObject, Option<Problem>), VerifyError> {
        let Some(key) = ArchiveKey::parse(&stated.key).filter(|key| key.partition == stated.partition) else {
            let detail = "the statement about it names another place than its key".to_owned();
            return Ok((stated, Some((FindingKind::RowsMisplaced, detail))));
        };
        let object = match StoredObject::fetch(self.store.as_ref(), &key, None).await {
            Ok(object) => object,
            Err(StoredObjectError::Store(error)) if error.kind == ErrorKind::NotFound => {
                let detail = format!("{} events are missing with it", stated.rows);
                return Ok((stated, Some((FindingKind::ObjectMissing, detail))));
            }
            Err(StoredObjectError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(VerifyError::Worker(error.to_string())),
        };
        let quick = self.options.quick;
        let stated_owned = stated.clone();
        let checked = tokio::task::spawn_blocking(move || compare(&object, &stated_owned, quick)).await;
        let problem = checked.map_err(|error| VerifyError::Worker(error.to_string()))??;
        Ok((stated, problem))
    }

    /// Whether an object or digest of a seal must be named by a statement: its seal is in the range and at its end.
    fn must_be_named(&self, seal_time: SealTime) -> bool {
        let is_under_way = self.under_way == Some(seal_time) || self.newest_digest.is_some_and(|newest| seal_time > newest);
        self.options.includes(seal_time) && !is_under_way
    }

    /// Finds objects in a folder of the archive that no statement names.
    pub async fn check_unlisted(&self, prefix: &str, report: &mut Report) -> Result<(), VerifyError> {
        self.for_each_key(prefix, |meta| {
            let seal_time = ArchiveKey::parse(&meta.key).map(|key| key.seal_time);
            let is_in_range = seal_time.is_none_or(|seal_time| self.must_be_named(seal_time));
            if is_in_range && !self.objects.contains(&meta.key) {
                let detail = match seal_time {
                    Some(seal_time) => format!("no digest names it; its name says that the seal of {seal_time} wrote it"),
                    None => "its name is not that of an archive object".to_owned(),
                };
                report.add(FindingKind::ObjectUnlisted, &meta.key, detail);
            }
        })
        .await
    }

    /// Calls `take` with each object below a prefix, page by page.
    pub async fn for_each_key(&self, prefix: &str, mut take: impl FnMut(&ObjectMeta)) -> Result<(), VerifyError> {
        let limit = self.store.page_size();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list_page(prefix, after.as_deref(), limit).await?;
            page.iter().for_each(&mut take);
            if page.len() < limit {
                return Ok(());
            }
            after = page.into_iter().next_back().map(|meta| meta.key);
        }
    }

    /// Finds digests below a prefix that no statement names.
    pub async fn check_unlisted_digests(&self, report: &mut Report) -> Result<(), VerifyError> {
        self.for_each_key(layout::DIGESTS, |meta| {
            let name = meta.key.rsplit_once('/').map_or(meta.key.as_str(), |(_, name)| name);
            let seal_time = name.strip_suffix(".json").and_then(SealTime::parse_key_name);
            let is_in_range = seal_time.is_none_or(|seal_time| self.must_be_named(seal_time));
            if is_in_range && !self.digests.contains(&meta.key) {
                report.add(FindingKind::DigestUnlisted, &meta.key, "no seal record names it");
            }
        })
        .await
    }
}

/// Compares an object with the statement about it.
fn compare(object: &StoredObject, stated: &ArchiveObject, quick: bool) -> Result<Option<Problem>, VerifyError> {
    let is_same = object.sha256() == stated.sha256 && object.bytes() == stated.bytes;
    if is_same && quick {
        return Ok(None);
    }
    let facts = match object.facts() {
        Ok(facts) => facts,
        Err(StoredObjectError::Store(error)) => return Err(error.into()),
        Err(StoredObjectError::Temporary(error)) => return Err(VerifyError::Worker(error.to_string())),
        Err(StoredObjectError::Unreadable(reason)) => {
            let kind = if is_same { FindingKind::ObjectUnreadable } else { FindingKind::ObjectChanged };
            return Ok(Some((kind, format!("it cannot be read: {reason}"))));
        }
        Err(StoredObjectError::Foreign(reason)) if is_same => return Ok(Some((FindingKind::RowsMisplaced, reason))),
        Err(StoredObjectError::Foreign(reason)) => return Ok(Some((FindingKind::ObjectChanged, reason))),
    };
    let has_same_rows = facts.merkle_root == stated.merkle_root
        && facts.rows == stated.rows
        && facts.min_event_time == stated.min_event_time
        && facts.max_event_time == stated.max_event_time;
    if !is_same {
        let detail = if has_same_rows {
            format!(
                "its SHA-256 is {}, sealed was {}; its events are the sealed ones in their order",
                object.sha256(),
                stated.sha256
            )
        } else {
            format!(
                "its SHA-256 is {}, sealed was {}; its {} events are not the {} sealed ones",
                object.sha256(),
                stated.sha256,
                facts.rows,
                stated.rows
            )
        };
        return Ok(Some((FindingKind::ObjectChanged, detail)));
    }
    if !has_same_rows {
        let detail = format!(
            "{} events with the Merkle root {}, stated are {} with {}",
            facts.rows, facts.merkle_root, stated.rows, stated.merkle_root
        );
        return Ok(Some((FindingKind::RowsDiffer, detail)));
    }
    match object.is_in_order() {
        Ok(true) => Ok(None),
        Ok(false) => {
            Ok(Some((FindingKind::RowsOutOfOrder, "its rows are not in the order of time, id and source".to_owned())))
        }
        Err(error) => Err(VerifyError::Worker(error.to_string())),
    }
}
