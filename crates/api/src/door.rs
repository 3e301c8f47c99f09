//! Where accepted events go.

use async_trait::async_trait;
use auditlake_event::Event;

/// Takes events in for good.
#[async_trait]
pub trait Door: Send + Sync {
    /// Keeps the events. Returns `Ok` only after they are durable: whoever posted them may forget them then. After an error
    /// nothing is known; a retry with the same values is the same events.
    async fn accept(&self, events: &[Event<'_>]) -> Result<(), DoorError>;
}

/// Why events could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Too much is waiting already; nothing was kept.
    #[error("too many events are waiting to be written")]
    Busy,
    /// The write failed or its outcome is not known.
    #[error("the write failed: {0}")]
    Failed(String),
}
