//! The order of the rows of a landing object: (region, organization, event_time, event_id, source), equal ones as they came.

use auditlake_event::Timestamp;

use super::column_values::{ColumnValues, NO_POSITION};

/// The most pairs of a region and an organization that are ranked by a table.
const MAX_RANKED_PAIRS: usize = 1 << 20;

/// A row in its place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PlacedRow {
    /// Equal for rows of one region and organization, and only for them.
    pub partition: u32,
    /// The position of its event in the input.
    pub row: u32,
    /// Its time.
    pub event_time: Timestamp,
}

/// What rows are sorted by, each column in the order of the input.
pub(super) struct OrderColumns<'c> {
    pub region: &'c ColumnValues,
    pub organization: &'c ColumnValues,
    pub event_time: &'c [Timestamp],
    pub event_id: &'c ColumnValues,
    pub source: &'c ColumnValues,
}

impl OrderColumns<'_> {
    /// The rows in the order in which they are written.
    ///
    /// Events come in nearly sorted by time, from few partitions: they are dealt out by partition first, and each partition
    /// is then sorted by an algorithm that sees sorted runs.
    pub fn file_order(&self) -> Vec<PlacedRow> {
        let Some(rows) = self.ranked_rows() else { return self.rows_by_full_key() };
        let partitions = rows.iter().map(|row| row.partition as usize + 1).max().unwrap_or(0);
        let mut ends = vec![0; partitions];
        for row in &rows {
            ends[row.partition as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            let count = *end;
            *end = start;
            start += count;
        }
        let mut dealt = vec![PlacedRow::default(); rows.len()];
        for row in rows {
            let place = &mut ends[row.partition as usize];
            dealt[*place] = row;
            *place += 1;
        }
        let mut start = 0;
        for end in ends {
            dealt[start..end].sort_by(|left, right| {
                left.event_time.cmp(&right.event_time).then_with(|| self.tie_key(left.row).cmp(&self.tie_key(right.row)))
            });
            start = end;
        }
        dealt
    }

    /// What decides between rows of one partition and time.
    fn tie_key(&self, row: u32) -> [Option<&[u8]>; 2] {
        [self.event_id.value(row as usize), self.source.value(row as usize)]
    }

    fn partition_key(&self, row: u32) -> [Option<&[u8]>; 2] {
        [self.region.value(row as usize), self.organization.value(row as usize)]
    }

    /// The rows in the order of the input, all of one partition.
    fn rows(&self) -> Vec<PlacedRow> {
        let rows = (0_u32..).zip(self.event_time);
        rows.map(|(row, event_time)| PlacedRow { partition: 0, row, event_time: *event_time }).collect()
    }

    /// The rows sorted by comparing everything: for objects of very many partitions.
    fn rows_by_full_key(&self) -> Vec<PlacedRow> {
        let mut rows = self.rows();
        let key = |row: &PlacedRow| (self.partition_key(row.row), row.event_time, self.tie_key(row.row));
        rows.sort_by(|left, right| key(left).cmp(&key(right)));
        let (mut partition, mut previous) = (0, None);
        for placed in &mut rows {
            let key = self.partition_key(placed.row);
            partition += u32::from(previous.is_some_and(|previous| previous != key));
            previous = Some(key);
            placed.partition = partition;
        }
        rows
    }

    /// The rows in the order of the input, their partitions numbered in the order of (region, organization); `None` if there
    /// are very many.
    fn ranked_rows(&self) -> Option<Vec<PlacedRow>> {
        let (regions, region_of) = self.region.as_dictionary()?;
        let (organizations, organization_of) = self.organization.as_dictionary()?;
        let width = organizations.len();
        if regions.len() * width > MAX_RANKED_PAIRS {
            return None;
        }
        let cell = |region: u16, organization: u16| usize::from(region) * width + usize::from(organization);
        let mut rank_of_cell = vec![u32::MAX; regions.len() * width];
        for (region, organization) in region_of.iter().zip(organization_of) {
            if *region == NO_POSITION || *organization == NO_POSITION {
                return None;
            }
            rank_of_cell[cell(*region, *organization)] = 0;
        }
        let mut occurring: Vec<usize> = (0..rank_of_cell.len()).filter(|cell| rank_of_cell[*cell] == 0).collect();
        occurring.sort_by_key(|cell| (regions.value(cell / width), organizations.value(cell % width)));
        for (rank, cell) in (0_u32..).zip(occurring) {
            rank_of_cell[cell] = rank;
        }
        let mut rows = self.rows();
        for (placed, (region, organization)) in rows.iter_mut().zip(region_of.iter().zip(organization_of)) {
            placed.partition = rank_of_cell[cell(*region, *organization)];
        }
        Some(rows)
    }
}
