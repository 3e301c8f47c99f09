//! A signature line of a note (C2SP *signed-note*, section "Format").

use crate::key::{KeyId, is_key_name};
use crate::text::{FormatError, decode_base64, encode_base64};

/// What begins a signature line: em dash and space.
const PREFIX: &str = "— ";

/// One signature line: `— <name> <base64 of key id ‖ signature>`. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    pub(crate) name: String,
    pub(crate) id: KeyId,
    pub(crate) bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What follows the key id, as the key's type defines it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a line without its newline; `number` is the line's for errors.
    pub(crate) fn parse_line(line: &str, number: usize) -> Result<Self, FormatError> {
        let error = |problem: &str| FormatError::new(number, problem);
        let rest = line.strip_prefix(PREFIX).ok_or_else(|| error("a signature line begins with an em dash and a space"))?;
        let (name, signature) =
            rest.split_once(' ').ok_or_else(|| error("a signature line has a name, a space and a signature"))?;
        if !is_key_name(name) {
            return Err(error("a key's name is not empty and has no spaces, plus signs or control characters"));
        }
        let bytes = decode_base64(signature).ok_or_else(|| error("the signature is not standard base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((id, rest)) if !rest.is_empty() => {
                Ok(Self { name: name.to_owned(), id: KeyId(u32::from_be_bytes(*id)), bytes: rest.to_vec() })
            }
            _ => Err(error("the signature has fewer than five bytes")),
        }
    }

    /// Reads signature lines, each of which ends in a newline, as a witness answers them; `first` is the number of the first line.
    pub(crate) fn parse_lines(text: &str, first: usize, limit: usize) -> Result<Vec<Self>, FormatError> {
        if text.is_empty() {
            return Err(FormatError::new(first, "there is no signature line"));
        }
        let Some(lines) = text.strip_suffix('\n') else {
            return Err(FormatError::new(first + text.matches('\n').count(), "the line does not end in a newline"));
        };
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index == limit {
                return Err(FormatError::new(first + index, format!("more than {limit} signatures")));
            }
            signatures.push(Self::parse_line(line, first + index)?);
        }
        Ok(signatures)
    }
}

impl std::fmt::Display for Signature {
    /// The line without its newline.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signature = encode_base64(&[&self.id.0.to_be_bytes(), self.bytes.as_slice()].concat());
        write!(formatter, "{PREFIX}{} {signature}", self.name)
    }
}
