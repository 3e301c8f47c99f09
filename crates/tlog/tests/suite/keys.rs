//! Verifier and signer keys.

use auditlake_tlog::key::{Algorithm, KeyError, KeyId, Signer, SignerKey, VerifierKey};
use auditlake_tlog::note::Note;
use auditlake_tlog::signing::{SigningError, SigningRequest};

/// The keys in the documentation of Go's `golang.org/x/mod/sumdb/note`.
pub const NEUMANN_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub const NEUMANN_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

/// Keys of public logs, and of public witnesses (type 0x04), with ids that others computed.
const PUBLIC_VKEYS: [(&str, Algorithm); 8] = [
    ("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", Algorithm::Ed25519),
    ("geomys.org/witness/test-log+c0787ff4+AeMb5VOzy60PTGdGmLPxOKGAa0jNyDGsgv2rnprGju1t", Algorithm::Ed25519),
    ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", Algorithm::Ed25519),
    ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", Algorithm::CosignatureEd25519),
    ("rgdd.se/poc-witness+db03732e+BCjJKlo6BU0xfIb8LutqerIFTWIXEA0L5n3tW3QyPFgG", Algorithm::CosignatureEd25519),
    ("witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", Algorithm::CosignatureEd25519),
    ("witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO", Algorithm::CosignatureEd25519),
    (
        "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
        Algorithm::CosignatureEd25519,
    ),
];

#[test]
fn public_keys_are_read_and_written_as_they_are() {
    for (text, algorithm) in PUBLIC_VKEYS {
        let key = VerifierKey::parse(text).unwrap();
        assert_eq!((key.to_string(), key.algorithm()), (text.to_owned(), algorithm));
        assert_eq!(VerifierKey::new(key.name(), algorithm, key.public_key()).unwrap(), key);
    }
}

#[test]
fn a_signer_key_is_that_of_its_verifier_key() {
    let signer = SignerKey::parse(NEUMANN_SKEY).unwrap();
    assert_eq!(signer.verifier().to_string(), NEUMANN_VKEY);
    assert_eq!(signer.to_secret_text(), NEUMANN_SKEY);
    assert!(!format!("{signer:?}").contains("YEKFALVFGyNhPJEMzD1QID"));
    // Go's test generates a key from a reader of zeros (`ExampleSign_add_signatures`).
    let enoch = SignerKey::from_seed("EnochRoot", Algorithm::Ed25519, [0; 32]).unwrap();
    assert_eq!(enoch.verifier().id().to_string(), "af0cfe78");
}

/// As Go's `TestNewVerifier` and `TestNewSigner`: every part of a key, and every key with one byte increased.
#[test]
fn mangled_keys_are_refused() {
    for from in 0..NEUMANN_VKEY.len() {
        for to in from..=NEUMANN_VKEY.len() {
            let part = &NEUMANN_VKEY[from..to];
            assert!(VerifierKey::parse(part).is_err() || part == NEUMANN_VKEY, "{part}");
        }
    }
    for key in [NEUMANN_VKEY, NEUMANN_SKEY] {
        for position in 0..key.len() {
            let mut bytes = key.as_bytes().to_vec();
            bytes[position] += 1;
            let mangled = String::from_utf8(bytes).unwrap();
            assert!(VerifierKey::parse(&mangled).is_err() && SignerKey::parse(&mangled).is_err(), "{mangled}");
        }
    }
    // A key of the wrong length with an id that fits, and the same key as a type that is not known.
    let long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    assert!(VerifierKey::parse(long).is_err());
    let long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEQ==";
    assert_eq!(VerifierKey::parse(long), Err(KeyError::Length { kind: 1, expected: 32, found: 36 }));
    let other = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(VerifierKey::parse(other), Err(KeyError::UnknownType(0x65)));
}

#[test]
fn names_have_no_spaces_plus_signs_or_control_characters() {
    for bad in ["", "a b", "a\u{2003}b", "a\u{85}b", "a+b", "a\nb", "a\tb"] {
        assert_eq!(SignerKey::from_seed(bad, Algorithm::Ed25519, [1; 32]).unwrap_err(), KeyError::Name, "{bad:?}");
    }
    assert!(SignerKey::from_seed("näme/é", Algorithm::Ed25519, [1; 32]).is_ok());
}

#[test]
fn a_key_of_another_type_has_another_id() {
    let plain = SignerKey::from_seed("w", Algorithm::Ed25519, [1; 32]).unwrap();
    let witness = SignerKey::from_seed("w", Algorithm::CosignatureEd25519, [1; 32]).unwrap();
    assert_eq!(plain.verifier().public_key(), witness.verifier().public_key());
    assert_ne!(plain.verifier().id(), witness.verifier().id());
    let error = SignerKey::from_seed("w", Algorithm::CosignatureMlDsa44, [1; 32]).unwrap_err();
    assert_eq!(error, KeyError::CannotSign(6));
}

#[test]
fn ml_dsa_keys_are_read_but_verify_nothing() {
    let key = vec![7; 1_312];
    let witness = VerifierKey::new("w", Algorithm::CosignatureMlDsa44, &key).unwrap();
    assert_eq!(VerifierKey::parse(&witness.to_string()).unwrap(), witness);
    assert!(!witness.algorithm().can_verify());
    let error = VerifierKey::new("w", Algorithm::CosignatureMlDsa44, &key[1..]).unwrap_err();
    assert_eq!(error, KeyError::Length { kind: 6, expected: 1_312, found: 1_311 });
}

#[test]
fn a_service_signs_in_two_steps_and_a_false_answer_is_found() {
    let (key, other) = (SignerKey::parse(NEUMANN_SKEY).unwrap(), crate::samples::log_key());
    let request = SigningRequest::note(key.verifier(), "text\n").unwrap();
    assert_eq!(request.message(), b"text\n");
    let signature = key.sign(request.message()).unwrap();
    let line = request.clone().finish(&signature).unwrap();
    assert_eq!((line.name(), line.id()), ("PeterNeumann", KeyId(0xc74f_20a3)));
    Note::new("text\n", vec![line]).unwrap().verify([key.verifier()]).unwrap();

    let of_another = other.sign(request.message()).unwrap();
    for bad in [of_another.as_slice(), &signature[1..], &[], &[&signature[..], &[0]].concat()] {
        let error = request.clone().finish(bad).unwrap_err();
        assert_eq!(error, SigningError::NotOfThisKey(NEUMANN_VKEY.to_owned()));
    }
}

#[test]
fn a_key_signs_only_what_its_type_says() {
    let (plain, witness) = (crate::samples::log_key(), crate::samples::witness_key(1));
    assert!(matches!(SigningRequest::note(witness.verifier(), "text\n"), Err(SigningError::Algorithm(_))));
    assert!(matches!(SigningRequest::cosignature(plain.verifier(), "text\n", 1), Err(SigningError::Algorithm(_))));
    let too_late = SigningRequest::cosignature(witness.verifier(), "text\n", 1 << 63);
    assert!(matches!(too_late, Err(SigningError::Time(_))));
    for bad in ["", "text", "te\rxt\n", "te\0xt\n"] {
        assert!(matches!(SigningRequest::note(plain.verifier(), bad), Err(SigningError::Text(_))), "{bad:?}");
    }
}
