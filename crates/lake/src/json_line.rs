//! JSON on one line: the form of `lake.json`, plans, digests and records.

use serde::Serialize;

/// JSON on one line, with a line feed.
pub(crate) fn to_line(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// As [`to_line`], for a line among others: one that cannot be written is logged and left out.
pub(crate) fn one_line(value: &impl Serialize) -> Vec<u8> {
    to_line(value).unwrap_or_else(|error| {
        tracing::error!(alarm = true, %error, "a line cannot be written");
        Vec::new()
    })
}
