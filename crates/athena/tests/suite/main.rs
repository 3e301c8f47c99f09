//! Tests of the Athena engine from outside: its statements, its protocol, and their meaning in the eyes of a referee.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as its test does")]

mod athena_server;
mod duckdb;
mod exports;
mod lake;
mod protocol;
mod referee;
mod s3_server;
mod slow;
mod statements;
mod trino;
