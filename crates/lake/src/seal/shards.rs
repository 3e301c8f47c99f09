//! Shards written side by side by workers.
//!
//! A plan with several shards may be handed out: each worker reads the plan, gathers the rows of its pieces, writes their archive
//! objects and, last, states what it did in a write-once object beside the plan. A run that finds all statements there writes
//! digests and record from them; until then it asks again for those that are missing. Any worker may die, or be asked twice.

use std::collections::BTreeSet;

use auditlake_store::{ErrorKind, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::outcome::{Outcome, ShardOutcome};
use super::plan::Plan;
use super::record::Input;
use super::workers::{ShardDone, ShardWorkers};
use super::write::write_pieces;
use super::{Progress, SealError, Sealer};
use crate::format::FORMAT_VERSION;
use crate::json_line::to_line;
use crate::landing::file::read_index;
use crate::layout::{self, LandingKey, Partition};
use crate::period::SealTime;

/// The end of an object in which its footer lies, in bytes: nearly always all of it.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Whether a landing object may hold rows of these partitions. What cannot be told from the footer is read.
pub(super) async fn holds_any(
    store: &dyn Store,
    input: &Input,
    seal_time: SealTime,
    partitions: &BTreeSet<Partition>,
) -> bool {
    let Some(key) = LandingKey::parse(&input.key) else { return true };
    let Ok(tail) = store.get_suffix(&input.key, FOOTER_BYTES).await else { return true };
    if tail.etag != input.etag {
        return true;
    }
    let Ok(index) = read_index(&tail.bytes, tail.size, key.arrival()) else { return true };
    index.groups.into_iter().filter(|group| group.seal_time == seal_time).any(|group| {
        let partition = Partition { region: group.region, organization: group.organization, hour: group.hour };
        partitions.contains(&partition)
    })
}

impl Sealer {
    /// Who writes the shards of this plan, if not this sealer.
    pub(super) fn workers_for(&self, plan: &Plan) -> Option<std::sync::Arc<dyn ShardWorkers>> {
        self.settings.workers.clone().filter(|_| plan.shards.len() > 1)
    }

    async fn shard_done(
        &self,
        seal_time: SealTime,
        shard: usize,
        plan_sha256: &str,
    ) -> Result<Option<ShardOutcome>, SealError> {
        let key = layout::shard_key(seal_time, shard);
        let bytes = match self.store.get(&key).await {
            Ok(object) => object.bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match serde_json::from_slice::<ShardDone>(&bytes) {
            Ok(done) if done.format_version == FORMAT_VERSION && done.plan_sha256 == plan_sha256 => Ok(Some(done.outcome)),
            _ => Err(SealError::Contradiction(key)),
        }
    }

    /// Takes what workers state; asks for what is missing.
    pub(super) async fn collect_shards(
        &mut self,
        plan: Plan,
        plan_sha256: String,
        workers: &dyn ShardWorkers,
    ) -> Result<Progress, SealError> {
        let seal_time = plan.seal_time;
        let this = &*self;
        let reads = (0..plan.shards.len()).map(|shard| this.shard_done(seal_time, shard, &plan_sha256));
        let found: Vec<Option<ShardOutcome>> =
            futures::stream::iter(reads).buffered(self.settings.concurrency).try_collect().await?;
        let missing: Vec<usize> =
            found.iter().enumerate().filter(|(_, done)| done.is_none()).map(|(shard, _)| shard).collect();
        if !missing.is_empty() {
            tracing::info!(%seal_time, missing = missing.len(), shards = plan.shards.len(), "shards are handed out");
            let requested = workers.request(seal_time, &missing).await;
            requested.map_err(|reason| SealError::Workers { seal_time, reason })?;
            return Ok(Progress::Waiting(missing.len()));
        }
        let mut outcome = Outcome::default();
        for shard in found.into_iter().flatten() {
            outcome.add(shard);
        }
        self.learn_inputs(&plan).await?;
        self.finish(plan, plan_sha256, outcome).await
    }

    /// Learns which rows the plan's inputs hold, without reading the rows: needed to retire them.
    async fn learn_inputs(&mut self, plan: &Plan) -> Result<(), SealError> {
        let store = &self.store;
        let reads = plan.inputs.iter().map(|input| async move {
            let key = LandingKey::parse(&input.key)?;
            let tail = store.get_suffix(&input.key, FOOTER_BYTES).await.ok()?;
            let index = read_index(&tail.bytes, tail.size, key.arrival()).ok()?;
            Some((key, index))
        });
        // What cannot be read any more stays untagged: it costs storage, nothing else.
        let indexes: Vec<_> = futures::stream::iter(reads).buffered(self.settings.concurrency).collect().await;
        for (key, index) in indexes.into_iter().flatten() {
            self.known.learn_rows(key, &index);
        }
        Ok(())
    }

    /// Writes one shard of the plan of a period and states what was done. Does nothing if that is stated already, or if the
    /// period is sealed.
    pub async fn seal_shard(&mut self, seal_time: SealTime, shard: usize) -> Result<Option<ShardDone>, SealError> {
        if self.is_sealed(seal_time).await? {
            return Ok(None);
        }
        self.waived = super::set_aside::landing_objects(self.store.as_ref()).await?;
        let Some((plan, plan_sha256)) = self.stored_plan(seal_time).await? else {
            return Err(SealError::NoSuchShard { seal_time, shard });
        };
        let Some(pieces) = plan.shards.get(shard).cloned() else { return Err(SealError::NoSuchShard { seal_time, shard }) };
        if self.shard_done(seal_time, shard, &plan_sha256).await?.is_some() {
            return Ok(None);
        }
        let partitions: BTreeSet<Partition> = pieces.iter().map(|piece| piece.partition.clone()).collect();
        let context = self.shard_context(&plan);
        let gathered = self.gather_planned(plan, Some(&partitions)).await?;
        let mut rows = gathered.gatherer.sorted()?;
        let outcome = write_pieces(self.store.as_ref(), &context, &pieces, &mut rows).await?;
        drop(rows);
        self.put_conflicts(seal_time, shard, &outcome).await?;
        let done = ShardDone { format_version: FORMAT_VERSION, plan_sha256, outcome };
        self.put_same(&layout::shard_key(seal_time, shard), Bytes::from(to_line(&done)?)).await?;
        Ok(Some(done))
    }
}
