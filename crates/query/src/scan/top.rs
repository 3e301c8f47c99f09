//! The newest matching rows found so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditlake_event::Timestamp;

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Position, Place>,
    /// Of the rows that are not sealed yet, what each states below the millisecond, by what makes it one event: copies of an event
    /// may disagree about it.
    nanos: HashMap<Name, i32>,
}

/// What makes a row one event of an organization: event time, id, source, region.
type Name = (Timestamp, String, String, String);

fn name_of(position: &Position) -> Name {
    (position.event_time, position.event_id.clone(), position.source.clone(), position.region.clone())
}

/// What became of a row that is not sealed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is among the newest, or too old for that.
    Judged,
    /// A copy of it that states another time below the millisecond is among the newest.
    Contradicts,
}

impl State {
    fn is_too_old(&self, position: &Position, capacity: usize) -> bool {
        self.entries.len() >= capacity && self.entries.first_key_value().is_some_and(|(oldest, _)| position < oldest)
    }

    fn insert(&mut self, position: Position, place: Place, capacity: usize) {
        self.entries.insert(position, place);
        if self.entries.len() > capacity
            && let Some((oldest, _)) = self.entries.pop_first()
            && !self.nanos.is_empty()
        {
            self.nanos.remove(&name_of(&oldest));
        }
    }
}

impl Top {
    /// Room for `capacity` rows.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event time before which no row can get in any more; `i64::MIN` while there is room.
    pub fn threshold(&self) -> i64 {
        let state = self.state();
        if state.entries.len() < self.capacity {
            return i64::MIN;
        }
        state.entries.first_key_value().map_or(i64::MIN, |(oldest, _)| oldest.event_time.millis())
    }

    /// Takes a row of the archive in if it is among the newest.
    pub fn offer(&self, position: Position, place: Place) {
        let mut state = self.state();
        if !state.is_too_old(&position, self.capacity) {
            state.insert(position, place, self.capacity);
        }
    }

    /// Takes a row that is not sealed yet in if it is among the newest and `is_wanted`. Of copies that state the same time the place
    /// given last is kept.
    pub fn offer_unsealed(&self, position: Position, place: Place, is_wanted: bool) -> Offered {
        let mut state = self.state();
        let name = name_of(&position);
        if state.nanos.get(&name).is_some_and(|nanos| *nanos != position.nanos) {
            return Offered::Contradicts;
        }
        if is_wanted && !state.is_too_old(&position, self.capacity) {
            state.nanos.insert(name, position.nanos);
            state.insert(position, place, self.capacity);
        }
        Offered::Judged
    }

    /// Whether a copy that is not sealed yet of the event of a position is among the newest.
    pub fn holds_unsealed(&self, position: &Position) -> bool {
        self.state().nanos.contains_key(&name_of(position))
    }

    /// The rows, newest first.
    pub fn into_newest_first(self) -> Vec<(Position, Place)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.entries.into_iter().rev().collect()
    }
}
