//! The tests of the transparency log's formats and rules. Expected values are those of the specifications, of other implementations'
//! documentation, of public logs and witnesses, or of a naive implementation in [`naive`].

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop where something is not as expected")]

mod entries;
mod garbage;
mod guard;
mod heads;
mod keys;
mod mutations;
mod naive;
mod notes;
mod policies;
mod proofs;
mod receipts;
mod samples;
mod tiles;
mod witnesses;
