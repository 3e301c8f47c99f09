//! What JSON strings cannot hold as it is, found many bytes at a time because nearly every byte is plain, and how RFC 8785
//! writes it.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// How many bytes are looked at at once: most texts of an event are no longer.
const CHUNK_BYTES: usize = 32;

/// The bytes of `word` (little-endian) that JSON cannot hold as they are, as high bits: the lowest set one is exact,
/// those above it may be false.
#[inline]
pub(crate) const fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | is_quote | is_backslash) & HIGH_BITS
}

/// Whether a byte must be escaped inside a JSON string.
#[cfg(any(test, not(target_arch = "x86_64")))]
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The bytes of a chunk that JSON cannot hold as they are, one bit each, the first in the lowest.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "every processor of this architecture has what the call needs")]
fn special_mask(chunk: &[u8; CHUNK_BYTES]) -> u32 {
    // SAFETY: the function needs nothing but SSE2, which is part of x86-64.
    unsafe { special_mask_sse2(chunk) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn special_mask_sse2(chunk: &[u8; CHUNK_BYTES]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};

    let words = chunk.as_chunks::<8>().0;
    let word = |position: usize| i64::from_le_bytes(words[position]);
    let mask_of = |half: usize| {
        let bytes = _mm_set_epi64x(word(half * 2 + 1), word(half * 2));
        let is_quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let is_backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let is_control = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
        let is_special = _mm_or_si128(is_control, _mm_or_si128(is_quote, is_backslash));
        _mm_movemask_epi8(is_special).cast_unsigned()
    };
    mask_of(0) | mask_of(1) << 16
}

/// The bytes of a chunk that JSON cannot hold as they are, one bit each, the first in the lowest.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn special_mask(chunk: &[u8; CHUNK_BYTES]) -> u32 {
    chunk.iter().enumerate().fold(0, |mask, (position, byte)| mask | u32::from(is_special(*byte)) << position)
}

/// The position of the first byte at or after `from` that is a quote, a backslash or a control character.
#[inline(always)]
pub(crate) fn find_special(bytes: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    while let Some(chunk) = bytes.get(position..).and_then(<[u8]>::first_chunk::<CHUNK_BYTES>) {
        let mask = special_mask(chunk);
        if mask != 0 {
            return Some(position + mask.trailing_zeros() as usize);
        }
        position += CHUNK_BYTES;
    }
    find_special_in_rest(bytes, position)
}

/// As [`find_special`], where less than a chunk is left.
#[inline]
fn find_special_in_rest(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let mask = match bytes.last_chunk::<CHUNK_BYTES>() {
        // The last chunk, of which the first bytes lie before `from`.
        Some(chunk) => special_mask(chunk).checked_shr(u32::try_from(CHUNK_BYTES - rest.len()).ok()?)?,
        None => {
            let mut chunk = [b' '; CHUNK_BYTES];
            chunk.get_mut(..rest.len())?.copy_from_slice(rest);
            special_mask(&chunk)
        }
    };
    (mask != 0).then(|| from + mask.trailing_zeros() as usize)
}

/// How a byte is written in a JSON string that cannot hold it as it is (RFC 8785 section 3.2.2.2).
#[derive(Clone, Copy)]
pub(crate) struct Escape {
    bytes: [u8; 6],
    length: usize,
}

impl Escape {
    /// Of a byte; `None` if it is plain.
    #[inline]
    pub fn of(byte: u8) -> Option<Self> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            0..0x20 => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                return Some(Self { bytes: [b'\\', b'u', b'0', b'0', digits[0], digits[1]], length: 6 });
            }
            _ => return None,
        };
        Some(Self { bytes: [b'\\', short, 0, 0, 0, 0], length: 2 })
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_the_bytes_that_json_cannot_hold_are_special_and_have_escapes() {
        for byte in 0..=u8::MAX {
            assert_eq!(special_mask(&[byte; CHUNK_BYTES]), if is_special(byte) { u32::MAX } else { 0 }, "byte {byte}");
            assert_eq!(special_bytes(u64::from_le_bytes([byte; 8])) & 0x80 != 0, is_special(byte), "byte {byte}");
            assert_eq!(Escape::of(byte).is_some(), is_special(byte), "byte {byte}");
        }
    }

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![20 => 0x20_u8..0x7f, 1 => any::<u8>()], 0..150)) {
            for from in 0..=bytes.len() {
                let expected = bytes[from..].iter().position(|byte| is_special(*byte)).map(|offset| from + offset);
                prop_assert_eq!(find_special(&bytes, from), expected);
            }
            prop_assert_eq!(find_special(&bytes, bytes.len() + 1), None);
        }
    }
}
