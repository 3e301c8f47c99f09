//! Landing: the private zone of small, short-lived objects in which events wait for their seal.
//!
//! [`LandingWriter`] writes batches and acknowledges them behind the fence; [`mod@file`] says what is inside an object.

pub mod file;
mod writer;

pub use writer::{LandError, Landed, LandingWriter};
