//! Paths of tiles, bundles, and growth.

use std::collections::BTreeMap;

use auditlake_tlog::hash::{Hash, MAX_TREE_SIZE, TreeHasher};
use auditlake_tlog::tiles::{
    Bundle, BundleError, Edge, Growth, GrowthError, Tile, TileError, TileSet, bundles_of, decode_bundle, encode_bundle,
    tiles_of,
};
use proptest::prelude::*;

use crate::naive;

/// The files of a log as they lie in a folder.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl Files {
    /// Writes a growth. No file may be written twice.
    pub fn write(&mut self, growth: &Growth) {
        let tiles = growth.tiles.iter().map(|(tile, bytes)| (tile.to_string(), bytes));
        let bundles = growth.bundles.iter().map(|(bundle, bytes)| (bundle.to_string(), bytes));
        for (path, bytes) in tiles.chain(bundles) {
            assert_eq!(self.0.insert(path.clone(), bytes.clone()), None, "{path} is written twice");
        }
    }

    pub fn tiles(&self, tiles: impl IntoIterator<Item = Tile>) -> TileSet {
        let mut set = TileSet::new();
        for tile in tiles {
            set.insert(tile, &self.0[&tile.to_string()]).unwrap();
        }
        set
    }

    /// The edge and the last bundle of the log of `size` entries, read as a program that starts anew reads them.
    pub fn load(&self, size: u64, root: &Hash) -> (Edge, Option<Vec<u8>>) {
        let edge = Edge::load(size, root, &self.tiles(Edge::tiles(size))).unwrap();
        (edge, Edge::bundle(size).map(|bundle| self.0[&bundle.to_string()].clone()))
    }
}

/// The files of the test log of `size` entries, all written at once.
pub fn files(size: u64) -> Files {
    let mut files = Files::default();
    files.write(&Edge::empty().grow(None, &naive::entries(size)).unwrap());
    files
}

#[test]
fn paths_are_those_of_the_specification_and_of_go() {
    for (path, level, index, width) in [
        ("tile/0/x001/x234/067", 0, 1_234_067, 256),
        ("tile/4/x001/x234/067.p/1", 4, 1_234_067, 1),
        ("tile/0/000", 0, 0, 256),
        ("tile/63/x999/000.p/255", 63, 999_000, 255),
        ("tile/0/x018/x446/x744/x073/x709/x551/615", 0, u64::MAX, 256),
    ] {
        let tile = Tile::parse(path).unwrap();
        assert_eq!((tile.level(), tile.index(), tile.width()), (level, index, width));
        assert_eq!(tile.to_string(), path);
        assert_eq!(tile.is_partial(), width < 256);
        let path = path.replace(&format!("tile/{level}/"), "tile/entries/");
        let bundle = Bundle::parse(&path).unwrap();
        assert_eq!((bundle.index(), bundle.width(), bundle.to_string()), (index, width, path));
    }
}

#[test]
fn other_paths_are_refused() {
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/+01",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000/",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
        "tile/entries/x000/001",
        "tile/data/000",
    ] {
        assert!(Tile::parse(bad).is_err(), "{bad}");
        assert!(Bundle::parse(&bad.replace("tile/0/", "tile/entries/")).is_err(), "{bad}");
    }
    assert!(Tile::parse("tile/entries/000").is_err());
    assert!(Bundle::parse("tile/0/000").is_err());
}

/// The examples of C2SP *tlog-tiles*, section "Partial Tiles".
#[test]
fn a_log_has_the_specified_tiles() {
    let count = |size, level: u8, width: u16| {
        tiles_of(size).filter(|tile: &Tile| tile.level() == level && (tile.width() == width)).count()
    };
    assert_eq!([count(70_000, 0, 256), count(70_000, 0, 112)], [273, 1]);
    assert_eq!([count(70_000, 1, 256), count(70_000, 1, 17), count(70_000, 2, 1)], [1, 1, 1]);
    assert_eq!(tiles_of(70_000).count(), 277);
    assert_eq!(tiles_of(256).map(|tile| tile.to_string()).collect::<Vec<_>>(), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(tiles_of(0).count() + bundles_of(0).count(), 0);
    assert_eq!(
        bundles_of(257).map(|bundle| bundle.to_string()).collect::<Vec<_>>(),
        ["tile/entries/000", "tile/entries/001.p/1"]
    );
    let edge: Vec<String> = Edge::tiles(70_000).iter().map(Tile::to_string).collect();
    assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert_eq!(Edge::tiles(65_536).iter().map(Tile::to_string).collect::<Vec<_>>(), ["tile/2/000.p/1"]);
    assert_eq!(Edge::tiles(MAX_TREE_SIZE).len(), 8);
}

#[test]
fn bundles_are_length_prefixed_entries() {
    assert_eq!(encode_bundle(&[b"ab".as_slice(), b"", b"c"]).unwrap(), [0, 2, b'a', b'b', 0, 0, 0, 1, b'c']);
    let long = vec![7; 65_535];
    let bundle = encode_bundle(&[&long]).unwrap();
    assert_eq!((&bundle[..2], decode_bundle(&bundle, 1).unwrap()), ([255, 255].as_slice(), vec![long.as_slice()]));
    assert_eq!(encode_bundle(&[vec![], vec![7; 65_536]]), Err(BundleError::EntryTooLong { index: 1, length: 65_536 }));
    for (bytes, width, error) in [
        (&[0][..], 1, BundleError::Truncated(0)),
        (&[0, 1], 1, BundleError::Truncated(0)),
        (&[0, 1, 9, 0, 2, 1], 2, BundleError::Truncated(1)),
        (&[], 1, BundleError::Count { expected: 1, found: 0 }),
        (&[0, 0, 0, 0], 1, BundleError::Count { expected: 1, found: 2 }),
        (&[0, 0], 2, BundleError::Count { expected: 2, found: 1 }),
    ] {
        assert_eq!(decode_bundle(bytes, width), Err(error));
    }
}

/// Every file of the log of each size holds what the specification says, computed by the definition of the Merkle tree.
#[test]
fn tiles_hold_the_specified_hashes() {
    for size in [1, 2, 255, 256, 257, 300, 511, 512, 600, 65_536 + 257] {
        let (files, leaves, entries) = (files(size), naive::leaves(size), naive::entries(size));
        let mut expected = BTreeMap::new();
        for tile in tiles_of(size) {
            let span = 256_u64.pow(tile.level().into());
            let hashes = (0..u64::from(tile.width())).flat_map(|position| {
                let start = (tile.index() * 256 + position) * span;
                *naive::root(&leaves[start as usize..(start + span) as usize]).as_bytes()
            });
            expected.insert(tile.to_string(), hashes.collect::<Vec<u8>>());
        }
        for bundle in bundles_of(size) {
            let start = bundle.index() as usize * 256;
            let bytes = encode_bundle(&entries[start..start + usize::from(bundle.width())]).unwrap();
            expected.insert(bundle.to_string(), bytes);
        }
        assert!(files.0 == expected, "size {size}");
    }
}

#[test]
fn every_size_has_its_root() {
    let (entries, leaves) = (naive::entries(600), naive::leaves(600));
    let mut hasher = TreeHasher::new();
    for size in 0..=600 {
        let growth = Edge::empty().grow(None, &entries[..size]).unwrap();
        let root = naive::root(&leaves[..size]);
        assert_eq!((growth.root, growth.edge.root(), hasher.root()), (root, root, root));
        assert_eq!((growth.size, hasher.size()), (size as u64, size as u64));
        hasher.extend(leaves.get(size).copied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Growing in steps, each from the files alone, writes no file twice, the files of every step's size, and in the end
    /// those of growing at once.
    #[test]
    fn steps_end_where_one_step_does(steps in prop::collection::vec(0_u64..300, 1..12), large in 0_u64..66_000) {
        let mut steps = steps;
        if large > 60_000 {
            steps.push(large);
        }
        let total: u64 = steps.iter().sum();
        let (entries, leaves) = (naive::entries(total), naive::leaves(total));
        let (mut grown, mut size) = (Files::default(), 0);
        let mut root = naive::root(&[]);
        for step in steps {
            let (edge, bundle) = grown.load(size, &root);
            let next = size + step;
            let growth = edge.grow(bundle.as_deref(), &entries[size as usize..next as usize]).unwrap();
            grown.write(&growth);
            prop_assert_eq!(growth.root, naive::root(&leaves[..next as usize]));
            prop_assert_eq!(growth.edge, grown.load(next, &growth.root).0);
            let of_size = tiles_of(next).map(|tile| tile.to_string()).chain(bundles_of(next).map(|bundle| bundle.to_string()));
            for path in of_size {
                prop_assert!(grown.0.contains_key(&path), "{} of size {}", path, next);
            }
            (size, root) = (next, growth.root);
        }
        let at_once = files(total);
        prop_assert!(at_once.0.iter().all(|(path, bytes)| grown.0.get(path) == Some(bytes)));
        // Whatever else there is are partial files of the sizes in between.
        prop_assert!(grown.0.keys().all(|path| path.contains(".p/") || at_once.0.contains_key(path)));
    }
}

#[test]
fn only_what_grew_is_written() {
    let files = files(300);
    let (edge, bundle) = files.load(300, &naive::root(&naive::leaves(300)));
    let growth = edge.grow(bundle.as_deref(), &naive::entries(302)[300..]).unwrap();
    let names: Vec<String> = growth.tiles.iter().map(|(tile, _)| tile.to_string()).collect();
    assert_eq!(names, ["tile/0/001.p/46"]);
    assert_eq!(growth.bundles.iter().map(|(bundle, _)| bundle.to_string()).collect::<Vec<_>>(), ["tile/entries/001.p/46"]);
    let growth = edge.grow(bundle.as_deref(), &naive::entries(512)[300..]).unwrap();
    let names: Vec<String> = growth.tiles.iter().map(|(tile, _)| tile.to_string()).collect();
    assert_eq!(names, ["tile/0/001", "tile/1/000.p/2"]);
    // Nothing new: nothing to write, and no bundle is needed.
    let growth = edge.grow::<Vec<u8>>(None, &[]).unwrap();
    assert_eq!((growth.tiles.len(), growth.bundles.len(), growth.root), (0, 0, edge.root()));
}

#[test]
fn a_log_grows_only_from_its_own_files() {
    let (files, root) = (files(300), naive::root(&naive::leaves(300)));
    let tiles = files.tiles(Edge::tiles(300));
    let wrong = Hash::of(b"another");
    assert_eq!(Edge::load(300, &wrong, &tiles), Err(TileError::Root { size: 300, expected: wrong, found: root }));
    assert!(matches!(Edge::load(301, &root, &tiles), Err(TileError::Missing(_))));
    assert!(matches!(Edge::load(1 << 63, &root, &tiles), Err(TileError::Range { .. })));
    let (edge, bundle) = files.load(300, &root);
    let (bundle, name) = (bundle.unwrap(), Edge::bundle(300).unwrap());
    assert_eq!(edge.grow(None, &["new"]), Err(GrowthError::BundleMissing(name)));
    let mut changed = bundle.clone();
    changed[2] = b'E';
    assert_eq!(edge.grow(Some(&changed), &["new"]), Err(GrowthError::EntryChanged(256)));
    let cut = &bundle[..bundle.len() - 1];
    let source = BundleError::Truncated(43);
    assert_eq!(edge.grow(Some(cut), &["new"]), Err(GrowthError::Bundle { bundle: name, source }));
    let long = vec![vec![0; 65_536]];
    assert!(matches!(
        edge.grow(Some(&bundle), &long),
        Err(GrowthError::NewEntry(BundleError::EntryTooLong { index: 0, .. }))
    ));
}

#[test]
fn tiles_that_contradict_each_other_are_refused() {
    let files = files(600);
    let full = &files.0["tile/0/000"];
    let tile = |path: &str| Tile::parse(path).unwrap();
    let mut set = TileSet::new();
    set.insert(tile("tile/0/000.p/3"), &full[..96]).unwrap();
    assert!(matches!(set.hashes(tile("tile/0/000")), Err(TileError::Missing(_))));
    set.insert(tile("tile/0/000"), full).unwrap();
    assert_eq!(set.hashes(tile("tile/0/000")).unwrap().len(), 256);
    set.insert(tile("tile/0/000.p/3"), &full[..96]).unwrap();
    assert_eq!(set.hashes(tile("tile/0/000.p/2")).unwrap().len(), 2);
    assert_eq!(set.insert(tile("tile/0/000.p/1"), &[0; 32]), Err(TileError::Contradiction(tile("tile/0/000.p/1"))));
    assert!(matches!(set.insert(tile("tile/0/000.p/2"), &[0; 63]), Err(TileError::Length { .. })));
    set.insert(tile("tile/1/000.p/2"), &files.0["tile/1/000.p/2"]).unwrap();
    set.insert(tile("tile/0/001"), &files.0["tile/0/001"]).unwrap();
    set.check_levels().unwrap();
    let mut altered = TileSet::new();
    altered.insert(tile("tile/1/000.p/2"), &files.0["tile/1/000.p/2"]).unwrap();
    altered.insert(tile("tile/0/001"), full).unwrap();
    assert_eq!(altered.check_levels(), Err(TileError::Contradiction(tile("tile/0/001"))));
}
