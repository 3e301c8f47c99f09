//! Finds the lines in a stream of text, with bounded memory.

use std::io::{self, BufRead};

use crate::reader::broken_content;
use crate::source::Position;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'w> {
    pub position: Position,
    /// Its bytes without the line break (LF or CRLF), cut to the largest record.
    pub bytes: &'w [u8],
    /// How many bytes there are.
    pub length: u64,
    /// Why it cannot be read: too long, or the compressed stream breaks inside it.
    pub broken: Option<String>,
}

/// Hands every line that is not blank to `on_line`, in order, then returns the number of bytes read. The last line needs no
/// line break. Fails if `input` does (broken compression excepted, which ends the last line) or if `on_line` does.
pub(crate) fn for_each_line<E: From<io::Error>>(
    input: &mut dyn BufRead,
    max_bytes: usize,
    on_line: &mut dyn FnMut(Line<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut offset = 0_u64;
    let mut line_offset = 0_u64;
    let mut record_index = 0_u64;
    let mut held = Vec::new();
    let mut length = 0_u64;
    let mut is_first = true;
    loop {
        let (broken, is_end) = match input.fill_buf() {
            Ok(chunk) => {
                // A byte order mark is no part of the first line.
                let mark = if is_first && chunk.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
                is_first = false;
                let (chunk, is_end) = (chunk.get(mark..).unwrap_or_default(), chunk.is_empty());
                let end = memchr::memchr(b'\n', chunk);
                let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
                let room = max_bytes.saturating_sub(held.len());
                held.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
                length += part.len() as u64;
                let consumed = mark + part.len() + usize::from(end.is_some());
                line_offset += if length == part.len() as u64 { mark as u64 } else { 0 };
                offset += consumed as u64;
                input.consume(consumed);
                if end.is_none() && !is_end {
                    continue;
                }
                (None, is_end)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => match broken_content(&error) {
                Some(reason) => (Some(reason.to_string()), true),
                None => return Err(error.into()),
            },
        };
        if held.last() == Some(&b'\r') {
            held.pop();
            length -= 1;
        }
        let is_blank = held.iter().all(u8::is_ascii_whitespace) && length <= max_bytes as u64;
        if !is_blank || broken.is_some() {
            let too_long = || format!("a line is longer than {max_bytes} bytes");
            let broken = broken.or_else(|| (length > max_bytes as u64).then(too_long));
            let position = Position { byte_offset: line_offset, record_index };
            record_index += 1;
            on_line(Line { position, bytes: &held, length, broken })?;
        }
        if is_end {
            return Ok(offset);
        }
        held.clear();
        (length, line_offset) = (0, offset);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    type Found = (u64, u64, String, u64, Option<String>);

    fn lines(text: &[u8], buffer: usize, max_bytes: usize) -> (Vec<Found>, u64) {
        let mut found = Vec::new();
        let mut reader = BufReader::with_capacity(buffer, text);
        let bytes = for_each_line::<io::Error>(&mut reader, max_bytes, &mut |line| {
            let text = String::from_utf8_lossy(line.bytes).into_owned();
            found.push((line.position.byte_offset, line.position.record_index, text, line.length, line.broken));
            Ok(())
        });
        (found, bytes.unwrap())
    }

    #[test]
    fn lines_are_found_whatever_the_buffer() {
        let text = b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree";
        for buffer in [1, 2, 3, 4, 5, 7, 64] {
            // Smaller buffers cut the mark, and it stays with the line.
            if buffer < 3 {
                continue;
            }
            let (found, bytes) = lines(text, buffer, 100);
            let expected = [(3, 0, "one", 3), (12, 1, "two", 3), (16, 2, "three", 5)];
            let expected: Vec<Found> =
                expected.map(|(offset, index, text, length)| (offset, index, text.to_owned(), length, None)).into();
            assert_eq!((found, bytes), (expected, text.len() as u64), "{buffer}");
        }
        assert_eq!(lines(b"", 8, 10), (vec![], 0));
    }

    #[test]
    fn a_long_line_is_cut_and_costs_no_other() {
        let (found, _) = lines(b"0123456789ab\nshort\n", 4, 10);
        let reason = Some("a line is longer than 10 bytes".to_owned());
        assert_eq!(found[0], (0, 0, "0123456789".to_owned(), 12, reason));
        assert_eq!(found[1], (13, 1, "short".to_owned(), 5, None));
    }
}
