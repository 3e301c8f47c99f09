//! SHA-256 values, and the hashes of leaves and inner nodes of a Merkle tree (RFC 6962 section 2.1, the same in RFC 9162).

use sha2::{Digest, Sha256};

use crate::text::{decode_base64, encode_base64};

/// The largest tree: sizes and indexes are kept below 2^63, so that they fit the signed integers of other implementations.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

/// A SHA-256 value. Hexadecimal digits in log entries, base64 in notes and proofs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Bytes of a hash.
    pub const SIZE: usize = 32;

    /// From the 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From exactly 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; Self::SIZE];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// From the 44 characters of standard base64 (RFC 4648, section 4).
    pub fn from_base64(text: &str) -> Option<Self> {
        // The length is looked at first, so that a long line is not decoded.
        if text.len() != 44 {
            return None;
        }
        decode_base64(text)?.try_into().ok().map(Self)
    }

    /// The 44 characters of standard base64 (RFC 4648, section 4).
    pub fn to_base64(&self) -> String {
        encode_base64(&self.0)
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// The root of a tree without leaves: the SHA-256 of nothing (RFC 9162, section 2.1.1).
pub fn empty_root() -> Hash {
    Hash::of(b"")
}

/// The hash of a leaf: `SHA-256(0x00 ‖ entry)` (RFC 9162, section 2.1.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 9162, section 2.1.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 1 + 2 * Hash::SIZE];
    input[1..33].copy_from_slice(&left.0);
    input[33..].copy_from_slice(&right.0);
    Hash::of(&input)
}

/// The root over complete subtrees that lie side by side, from the largest (left) to the smallest (right).
pub(crate) fn root_of_peaks(peaks: &[Hash]) -> Hash {
    match peaks.split_last() {
        None => empty_root(),
        Some((smallest, larger)) => larger.iter().rev().fold(*smallest, |right, left| node_hash(left, &right)),
    }
}

/// A tree that grows leaf by leaf and keeps only what its root needs: one hash for each one-bit of its size.
#[derive(Debug, Clone, Default)]
pub struct TreeHasher {
    peaks: Vec<Hash>,
    size: u64,
}

impl TreeHasher {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf, by its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one-bit of the old size is a complete subtree that the new leaf completes to the next size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root (RFC 9162, section 2.1.1).
    pub fn root(&self) -> Hash {
        root_of_peaks(&self.peaks)
    }
}

impl Extend<Hash> for TreeHasher {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}
