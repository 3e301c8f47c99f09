//! Lakes that were not touched verify; whatever is done to one is found.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a failed test should say so at once")]

mod lakes;
mod mutations;
mod organization;
mod untouched;
