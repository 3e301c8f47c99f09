//! Receipts.

use auditlake_tlog::entry::Origin;
use auditlake_tlog::hash::{Hash, leaf_hash};
use auditlake_tlog::key::{Algorithm, Signer, SignerKey};
use auditlake_tlog::note::{Note, NoteError};
use auditlake_tlog::receipt::{Receipt, ReceiptError};
use auditlake_tlog::time::UtcTime;

use crate::{naive, samples};

fn key() -> SignerKey {
    SignerKey::from_seed(&format!("{}/receipts", samples::ORIGIN), Algorithm::Ed25519, [5; 32]).unwrap()
}

fn events() -> Vec<Hash> {
    (0..5_u8).map(|number| Hash::of(&[number])).collect()
}

pub fn receipt() -> Receipt {
    let received = UtcTime::parse("2026-03-01T12:00:00.123Z").unwrap();
    Receipt::new(Origin::parse(samples::ORIGIN).unwrap(), received, &events())
}

#[test]
fn a_receipt_has_the_documented_bytes() {
    let leaves: Vec<Hash> = events().iter().map(|hash| leaf_hash(hash.as_bytes())).collect();
    let text = format!(
        "auditlake/receipt/v1\nlog.example/0123456789abcdef/receipts\n2026-03-01T12:00:00.123Z\n5\n{}\n",
        naive::root(&leaves).to_base64()
    );
    assert_eq!(receipt().to_string(), text);
    assert_eq!(Receipt::parse(&text).unwrap(), receipt());
}

#[test]
fn a_receipt_is_verified_with_its_key_and_events() {
    let note = receipt().sign(&key()).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    let verified = Receipt::verify(&read, key().verifier()).unwrap();
    assert_eq!(verified, receipt());
    verified.verify_events(&events()).unwrap();
    let mut other = events();
    other.swap(0, 1);
    assert!(matches!(verified.verify_events(&other), Err(ReceiptError::OtherEvents { expected: 5, found: 5, .. })));
    assert!(matches!(verified.verify_events(&events()[..4]), Err(ReceiptError::OtherEvents { found: 4, .. })));
    let other_number = Receipt { events: 6, ..receipt() };
    assert!(matches!(other_number.verify_events(&events()), Err(ReceiptError::OtherEvents { expected: 6, found: 5, .. })));
}

#[test]
fn a_receipt_of_another_key_is_refused() {
    let note = receipt().sign(&key()).unwrap();
    let log = samples::log_key();
    assert_eq!(Receipt::verify(&note, log.verifier()), Err(ReceiptError::Note(NoteError::NoKnownSignature)));
    // The log's own key signs a receipt: its name is not that of the receipt.
    let note = receipt().sign(&log).unwrap();
    assert!(matches!(Receipt::verify(&note, log.verifier()), Err(ReceiptError::OtherKey { .. })));
}

#[test]
fn a_checkpoint_is_no_receipt_and_the_other_way_round() {
    assert!(Receipt::parse(samples::checkpoint(3, &[]).note().text()).is_err());
    let note = receipt().sign(&key()).unwrap();
    assert!(auditlake_tlog::checkpoint::SignedCheckpoint::from_note(note).is_err());
}

#[test]
fn other_receipts_are_refused_with_their_line() {
    let good = receipt().to_string();
    for (from, to, problem) in [
        ("receipt/v1", "receipt/v2", "line 1: the first line must be \"auditlake/receipt/v1\""),
        ("/receipts", "/receipt", "line 2: must be the origin of a lake's log and \"/receipts\""),
        ("0123456789abcdef", "x", "line 2: an origin ends in '/' and 16 lower-case hexadecimal digits"),
        (".123Z", "Z", "line 3: the time must have the form 2026-03-01T12:00:00.123Z"),
        ("\n5\n", "\n05\n", "line 4: the number of events is a decimal number without leading zeros"),
        ("=\n", "\n", "line 5: the root is the base64 of 32 bytes"),
        ("=\n", "=\nmore\n", "line 6: nothing should follow"),
    ] {
        assert_eq!(Receipt::parse(&good.replacen(from, to, 1)).unwrap_err().to_string(), problem);
    }
}
