//! A rule of a column that is broken somewhere below it.

use std::borrow::Cow;

/// A rule that is broken at a place below a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The path below the column, such as `[0].field`; empty for the column itself.
    pub path: String,
    /// The rule, in words.
    pub detail: Cow<'static, str>,
}
