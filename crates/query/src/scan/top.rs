//! The newest matching rows found so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::object::Handle;
use crate::engine::Position;

/// Where a row is stored.
#[derive(Debug, Clone)]
pub struct Place {
    /// The object.
    pub handle: Arc<Handle>,
    /// Its row group.
    pub row_group: usize,
    /// The row in it.
    pub row: u32,
}

/// The newest rows, at most as many as are wanted.
#[derive(Debug)]
pub struct Top {
    capacity: usize,
    entries: Mutex<BTreeMap<Position, Place>>,
}

impl Top {
    /// Room for `capacity` rows.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::new(BTreeMap::new()) }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Position, Place>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event time before which no row can get in any more; `i64::MIN` while there is room.
    pub fn threshold(&self) -> i64 {
        let entries = self.entries();
        if entries.len() < self.capacity {
            return i64::MIN;
        }
        entries.first_key_value().map_or(i64::MIN, |(oldest, _)| oldest.event_time.millis())
    }

    /// Takes a row in if it is among the newest. Of one event the place given last is kept.
    pub fn offer(&self, position: Position, place: Place) {
        let mut entries = self.entries();
        let is_too_old =
            entries.len() >= self.capacity && entries.first_key_value().is_some_and(|(oldest, _)| position < *oldest);
        if is_too_old {
            return;
        }
        entries.insert(position, place);
        if entries.len() > self.capacity {
            entries.pop_first();
        }
    }

    /// The object in which the row of a position was found, if it is among the newest.
    pub fn object_of(&self, position: &Position) -> Option<Arc<Handle>> {
        self.entries().get(position).map(|place| Arc::clone(&place.handle))
    }

    /// The rows, newest first.
    pub fn into_newest_first(self) -> Vec<(Position, Place)> {
        let entries = self.entries.into_inner().unwrap_or_else(PoisonError::into_inner);
        entries.into_iter().rev().collect()
    }
}
