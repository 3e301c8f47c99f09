//! As much of Thrift's compact protocol as it takes to look at Parquet's headers before the library does.
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>)

/// Deepest nesting that is walked through. Parquet's own structures nest less than 10 deep.
const MAX_DEPTH: usize = 32;

/// The types of fields and elements.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const SET: u8 = 10;
const MAP: u8 = 11;
const UUID: u8 = 13;

/// Reads from bytes that may end too soon or be anything; every answer is `None` then.
pub(super) struct Compact<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Compact<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A zigzag integer: a field of the types i16, i32 or i64.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a structure: its id and type. `Some(None)` at the structure's end. `last` is the id before it.
    pub(super) fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let header = self.byte()?;
        if header == 0 {
            return Some(None);
        }
        let delta = i64::from(header >> 4);
        *last = if delta == 0 { self.integer()? } else { last.checked_add(delta)? };
        Some(Some((*last, header & 0x0f)))
    }

    /// The head of a list: how many elements of which type follow.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Some((count, header & 0x0f))
    }

    fn skip_bytes(&mut self, count: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(count).ok()?)?;
        (end <= self.bytes.len()).then(|| self.at = end)
    }

    /// Skips a field's value.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_within(kind, 0)
    }

    fn skip_within(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.skip_bytes(1),
            I16 | I32 | I64 => self.varint().map(|_| ()),
            DOUBLE => self.skip_bytes(8),
            UUID => self.skip_bytes(16),
            BINARY => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                self.skip_elements(count, &[kind], depth)
            }
            MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                self.skip_elements(count, &[kinds >> 4, kinds & 0x0f], depth)
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_within(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn skip_elements(&mut self, count: u64, kinds: &[u8], depth: usize) -> Option<()> {
        for _ in 0..count {
            for kind in kinds {
                // Unlike a field's, an element's boolean is a byte; so every element takes at least one, and this ends.
                if matches!(*kind, TRUE | FALSE) {
                    self.skip_bytes(1)?;
                } else {
                    self.skip_within(*kind, depth + 1)?;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lists_and_integers_are_read() {
        // {1: i32 -3, 2: list<i32>[1, 2], 20: binary "ab", 21: true}
        let bytes = [0x15, 5, 0x19, 0x25, 2, 4, 0x08, 40, 2, b'a', b'b', 0x11, 0];
        let mut compact = Compact::new(&bytes);
        let mut last = 0;
        assert_eq!(compact.field(&mut last), Some(Some((1, I32))));
        assert_eq!(compact.integer(), Some(-3));
        assert_eq!(compact.field(&mut last), Some(Some((2, LIST))));
        assert_eq!(compact.skip(LIST), Some(()));
        assert_eq!(compact.field(&mut last), Some(Some((20, BINARY))));
        assert_eq!(compact.skip(BINARY), Some(()));
        assert_eq!(compact.field(&mut last), Some(Some((21, TRUE))));
        assert_eq!(compact.skip(TRUE), Some(()));
        assert_eq!(compact.field(&mut last), Some(None));
        assert_eq!(compact.position(), bytes.len());
    }

    #[test]
    fn what_ends_too_soon_or_nests_too_deep_is_nothing() {
        assert_eq!(Compact::new(&[0x80; 11]).integer(), None);
        assert_eq!(Compact::new(&[10, b'a']).skip(BINARY), None);
        assert_eq!(Compact::new(&[0x1c; 100]).skip(STRUCT), None);
        assert_eq!(Compact::new(&[0xf1, 0xff, 0xff, 0xff, 0xff, 0x0f]).skip(LIST), None);
        assert_eq!(Compact::new(&[0xf0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]).skip(LIST), None);
    }
}
