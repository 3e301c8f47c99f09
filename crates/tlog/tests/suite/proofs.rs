//! Inclusion and consistency proofs, and the `.tlog-proof` file.

use auditlake_tlog::hash::{Hash, MAX_TREE_SIZE, TreeHasher, leaf_hash};
use auditlake_tlog::proof::{
    ProofError, TlogProof, consistency, consistency_tiles, inclusion, inclusion_tiles, root_from_inclusion,
    verify_consistency, verify_inclusion,
};
use auditlake_tlog::tiles::{TileSet, tiles_of};
use proptest::prelude::*;

use crate::{naive, samples, tiles};

/// The reference tree of certificate-transparency's tests (`merkle_tree_test.cc`): entries and roots.
const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Its inclusion proofs: index, size, path.
const PATHS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];
/// Its consistency proofs: old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| Hash::from_hex(text).unwrap()).collect()
}

#[test]
fn the_reference_tree_has_its_roots_and_proofs() {
    let leaves: Vec<Hash> = ENTRIES.iter().map(|entry| leaf_hash(&hex::decode(entry).unwrap())).collect();
    let roots = hashes(&ROOTS);
    for (size, root) in roots.iter().enumerate() {
        let mut tree = TreeHasher::new();
        tree.extend(leaves[..size].iter().copied());
        assert_eq!((tree.root(), naive::root(&leaves[..size])), (*root, *root));
    }
    for (index, size, path) in PATHS {
        let path = hashes(path);
        verify_inclusion(&leaves[index as usize], index, size, &path, &roots[size as usize]).unwrap();
        assert_eq!(naive::path(index as usize, &leaves[..size as usize]), path);
    }
    for (old, new, proof) in CONSISTENCY {
        let proof = hashes(proof);
        verify_consistency(old, &roots[old as usize], new, &roots[new as usize], &proof).unwrap();
        assert_eq!(naive::proof(old as usize, &leaves[..new as usize]), proof);
    }
}

/// Whether a proof is compared with the definition besides being verified, which leaves no other proof: always in small trees.
fn compared(position: usize, size: usize) -> bool {
    size < 70 || (position * 7 + size).is_multiple_of(41)
}

/// Which proofs of all sizes are made: each of small trees, every fourth of larger ones, for which all would take half a minute.
fn made(position: usize, size: usize) -> bool {
    size < 140 || (position + size).is_multiple_of(4) || position + 2 > size
}

/// Three levels of tiles cannot be reached with 600 leaves; a test below takes larger trees at random.
#[test]
fn all_inclusion_proofs_are_those_of_the_definition() {
    let leaves = naive::leaves(600);
    for size in 1..=600_usize {
        let tiles = tiles::files(size as u64).tiles(tiles_of(size as u64));
        let root = naive::root(&leaves[..size]);
        assert_eq!(tiles.root(size as u64), Ok(root));
        for index in (0..size).filter(|&index| made(index, size)) {
            let path = inclusion(index as u64, size as u64, &tiles).unwrap();
            verify_inclusion(&leaves[index], index as u64, size as u64, &path, &root).unwrap();
            if compared(index, size) {
                assert_eq!(path, naive::path(index, &leaves[..size]), "{index} in {size}");
            }
        }
    }
}

#[test]
fn all_consistency_proofs_are_those_of_the_definition() {
    let leaves = naive::leaves(600);
    let roots: Vec<Hash> = (0..=600).map(|size| naive::root(&leaves[..size])).collect();
    for new in 0..=600_usize {
        let tiles = tiles::files(new as u64).tiles(tiles_of(new as u64));
        for old in (0..=new).filter(|&old| made(old, new)) {
            let proof = consistency(old as u64, new as u64, &tiles).unwrap();
            verify_consistency(old as u64, &roots[old], new as u64, &roots[new], &proof).unwrap();
            if old > 0 && compared(old, new) {
                assert_eq!(proof, naive::proof(old, &leaves[..new]), "{old} in {new}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The tiles that are said to be needed are enough, also where there are three levels of them.
    #[test]
    fn the_named_tiles_are_enough(size in 65_000_u64..67_000, positions in prop::collection::vec(any::<u64>(), 8)) {
        let (files, leaves) = (tiles::files(size), naive::leaves(size));
        let root = naive::root(&leaves);
        for position in positions {
            let index = position % size;
            let named = inclusion_tiles(index, size).unwrap();
            prop_assert!(named.len() <= 3 + 3);
            let path = inclusion(index, size, &files.tiles(named)).unwrap();
            verify_inclusion(&leaves[index as usize], index, size, &path, &root).unwrap();
            let old = index + 1;
            let named = consistency_tiles(old, size).unwrap();
            let proof = consistency(old, size, &files.tiles(named)).unwrap();
            verify_consistency(old, &naive::root(&leaves[..old as usize]), size, &root, &proof).unwrap();
        }
        prop_assert!(inclusion(size / 2, size, &TileSet::new()).is_err());
    }

    /// Nothing but the proof itself is accepted.
    #[test]
    fn altered_proofs_are_refused(size in 1_u64..300, index in any::<u64>(), byte in 0_usize..32, bit in 0_u8..8, at in any::<usize>()) {
        let leaves = naive::leaves(size);
        let (root, index) = (naive::root(&leaves), index % size);
        let path = naive::path(index as usize, &leaves);
        let leaf = leaves[index as usize];
        let flip = |hash: &Hash| {
            let mut bytes = *hash.as_bytes();
            bytes[byte] ^= 1 << bit;
            Hash::new(bytes)
        };
        prop_assert!(verify_inclusion(&flip(&leaf), index, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &flip(&root)).is_err());
        for other in (0..size).filter(|&other| other != index) {
            prop_assert!(verify_inclusion(&leaf, other, size, &path, &root).is_err());
        }
        let longer = [path.as_slice(), &[root]].concat();
        prop_assert_eq!(root_from_inclusion(&leaf, index, size, &longer), Err(ProofError::Length { found: longer.len() }));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_eq!(root_from_inclusion(&leaf, index, size, shorter), Err(ProofError::Length { found: shorter.len() }));
            let mut altered = path.clone();
            let position = at % path.len();
            altered[position] = flip(&altered[position]);
            prop_assert!(verify_inclusion(&leaf, index, size, &altered, &root).is_err());
        }
        let (old, old_root) = (index + 1, naive::root(&leaves[..=index as usize]));
        let proof = naive::proof(old as usize, &leaves);
        prop_assert!(verify_consistency(old, &old_root, size, &root, &proof).is_ok());
        prop_assert!(verify_consistency(old, &flip(&old_root), size, &root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &flip(&root), &proof).is_err());
        let longer = [proof.as_slice(), &[root]].concat();
        prop_assert!(verify_consistency(old, &old_root, size, &root, &longer).is_err());
        if !proof.is_empty() {
            prop_assert!(verify_consistency(old, &old_root, size, &root, &proof[1..]).is_err());
            prop_assert!(verify_consistency(old, &old_root, size, &root, &proof[..proof.len() - 1]).is_err());
            let mut altered = proof.clone();
            let position = at % proof.len();
            altered[position] = flip(&altered[position]);
            prop_assert!(verify_consistency(old, &old_root, size, &root, &altered).is_err());
        }
    }
}

#[test]
fn positions_outside_the_tree_are_errors() {
    let (hash, none) = (Hash::of(b""), TileSet::new());
    for (index, size) in [(0, 0), (1, 1), (u64::MAX, 5), (0, u64::MAX), (0, 1 << 63)] {
        let position = ProofError::Position { position: index, size };
        assert_eq!(root_from_inclusion(&hash, index, size, &[]), Err(position.clone()));
        assert_eq!(inclusion_tiles(index, size), Err(position));
        assert!(inclusion(index, size, &none).is_err());
    }
    for (old, new) in [(1, 0), (0, 1 << 63), (u64::MAX, u64::MAX)] {
        let position = ProofError::Position { position: old, size: new };
        assert_eq!(verify_consistency(old, &hash, new, &hash, &[]), Err(position.clone()));
        assert_eq!(consistency_tiles(old, new), Err(position));
    }
    assert!(inclusion_tiles(MAX_TREE_SIZE - 1, MAX_TREE_SIZE).unwrap().len() <= 16);
    assert!(consistency_tiles(MAX_TREE_SIZE / 3, MAX_TREE_SIZE).unwrap().len() <= 16);
}

#[test]
fn an_empty_tree_is_the_beginning_of_every_tree() {
    let (empty, other) = (naive::root(&[]), Hash::of(b"x"));
    verify_consistency(0, &empty, 0, &empty, &[]).unwrap();
    verify_consistency(0, &empty, 7, &other, &[]).unwrap();
    assert!(verify_consistency(0, &other, 7, &other, &[]).is_err());
    assert!(verify_consistency(0, &empty, 0, &other, &[]).is_err());
    assert!(verify_consistency(0, &empty, 7, &other, &[other]).is_err());
    assert!(verify_consistency(7, &empty, 7, &other, &[]).is_err());
    assert!(verify_consistency(7, &other, 7, &other, &[other]).is_err());
}

#[test]
fn a_proof_file_has_the_specified_lines() {
    let proof = samples::proof(4, 5);
    let leaves = naive::leaves(5);
    let text = proof.to_string();
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nextra ZXh0cmEgZGF0YQ==\nindex 4\n{}\n\nlog.example/0123456789abcdef\n5\n{}\n\n— log.example/",
        naive::root(&leaves[..4]).to_base64(),
        naive::root(&leaves).to_base64()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(TlogProof::parse(text.as_bytes()).unwrap(), proof);
    proof.verify_inclusion(&leaves[4]).unwrap();
    assert!(proof.verify_inclusion(&leaves[3]).is_err());

    let without = TlogProof { extra: None, ..samples::proof(0, 1) };
    assert!(without.to_string().starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/"));
    assert_eq!(TlogProof::parse(without.to_string().as_bytes()).unwrap(), without);
}

#[test]
fn other_proof_files_are_refused_with_their_line() {
    let good = samples::proof(4, 5).to_string();
    let hash = naive::root(&naive::leaves(4)).to_base64();
    for (from, to, problem) in [
        ("proof@v1", "proof@v2", "line 1: the first line must be \"c2sp.org/tlog-proof@v1\""),
        ("extra ZXh0cmEgZGF0YQ==", "extra ZXh0cmEgZGF0YQ", "line 2: the extra data is not standard base64"),
        ("extra ZXh0cmEgZGF0YQ==", "Extra ZXh0cmEgZGF0YQ==", "line 2: must be \"index\", a space and a decimal number"),
        ("index 4", "index 04", "line 3: must be \"index\", a space and a decimal number"),
        ("index 4", "index 4 ", "line 3: must be \"index\", a space and a decimal number"),
        (&hash, "AAAA", "line 4: a hash is the base64 of 32 bytes"),
        ("abcdef\n5\n", "abcdef\n05\n", "line 7: the tree size is a decimal number below 2^63 without leading zeros"),
        ("\n\n— log", "\n\n-- log", "line 10: a signature line begins with an em dash and a space"),
    ] {
        let bad = good.replacen(from, to, 1);
        let found = TlogProof::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(found.to_string(), problem, "{bad}");
    }
    let long = good.replacen(&hash, &[hash.as_str(); 64].join("\n"), 1);
    assert_eq!(TlogProof::parse(long.as_bytes()).unwrap_err().to_string(), "line 67: more than 63 hashes");
}
