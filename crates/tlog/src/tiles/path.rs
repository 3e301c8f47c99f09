//! Coordinates of tiles and entry bundles, and their paths below the log's prefix (C2SP *tlog-tiles*, sections "Merkle Tree" and
//! "Log entries").

use crate::hash::MAX_TREE_SIZE;
use crate::text::parse_decimal;

/// Hashes of a full tile, entries of a full bundle.
pub const FULL_WIDTH: u16 = 256;
/// The highest level that a path may name.
pub const MAX_LEVEL: u8 = 63;
/// The longest path that is looked at.
const MAX_PATH: usize = 100;

/// Why a path names no tile or bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the path of a tile or an entry bundle")]
pub struct PathError(String);

/// A file of hashes: `tile/<level>/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// A file of entries: `tile/entries/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    index: u64,
    width: u16,
}

/// The width of the file `index` of a level with `count` hashes (or entries); `None` if it is empty and does not exist.
fn width_of(index: u64, count: u64) -> Option<u16> {
    let before = index.checked_mul(u64::from(FULL_WIDTH))?;
    let width = count.checked_sub(before)?.min(u64::from(FULL_WIDTH));
    u16::try_from(width).ok().filter(|&width| width > 0)
}

/// How many hashes the level has in a log of `size` entries: `floor(size / 256^level)`.
pub(crate) fn hashes_of_level(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

impl Tile {
    /// The tile `index` of `level` in a log of `size` entries. `None` if the log has no such tile.
    pub fn of(level: u8, index: u64, size: u64) -> Option<Self> {
        if level > MAX_LEVEL || size > MAX_TREE_SIZE {
            return None;
        }
        width_of(index, hashes_of_level(level, size)).map(|width| Self { level, index, width })
    }

    /// The full tile of a place.
    pub(crate) const fn full_at(level: u8, index: u64) -> Self {
        Self { level, index, width: FULL_WIDTH }
    }

    /// The level: hashes of leaves are at level 0.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The index in its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds fewer than 256 hashes.
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }

    /// The full tile of the same place, which may be there instead of a partial one.
    pub const fn full(self) -> Self {
        Self { width: FULL_WIDTH, ..self }
    }

    /// Reads what `Display` writes.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let error = || PathError(path.chars().take(MAX_PATH).collect());
        let rest = path.strip_prefix("tile/").ok_or_else(error)?;
        let (level, rest) = rest.split_once('/').ok_or_else(error)?;
        let level = parse_decimal(level, MAX_LEVEL.into()).and_then(|level| u8::try_from(level).ok()).ok_or_else(error)?;
        let (index, width) = parse_place(rest).ok_or_else(error)?;
        Ok(Self { level, index, width })
    }
}

impl std::fmt::Display for Tile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "tile/{}/", self.level)?;
        write_place(formatter, self.index, self.width)
    }
}

impl Bundle {
    /// The bundle `index` of a log of `size` entries. `None` if the log has no such bundle.
    pub fn of(index: u64, size: u64) -> Option<Self> {
        if size > MAX_TREE_SIZE {
            return None;
        }
        width_of(index, size).map(|width| Self { index, width })
    }

    /// The index: its first entry is the entry `256 · index` of the log.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds fewer than 256 entries.
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }

    /// The full bundle of the same place, which may be there instead of a partial one.
    pub const fn full(self) -> Self {
        Self { width: FULL_WIDTH, ..self }
    }

    /// Reads what `Display` writes.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let error = || PathError(path.chars().take(MAX_PATH).collect());
        let (index, width) = path.strip_prefix("tile/entries/").and_then(parse_place).ok_or_else(error)?;
        Ok(Self { index, width })
    }
}

impl std::fmt::Display for Bundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("tile/entries/")?;
        write_place(formatter, self.index, self.width)
    }
}

/// Writes `<N>[.p/<W>]`: the index in groups of three digits, all but the last after an `x`.
fn write_place(formatter: &mut std::fmt::Formatter<'_>, index: u64, width: u16) -> std::fmt::Result {
    let mut groups = vec![index % 1_000];
    let mut rest = index / 1_000;
    while rest > 0 {
        groups.push(rest % 1_000);
        rest /= 1_000;
    }
    for group in groups.iter().skip(1).rev() {
        write!(formatter, "x{group:03}/")?;
    }
    write!(formatter, "{:03}", index % 1_000)?;
    if width < FULL_WIDTH { write!(formatter, ".p/{width}") } else { Ok(()) }
}

/// Index and width of `<N>[.p/<W>]`. There is one way to write an index: a first group `x000` is refused.
fn parse_place(text: &str) -> Option<(u64, u16)> {
    if text.len() > MAX_PATH {
        return None;
    }
    let (place, width) = match text.split_once(".p/") {
        None => (text, FULL_WIDTH),
        Some((place, width)) => {
            let width = parse_decimal(width, u64::from(FULL_WIDTH) - 1).filter(|&width| width > 0)?;
            (place, u16::try_from(width).ok()?)
        }
    };
    let (first_groups, last) = place.rsplit_once('/').map_or((None, place), |(first, last)| (Some(first), last));
    let mut index = 0_u64;
    for (position, group) in first_groups.into_iter().flat_map(|groups| groups.split('/')).enumerate() {
        let group = three_digits(group.strip_prefix('x')?)?;
        if position == 0 && group == 0 {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(group)?;
    }
    let index = index.checked_mul(1_000)?.checked_add(three_digits(last)?)?;
    Some((index, width))
}

fn three_digits(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// All tiles of a log of `size` entries, level by level: the full ones and the partial one at each level's end.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    (0..=MAX_LEVEL)
        .take_while(move |&level| hashes_of_level(level, size) > 0)
        .flat_map(move |level| (0..).map_while(move |index| Tile::of(level, index, size)))
}

/// All entry bundles of a log of `size` entries.
pub fn bundles_of(size: u64) -> impl Iterator<Item = Bundle> {
    (0..).map_while(move |index| Bundle::of(index, size))
}
