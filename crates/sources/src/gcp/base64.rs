//! Base64 (RFC 4648), as Pub/Sub puts a message's bytes into JSON.

/// The value of a character, in the alphabet of section 4 or that of section 5 (URLs).
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// The bytes of a text, which may be broken into lines and need not be padded; `None` if it is no base64.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count, mut is_padded) = (0_u32, 0_u32, false);
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        if *byte == b'=' {
            is_padded = true;
            continue;
        }
        if is_padded {
            return None;
        }
        bits = bits << 6 | sextet(*byte)?;
        count += 1;
        if count == 4 {
            out.extend(bits.to_be_bytes().iter().skip(1));
            (bits, count) = (0, 0);
        }
    }
    // Two characters left hold one byte, three hold two; what is below them is padding.
    match count {
        0 => {}
        2 => out.extend((bits << 12).to_be_bytes().iter().skip(1).take(1)),
        3 => out.extend((bits << 6).to_be_bytes().iter().skip(1).take(2)),
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn the_examples_of_rfc_4648_are_decoded() {
        // Section 10.
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9vYg", "foob"),
            ("Zm9v\r\nYmFy\n", "foobar"),
        ] {
            assert_eq!(decoded(text.as_bytes()).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        assert_eq!(decoded(b"-_8="), decoded(b"+/8="));
        assert_eq!(decoded(b"+/8=").as_deref(), Some(&[0xfb, 0xff][..]));
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["Z", "Zm9vY", "Zg==Zg==", "{\"a\":1}", "Zm9*", "é"] {
            assert_eq!(decoded(text.as_bytes()), None, "{text}");
        }
    }
}
