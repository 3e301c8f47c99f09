//! Chosen rows of a row group.

use std::ops::Range;

use arrow_buffer::BooleanBuffer;
use parquet::arrow::arrow_reader::RowSelection;

/// Rows of a row group, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    total: usize,
    /// `None`: all of them.
    chosen: Option<Vec<u32>>,
}

impl Rows {
    /// All rows of a row group.
    pub const fn all(total: usize) -> Self {
        Self { total, chosen: None }
    }

    /// These rows, ascending.
    pub const fn these(total: usize, rows: Vec<u32>) -> Self {
        Self { total, chosen: Some(rows) }
    }

    /// How many are chosen.
    pub fn len(&self) -> usize {
        self.chosen.as_ref().map_or(self.total, Vec::len)
    }

    /// Whether none is chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position in the row group of the `index`th chosen row.
    pub fn position(&self, index: usize) -> u32 {
        match &self.chosen {
            Some(rows) => rows[index],
            None => narrow(index),
        }
    }

    /// Those that also lie in one of `ranges` (ascending, disjoint).
    pub fn within(&self, ranges: Vec<Range<usize>>) -> Self {
        if ranges.iter().map(ExactSizeIterator::len).sum::<usize>() == self.total {
            return self.clone();
        }
        let rows: Vec<u32> = match &self.chosen {
            None => ranges.into_iter().flat_map(|range| narrow(range.start)..narrow(range.end)).collect(),
            Some(rows) => {
                let mut ranges = ranges.into_iter().peekable();
                let lies_inside = |&row: &u32| {
                    while ranges.next_if(|range| range.end <= row as usize).is_some() {}
                    ranges.peek().is_some_and(|range| range.start <= row as usize)
                };
                let mut lies_inside = lies_inside;
                rows.iter().copied().filter(|row| lies_inside(row)).collect()
            }
        };
        Self { total: self.total, chosen: Some(rows) }
    }

    /// Those whose bit is set; the mask has one bit for each chosen row.
    pub fn masked(&self, mask: &BooleanBuffer) -> Self {
        let set = mask.count_set_bits();
        if set == mask.len() {
            return self.clone();
        }
        let mut rows = Vec::with_capacity(set);
        rows.extend(mask.set_indices().map(|index| self.position(index)));
        Self { total: self.total, chosen: Some(rows) }
    }

    /// Those at the given places among the chosen ones (ascending).
    pub fn at(&self, indices: &[usize]) -> Self {
        Self { total: self.total, chosen: Some(indices.iter().map(|&index| self.position(index)).collect()) }
    }

    /// For the Parquet reader; `None` if all rows are chosen.
    pub fn selection(&self) -> Option<RowSelection> {
        let rows = self.chosen.as_ref()?;
        let runs = rows.chunk_by(|left, right| left + 1 == *right);
        let ranges = runs.filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1));
        Some(RowSelection::from_consecutive_ranges(ranges, self.total))
    }
}

/// A row's position; a row group has fewer than 2³² rows.
pub fn narrow(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choosing_again_keeps_positions_in_the_row_group() {
        let all = Rows::all(10);
        let some = all.within(vec![1..4, 6..9]);
        assert_eq!(some, Rows::these(10, vec![1, 2, 3, 6, 7, 8]));
        assert_eq!(some.within(vec![0..2, 3..7]), Rows::these(10, vec![1, 3, 6]));
        assert_eq!(some.within(vec![0..5, 5..10]), some);
        let masked = some.masked(&BooleanBuffer::from(vec![false, true, true, false, false, true]));
        assert_eq!(masked, Rows::these(10, vec![2, 3, 8]));
        assert_eq!(masked.at(&[0, 2]), Rows::these(10, vec![2, 8]));
        let selection = masked.selection().unwrap();
        assert_eq!((selection.row_count(), selection.skipped_row_count()), (3, 7));
        assert_eq!(all.selection(), None);
    }
}
