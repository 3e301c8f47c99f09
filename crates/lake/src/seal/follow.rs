//! From a plan to its record: rows are read, objects, digests and the record written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auditlake_event::Organization;
use auditlake_store::Put;
use bytes::Bytes;
use futures::StreamExt;

use super::{Gathered, Listing, Progress, SealError, Sealer, shards};
use crate::archive::Unread;
use crate::format::FORMAT_VERSION;
use crate::gather::Gatherer;
use crate::hash::sha256_hex;
use crate::integrity::{self, DigestReference, Input, SealRecord, SetAside, WrittenDigest};
use crate::json_line::one_line;
use crate::landing::file::decode_named;
use crate::layout::{self, LandingKey, Partition};
use crate::period::SealTime;
use crate::plan::{self, Plan};
use crate::restamped::Restamped;
use crate::shard::{self, ArchiveObject, Conflict, ShardContext, ShardOutcome};
use crate::status;

impl Sealer {
    /// The plan that is there, and the hash of its bytes.
    pub(super) async fn stored_plan(&self, seal_time: SealTime) -> Result<Option<(Plan, String)>, SealError> {
        let key = layout::plan_key(seal_time);
        match self.store.get(&key).await {
            Ok(object) => {
                let sha256 = sha256_hex(&object.bytes);
                let parsed = Plan::parse(&object.bytes).and_then(|plan| {
                    plan.check(seal_time, &self.lake.rule())?;
                    Ok(plan)
                });
                let mut plan = parsed.map_err(|error| SealError::Plan { key, error })?;
                plan.waive(&self.waived);
                Ok(Some((plan, sha256)))
            }
            Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn gatherer(&self, seal_time: SealTime) -> Gatherer {
        Gatherer::new(seal_time, self.lake.rule(), self.settings.memory_budget, self.settings.spill_dir.clone())
    }

    /// Reads everything in the period's window and plans from it.
    pub(super) async fn make_plan(&mut self, seal_time: SealTime, listing: &Listing) -> Result<Gathered, SealError> {
        let rule = self.lake.rule();
        let mut gatherer = self.gatherer(seal_time);
        let mut plan = plan::empty(seal_time, self.lake.codec);
        let wanted: Vec<_> = self
            .in_window(seal_time, listing)
            .filter(|(key, _)| !self.known.is_nothing_for(*key, seal_time, &rule))
            .cloned()
            .collect();
        let (waived, wanted): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(_, meta)| self.waived.contains_key(&meta.key));
        for (key, meta) in waived {
            let reason = self.waived.get(&meta.key).map(|reason| super::set_aside::reason_of(reason));
            self.known.learn_unreadable(key, &meta.etag, reason.as_deref().unwrap_or_default());
        }
        let store = Arc::clone(&self.store);
        let reads = wanted.into_iter().map(|(key, meta)| {
            let store = Arc::clone(&store);
            async move { store.get(&meta.key).await.map(|object| (key, meta, object)) }
        });
        let mut objects = futures::stream::iter(reads).buffered(self.settings.concurrency);
        let mut ordinal = 0;
        while let Some(read) = objects.next().await {
            let (key, meta, object) = read?;
            match decode_named(object.bytes, key, &rule) {
                Ok(decoded) => {
                    self.known.learn_rows(key, &decoded.index);
                    let rows = gatherer.add(ordinal, decoded)?;
                    ordinal += 1;
                    if rows > 0 {
                        plan.inputs.push(Input { key: meta.key, etag: object.etag, rows });
                    }
                }
                Err(error) if error.must_stop() => {
                    return Err(SealError::NewerVersion { key: meta.key, error });
                }
                Err(error) => {
                    tracing::error!(key = meta.key, reason = %error, "landing object cannot be read, it will be set aside");
                    self.known.learn_unreadable(key, &object.etag, &error.to_string());
                }
            }
        }
        for (key, meta) in self.in_window(seal_time, listing) {
            let Some((etag, reason)) = self.known.unreadable(*key) else { continue };
            if rule.last_window_of(key.arrival()) == seal_time {
                plan.set_aside.push(SetAside { key: meta.key.clone(), etag: etag.to_owned(), reason: reason.to_owned() });
            }
        }
        for object in self.foreign_of(seal_time, listing) {
            let reason = "the name is not that of a landing object".to_owned();
            plan.set_aside.push(SetAside { key: object.key.clone(), etag: object.etag.clone(), reason });
        }
        plan.shards = plan::split(&gatherer.summary(), &self.settings.plan);
        let organizations: BTreeSet<Organization> = plan.organizations().into_iter().cloned().collect();
        for organization in organizations {
            if let Some(previous) = self.latest_digest(&organization, seal_time).await? {
                plan.previous_digests.insert(organization, previous);
            }
        }
        Ok(Gathered { plan, gatherer })
    }

    /// Reads what a plan that is there names: all of it, or only the objects that hold rows of some partitions.
    pub(super) async fn gather_planned(
        &mut self,
        plan: Plan,
        partitions: Option<&BTreeSet<Partition>>,
    ) -> Result<Gathered, SealError> {
        let rule = self.lake.rule();
        let seal_time = plan.seal_time;
        let changed = |key: &str, problem: String| SealError::InputChanged { seal_time, key: key.to_owned(), problem };
        let mut gatherer = self.gatherer(seal_time);
        if let Some(partitions) = partitions {
            gatherer = gatherer.only(partitions.clone());
        }
        let store = Arc::clone(&self.store);
        let reads = plan.inputs.clone().into_iter().map(|input| {
            let store = Arc::clone(&store);
            async move {
                let object = match partitions {
                    Some(partitions) if !shards::holds_any(store.as_ref(), &input, seal_time, partitions).await => None,
                    _ => Some(store.get(&input.key).await),
                };
                (input, object)
            }
        });
        let mut objects = futures::stream::iter(reads).buffered(self.settings.concurrency);
        let mut ordinal = 0;
        while let Some((input, object)) = objects.next().await {
            // The rank of an object that is left out is kept: it decides which of two equal copies arrived first.
            let Some(object) = object else {
                ordinal += 1;
                continue;
            };
            let object = match object {
                Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => {
                    return Err(changed(&input.key, "is gone".to_owned()));
                }
                other => other?,
            };
            if object.etag != input.etag {
                return Err(changed(&input.key, "was replaced".to_owned()));
            }
            let Some(key) = LandingKey::parse(&input.key) else {
                return Err(changed(&input.key, "has a name that is not ours".to_owned()));
            };
            let decoded = decode_named(object.bytes, key, &rule).map_err(|error| changed(&input.key, error.to_string()))?;
            self.known.learn_rows(key, &decoded.index);
            let rows = gatherer.add(ordinal, decoded)?;
            ordinal += 1;
            if rows != input.rows {
                return Err(changed(&input.key, format!("holds {rows} rows of the period, planned were {}", input.rows)));
            }
        }
        Ok(Gathered { plan, gatherer })
    }

    /// Writes archive objects, digests and the record of a plan.
    pub(super) async fn execute(&mut self, gathered: Gathered, plan_sha256: String) -> Result<Progress, SealError> {
        let Gathered { plan, gatherer } = gathered;
        let seal_time = plan.seal_time;
        let mut rows = gatherer.sorted()?;
        let context = self.shard_context(&plan);
        let mut outcome = Outcome::default();
        for (number, pieces) in plan.shards.iter().enumerate() {
            let shard = shard::write_pieces(self.store.as_ref(), &context, pieces, &mut rows).await?;
            self.put_conflicts(seal_time, number, &shard).await?;
            outcome.add(shard);
        }
        drop(rows);
        self.finish(plan, plan_sha256, outcome).await
    }

    pub(super) fn shard_context(&self, plan: &Plan) -> ShardContext {
        ShardContext {
            seal_time: plan.seal_time,
            codec: plan.codec,
            rule: self.lake.rule(),
            lists_restamped: plan.lists_restamped(),
        }
    }

    /// Keeps the copies that contradict the archive, whole, and lists the events with one id and different times.
    pub(super) async fn put_conflicts(
        &self,
        seal_time: SealTime,
        shard: usize,
        outcome: &ShardOutcome,
    ) -> Result<(), SealError> {
        if !outcome.restamped.is_empty() {
            let key = layout::restamped_key(seal_time, shard);
            tracing::warn!(key, ids = outcome.restamped.len(), "posted events carry one id and different times");
            let lines = outcome.restamped.iter().flat_map(one_line).collect::<Vec<u8>>();
            self.put_same(&key, lines.into()).await?;
        }
        if outcome.conflicts.is_empty() {
            return Ok(());
        }
        let copies = outcome.conflicts.iter().flat_map(one_line).collect::<Vec<u8>>();
        self.put_same(&layout::conflicts_key(seal_time, shard), copies.into()).await
    }

    /// Writes digests and the record of a plan whose archive objects are there.
    pub(super) async fn finish(&mut self, plan: Plan, plan_sha256: String, outcome: Outcome) -> Result<Progress, SealError> {
        let seal_time = plan.seal_time;
        self.set_aside(&plan).await?;
        let digests = integrity::digests(
            seal_time,
            &outcome.objects,
            &outcome.duplicates_by_organization,
            &outcome.conflicts,
            &outcome.restamped,
            &plan.previous_digests,
        );
        self.check_record(seal_time).await?;
        let mut written = Vec::with_capacity(digests.len());
        for digest in &digests {
            let bytes = digest.to_bytes()?;
            let sha256 = sha256_hex(&bytes);
            let key = layout::digest_key(&digest.organization, seal_time);
            self.put_same(&key, bytes.into()).await?;
            written.push(WrittenDigest { organization: digest.organization.clone(), key, sha256 });
        }
        let previous_sha256 = self.previous_record(seal_time).await?;
        let record = self.record(&plan, plan_sha256, outcome, written, previous_sha256)?;
        self.put_record(&record).await?;
        for digest in &record.digests {
            let reference = DigestReference { seal_time, sha256: digest.sha256.clone() };
            self.latest_digests.insert(digest.organization.clone(), Some(reference));
        }
        self.retire(seal_time).await?;
        Ok(Progress::Sealed(Box::new(record)))
    }

    pub(super) fn record(
        &self,
        plan: &Plan,
        plan_sha256: String,
        outcome: Outcome,
        digests: Vec<WrittenDigest>,
        previous_sha256: Option<String>,
    ) -> Result<SealRecord, SealError> {
        let rows_in = plan.rows();
        let rows_out = outcome.objects.iter().map(|object| object.rows).sum();
        let conflicts = outcome.conflicts.len() as u64;
        if rows_in != rows_out + outcome.duplicates + conflicts {
            return Err(SealError::RowsDoNotAddUp {
                seal_time: plan.seal_time,
                rows_in,
                rows_out,
                duplicates: outcome.duplicates,
                conflicts,
            });
        }
        Ok(SealRecord {
            format_version: FORMAT_VERSION,
            seal_time: plan.seal_time,
            plan_sha256,
            inputs: plan.inputs.clone(),
            set_aside: plan.set_aside.clone(),
            outputs: outcome.objects,
            digests,
            rows_in,
            rows_out,
            duplicates: outcome.duplicates,
            conflicts,
            late_rows: outcome.late_rows,
            unsearched: outcome.unsearched,
            displaced: outcome.displaced,
            previous_sha256,
        })
    }

    /// Copies what cannot be used to quarantine, byte for byte.
    pub(super) async fn set_aside(&self, plan: &Plan) -> Result<(), SealError> {
        for object in &plan.set_aside {
            tracing::error!(key = object.key, reason = object.reason, "landing object set aside");
            match self.store.get(&object.key).await {
                Ok(found) => {
                    self.store.put_if_absent(&format!("{}{}", layout::QUARANTINE, object.key), found.bytes).await?;
                }
                // A stranger's object may be taken away again by the stranger.
                Err(error) if error.kind == auditlake_store::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) async fn put_record(&mut self, record: &SealRecord) -> Result<(), SealError> {
        let bytes = record.to_bytes()?;
        let sha256 = sha256_hex(&bytes);
        self.put_same(&layout::record_key(record.seal_time), bytes.into()).await?;
        self.last_record = Some((record.seal_time, sha256));
        self.sealed_until = Some(self.lake.period().next(record.seal_time));
        Ok(())
    }

    /// Puts a write-once object that anybody who seals this period would write alike.
    pub(super) async fn put_same(&self, key: &str, bytes: Bytes) -> Result<(), SealError> {
        match self.store.put_if_absent(key, bytes.clone()).await? {
            Put::Created { .. } => Ok(()),
            Put::Exists if self.store.get(key).await?.bytes == bytes => Ok(()),
            Put::Exists => Err(SealError::Contradiction(key.to_owned())),
        }
    }

    pub(super) async fn is_sealed(&self, seal_time: SealTime) -> Result<bool, SealError> {
        Ok(status::is_sealed(self.store.as_ref(), &self.lake, seal_time).await?)
    }

    pub(super) async fn previous_record(&self, seal_time: SealTime) -> Result<Option<String>, SealError> {
        if seal_time == self.lake.first_period {
            return Ok(None);
        }
        let previous = self.lake.period().previous(seal_time);
        match &self.last_record {
            Some((remembered, sha256)) if *remembered == previous => Ok(Some(sha256.clone())),
            _ => Ok(integrity::record_hash(self.store.as_ref(), previous).await?),
        }
    }

    pub(super) async fn latest_digest(
        &mut self,
        organization: &Organization,
        before: SealTime,
    ) -> Result<Option<DigestReference>, SealError> {
        if let Some(remembered) = self.latest_digests.get(organization) {
            return Ok(remembered.clone());
        }
        let found = integrity::latest_digest(self.store.as_ref(), organization, before).await?;
        self.latest_digests.insert(organization.clone(), found.clone());
        Ok(found)
    }
}

/// What the shards of a seal did together.
#[derive(Default)]
pub(super) struct Outcome {
    objects: Vec<ArchiveObject>,
    conflicts: Vec<Conflict>,
    restamped: Vec<Restamped>,
    duplicates: u64,
    duplicates_by_organization: BTreeMap<Organization, u64>,
    late_rows: u64,
    unsearched: Vec<Unread>,
    displaced: Vec<Unread>,
}

impl Outcome {
    pub(super) fn add(&mut self, shard: shard::ShardOutcome) {
        self.objects.extend(shard.objects);
        self.conflicts.extend(shard.conflicts);
        self.restamped.extend(shard.restamped);
        self.duplicates += shard.duplicates;
        self.late_rows += shard.late_rows;
        self.unsearched.extend(shard.unsearched);
        self.displaced.extend(shard.displaced);
        // A damaged object may have been met by several pieces.
        self.unsearched.sort();
        self.unsearched.dedup();
        for (organization, duplicates) in shard.duplicates_by_organization {
            *self.duplicates_by_organization.entry(organization).or_default() += duplicates;
        }
    }
}
