//! The call `add-checkpoint`.

use auditlake_tlog::checkpoint::CheckpointError;
use auditlake_tlog::hash::Hash;
use auditlake_tlog::key::{Signer, SignerKey};
use auditlake_tlog::note::NoteError;
use auditlake_tlog::proof::ProofError;
use auditlake_tlog::signing::cosign;
use auditlake_tlog::witness::{AddCheckpoint, Answer, AnswerError, Refusal};

use crate::naive;
use crate::samples::{self, ORIGIN};

pub fn request(old_size: u64, size: u64) -> AddCheckpoint {
    let leaves = naive::leaves(size);
    let proof = if old_size == 0 { Vec::new() } else { naive::proof(usize::try_from(old_size).unwrap(), &leaves) };
    AddCheckpoint { old_size, proof, checkpoint: samples::checkpoint(size, &[]) }
}

fn newest(size: u64) -> Option<(u64, Hash)> {
    Some((size, naive::root(&naive::leaves(size))))
}

/// The example of C2SP *tlog-witness*, with the first of its signatures.
#[test]
fn the_specified_body_is_read_and_written() {
    let body = "\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";
    let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!((request.old_size, request.proof.len(), request.checkpoint.checkpoint().size()), (20_852_014, 4, 20_852_163));
    assert_eq!(request.to_string(), body);
}

#[test]
fn other_bodies_are_refused_with_their_line() {
    let good = request(3, 7).to_string();
    let hash = request(3, 7).proof[0].to_base64();
    for (from, to, problem) in [
        ("old 3", "old 03", "line 1: must be \"old\", a space and a decimal number"),
        ("old 3", "size 3", "line 1: must be \"old\", a space and a decimal number"),
        (hash.as_str(), "x", "line 2: a hash is the base64 of 32 bytes"),
        ("\n7\n", "\n-7\n", "line 8: the tree size is a decimal number below 2^63 without leading zeros"),
    ] {
        assert_eq!(AddCheckpoint::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err().to_string(), problem);
    }
    let long = good.replacen(&hash, &[hash.as_str(); 61].join("\n"), 1);
    assert_eq!(AddCheckpoint::parse(long.as_bytes()).unwrap_err().to_string(), "line 65: more than 63 hashes");
}

#[test]
fn a_witness_checks_in_the_specified_way() {
    let log = samples::log_key();
    let check = |request: &AddCheckpoint, newest| request.check(ORIGIN, [log.verifier()], newest);
    for (old, size) in [(0, 0), (0, 5), (3, 7), (4, 7), (7, 7), (255, 300)] {
        assert_eq!(check(&request(old, size), newest(old)), Ok(()), "{old} to {size}");
    }
    assert_eq!(check(&request(0, 5), None), Ok(()));

    let status = |request: &AddCheckpoint, newest| check(request, newest).unwrap_err().status();
    assert_eq!(status(&AddCheckpoint { old_size: 8, ..request(7, 7) }, newest(8)), 400);
    assert_eq!(check(&request(3, 7), newest(4)), Err(Refusal::Conflict(4)));
    assert_eq!(status(&request(3, 7), None), 409);
    // Another root than the one that was cosigned: at the same size, and at a larger one.
    let fork = Some((7, Hash::of(b"another")));
    assert!(matches!(check(&request(7, 7), fork), Err(Refusal::Proof(ProofError::Root { .. }))));
    assert_eq!(status(&request(3, 7), Some((3, Hash::of(b"another")))), 422);
    // A proof where none may be, and an empty tree with another root.
    assert_eq!(status(&AddCheckpoint { proof: vec![Hash::of(b"")], ..request(0, 7) }, None), 422);
    let empty = AddCheckpoint { old_size: 0, proof: vec![], checkpoint: samples::checkpoint_of(0, Hash::of(b"x"), &[]) };
    assert_eq!(status(&empty, None), 422);

    let other = SignerKey::from_seed(ORIGIN, auditlake_tlog::key::Algorithm::Ed25519, [2; 32]).unwrap();
    let error = request(0, 5).check(ORIGIN, [other.verifier()], None).unwrap_err();
    assert_eq!((&error, error.status()), (&Refusal::Signature(NoteError::NoKnownSignature), 403));
    let error = request(0, 5).check("another", [log.verifier()], None).unwrap_err();
    assert!(matches!(error, Refusal::Log(CheckpointError::Origin { .. })) && error.status() == 404);
}

#[test]
fn cosignatures_in_an_answer_are_verified() {
    let checkpoint = samples::checkpoint(5, &[]);
    let (one, two) = (samples::witness_key(1), samples::witness_key(2));
    let line = |key: &SignerKey, time| cosign(key, checkpoint.note().text(), time).unwrap();
    let body = format!("{}\n{}\n", line(&two, 7), line(&one, 8));
    let read = |status, kind: &str, body: &str, key: &SignerKey| {
        Answer::read(status, kind, body.as_bytes(), &checkpoint, [key.verifier()])
    };
    assert_eq!(read(200, "", &body, &one), Ok(Answer::Cosigned(vec![(line(&one, 8), 8)])));
    let three = samples::witness_key(3);
    assert_eq!(read(200, "", &body, &three), Err(AnswerError::Cosignature(NoteError::NoKnownSignature)));
    let of_another = cosign(&one, samples::checkpoint(6, &[]).note().text(), 8).unwrap();
    let error = read(200, "", &format!("{of_another}\n"), &one).unwrap_err();
    assert!(matches!(error, AnswerError::Cosignature(NoteError::InvalidSignature { .. })));
    assert!(matches!(read(200, "", &format!("{}\n", line(&one, 0)), &one), Err(AnswerError::NoTime(_))));
    for bad in ["", "\n", "x\n", body.trim_end(), &format!("{body}\n")] {
        assert!(matches!(read(200, "", bad, &one), Err(AnswerError::Format(_))), "{bad:?}");
    }
}

#[test]
fn a_conflict_names_the_size() {
    let (checkpoint, key) = (samples::checkpoint(5, &[]), samples::witness_key(1));
    let read = |status, kind: &str, body: &[u8]| Answer::read(status, kind, body, &checkpoint, [key.verifier()]);
    assert_eq!(read(409, "text/x.tlog.size", b"20852163\n"), Ok(Answer::Conflict(20_852_163)));
    assert_eq!(read(409, "text/x.tlog.size; charset=utf-8", b"0\n"), Ok(Answer::Conflict(0)));
    assert!(matches!(read(409, "text/html", b"5\n"), Err(AnswerError::ContentType(_))));
    for bad in [&b""[..], b"5", b"05\n", b"5\n\n", b"-1\n", b"9223372036854775808\n", b"\xff\n"] {
        assert!(matches!(read(409, "text/x.tlog.size", bad), Err(AnswerError::Format(_))), "{bad:?}");
    }
    assert_eq!(read(503, "text/html", b"<html>"), Ok(Answer::Refused(503)));
}
