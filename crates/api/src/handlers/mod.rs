//! The handlers that the router calls, by the part of the API that they answer.

pub mod exports;
pub mod ingest;
mod pages;
pub mod queries;
pub(crate) mod reads;
pub mod status;
