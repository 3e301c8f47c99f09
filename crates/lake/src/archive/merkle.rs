//! The Merkle tree of RFC 9162 (section 2.1), built one leaf at a time in memory that grows with the logarithm of the number of
//! leaves.

use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// `MTH({d}) = SHA-256(0x00 || d)`.
fn leaf_hash(entry: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(entry);
    hasher.finalize().into()
}

/// `SHA-256(0x01 || left || right)`.
fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut input = [0x01; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    Sha256::digest(input).into()
}

/// A tree that grows leaf by leaf. It keeps one hash for each complete subtree: as many as the leaf count has one-bits.
#[derive(Debug, Clone, Default)]
pub struct MerkleTree {
    /// The complete subtrees from the largest (left) to the smallest (right); their sizes are the one-bits of `leaves`.
    subtrees: Vec<[u8; 32]>,
    leaves: u64,
}

impl MerkleTree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the leaf of one event: its entry is the event's hash.
    pub fn push(&mut self, event_hash: &Hash) {
        self.push_entry(event_hash.as_bytes());
    }

    /// Appends the leaf of an entry of any length.
    pub fn push_entry(&mut self, entry: &[u8]) {
        let mut hash = leaf_hash(entry);
        // Each trailing one-bit of the old count is a complete subtree of the size that has just become complete again.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.leaves += 1;
    }

    /// How many leaves were appended.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root over the leaves so far; `SHA-256("")` if there is none.
    pub fn root(&self) -> Hash {
        let mut right_to_left = self.subtrees.iter().rev();
        let Some(smallest) = right_to_left.next() else { return Hash::of(b"") };
        Hash::new(right_to_left.fold(*smallest, |right, left| node_hash(left, &right)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The entries and roots of the reference tree of certificate-transparency's own tests (`merkle_tree_test.cc`), which
    /// every log implementation checks itself against.
    const ENTRIES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_those_of_the_reference_tree() {
        let mut tree = MerkleTree::new();
        assert_eq!(tree.root().to_string(), ROOTS[0]);
        for (entry, root) in ENTRIES.iter().zip(&ROOTS[1..]) {
            tree.push_entry(&hex::decode(entry).unwrap());
            assert_eq!(tree.root().to_string(), *root);
        }
        assert_eq!(tree.leaves(), 8);
    }

    /// The definition of RFC 9162, section 2.1.1, word by word.
    fn defined_root(entries: &[Vec<u8>]) -> [u8; 32] {
        match entries.len() {
            0 => Sha256::digest(b"").into(),
            1 => Sha256::digest([&[0x00], entries[0].as_slice()].concat()).into(),
            count => {
                let mut split = 1;
                while split * 2 < count {
                    split *= 2;
                }
                let (left, right) = (defined_root(&entries[..split]), defined_root(&entries[split..]));
                Sha256::digest([&[0x01], left.as_slice(), right.as_slice()].concat()).into()
            }
        }
    }

    proptest! {
        #[test]
        fn roots_are_those_of_the_definition(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..70)) {
            let mut tree = MerkleTree::new();
            for entry in &entries {
                tree.push_entry(entry);
            }
            let root = tree.root();
            prop_assert_eq!(root.as_bytes(), &defined_root(&entries));
        }
    }
}
