//! Policies.

use auditlake_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use auditlake_tlog::key::{Algorithm, Signer, VerifierKey};
use auditlake_tlog::note::NoteError;
use auditlake_tlog::policy::{Member, Policy, PolicyError};
use auditlake_tlog::signing::cosign;
use proptest::prelude::*;

use crate::samples;

fn parse(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

fn problem_of(text: &str) -> String {
    Policy::parse(text.as_bytes()).unwrap_err().to_string()
}

fn accepts(policy: &Policy, witnesses: &[u8]) -> bool {
    match policy.check(&samples::checkpoint(3, witnesses)) {
        Ok(verdict) => {
            assert_eq!(verdict.cosigned.len(), witnesses.len());
            true
        }
        Err(PolicyError::NoQuorum { cosigned, witnesses: 6, .. }) => {
            assert_eq!(cosigned.len(), witnesses.len());
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// The example of C2SP *tlog-policy*: two of the X and one of the Y witnesses.
#[test]
fn the_specified_example_wants_two_and_one() {
    let policy = parse(&samples::policy());
    assert_eq!((policy.logs().len(), policy.witnesses().len(), policy.groups().len()), (1, 6, 3));
    assert_eq!(policy.quorum(), Some(Member::Group(2)));
    assert_eq!(policy.groups()[0].threshold, 2);
    assert_eq!(policy.groups()[2].members, [Member::Group(0), Member::Group(1)]);
    assert_eq!(policy.logs()[0].url.as_deref(), Some(b"https://log.example/".as_slice()));
    for set in 0_u8..64 {
        let witnesses: Vec<u8> = (1..=6).filter(|number| set >> (number - 1) & 1 == 1).collect();
        let expected = (set & 0b111).count_ones() >= 2 && set & 0b11_1000 != 0;
        assert_eq!(accepts(&policy, &witnesses), expected, "{witnesses:?}");
    }
}

#[test]
fn a_quorum_may_be_one_witness_or_none() {
    let (log, witness) = (samples::log_key(), samples::witness_key(1));
    let one = parse(&format!("log {}\nwitness W {}\nquorum W\n", log.verifier(), witness.verifier()));
    let verdict =
        one.check(&samples::checkpoint(3, &[1])).map(|verdict| (verdict.log_keys.len(), verdict.cosigned[0].timestamp));
    assert_eq!(verdict, Ok((1, 1_001)));
    assert!(matches!(one.check(&samples::checkpoint(3, &[2])), Err(PolicyError::NoQuorum { .. })));
    let none = parse(&format!("log {}\nquorum none\n", log.verifier()));
    assert_eq!(none.quorum(), None);
    assert!(none.check(&samples::checkpoint(3, &[])).unwrap().cosigned.is_empty());
}

#[test]
fn the_log_must_have_signed_under_its_own_name() {
    let checkpoint = samples::checkpoint(3, &[1]);
    let other = VerifierKey::new("another.example", Algorithm::Ed25519, samples::log_key().verifier().public_key()).unwrap();
    let policy = parse(&format!("log {other}\nquorum none\n"));
    assert!(matches!(policy.check(&checkpoint), Err(PolicyError::NotSignedByLog(_))));
    // The log's key signs a checkpoint of another origin: a valid signature, of no log of that name.
    let policy = parse(&format!("log {}\nquorum none\n", samples::log_key().verifier()));
    let text = Checkpoint::new("another.example", 3, *checkpoint.checkpoint().root()).unwrap();
    let of_another = SignedCheckpoint::sign(text, &[&samples::log_key()]).unwrap();
    of_another.note().verify([samples::log_key().verifier()]).unwrap();
    assert_eq!(policy.check(&of_another), Err(PolicyError::NotSignedByLog("another.example".to_owned())));
    let without_logs = parse("quorum none\n");
    assert!(matches!(without_logs.check(&checkpoint), Err(PolicyError::NotSignedByLog(_))));
    let known = samples::log_key();
    assert_eq!(without_logs.check_with(&checkpoint, [known.verifier()]).unwrap().log_keys, [known.verifier()]);
}

#[test]
fn a_false_cosignature_of_a_known_witness_is_an_error() {
    let policy = parse(&samples::policy());
    let good = samples::checkpoint(3, &[1, 2, 4]).to_string();
    let last = good.trim_end().len() - 4;
    let mut bad = good.clone().into_bytes();
    bad[last] = if bad[last] == b'A' { b'B' } else { b'A' };
    let bad = SignedCheckpoint::parse(&bad).unwrap();
    assert!(matches!(policy.check(&bad), Err(PolicyError::Note(NoteError::InvalidSignature { line: 8, .. }))));
}

#[test]
fn a_witness_counts_once_and_with_its_earliest_time() {
    let policy = parse(&samples::policy());
    let note = samples::checkpoint(3, &[1, 4]).note().clone();
    let again = cosign(&samples::witness_key(1), note.text(), 900).unwrap();
    let twice = SignedCheckpoint::from_note(note.with_signature(again).unwrap()).unwrap();
    assert!(matches!(policy.check(&twice), Err(PolicyError::NoQuorum { cosigned, .. }) if cosigned == ["X1", "Y1"]));
    let note = twice.note().clone();
    let second = cosign(&samples::witness_key(2), note.text(), 950).unwrap();
    let enough = SignedCheckpoint::from_note(note.with_signature(second).unwrap()).unwrap();
    let times: Vec<u64> = policy.check(&enough).unwrap().cosigned.iter().map(|cosigned| cosigned.timestamp).collect();
    assert_eq!(times, [900, 950, 1_004]);
}

#[test]
fn witnesses_whose_type_cannot_be_verified_do_not_count() {
    let key = VerifierKey::new("pq.example", Algorithm::CosignatureMlDsa44, &[7; 1_312]).unwrap();
    let policy = parse(&format!("log {}\nwitness PQ {key}\nquorum PQ\n", samples::log_key().verifier()));
    let error = policy.check(&samples::checkpoint(3, &[1])).unwrap_err();
    assert!(matches!(error, PolicyError::NoQuorum { cannot_verify, .. } if cannot_verify == ["PQ"]));
}

#[test]
fn spaces_comments_and_foreign_octets_are_allowed() {
    let witness = samples::witness_key(1);
    let text = format!(
        "# comment\n \t # another\n\n\twitness \t \u{212a} {}  https://\u{e9}.example/  \ngroup K any \u{212a}\nquorum\tK\n",
        witness.verifier()
    );
    let policy = parse(&text);
    assert_eq!(policy.witnesses()[0].name, "\u{212a}".as_bytes());
    let mut octets = b"witness \xff ".to_vec();
    octets.extend_from_slice(witness.verifier().to_string().as_bytes());
    octets.extend_from_slice(b"\nquorum \xff\n");
    assert_eq!(Policy::parse(&octets).unwrap().witnesses()[0].name, [0xff]);
}

#[test]
fn other_policies_are_refused_with_their_line() {
    let (log, witness) = (samples::log_key().verifier().to_string(), samples::witness_key(1).verifier().to_string());
    let other = samples::witness_key(2).verifier().to_string();
    let renamed =
        VerifierKey::new("renamed", Algorithm::CosignatureEd25519, samples::witness_key(1).verifier().public_key());
    let renamed = renamed.unwrap().to_string();
    let two = format!("witness A {witness}\nwitness B {other}\n");
    for (text, problem) in [
        (String::new(), "line 1: the policy has no quorum line"),
        ("quorum none".to_owned(), "line 1: the line does not end in a newline"),
        (format!("log {log}\n"), "line 2: the policy has no quorum line"),
        ("quorum none\nquorum none\n".to_owned(), "line 2: a policy has only one quorum line"),
        ("quorum A\n".to_owned(), "line 1: \"A\" is not defined before this line"),
        ("quorum none # why\n".to_owned(), "line 1: a quorum line has the form \"quorum <name>\""),
        ("quorum none\r\n".to_owned(), "line 1: the control character 0x0d is not allowed"),
        ("\u{7f}\n".to_owned(), "line 1: the control character 0x7f is not allowed"),
        ("Quorum none\n".to_owned(), "line 1: \"Quorum\" is none of log, witness, group and quorum"),
        (
            format!("log {log}\nlog {log}\n"),
            "line 2: the key of the log log.example/0123456789abcdef is that of an earlier log",
        ),
        ("log\n".to_owned(), "line 1: a log line has the form \"log <vkey> [<url>]\""),
        ("log x\n".to_owned(), "line 1: a verifier key has the form <name>+<8 hexadecimal digits>+<base64>"),
        (format!("witness A {log}\n"), "line 1: a witness has a key of type 0x04 or 0x06, not 0x01"),
        (format!("witness none {witness}\n"), "line 1: the name \"none\" is predefined"),
        (format!("witness A {witness}\nwitness A {other}\n"), "line 2: the name \"A\" is defined twice"),
        (
            format!("witness A {witness}\nwitness B {renamed}\n"),
            "line 2: the key of the witness \"B\" is that of an earlier witness",
        ),
        (format!("{two}group G any A none\n"), "line 3: \"none\" is not defined before this line"),
        (format!("{two}group G any A G\n"), "line 3: \"G\" is not defined before this line"),
        (format!("{two}group G any\n"), "line 3: a group line has the form \"group <name> all|any|<number> <name>...\""),
        (format!("{two}group G any A A\n"), "line 3: \"A\" is already a member of a group"),
        (format!("{two}group G any A\ngroup H any A B\n"), "line 4: \"A\" is already a member of a group"),
        (format!("{two}group A any B\n"), "line 3: the name \"A\" is defined twice"),
        (format!("{two}group G 0 A B\n"), "line 3: the threshold must be \"all\", \"any\" or a number from 1 to 2"),
        (format!("{two}group G 3 A B\n"), "line 3: the threshold must be \"all\", \"any\" or a number from 1 to 2"),
        (format!("{two}group G 01 A B\n"), "line 3: the threshold must be \"all\", \"any\" or a number from 1 to 2"),
    ] {
        assert_eq!(problem_of(&text), problem, "{text:?}");
    }
}

#[test]
fn thirty_two_of_everything_is_not_too_much() {
    let key = |kind, number: u8| {
        auditlake_tlog::key::SignerKey::from_seed(&format!("k{number}"), kind, [number; 32]).unwrap().verifier().to_string()
    };
    let mut text = String::new();
    for number in 0..32_u8 {
        text += &format!("log {}\n", key(Algorithm::Ed25519, number));
        text += &format!(
            "witness w{number} {}\ngroup g{number} all w{number}\n",
            key(Algorithm::CosignatureEd25519, 100 + number)
        );
    }
    let policy = parse(&(text + "quorum g31\n"));
    assert_eq!((policy.logs().len(), policy.witnesses().len(), policy.groups().len()), (32, 32, 32));
}

/// A policy over six witnesses: groups of witnesses, and groups of these groups and the rest.
fn quorums() -> impl Strategy<Value = String> {
    (1_usize..=3, 1_usize..=2, 1_usize..=3).prop_map(|(first, second, all)| {
        let witness = |number: u8| format!("witness W{number} {}\n", samples::witness_key(number).verifier());
        let witnesses: String = (1..=6).map(witness).collect();
        let log = samples::log_key();
        format!(
            "log {}\n{witnesses}group A {first} W1 W2 W3\ngroup B {second} W4 W5\ngroup C {all} A B W6\nquorum C\n",
            log.verifier()
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// All pairs of sets of witnesses that are quorums: the fewest that two of them have in common.
    #[test]
    fn a_fork_needs_the_witnesses_that_two_quorums_share(text in quorums()) {
        let policy = parse(&text);
        let accepted: Vec<u8> = (0_u8..64)
            .filter(|set| accepts(&policy, &(1..=6).filter(|number| set >> (number - 1) & 1 == 1).collect::<Vec<u8>>()))
            .collect();
        let shared = accepted.iter().flat_map(|one| accepted.iter().map(move |other| (one & other).count_ones() as usize)).min();
        prop_assert_eq!(Some(policy.witnesses_for_fork()), shared);
    }
}

#[test]
fn policies_without_protection_against_forks_are_known() {
    let policy = |rest: &str| {
        let witness = |number: u8| format!("witness W{number} {}\n", samples::witness_key(number).verifier());
        parse(&format!("{}{rest}", (1..=4).map(witness).collect::<String>())).witnesses_for_fork()
    };
    assert_eq!(policy("quorum none\n"), 0);
    assert_eq!(policy("quorum W1\n"), 1);
    assert_eq!(policy("group G 2 W1 W2 W3 W4\nquorum G\n"), 0);
    assert_eq!(policy("group G 3 W1 W2 W3 W4\nquorum G\n"), 2);
    assert_eq!(policy("group G all W1 W2 W3 W4\nquorum G\n"), 4);
    assert_eq!(parse(&samples::policy()).witnesses_for_fork(), 1);
}
