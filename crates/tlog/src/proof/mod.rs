//! Proofs of inclusion and consistency (RFC 9162, sections 2.1.3 and 2.1.4), and the `.tlog-proof` file (C2SP *tlog-proof*).
//!
//! [`verify`] checks proofs, [`prove`] makes them from tiles, [`mod@file`] reads and writes the file that holds one with its checkpoint.

pub mod file;
pub mod prove;
pub mod verify;

pub use file::TlogProof;
pub use prove::{consistency, consistency_tiles, inclusion, inclusion_tiles};
pub use verify::{ProofError, root_from_inclusion, verify_consistency, verify_inclusion};
