//! The call `add-checkpoint` to a witness: its body and its answers (C2SP *tlog-witness*).

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::hash::{Hash, MAX_TREE_SIZE, empty_root};
use crate::key::VerifierKey;
use crate::note::{MAX_SIGNATURES, Note, NoteError};
use crate::proof::file::read_hashes;
use crate::proof::verify::{ProofError, verify_consistency};
use crate::signature::Signature;
use crate::signing::MAX_NOTE;
use crate::text::{FormatError, Lines, checked_text, parse_decimal};

/// How many hashes a consistency proof may have in a request.
pub const MAX_PROOF: usize = 63;
/// The longest body of a request.
pub const MAX_BODY: usize = MAX_NOTE + 4_096;
/// The content type of an answer 409.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// The body of `POST <prefix>/add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last, as the client knows it; 0 if there was none.
    pub old_size: u64,
    /// The consistency proof from the old size to the checkpoint's; empty if the old size is 0 or the checkpoint's.
    pub proof: Vec<Hash>,
    /// The log's checkpoint.
    pub checkpoint: SignedCheckpoint,
}

/// Why a witness does not cosign. [`Self::status`] is what it answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The old size is above the checkpoint's.
    #[error("the old size {old_size} is above the checkpoint's size {size}")]
    OldSize {
        /// The old size in the request.
        old_size: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// The log is not one of the witness.
    #[error("unknown log: {0}")]
    Log(CheckpointError),
    /// No signature of the log's keys, or a false one.
    #[error(transparent)]
    Signature(NoteError),
    /// The witness has cosigned another size; the answer's body is this size and a newline.
    #[error("the newest cosigned checkpoint has size {0}")]
    Conflict(u64),
    /// The checkpoint is not the continuation of the cosigned one.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Refusal {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::OldSize { .. } => 400,
            Self::Signature(_) => 403,
            Self::Log(_) => 404,
            Self::Conflict(_) => 409,
            Self::Proof(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Reads a body. A witness answers 400 to one that cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut lines = Lines::new(checked_text(bytes, MAX_BODY)?);
        let old_size =
            lines.expect("the old size")?.strip_prefix("old ").and_then(|size| parse_decimal(size, MAX_TREE_SIZE));
        let old_size = old_size.ok_or_else(|| lines.error("must be \"old\", a space and a decimal number"))?;
        let proof = read_hashes(&mut lines, MAX_PROOF)?;
        let read = lines.number();
        let checkpoint = SignedCheckpoint::parse(lines.rest().as_bytes()).map_err(|error| error.moved_down(read))?;
        Ok(Self { old_size, proof, checkpoint })
    }

    /// What a witness checks before it cosigns: `keys` are those that it trusts for the log `origin`, `newest` is the size and root of the
    /// checkpoint that it cosigned last. It must keep the new one before it answers.
    pub fn check<'a>(
        &self,
        origin: &str,
        keys: impl IntoIterator<Item = &'a VerifierKey>,
        newest: Option<(u64, Hash)>,
    ) -> Result<(), Refusal> {
        match self.checkpoint.verify(origin, keys) {
            Ok(_) => {}
            Err(CheckpointError::Note(error)) => return Err(Refusal::Signature(error)),
            Err(error) => return Err(Refusal::Log(error)),
        }
        let checkpoint = self.checkpoint.checkpoint();
        if self.old_size > checkpoint.size() {
            return Err(Refusal::OldSize { old_size: self.old_size, size: checkpoint.size() });
        }
        let (size, root) = newest.unwrap_or((0, empty_root()));
        if self.old_size != size {
            return Err(Refusal::Conflict(size));
        }
        // An empty tree has one root, which `verify_consistency` compares if both sizes are 0.
        Ok(verify_consistency(size, &root, checkpoint.size(), checkpoint.root(), &self.proof)?)
    }
}

impl std::fmt::Display for AddCheckpoint {
    /// The body.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", hash.to_base64())?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: valid cosignatures of known keys, with their times in seconds since 1970. Signatures of other keys are left out.
    Cosigned(Vec<(Signature, u64)>),
    /// 409: the witness has cosigned a checkpoint of this size. Above the log's own size, this is a fork.
    Conflict(u64),
    /// Any other status.
    Refused(u16),
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not written as the specification says.
    #[error("the witness's answer cannot be read: {0}")]
    Format(#[from] FormatError),
    /// It has no cosignature of a known key, or a false one.
    #[error("the witness's answer cannot be used: {0}")]
    Cosignature(#[from] NoteError),
    /// A 409 that is not the witness's: a proxy answered.
    #[error("an answer 409 has the content type {SIZE_CONTENT_TYPE}, not {0:?}")]
    ContentType(String),
    /// A cosignature without time.
    #[error("the cosignature of {0} has the time 0")]
    NoTime(String),
}

impl Answer {
    /// Reads an answer to the submission of `checkpoint`; `keys` are the witness's cosignature keys (type 0x04).
    pub fn read<'a>(
        status: u16,
        content_type: &str,
        body: &[u8],
        checkpoint: &SignedCheckpoint,
        keys: impl IntoIterator<Item = &'a VerifierKey>,
    ) -> Result<Self, AnswerError> {
        match status {
            200 => Self::read_cosignatures(body, checkpoint, keys),
            409 => {
                if content_type.split(';').next().map(str::trim) != Some(SIZE_CONTENT_TYPE) {
                    return Err(AnswerError::ContentType(content_type.chars().take(100).collect()));
                }
                let mut lines = Lines::new(checked_text(body, 100)?);
                let size = parse_decimal(lines.expect("the size")?, MAX_TREE_SIZE);
                let size =
                    size.ok_or_else(|| lines.error("the size is a decimal number below 2^63 without leading zeros"))?;
                lines.finish()?;
                Ok(Self::Conflict(size))
            }
            other => Ok(Self::Refused(other)),
        }
    }

    fn read_cosignatures<'a>(
        body: &[u8],
        checkpoint: &SignedCheckpoint,
        keys: impl IntoIterator<Item = &'a VerifierKey>,
    ) -> Result<Self, AnswerError> {
        let keys: Vec<&VerifierKey> = keys.into_iter().collect();
        let mut cosignatures = Vec::new();
        for signature in Signature::parse_lines(checked_text(body, MAX_NOTE)?, 1, MAX_SIGNATURES)? {
            let note = Note::new(checkpoint.note().text(), vec![signature.clone()])?;
            match note.verify(keys.iter().copied()).map(|verified| verified.first().and_then(|one| one.timestamp)) {
                Ok(Some(0)) => return Err(AnswerError::NoTime(signature.name().to_owned())),
                Ok(Some(timestamp)) => cosignatures.push((signature, timestamp)),
                // A signature of another key, or a known key's that is no cosignature.
                Ok(None) | Err(NoteError::NoKnownSignature) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if cosignatures.is_empty() { Err(NoteError::NoKnownSignature.into()) } else { Ok(Self::Cosigned(cosignatures)) }
    }
}
