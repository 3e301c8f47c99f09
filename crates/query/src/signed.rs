//! Texts that only we can make: bytes and their HMAC-SHA-256 as base64url.
//!
//! One key signs several kinds of text; each kind has a **domain**, so that a text of one kind never stands for one of another.
//! What is signed is not hidden: whoever holds the text can read it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of the signature in bytes.
const SIGNATURE_BYTES: usize = 32;

fn signer(domain: &str, bytes: &[u8], key: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes a key of any length, so this is never `None`.
    let mut signer = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    signer.update(domain.as_bytes());
    signer.update(b"\0");
    signer.update(bytes);
    Some(signer)
}

/// The signed text of bytes. A domain holds no zero byte.
pub fn sign(domain: &str, bytes: &[u8], key: &[u8]) -> String {
    let signature = signer(domain, bytes, key).map(|signer| signer.finalize().into_bytes());
    let mut signed = bytes.to_vec();
    signed.extend_from_slice(signature.as_deref().unwrap_or_default());
    URL_SAFE_NO_PAD.encode(signed)
}

/// A text that has the form of a signed one, before its signature is looked at.
pub struct Unverified {
    bytes: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Unverified {
    /// Takes a text apart; `None` if it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let signature = *bytes.last_chunk::<SIGNATURE_BYTES>()?;
        bytes.truncate(bytes.len() - SIGNATURE_BYTES);
        Some(Self { bytes, signature })
    }

    /// What the text says it holds: good enough to say what is wrong with it, never to act on.
    pub fn claimed(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, if [`sign`] made the text of them for the same domain with the same key. The signature is compared in constant
    /// time.
    pub fn verify(self, domain: &str, key: &[u8]) -> Option<Vec<u8>> {
        signer(domain, &self.bytes, key)?.verify_slice(&self.signature).ok()?;
        Some(self.bytes)
    }
}

/// The bytes of a text that [`sign`] made for the same domain with the same key; `None` of any other text.
pub fn verify(domain: &str, text: &str, key: &[u8]) -> Option<Vec<u8>> {
    Unverified::parse(text)?.verify(domain, key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"a key of the test";

    #[test]
    fn the_signature_is_that_of_rfc_2104() {
        // printf 'thing\0abc' | openssl dgst -sha256 -hmac 'a key of the test'
        let signed = URL_SAFE_NO_PAD.decode(sign("thing", b"abc", KEY)).unwrap();
        assert_eq!((&signed[..3], hex::encode(&signed[3..]).as_str()), (b"abc".as_slice(), EXPECTED));
    }

    const EXPECTED: &str = "707e24c1db17242d5e9a24e407c388238fb66c0453f29a375729d1b8b8018ca0";

    proptest! {
        #[test]
        fn only_the_same_text_key_and_domain_are_accepted(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            at in any::<prop::sample::Index>(),
            to in "[A-Za-z0-9_-]",
        ) {
            let text = sign("one", &bytes, KEY);
            prop_assert_eq!(verify("one", &text, KEY), Some(bytes));
            prop_assert_eq!(verify("two", &text, KEY), None);
            prop_assert_eq!(verify("one", &text, b"another key"), None);
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || verify("one", &changed, KEY).is_none());
            prop_assert_eq!(verify("one", &text[1..], KEY), None);
        }
    }
}
