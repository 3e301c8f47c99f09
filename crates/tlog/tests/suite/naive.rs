//! The definitions of RFC 9162 section 2.1 word by word, over all leaf hashes, as slow as they are.

use auditlake_tlog::hash::{Hash, empty_root, leaf_hash, node_hash};

/// The entries of a test log: each is its index in decimal.
pub fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("entry {index}\n").into_bytes()).collect()
}

pub fn leaves(count: u64) -> Vec<Hash> {
    entries(count).iter().map(|entry| leaf_hash(entry)).collect()
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    let mut split = 1;
    while split * 2 < count {
        split *= 2;
    }
    split
}

/// `MTH(D)`.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// `PATH(m, D)`.
pub fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) =
        if index < middle { (path(index, left), root(right)) } else { (path(index - middle, right), root(left)) };
    path.push(sibling);
    path
}

/// `PROOF(m, D)`.
pub fn proof(size: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(size, leaves, true)
}

fn subproof(size: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if size == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, sibling) = if size <= middle {
        (subproof(size, left, whole), root(right))
    } else {
        (subproof(size - middle, right, false), root(left))
    };
    proof.push(sibling);
    proof
}
