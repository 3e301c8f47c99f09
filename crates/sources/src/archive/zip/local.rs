//! The header before a member's content, the "local file header" (section 4.3.7).

use std::io;

use super::content::Method;
use super::directory::{Zip64, number};
use crate::spool::Spool;

/// What begins a member (section 4.3.7).
pub(super) const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
/// Its bytes without name and extra fields.
const HEADER_BYTES: usize = 30;

/// What a local header says; sizes and checksum are 0 where they stand behind the content.
#[derive(Debug)]
pub(super) struct LocalHeader {
    pub name: Vec<u8>,
    pub method: Method,
    pub crc32: u32,
    pub stored: u64,
    pub size: u64,
    pub is_encrypted: bool,
    /// Whether sizes and checksum stand behind the content (section 4.3.9).
    pub has_descriptor: bool,
    /// The first byte of the content.
    pub content: u64,
}

/// Reads the header at an offset; `None` if there is none.
pub(super) fn read(file: &Spool, at: u64) -> io::Result<Option<LocalHeader>> {
    let fixed = file.try_bytes(at, HEADER_BYTES)?;
    if !fixed.starts_with(LOCAL_HEADER) || fixed.len() < HEADER_BYTES {
        return Ok(None);
    }
    let field = |at, length| number(&fixed, at, length).unwrap_or_default();
    let length = |at| usize::try_from(field(at, 2)).unwrap_or_default();
    let varying_at = at + HEADER_BYTES as u64;
    let varying = file.try_bytes(varying_at, length(26) + length(28))?;
    let (Some(name), Some(extra)) = (varying.get(..length(26)), varying.get(length(26)..length(26) + length(28))) else {
        return Ok(None);
    };
    let mut large = Zip64::of(extra);
    let flags = field(6, 2);
    Ok(Some(LocalHeader {
        name: name.to_vec(),
        method: Method::of(field(8, 2)),
        crc32: u32::try_from(field(14, 4)).unwrap_or_default(),
        size: large.or(field(22, 4)),
        stored: large.or(field(18, 4)),
        is_encrypted: flags & 1 != 0,
        has_descriptor: flags & 8 != 0,
        content: varying_at + varying.len() as u64,
    }))
}

/// Where the content of the member with a header at this offset begins, or why that is not to be found.
pub(super) fn content_at(file: &Spool, at: u64) -> io::Result<Result<u64, String>> {
    Ok(read(file, at)?
        .map(|header| header.content)
        .ok_or_else(|| "the archive's list names a place where the member is not".to_owned()))
}
