//! Texts as RFC 8785 writes them in JSON: escaping with a fast path, because nearly every byte needs none.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

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
#[inline]
pub(crate) const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The position of the first byte at or after `from` that is a quote, a backslash or a control character.
#[inline]
pub(crate) fn find_special(bytes: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    while let Some(chunk) = bytes.get(position..).and_then(<[u8]>::first_chunk::<8>) {
        let flags = special_bytes(u64::from_le_bytes(*chunk));
        if flags != 0 {
            return Some(position + (flags.trailing_zeros() / 8) as usize);
        }
        position += 8;
    }
    // The last eight bytes again, as far as they lie at or after `from`: those before `position` are known to be plain.
    if let Some(chunk) = bytes.get(from..).and_then(<[u8]>::last_chunk::<8>) {
        let flags = special_bytes(u64::from_le_bytes(*chunk));
        return (flags != 0).then(|| bytes.len() - 8 + (flags.trailing_zeros() / 8) as usize);
    }
    let rest = bytes.get(position..)?;
    rest.iter().position(|byte| is_special(*byte)).map(|offset| position + offset)
}

/// Appends `text` without quotes, escaped as RFC 8785 section 3.2.2.2 says.
#[inline]
pub(crate) fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    match find_special(bytes, 0) {
        Some(position) => escape_from(bytes, position, out),
        None => out.extend_from_slice(bytes),
    }
}

/// Appends `bytes`, whose first byte to be escaped is at `position`.
#[inline(never)]
fn escape_from(bytes: &[u8], mut position: usize, out: &mut Vec<u8>) {
    let mut clean_from = 0;
    loop {
        out.extend_from_slice(&bytes[clean_from..position]);
        escape_byte(bytes[position], out);
        clean_from = position + 1;
        match find_special(bytes, clean_from) {
            Some(next) => position = next,
            None => break,
        }
    }
    out.extend_from_slice(&bytes[clean_from..]);
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digits = [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends `text` as a JSON string: quoted and escaped.
#[inline]
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape_into(text, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_string_of_rfc_8785_section_3_2_2_is_written_as_published() {
        // "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/" becomes "€$\u000f\nA'B\"\\\\\"/" (hex in section 3.2.4).
        let mut out = Vec::new();
        write_string("\u{20ac}$\u{f}\nA'B\"\\\\\"/", &mut out);
        let published = "22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f22";
        assert_eq!(hex::encode(out), published);
    }

    proptest! {
        #[test]
        fn escaping_agrees_with_serde_json(text in "\\PC*|[\\x00-\\x7f]*") {
            // serde_json escapes exactly what RFC 8785 asks for.
            let mut out = Vec::new();
            write_string(&text, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }
}
