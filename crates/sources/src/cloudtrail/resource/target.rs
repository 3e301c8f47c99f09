//! What a call was made on, as the columns state it.

use std::borrow::Cow;

/// What a call was made on. Kinds are those of AWS CloudFormation, as CloudTrail's own `resources` uses them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Resource<'r> {
    pub kind: Option<Cow<'r, str>>,
    pub id: Option<Cow<'r, str>>,
    pub name: Option<&'r str>,
    /// The request parameter it was read from, if it was one of the table.
    pub parameter: Option<&'static str>,
    /// All that the call was made on, if it was made on several.
    pub all: Vec<&'r str>,
}
