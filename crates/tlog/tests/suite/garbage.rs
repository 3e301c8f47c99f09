//! No parser panics, whatever it reads, and what it accepts it writes back.

use auditlake_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use auditlake_tlog::entry::{LogEntry, Origin};
use auditlake_tlog::heads::HeadPath;
use auditlake_tlog::key::{Signer, SignerKey, VerifierKey};
use auditlake_tlog::note::Note;
use auditlake_tlog::policy::Policy;
use auditlake_tlog::proof::{TlogProof, verify_consistency};
use auditlake_tlog::receipt::Receipt;
use auditlake_tlog::tiles::{Bundle, Tile, TileSet, decode_bundle};
use auditlake_tlog::time::UtcTime;
use auditlake_tlog::witness::{AddCheckpoint, Answer};
use proptest::prelude::*;

use crate::{keys, receipts, samples, witnesses};

/// Reads `bytes` as everything there is.
fn read(bytes: &[u8]) {
    let written = |text: Option<String>| {
        if let Some(text) = text {
            assert_eq!(text.as_bytes(), bytes);
        }
    };
    written(Note::parse(bytes).ok().map(|note| note.to_string()));
    written(SignedCheckpoint::parse(bytes).ok().map(|checkpoint| checkpoint.to_string()));
    written(TlogProof::parse(bytes).ok().map(|proof| proof.to_string()));
    written(AddCheckpoint::parse(bytes).ok().map(|request| request.to_string()));
    written(LogEntry::parse(bytes).ok().map(|entry| entry.to_string()));
    if let Ok(policy) = Policy::parse(bytes) {
        policy.check(&samples::checkpoint(1, &[])).ok();
    }
    for status in [200, 409] {
        let (checkpoint, key) = (samples::checkpoint(1, &[]), samples::witness_key(1));
        Answer::read(status, "text/x.tlog.size", bytes, &checkpoint, [key.verifier()]).ok();
    }
    for width in [0, 1, 2, 256, u16::MAX] {
        decode_bundle(bytes, width).ok();
    }
    TileSet::new().insert(Tile::of(0, 0, 1).unwrap(), bytes).ok();
    let text = String::from_utf8_lossy(bytes);
    let same = |written: Option<String>| {
        if let Some(written) = written {
            assert_eq!(written, text);
        }
    };
    same(VerifierKey::parse(&text).ok().map(|key| key.to_string()));
    same(SignerKey::parse(&text).ok().map(|key| key.to_secret_text()));
    same(Checkpoint::parse(&text).ok().map(|checkpoint| checkpoint.to_string()));
    same(Receipt::parse(&text).ok().map(|receipt| receipt.to_string()));
    same(Origin::parse(&text).ok().map(|origin| origin.to_string()));
    same(HeadPath::parse(&text).ok().map(|path| path.to_string()));
    same(Tile::parse(&text).ok().map(|tile| tile.to_string()));
    same(Bundle::parse(&text).ok().map(|bundle| bundle.to_string()));
    same(UtcTime::parse(&text).map(|time| time.to_string()));
}

fn valid() -> Vec<Vec<u8>> {
    let path = "9 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let lake = LogEntry::Lake { lake_file: auditlake_tlog::Hash::of(b"") };
    [
        samples::checkpoint(3, &[1, 2]).to_string(),
        samples::proof(4, 7).to_string(),
        samples::policy(),
        witnesses::request(3, 7).to_string(),
        receipts::receipt().to_string(),
        keys::NEUMANN_VKEY.to_owned(),
        keys::NEUMANN_SKEY.to_owned(),
        path.to_owned(),
        lake.to_string(),
        "tile/0/x001/x234/067.p/17".to_owned(),
        "tile/entries/x001/067.p/9".to_owned(),
        "2026-03-01T12:00:00.123Z".to_owned(),
        "— w AAAAAAA=\n".to_owned(),
        "12\n".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

#[test]
fn valid_inputs_are_read() {
    valid().iter().for_each(|bytes| read(bytes));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn any_text_of_the_formats_letters_is_read(text in "[ -+/0-9=a-cA-C\n\u{2014}\u{e9}]{0,200}") {
        read(text.as_bytes());
    }

    /// Valid inputs in which bytes were changed, taken away, doubled or put from one into another.
    #[test]
    fn altered_inputs_are_read(
        which in (0_usize..14, 0_usize..14), edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..6),
    ) {
        let all = valid();
        let (mut bytes, other) = (all[which.0].clone(), &all[which.1]);
        for (at, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let position = at.index(bytes.len());
            match kind {
                0 => bytes[position] = byte,
                1 => drop(bytes.remove(position)),
                2 => bytes.truncate(position),
                _ => {
                    let from = at.index(other.len());
                    bytes.splice(position..position, other[from..].iter().copied());
                }
            }
        }
        read(&bytes);
    }

    #[test]
    fn any_numbers_are_verified(old in any::<u64>(), new in any::<u64>(), count in 0_usize..70) {
        let hash = auditlake_tlog::Hash::of(b"");
        verify_consistency(old, &hash, new, &hash, &vec![hash; count]).ok();
        verify_consistency(old >> 1, &hash, new >> 1, &hash, &vec![hash; count]).ok();
        auditlake_tlog::proof::root_from_inclusion(&hash, old >> 1, new >> 1, &vec![hash; count]).ok();
        auditlake_tlog::proof::inclusion(old >> 1, new >> 1, &TileSet::new()).ok();
        auditlake_tlog::proof::consistency(old >> 1, new >> 1, &TileSet::new()).ok();
        Tile::of((old % 70) as u8, new, old);
        Tile::of((old % 70) as u8, new % 100, old >> 1);
    }
}
