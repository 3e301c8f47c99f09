//! Writes a log as files, for the verifiers of others in `tests/tlog`.
//!
//! ```text
//! write_log FOLDER SIZE…
//! ```
//!
//! The log grows to each size in turn, every time from its files alone. The folder gets `vkey`, `checkpoints/<size>`, `checkpoint`
//! (the newest), tiles and entry bundles, and `proofs/<index>.tlog-proof` for some entries of the newest checkpoint.

use std::error::Error;
use std::fs;
use std::path::Path;

use auditlake_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use auditlake_tlog::hash::{empty_root, leaf_hash};
use auditlake_tlog::key::{Algorithm, Signer, SignerKey};
use auditlake_tlog::proof::{TlogProof, inclusion, inclusion_tiles};
use auditlake_tlog::signing::cosign;
use auditlake_tlog::tiles::{Edge, Tile, TileSet};

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
    println!("{} entries in {}", size, folder.display());
    Ok(())
}
