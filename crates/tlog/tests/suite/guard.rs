//! What the holder of the log's key refuses to sign.

use auditlake_tlog::guard::{Fork, Remembered};
use auditlake_tlog::hash::Hash;
use auditlake_tlog::proof::ProofError;

use crate::{naive, samples};

fn remembered(size: u64) -> Remembered {
    Remembered { size, root: naive::root(&naive::leaves(size)) }
}

#[test]
fn proven_continuations_are_signed() {
    assert_eq!(Remembered::default(), remembered(0));
    for (old, new) in [(0, 0), (0, 7), (3, 7), (4, 7), (7, 7), (256, 300)] {
        let (checkpoint, leaves) = (samples::checkpoint(new, &[]), naive::leaves(new));
        let proof = if old == 0 { Vec::new() } else { naive::proof(old as usize, &leaves) };
        assert_eq!(remembered(old).continued_by(checkpoint.checkpoint(), &proof), Ok(remembered(new)));
    }
}

#[test]
fn forks_and_rollbacks_are_not() {
    let checkpoint = samples::checkpoint(7, &[]);
    let check = |remembered: Remembered, proof: &[Hash]| remembered.continued_by(checkpoint.checkpoint(), proof);
    assert_eq!(check(remembered(8), &[]), Err(Fork::RolledBack { remembered: 8, size: 7 }));
    let (other, root) = (Hash::of(b"another"), naive::root(&naive::leaves(7)));
    let found = check(Remembered { size: 7, root: other }, &[]);
    assert_eq!(found, Err(Fork::OtherRoot { size: 7, remembered: other, found: root }));
    let proof = naive::proof(3, &naive::leaves(7));
    let found = check(Remembered { size: 3, root: other }, &proof);
    assert!(matches!(found, Err(Fork::NotProven { remembered: 3, size: 7, reason: ProofError::Root { .. } })));
    assert!(matches!(check(remembered(3), &proof[1..]), Err(Fork::NotProven { .. })));
    assert!(matches!(check(remembered(3), &[]), Err(Fork::NotProven { reason: ProofError::Length { found: 0 }, .. })));
}
