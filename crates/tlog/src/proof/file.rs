//! The `.tlog-proof` file: an inclusion proof with its checkpoint (C2SP *tlog-proof*).

use crate::checkpoint::SignedCheckpoint;
use crate::hash::{Hash, MAX_TREE_SIZE};
use crate::proof::verify::{ProofError, verify_inclusion};
use crate::signing::MAX_NOTE;
use crate::text::{FormatError, Lines, checked_text, decode_base64, encode_base64, parse_decimal};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The longest inclusion proof: one hash for each level of the largest tree.
pub const MAX_PATH: usize = 63;
/// The longest file, checkpoint and extra data included.
pub const MAX_FILE: usize = 2 * MAX_NOTE;

/// The content of a `.tlog-proof` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Data of the application, which nothing vouches for; `None` if the line is missing.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry in the log.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The checkpoint of a tree with the entry, verbatim.
    pub checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Reads a file. Nothing is verified yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut lines = Lines::new(checked_text(bytes, MAX_FILE)?);
        if lines.expect("the format")? != HEADER {
            return Err(lines.error(format!("the first line must be {HEADER:?}")));
        }
        let mut line = lines.expect("the index")?;
        let mut extra = None;
        if let Some(data) = line.strip_prefix("extra ") {
            extra = Some(decode_base64(data).ok_or_else(|| lines.error("the extra data is not standard base64"))?);
            line = lines.expect("the index")?;
        }
        let index = line.strip_prefix("index ").and_then(|index| parse_decimal(index, MAX_TREE_SIZE));
        let index = index.ok_or_else(|| lines.error("must be \"index\", a space and a decimal number"))?;
        let path = read_hashes(&mut lines, MAX_PATH)?;
        let read = lines.number();
        let checkpoint = SignedCheckpoint::parse(lines.rest().as_bytes()).map_err(|error| error.moved_down(read))?;
        Ok(Self { extra, index, path, checkpoint })
    }

    /// Checks that the checkpoint's tree has an entry with the hash `leaf` at the index. Who signed the checkpoint is a question of
    /// its own: [`SignedCheckpoint::verify`] or [`crate::policy::Policy::check`].
    pub fn verify_inclusion(&self, leaf: &Hash) -> Result<(), ProofError> {
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(leaf, self.index, checkpoint.size(), &self.path, checkpoint.root())
    }
}

impl std::fmt::Display for TlogProof {
    /// The file.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", encode_base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(formatter, "{}", hash.to_base64())?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

/// Reads lines of hashes up to and including an empty line.
pub(crate) fn read_hashes(lines: &mut Lines<'_>, limit: usize) -> Result<Vec<Hash>, FormatError> {
    let mut hashes = Vec::new();
    loop {
        let line = lines.expect("a hash or an empty line")?;
        if line.is_empty() {
            return Ok(hashes);
        }
        if hashes.len() == limit {
            return Err(lines.error(format!("more than {limit} hashes")));
        }
        hashes.push(Hash::from_base64(line).ok_or_else(|| lines.error("a hash is the base64 of 32 bytes"))?);
    }
}
