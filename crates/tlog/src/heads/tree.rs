//! The heads tree in memory.

use std::collections::BTreeMap;

use crate::hash::{Hash, empty_root};
use crate::heads::path::{Absence, HeadPath, HeadsError, bit_of, first_difference, leaf_hash, node_hash};

#[derive(Debug, Clone)]
enum Node {
    Leaf { label: Hash, value: Vec<u8>, hash: Hash },
    Inner { bit: u8, left: Box<Node>, right: Box<Node>, hash: Hash },
}

impl Node {
    fn leaf(label: Hash, value: Vec<u8>) -> Result<Self, HeadsError> {
        let hash = leaf_hash(&label, &value)?;
        Ok(Self::Leaf { label, value, hash })
    }

    fn inner(bit: u8, left: Node, right: Node) -> Self {
        let hash = node_hash(bit, left.hash(), right.hash());
        Self::Inner { bit, left: Box::new(left), right: Box::new(right), hash }
    }

    fn hash(&self) -> &Hash {
        match self {
            Self::Leaf { hash, .. } | Self::Inner { hash, .. } => hash,
        }
    }

    /// The leaf to which `label` leads, and the steps on the way from the root.
    fn find(&self, label: &Hash) -> (&Hash, &[u8], Vec<(u8, Hash)>) {
        let mut steps = Vec::new();
        let mut node = self;
        loop {
            match node {
                Self::Leaf { label, value, .. } => return (label, value, steps),
                Self::Inner { bit, left, right, .. } => {
                    let (next, sibling) = if bit_of(label, *bit) { (right, left) } else { (left, right) };
                    steps.push((*bit, *sibling.hash()));
                    node = next;
                }
            }
        }
    }

    /// The leaf to which `label` leads, without its path.
    fn label_found(&self, label: &Hash) -> &Hash {
        let mut node = self;
        loop {
            match node {
                Self::Leaf { label, .. } => return label,
                Self::Inner { bit, left, right, .. } => node = if bit_of(label, *bit) { right } else { left },
            }
        }
    }

    /// Puts a leaf into its place. `difference` is the first bit in which its label differs from the one to which it leads; `None`
    /// if that leaf has its label and is replaced.
    fn put(&mut self, label: &Hash, leaf: Node, difference: Option<u8>) {
        match self {
            Self::Inner { bit, left, right, hash } if difference.is_none_or(|difference| *bit < difference) => {
                let child = if bit_of(label, *bit) { &mut *right } else { &mut *left };
                child.put(label, leaf, difference);
                *hash = node_hash(*bit, left.hash(), right.hash());
            }
            _ => {
                let hash = *leaf.hash();
                let here = std::mem::replace(self, leaf);
                if let Some(bit) = difference {
                    // The new inner node takes what was here and the leaf, for which a leaf without value stands in meanwhile.
                    let leaf = std::mem::replace(self, Self::Leaf { label: *label, value: Vec::new(), hash });
                    *self = if bit_of(label, bit) { Self::inner(bit, here, leaf) } else { Self::inner(bit, leaf, here) };
                }
            }
        }
    }

    /// The tree of leaves that are sorted by label and of which there is at least one.
    fn build(mut leaves: Vec<(Hash, Node)>) -> Option<Node> {
        let (first, last) = (leaves.first()?.0, leaves.last()?.0);
        let Some(bit) = first_difference(&first, &last) else { return leaves.pop().map(|(_, leaf)| leaf) };
        let right = leaves.split_off(leaves.partition_point(|(label, _)| !bit_of(label, bit)));
        Some(Self::inner(bit, Self::build(leaves)?, Self::build(right)?))
    }

    fn collect<'a>(&'a self, leaves: &mut Vec<(&'a Hash, &'a [u8])>) {
        match self {
            Self::Leaf { label, value, .. } => leaves.push((label, value)),
            Self::Inner { left, right, .. } => {
                left.collect(leaves);
                right.collect(leaves);
            }
        }
    }
}

/// The heads tree with all its labels and values. Labels are added and replaced, never removed: an organization keeps its digests.
#[derive(Debug, Clone, Default)]
pub struct HeadsTree {
    root: Option<Node>,
    leaves: usize,
}

impl HeadsTree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of these labels and values; fails only if a value is 2^32 bytes or longer.
    pub fn from_map(map: BTreeMap<Hash, Vec<u8>>) -> Result<Self, HeadsError> {
        let leaf = |(label, value)| Ok((label, Node::leaf(label, value)?));
        let leaves = map.into_iter().map(leaf).collect::<Result<Vec<_>, HeadsError>>()?;
        Ok(Self { leaves: leaves.len(), root: Node::build(leaves) })
    }

    /// Sets the value of a label.
    pub fn insert(&mut self, label: Hash, value: Vec<u8>) -> Result<(), HeadsError> {
        let leaf = Node::leaf(label, value)?;
        match &mut self.root {
            None => {
                self.root = Some(leaf);
                self.leaves = 1;
            }
            Some(root) => {
                let difference = first_difference(&label, root.label_found(&label));
                root.put(&label, leaf, difference);
                self.leaves += usize::from(difference.is_some());
            }
        }
        Ok(())
    }

    /// How many labels there are.
    pub const fn len(&self) -> usize {
        self.leaves
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.root.as_ref().map_or_else(empty_root, |node| *node.hash())
    }

    /// The value of a label.
    pub fn get(&self, label: &Hash) -> Option<&[u8]> {
        let (found, value, _) = self.root.as_ref()?.find(label);
        (found == label).then_some(value)
    }

    /// Labels and values in the order of the labels.
    pub fn entries(&self) -> Vec<(&Hash, &[u8])> {
        let mut entries = Vec::with_capacity(self.leaves);
        if let Some(root) = &self.root {
            root.collect(&mut entries);
        }
        entries
    }

    /// The path of a label that is in the tree, or what shows that it is not.
    pub fn path(&self, label: &Hash) -> Result<HeadPath, Absence> {
        let Some(root) = &self.root else { return Err(Absence::EmptyTree) };
        let (found, value, mut steps) = root.find(label);
        steps.reverse();
        // The bits of the tree grow downwards, so that those of the reversed steps fall.
        let path = HeadPath::from_tree(steps);
        if found == label { Ok(path) } else { Err(Absence::OtherLeaf { label: *found, value: value.to_vec(), path }) }
    }
}
