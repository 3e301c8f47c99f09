//! Tables with a header line, as Athena, CloudWatch Logs Insights and Splunk export them: each row is an object of its columns,
//! and an envelope.
//!
//! RFC 4180: fields are separated by commas, one in quotes may hold commas, line breaks, and quotes written twice.

use std::io::{self, BufRead};

use crate::context::ImportContext;
use crate::json::{Parser, write_text};
use crate::nested::{Looked, look_through};
use crate::reader::broken_content;
use crate::reading::Verdict;
use crate::source::{Confidence, Counted, Position, ReadError, Sink, Source, UNKNOWN};
use crate::summary::{SetAsideKind, Summary};

/// How much of an object is looked at to recognise its header.
const SNIFFED_BYTES: usize = 16 * 1024;
/// Most columns of a table.
const MAX_COLUMNS: usize = 1024;
/// Columns by which a table is known: all of one line must be there.
const HEADERS: [&[&str]; 5] = [
    &["eventname", "eventsource", "eventtime"],
    &["bucketowner", "requestdatetime", "requester", "operation"],
    &["_raw"],
    &["@message"],
    &["event.original"],
];

/// Reads tables, whose rows are known one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table;

impl Source for Table {
    fn name(&self) -> &'static str {
        UNKNOWN
    }

    fn sniff(&self, head: &[u8], _: &str) -> Confidence {
        if is_table(head) { Confidence::Certain } else { Confidence::None }
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        read(input, context, sink)
    }
}

/// Whether an object begins with the header of a known table.
fn is_table(head: &[u8]) -> bool {
    let head = head.get(..SNIFFED_BYTES).unwrap_or(head);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let Some(end) = memchr::memchr(b'\n', head) else { return false };
    let line = head.get(..end).unwrap_or_default();
    let Some(names) = fields(line.strip_suffix(b"\r").unwrap_or(line)) else { return false };
    let has = |name: &&str| names.iter().any(|column| column.trim().eq_ignore_ascii_case(name));
    HEADERS.iter().any(|header| header.iter().all(&has))
}

/// Reads a table.
fn read(input: &mut dyn BufRead, context: &ImportContext, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let mut sink = Counted::new(sink);
    let mut rows = Rows { input, max_bytes: context.max_record_bytes, offset: 0, row: Vec::new(), length: 0 };
    let mut names: Option<Vec<String>> = None;
    let mut record_index = 0;
    loop {
        let byte_offset = rows.offset;
        let (broken, is_end) = match rows.next() {
            Ok(is_end) => (None, is_end),
            Err(error) => match broken_content(&error) {
                Some(reason) => (Some(reason.to_string()), true),
                None => return Err(error.into()),
            },
        };
        let is_blank = rows.row.iter().all(u8::is_ascii_whitespace);
        let is_header = names.is_none() && !is_blank && broken.is_none();
        if is_header {
            let header = rows.row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&rows.row);
            names = Some(fields(header).unwrap_or_default().iter().map(|name| name.trim().to_owned()).collect());
        } else if !is_blank || broken.is_some() {
            let position = Position { byte_offset, record_index };
            record_index += 1;
            let verdict = match broken {
                Some(reason) => Some(Verdict::Quarantine(reason.into())),
                None => row(&rows, names.as_deref().unwrap_or_default(), position, &mut sink)?,
            };
            if let Some(verdict) = verdict {
                sink.judged(verdict, position, &rows.row, rows.length)?;
            }
        }
        if is_end {
            return Ok(sink.finish(rows.offset));
        }
    }
}

/// Judges a row; `None` if what it holds was handed on.
fn row(rows: &Rows<'_>, names: &[String], position: Position, sink: &mut Counted<'_>) -> Result<Option<Verdict>, ReadError> {
    let quarantine = |reason: String| Ok(Some(Verdict::Quarantine(reason.into())));
    if rows.length > rows.row.len() as u64 {
        return quarantine(format!("a row is longer than {} bytes", rows.max_bytes));
    }
    let Some(fields) = fields(&rows.row) else { return quarantine("a row whose quotes do not end".to_owned()) };
    if fields.len() != names.len() {
        return quarantine(format!("a row of {} fields under a header of {}", fields.len(), names.len()));
    }
    let mut object = String::from("{");
    for (name, field) in names.iter().zip(&fields) {
        object.push_str(if object.len() > 1 { "," } else { "" });
        write_text(name, &mut object);
        object.push(':');
        write_text(field, &mut object);
    }
    object.push('}');
    let is_replaced = std::str::from_utf8(&rows.row).is_err();
    let Ok(value) = Parser::new(object.as_bytes()).value(0) else {
        return quarantine("a header that names a column twice".to_owned());
    };
    Ok(match look_through(&value, is_replaced, position, sink.sink())? {
        Looked::Through => None,
        Looked::Control => Some(Verdict::SetAside(SetAsideKind::Control)),
        Looked::Closed(reason) => {
            let reason = reason.unwrap_or_else(|| "a row that holds no known log format".to_owned());
            Some(Verdict::Quarantine(reason.into()))
        }
    })
}

/// The fields of a row; `None` if its quotes do not end.
fn fields(row: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(row);
    let mut rest = text.as_ref();
    let mut fields = Vec::new();
    loop {
        if fields.len() >= MAX_COLUMNS {
            return None;
        }
        let (field, behind) =
            if let Some(quoted) = rest.strip_prefix('"') { quoted_field(quoted)? } else { plain_field(rest) };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Some(fields),
            // Something behind the closing quote: part of no field.
            None => return None,
        }
    }
}

fn plain_field(text: &str) -> (String, &str) {
    let (field, behind) = text.split_at(text.find(',').unwrap_or(text.len()));
    (field.to_owned(), behind)
}

fn quoted_field(mut text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (part, behind) = text.split_once('"')?;
        field.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                text = more;
            }
            None => return Some((field, behind)),
        }
    }
}

/// Finds the rows of a table: lines, unless a quote is open.
struct Rows<'r> {
    input: &'r mut dyn BufRead,
    max_bytes: usize,
    offset: u64,
    /// The row at hand without its line break, cut to the largest record.
    row: Vec<u8>,
    /// How many bytes it has.
    length: u64,
}

impl Rows<'_> {
    /// Reads the next row; returns whether the input ends with it.
    fn next(&mut self) -> io::Result<bool> {
        self.row.clear();
        self.length = 0;
        let mut is_quoted = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                self.end_line();
                return Ok(true);
            }
            let end = memchr::memchr(b'\n', chunk);
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            is_quoted ^= memchr::memchr_iter(b'"', part).count() % 2 == 1;
            let goes_on = end.is_some() && is_quoted;
            let taken = part.len() + usize::from(goes_on);
            let room = self.max_bytes.saturating_sub(self.row.len());
            self.row.extend_from_slice(chunk.get(..taken.min(room)).unwrap_or_default());
            self.length += taken as u64;
            let consumed = part.len() + usize::from(end.is_some());
            self.offset += consumed as u64;
            self.input.consume(consumed);
            if end.is_some() && !is_quoted {
                self.end_line();
                return Ok(false);
            }
        }
    }

    fn end_line(&mut self) {
        if self.row.last() == Some(&b'\r') {
            self.row.pop();
            self.length -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_commas_outside_of_quotes() {
        for (row, expected) in [
            ("a,b", Some(vec!["a", "b"])),
            ("", Some(vec![""])),
            (",", Some(vec!["", ""])),
            (r#""a,""b""",c"#, Some(vec![r#"a,"b""#, "c"])),
            ("\"two\nlines\",c", Some(vec!["two\nlines", "c"])),
            (r#""a"b,c"#, None),
            (r#""a"#, None),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(fields(row.as_bytes()), expected, "{row}");
        }
    }

    #[test]
    fn a_table_is_known_by_its_header() {
        for (head, expected) in [
            (&b"\"eventversion\",\"eventtime\",\"eventsource\",\"eventname\"\n"[..], true),
            (b"bucketowner,bucket_name,requestdatetime,requester,operation\r\n1", true),
            (b"_time,_raw\n", true),
            (b"a,b\n", false),
            (b"eventname", false),
            (b"", false),
        ] {
            assert_eq!(is_table(head), expected);
        }
    }
}
