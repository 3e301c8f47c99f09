//! The first matching rows found so far, in the order of the answer.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditlake_event::Timestamp;

use super::handle::Handle;
use crate::question::{Order, Position};

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

/// The first rows of an answer, at most as many as are wanted.
#[derive(Debug)]
pub struct Top {
    order: Order,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Ranked, Place>,
    /// Of the rows that are not sealed yet, what each states below the millisecond, by what makes it one event: copies of an event
    /// may disagree about it.
    nanos: HashMap<Name, i32>,
}

/// A place by its rank: of a smaller rank is what comes later in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranked {
    position: Position,
    order: Order,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = self.position.cmp(&other.position);
        if self.order == Order::NewestFirst { by_time } else { by_time.reverse() }
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What makes a row one event of an organization: event time, id, source, region.
type Name = (Timestamp, String, String, String);

fn name_of(position: &Position) -> Name {
    (position.event_time, position.event_id.clone(), position.source.clone(), position.region.clone())
}

/// What became of a row that is not sealed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is among the first, or comes too late for that.
    Judged,
    /// A copy of it that states another time below the millisecond is among the first.
    Contradicts,
}

impl State {
    fn comes_too_late(&self, position: &Position, top: &Top) -> bool {
        let last = self.entries.first_key_value().filter(|_| self.entries.len() >= top.capacity);
        last.is_some_and(|(last, _)| top.order.is_after(position, &last.position))
    }

    fn insert(&mut self, position: Position, place: Place, top: &Top) {
        self.entries.insert(Ranked { position, order: top.order }, place);
        if self.entries.len() > top.capacity
            && let Some((last, _)) = self.entries.pop_first()
            && !self.nanos.is_empty()
        {
            self.nanos.remove(&name_of(&last.position));
        }
    }
}

impl Top {
    /// Room for `capacity` rows of an answer of this order.
    pub fn new(order: Order, capacity: usize) -> Self {
        Self { order, capacity, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event time beyond which no row can get in any more: before it if the newest come first, else after it. `None` while there is
    /// room.
    pub fn threshold(&self) -> Option<i64> {
        let state = self.state();
        if state.entries.len() < self.capacity {
            return None;
        }
        state.entries.first_key_value().map(|(last, _)| last.position.event_time.millis())
    }

    /// Takes a row of the archive in if it is among the first.
    pub fn offer(&self, position: Position, place: Place) {
        let mut state = self.state();
        if !state.comes_too_late(&position, self) {
            state.insert(position, place, self);
        }
    }

    /// Takes a row that is not sealed yet in if it is among the first and `is_wanted`. Of copies that state the same time the place
    /// given last is kept.
    pub fn offer_unsealed(&self, position: Position, place: Place, is_wanted: bool) -> Offered {
        let mut state = self.state();
        let name = name_of(&position);
        if state.nanos.get(&name).is_some_and(|nanos| *nanos != position.nanos) {
            return Offered::Contradicts;
        }
        if is_wanted && !state.comes_too_late(&position, self) {
            state.nanos.insert(name, position.nanos);
            state.insert(position, place, self);
        }
        Offered::Judged
    }

    /// Whether a copy that is not sealed yet of the event of a position is among the first.
    pub fn holds_unsealed(&self, position: &Position) -> bool {
        self.state().nanos.contains_key(&name_of(position))
    }

    /// The rows, in the order of the answer.
    pub fn into_ordered(self) -> Vec<(Position, Place)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.entries.into_iter().rev().map(|(ranked, place)| (ranked.position, place)).collect()
    }
}
