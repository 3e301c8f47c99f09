//! The distinct values of a column, each stored once, found again by hash.

/// Where a value lies in [`Dictionary::page`].
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u32,
    length: u32,
}

impl Entry {
    const fn end(self) -> usize {
        self.offset as usize + self.length as usize
    }
}

/// Most values probed for one lookup: values that collide on purpose make a plain column, not a slow one.
const MAX_PROBES: usize = 24;
/// Most distinct values: positions fit into 16 bits and the table into a core's own cache.
const MAX_ENTRIES: usize = 16_384;
/// Most bytes of distinct values.
const MAX_PAGE_BYTES: usize = 512 * 1024;

/// Distinct values in the order of their first appearance, as they stand in a Parquet dictionary page.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Position + 1 of an entry and above it 16 bits of its hash, 0 where there is none. The length is a power of two.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    /// The values in PLAIN encoding.
    page: Vec<u8>,
    length_prefixed: bool,
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

/// A text of less than eight bytes as a number: different texts of one length give different numbers.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << 32);
    }
    bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// A quick hash; what it lacks in strength against chosen values, [`MAX_PROBES`] makes harmless.
#[inline]
pub(super) fn hash(value: &[u8]) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = SEED ^ value.len() as u64;
    if value.len() < 8 {
        return folded(state ^ short_word(value), SEED);
    }
    let mut at = 0;
    while at + 16 < value.len() {
        state = folded(state ^ word(value, at), SEED ^ word(value, at + 8));
        at += 16;
    }
    let tail = value.len() - 8;
    folded(state ^ word(value, at.min(tail)), SEED ^ word(value, tail))
}

/// Whether two values are equal. Most are short: a few words are compared here faster than a general routine is called.
#[inline]
fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let (Some(left_tail), Some(right_tail)) = (left.last_chunk::<8>(), right.last_chunk::<8>()) else {
        return short_word(left) == short_word(right);
    };
    left_tail == right_tail
        && left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0).all(|(left, right)| left == right)
}

/// The part of a hash that a slot holds.
const fn tag(hash: u64) -> u32 {
    (hash >> 48) as u32
}

const FIRST_SLOTS: usize = 256;

impl Dictionary {
    pub fn new(length_prefixed: bool) -> Self {
        Self { slots: vec![0; FIRST_SLOTS], entries: Vec::new(), page: Vec::new(), length_prefixed }
    }

    /// Forgets the values but keeps the memory.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.slots.resize(FIRST_SLOTS, 0);
        self.entries.clear();
        self.page.clear();
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The values in PLAIN encoding.
    pub fn page(&self) -> &[u8] {
        &self.page
    }

    /// Where the value at a position begins in the page, and how long it is.
    #[inline]
    pub fn place(&self, position: usize) -> Option<(usize, u32)> {
        self.entries.get(position).map(|entry| (entry.offset as usize, entry.length))
    }

    /// The value at a position.
    #[inline]
    pub fn value(&self, position: usize) -> &[u8] {
        let Some(entry) = self.entries.get(position) else { return &[] };
        self.page.get(entry.offset as usize..entry.end()).unwrap_or_default()
    }

    /// The position of `value`, whose [`hash`] is given and which is added if it is new; `None` if there is no room for it.
    #[inline]
    pub fn position_of(&mut self, value: &[u8], hash: u64) -> Option<u16> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        for _ in 0..MAX_PROBES {
            let marker = self.slots[slot];
            if marker == 0 {
                return self.add(value, hash, slot);
            }
            let position = (marker & 0xffff) as usize - 1;
            if marker >> 16 == tag(hash) && is_same(self.value(position), value) {
                return u16::try_from(position).ok();
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    fn add(&mut self, value: &[u8], hash: u64, slot: usize) -> Option<u16> {
        if self.entries.len() == MAX_ENTRIES || self.page.len() + value.len() > MAX_PAGE_BYTES {
            return None;
        }
        let length = u32::try_from(value.len()).ok()?;
        if self.length_prefixed {
            self.page.extend_from_slice(&length.to_le_bytes());
        }
        let position = u16::try_from(self.entries.len()).ok()?;
        self.entries.push(Entry { offset: u32::try_from(self.page.len()).ok()?, length });
        self.page.extend_from_slice(value);
        self.slots[slot] = (u32::from(position) + 1) | (tag(hash) << 16);
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(position)
    }

    fn grow(&mut self) {
        let length = self.slots.len() * 4;
        let mask = length - 1;
        self.slots.clear();
        self.slots.resize(length, 0);
        for (position, marker) in (0..self.entries.len()).zip(1_u32..) {
            let hash = hash(self.value(position));
            let mut slot = hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = marker | (tag(hash) << 16);
        }
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
                let Some(position) = dictionary.position_of(value.as_bytes(), hash(value.as_bytes())).map(usize::from) else { break };
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
        let position_of = |dictionary: &mut Dictionary, value: u32| {
            let value = value.to_le_bytes();
            dictionary.position_of(&value, hash(&value))
        };
        let mut dictionary = Dictionary::new(false);
        let accepted = (0..20_000_u32).filter(|value| position_of(&mut dictionary, *value).is_some()).count();
        assert!(accepted <= MAX_ENTRIES);
        assert!(accepted > MAX_ENTRIES / 2);
        assert_eq!(position_of(&mut dictionary, 0), Some(0));
    }
}
