//! SHA-256 (FIPS 180-4) of one message, and of many.
//!
//! Where the processor has instructions for it, a round of SHA-256 waits for the one before; the rounds of a second,
//! independent message fill the gaps. Every event is hashed when it comes in and again when it is sealed, so that this is worth
//! code of our own; all else, and every machine without those instructions, is left to the library.

#[cfg(target_arch = "x86_64")]
mod x86_64;

use sha2::{Digest, Sha256};

/// The SHA-256 of a message.
pub fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// The SHA-256 of each message, in their order: quicker than one after another.
pub fn digest_each<'a>(messages: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<[u8; 32]> {
    #[cfg(target_arch = "x86_64")]
    let messages = match x86_64::digest_each(messages) {
        Ok(digests) => return digests,
        Err(messages) => messages,
    };
    messages.map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|position| ((position * 31 + seed * 17) % 251).to_le_bytes()[0]).collect()
    }

    fn assert_digests(lengths: &[usize]) {
        let messages: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(seed, length)| message(*length, seed)).collect();
        let expected: Vec<[u8; 32]> = messages.iter().map(|message| digest(message)).collect();
        assert_eq!(digest_each(messages.iter().map(Vec::as_slice)), expected, "messages of {lengths:?} bytes");
    }

    #[test]
    fn the_examples_of_fips_180_4_have_their_published_digests() {
        let messages: [&[u8]; 3] = [b"abc", b"", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"];
        let digests: Vec<String> = digest_each(messages.into_iter()).into_iter().map(hex::encode).collect();
        let published = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ];
        assert_eq!(digests, published);
    }

    #[test]
    fn messages_of_any_lengths_have_their_digests() {
        assert_digests(&[]);
        // Every way a message ends in its last block: alone, against one with fewer, as many or more blocks, and among others.
        for length in 0..200 {
            assert_digests(&[length]);
            for other in [0, 55, 56, 64, 120, 640, 1_000, length] {
                assert_digests(&[length, other]);
                assert_digests(&[other, length]);
                assert_digests(&[other, length, length + 64, 3, other, 700, length]);
            }
        }
        assert_digests(&[1_000_003, 70_001, 12, 70_001, 90_000]);
    }
}
