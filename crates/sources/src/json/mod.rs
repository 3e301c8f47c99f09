//! JSON as the sources need it: a strict parser that says "incomplete" apart from "wrong", a tree that borrows from the
//! bytes it was read from, and the normalised text of a tree.
//!
//! The normalised text has no white space, members sorted by name (UTF-16 order, as in RFC 8785), and in strings only the
//! escapes that JSON demands. Numbers stand as they were written. Two texts that differ in order, spacing or escapes
//! have one normalised text, so a re-ordered copy of a record is the same record.

mod parse;
mod value;
mod write;

pub(crate) use parse::{Failure, Outer, Parser};
pub(crate) use value::{Json, Members, REDACTED};
pub(crate) use write::{write_member_without_secrets, write_parsed_text, write_text, write_whole, write_without_secrets};
