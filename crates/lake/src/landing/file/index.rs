//! The index in a landing object's footer: which rows belong to which organization, hour and seal period.

use auditlake_event::{Organization, Region, Timestamp};
use serde::{Deserialize, Serialize};

use crate::period::SealTime;

/// A run of rows of one region, organization, hour of `event_time` and seal time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingGroup {
    /// The region of all its rows.
    pub region: Region,
    /// The organization of all its rows.
    pub organization: Organization,
    /// The start of the hour that all `event_time`s lie in.
    pub hour: Timestamp,
    /// The seal time of all its rows.
    pub seal_time: SealTime,
    /// The position of its first row in the object.
    pub first_row: usize,
    /// How many rows it has.
    pub rows: usize,
    /// The smallest `event_time`: that of its first row.
    pub min_event_time: Timestamp,
    /// The largest `event_time`: that of its last row.
    pub max_event_time: Timestamp,
}

/// The groups of a landing object in file order; together they are all its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LandingIndex {
    /// The groups in file order.
    pub groups: Vec<LandingGroup>,
}

/// A group as it stands in the footer: region, organization, hour and seal time in seconds since the Unix epoch, rows,
/// smallest and largest `event_time` in milliseconds after the hour.
#[derive(Serialize, Deserialize)]
struct StoredGroup(Region, Organization, i64, i64, usize, i64, i64);

impl LandingIndex {
    /// How many rows the object has.
    pub fn rows(&self) -> usize {
        self.groups.last().map_or(0, |group| group.first_row + group.rows)
    }

    /// The smallest seal time in the object: what the fence asks for. `None` for an object without rows.
    pub fn smallest_seal_time(&self) -> Option<SealTime> {
        self.groups.iter().map(|group| group.seal_time).min()
    }

    /// The groups of one seal period, in file order.
    pub fn groups_of(&self, seal_time: SealTime) -> impl Iterator<Item = &LandingGroup> {
        self.groups.iter().filter(move |group| group.seal_time == seal_time)
    }

    /// The index as it stands in the footer: one line of JSON.
    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        let stored: Vec<StoredGroup> = self
            .groups
            .iter()
            .map(|group| {
                let hour_ms = group.hour.millis();
                StoredGroup(
                    group.region.clone(),
                    group.organization.clone(),
                    hour_ms / 1_000,
                    group.seal_time.start().millis() / 1_000,
                    group.rows,
                    group.min_event_time.millis() - hour_ms,
                    group.max_event_time.millis() - hour_ms,
                )
            })
            .collect();
        serde_json::to_string(&stored)
    }

    /// Reads what [`LandingIndex::to_json`] wrote. Fails with words about what is wrong.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let stored: Vec<StoredGroup> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut groups: Vec<LandingGroup> = Vec::with_capacity(stored.len());
        let mut first_row = 0_usize;
        for StoredGroup(region, organization, hour_seconds, seal_seconds, rows, min, max) in stored {
            let hour = Timestamp::from_millis(hour_seconds.saturating_mul(1_000));
            let offsets_fit = 0 <= min && min <= max && max < Timestamp::HOUR_MS;
            if hour != hour.hour() || rows == 0 || !offsets_fit {
                return Err(format!("the group at row {first_row} contradicts itself"));
            }
            groups.push(LandingGroup {
                region,
                organization,
                hour,
                seal_time: SealTime::from_start(Timestamp::from_millis(seal_seconds.saturating_mul(1_000))),
                first_row,
                rows,
                min_event_time: hour.plus_millis(min),
                max_event_time: hour.plus_millis(max),
            });
            first_row = first_row.checked_add(rows).ok_or("more rows than can be counted")?;
        }
        Ok(Self { groups })
    }
}
