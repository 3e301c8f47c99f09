//! The two things the core takes from outside: the time, and random bytes. It never asks the machine itself.

use auditlake_event::Timestamp;

/// Tells the time. The core never asks the machine itself.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random bytes for the names of landing objects.
pub trait Entropy: Send + Sync {
    /// Ten random bytes.
    fn bytes(&self) -> [u8; 10];
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes(&self) -> [u8; 10] {
        // Of a version 4 UUID the bytes 0 to 5 and 9 to 15 are random throughout.
        let random = uuid::Uuid::new_v4();
        let mut bytes = [0; 10];
        bytes[..6].copy_from_slice(&random.as_bytes()[..6]);
        bytes[6..].copy_from_slice(&random.as_bytes()[9..13]);
        bytes
    }
}
