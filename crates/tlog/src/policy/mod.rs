//! Trust policies: which logs, and the cosignatures of which witnesses, make a checkpoint valid (C2SP *tlog-policy*).
//!
//! [`parse`] reads the file, [`check`] applies it to a checkpoint.

pub mod check;
pub mod parse;

pub use check::{Cosigned, PolicyError, Verdict};
pub use parse::{Member, Policy, PolicyGroup, PolicyLog, PolicyWitness};
