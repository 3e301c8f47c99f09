//! Base64 (RFC 4648), as Pub/Sub puts a message's bytes into JSON.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What is below the last byte may be anything, and padding is taken off before.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The bytes of a text in the alphabet of section 4 or that of section 5 (URLs), which may be broken into lines and need not be
/// padded; `None` if it is no base64.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut characters: Vec<u8> = text.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    while characters.last() == Some(&b'=') {
        characters.pop();
    }
    for character in &mut characters {
        match character {
            b'-' => *character = b'+',
            b'_' => *character = b'/',
            _ => {}
        }
    }
    LENIENT.decode(characters).ok()
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
            // Bits below the last byte, and padding where none is needed.
            ("Zh==", "f"),
            ("Zm9v=", "foo"),
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
