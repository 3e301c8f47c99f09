//! The values of one column in the order in which the events came in.
//!
//! Events are taken apart while they still lie in the nearest cache, and each column is put into file order by itself when the
//! object is finished: a column is small, the events and the texts they were read from are not. A column begins with a
//! dictionary where its values are expected to repeat and gives it up when they do not.

use super::dictionary::{Dictionary, hash};

/// The most rows that are pushed at once.
pub(super) const BLOCK_ROWS: usize = 128;
/// After so many values a dictionary must not hold so many distinct ones.
const DICTIONARY_TRIALS: [(usize, usize); 2] = [(512, 500), (4_096, 2_730)];
/// The position of a row without a value; a dictionary has fewer entries.
pub(super) const NO_POSITION: u16 = u16::MAX;

/// Where the value of a row lies.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    /// `u32::MAX` where there is no value: limits keep a text far below 4 GiB.
    length: u32,
}

impl Span {
    const NONE: Self = Self { start: 0, length: u32::MAX };
}

/// Collects the values of one column.
#[derive(Debug)]
pub(super) struct ColumnValues {
    /// Whether values are expected to repeat.
    repeats: bool,
    /// Whether there is a dictionary now; else the values are spans.
    has_dictionary: bool,
    dictionary: Dictionary,
    /// For each row its position in the dictionary.
    positions: Vec<u16>,
    /// For each row its place in `bytes`.
    spans: Vec<Span>,
    bytes: Vec<u8>,
    /// How many rows have a value.
    values: usize,
    /// How long these values are together.
    value_bytes: usize,
}

impl ColumnValues {
    /// A column of strings (`length_prefixed`) or of numbers.
    pub fn new(length_prefixed: bool, repeats: bool) -> Self {
        Self {
            repeats,
            has_dictionary: repeats,
            dictionary: Dictionary::new(length_prefixed),
            positions: Vec::new(),
            spans: Vec::new(),
            bytes: Vec::new(),
            values: 0,
            value_bytes: 0,
        }
    }

    /// Forgets the values but keeps the memory.
    pub fn clear(&mut self) {
        self.has_dictionary = self.repeats;
        self.dictionary.clear();
        self.positions.clear();
        self.spans.clear();
        self.bytes.clear();
        self.values = 0;
        self.value_bytes = 0;
    }

    /// How many rows have a value.
    pub fn values(&self) -> usize {
        self.values
    }

    /// How long the values are together.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// The dictionary and, for each row, its position in it or [`NO_POSITION`]; `None` if it was given up.
    pub fn as_dictionary(&self) -> Option<(&Dictionary, &[u16])> {
        self.has_dictionary.then_some((&self.dictionary, self.positions.as_slice()))
    }

    /// The value of a row.
    #[inline]
    pub fn value(&self, row: usize) -> Option<&[u8]> {
        if self.has_dictionary {
            let position = self.positions.get(row).filter(|position| **position != NO_POSITION)?;
            return Some(self.dictionary.value(usize::from(*position)));
        }
        let span = self.spans.get(row).filter(|span| span.length != u32::MAX)?;
        self.bytes.get(span.start..span.start + span.length as usize)
    }

    /// Appends the values of a few rows (at most [`BLOCK_ROWS`]), or none where there is none.
    #[inline]
    pub fn push<'v>(&mut self, values: impl Iterator<Item = Option<&'v [u8]>>) {
        if !self.has_dictionary {
            values.for_each(|value| self.push_span(value));
            return;
        }
        // First all hashes and then all look-ups: the processor looks for several values at a time.
        let mut hashed: [(Option<&[u8]>, u64); BLOCK_ROWS] = [(None, 0); BLOCK_ROWS];
        let mut rows = 0;
        for (place, value) in hashed.iter_mut().zip(values) {
            *place = (value, value.map_or(0, hash));
            rows += 1;
        }
        self.push_hashed(hashed.get(..rows).unwrap_or_default());
    }

    fn push_hashed(&mut self, hashed: &[(Option<&[u8]>, u64)]) {
        for (row, (value, hash)) in hashed.iter().enumerate() {
            let position = match value {
                Some(value) => self.position_of(value, *hash),
                None => Some(NO_POSITION),
            };
            let Some(position) = position else {
                self.give_up_dictionary();
                hashed.iter().skip(row).for_each(|(value, _)| self.push_span(*value));
                return;
            };
            self.positions.push(position);
        }
    }

    /// The position of the next value; `None` if the dictionary has no room for it or does not pay.
    #[inline]
    fn position_of(&mut self, value: &[u8], hash: u64) -> Option<u16> {
        if DICTIONARY_TRIALS.iter().any(|trial| trial.0 == self.values && trial.1 <= self.dictionary.len()) {
            return None;
        }
        let position = self.dictionary.position_of(value, hash)?;
        self.values += 1;
        self.value_bytes += value.len();
        Some(position)
    }

    #[inline]
    fn push_span(&mut self, value: Option<&[u8]>) {
        let Some(value) = value else { return self.spans.push(Span::NONE) };
        self.values += 1;
        self.value_bytes += value.len();
        self.spans.push(Span { start: self.bytes.len(), length: value.len() as u32 });
        self.bytes.extend_from_slice(value);
    }

    /// Makes the values that are distinct so far the first bytes that spans point to.
    #[cold]
    fn give_up_dictionary(&mut self) {
        self.has_dictionary = false;
        self.bytes.extend_from_slice(self.dictionary.page());
        let dictionary = &self.dictionary;
        let span = |position: &u16| match dictionary.place(usize::from(*position)) {
            Some((start, length)) => Span { start, length },
            None => Span::NONE,
        };
        self.spans.extend(self.positions.iter().map(span));
    }
}
