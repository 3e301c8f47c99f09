//! The list of members at the end of a zip archive, the "central directory".

use std::io::{self, BufRead, Read};

use memchr::memmem;

use super::content::Method;
use crate::spool::{Part, Spool};

/// What an archive without members is (section 4.3.16).
pub(super) const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
/// What begins an entry of the list (section 4.3.12).
const ENTRY: &[u8] = b"PK\x01\x02";
/// What begins the record that says where the list lies, in zip64 (section 4.3.14).
const ZIP64_END: &[u8] = b"PK\x06\x06";
/// What begins the record that says where that one lies (section 4.3.15).
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
/// The bytes of the three records without what varies.
const END_BYTES: usize = 22;
const LOCATOR_BYTES: usize = 20;
const ZIP64_END_BYTES: usize = 56;
/// Behind the end record there may be a comment of this many bytes.
const MAX_COMMENT_BYTES: usize = 0xffff;
/// The bytes of an entry without its name, extra fields and comment.
const ENTRY_BYTES: usize = 46;

/// Where the list of an archive lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Its first byte, and the first one behind it.
    pub start: u64,
    pub end: u64,
    /// How many members the archive says it has; without zip64 the lower 16 bits of that.
    pub members: u64,
    /// Where the archive begins: offsets in it count from here.
    pub base: u64,
}

/// A little-endian number of up to eight bytes.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at + length)?;
    Some(field.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

/// Finds the list of the archive that ends at `end`, or a little before it. `None` if there is none.
pub(super) fn find(file: &Spool, end: u64) -> io::Result<Option<Directory>> {
    let tail_bytes = END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES + ZIP64_END_BYTES;
    let tail_start = end.saturating_sub(tail_bytes as u64);
    let mut tail = Vec::new();
    file.part(tail_start, end).read_to_end(&mut tail)?;
    // The last one that fits: a comment may hold the mark, too.
    for at in memmem::rfind_iter(&tail, END_OF_DIRECTORY) {
        if let Some(directory) = read_end(file, &tail, at, tail_start)? {
            return Ok(Some(directory));
        }
    }
    Ok(None)
}

/// Reads the end record at an offset of the file's tail; `None` if it is none.
fn read_end(file: &Spool, tail: &[u8], at: usize, tail_start: u64) -> io::Result<Option<Directory>> {
    let Some(record) = tail.get(at..) else { return Ok(None) };
    let field = |at, length| number(record, at, length);
    let (Some(members), Some(bytes), Some(offset), Some(comment)) = (field(10, 2), field(12, 4), field(16, 4), field(20, 2))
    else {
        return Ok(None);
    };
    if record.len() < END_BYTES + usize::try_from(comment).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let (mut members, mut bytes, mut offset) = (members, bytes, offset);
    let mut end = tail_start + at as u64;
    if let Some((zip64_at, record)) = zip64_end(file, tail, at, tail_start)? {
        let field = |at| number(&record, at, 8).unwrap_or_default();
        (members, bytes, offset, end) = (field(32), field(40), field(48), zip64_at);
    }
    let Some(start) = end.checked_sub(bytes) else { return Ok(None) };
    // Where something was put before the archive, its offsets are too small by that much.
    let Some(base) = start.checked_sub(offset) else { return Ok(None) };
    let is_list = if bytes == 0 { members == 0 } else { file.try_bytes(start, 4)? == ENTRY };
    Ok(is_list.then_some(Directory { start, end, members, base }))
}

/// The end record of zip64, where there is one: where it lies, and its bytes.
fn zip64_end(file: &Spool, tail: &[u8], at: usize, tail_start: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    let Some(locator_at) = at.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = tail.get(locator_at..at).unwrap_or_default();
    if !locator.starts_with(ZIP64_LOCATOR) {
        return Ok(None);
    }
    // Where it says, or, if something was put before the archive, right before this.
    let before = (tail_start + locator_at as u64).saturating_sub(ZIP64_END_BYTES as u64);
    for at in [before, number(locator, 8, 8).unwrap_or_default()] {
        let record = file.try_bytes(at, ZIP64_END_BYTES)?;
        if record.starts_with(ZIP64_END) && record.len() == ZIP64_END_BYTES {
            return Ok(Some((at, record.to_vec())));
        }
    }
    Ok(None)
}

/// A member as the list describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub method: Method,
    pub crc32: u32,
    /// Its size in the archive, and inflated, in bytes.
    pub stored: u64,
    pub size: u64,
    /// Where its own header lies, counted from where the archive begins.
    pub local_header: u64,
    is_encrypted: bool,
    /// The file's mode on Unix; 0 elsewhere.
    mode: u64,
}

impl Entry {
    /// Whether it is a folder: only its name tells (section 4.4.17). What has content is none.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") && self.size == 0
    }

    /// Why it is not read, if so.
    pub(super) fn refusal(&self) -> Option<String> {
        if self.is_encrypted {
            return Some("the member is encrypted".to_owned());
        }
        match self.mode & 0o170_000 {
            0o120_000 => return Some("the member is a link, which is not followed".to_owned()),
            0 | 0o100_000 | 0o040_000 => {}
            // What was written from a pipe (`… | zip - -`) has a pipe's mode, and content.
            _ if self.size > 0 => {}
            _ => return Some("the member is a device, a pipe or a socket".to_owned()),
        }
        self.method.refusal()
    }
}

/// What comes next in a list.
pub(super) enum Listed {
    Entry(Entry),
    End,
    Broken,
}

/// Reads the next entry of a list.
pub(super) fn next(list: &mut Part<'_>) -> io::Result<Listed> {
    if list.fill_buf()?.is_empty() {
        return Ok(Listed::End);
    }
    let Some(fixed) = exactly(list, ENTRY_BYTES)? else { return Ok(Listed::Broken) };
    // A signature of the list may follow the last entry (section 4.3.13).
    if fixed.starts_with(b"PK\x05\x05") {
        return Ok(Listed::End);
    }
    let field = |at, length| number(&fixed, at, length).unwrap_or_default();
    let varying = |at| usize::try_from(field(at, 2)).unwrap_or_default();
    let (Some(name), Some(extra), Some(_comment)) =
        (exactly(list, varying(28))?, exactly(list, varying(30))?, exactly(list, varying(32))?)
    else {
        return Ok(Listed::Broken);
    };
    if !fixed.starts_with(ENTRY) {
        return Ok(Listed::Broken);
    }
    let mut large = Zip64::of(&extra);
    let (size, stored) = (large.or(field(24, 4)), large.or(field(20, 4)));
    let is_of_unix = field(5, 1) == 3;
    Ok(Listed::Entry(Entry {
        name,
        method: Method::of(field(10, 2)),
        crc32: u32::try_from(field(16, 4)).unwrap_or_default(),
        stored,
        size,
        local_header: large.or(field(42, 4)),
        is_encrypted: field(8, 2) & 1 != 0,
        mode: if is_of_unix { field(40, 2) } else { 0 },
    }))
}

/// So many bytes; `None` if there are fewer.
fn exactly(list: &mut Part<'_>, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length);
    list.take(length as u64).read_to_end(&mut bytes)?;
    Ok((bytes.len() == length).then_some(bytes))
}

/// The numbers that did not fit into 32 bits, in the order of the fields they stand for (section 4.5.3).
pub(super) struct Zip64<'e> {
    rest: &'e [u8],
}

impl<'e> Zip64<'e> {
    /// Those in a member's extra fields.
    pub(super) fn of(mut extra: &'e [u8]) -> Self {
        while let (Some(id), Some(length)) = (number(extra, 0, 2), number(extra, 2, 2)) {
            let end = 4 + usize::try_from(length).unwrap_or_default();
            if id == 1 {
                return Self { rest: extra.get(4..end.min(extra.len())).unwrap_or_default() };
            }
            extra = extra.get(end..).unwrap_or_default();
        }
        Self { rest: &[] }
    }

    /// A field's value: its own, or the next large number, if it says so.
    pub(super) fn or(&mut self, field: u64) -> u64 {
        if field != 0xffff_ffff {
            return field;
        }
        let Some(value) = number(self.rest, 0, 8) else { return field };
        self.rest = self.rest.get(8..).unwrap_or_default();
        value
    }
}
