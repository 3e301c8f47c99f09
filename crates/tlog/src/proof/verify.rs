//! Checking proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2).

use crate::hash::{Hash, MAX_TREE_SIZE, empty_root, node_hash};

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry's index is not below the tree's size, the old size not at most the new one, or a size is too large.
    #[error("{position} is not in a tree of {size} entries")]
    Position {
        /// The entry's index, or the old size.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof has another number of hashes than its sizes ask for.
    #[error("the proof has {found} hashes, which is not the number for these sizes")]
    Length {
        /// The number of hashes.
        found: usize,
    },
    /// The hashes lead to another root: the entry is not in the tree, or the tree was altered.
    #[error("the proof leads to the root {found}, not to {expected}")]
    Root {
        /// The root that should have come out.
        expected: Hash,
        /// The root that the proof leads to.
        found: Hash,
    },
}

fn expect_root(expected: &Hash, found: Hash) -> Result<(), ProofError> {
    if *expected == found { Ok(()) } else { Err(ProofError::Root { expected: *expected, found }) }
}

/// The root of the tree of `size` entries in which the entry `index` has the hash `leaf` and the inclusion proof `path`
/// (from the leaf's sibling up).
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size || size > MAX_TREE_SIZE {
        return Err(ProofError::Position { position: index, size });
    }
    let wrong_length = ProofError::Length { found: path.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A rightmost node that is a left child has no sibling here: it rises until it is a right child.
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(hash) } else { Err(wrong_length) }
}

/// Checks that the entry `index` of the tree with this size and root has the hash `leaf`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), ProofError> {
    expect_root(root, root_from_inclusion(leaf, index, size, path)?)
}

/// Checks that the tree of `old_size` entries with `old_root` is the beginning of the tree of `new_size` entries with `new_root`.
///
/// The proof is empty if the sizes are equal or the old tree is empty, which is the beginning of every tree.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size || new_size > MAX_TREE_SIZE {
        return Err(ProofError::Position { position: old_size, size: new_size });
    }
    let wrong_length = ProofError::Length { found: path.len() };
    if old_size == 0 || old_size == new_size {
        if !path.is_empty() {
            return Err(wrong_length);
        }
        if old_size == 0 {
            expect_root(&empty_root(), *old_root)?;
        }
        return if new_size == old_size { expect_root(old_root, *new_root) } else { Ok(()) };
    }
    // The subtree that both trees have at the old tree's end. If the old tree is one complete subtree, it is the old root.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        let (first, rest) = path.split_first().ok_or(wrong_length.clone())?;
        (first, rest)
    };
    let trailing = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> trailing, (new_size - 1) >> trailing);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect_root(old_root, old_hash)?;
    expect_root(new_root, new_hash)
}
