//! The tests of what the crate offers, in one program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

mod input;
mod json;
mod receipts;
mod rows;
mod shapes;
