//! Signed notes, checkpoints and cosignatures.

use auditlake_tlog::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use auditlake_tlog::cosignature;
use auditlake_tlog::hash::Hash;
use auditlake_tlog::key::{Algorithm, KeyId, Signer, SignerKey, VerifierKey};
use auditlake_tlog::note::{MAX_SIGNATURES, Note, NoteError};
use auditlake_tlog::signing::{MAX_NOTE, cosign, sign};

use crate::keys::{NEUMANN_SKEY, NEUMANN_VKEY};
use crate::samples::{self, ORIGIN};

/// The note in the documentation of Go's `golang.org/x/mod/sumdb/note`, with its second signature.
const NEUMANN: &str = "\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";
const ENOCH: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

/// The example of C2SP *signed-note*, section "Verifier keys".
const SPECIFIED: &str = "\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
";
const SPECIFIED_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// A checkpoint of a public log of Certificate Transparency, with a signature of a type that is not verified here (0x05), the
/// log's own (0x01), and cosignatures of public witnesses (0x04).
const PUBLIC_CHECKPOINT: &str = "\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";
const PUBLIC_LOG: &str = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const PUBLIC_WITNESSES: [&str; 4] = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

fn vkey(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

fn problem_of(note: &str) -> String {
    Note::parse(note.as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_documented_notes_are_verified() {
    for (note, key) in [(NEUMANN, NEUMANN_VKEY), (SPECIFIED, SPECIFIED_VKEY)] {
        let note_read = Note::parse(note.as_bytes()).unwrap();
        let key = vkey(key);
        let verified = note_read.verify([&key]).unwrap();
        assert_eq!((verified.len(), verified[0].key, verified[0].timestamp), (1, &key, None));
        assert_eq!(note_read.to_string(), note);
    }
}

#[test]
fn the_documented_notes_are_signed_byte_for_byte() {
    let (peter, enoch) =
        (SignerKey::parse(NEUMANN_SKEY).unwrap(), SignerKey::from_seed("EnochRoot", Algorithm::Ed25519, [0; 32]).unwrap());
    let text = NEUMANN.split_inclusive('\n').take(2).collect::<String>();
    let note = Note::sign(&text, &[&peter]).unwrap();
    assert_eq!(note.to_string(), NEUMANN);
    let note = note.with_signature(sign(&enoch, &text).unwrap()).unwrap();
    assert_eq!(note.to_string(), format!("{NEUMANN}{ENOCH}"));
    // The same signature once more changes nothing.
    assert_eq!(note.clone().with_signature(sign(&enoch, &text).unwrap()).unwrap(), note);
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
}

#[test]
fn signatures_of_unknown_keys_are_ignored_and_not_enough() {
    let note = Note::parse(format!("{NEUMANN}{ENOCH}").as_bytes()).unwrap();
    assert_eq!(note.verify([&vkey(NEUMANN_VKEY)]).unwrap().len(), 1);
    assert_eq!(note.verify([&vkey(SPECIFIED_VKEY)]), Err(NoteError::NoKnownSignature));
    assert_eq!(note.verify([]), Err(NoteError::NoKnownSignature));
    // The name or the id of a known key, not both.
    for (from, to) in [("— EnochRoot rwz", "— PeterNeumann rwz"), ("— EnochRoot rwz+eB", "— EnochRoot x08goB")] {
        let note = format!("{NEUMANN}{}", ENOCH.replace(from, to));
        assert_eq!(Note::parse(note.as_bytes()).unwrap().verify([&vkey(NEUMANN_VKEY)]).unwrap().len(), 1);
    }
}

#[test]
fn a_false_signature_of_a_known_key_makes_the_note_invalid() {
    let enoch = SignerKey::from_seed("EnochRoot", Algorithm::Ed25519, [0; 32]).unwrap();
    let note = format!("{NEUMANN}{}", ENOCH.replace("RvMc+QQ=", "RvMc+QU=").replace("TG01", "TG02"));
    let note = Note::parse(note.replace("+QU=", "+QQ=").as_bytes()).unwrap();
    let error = note.verify([&vkey(NEUMANN_VKEY), enoch.verifier()]).unwrap_err();
    let id = KeyId(0xaf0c_fe78);
    assert_eq!(error, NoteError::InvalidSignature { line: 5, name: "EnochRoot".to_owned(), id });
    assert_eq!(error.to_string(), "line 5: the signature of EnochRoot (af0cfe78) is not valid");
}

#[test]
fn the_text_may_hold_empty_lines_and_signature_lines() {
    let text = "first\n\n— EnochRoot AAAAAAA=\n\nlast\n";
    let key = samples::log_key();
    let note = Note::sign(text, &[&key]).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!((read.text(), read.signatures().len()), (text, 1));
    read.verify([key.verifier()]).unwrap();
}

#[test]
fn what_is_no_note_is_refused_with_its_line() {
    for (note, problem) in [
        ("", "line 1: an empty line must come before the signatures"),
        ("text\n", "line 2: an empty line must come before the signatures"),
        ("text\n\n", "line 3: there is no signature line"),
        ("text\n\n— a AAAAAAA=", "line 3: the line does not end in a newline"),
        ("text\n\n- a AAAAAAA=\n", "line 3: a signature line begins with an em dash and a space"),
        ("text\n\n— a AAAAAAA=\nb\n", "line 4: a signature line begins with an em dash and a space"),
        ("text\n\n— a\n", "line 3: a signature line has a name, a space and a signature"),
        ("text\n\n—  AAAAAAA=\n", "line 3: a key's name is not empty and has no spaces, plus signs or control characters"),
        (
            "text\n\n— a+b AAAAAAA=\n",
            "line 3: a key's name is not empty and has no spaces, plus signs or control characters",
        ),
        ("text\n\n— a AAAAAAA\n", "line 3: the signature is not standard base64"),
        ("text\n\n— a AAAAAAB=\n", "line 3: the signature is not standard base64"),
        ("text\n\n— a AAAAAAA= \n", "line 3: the signature is not standard base64"),
        ("text\n\n— a AAAAAA==\n", "line 3: the signature has fewer than five bytes"),
        ("one\ntext\r\n\n— a AAAAAAA=\n", "line 2: the control character 0x0d is not allowed"),
    ] {
        assert_eq!(problem_of(note), problem, "{note:?}");
    }
    assert_eq!(problem_of("text\u{1f}\n\n— a AAAAAAA=\n"), "line 1: the control character 0x1f is not allowed");
    // Only those below U+0020 are forbidden.
    assert!(Note::parse("te\u{7f}xt\u{85}\n\n— a\u{7f} AAAAAAA=\n".as_bytes()).is_ok());
    let error = Note::parse(b"one\n\xff\n\n\xe2\x80\x94 a AAAAAAA=\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2: not UTF-8");
}

#[test]
fn sizes_are_bounded() {
    let lines = |count| format!("text\n\n{}", "— a AAAAAAA=\n".repeat(count));
    assert_eq!(Note::parse(lines(MAX_SIGNATURES).as_bytes()).unwrap().signatures().len(), MAX_SIGNATURES);
    assert_eq!(problem_of(&lines(MAX_SIGNATURES + 1)), "line 103: more than 100 signatures");
    let long = format!("{}\n\n— a AAAAAAA=\n", "x".repeat(MAX_NOTE));
    assert!(problem_of(&long).starts_with("line 1: the text has 10"));
    assert!(Note::sign(&format!("{}\n", "x".repeat(MAX_NOTE)), &[&samples::log_key()]).is_err());
    assert!(Note::sign(&format!("{}\n", "x".repeat(MAX_NOTE - 2)), &[&samples::log_key()]).is_err());
    assert!(Note::new("text\n", Vec::new()).is_err());
    let full = Note::parse(lines(MAX_SIGNATURES).as_bytes()).unwrap();
    let one_more = sign(&samples::log_key(), "text\n").unwrap();
    assert!(full.clone().with_signature(one_more.clone()).is_err());
    assert!(Note::new("text\n", [full.signatures(), &[one_more]].concat()).is_err());
}

#[test]
fn two_keys_of_one_name_and_id_are_refused() {
    let key = vkey(NEUMANN_VKEY);
    let note = Note::parse(NEUMANN.as_bytes()).unwrap();
    assert_eq!(note.verify([&key, &key]).unwrap().len(), 1);
    // Ids have 32 bits: among some hundred thousand keys of one name, two have the same.
    let mut by_id = std::collections::BTreeMap::new();
    let (one, other) = (0_u32..)
        .find_map(|number| {
            let key = VerifierKey::new("n", Algorithm::Ed25519, Hash::of(&number.to_be_bytes()).as_bytes()).unwrap();
            let earlier = by_id.insert(key.id(), key.clone())?;
            Some((earlier, key))
        })
        .unwrap();
    assert_eq!(note.verify([&one, &other]), Err(NoteError::AmbiguousKey { name: "n".to_owned(), id: one.id() }));
}

#[test]
fn a_checkpoint_of_a_public_log_and_its_cosignatures_are_verified() {
    let checkpoint = SignedCheckpoint::parse(PUBLIC_CHECKPOINT.as_bytes()).unwrap();
    assert_eq!(checkpoint.to_string(), PUBLIC_CHECKPOINT);
    assert_eq!(checkpoint.checkpoint().origin(), "arche2025h1.staging.ct.transparency.dev");
    assert_eq!(checkpoint.checkpoint().size(), 1_432_088_532);
    assert_eq!(checkpoint.checkpoint().root().to_base64(), "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=");
    let keys: Vec<VerifierKey> = [PUBLIC_LOG].iter().chain(&PUBLIC_WITNESSES).map(|text| vkey(text)).collect();
    let verified = checkpoint.verify("arche2025h1.staging.ct.transparency.dev", &keys).unwrap();
    let times: Vec<Option<u64>> = verified.iter().map(|signature| signature.timestamp).collect();
    // 0x6a122120 seconds since 1970.
    assert_eq!(times, [None, Some(0x6a12_2120), Some(0x6a12_2120), Some(0x6a12_2120), Some(0x6a12_2120)]);
    assert!(verified.iter().map(|signature| signature.key).eq(&keys));

    let altered = SignedCheckpoint::parse(PUBLIC_CHECKPOINT.replace("1432088532", "1432088533").as_bytes()).unwrap();
    for (key, line) in keys.iter().zip(6..) {
        let error = altered.verify("arche2025h1.staging.ct.transparency.dev", [key]).unwrap_err();
        assert!(matches!(error, CheckpointError::Note(NoteError::InvalidSignature { line: found, .. }) if found == line));
    }
    for origin in ["another", "arche2025h2.staging.ct.transparency.dev"] {
        assert!(matches!(checkpoint.verify(origin, &keys), Err(CheckpointError::Origin { .. })));
    }
}

#[test]
fn a_checkpoint_of_a_public_test_log_is_verified() {
    let text = "geomys.org/witness/test-log\n1\nBCml5C32yqMcl0gjTrcSOeNVx59oPnSdytBzDGBO5k0=\n\n\
                — geomys.org/witness/test-log wHh/9BPsoBNr2x0Ol3qPBYasIN0HI2ZiBg5ac0v3LQq/7F+YO7U4oWbDeJn1VaWVrlbSEM30Gr7WWYQjj2SBxRoJ/Ao=\n";
    let key = vkey("geomys.org/witness/test-log+c0787ff4+AeMb5VOzy60PTGdGmLPxOKGAa0jNyDGsgv2rnprGju1t");
    SignedCheckpoint::parse(text.as_bytes()).unwrap().verify("geomys.org/witness/test-log", [&key]).unwrap();
}

#[test]
fn the_text_of_a_checkpoint_is_read_strictly() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let text = format!("example.com/behind-the-sofa\n20852163\n{root}\n");
    let checkpoint = Checkpoint::parse(&text).unwrap();
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(Checkpoint::new("example.com/behind-the-sofa", 20_852_163, *checkpoint.root()).unwrap(), checkpoint);
    let extended = Checkpoint::parse(&format!("{text}one\ntwo\n")).unwrap();
    assert_eq!(extended.extensions(), ["one", "two"]);
    for (bad, problem) in [
        (format!("\n1\n{root}\n"), "line 1: the origin is empty"),
        (format!("a\n01\n{root}\n"), "line 2: the tree size is a decimal number below 2^63 without leading zeros"),
        (format!("a\n+1\n{root}\n"), "line 2: the tree size is a decimal number below 2^63 without leading zeros"),
        (
            format!("a\n9223372036854775808\n{root}\n"),
            "line 2: the tree size is a decimal number below 2^63 without leading zeros",
        ),
        ("a\n1\nAAAA\n".to_owned(), "line 3: the root hash is the base64 of 32 bytes"),
        ("a\n1\n".to_owned(), "line 3: the text ends where the root hash should be"),
        (format!("a\n1\n{root}\n\nx\n"), "line 4: an extension line is empty"),
        (format!("a\n1\n{root}"), "line 3: the text does not end in a newline"),
    ] {
        assert_eq!(Checkpoint::parse(&bad).unwrap_err().to_string(), problem, "{bad:?}");
    }
    for origin in ["", "a\nb", "a\r"] {
        assert!(Checkpoint::new(origin, 1, Hash::of(b"")).is_err(), "{origin:?}");
    }
    assert!(Checkpoint::new("a", 1 << 63, Hash::of(b"")).is_err());
    assert!(Checkpoint::new("a", (1 << 63) - 1, Hash::of(b"")).is_ok());
}

/// The message in C2SP *tlog-cosignature*, section "Ed25519 signed message".
#[test]
fn a_cosignature_is_over_the_specified_message() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let message = cosignature::message(1_679_315_147, text);
    assert_eq!(message, format!("cosignature/v1\ntime 1679315147\n{text}").into_bytes());

    let key = samples::witness_key(1);
    let line = cosign(&key, text, 1_679_315_147).unwrap();
    assert_eq!(line.bytes().len(), cosignature::SIZE);
    assert_eq!(line.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(line.bytes()[8..], key.sign(&message).unwrap());
    assert_eq!(cosignature::verify(key.verifier(), text, line.bytes()), Some(1_679_315_147));
    assert_eq!(cosignature::verify(key.verifier(), &text.replace("20852163", "20852164"), line.bytes()), None);
    assert_eq!(cosignature::verify(samples::witness_key(2).verifier(), text, line.bytes()), None);
    assert_eq!(cosignature::verify(key.verifier(), text, &line.bytes()[..71]), None);
    let mut later = line.bytes().to_vec();
    later[7] += 1;
    assert_eq!(cosignature::verify(key.verifier(), text, &later), None);
}

#[test]
fn a_cosignature_time_above_the_limit_is_refused() {
    let (key, text) = (samples::witness_key(1), "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    let time = 1_u64 << 63;
    let signature = key.sign(&cosignature::message(time, text)).unwrap();
    let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
    assert_eq!(cosignature::verify(key.verifier(), text, &bytes), None);
}

#[test]
fn a_plain_signature_is_no_cosignature_and_the_other_way_round() {
    let (text, seed) = ("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", [9; 32]);
    let plain = SignerKey::from_seed("w", Algorithm::Ed25519, seed).unwrap();
    let witness = SignerKey::from_seed("w", Algorithm::CosignatureEd25519, seed).unwrap();
    let note = Note::new(text, vec![cosign(&witness, text, 5).unwrap()]).unwrap();
    assert_eq!(note.verify([plain.verifier()]), Err(NoteError::NoKnownSignature));
    assert_eq!(note.verify([witness.verifier()]).unwrap()[0].timestamp, Some(5));
    assert_eq!(samples::checkpoint(3, &[1]).verify(ORIGIN, [samples::log_key().verifier()]).unwrap().len(), 1);
}
