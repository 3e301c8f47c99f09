//! The tests of what the crate offers, in one program.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]

mod choosing;
mod damage;
mod model;
mod presence;
mod scan_cases;
mod scan_model;
