//! Making signatures in two steps, so that a service can hold the key: what is to be signed, then the signature line.

use crate::cosignature::{self, MAX_TIMESTAMP};
use crate::key::{Algorithm, ED25519_SIGNATURE_SIZE, Signer, SignerError, VerifierKey};
use crate::signature::Signature;
use crate::text::{FormatError, checked_text};

/// The longest note that is written or read, signatures included (C2SP *signed-note* leaves the limit open; Go's `note` has this one).
pub const MAX_NOTE: usize = 1_000_000;

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The text may not be the text of a note.
    #[error("the text cannot be signed: {0}")]
    Text(#[from] FormatError),
    /// The key's type makes other signatures than the one that was asked for.
    #[error("a key of type 0x{:02x} cannot make this signature", .0.byte())]
    Algorithm(Algorithm),
    /// The time is above 2^63 − 1.
    #[error("the time {0} is too large")]
    Time(u64),
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The signature is not one of this key over these bytes: a service holds another key than the lake was told.
    #[error("the signer's answer is no signature of the key {0}")]
    NotOfThisKey(String),
}

/// The text of a note that may be signed: it ends in a newline, and is UTF-8 without other control characters.
pub(crate) fn check_note_text(text: &str) -> Result<(), FormatError> {
    checked_text(text.as_bytes(), MAX_NOTE)?;
    if text.ends_with('\n') {
        Ok(())
    } else {
        Err(FormatError::new(text.matches('\n').count() + 1, "the text does not end in a newline"))
    }
}

/// A signature that is still to be made.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    key: VerifierKey,
    message: Vec<u8>,
    timestamp: Option<u64>,
}

impl SigningRequest {
    /// For a plain signature of `text` by a key of type 0x01.
    pub fn note(key: &VerifierKey, text: &str) -> Result<Self, SigningError> {
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(SigningError::Algorithm(key.algorithm()));
        }
        check_note_text(text)?;
        Ok(Self { key: key.clone(), message: text.as_bytes().to_vec(), timestamp: None })
    }

    /// For a cosignature of `text` by a key of type 0x04 at `timestamp`, in seconds since 1970.
    pub fn cosignature(key: &VerifierKey, text: &str, timestamp: u64) -> Result<Self, SigningError> {
        if key.algorithm() != Algorithm::CosignatureEd25519 {
            return Err(SigningError::Algorithm(key.algorithm()));
        }
        if timestamp > MAX_TIMESTAMP {
            return Err(SigningError::Time(timestamp));
        }
        check_note_text(text)?;
        Ok(Self { key: key.clone(), message: cosignature::message(timestamp, text), timestamp: Some(timestamp) })
    }

    /// The bytes to sign with Ed25519, as they are.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The signature line from the 64 bytes that the key's holder returned. They are verified first.
    pub fn finish(self, signature: &[u8]) -> Result<Signature, SigningError> {
        if signature.len() != ED25519_SIGNATURE_SIZE || !self.key.verifies(&self.message, signature) {
            return Err(SigningError::NotOfThisKey(self.key.to_string()));
        }
        let bytes = match self.timestamp {
            None => signature.to_vec(),
            Some(timestamp) => cosignature::encode(timestamp, signature),
        };
        Ok(Signature { name: self.key.name().to_owned(), id: self.key.id(), bytes })
    }
}

/// The signature line of `signer` (type 0x01) for a note's `text`.
pub fn sign(signer: &dyn Signer, text: &str) -> Result<Signature, SigningError> {
    let request = SigningRequest::note(signer.verifier(), text)?;
    let signature = signer.sign(request.message())?;
    request.finish(&signature)
}

/// The cosignature line of `signer` (type 0x04) for a checkpoint's `text` at `timestamp`, in seconds since 1970.
pub fn cosign(signer: &dyn Signer, text: &str, timestamp: u64) -> Result<Signature, SigningError> {
    let request = SigningRequest::cosignature(signer.verifier(), text, timestamp)?;
    let signature = signer.sign(request.message())?;
    request.finish(&signature)
}
