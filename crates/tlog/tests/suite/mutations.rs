//! Every single-byte change of a small input is refused, or means the same.

use auditlake_tlog::entry::LogEntry;
use auditlake_tlog::heads::{HeadPath, HeadsTree, organization_label};
use auditlake_tlog::key::Signer;
use auditlake_tlog::note::Note;
use auditlake_tlog::policy::Policy;
use auditlake_tlog::proof::TlogProof;
use auditlake_tlog::receipt::Receipt;
use auditlake_tlog::tiles::{Bundle, Tile};
use auditlake_tlog::witness::AddCheckpoint;

use crate::{naive, receipts, samples, witnesses};

/// `bytes` with each byte replaced by some others, taken away, or preceded by another one.
fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let replacements =
        |byte: u8| (0..8).map(move |bit| byte ^ 1 << bit).chain(*b"\n \t+A=0~\xff").filter(move |&other| other != byte);
    (0..bytes.len()).flat_map(move |position| {
        let (before, rest) = bytes.split_at(position);
        let (byte, after) = (rest[0], &rest[1..]);
        let replaced = replacements(byte).map(move |other| [before, &[other], after].concat());
        let inserted = b"\n 0A=".iter().map(move |&other| [before, &[other], rest].concat());
        replaced.chain(inserted).chain([[before, after].concat()])
    })
}

#[test]
fn of_a_note() {
    let key = samples::log_key();
    let note = Note::sign("a text\n\nof three lines\n", &[&key]).unwrap();
    for mutated in mutations(note.to_string().as_bytes()) {
        if let Ok(read) = Note::parse(&mutated) {
            assert_eq!(read.to_string().as_bytes(), mutated);
            assert!(read.verify([key.verifier()]).is_err(), "{read}");
        }
    }
}

#[test]
fn of_a_proof_file() {
    let (proof, leaf, log) = (samples::proof(4, 7), naive::leaves(7)[4], samples::log_key());
    for mutated in mutations(proof.to_string().as_bytes()) {
        let Ok(read) = TlogProof::parse(&mutated) else { continue };
        assert_eq!(read.to_string().as_bytes(), mutated);
        let holds =
            read.verify_inclusion(&leaf).is_ok() && read.checkpoint.verify(samples::ORIGIN, [log.verifier()]).is_ok();
        if holds {
            // Extra data is not authenticated, and the witness is not known here.
            assert_eq!((read.index, &read.path), (proof.index, &proof.path));
            assert_eq!(read.checkpoint.checkpoint(), proof.checkpoint.checkpoint());
        }
    }
}

#[test]
fn of_a_cosigned_checkpoint_under_a_policy() {
    let policy = Policy::parse(samples::policy().as_bytes()).unwrap();
    let checkpoint = samples::checkpoint(3, &[1, 2, 4]);
    for mutated in mutations(checkpoint.to_string().as_bytes()) {
        if let Ok(read) = auditlake_tlog::checkpoint::SignedCheckpoint::parse(&mutated) {
            assert!(policy.check(&read).is_err(), "{read}");
        }
    }
}

#[test]
fn of_a_policy() {
    let text = samples::policy();
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let mut accepted = 0;
    for mutated in mutations(text.as_bytes()) {
        let Ok(read) = Policy::parse(&mutated) else { continue };
        accepted += 1;
        // Names, URLs and comments carry no authenticity. Keys do, and who must sign follows from structure and numbers.
        let keys = |policy: &Policy| -> Vec<String> {
            let witnesses = policy.witnesses().iter().map(|witness| witness.key.to_string());
            policy.logs().iter().map(|log| log.key.to_string()).chain(witnesses).collect()
        };
        let known = keys(&policy);
        assert!(keys(&read).iter().all(|key| known.contains(key)), "{}", String::from_utf8_lossy(&mutated));
    }
    assert!(accepted > 0);
}

#[test]
fn of_a_path_of_heads() {
    let labels: Vec<_> = (0..9).map(|number| organization_label(&number.to_string())).collect();
    let tree = HeadsTree::from_map(labels.iter().map(|label| (*label, b"value".to_vec())).collect()).unwrap();
    let path = tree.path(&labels[0]).unwrap();
    for mutated in mutations(path.to_string().as_bytes()) {
        let Ok(text) = String::from_utf8(mutated) else { continue };
        if let Ok(read) = HeadPath::parse(&text) {
            assert_eq!(read.to_string(), text);
            assert!(read.verify_inclusion(&tree.root(), &labels[0], b"value").is_err(), "{text}");
        }
    }
}

#[test]
fn of_the_path_of_a_tile() {
    for path in ["tile/0/x001/x234/067.p/17", "tile/2/000", "tile/entries/x001/067.p/9"] {
        for mutated in mutations(path.as_bytes()) {
            let Ok(text) = String::from_utf8(mutated) else { continue };
            if let Ok(tile) = Tile::parse(&text) {
                assert_eq!(tile.to_string(), text);
            }
            if let Ok(bundle) = Bundle::parse(&text) {
                assert_eq!(bundle.to_string(), text);
            }
        }
    }
}

#[test]
fn of_texts_that_are_read_as_they_are_written() {
    let lake = LogEntry::Lake { lake_file: auditlake_tlog::Hash::of(b"") }.to_string();
    for mutated in mutations(lake.as_bytes()) {
        if let Ok(entry) = LogEntry::parse(&mutated) {
            assert_eq!(entry.to_string().as_bytes(), mutated);
        }
    }
    for mutated in mutations(receipts::receipt().to_string().as_bytes()) {
        let Ok(text) = String::from_utf8(mutated) else { continue };
        if let Ok(receipt) = Receipt::parse(&text) {
            assert_eq!(receipt.to_string(), text);
            assert_ne!(receipt, receipts::receipt());
        }
    }
    let (request, log) = (witnesses::request(3, 7), samples::log_key());
    let newest = Some((3, naive::root(&naive::leaves(3))));
    for mutated in mutations(request.to_string().as_bytes()) {
        if let Ok(read) = AddCheckpoint::parse(&mutated) {
            assert_eq!(read.to_string().as_bytes(), mutated);
            assert!(read.check(samples::ORIGIN, [log.verifier()], newest).is_err(), "{read}");
        }
    }
}
