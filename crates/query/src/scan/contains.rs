//! Substring search over a whole text column at once, whatever the case of letters ([`fold`]).
//!
//! Texts of ASCII alone, nearly all there are, are searched where they lie; others are folded one by one.

use memchr::{memchr_iter, memchr2_iter};

use crate::fold::fold;

/// A text that is looked for.
#[derive(Debug, Clone)]
pub struct Needle {
    folded: String,
    /// The position of the byte that is searched for first: a rare one.
    rare: usize,
}

/// How common a byte is in ids, e-mail addresses and paths; less is rarer.
fn commonness(byte: u8) -> u8 {
    match byte {
        b'j' | b'q' | b'x' | b'z' | b'k' | b'v' | b'w' | b'y' => 1,
        b'g' | b'h' | b'p' | b'm' | b'u' => 2,
        b'/' | b'-' | b'.' | b':' | b'_' | b'0'..=b'9' => 4,
        b'a'..=b'z' => 3,
        _ => 0,
    }
}

impl Needle {
    /// Prepares a text, which must not be empty.
    pub fn new(text: &str) -> Self {
        let folded = fold(text).into_owned();
        let bytes = folded.as_bytes();
        let rare = (0..bytes.len()).min_by_key(|&index| commonness(bytes[index])).unwrap_or(0);
        Self { folded, rare }
    }

    /// Calls `found` with the start of every occurrence in `haystack`, ascending, that differs in the case of ASCII letters alone.
    fn for_each(&self, haystack: &[u8], mut found: impl FnMut(usize)) {
        let needle = self.folded.as_bytes();
        let Some(&rare) = needle.get(self.rare) else { return };
        let mut check = |position: usize| {
            let Some(start) = position.checked_sub(self.rare) else { return };
            let Some(window) = haystack.get(start..start + needle.len()) else { return };
            if window.eq_ignore_ascii_case(needle) {
                found(start);
            }
        };
        if rare.is_ascii_lowercase() {
            memchr2_iter(rare, rare.to_ascii_uppercase(), haystack).for_each(&mut check);
        } else {
            memchr_iter(rare, haystack).for_each(&mut check);
        }
    }

    /// Whether `text` contains it.
    pub fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return fold(text).contains(&self.folded);
        }
        let mut is_found = false;
        self.for_each(text.as_bytes(), |_| is_found = true);
        is_found
    }

    /// Calls `found` with every text of a column that contains it, perhaps more than once. The texts lie one after the other
    /// in `values`, text `i` at `offsets[i]..offsets[i + 1]`.
    pub fn for_each_text(&self, values: &[u8], offsets: &[i32], mut found: impl FnMut(usize)) {
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else { return };
        let (Ok(base), Ok(end)) = (usize::try_from(first), usize::try_from(last)) else { return };
        let Some(haystack) = values.get(base..end) else { return };
        if !haystack.is_ascii() {
            self.for_each_folded(values, offsets, &mut found);
        }
        if !self.folded.is_ascii() {
            return;
        }
        let length = self.folded.len();
        let mut row = 0;
        self.for_each(haystack, |start| {
            let start = base + start;
            // Occurrences ascend, so the row does too; far jumps are rare enough for a step-by-step walk to be cheap.
            let ends_after = |row: usize| offsets.get(row + 1).is_some_and(|&end| usize::try_from(end).unwrap_or(0) > start);
            while row + 1 < offsets.len() && !ends_after(row) {
                row += 1;
            }
            let lies_inside = offsets.get(row + 1).is_some_and(|&end| start + length <= usize::try_from(end).unwrap_or(0));
            if lies_inside {
                found(row);
            }
        });
    }

    /// The same for the texts that are not ASCII alone.
    fn for_each_folded(&self, values: &[u8], offsets: &[i32], found: &mut impl FnMut(usize)) {
        for (row, pair) in offsets.windows(2).enumerate() {
            let (Ok(start), Ok(end)) = (usize::try_from(pair[0]), usize::try_from(pair[1])) else { continue };
            let bytes = values.get(start..end).filter(|bytes| !bytes.is_ascii());
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            if text.is_some_and(|text| fold(text).contains(&self.folded)) {
                found(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_texts_are_found_as_by_comparing_each(
            texts in prop::collection::vec("[aAbBxZkK/éÉσΣςsſ\u{212a}]{0,6}", 0..20),
            needle in "[aAbBxZkK/éÉσΣςsſ\u{212a}]{1,3}",
            skip in 0usize..5,
        ) {
            let array = StringArray::from(texts.clone());
            let array = array.slice(skip.min(texts.len()), texts.len().saturating_sub(skip));
            let mut found = vec![false; array.len()];
            Needle::new(&needle).for_each_text(array.value_data(), array.value_offsets(), |row| found[row] = true);
            // Upper case first joins the second forms of small letters: another way to the same rule.
            let same = |text: &str| text.to_uppercase().to_lowercase().replace('ς', "σ");
            let lower = same(&needle);
            let expected: Vec<bool> = texts.iter().skip(skip).map(|text| same(text).contains(&lower)).collect();
            prop_assert_eq!(&found, &expected);
            for (text, expected) in texts.iter().skip(skip).zip(expected) {
                prop_assert_eq!(Needle::new(&needle).is_in(text), expected);
            }
        }
    }
}
