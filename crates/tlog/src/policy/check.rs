//! Applying a policy to a checkpoint.

use crate::checkpoint::SignedCheckpoint;
use crate::key::VerifierKey;
use crate::note::{NoteError, Verified};
use crate::policy::parse::{Member, Policy, PolicyWitness};

/// Why a policy does not accept a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A signature of a key that the policy names is not valid.
    #[error(transparent)]
    Note(NoteError),
    /// No log of the policy has this origin and has signed the checkpoint.
    #[error("the checkpoint is not signed by a log of the policy with the origin {0:?}")]
    NotSignedByLog(String),
    /// Too few witnesses.
    #[error("the checkpoint has valid cosignatures of {} of {witnesses} witnesses, which is no quorum", cosigned.len())]
    NoQuorum {
        /// The names of the witnesses that have cosigned.
        cosigned: Vec<String>,
        /// How many witnesses the policy names.
        witnesses: usize,
        /// The names of the witnesses whose keys are of a type that this crate cannot verify.
        cannot_verify: Vec<String>,
    },
}

/// A valid cosignature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned<'a> {
    /// The witness.
    pub witness: &'a PolicyWitness,
    /// When it cosigned: seconds since 1970. The earliest, if it did so more than once.
    pub timestamp: u64,
}

/// Why a checkpoint is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The keys of the log that have signed.
    pub log_keys: Vec<&'a VerifierKey>,
    /// The witnesses that have cosigned, in the order of the policy.
    pub cosigned: Vec<Cosigned<'a>>,
}

impl Policy {
    /// Accepts a checkpoint that one of the policy's logs has signed and a quorum of its witnesses has cosigned. A log's key must have the
    /// checkpoint's origin as its name. Signatures of other keys are ignored; a false signature of a key of the policy is an
    /// error even if there are enough others.
    pub fn check(&self, checkpoint: &SignedCheckpoint) -> Result<Verdict<'_>, PolicyError> {
        self.check_with(checkpoint, self.logs().iter().map(|log| &log.key))
    }

    /// The same with logs that are known from elsewhere, for a policy that names none.
    pub fn check_with<'a>(
        &'a self,
        checkpoint: &SignedCheckpoint,
        logs: impl IntoIterator<Item = &'a VerifierKey>,
    ) -> Result<Verdict<'a>, PolicyError> {
        let origin = checkpoint.checkpoint().origin();
        let log_keys: Vec<&VerifierKey> = logs.into_iter().filter(|key| key.name() == origin).collect();
        let witness_keys = self.witnesses().iter().map(|witness| &witness.key);
        let verified = match checkpoint.note().verify(log_keys.iter().copied().chain(witness_keys)) {
            Ok(verified) => verified,
            Err(NoteError::NoKnownSignature) => Vec::new(),
            Err(error) => return Err(PolicyError::Note(error)),
        };
        let has_signed = |key: &VerifierKey| verified.iter().any(|signature| signature.key == key);
        let log_keys: Vec<&VerifierKey> = log_keys.into_iter().filter(|key| has_signed(key)).collect();
        if log_keys.is_empty() {
            return Err(PolicyError::NotSignedByLog(origin.to_owned()));
        }
        let earliest: Vec<Option<u64>> = self.witnesses().iter().map(|witness| earliest(&verified, &witness.key)).collect();
        if !self.is_quorum(&earliest) {
            return Err(self.no_quorum(&earliest));
        }
        let cosigned = self.witnesses().iter().zip(&earliest);
        let cosigned = cosigned.filter_map(|(witness, time)| Some(Cosigned { witness, timestamp: (*time)? })).collect();
        Ok(Verdict { log_keys, cosigned })
    }

    /// How many dishonest witnesses are enough, together with the log's key, to have two histories accepted: the fewest that two
    /// quorums can have in common. 0 means that the policy does not protect against a fork at all, because there are disjoint
    /// quorums.
    pub fn witnesses_for_fork(&self) -> usize {
        // A group comes after its members, and each witness is below at most one group.
        let mut groups: Vec<usize> = Vec::with_capacity(self.groups().len());
        let common = |groups: &[usize], member: Member| match member {
            Member::Witness(_) => 1,
            Member::Group(index) => groups.get(index).copied().unwrap_or(0),
        };
        for group in self.groups() {
            let mut members: Vec<usize> = group.members.iter().map(|&member| common(&groups, member)).collect();
            members.sort_unstable();
            // Two choices of `threshold` members have at least this many members in common, the cheapest in the worst case.
            let shared = (2 * group.threshold).saturating_sub(members.len());
            groups.push(members.iter().take(shared).sum());
        }
        self.quorum().map_or(0, |member| common(&groups, member))
    }

    fn is_quorum(&self, earliest: &[Option<u64>]) -> bool {
        // A group comes after its members, so that these are known when it is its turn.
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups().len());
        let holds = |groups: &[bool], member: Member| match member {
            Member::Witness(index) => earliest.get(index).is_some_and(Option::is_some),
            Member::Group(index) => groups.get(index).copied().unwrap_or(false),
        };
        for group in self.groups() {
            let count = group.members.iter().filter(|&&member| holds(&groups, member)).count();
            groups.push(count >= group.threshold);
        }
        self.quorum().is_none_or(|member| holds(&groups, member))
    }

    fn no_quorum(&self, earliest: &[Option<u64>]) -> PolicyError {
        let name = |witness: &PolicyWitness| String::from_utf8_lossy(&witness.name).into_owned();
        let witnesses = self.witnesses();
        let cosigned = witnesses.iter().zip(earliest).filter(|(_, time)| time.is_some()).map(|(witness, _)| name(witness));
        let cannot_verify = witnesses.iter().filter(|witness| !witness.key.algorithm().can_verify()).map(name);
        PolicyError::NoQuorum {
            cosigned: cosigned.collect(),
            witnesses: witnesses.len(),
            cannot_verify: cannot_verify.collect(),
        }
    }
}

fn earliest(verified: &[Verified<'_>], key: &VerifierKey) -> Option<u64> {
    verified.iter().filter(|signature| signature.key == key).filter_map(|signature| signature.timestamp).min()
}
