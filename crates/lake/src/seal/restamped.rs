//! Posted events that carry one id and different times: most likely one event, whose sender stamped a retry anew.
//!
//! Id and time together identify an event, so both are kept, and the pair is listed for a person to judge. Looked for is among the
//! rows of one archive object, which are in time order, with bounded memory: a retry that falls into another hour, that is sealed
//! by another period, or before which [`MOST_IDS`] other ids came, is not found.

use std::collections::{HashMap, VecDeque};

use auditlake_event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hash::Hash;
use crate::layout::Partition;

/// How many ids are remembered: the latest in time.
pub const MOST_IDS: usize = 1 << 17;

/// The door whose clients choose ids and send again what was not answered.
const POSTED: &str = "api";

/// Two posted events with one id. Both are in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restamped {
    /// Where both lie.
    pub partition: Partition,
    /// The door both came through.
    pub source: String,
    /// The id both carry.
    pub event_id: String,
    /// When the first happened.
    pub first_time: Timestamp,
    /// Its event hash.
    pub first_hash: Hash,
    /// When the next one happened.
    pub other_time: Timestamp,
    /// Its event hash.
    pub other_hash: Hash,
    /// How many events of the object carry the id.
    pub events: u64,
}

/// Ids are known by the first half of their SHA-256: the same in every run, and no sender can make two alike.
type Fingerprint = [u8; 16];

struct Seen {
    time: i64,
    hash: Hash,
    /// The position among those that were found.
    found: Option<usize>,
}

/// Finds ids that come again with another time among rows that come in time order.
#[derive(Default)]
pub(crate) struct RestampedSearch {
    seen: HashMap<Fingerprint, Seen>,
    in_order: VecDeque<Fingerprint>,
    found: Vec<Restamped>,
}

/// A row that is in the archive.
#[derive(Clone, Copy)]
pub(crate) struct KeptRow<'a> {
    pub time: i64,
    pub id: &'a str,
    pub source: &'a str,
    pub hash: Hash,
}

impl RestampedSearch {
    /// Looks at the next row of a partition.
    pub fn look_at(&mut self, partition: &Partition, row: KeptRow<'_>) {
        if row.source != POSTED {
            return;
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.iter_mut().zip(Sha256::digest(row.id)).for_each(|(to, from)| *to = from);
        let Some(seen) = self.seen.get_mut(&fingerprint) else { return self.remember(fingerprint, row) };
        match seen.found.and_then(|position| self.found.get_mut(position)) {
            Some(found) => found.events += 1,
            None => {
                seen.found = Some(self.found.len());
                self.found.push(Restamped {
                    partition: partition.clone(),
                    source: row.source.to_owned(),
                    event_id: row.id.to_owned(),
                    first_time: Timestamp::from_millis(seen.time),
                    first_hash: seen.hash,
                    other_time: Timestamp::from_millis(row.time),
                    other_hash: row.hash,
                    events: 2,
                });
            }
        }
    }

    fn remember(&mut self, fingerprint: Fingerprint, row: KeptRow<'_>) {
        if self.in_order.len() >= MOST_IDS
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.in_order.push_back(fingerprint);
        self.seen.insert(fingerprint, Seen { time: row.time, hash: row.hash, found: None });
    }

    /// What was found, in the order of the second event.
    pub fn finish(self) -> Vec<Restamped> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use auditlake_event::{Organization, Region};

    use super::*;

    fn search(rows: &[(i64, &str, &str)]) -> Vec<(String, i64, i64, u64)> {
        let partition = Partition {
            region: Region::parse("eu-west-1").unwrap(),
            organization: Organization::parse("acme").unwrap(),
            hour: Timestamp::from_millis(0).hour(),
        };
        let mut search = RestampedSearch::default();
        for (time, id, source) in rows {
            search.look_at(&partition, KeptRow { time: *time, id, source, hash: Hash::new([0; 32]) });
        }
        let found = search.finish().into_iter();
        found.map(|found| (found.event_id, found.first_time.millis(), found.other_time.millis(), found.events)).collect()
    }

    #[test]
    fn an_id_that_comes_again_is_listed_once_with_how_often_it_came() {
        let rows = [(1, "a", "api"), (2, "b", "api"), (3, "a", "api"), (4, "c", "api"), (5, "a", "api"), (6, "b", "api")];
        assert_eq!(search(&rows), [("a".to_owned(), 1, 3, 3), ("b".to_owned(), 2, 6, 2)]);
    }

    #[test]
    fn ids_of_imported_records_are_not_looked_at() {
        assert_eq!(search(&[(1, "a", "aws.cloudtrail"), (2, "a", "aws.cloudtrail"), (3, "a", "api")]), []);
    }

    #[test]
    fn memory_is_bounded_and_the_latest_ids_are_remembered() {
        let ids: Vec<String> = (0..MOST_IDS + 1).map(|number| number.to_string()).collect();
        let mut rows: Vec<(i64, &str, &str)> = (0..).zip(&ids).map(|(time, id)| (time, id.as_str(), "api")).collect();
        let last = i64::try_from(rows.len()).unwrap();
        rows.extend([(last, "0", "api"), (last, "2", "api")]);
        assert_eq!(search(&rows), [("2".to_owned(), 2, last, 2)]);
    }
}
