//! Whether a late row is in the archive already, written by an earlier seal.

use std::collections::HashMap;

use auditlake_store::{Store, list_all};

use crate::layout::{ArchiveKey, Partition};
use crate::merkle::Hash;
use crate::period::{SealRule, SealTime};
use crate::resolve::IdentityColumns;
use crate::shard::ShardError;
use crate::stored_object::{StoredObject, StoredObjectError};

/// What a late row is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LateRow<'a> {
    /// Event time in ms.
    pub time: i64,
    /// Event id.
    pub id: &'a str,
    /// The door.
    pub source: &'a str,
}

/// The archive objects of one partition that seals before ours wrote.
pub(crate) struct ArchivedRows<'a> {
    store: &'a dyn Store,
    partition: &'a Partition,
    rule: SealRule,
    seal_time: SealTime,
    objects: Option<Vec<ArchiveKey>>,
}

impl<'a> ArchivedRows<'a> {
    /// For late rows of `partition`, sealed with `seal_time`.
    pub fn new(store: &'a dyn Store, partition: &'a Partition, rule: SealRule, seal_time: SealTime) -> Self {
        Self { store, partition, rule, seal_time, objects: None }
    }

    async fn objects(&mut self) -> Result<Vec<ArchiveKey>, ShardError> {
        if let Some(objects) = &self.objects {
            return Ok(objects.clone());
        }
        let listed = list_all(self.store, &self.partition.prefix(), None, None).await?;
        let keys = listed.iter().filter_map(|object| ArchiveKey::parse(&object.key));
        let objects: Vec<ArchiveKey> = keys.filter(|key| key.seal_time < self.seal_time).collect();
        self.objects = Some(objects.clone());
        Ok(objects)
    }

    /// For each of `rows`, which are in time order, the event hash of its copy in the archive.
    pub async fn find(&mut self, rows: Vec<LateRow<'_>>) -> Result<Vec<Option<Hash>>, ShardError> {
        let mut found = vec![None; rows.len()];
        if rows.is_empty() {
            return Ok(found);
        }
        let mut wanted: HashMap<LateRow<'_>, Vec<usize>> = HashMap::new();
        for (position, row) in rows.iter().enumerate() {
            wanted.entry(*row).or_default().push(position);
        }
        for key in self.objects().await? {
            let failed = |error: StoredObjectError| match error {
                StoredObjectError::Store(error) => ShardError::Store(error),
                error => ShardError::Archived { key: key.to_string(), error },
            };
            let object = StoredObject::fetch(self.store, &key, None).await.map_err(failed)?;
            let matched = object.for_each_batch(|batch, hashes| {
                let columns = IdentityColumns::of(batch)?;
                for (row, hash) in hashes.iter().enumerate() {
                    let (time, id, source) = (columns.times.value(row), columns.ids.value(row), columns.sources.value(row));
                    for position in wanted.get(&LateRow { time, id, source }).into_iter().flatten() {
                        found[*position] = Some(*hash);
                    }
                }
                Ok(())
            });
            matched.map_err(failed)?;
        }
        Ok(found)
    }
}
