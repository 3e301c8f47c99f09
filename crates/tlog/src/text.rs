//! Reading line by line, and the errors that name a line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What is wrong with a text, and at which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FormatError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl FormatError {
    pub(crate) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }

    /// The same problem in a text that begins `lines` further down.
    pub(crate) fn moved_down(self, lines: usize) -> Self {
        Self { line: self.line + lines, problem: self.problem }
    }
}

/// The lines of a text, each of which must end in a newline.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, number: 0 }
    }

    /// The number of the line that [`Self::expect`] returned last, counted from 1.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next line without its newline; `what` says what it should hold.
    pub(crate) fn expect(&mut self, what: &str) -> Result<&'a str, FormatError> {
        self.number += 1;
        if self.rest.is_empty() {
            return Err(self.error(format!("the text ends where {what} should be")));
        }
        let (line, rest) = self.rest.split_once('\n').ok_or_else(|| self.error("the line does not end in a newline"))?;
        self.rest = rest;
        Ok(line)
    }

    /// An error unless all lines have been read.
    pub(crate) fn finish(&self) -> Result<(), FormatError> {
        if self.is_at_end() { Ok(()) } else { Err(FormatError::new(self.number + 1, "nothing should follow")) }
    }

    /// An error at the line that was read last.
    pub(crate) fn error(&self, problem: impl Into<String>) -> FormatError {
        FormatError::new(self.number, problem)
    }
}

/// The number of a line (counted from 1) in which the byte at `position` lies.
pub(crate) fn line_of(bytes: &[u8], position: usize) -> usize {
    bytes.iter().take(position).filter(|&&byte| byte == b'\n').count() + 1
}

/// `bytes` as text, if they are at most `limit` bytes of UTF-8 without control characters other than newline.
pub(crate) fn checked_text(bytes: &[u8], limit: usize) -> Result<&str, FormatError> {
    if bytes.len() > limit {
        return Err(FormatError::new(1, format!("the text has {} bytes, more than {limit}", bytes.len())));
    }
    if let Some(position) = bytes.iter().position(|&byte| byte < 0x20 && byte != b'\n') {
        let problem = format!("the control character 0x{:02x} is not allowed", bytes[position]);
        return Err(FormatError::new(line_of(bytes, position), problem));
    }
    std::str::from_utf8(bytes).map_err(|error| FormatError::new(line_of(bytes, error.valid_up_to()), "not UTF-8"))
}

/// A number in ASCII decimal digits without leading zeros, at most `limit`.
pub(crate) fn parse_decimal(text: &str, limit: u64) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && !text.is_empty());
    if !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|&number| number <= limit)
}

/// Standard base64 with padding (RFC 4648, section 4), in the one form that [`encode_base64`] writes.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard base64 with padding (RFC 4648, section 4).
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(parse_decimal("0", 9), Some(0));
        assert_eq!(parse_decimal("18446744073709551615", u64::MAX), Some(u64::MAX));
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "18446744073709551616", "١"] {
            assert_eq!(parse_decimal(bad, u64::MAX), None, "{bad:?}");
        }
        assert_eq!(parse_decimal("10", 9), None);
    }

    #[test]
    fn base64_has_one_form() {
        assert_eq!(decode_base64("AA=="), Some(vec![0]));
        for bad in ["AA", "AA=", "AB==", "AA==\n", "A===", "_w=="] {
            assert_eq!(decode_base64(bad), None, "{bad:?}");
        }
    }
}
