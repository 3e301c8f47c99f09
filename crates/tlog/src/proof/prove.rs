//! Making proofs from tiles: first which tiles are needed, then the proof (RFC 9162, sections 2.1.3.1 and 2.1.4.1).
//!
//! The tiles are not checked against the root here; whoever makes a proof verifies it before giving it away.

use std::collections::BTreeSet;

use crate::hash::{Hash, MAX_TREE_SIZE};
use crate::proof::verify::ProofError;
use crate::tiles::path::Tile;
use crate::tiles::set::{TileError, TileSet, subtrees_of};

/// The leaves `from..to`, whose hash is a part of a proof.
type Range = (u64, u64);

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The ranges of `PATH(index, D[size])`, the leaf's sibling first.
fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range>, ProofError> {
    if index >= size || size > MAX_TREE_SIZE {
        return Err(ProofError::Position { position: index, size });
    }
    let (mut from, mut to) = (0, size);
    let mut ranges = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            ranges.push((middle, to));
            to = middle;
        } else {
            ranges.push((from, middle));
            from = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// The ranges of `PROOF(old_size, D[new_size])`.
fn consistency_ranges(old_size: u64, new_size: u64) -> Result<Vec<Range>, ProofError> {
    if old_size > new_size || new_size > MAX_TREE_SIZE {
        return Err(ProofError::Position { position: old_size, size: new_size });
    }
    let mut ranges = Vec::new();
    if old_size == 0 {
        return Ok(ranges);
    }
    let (mut from, mut to) = (0, new_size);
    while old_size < to {
        let middle = from + split(to - from);
        if old_size <= middle {
            ranges.push((middle, to));
            to = middle;
        } else {
            ranges.push((from, middle));
            from = middle;
        }
    }
    // What is left is the subtree at the old tree's end; if that is the whole old tree, the verifier has its root.
    if from > 0 {
        ranges.push((from, to));
    }
    ranges.reverse();
    Ok(ranges)
}

fn tiles_of_ranges(ranges: &[Range], size: u64) -> Vec<Tile> {
    let subtrees = ranges.iter().flat_map(|&(from, to)| subtrees_of(from, to));
    subtrees.filter_map(|subtree| subtree.tile(size)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvingError {
    /// The positions are not in the tree.
    #[error(transparent)]
    Position(#[from] ProofError),
    /// Tiles are missing.
    #[error(transparent)]
    Tiles(#[from] TileError),
}

fn hashes_of_ranges(ranges: &[Range], size: u64, tiles: &TileSet) -> Result<Vec<Hash>, ProvingError> {
    Ok(ranges.iter().map(|&(from, to)| tiles.range(from, to, size)).collect::<Result<_, _>>()?)
}

/// The tiles that [`inclusion`] needs.
pub fn inclusion_tiles(index: u64, size: u64) -> Result<Vec<Tile>, ProofError> {
    Ok(tiles_of_ranges(&inclusion_ranges(index, size)?, size))
}

/// The proof that the entry `index` is in the tree of `size` entries: the hashes from the leaf's sibling up.
pub fn inclusion(index: u64, size: u64, tiles: &TileSet) -> Result<Vec<Hash>, ProvingError> {
    hashes_of_ranges(&inclusion_ranges(index, size)?, size, tiles)
}

/// The tiles that [`consistency`] needs.
pub fn consistency_tiles(old_size: u64, new_size: u64) -> Result<Vec<Tile>, ProofError> {
    Ok(tiles_of_ranges(&consistency_ranges(old_size, new_size)?, new_size))
}

/// The proof that the tree of `old_size` entries is the beginning of the one of `new_size` entries.
pub fn consistency(old_size: u64, new_size: u64, tiles: &TileSet) -> Result<Vec<Hash>, ProvingError> {
    hashes_of_ranges(&consistency_ranges(old_size, new_size)?, new_size, tiles)
}
