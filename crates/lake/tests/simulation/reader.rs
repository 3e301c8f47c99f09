//! The exact read of the design, written as plainly as it is stated there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use arrow_array::RecordBatch;
use auditlake_event::batch::EventRows;
use auditlake_event::canonical::event_hash;
use auditlake_lake::layout::{self, ArchiveKey, LandingKey};
use auditlake_lake::{Arrival, Lake, SealTime, landing, status};
use auditlake_store::memory::MemoryStore;
use auditlake_store::{Store, StoreError};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::world::{Key, key_of};

/// Key, event hash and seal time of each row of an object.
pub type Rows = Rc<Vec<(Key, String, SealTime)>>;

/// Objects never change, so each is taken apart once.
#[derive(Default, Clone)]
pub struct Reader {
    cache: Rc<RefCell<BTreeMap<String, Option<Rows>>>>,
}

fn rows_of(batches: &[RecordBatch], key: Option<&ArchiveKey>) -> Vec<(Key, String, SealTime)> {
    let mut rows = Vec::new();
    for batch in batches {
        let partition = key.map(|key| (&key.partition.region, &key.partition.organization));
        let events = EventRows::new(batch, partition).unwrap();
        for row in 0..events.len() {
            let event = events.event(row).unwrap();
            let seal_time = SealTime::from_start(events.seal_time(row).unwrap());
            rows.push((key_of(&event), hex::encode(event_hash(&event)), seal_time));
        }
    }
    rows
}

pub fn archive_rows(key: &ArchiveKey, bytes: Bytes) -> Vec<(Key, String, SealTime)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    rows_of(&batches, Some(key))
}

impl Reader {
    async fn archive(&self, store: &MemoryStore, key: &ArchiveKey) -> Result<Rows, StoreError> {
        let name = key.to_string();
        if let Some(Some(rows)) = self.cache.borrow().get(&name).cloned() {
            return Ok(rows);
        }
        let rows = Rc::new(archive_rows(key, store.get(&name).await?.bytes));
        self.cache.borrow_mut().insert(name, Some(Rc::clone(&rows)));
        Ok(rows)
    }

    async fn landing(&self, store: &MemoryStore, lake: &Lake, key: &LandingKey) -> Result<Option<Rows>, StoreError> {
        let name = key.to_string();
        // The object must be there although its rows are remembered: reading one that has expired must fail.
        let bytes = store.get(&name).await?.bytes;
        if let Some(rows) = self.cache.borrow().get(&name).cloned() {
            return Ok(rows);
        }
        let decoded = landing::file::decode(bytes, key.arrival(), &lake.rule()).ok();
        let rows = decoded.map(|object| Rc::new(rows_of(&object.batches, None)));
        self.cache.borrow_mut().insert(name, rows.clone());
        Ok(rows)
    }

    /// Every event with its hash, as a reader sees the lake: how often it occurs after the collapse of what is not sealed.
    pub async fn read(&self, store: &MemoryStore, lake: &Lake) -> Result<BTreeMap<Key, Vec<String>>, StoreError> {
        let sealed_until = status::sealed_until(store, lake, None).await?;
        let mut seen: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for object in auditlake_store::list_all(store, layout::ARCHIVE, None, None).await? {
            let key = ArchiveKey::parse(&object.key).unwrap();
            if key.seal_time < sealed_until {
                for (event, hash, _) in self.archive(store, &key).await?.iter() {
                    seen.entry(event.clone()).or_default().push(hash.clone());
                }
            }
        }
        let from = Arrival(sealed_until.start().plus_millis(-lake.lead_ms));
        let start_after = layout::landing_bound(from);
        for object in auditlake_store::list_all(store, layout::LANDING, Some(&start_after), None).await? {
            let Some(key) = LandingKey::parse(&object.key) else { continue };
            let Some(rows) = self.landing(store, lake, &key).await? else { continue };
            for (event, hash, seal_time) in rows.iter() {
                if *seal_time >= sealed_until {
                    // The first arrived counts; the archive came before.
                    seen.entry(event.clone()).or_insert_with(|| vec![hash.clone()]);
                }
            }
        }
        Ok(seen)
    }
}
