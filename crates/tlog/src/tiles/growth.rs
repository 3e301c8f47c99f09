//! What to write when a log grows (C2SP *tlog-tiles*): a function of the log's right edge and the new entries alone.

use crate::hash::{Hash, MAX_TREE_SIZE, leaf_hash, root_of_peaks};
use crate::tiles::bundle::{BundleError, append_entry, decode_bundle};
use crate::tiles::path::{Bundle, FULL_WIDTH, MAX_LEVEL, Tile, hashes_of_level};
use crate::tiles::set::{TileError, TileSet, complete_root};

/// Why a log does not grow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
    /// The last, partial bundle is needed and was not given.
    #[error("{0} is missing")]
    BundleMissing(Bundle),
    /// The last, partial bundle cannot be read.
    #[error("{bundle}: {source}")]
    Bundle {
        /// The bundle.
        bundle: Bundle,
        /// Why not.
        source: BundleError,
    },
    /// An entry of the last bundle is not the one whose hash is in the tile.
    #[error("the entry {0} of the log is not the one that its tile has the hash of")]
    EntryChanged(u64),
    /// A new entry is too long.
    #[error("the new entries cannot be logged: {0}")]
    NewEntry(BundleError),
    /// The log would have more than [`MAX_TREE_SIZE`] entries.
    #[error("the log has too many entries")]
    TooLarge,
}

/// The right edge of a log: the hashes of the partial tile of each level. All later tiles and roots follow from it and the new
/// entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// Per level from 0: fewer than 256 hashes, `floor(size / 256^level) mod 256` of them.
    levels: Vec<Vec<Hash>>,
}

/// Everything that a growth adds. Files of the log that are not named here stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// The new size.
    pub size: u64,
    /// The new root.
    pub root: Hash,
    /// The tiles to write, by level and index: all that are full now and were not, and the partial ones of the new size where the
    /// level has grown.
    pub tiles: Vec<(Tile, Vec<u8>)>,
    /// The bundles to write, by index.
    pub bundles: Vec<(Bundle, Vec<u8>)>,
    /// The right edge of the grown log.
    pub edge: Edge,
}

impl Edge {
    /// The edge of a log without entries.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The tiles that the edge of a log of `size` entries is read from: its partial tiles, at most one a level.
    pub fn tiles(size: u64) -> Vec<Tile> {
        let last = |level| Tile::of(level, hashes_of_level(level, size) / u64::from(FULL_WIDTH), size);
        (0..=MAX_LEVEL).take_while(|&level| hashes_of_level(level, size) > 0).filter_map(last).collect()
    }

    /// The bundle that growing a log of `size` entries begins with: the partial one, if the last is.
    pub fn bundle(size: u64) -> Option<Bundle> {
        Bundle::of(size / u64::from(FULL_WIDTH), size)
    }

    /// The edge of the log of `size` entries whose root is `root`, which a signed checkpoint states. Tiles of another log or altered
    /// ones are refused.
    pub fn load(size: u64, root: &Hash, tiles: &TileSet) -> Result<Self, TileError> {
        if size > MAX_TREE_SIZE {
            return Err(TileError::Range { from: 0, to: size, size: MAX_TREE_SIZE });
        }
        let mut edge = Self { size, levels: Vec::new() };
        for tile in Self::tiles(size) {
            edge.level(tile.level().into()).extend_from_slice(tiles.hashes(tile)?);
        }
        let found = edge.root();
        if found == *root { Ok(edge) } else { Err(TileError::Root { size, expected: *root, found }) }
    }

    /// How many entries the log has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the log.
    pub fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (complete, after) = rest.split_at(1 << rest.len().ilog2());
                peaks.push(complete_root(complete));
                rest = after;
            }
        }
        root_of_peaks(&peaks)
    }

    /// The log with `entries` appended. `last_bundle` is the bytes of the bundle that [`Self::bundle`] names; its entries are checked
    /// against the edge.
    pub fn grow<E: AsRef<[u8]>>(&self, last_bundle: Option<&[u8]>, entries: &[E]) -> Result<Growth, GrowthError> {
        let size = u64::try_from(entries.len()).ok().and_then(|count| self.size.checked_add(count));
        let size = size.filter(|&size| size <= MAX_TREE_SIZE).ok_or(GrowthError::TooLarge)?;
        let mut edge = self.clone();
        let mut bundle = self.check_bundle(last_bundle, entries.is_empty())?;
        let (mut tiles, mut bundles) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            append_entry(&mut bundle, entry.as_ref(), index).map_err(GrowthError::NewEntry)?;
            edge.push(leaf_hash(entry.as_ref()), &mut tiles);
            if edge.size.is_multiple_of(u64::from(FULL_WIDTH)) {
                bundles.extend(
                    Bundle::of(edge.size / u64::from(FULL_WIDTH) - 1, edge.size).zip(Some(std::mem::take(&mut bundle))),
                );
            }
        }
        if !entries.is_empty() {
            bundles.extend(Self::bundle(size).zip(Some(bundle)));
            let grown = |tile: &Tile| hashes_of_level(tile.level(), self.size) < hashes_of_level(tile.level(), size);
            for tile in Self::tiles(size).into_iter().filter(grown) {
                tiles.push((tile, bytes_of(edge.level(tile.level().into()))));
            }
        }
        tiles.sort_unstable_by_key(|(tile, _)| *tile);
        Ok(Growth { size, root: edge.root(), tiles, bundles, edge })
    }

    fn level(&mut self, level: usize) -> &mut Vec<Hash> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        &mut self.levels[level]
    }

    /// Appends a leaf, and the tiles that have become full to `tiles`.
    fn push(&mut self, leaf: Hash, tiles: &mut Vec<(Tile, Vec<u8>)>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0..=MAX_LEVEL {
            let hashes = self.level(level.into());
            hashes.push(hash);
            if hashes.len() < usize::from(FULL_WIDTH) {
                break;
            }
            let full = std::mem::take(hashes);
            hash = complete_root(&full);
            let index = hashes_of_level(level, self.size) / u64::from(FULL_WIDTH) - 1;
            tiles.push((Tile::full_at(level, index), bytes_of(&full)));
        }
    }

    /// The bytes of the partial bundle that the first new entries go behind.
    fn check_bundle(&self, bytes: Option<&[u8]>, nothing_new: bool) -> Result<Vec<u8>, GrowthError> {
        let Some(bundle) = Self::bundle(self.size).filter(|_| !nothing_new) else { return Ok(Vec::new()) };
        let bytes = bytes.ok_or(GrowthError::BundleMissing(bundle))?;
        let entries = decode_bundle(bytes, bundle.width()).map_err(|source| GrowthError::Bundle { bundle, source })?;
        let hashes = self.levels.first().map(Vec::as_slice).unwrap_or_default();
        let first = bundle.index() * u64::from(FULL_WIDTH);
        for ((entry, hash), index) in entries.iter().zip(hashes).zip(first..) {
            if leaf_hash(entry) != *hash {
                return Err(GrowthError::EntryChanged(index));
            }
        }
        Ok(bytes.to_vec())
    }
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}
