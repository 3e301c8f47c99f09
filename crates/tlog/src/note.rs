//! Signed notes (C2SP *signed-note*): a text, an empty line, signature lines.

use crate::cosignature;
use crate::key::{Algorithm, KeyId, Signer, VerifierKey};
use crate::signature::Signature;
use crate::signing::{self, MAX_NOTE, SigningError, check_note_text};
use crate::text::{FormatError, checked_text};

/// How many signatures a note may have. The specification asks verifiers to accept at least 16; Go's `note` accepts 100.
pub const MAX_SIGNATURES: usize = 100;

/// Why a note cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no note.
    #[error("not a signed note: {0}")]
    Format(#[from] FormatError),
    /// A signature that names a known key is not that key's.
    #[error("line {line}: the signature of {name} ({id}) is not valid")]
    InvalidSignature {
        /// The line in the note, counted from 1.
        line: usize,
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// No known key has signed.
    #[error("no known key has signed the note")]
    NoKnownSignature,
    /// Two known keys have the same name and id, so that a signature does not say whose it is.
    #[error("two keys have the name {name} and the id {id}")]
    AmbiguousKey {
        /// The keys' name.
        name: String,
        /// The keys' id.
        id: KeyId,
    },
}

/// A text with at least one signature, none of which has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature that has been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The key, one of those that were given.
    pub key: &'a VerifierKey,
    /// For a cosignature, when it was made: seconds since 1970.
    pub timestamp: Option<u64>,
}

impl Note {
    /// A note of a text and its signatures, of which there must be one to [`MAX_SIGNATURES`].
    pub fn new(text: &str, signatures: Vec<Signature>) -> Result<Self, FormatError> {
        check_note_text(text)?;
        let note = Self { text: text.to_owned(), signatures };
        note.check_limits()?;
        Ok(note)
    }

    /// A note signed by keys of type 0x01, in their order.
    pub fn sign(text: &str, signers: &[&dyn Signer]) -> Result<Self, SigningError> {
        let signatures = signers.iter().map(|&signer| signing::sign(signer, text)).collect::<Result<_, _>>()?;
        Ok(Self::new(text, signatures)?)
    }

    /// Reads a signed note. Nothing is verified: trust nothing of it before [`Self::verify`].
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let note = checked_text(bytes, MAX_NOTE)?;
        // The text may hold empty lines: the last one separates it from the signatures.
        let Some(end) = note.rfind("\n\n") else {
            let line = note.matches('\n').count() + 1;
            return Err(FormatError::new(line, "an empty line must come before the signatures"));
        };
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let first_signature = text.matches('\n').count() + 2;
        let signatures = Signature::parse_lines(signatures, first_signature, MAX_SIGNATURES)?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The same note with one more signature, unless it has exactly that one already.
    pub fn with_signature(mut self, signature: Signature) -> Result<Self, FormatError> {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
            self.check_limits()?;
        }
        Ok(self)
    }

    /// Verifies all signatures of known keys and returns them in the order of the note. Signatures of other keys are ignored, and
    /// so are those of keys whose type this crate cannot verify.
    ///
    /// Fails if a signature of a known key is not valid, or if there is none at all (section "Signatures").
    pub fn verify<'a>(&self, keys: impl IntoIterator<Item = &'a VerifierKey>) -> Result<Vec<Verified<'a>>, NoteError> {
        let mut known = std::collections::BTreeMap::new();
        for key in keys.into_iter().filter(|key| key.algorithm().can_verify()) {
            let other = known.insert((key.name(), key.id()), key);
            if other.is_some_and(|other| other != key) {
                return Err(NoteError::AmbiguousKey { name: key.name().to_owned(), id: key.id() });
            }
        }
        let first_line = self.text.matches('\n').count() + 2;
        let mut verified = Vec::new();
        for (index, signature) in self.signatures.iter().enumerate() {
            let Some(&key) = known.get(&(signature.name(), signature.id())) else { continue };
            let timestamp = match key.algorithm() {
                Algorithm::CosignatureEd25519 => cosignature::verify(key, &self.text, signature.bytes()).map(Some),
                _ => key.verifies(self.text.as_bytes(), signature.bytes()).then_some(None),
            };
            let Some(timestamp) = timestamp else {
                let (name, id) = (signature.name.clone(), signature.id);
                return Err(NoteError::InvalidSignature { line: first_line + index, name, id });
            };
            verified.push(Verified { key, timestamp });
        }
        if verified.is_empty() { Err(NoteError::NoKnownSignature) } else { Ok(verified) }
    }

    /// That the note can be read back.
    fn check_limits(&self) -> Result<(), FormatError> {
        let line = self.text.matches('\n').count() + 2;
        let size = self.to_string().len();
        if self.signatures.is_empty() {
            return Err(FormatError::new(line, "there is no signature line"));
        }
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(FormatError::new(line + MAX_SIGNATURES, format!("more than {MAX_SIGNATURES} signatures")));
        }
        if size > MAX_NOTE {
            return Err(FormatError::new(1, format!("the text has {size} bytes, more than {MAX_NOTE}")));
        }
        Ok(())
    }
}

impl std::fmt::Display for Note {
    /// The signed note, byte for byte as it was read.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}
