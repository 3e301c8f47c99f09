//! Paths of the heads tree and what they show.

use sha2::{Digest, Sha256};

use crate::hash::{Hash, empty_root};
use crate::text::{FormatError, Lines, checked_text, parse_decimal};

/// The longest path: one inner node for each bit of a label.
pub const MAX_PATH: usize = 256;

/// Why a path does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadsError {
    /// The bits of a path fall from the leaf to the root.
    #[error("the bits of the path do not fall from the leaf to the root")]
    Order,
    /// The path leads to another root.
    #[error("the path leads to the root {found}, not to {expected}")]
    Root {
        /// The root that should have come out.
        expected: Hash,
        /// The root that the path leads to.
        found: Hash,
    },
    /// The absence is shown with the label itself, or with one that does not lie where the label would.
    #[error("the leaf that was found does not show that the label is absent")]
    NotAbsent,
    /// A value is 2^32 bytes or longer.
    #[error("a value has {0} bytes, more than its length can say")]
    ValueTooLong(usize),
}

/// The bit of a label: 0 is the highest of the first byte.
pub(crate) fn bit_of(label: &Hash, bit: u8) -> bool {
    let byte = label.as_bytes()[usize::from(bit / 8)];
    byte & (0x80 >> (bit % 8)) != 0
}

/// The first bit in which two labels differ; `None` if they are equal.
pub(crate) fn first_difference(one: &Hash, other: &Hash) -> Option<u8> {
    let pairs = one.as_bytes().iter().zip(other.as_bytes());
    let (byte, difference) = pairs.map(|(one, other)| one ^ other).enumerate().find(|&(_, difference)| difference != 0)?;
    u8::try_from(byte * 8 + difference.leading_zeros() as usize).ok()
}

/// The hash of a leaf: `H(0x00 ‖ u32(32) ‖ label ‖ u32(length) ‖ value)`.
pub fn leaf_hash(label: &Hash, value: &[u8]) -> Result<Hash, HeadsError> {
    let length = u32::try_from(value.len()).map_err(|_| HeadsError::ValueTooLong(value.len()))?;
    let mut hasher = Sha256::new();
    hasher.update([0x00, 0, 0, 0, 32]);
    hasher.update(label.as_bytes());
    hasher.update(length.to_be_bytes());
    hasher.update(value);
    let hash: [u8; 32] = hasher.finalize().into();
    Ok(hash.into())
}

/// The hash of an inner node: `H(0x01 ‖ bit ‖ left ‖ right)`.
pub fn node_hash(bit: u8, left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 2 + 2 * Hash::SIZE];
    input[1] = bit;
    input[2..34].copy_from_slice(left.as_bytes());
    input[34..].copy_from_slice(right.as_bytes());
    Hash::of(&input)
}

/// The inner nodes above a leaf, from the leaf to the root: the bit, and the hash of the child on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadPath {
    steps: Vec<(u8, Hash)>,
}

impl HeadPath {
    /// From its steps, whose bits must fall.
    pub fn new(steps: Vec<(u8, Hash)>) -> Result<Self, HeadsError> {
        if steps.is_sorted_by(|(lower, _), (upper, _)| lower > upper) { Ok(Self { steps }) } else { Err(HeadsError::Order) }
    }

    /// From steps whose bits are known to fall.
    pub(crate) const fn from_tree(steps: Vec<(u8, Hash)>) -> Self {
        Self { steps }
    }

    /// The steps from the leaf to the root.
    pub fn steps(&self) -> &[(u8, Hash)] {
        &self.steps
    }

    /// Reads what `Display` writes: at most [`MAX_PATH`] lines `<bit> <base64>`, none for a tree of one leaf.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        // A line has at most three digits, a space, 44 characters and a newline.
        let mut lines = Lines::new(checked_text(text.as_bytes(), MAX_PATH * 49)?);
        let mut steps: Vec<(u8, Hash)> = Vec::new();
        while !lines.is_at_end() {
            let step = lines.expect("a step")?.split_once(' ').and_then(|(bit, hash)| {
                let bit = u8::try_from(parse_decimal(bit, u8::MAX.into())?).ok()?;
                Some((bit, Hash::from_base64(hash)?))
            });
            let step =
                step.ok_or_else(|| lines.error("a step is a bit from 0 to 255, a space and the base64 of 32 bytes"))?;
            if steps.last().is_some_and(|(lower, _)| *lower <= step.0) {
                return Err(lines.error("the bits do not fall"));
            }
            steps.push(step);
        }
        Ok(Self { steps })
    }

    /// The root to which the path leads from a leaf on the place of `label`.
    fn root(&self, label: &Hash, leaf: Hash) -> Hash {
        self.steps.iter().fold(leaf, |hash, (bit, sibling)| {
            if bit_of(label, *bit) { node_hash(*bit, sibling, &hash) } else { node_hash(*bit, &hash, sibling) }
        })
    }

    /// Checks that the tree of `root` has `value` under `label`.
    pub fn verify_inclusion(&self, root: &Hash, label: &Hash, value: &[u8]) -> Result<(), HeadsError> {
        expect_root(root, self.root(label, leaf_hash(label, value)?))
    }
}

fn expect_root(expected: &Hash, found: Hash) -> Result<(), HeadsError> {
    if *expected == found { Ok(()) } else { Err(HeadsError::Root { expected: *expected, found }) }
}

impl std::fmt::Display for HeadPath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.steps.iter().try_for_each(|(bit, hash)| writeln!(formatter, "{bit} {}", hash.to_base64()))
    }
}

/// What shows that a label is not in a tree: the leaf to which the label leads. It tells the label and value of that leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// The tree has no leaves.
    EmptyTree,
    /// The label leads to another one's leaf.
    OtherLeaf {
        /// That leaf's label.
        label: Hash,
        /// That leaf's value.
        value: Vec<u8>,
        /// That leaf's path.
        path: HeadPath,
    },
}

impl Absence {
    /// Checks that the tree of `root` does not have `absent`.
    pub fn verify(&self, root: &Hash, absent: &Hash) -> Result<(), HeadsError> {
        match self {
            Self::EmptyTree => expect_root(root, empty_root()),
            Self::OtherLeaf { label, value, path } => {
                let leads_here = path.steps.iter().all(|&(bit, _)| bit_of(label, bit) == bit_of(absent, bit));
                if label == absent || !leads_here {
                    return Err(HeadsError::NotAbsent);
                }
                path.verify_inclusion(root, label, value)
            }
        }
    }
}
