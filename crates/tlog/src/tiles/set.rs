//! Tiles that were read, and the hashes of subtrees in them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::hash::{Hash, MAX_TREE_SIZE, node_hash, root_of_peaks};
use crate::tiles::path::{FULL_WIDTH, Tile};

/// Why tiles do not give what was asked of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The file does not have 32 bytes for each of its hashes.
    #[error("{tile} has {length} bytes, not {}", usize::from(tile.width()) * Hash::SIZE)]
    Length {
        /// The tile.
        tile: Tile,
        /// The bytes that were given.
        length: usize,
    },
    /// Two files of the same place do not begin with the same hashes: one of them was altered, or they are of two logs.
    #[error("{0} contradicts another tile of the same place")]
    Contradiction(Tile),
    /// A tile that is needed was not given.
    #[error("{0} is missing")]
    Missing(Tile),
    /// The tiles are not those of the tree.
    #[error("the tiles have the root {found} at size {size}, not {expected}")]
    Root {
        /// The size of the tree.
        size: u64,
        /// The root that was given, in hexadecimal digits.
        expected: Hash,
        /// The root that the tiles give.
        found: Hash,
    },
    /// The size or position is outside the tree or above [`MAX_TREE_SIZE`].
    #[error("the range {from}..{to} is not in a tree of {size} entries")]
    Range {
        /// The first entry.
        from: u64,
        /// The entry after the last.
        to: u64,
        /// The tree's size.
        size: u64,
    },
}

/// Tiles by their place. A full tile serves where a partial one is needed.
#[derive(Debug, Clone, Default)]
pub struct TileSet {
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

/// A complete subtree: the leaves `index · 2^height` up to `(index + 1) · 2^height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subtree {
    height: u32,
    index: u64,
}

impl Subtree {
    /// The tile that holds this subtree's hash, or the hashes it is made of, in a log of `size` entries.
    pub(crate) fn tile(self, size: u64) -> Option<Tile> {
        let level = u8::try_from(self.height / 8).ok()?;
        let first = self.index << (self.height % 8);
        Tile::of(level, first / u64::from(FULL_WIDTH), size)
    }
}

/// The complete subtrees that the leaves `from..to` consist of, from left to right. `from` must be the beginning of a subtree at
/// least as large as the range, as it is for all ranges of RFC 9162's proofs.
pub(crate) fn subtrees_of(from: u64, to: u64) -> Vec<Subtree> {
    let mut subtrees = Vec::new();
    let mut start = from;
    while start < to {
        let height = (to - start).ilog2();
        subtrees.push(Subtree { height, index: start >> height });
        start += 1 << height;
    }
    subtrees
}

impl TileSet {
    /// No tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the bytes of a tile.
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), TileError> {
        let (chunks, rest) = bytes.as_chunks::<{ Hash::SIZE }>();
        if !rest.is_empty() || chunks.len() != usize::from(tile.width()) {
            return Err(TileError::Length { tile, length: bytes.len() });
        }
        let hashes: Vec<Hash> = chunks.iter().copied().map(Hash::new).collect();
        match self.tiles.entry((tile.level(), tile.index())) {
            Entry::Vacant(entry) => {
                entry.insert(hashes);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                if !known.iter().zip(&hashes).all(|(known, hash)| known == hash) {
                    return Err(TileError::Contradiction(tile));
                }
                if hashes.len() > known.len() {
                    *known = hashes;
                }
            }
        }
        Ok(())
    }

    /// The hashes of a tile, if it or a wider one of its place is there.
    pub fn hashes(&self, tile: Tile) -> Result<&[Hash], TileError> {
        let hashes = self.tiles.get(&(tile.level(), tile.index()));
        hashes.and_then(|hashes| hashes.get(..usize::from(tile.width()))).ok_or(TileError::Missing(tile))
    }

    fn subtree(&self, subtree: Subtree, size: u64) -> Result<Hash, TileError> {
        let Subtree { height, index } = subtree;
        let outside = || TileError::Range { from: index << height, to: (index + 1) << height, size };
        let hashes = self.hashes(subtree.tile(size).ok_or_else(outside)?)?;
        let count = 1_usize << (height % 8);
        let first = usize::try_from((index << (height % 8)) % u64::from(FULL_WIDTH)).map_err(|_| outside())?;
        hashes.get(first..first + count).map(complete_root).ok_or_else(outside)
    }

    /// The hash over the leaves `from..to` of a log of `size` entries (see [`subtrees_of`]).
    pub(crate) fn range(&self, from: u64, to: u64, size: u64) -> Result<Hash, TileError> {
        if to > size || from >= to || size > MAX_TREE_SIZE {
            return Err(TileError::Range { from, to, size });
        }
        let peaks = subtrees_of(from, to).into_iter().map(|subtree| self.subtree(subtree, size));
        Ok(root_of_peaks(&peaks.collect::<Result<Vec<_>, _>>()?))
    }

    /// The root of the tree of `size` entries; needs the tiles of [`crate::tiles::Edge::tiles`].
    pub fn root(&self, size: u64) -> Result<Hash, TileError> {
        if size == 0 { Ok(crate::hash::empty_root()) } else { self.range(0, size, size) }
    }

    /// Checks that the hashes of each level above 0 are those of the full tiles below, as far as both are there.
    pub fn check_levels(&self) -> Result<(), TileError> {
        for (&(level, index), hashes) in &self.tiles {
            if hashes.len() < usize::from(FULL_WIDTH) {
                continue;
            }
            let Some(above) = self.tiles.get(&(level + 1, index / u64::from(FULL_WIDTH))) else { continue };
            let position = usize::try_from(index % u64::from(FULL_WIDTH)).unwrap_or(usize::MAX);
            let Some(hash) = above.get(position) else { continue };
            if *hash != complete_root(hashes) {
                return Err(TileError::Contradiction(Tile::full_at(level, index)));
            }
        }
        Ok(())
    }
}

/// The root over a power of two of hashes.
pub(crate) fn complete_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => crate::hash::empty_root(),
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete_root(left), &complete_root(right))
        }
    }
}
