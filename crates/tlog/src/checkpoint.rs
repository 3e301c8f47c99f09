//! Checkpoints: the size and root of a log at one moment (C2SP *tlog-checkpoint*).

use crate::hash::{Hash, MAX_TREE_SIZE};
use crate::key::{Signer, VerifierKey};
use crate::note::{Note, NoteError, Verified};
use crate::signing::{SigningError, check_note_text};
use crate::text::{FormatError, Lines, parse_decimal};

/// The text of a checkpoint: origin, size, root, and extension lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines. The origin is one line that is not empty; the size is at most [`MAX_TREE_SIZE`].
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, FormatError> {
        Self::parse(&Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }.to_string())
    }

    /// Reads the text of a checkpoint (section "Note text").
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        check_note_text(text)?;
        let mut lines = Lines::new(text);
        let origin = lines.expect("the origin")?.to_owned();
        if origin.is_empty() {
            return Err(lines.error("the origin is empty"));
        }
        let size = parse_decimal(lines.expect("the tree size")?, MAX_TREE_SIZE)
            .ok_or_else(|| lines.error("the tree size is a decimal number below 2^63 without leading zeros"))?;
        let root = Hash::from_base64(lines.expect("the root hash")?)
            .ok_or_else(|| lines.error("the root hash is the base64 of 32 bytes"))?;
        let mut extensions = Vec::new();
        while !lines.is_at_end() {
            let extension = lines.expect("an extension line")?;
            if extension.is_empty() {
                return Err(lines.error("an extension line is empty"));
            }
            extensions.push(extension.to_owned());
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// The log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the log's tree.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// What follows the root; nobody verifies it.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl std::fmt::Display for Checkpoint {
    /// The text of the note.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, self.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// A note whose text is a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint. Nothing is verified yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::from_note(Note::parse(bytes)?)
    }

    /// Reads the text of a note.
    pub fn from_note(note: Note) -> Result<Self, FormatError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { note, checkpoint })
    }

    /// Signs a checkpoint with keys of type 0x01. The log's key should have the origin as its name.
    pub fn sign(checkpoint: Checkpoint, signers: &[&dyn Signer]) -> Result<Self, SigningError> {
        let note = Note::sign(&checkpoint.to_string(), signers)?;
        Ok(Self { note, checkpoint })
    }

    /// What was signed.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with its signatures.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint, if `origin` is its origin and one of `keys` has signed it, and all known signatures are valid.
    pub fn verify<'a>(
        &self,
        origin: &str,
        keys: impl IntoIterator<Item = &'a VerifierKey>,
    ) -> Result<Vec<Verified<'a>>, CheckpointError> {
        if self.checkpoint.origin != origin {
            return Err(CheckpointError::Origin { expected: origin.to_owned(), found: self.checkpoint.origin.clone() });
        }
        Ok(self.note.verify(keys)?)
    }
}

impl std::fmt::Display for SignedCheckpoint {
    /// The signed note, byte for byte as it was read.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.note.fmt(formatter)
    }
}

/// Why a checkpoint is not one of the log that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is another log's.
    #[error("the checkpoint is one of the log {found:?}, not of {expected:?}")]
    Origin {
        /// The log that was asked for.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
    /// Its signatures do not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
}
