//! Bytes that are put together from many short pieces, as JSON texts are.

use crate::escape::{Escape, find_special, special_bytes};

/// Pieces up to this size are copied here, longer ones by the general routine.
const SHORT_BYTES: usize = 64;
/// The longest escape of a byte, `\u0000`.
const ESCAPE_BYTES: usize = 6;
const LEAST_ROOM: usize = 256;
const WORD_BYTES: usize = 8;

/// A buffer whose memory is there before it is needed: a piece is copied in a few moves of fixed size, without a call, where a
/// `Vec` asks for room and calls a routine for any length.
#[derive(Debug, Default)]
pub(crate) struct ByteBuffer {
    /// The content and, behind it, room of any value.
    bytes: Vec<u8>,
    length: usize,
}

impl ByteBuffer {
    /// An empty buffer in the memory of `bytes`.
    pub fn over(bytes: Vec<u8>) -> Self {
        Self { bytes, length: 0 }
    }

    /// The content alone.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }

    /// The content in memory of its own size; `None` if it is not UTF-8.
    pub fn to_text(&self) -> Option<String> {
        std::str::from_utf8(self.as_slice()).ok().map(str::to_owned)
    }

    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Forgets what lies behind the first `length` bytes.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    #[inline]
    fn make_room(&mut self, more: usize) {
        if self.bytes.len() - self.length < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        self.bytes.resize((self.length + more).next_power_of_two().max(LEAST_ROOM), 0);
    }

    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.make_room(1);
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Appends a piece whose length is best known when this is compiled.
    #[inline(always)]
    pub fn put(&mut self, piece: &[u8]) {
        self.make_room(piece.len());
        self.bytes[self.length..][..piece.len()].copy_from_slice(piece);
        self.length += piece.len();
    }

    /// Appends a piece of any length.
    #[inline(always)]
    pub fn put_bytes(&mut self, piece: &[u8]) {
        self.make_room(piece.len());
        copy_short(&mut self.bytes[self.length..][..piece.len()], piece);
        self.length += piece.len();
    }

    /// Appends a piece known when this is compiled, one of any length, and a closing quote.
    #[inline(always)]
    pub fn put_quoted(&mut self, key: &[u8], piece: &[u8]) {
        let length = key.len() + piece.len() + 1;
        self.make_room(length);
        let (key_place, rest) = self.bytes[self.length..][..length].split_at_mut(key.len());
        let (piece_place, quote_place) = rest.split_at_mut(piece.len());
        key_place.copy_from_slice(key);
        copy_short(piece_place, piece);
        quote_place[0] = b'"';
        self.length += length;
    }

    /// Appends a text without quotes, escaped as RFC 8785 section 3.2.2.2 says.
    #[inline]
    pub fn put_escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        match find_special(bytes, 0) {
            Some(position) => self.escape_from(bytes, position),
            None => self.put_bytes(bytes),
        }
    }

    /// Appends a text as a JSON string: quoted and escaped.
    #[inline]
    pub fn put_string(&mut self, text: &str) {
        self.push(b'"');
        self.put_escaped(text);
        self.push(b'"');
    }

    /// Appends `bytes`, whose first byte to be escaped is at `position`.
    #[inline(never)]
    fn escape_from(&mut self, bytes: &[u8], position: usize) {
        let (plain, mut rest) = bytes.split_at(position);
        self.put_bytes(plain);
        loop {
            // What is left if it is plain, and an escape; the words below may reach past what they leave.
            self.make_room(rest.len() + ESCAPE_BYTES + WORD_BYTES);
            while let Some(word) = rest.first_chunk::<WORD_BYTES>() {
                let flags = special_bytes(u64::from_le_bytes(*word));
                self.bytes[self.length..][..WORD_BYTES].copy_from_slice(word);
                let plain = if flags == 0 { WORD_BYTES } else { (flags.trailing_zeros() / 8) as usize };
                self.length += plain;
                rest = &rest[plain..];
                if flags != 0 {
                    break;
                }
            }
            let Some((byte, others)) = rest.split_first() else { return };
            rest = others;
            match Escape::of(*byte) {
                Some(escape) => self.put_bytes(escape.as_bytes()),
                None => self.push(*byte),
            }
        }
    }
}

/// Copies a slice to one of the same length; the ends of short ones are copied as words that may overlap.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    macro_rules! copy_ends {
        ($bytes:literal) => {
            if let (Some(to), Some(from)) = (to.first_chunk_mut::<$bytes>(), from.first_chunk::<$bytes>()) {
                *to = *from;
            }
            if let (Some(to), Some(from)) = (to.last_chunk_mut::<$bytes>(), from.last_chunk::<$bytes>()) {
                *to = *from;
            }
        };
    }
    match from.len() {
        0 => {}
        1..4 => {
            to[0] = from[0];
            to[from.len() / 2] = from[from.len() / 2];
            to[from.len() - 1] = from[from.len() - 1];
        }
        4..8 => {
            copy_ends!(4);
        }
        8..16 => {
            copy_ends!(8);
        }
        16..32 => {
            copy_ends!(16);
        }
        32..=SHORT_BYTES => {
            copy_ends!(32);
        }
        _ => to.copy_from_slice(from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_string_of_rfc_8785_section_3_2_2_is_written_as_published() {
        // "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/" becomes "€$\u000f\nA'B\"\\\\\"/" (hex in section 3.2.4).
        let mut out = ByteBuffer::default();
        out.put_string("\u{20ac}$\u{f}\nA'B\"\\\\\"/");
        let published = "22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f22";
        assert_eq!(hex::encode(out.as_slice()), published);
    }

    #[test]
    fn pieces_of_any_length_are_kept_as_they_are() {
        let source: Vec<u8> = (0..200).collect();
        let mut out = ByteBuffer::default();
        let mut expected = Vec::new();
        for length in 0..source.len() {
            out.put_bytes(&source[..length]);
            out.push(b'|');
            expected.extend_from_slice(&source[..length]);
            expected.push(b'|');
            assert_eq!(out.len(), expected.len());
        }
        assert_eq!(out.as_slice(), expected);
        out.truncate(10);
        out.put(b"end");
        assert_eq!(out.into_vec(), [&expected[..10], b"end"].concat());
    }

    proptest! {
        #[test]
        fn escaping_agrees_with_serde_json(texts in prop::collection::vec("\\PC*|[\\x00-\\x7f]*|([a-z]{0,9}[\"\\\\\n\\x00]){0,40}", 1..4)) {
            // serde_json escapes exactly what RFC 8785 asks for.
            let mut out = ByteBuffer::default();
            texts.iter().for_each(|text| out.put_string(text));
            let expected: String = texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
            prop_assert_eq!(out.to_text(), Some(expected));
        }
    }
}
