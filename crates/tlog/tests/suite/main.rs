//! The tests of the transparency log's formats and rules.
