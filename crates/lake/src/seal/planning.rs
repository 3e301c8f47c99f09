//! The plan of a period and its rows: made from what is listed, or read as another run left it.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditlake_event::Organization;
use futures::StreamExt;

use super::digests::{self, DigestReference};
use super::gather::Gatherer;
use super::listing::Listing;
use super::plan::{self, Plan};
use super::record::{Input, SetAside};
use super::{Gathered, SealError, Sealer, shards};
use crate::hash::sha256_hex;
use crate::landing::file::decode_named;
use crate::layout::{self, LandingKey, Partition};
use crate::period::SealTime;

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
        let wanted: Vec<_> = listing
            .in_window(&rule, seal_time)
            .filter(|(key, _)| !self.known.is_nothing_for(*key, seal_time, &rule))
            .cloned()
            .collect();
        let (waived, wanted): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(_, meta)| self.waived.contains_key(&meta.key));
        for (key, meta) in waived {
            let reason = self.waived.get(&meta.key).map_or("", String::as_str);
            self.known.learn_unreadable(key, &meta.etag, reason);
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
        for (key, meta) in listing.in_window(&rule, seal_time) {
            let Some((etag, reason)) = self.known.unreadable(*key) else { continue };
            if rule.last_window_of(key.arrival()) == seal_time {
                plan.set_aside.push(SetAside { key: meta.key.clone(), etag: etag.to_owned(), reason: reason.to_owned() });
            }
        }
        for object in listing.foreign_of(rule.period, seal_time) {
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

    pub(super) async fn latest_digest(
        &mut self,
        organization: &Organization,
        before: SealTime,
    ) -> Result<Option<DigestReference>, SealError> {
        if let Some(remembered) = self.latest_digests.get(organization) {
            return Ok(remembered.clone());
        }
        let found = digests::latest_digest(self.store.as_ref(), organization, before).await?;
        self.latest_digests.insert(organization.clone(), found.clone());
        Ok(found)
    }
}
