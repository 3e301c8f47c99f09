//! A limit on the memory of all requests that are being read.
//!
//! A body of 80 kB may decompress to 32 MiB, and validating, hashing and writing its events needs at least as much again. A single
//! request is within the limits, but many concurrent ones are not. A request therefore claims memory here before it allocates it; if
//! none is left, the response is 503, before the request costs anything.
//!
//! Requests claim memory step by step, so many concurrent requests could use up the room before any of them is complete, and all would
//! be refused. To prevent this, one request at a time may exceed the limit, so at least one of them always succeeds.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// What is counted at a time, in bytes.
const UNIT: usize = 1024;
/// What a byte of a body costs at most from its first look to the answer: itself, its events, and their receipts.
const COST_OF_A_BYTE: usize = 3;
/// Seconds after which a request that found no room should come again.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Room for the requests of a process.
#[derive(Debug, Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    /// The permit of the one request that may exceed the limit.
    beyond: Arc<Semaphore>,
    total: usize,
    cost_of_a_byte: usize,
}

impl Room {
    /// Room for requests that hold `bytes` bytes in total; one of them may exceed this.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        let (free, beyond) = (Arc::new(Semaphore::new(units)), Arc::new(Semaphore::new(1)));
        Self { free, beyond, total: units, cost_of_a_byte: COST_OF_A_BYTE }
    }

    /// Room for bodies as they are sent, which cost what they measure.
    #[must_use]
    pub fn as_sent(bytes: usize) -> Self {
        Self { cost_of_a_byte: 1, ..Self::new(bytes) }
    }

    /// Room without a bound, where another limit holds: a function answers one request at a time.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// A claim to nothing yet.
    #[must_use]
    pub fn claim(&self) -> Claim {
        Claim { room: self.clone(), held: None, beyond: None, bytes: 0 }
    }

    /// Bytes that are claimed now.
    #[must_use]
    pub fn claimed_bytes(&self) -> usize {
        self.total.saturating_sub(self.free.available_permits()).saturating_mul(UNIT)
    }

    /// Bytes that may be claimed.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.total.saturating_mul(UNIT)
    }
}

/// What one request holds; dropped, it is free again.
#[derive(Debug)]
pub struct Claim {
    room: Room,
    held: Option<OwnedSemaphorePermit>,
    /// Held if this request may exceed the limit.
    beyond: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Claim {
    /// Claims what `bytes` more bytes of a body will cost. 503 if there is no room left and another request already
    /// exceeds the limit.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let wanted = self.bytes.saturating_mul(self.room.cost_of_a_byte).div_ceil(UNIT);
        let missing = wanted.saturating_sub(self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 || self.beyond.is_some() {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| no_room())?;
        match (Arc::clone(&self.room.free).try_acquire_many_owned(missing), &mut self.held) {
            (Ok(more), Some(held)) => held.merge(more),
            (Ok(more), None) => self.held = Some(more),
            (Err(_), _) => {
                let beyond = Arc::clone(&self.room.beyond).try_acquire_owned().map_err(|_| no_room())?;
                self.beyond = Some(beyond);
            }
        }
        Ok(())
    }
}

/// The answer to a request that finds no room.
fn no_room() -> Problem {
    Problem::unavailable(
        "too many large requests are being read at once; nothing of this one was kept, send it again",
        RETRY_AFTER_SECONDS,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_is_bounded_over_all_requests_and_free_again_afterwards() {
        let room = Room::new(90 * UNIT);
        let (mut first, mut second) = (room.claim(), room.claim());
        first.grow(10 * UNIT).unwrap();
        first.grow(10 * UNIT).unwrap();
        second.grow(10 * UNIT).unwrap();
        assert_eq!(room.claimed_bytes(), 90 * UNIT);
        // One goes on beyond it, and only one.
        second.grow(1).unwrap();
        second.grow(10 * UNIT).unwrap();
        assert_eq!(room.claimed_bytes(), 90 * UNIT);
        let problem = first.grow(1).unwrap_err();
        assert_eq!(problem.status, 503);
        assert_eq!(problem.into_response("r").headers()["retry-after"], "2");
        drop(first);
        let mut third = room.claim();
        third.grow(10 * UNIT).unwrap();
        third.grow(10 * UNIT).unwrap();
        assert_eq!(third.grow(UNIT).unwrap_err().status, 503);
        drop(second);
        third.grow(UNIT).unwrap();
        drop(third);
        assert_eq!(room.claimed_bytes(), 0);
    }

    #[test]
    fn of_requests_that_fill_the_room_together_one_succeeds() {
        let room = Room::new(90 * UNIT);
        let mut claims: Vec<Claim> = (0..32).map(|_| room.claim()).collect();
        for _ in 0..20 {
            claims.retain_mut(|claim| claim.grow(UNIT).is_ok());
        }
        assert!((1..32).contains(&claims.len()), "{}", claims.len());
    }

    #[test]
    fn without_a_bound_everything_has_room() {
        let mut claim = Room::unbounded().claim();
        claim.grow(1 << 30).unwrap();
        claim.grow(1 << 30).unwrap();
    }
}
