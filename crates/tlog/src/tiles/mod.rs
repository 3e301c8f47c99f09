//! Tiles: the hashes of a log in files of up to 256, and its entries in bundles of up to 256 (C2SP *tlog-tiles*).
//!
//! A tile of level *l* holds hashes of subtrees with 256^*l* leaves each. Only the rightmost tile of a level may be partial; its
//! width is then part of its name, so that no file is ever written twice with other bytes.
//!
//! [`path`] names tiles and bundles, [`bundle`] reads and writes the bytes of bundles, [`set`] holds tiles that were read,
//! [`growth`] says what to write when a log grows.

pub mod bundle;
pub mod growth;
pub mod path;
pub mod set;

pub use bundle::{BundleError, decode_bundle, encode_bundle};
pub use growth::{Edge, Growth, GrowthError};
pub use path::{Bundle, PathError, Tile, bundles_of, tiles_of};
pub use set::{TileError, TileSet};
