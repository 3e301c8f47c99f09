//! Timestamped Ed25519 cosignatures of checkpoints, type 0x04 (C2SP *tlog-cosignature*, section "Ed25519 signed message").
//!
//! What is signed is
//!
//! ```text
//! cosignature/v1
//! time <seconds since 1970>
//! <the text of the note>
//! ```
//!
//! and the signature is `timestamp (8 bytes, big-endian) ‖ Ed25519 signature (64 bytes)`. ML-DSA-44 cosignatures (type 0x06) are
//! those of unknown keys here.

use crate::key::{Algorithm, ED25519_SIGNATURE_SIZE, VerifierKey};

/// The largest timestamp (section "Format": "MUST NOT exceed 2^63 - 1").
pub const MAX_TIMESTAMP: u64 = i64::MAX as u64;

/// Bytes of a cosignature after the key id.
pub const SIZE: usize = 8 + ED25519_SIGNATURE_SIZE;

/// The bytes that a cosigner signs: header line, time line (seconds since 1970), the note's text.
pub fn message(timestamp: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {timestamp}\n{text}").into_bytes()
}

/// The bytes of a cosignature after the key id.
pub(crate) fn encode(timestamp: u64, signature: &[u8]) -> Vec<u8> {
    [timestamp.to_be_bytes().as_slice(), signature].concat()
}

/// The time at which `key` cosigned `text` (seconds since 1970), if `signature` (without key id) is its cosignature. The clock is not
/// asked: a caller may refuse times in the future.
pub fn verify(key: &VerifierKey, text: &str, signature: &[u8]) -> Option<u64> {
    if key.algorithm() != Algorithm::CosignatureEd25519 || signature.len() != SIZE {
        return None;
    }
    let (timestamp, signature) = signature.split_first_chunk::<8>()?;
    let timestamp = u64::from_be_bytes(*timestamp);
    (timestamp <= MAX_TIMESTAMP && key.verifies(&message(timestamp, text), signature)).then_some(timestamp)
}
