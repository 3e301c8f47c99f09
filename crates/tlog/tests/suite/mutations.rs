//! Every single-byte change of a small input is refused, or means the same.

use auditlake_tlog::entry::LogEntry;
use auditlake_tlog::heads::{HeadPath, HeadsTree, organization_label};
use auditlake_tlog::key::{Signer, VerifierKey};
use auditlake_tlog::note::Note;
use auditlake_tlog::policy::{Member, Policy};
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

/// What a policy means: everything but names, URLs and comments.
type Meaning = (Vec<VerifierKey>, Vec<VerifierKey>, Vec<(usize, Vec<Member>)>, Option<Member>);

fn meaning(policy: &Policy) -> Meaning {
    let logs = policy.logs().iter().map(|log| log.key.clone()).collect();
    let witnesses = policy.witnesses().iter().map(|witness| witness.key.clone()).collect();
    let groups = policy.groups().iter().map(|group| (group.threshold, group.members.clone())).collect();
    (logs, witnesses, groups, policy.quorum())
}

/// Nobody signs a policy. Still, one changed byte changes nothing but a threshold written as a number, or makes a comment of
/// the log's line, after which no checkpoint is valid.
#[test]
fn of_a_policy() {
    let text = samples::policy();
    let expected = meaning(&Policy::parse(text.as_bytes()).unwrap());
    let (mut equal, mut thresholds, mut without_log) = (0, 0, 0);
    for mutated in mutations(text.as_bytes()) {
        let Ok(read) = Policy::parse(&mutated) else { continue };
        let mut found = meaning(&read);
        if found == expected {
            equal += 1;
            continue;
        }
        if found.0.is_empty() {
            found.0 = expected.0.clone();
            without_log += 1;
        } else {
            assert!([1, 3].contains(&found.2[0].0), "{}", String::from_utf8_lossy(&mutated));
            found.2[0].0 = expected.2[0].0;
            thresholds += 1;
        }
        assert!(found == expected, "{}", String::from_utf8_lossy(&mutated));
    }
    assert!(
        equal > 100 && (1..5).contains(&thresholds) && (1..20).contains(&without_log),
        "{equal} {thresholds} {without_log}"
    );
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
