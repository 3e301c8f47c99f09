//! The distinct values of a column, each stored once, found again by hash.

/// Where a value lies in [`Dictionary::page`].
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: usize,
    length: usize,
}

/// Most values probed for one lookup: whoever makes values collide on purpose gets a plain column, not a slow one.
const MAX_PROBES: usize = 24;
/// Most distinct values: positions fit into 16 bits and the table into a core's own cache.
const MAX_ENTRIES: usize = 16_384;
/// Most bytes of distinct values.
const MAX_PAGE_BYTES: usize = 512 * 1024;

/// Distinct values in the order of their first appearance, as they stand in a Parquet dictionary page.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Position + 1 of an entry, 0 where there is none. The length is a power of two.
    slots: Vec<u16>,
    entries: Vec<Entry>,
    /// The values in PLAIN encoding.
    page: Vec<u8>,
    length_prefixed: bool,
    /// The value asked for last.
    last: usize,
}

#[inline]
fn folded(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    let [low, high] = [product as u64, (product >> 64) as u64];
    low ^ high
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// A quick hash; what it lacks in strength against chosen values, [`MAX_PROBES`] makes harmless.
#[inline]
fn hash(value: &[u8]) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = SEED ^ value.len() as u64;
    if value.len() < 8 {
        let mut padded = [0; 8];
        padded[..value.len()].copy_from_slice(value);
        return folded(state ^ u64::from_le_bytes(padded), SEED);
    }
    let mut at = 0;
    while at + 16 < value.len() {
        state = folded(state ^ word(value, at), SEED ^ word(value, at + 8));
        at += 16;
    }
    let tail = value.len() - 8;
    folded(state ^ word(value, at.min(tail)), SEED ^ word(value, tail))
}

impl Dictionary {
    pub fn new(length_prefixed: bool) -> Self {
        Self { slots: vec![0; 256], entries: Vec::new(), page: Vec::new(), length_prefixed, last: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The values in PLAIN encoding.
    pub fn page(&self) -> &[u8] {
        &self.page
    }

    /// The value at a position.
    pub fn value(&self, position: usize) -> &[u8] {
        let Some(entry) = self.entries.get(position) else { return &[] };
        self.page.get(entry.offset..entry.offset + entry.length).unwrap_or_default()
    }

    /// The position of `value`, which is added if it is new; `None` if there is no room for it.
    #[inline]
    pub fn position_of(&mut self, value: &[u8]) -> Option<u16> {
        if self.value(self.last) == value && !self.entries.is_empty() {
            return u16::try_from(self.last).ok();
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(value) as usize & mask;
        for _ in 0..MAX_PROBES {
            let Some(found) = usize::from(self.slots[slot]).checked_sub(1) else { return self.add(value, slot) };
            if self.value(found) == value {
                self.last = found;
                return u16::try_from(found).ok();
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    fn add(&mut self, value: &[u8], slot: usize) -> Option<u16> {
        if self.entries.len() == MAX_ENTRIES || self.page.len() + value.len() > MAX_PAGE_BYTES {
            return None;
        }
        if self.length_prefixed {
            self.page.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        }
        let position = self.entries.len();
        self.entries.push(Entry { offset: self.page.len(), length: value.len() });
        self.page.extend_from_slice(value);
        self.slots[slot] = u16::try_from(position + 1).ok()?;
        self.last = position;
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        u16::try_from(position).ok()
    }

    fn grow(&mut self) {
        let length = self.slots.len() * 4;
        let mask = length - 1;
        let mut slots = vec![0_u16; length];
        for (position, marker) in (0..self.entries.len()).zip(1_u16..) {
            let mut slot = hash(self.value(position)) as usize & mask;
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = marker;
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_values_have_one_position_and_are_found_again(values in prop::collection::vec("[a-c]{0,20}", 0..600)) {
            let mut dictionary = Dictionary::new(true);
            let mut first_seen: Vec<String> = Vec::new();
            for value in &values {
                // Where too many values meet, the dictionary is given up, as its user does.
                let Some(position) = dictionary.position_of(value.as_bytes()).map(usize::from) else { break };
                if position == first_seen.len() {
                    first_seen.push(value.clone());
                }
                prop_assert_eq!(&first_seen[position], value);
                prop_assert_eq!(dictionary.value(position), value.as_bytes());
            }
            prop_assert_eq!(dictionary.len(), first_seen.len());
            let plain: Vec<u8> = first_seen
                .iter()
                .flat_map(|value| [&u32::try_from(value.len()).unwrap().to_le_bytes()[..], value.as_bytes()].concat())
                .collect();
            prop_assert_eq!(dictionary.page(), plain);
        }
    }

    #[test]
    fn a_full_dictionary_says_so() {
        let mut dictionary = Dictionary::new(false);
        let accepted = (0..20_000_u32).filter(|value| dictionary.position_of(&value.to_le_bytes()).is_some()).count();
        assert!(accepted <= MAX_ENTRIES);
        assert!(accepted > MAX_ENTRIES / 2);
        assert_eq!(dictionary.position_of(&0_u32.to_le_bytes()), Some(0));
    }
}
