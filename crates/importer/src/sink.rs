//! Where an import's records go: events in batches to landing, the rest to quarantine.

use auditlake_event::Event;
use auditlake_sources::{Quarantined, SetAside, Sink, SinkError};
use auditlake_store::{SharedStore, StoreError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::quarantine::Quarantine;

/// Most events of a landing object.
const MAX_EVENTS: usize = 20_000;
/// Most bytes of texts of a landing object (8 MiB; one event more at most).
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Events that land together.
pub type Chunk = Vec<Event<'static>>;

/// Why quarantined records could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// The system's temporary folder failed.
    #[error("temporary file: {0}")]
    Temporary(#[from] std::io::Error),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The last events could not be handed on.
    #[error("landing stopped")]
    LandingStopped,
}

/// A sink that is told which file its records come from.
pub trait FileSink {
    /// A file begins.
    fn begin(&mut self, file: &str) -> &mut dyn Sink;
    /// The file of that source is read to its end.
    fn end(&mut self, source: &'static str) -> Result<(), QuarantineError>;
    /// Every file is read.
    fn finish(&mut self) -> Result<(), QuarantineError>;
}

/// Takes everything and keeps nothing: a source's own summary says what there was.
pub struct CountingSink;

impl Sink for CountingSink {
    fn event(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        Ok(())
    }
    fn quarantined(&mut self, _: &Quarantined<'_>) -> Result<(), SinkError> {
        Ok(())
    }
    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

impl FileSink for CountingSink {
    fn begin(&mut self, _: &str) -> &mut dyn Sink {
        self
    }
    fn end(&mut self, _: &'static str) -> Result<(), QuarantineError> {
        Ok(())
    }
    fn finish(&mut self) -> Result<(), QuarantineError> {
        Ok(())
    }
}

/// Sends events to landing and writes quarantine objects. Blocks the thread it is used on while landing is behind.
pub struct LandingSink {
    chunks: mpsc::Sender<Chunk>,
    events: Chunk,
    bytes: usize,
    quarantine: Quarantine,
    store: SharedStore,
    runtime: Handle,
}

impl LandingSink {
    /// A sink whose batches go to `chunks` and whose quarantine objects go to `store`.
    pub fn new(chunks: mpsc::Sender<Chunk>, store: SharedStore, runtime: Handle) -> Self {
        Self { chunks, events: Vec::new(), bytes: 0, quarantine: Quarantine::default(), store, runtime }
    }

    fn send(&mut self) -> Result<(), SinkError> {
        self.bytes = 0;
        let chunk = std::mem::take(&mut self.events);
        if chunk.is_empty() {
            return Ok(());
        }
        self.chunks.blocking_send(chunk).map_err(|_| "landing stopped".into())
    }
}

impl Sink for LandingSink {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.bytes += event.text_bytes();
        self.events.push(event.clone().into_owned());
        if self.events.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES { self.send() } else { Ok(()) }
    }

    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        Ok(self.quarantine.add(record)?)
    }

    fn set_aside(&mut self, _: &SetAside<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

impl FileSink for LandingSink {
    fn begin(&mut self, file: &str) -> &mut dyn Sink {
        self.quarantine.begin(file);
        self
    }

    fn end(&mut self, source: &'static str) -> Result<(), QuarantineError> {
        while let Some((key, bytes)) = self.quarantine.take_object(source)? {
            // An object of this key has these very bytes: its name is their hash.
            let put = self.runtime.block_on(self.store.put_if_absent(&key, bytes.into()));
            put?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QuarantineError> {
        self.send().map_err(|_| QuarantineError::LandingStopped)
    }
}
