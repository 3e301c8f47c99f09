//! Imports: what lies between a source's parser and landing, the same in a function and in the command.
//!
//! One thread reads and parses, a task lands what was read, in objects of bounded size; what waits between the two is bounded too.
//! Every record becomes an event, goes to quarantine with its reason, or is set aside. Importing again changes nothing: ids are
//! derived from the records, quarantine objects are named by their hash.

pub mod quarantine;
pub mod sink;

use std::io::Read;

use auditlake_lake::landing::{LandError, LandingWriter};
use auditlake_sources::{ImportContext, ReadError, Source, Summary};
use auditlake_store::{SharedStore, StoreError};
use tokio::sync::mpsc;

pub use sink::{Chunk, CountingSink, FileSink, LandingSink, QuarantineError};

/// Batches that wait to be landed.
pub const WAITING_CHUNKS: usize = 2;

/// What landing took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LandedTotals {
    /// Rows.
    pub rows: u64,
    /// Landing objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Lands batches as they come, until no more can come.
pub async fn land_chunks(writer: &LandingWriter, chunks: &mut mpsc::Receiver<Chunk>) -> Result<LandedTotals, LandError> {
    let mut totals = LandedTotals::default();
    while let Some(chunk) = chunks.recv().await {
        let landed = writer.land(&chunk).await?;
        totals.rows += landed.rows as u64;
        totals.objects += 1;
        totals.bytes += landed.bytes as u64;
    }
    Ok(totals)
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The source that read it.
    pub source: &'static str,
    /// What was read.
    pub summary: Summary,
    /// What was landed.
    pub landed: LandedTotals,
}

/// Why an object could not be imported. Import it again: what landed already is not doubled.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes could not be had.
    #[error("the object could not be read: {0}")]
    Read(std::io::Error),
    /// Events could not be landed.
    #[error("events could not be landed: {0}")]
    Land(#[from] LandError),
    /// Quarantine could not be written.
    #[error("quarantine could not be written: {0}")]
    Quarantine(#[from] QuarantineError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reading thread broke off.
    #[error("reading broke off: {0}")]
    Broken(String),
}

/// Reads one object to its end and lands its events; answers only when everything is durable.
pub async fn import_object(
    object: impl Read + Send + 'static,
    name: String,
    source: Option<&'static dyn Source>,
    context: ImportContext,
    writer: &LandingWriter,
    store: SharedStore,
) -> Result<Imported, ImportError> {
    let (sender, mut receiver) = mpsc::channel(WAITING_CHUNKS);
    let runtime = tokio::runtime::Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = LandingSink::new(sender, store, runtime);
        let read = auditlake_sources::import(object, &name, source, &context, sink.begin(&name));
        let (source, summary) = read.map_err(|error| match error {
            ReadError::Io(error) => ImportError::Read(error),
            ReadError::Sink(error) => ImportError::Broken(error.to_string()),
        })?;
        sink.end(source)?;
        sink.finish()?;
        Ok::<_, ImportError>((source, summary))
    });
    // If landing fails, the receiver is dropped here and reading ends because of it.
    let landed = land_chunks(writer, &mut receiver).await;
    drop(receiver);
    let read = reading.await.map_err(|error| ImportError::Broken(error.to_string()))?;
    let landed = landed?;
    let (source, summary) = read?;
    Ok(Imported { source, summary, landed })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auditlake_event::{Organization, Region, Timestamp};
    use auditlake_lake::clock::{Clock, SystemEntropy};
    use auditlake_lake::landing::file::decode;
    use auditlake_lake::layout::{LANDING, LandingKey, QUARANTINE};
    use auditlake_lake::{Codec, Lake, Period};
    use auditlake_store::memory::MemoryStore;

    use super::*;

    struct At(Timestamp);
    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    const TRAIL: &str = concat!(
        r#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-03-01T11:42:36Z","eventName":"GetObject","eventID":"a-1"},"#,
        r#"{"eventVersion":"1.08","eventTime":"nonsense","eventName":"GetObject","eventID":"a-2"}]}"#
    );

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_object_lands_and_its_bad_record_goes_to_quarantine_however_often_it_is_imported() {
        let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        let lake = Lake::new(now, Period::HOUR, 300_000, 300_000, Codec::Snappy);
        let store: SharedStore = Arc::new(MemoryStore::new());
        let writer = LandingWriter::new(Arc::clone(&store), lake.clone(), Arc::new(At(now)), Arc::new(SystemEntropy));
        let context = ImportContext::new(Region::parse("eu-west-1").unwrap(), Organization::parse("acme").unwrap(), now);
        for _ in 0..2 {
            let imported =
                import_object(TRAIL.as_bytes(), "trail.json".to_owned(), None, context.clone(), &writer, Arc::clone(&store));
            let imported = imported.await.unwrap();
            assert_eq!((imported.source, imported.summary.events, imported.summary.quarantined), ("aws.cloudtrail", 1, 1));
            assert_eq!(imported.landed.rows, 1);
        }
        let landed = store.list_page(LANDING, None, 10).await.unwrap();
        assert_eq!(landed.len(), 2, "each import is durable by itself; the seal collapses the copies");
        for object in &landed {
            let key = LandingKey::parse(&object.key).unwrap();
            let bytes = store.get(&object.key).await.unwrap().bytes;
            assert_eq!(decode(bytes, key.arrival(), &lake.rule()).unwrap().index.rows(), 1);
        }
        assert_eq!(store.list_page(QUARANTINE, None, 10).await.unwrap().len(), 1, "named by its hash");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_no_source_knows_is_quarantined_whole() {
        let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
        let lake = Lake::new(now, Period::HOUR, 300_000, 300_000, Codec::Snappy);
        let store: SharedStore = Arc::new(MemoryStore::new());
        let writer = LandingWriter::new(Arc::clone(&store), lake, Arc::new(At(now)), Arc::new(SystemEntropy));
        let context = ImportContext::new(Region::parse("eu-west-1").unwrap(), Organization::parse("acme").unwrap(), now);
        for (object, quarantined) in [(&b"hello"[..], 1), (b"", 0)] {
            let name = "x.bin".to_owned();
            let imported = import_object(object, name, None, context.clone(), &writer, Arc::clone(&store)).await.unwrap();
            assert_eq!((imported.source, imported.summary.records), ("unknown", quarantined));
            assert_eq!((imported.summary.quarantined, imported.landed.rows), (quarantined, 0));
        }
        let kept = store.list_page(QUARANTINE, None, 10).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert!(kept[0].key.starts_with("quarantine/source=unknown/"), "{}", kept[0].key);
        let line: serde_json::Value = serde_json::from_slice(&store.get(&kept[0].key).await.unwrap().bytes).unwrap();
        assert_eq!(
            (&line["file"], &line["reason"], &line["record"]),
            (&"x.bin".into(), &"no known log format".into(), &"hello".into())
        );
    }
}
