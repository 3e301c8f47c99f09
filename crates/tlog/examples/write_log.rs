//! Writes a log as files, for the verifiers of others in `tests/tlog`.
//!
//! ```text
//! write_log FOLDER SIZE…
//! ```
//!
//! The log grows to each size in turn, every time from its files alone. The folder gets `vkey`, `checkpoints/<size>`, `checkpoint`
//! (the newest), tiles and entry bundles, and `proofs/<index>.tlog-proof` for some entries of the newest checkpoint. Besides the log
//! it gets `receipt` with `receipt-vkey` and `receipt-events` (a hash a line), and `heads/` with `values` (name, label and value a line),
//! `root` and `<name>.path`.

use std::error::Error;
use std::fs;
use std::path::Path;

use auditlake_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use auditlake_tlog::entry::Origin;
use auditlake_tlog::hash::{Hash, empty_root, leaf_hash};
use auditlake_tlog::heads::{Head, HeadsTree, blind, nonce_label, organization_label};
use auditlake_tlog::key::{Algorithm, Signer, SignerKey};
use auditlake_tlog::proof::{TlogProof, inclusion, inclusion_tiles};
use auditlake_tlog::receipt::Receipt;
use auditlake_tlog::signing::cosign;
use auditlake_tlog::tiles::{Edge, Tile, TileSet};
use auditlake_tlog::time::UtcTime;

/// The first entries are of odd lengths, from nothing to the longest; the rest name their index.
fn entry(index: u64) -> Vec<u8> {
    match index {
        0 => Vec::new(),
        1 => vec![0x00],
        2 => vec![0xff; 65_535],
        _ => format!("entry {index}\n").into_bytes(),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().ok_or("a path without folder")?)?;
    // A file of a log is never written twice.
    if path.exists() {
        return Err(format!("{} is there already", path.display()).into());
    }
    Ok(fs::write(path, bytes)?)
}

fn read_tiles(folder: &Path, tiles: Vec<Tile>) -> Result<TileSet, Box<dyn Error>> {
    let mut set = TileSet::new();
    for tile in tiles {
        set.insert(tile, &fs::read(folder.join(tile.to_string()))?)?;
    }
    Ok(set)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: write_log FOLDER SIZE…")?;
    let folder = Path::new(&folder);
    let sizes = arguments.map(|size| size.parse()).collect::<Result<Vec<u64>, _>>()?;
    // Keys of a test: whoever reads this can sign with them.
    let key = SignerKey::from_seed("log.example/0123456789abcdef", Algorithm::Ed25519, [1; 32])?;
    let witness = SignerKey::from_seed("witness.example", Algorithm::CosignatureEd25519, [2; 32])?;
    write(&folder.join("vkey"), key.verifier().to_string().as_bytes())?;
    write(&folder.join("witness-vkey"), witness.verifier().to_string().as_bytes())?;

    let (mut size, mut root) = (0, empty_root());
    let mut newest = None;
    for next in sizes {
        let edge = Edge::load(size, &root, &read_tiles(folder, Edge::tiles(size))?)?;
        let bundle = Edge::bundle(size).map(|bundle| fs::read(folder.join(bundle.to_string()))).transpose()?;
        let growth = edge.grow(bundle.as_deref(), &(size..next).map(entry).collect::<Vec<_>>())?;
        for (bundle, bytes) in &growth.bundles {
            write(&folder.join(bundle.to_string()), bytes)?;
        }
        for (tile, bytes) in &growth.tiles {
            write(&folder.join(tile.to_string()), bytes)?;
        }
        let checkpoint = SignedCheckpoint::sign(Checkpoint::new(key.verifier().name(), next, growth.root)?, &[&key])?;
        let cosignature = cosign(&witness, checkpoint.note().text(), 1_700_000_000 + next)?;
        let checkpoint = SignedCheckpoint::from_note(checkpoint.note().clone().with_signature(cosignature)?)?;
        write(&folder.join(format!("checkpoints/{next}")), checkpoint.to_string().as_bytes())?;
        (size, root) = (next, growth.root);
        newest = Some(checkpoint);
    }
    let newest = newest.ok_or("at least one size is needed")?;
    write(&folder.join("checkpoint"), newest.to_string().as_bytes())?;
    for index in [0, 1, 2, size / 3, size / 2, size - 1] {
        let path = inclusion(index, size, &read_tiles(folder, inclusion_tiles(index, size)?)?)?;
        let proof = TlogProof { extra: (index > 1).then(|| entry(3)), index, path, checkpoint: newest.clone() };
        proof.verify_inclusion(&leaf_hash(&entry(index)))?;
        let file = folder.join(format!("proofs/{index}.tlog-proof"));
        if !file.exists() {
            write(&file, proof.to_string().as_bytes())?;
        }
    }
    write_receipt(folder)?;
    write_heads(folder)?;
    println!("{} entries in {}", size, folder.display());
    Ok(())
}

fn write_receipt(folder: &Path) -> Result<(), Box<dyn Error>> {
    let origin = Origin::parse("log.example/0123456789abcdef")?;
    let key = SignerKey::from_seed(&origin.receipts(), Algorithm::Ed25519, [3; 32])?;
    let events: Vec<Hash> = (0..11_u8).map(|event| Hash::of(&[event])).collect();
    let received = UtcTime::parse("2026-03-01T12:00:00.123Z").ok_or("a time")?;
    let note = Receipt::new(origin, received, &events).sign(&key)?;
    write(&folder.join("receipt"), note.to_string().as_bytes())?;
    write(&folder.join("receipt-vkey"), key.verifier().to_string().as_bytes())?;
    write(&folder.join("receipt-events"), lines(events.iter().map(Hash::to_string)).as_bytes())
}

fn write_heads(folder: &Path) -> Result<(), Box<dyn Error>> {
    let nonce = Hash::of(b"a nonce of a test");
    let mut values = vec![("nonce".to_owned(), nonce_label(), nonce.as_bytes().to_vec())];
    for number in 0..300_u64 {
        let name = format!("org-{number}");
        let (label, head) =
            (organization_label(&name), Head { sequence: number * number, digest: Hash::of(name.as_bytes()) });
        let value = if number % 2 == 0 { head.value() } else { head.blinded_value(&blind(nonce.as_bytes(), &label)) };
        values.push((name, label, value));
    }
    let tree = HeadsTree::from_map(values.iter().map(|(_, label, value)| (*label, value.clone())).collect())?;
    for (name, label, _) in &values {
        let path = tree.path(label).map_err(|_| "a label is not in its tree")?;
        write(&folder.join(format!("heads/{name}.path")), path.to_string().as_bytes())?;
    }
    let values = values.iter().map(|(name, label, value)| format!("{name} {label} {}", hex::encode(value)));
    write(&folder.join("heads/values"), lines(values).as_bytes())?;
    write(&folder.join("heads/root"), lines([tree.root().to_string()]).as_bytes())
}

fn lines(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| text + "\n").collect()
}
