//! The heads tree: one root for the newest digests of all organizations, with a short path for each.
//!
//! # Bytes
//!
//! The tree maps **labels** to **values**. A label is 32 bytes, a value any bytes up to 2^32 − 1. `H` is SHA-256, `‖` joins bytes. Bits of a
//! label are numbered from 0 (the highest bit of the first byte) to 255 (the lowest bit of the last).
//!
//! - The root of a tree without leaves is `H("")`.
//! - A leaf is `H(0x00 ‖ u32(32) ‖ label ‖ u32(length of value) ‖ value)`; `u32` is four bytes, big-endian.
//! - The root of a tree with one leaf is that leaf.
//! - Any other set of labels has a first bit in which not all are equal: the tree's **bit**. The root is
//!   `H(0x01 ‖ bit ‖ left ‖ right)`, where `bit` is one byte, `left` the root of the labels with a 0 there and `right` of those with
//!   a 1.
//!
//! So every inner node has two children (bits in which all labels below are equal are skipped), and the bits grow from
//! the root to the leaves. A set of labels and values has exactly one root, whatever the order in which it was built.
//!
//! # Paths
//!
//! The path of a leaf lists the inner nodes above it **from the leaf to the root**, each as its bit and the hash of the child on the
//! other side. The label's own bit says which side that is. As a text, each is a line `<bit> <base64 of the hash>`.
//!
//! From a root, a label leads to exactly one leaf: at each inner node, its bit chooses the child. If that leaf has
//! the label, the label is in the tree with the leaf's value; if it has another one, the label is not. Under one
//! root, nobody can therefore show two values of a label, nor both its presence and its absence.
//!
//! # Labels and values
//!
//! | | label | value |
//! |---|---|---|
//! | an organization | `H("auditlake/org/v1\n" ‖ name)` | `u64(sequence) ‖ SHA-256 of its newest digest`, 40 bytes ([`Head::value`]) |
//! | the nonce | `H("auditlake/nonce/v1\n")` | the nonce of the plan |
//!
//! The nonce leaf changes the root with each record, so that equal roots do not tell that nobody was active. It does not
//! hide as much in *paths*: a sibling below which the nonce does not lie stays equal while the organizations below it are
//! silent, and a tenant who keeps old paths sees that. [`Head::blinded_value`] closes this: `value ‖ H("auditlake/blind/v1\n" ‖ nonce
//! ‖ label)`, 72 bytes, changes every leaf with every nonce, and an organization that is told its own blind learns nothing about
//! the others'. The nonce itself must then stay with the operator, and must have at least 16 random bytes.

pub mod path;
pub mod tree;

pub use path::{Absence, HeadPath, HeadsError, MAX_PATH};
pub use tree::HeadsTree;

use crate::hash::Hash;

/// The label of an organization.
pub fn organization_label(name: &str) -> Hash {
    Hash::of(&[b"auditlake/org/v1\n", name.as_bytes()].concat())
}

/// The label of the leaf that holds the nonce.
pub fn nonce_label() -> Hash {
    Hash::of(b"auditlake/nonce/v1\n")
}

/// The head of an organization: how many digests it has, and the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The sequence number of the newest digest; the first is 1.
    pub sequence: u64,
    /// The SHA-256 of the newest digest.
    pub digest: Hash,
}

impl Head {
    /// The value in the tree: sequence as eight bytes, big-endian, then the digest's hash.
    pub fn value(&self) -> Vec<u8> {
        [self.sequence.to_be_bytes().as_slice(), self.digest.as_bytes()].concat()
    }

    /// The value that changes with each nonce even if the head does not: [`Self::value`], then [`blind`].
    pub fn blinded_value(&self, blind: &Hash) -> Vec<u8> {
        [self.value().as_slice(), blind.as_bytes()].concat()
    }
}

/// The blind of the leaf `label` under a nonce: `H("auditlake/blind/v1\n" ‖ nonce ‖ label)`.
pub fn blind(nonce: &[u8], label: &Hash) -> Hash {
    Hash::of(&[b"auditlake/blind/v1\n", nonce, label.as_bytes()].concat())
}
