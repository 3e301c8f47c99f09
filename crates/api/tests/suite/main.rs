//! The tests of what the crate offers, in one program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop where something is not as expected")]

mod bad_input;
mod calls;
mod common;
mod delivery;
mod directory;
mod exports;
mod isolation;
mod openapi;
mod posting;
mod queries;
mod recording;
