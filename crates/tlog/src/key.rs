//! Keys of signed notes: who may sign, how a key is named and written (C2SP *signed-note*, sections "Signatures" and
//! "Verifier keys").

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::hash::Hash;
use crate::text::{decode_base64, encode_base64};

/// Bytes of an Ed25519 public key, and of the seed of a private one (RFC 8032).
pub const ED25519_KEY_SIZE: usize = 32;
/// Bytes of an Ed25519 signature (RFC 8032).
pub const ED25519_SIGNATURE_SIZE: usize = 64;
/// Bytes of an ML-DSA-44 public key (FIPS 204).
const ML_DSA_44_KEY_SIZE: usize = 1_312;
/// The longest written key that is looked at: an ML-DSA-44 key has about 1,800 characters besides its name.
const MAX_TEXT: usize = 16_384;

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is longer than any key.
    #[error("the key is longer than {MAX_TEXT} characters")]
    TooLong,
    /// It does not have the parts of a verifier key.
    #[error("a verifier key has the form <name>+<8 hexadecimal digits>+<base64>")]
    VerifierForm,
    /// It does not have the parts of a signer key. The text is not repeated, because it may be a secret.
    #[error("a signer key has the form PRIVATE+KEY+<name>+<8 hexadecimal digits>+<base64>")]
    SignerForm,
    /// Its name may not be the name of a key.
    #[error("a key's name is not empty and has no spaces, plus signs or control characters")]
    Name,
    /// The type is none of those that this crate knows.
    #[error("keys of type 0x{0:02x} are not known; known are 0x01, 0x04 and 0x06")]
    UnknownType(u8),
    /// The key has another length than its algorithm's.
    #[error("a key of type 0x{kind:02x} has {expected} bytes, not {found}")]
    Length {
        /// The signature type.
        kind: u8,
        /// The bytes of a key of this type.
        expected: usize,
        /// The bytes that were found.
        found: usize,
    },
    /// The key id is not the one of this name and key.
    #[error("the key id {found} does not belong to this name and key, whose id is {expected}")]
    Id {
        /// The id of the name and key.
        expected: KeyId,
        /// The id in the text.
        found: KeyId,
    },
    /// This crate does not sign with keys of this type.
    #[error("cannot sign with a key of type 0x{0:02x}")]
    CannotSign(u8),
}

/// The 32 bits that identify a key together with its name. No secure hash: it only saves verifiers from trying all keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl std::fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

impl KeyId {
    /// The recommended id, which the types 0x01, 0x04 and 0x06 prescribe:
    /// the first four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`.
    pub fn of(name: &str, algorithm: Algorithm, public_key: &[u8]) -> Self {
        let hash = Hash::of(&[name.as_bytes(), b"\n", &[algorithm.byte()], public_key].concat());
        let [a, b, c, d, ..] = *hash.as_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

/// The type of a key and its signatures (C2SP *signed-note*, section "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 0x01: Ed25519 over the text of the note.
    Ed25519,
    /// 0x04: Ed25519 cosignature of a checkpoint with a time (C2SP *tlog-cosignature*).
    CosignatureEd25519,
    /// 0x06: ML-DSA-44 cosignature (C2SP *tlog-cosignature*). Known by name and length; this crate cannot verify it.
    CosignatureMlDsa44,
}

impl Algorithm {
    /// From the byte before the public key. `None` for all other types: how their ids are made, and so whether a key was
    /// mangled, is not known here.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureEd25519),
            0x06 => Some(Self::CosignatureMlDsa44),
            _ => None,
        }
    }

    /// The byte before the public key.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureEd25519 => 0x04,
            Self::CosignatureMlDsa44 => 0x06,
        }
    }

    /// Whether this crate verifies signatures of this type. Signatures of the others are those of unknown keys.
    pub const fn can_verify(self) -> bool {
        matches!(self, Self::Ed25519 | Self::CosignatureEd25519)
    }

    const fn key_size(self) -> usize {
        match self {
            Self::Ed25519 | Self::CosignatureEd25519 => ED25519_KEY_SIZE,
            Self::CosignatureMlDsa44 => ML_DSA_44_KEY_SIZE,
        }
    }
}

/// Whether `name` may name a key: not empty, and no Unicode spaces, plus signs or control characters (below U+0020).
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter < ' ' || letter == '+')
}

/// A public key with its name. Its text form is the specification's *vkey*: `<name>+<key id>+<base64 of type ‖ key>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    algorithm: Algorithm,
    public_key: Vec<u8>,
}

impl VerifierKey {
    /// A key from its bytes, for example one whose private half lies in a key service.
    pub fn new(name: &str, algorithm: Algorithm, public_key: &[u8]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let (expected, found) = (algorithm.key_size(), public_key.len());
        if found != expected {
            return Err(KeyError::Length { kind: algorithm.byte(), expected, found });
        }
        let id = KeyId::of(name, algorithm, public_key);
        Ok(Self { name: name.to_owned(), id, algorithm, public_key: public_key.to_vec() })
    }

    /// Reads a verifier key. Keys of type 0x06 are read although they cannot be verified, so that a policy may name them.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, found, key) = split_key(text)?.ok_or(KeyError::VerifierForm)?;
        let (&kind, public_key) = key.split_first().ok_or(KeyError::VerifierForm)?;
        let algorithm = Algorithm::from_byte(kind).ok_or(KeyError::UnknownType(kind))?;
        let key = Self::new(name, algorithm, public_key)?;
        let expected = key.id;
        if found == expected { Ok(key) } else { Err(KeyError::Id { expected, found }) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The type.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key without its type.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether `signature` is this key's over `message`, which is not the text of the note for all types.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.algorithm.can_verify() && UnparsedPublicKey::new(&ED25519, &self.public_key).verify(message, signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_key(formatter, &self.name, self.id, self.algorithm, &self.public_key)
    }
}

/// Why a signer did not sign; the text says so for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SignerError(pub String);

/// Something that signs with Ed25519: a key in memory, or a service. A service that is called asynchronously uses
/// [`crate::signing::SigningRequest`] instead.
pub trait Signer {
    /// The public half.
    fn verifier(&self) -> &VerifierKey;

    /// The Ed25519 signature (64 bytes) over exactly `message` ("pure" Ed25519 of RFC 8032, no digest before).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// An Ed25519 private key in memory. Its text form is that of Go's `golang.org/x/mod/sumdb/note`:
/// `PRIVATE+KEY+<name>+<key id>+<base64 of type ‖ seed>`.
pub struct SignerKey {
    verifier: VerifierKey,
    seed: [u8; ED25519_KEY_SIZE],
    pair: Ed25519KeyPair,
}

impl SignerKey {
    /// The key of a seed: 32 random bytes, of which nobody else may know.
    pub fn from_seed(name: &str, algorithm: Algorithm, seed: [u8; ED25519_KEY_SIZE]) -> Result<Self, KeyError> {
        if !algorithm.can_verify() {
            return Err(KeyError::CannotSign(algorithm.byte()));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::SignerForm)?;
        let verifier = VerifierKey::new(name, algorithm, pair.public_key().as_ref())?;
        Ok(Self { verifier, seed, pair })
    }

    /// Reads what [`Self::to_secret_text`] writes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix("PRIVATE+KEY+").ok_or(KeyError::SignerForm)?;
        let (name, found, key) = split_key(rest)?.ok_or(KeyError::SignerForm)?;
        let (&kind, seed) = key.split_first().ok_or(KeyError::SignerForm)?;
        let seed = seed.try_into().map_err(|_| KeyError::SignerForm)?;
        let algorithm = Algorithm::from_byte(kind).ok_or(KeyError::UnknownType(kind))?;
        let key = Self::from_seed(name, algorithm, seed)?;
        let expected = key.verifier.id;
        if found == expected { Ok(key) } else { Err(KeyError::Id { expected, found }) }
    }

    /// The text form. Whoever reads it can sign.
    pub fn to_secret_text(&self) -> String {
        struct Secret<'a>(&'a SignerKey);
        impl std::fmt::Display for Secret<'_> {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let SignerKey { verifier, seed, .. } = self.0;
                write_key(formatter, &verifier.name, verifier.id, verifier.algorithm, seed)
            }
        }
        format!("PRIVATE+KEY+{}", Secret(self))
    }
}

impl Signer for SignerKey {
    fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

impl std::fmt::Debug for SignerKey {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignerKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Name, id, and bytes with the type in front.
type KeyParts<'a> = (&'a str, KeyId, Vec<u8>);

/// The parts of a written key. `None` if it has another form.
fn split_key(text: &str) -> Result<Option<KeyParts<'_>>, KeyError> {
    if text.len() > MAX_TEXT {
        return Err(KeyError::TooLong);
    }
    // The base64 may hold plus signs, the name and the id may not.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    let lower_case = id.len() == 8 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !lower_case {
        return Ok(None);
    }
    let Ok(id) = u32::from_str_radix(id, 16) else { return Ok(None) };
    Ok(decode_base64(key).map(|key| (name, KeyId(id), key)))
}

fn write_key(
    formatter: &mut std::fmt::Formatter<'_>,
    name: &str,
    id: KeyId,
    algorithm: Algorithm,
    key: &[u8],
) -> std::fmt::Result {
    let key = encode_base64(&[&[algorithm.byte()], key].concat());
    write!(formatter, "{name}+{id}+{key}")
}
