//! From a plan to its record: objects, digests and the record are written.

use auditlake_store::Put;
use bytes::Bytes;

use super::context::ShardContext;
use super::digests::{self, DigestReference};
use super::outcome::{Outcome, ShardOutcome};
use super::plan::Plan;
use super::record::{self, SealRecord, WrittenDigest};
use super::write::write_pieces;
use super::{Gathered, Progress, SealError, Sealer};
use crate::format::FORMAT_VERSION;
use crate::hash::sha256_hex;
use crate::json_line::one_line;
use crate::period::SealTime;
use crate::{layout, status};

impl Sealer {
    /// Writes archive objects, digests and the record of a plan.
    pub(super) async fn execute(&mut self, gathered: Gathered, plan_sha256: String) -> Result<Progress, SealError> {
        let Gathered { plan, gatherer } = gathered;
        let seal_time = plan.seal_time;
        let mut rows = gatherer.sorted()?;
        let context = self.shard_context(&plan);
        let mut outcome = Outcome::default();
        for (number, pieces) in plan.shards.iter().enumerate() {
            let shard = write_pieces(self.store.as_ref(), &context, pieces, &mut rows).await?;
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
        let digests = digests::digests(
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
        let next = self.lake.period().next(record.seal_time);
        self.sealed_until = Some(next);
        self.compared_until = Some(next);
        Ok(())
    }

    /// Puts a write-once object of which every run of this seal writes the same bytes.
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
            _ => Ok(record::record_hash(self.store.as_ref(), previous).await?),
        }
    }
}
