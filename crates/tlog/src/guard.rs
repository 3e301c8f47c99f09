//! What the holder of the log's key checks before it signs a checkpoint.
//!
//! A log must not sign two checkpoints of which neither is the beginning of the other (C2SP *tlog-checkpoint*, section "Signatures"). The
//! signer therefore remembers the size and root that it signed last, in a place that is not restored together with the log's
//! files, and signs nothing but proven continuations. Whoever keeps a checkpoint of a log checks a newer one in the same way.

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, empty_root};
use crate::proof::verify::{ProofError, verify_consistency};

/// The newest state of a log that somebody has signed or seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// The size.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// Why a checkpoint is no continuation: the log was forked or rolled back, or its files were altered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fork {
    /// The log has become shorter: its files were restored, or an old copy runs.
    #[error("the log has {size} entries, fewer than the {remembered} that were signed before")]
    RolledBack {
        /// The remembered size.
        remembered: u64,
        /// The size in the checkpoint.
        size: u64,
    },
    /// The log has another root at the same size.
    #[error("the log of {size} entries has the root {found}, and had {remembered} before")]
    OtherRoot {
        /// The size.
        size: u64,
        /// The remembered root.
        remembered: Hash,
        /// The root in the checkpoint.
        found: Hash,
    },
    /// The proof does not show that the remembered log is the beginning of this one.
    #[error("the log of {size} entries is not shown to continue that of {remembered}: {reason}")]
    NotProven {
        /// The remembered size.
        remembered: u64,
        /// The size in the checkpoint.
        size: u64,
        /// What is wrong with the proof.
        reason: ProofError,
    },
}

impl Default for Remembered {
    /// Of a log of which nothing was signed yet.
    fn default() -> Self {
        Self { size: 0, root: empty_root() }
    }
}

impl From<&Checkpoint> for Remembered {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self { size: checkpoint.size(), root: *checkpoint.root() }
    }
}

impl Remembered {
    /// What is to be remembered after `checkpoint`, if `proof` shows that it continues this state: before the signature is given
    /// away, the answer must be stored. The same checkpoint again is a continuation, with an empty proof.
    pub fn continued_by(&self, checkpoint: &Checkpoint, proof: &[Hash]) -> Result<Self, Fork> {
        let next = Self::from(checkpoint);
        if next.size < self.size {
            return Err(Fork::RolledBack { remembered: self.size, size: next.size });
        }
        if next.size == self.size && next.root != self.root {
            return Err(Fork::OtherRoot { size: next.size, remembered: self.root, found: next.root });
        }
        verify_consistency(self.size, &self.root, next.size, &next.root, proof).map_err(|reason| Fork::NotProven {
            remembered: self.size,
            size: next.size,
            reason,
        })?;
        Ok(next)
    }
}
