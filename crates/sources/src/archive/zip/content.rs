//! A member's content: stored, or deflated.

use std::io::{self, Read};
use std::ops::Range;

use flate2::bufread::DeflateDecoder;

use crate::archive::Budget;
use crate::reader::broken;
use crate::spool::{Part, Spool};

/// How a member was compressed (section 4.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    Other(u64),
}

impl Method {
    pub(super) fn of(number: u64) -> Self {
        match number {
            0 => Method::Stored,
            8 => Method::Deflated,
            other => Method::Other(other),
        }
    }

    /// Why a member that was compressed so is not read, if so.
    pub(super) fn refusal(self) -> Option<String> {
        let Method::Other(number) = self else { return None };
        let name = match number {
            1 => " (shrunk)",
            6 => " (imploded)",
            9 => " (Deflate64)",
            12 => " (bzip2)",
            14 => " (LZMA)",
            20 | 93 => " (zstd)",
            95 => " (xz)",
            98 => " (PPMd)",
            99 => return Some("the member is encrypted".to_owned()),
            _ => "",
        };
        Some(format!("the member is compressed by method {number}{name}, which is not read"))
    }
}

/// What a member's content has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub bytes: u64,
    pub crc32: u32,
}

/// The content of a member, inflated.
pub(super) fn open(file: &Spool, method: Method, range: Range<u64>) -> Box<dyn Read + '_> {
    let part = file.part(range.start, range.end);
    match method {
        Method::Deflated => Box::new(Inflated::new(part)),
        _ => Box::new(part),
    }
}

/// Whether the content is what it has to be; the inner error says why not. What is inflated counts.
pub(super) fn check(
    file: &Spool,
    method: Method,
    range: Range<u64>,
    expected: Checked,
    budget: &Budget,
) -> io::Result<Result<(), String>> {
    if expected.bytes > budget.left() {
        return Ok(Err(format!(
            "the member inflates to {} bytes, with which the archive inflates to more than is allowed",
            expected.bytes
        )));
    }
    let mut content = open(file, method, range);
    let mut buffer = vec![0; 64 * 1024];
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = 0_u64;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => match crate::archive::budget::reason_of(error) {
                Ok(reason) => return Ok(Err(reason)),
                Err(error) => return Err(error),
            },
        };
        bytes += count as u64;
        budget.spend(count as u64);
        if bytes > expected.bytes {
            return Ok(Err(format!("the member is longer than the {} bytes that the archive says", expected.bytes)));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    if bytes < expected.bytes {
        return Ok(Err(format!("the member has {bytes} bytes, the archive says {}", expected.bytes)));
    }
    let is_right = hasher.finalize() == expected.crc32;
    Ok(if is_right { Ok(()) } else { Err("the member was altered: its checksum (CRC-32) is another".to_owned()) })
}

/// What is deflated; a break in it is the content's own.
pub(super) struct Inflated<'s> {
    inner: DeflateDecoder<Part<'s>>,
}

impl<'s> Inflated<'s> {
    pub(super) fn new(part: Part<'s>) -> Self {
        Self { inner: DeflateDecoder::new(part) }
    }

    /// How many bytes were taken so far, and how many given.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.inner.total_in(), self.inner.total_out())
    }
}

impl Read for Inflated<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.inner.read(target).map_err(|error| match error.kind() {
            // The disk's own errors have a number.
            _ if error.raw_os_error().is_some() => error,
            io::ErrorKind::UnexpectedEof => broken("the deflated content of the member is cut off"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                broken("the deflated content of the member is broken")
            }
            _ => error,
        })
    }
}
