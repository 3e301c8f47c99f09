//! Keys and signed texts that several tests use.

use auditlake_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use auditlake_tlog::hash::Hash;
use auditlake_tlog::key::{Algorithm, Signer, SignerKey};
use auditlake_tlog::proof::TlogProof;
use auditlake_tlog::signing::cosign;

use crate::naive;

pub const ORIGIN: &str = "log.example/0123456789abcdef";

pub fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [1; 32]).unwrap()
}

/// The witness `number`, named `w<number>.example`.
pub fn witness_key(number: u8) -> SignerKey {
    SignerKey::from_seed(&format!("w{number}.example"), Algorithm::CosignatureEd25519, [100 + number; 32]).unwrap()
}

/// A checkpoint of the test log with `size` entries, cosigned by some witnesses at the time 1,000 + their number.
pub fn checkpoint(size: u64, witnesses: &[u8]) -> SignedCheckpoint {
    checkpoint_of(size, naive::root(&naive::leaves(size)), witnesses)
}

pub fn checkpoint_of(size: u64, root: Hash, witnesses: &[u8]) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &[&log_key()]).unwrap();
    let mut note = signed.note().clone();
    for &number in witnesses {
        let cosignature = cosign(&witness_key(number), note.text(), 1_000 + u64::from(number)).unwrap();
        note = note.with_signature(cosignature).unwrap();
    }
    SignedCheckpoint::from_note(note).unwrap()
}

/// A proof file for the entry `index` of the test log.
pub fn proof(index: u64, size: u64) -> TlogProof {
    let leaves = naive::leaves(size);
    let path = naive::path(usize::try_from(index).unwrap(), &leaves);
    TlogProof { extra: Some(b"extra data".to_vec()), index, path, checkpoint: checkpoint(size, &[1]) }
}

/// A policy with nested groups, as in the example of C2SP *tlog-policy*.
pub fn policy() -> String {
    let witness = |name: &str, number| format!("witness {name} {}\n", witness_key(number).verifier());
    [
        "# the log\n".to_owned(),
        format!("log {} https://log.example/\n\n", log_key().verifier()),
        witness("X1", 1),
        witness("X2", 2),
        witness("X3", 3),
        "group X-witnesses 2 X1 X2 X3\n\n".to_owned(),
        witness("Y1", 4),
        witness("Y2", 5),
        witness("Y3", 6),
        "group Y-witnesses any Y1 Y2 Y3\n\n".to_owned(),
        "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n".to_owned(),
    ]
    .concat()
}
