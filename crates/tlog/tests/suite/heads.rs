//! The heads tree.

use std::collections::BTreeMap;

use auditlake_tlog::hash::Hash;
use auditlake_tlog::heads::{Absence, Head, HeadPath, HeadsError, HeadsTree, blind, nonce_label, organization_label};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// The definition in the documentation of `heads`, from the bytes alone.
fn defined_root(leaves: &[(Hash, Vec<u8>)]) -> [u8; 32] {
    let bit = |label: &Hash, bit: usize| label.as_bytes()[bit / 8] >> (7 - bit % 8) & 1 == 1;
    match leaves {
        [] => Sha256::digest(b"").into(),
        [(label, value)] => {
            let length = (value.len() as u32).to_be_bytes();
            Sha256::digest([&[0, 0, 0, 0, 32], label.as_bytes().as_slice(), &length, value].concat()).into()
        }
        _ => {
            let differs =
                |position: &usize| leaves.iter().any(|(label, _)| bit(label, *position) != bit(&leaves[0].0, *position));
            let position = (0..256).find(differs).unwrap();
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().cloned().partition(|(label, _)| bit(label, position));
            let (left, right) = (defined_root(&left), defined_root(&right));
            Sha256::digest([&[1, position as u8], left.as_slice(), &right].concat()).into()
        }
    }
}

fn label(number: u32) -> Hash {
    organization_label(&format!("org-{number}"))
}

fn value(number: u32) -> Vec<u8> {
    Head { sequence: number.into(), digest: Hash::of(&number.to_be_bytes()) }.value()
}

fn tree(count: u32) -> HeadsTree {
    HeadsTree::from_map((0..count).map(|number| (label(number), value(number))).collect()).unwrap()
}

/// Computed with `sha256sum` over bytes written by hand.
#[test]
fn labels_values_and_small_roots_are_those_of_the_definition() {
    let digest = |bytes: &[u8]| Hash::new(Sha256::digest(bytes).into());
    assert_eq!(organization_label("acme"), digest(b"auditlake/org/v1\nacme"));
    assert_eq!(nonce_label(), digest(b"auditlake/nonce/v1\n"));
    let head = Head { sequence: 258, digest: Hash::of(b"") };
    assert_eq!(head.value()[..8], [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(head.value()[8..], *Hash::of(b"").as_bytes());
    let own = blind(b"nonce", &label(1));
    assert_eq!(own, digest(&[b"auditlake/blind/v1\nnonce", label(1).as_bytes().as_slice()].concat()));
    assert_eq!(head.blinded_value(&own), [head.value(), own.as_bytes().to_vec()].concat());

    assert_eq!(HeadsTree::new().root().to_hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    // printf '\0\0\0\0\x20' + 32 zero bytes + '\0\0\0\x01v' | sha256sum; then '\x01\0' + that + the leaf of 32 bytes 0xff.
    let (zeros, ones) = (Hash::new([0; 32]), Hash::new([0xff; 32]));
    let mut tree = HeadsTree::new();
    tree.insert(zeros, b"v".to_vec()).unwrap();
    let left = Sha256::digest([&[0, 0, 0, 0, 32][..], &[0; 32], &[0, 0, 0, 1], b"v"].concat());
    assert_eq!(tree.root().as_bytes()[..], left[..]);
    tree.insert(ones, Vec::new()).unwrap();
    let right = Sha256::digest([&[0, 0, 0, 0, 32][..], &[0xff; 32], &[0, 0, 0, 0]].concat());
    let root = Sha256::digest([&[1, 0][..], &left, &right].concat());
    assert_eq!(tree.root().as_bytes()[..], root[..]);
}

/// Labels with long common beginnings, so that bits are skipped.
fn labels() -> impl Strategy<Value = Hash> {
    (prop::sample::select(vec![0_usize, 3, 31]), any::<u8>(), prop::sample::select(vec![0_u8, 0xff])).prop_map(
        |(at, byte, fill)| {
            let mut bytes = [fill; 32];
            bytes[at] = byte;
            Hash::new(bytes)
        },
    )
}

fn maps() -> impl Strategy<Value = BTreeMap<Hash, Vec<u8>>> {
    prop::collection::btree_map(labels(), prop::collection::vec(any::<u8>(), 0..50), 0..40)
}

proptest! {
    #[test]
    fn a_map_has_one_root_however_it_is_built(map in maps(), order in any::<u64>(), old in any::<u8>()) {
        let leaves: Vec<(Hash, Vec<u8>)> = map.clone().into_iter().collect();
        let built = HeadsTree::from_map(map.clone()).unwrap();
        prop_assert_eq!(built.root(), Hash::new(defined_root(&leaves)));
        let mut shuffled = leaves.clone();
        shuffled.sort_by_key(|(label, _)| Hash::of(&[label.as_bytes().as_slice(), &order.to_be_bytes()].concat()));
        let mut grown = HeadsTree::new();
        for (label, _) in &shuffled {
            grown.insert(*label, vec![old]).unwrap();
        }
        for (label, value) in shuffled {
            grown.insert(label, value).unwrap();
        }
        prop_assert_eq!((grown.root(), grown.len()), (built.root(), map.len()));
        prop_assert_eq!(grown.is_empty(), map.is_empty());
        prop_assert!(built.entries().into_iter().eq(leaves.iter().map(|(label, value)| (label, value.as_slice()))));
    }

    #[test]
    fn presence_and_absence_are_shown_and_only_what_is_true(map in maps(), asked in prop::collection::vec(labels(), 8)) {
        let tree = HeadsTree::from_map(map.clone()).unwrap();
        let root = tree.root();
        for label in map.keys().copied().chain(asked) {
            prop_assert_eq!(tree.get(&label), map.get(&label).map(Vec::as_slice));
            match tree.path(&label) {
                Ok(path) => {
                    let value = &map[&label];
                    path.verify_inclusion(&root, &label, value).unwrap();
                    let other = [value.as_slice(), b"x"].concat();
                    prop_assert!(path.verify_inclusion(&root, &label, &other).is_err());
                    prop_assert_eq!(&HeadPath::parse(&path.to_string()).unwrap(), &path);
                    let as_absence = Absence::OtherLeaf { label, value: value.clone(), path };
                    prop_assert_eq!(as_absence.verify(&root, &label), Err(HeadsError::NotAbsent));
                }
                Err(absence) => {
                    prop_assert!(!map.contains_key(&label));
                    absence.verify(&root, &label).unwrap();
                    // What shows the absence of one label does not show that of one that is there.
                    for present in map.keys() {
                        prop_assert!(absence.verify(&root, present).is_err());
                    }
                    prop_assert!(absence.verify(&Hash::of(b"another"), &label).is_err());
                }
            }
        }
    }
}

#[test]
fn a_path_is_short_and_falls() {
    let tree = tree(1_000);
    let path = tree.path(&label(7)).unwrap();
    assert!((5..40).contains(&path.steps().len()));
    let steps = path.steps().to_vec();
    let mut turned = steps.clone();
    turned.reverse();
    assert_eq!(HeadPath::new(turned.clone()), Err(HeadsError::Order));
    assert_eq!(HeadPath::new(vec![steps[0], steps[0]]), Err(HeadsError::Order));
    assert_eq!(HeadPath::new(steps).unwrap(), path);
    let text: String = turned.iter().map(|(bit, hash)| format!("{bit} {}\n", hash.to_base64())).collect();
    assert_eq!(HeadPath::parse(&text).unwrap_err().to_string(), "line 2: the bits do not fall");
    for bad in ["x\n", "1 AAAA\n", "256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "1"] {
        assert!(HeadPath::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(HeadPath::parse("").unwrap(), HeadPath::default());
}

/// Two organizations and a nonce: with blinded values, nothing that one organization is shown stays equal while the other is
/// silent; with plain values, something does for some labels.
#[test]
fn blinded_values_hide_whether_others_were_active() {
    let head = |number: u64| Head { sequence: number, digest: Hash::of(&number.to_be_bytes()) };
    let steps = |blinded: bool, nonce: &[u8], other: u64, names: (&str, &str)| {
        let (mine, theirs) = (organization_label(names.0), organization_label(names.1));
        let value = |label: &Hash, head: Head| {
            if blinded { head.blinded_value(&blind(nonce, label)) } else { head.value() }
        };
        let map = [(mine, value(&mine, head(1))), (theirs, value(&theirs, head(other))), (nonce_label(), nonce.to_vec())];
        HeadsTree::from_map(map.into()).unwrap().path(&mine).unwrap().steps().to_vec()
    };
    let mut leaks = 0;
    for number in 0..50 {
        let names = (format!("a{number}"), format!("b{number}"));
        let names = (names.0.as_str(), names.1.as_str());
        let unequal = |blinded, other| {
            let (before, after) = (steps(blinded, b"nonce 1", 5, names), steps(blinded, b"nonce 2", other, names));
            before.iter().zip(&after).all(|(before, after)| before.0 == after.0 && before.1 != after.1)
        };
        assert!(unequal(true, 5) && unequal(true, 6));
        leaks += u32::from(!unequal(false, 5) && unequal(false, 6));
    }
    assert!(leaks > 0);
}

#[test]
fn ten_thousand_organizations_take_well_below_a_second() {
    let map: BTreeMap<Hash, Vec<u8>> = (0..10_000).map(|number| (label(number), value(number))).collect();
    let start = std::time::Instant::now();
    let mut tree = HeadsTree::from_map(map).unwrap();
    let built = start.elapsed();
    for number in 0..10_000 {
        tree.insert(label(number), value(number + 1)).unwrap();
    }
    let updated = start.elapsed() - built;
    println!("10,000 labels: built in {built:?}, each updated once in {updated:?}");
    assert!(start.elapsed().as_secs_f64() < 1.0, "built in {built:?}, updated in {updated:?}");
    assert_eq!(tree.len(), 10_000);
}
