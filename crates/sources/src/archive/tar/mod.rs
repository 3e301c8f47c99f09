//! tar: members one after the other, each behind a header of 512 bytes.
//!
//! Read are POSIX archives (`ustar`, `pax`), GNU's with its long names and large sizes, and those of the seventh edition of Unix,
//! which have no magic number and are known by the checksum of their first header. Reading goes on behind an end mark, so that
//! archives that were joined with `cat` lose nothing, and at the next sound header where one is broken.
//!
//! Sparse files, links, devices and members of other volumes are quarantined; folders and volume labels hold nothing.

mod extended;
mod header;
mod input;

use std::io::BufRead;

use super::members::{Members, Refused};
use crate::source::ReadError;
use extended::Extended;
use header::{BLOCK_BYTES, Header};
use input::{Content, Input, Next};

/// Longest name that is read (64 KiB). Linux allows 4 KiB.
const MAX_NAME_BYTES: u64 = 64 * 1024;
/// Largest extended header that is read (1 MiB).
const MAX_EXTENDED_BYTES: u64 = 1024 * 1024;

const CUT_OFF: &str = "the archive is cut off: it has no end mark, so members may be missing";

/// Whether an object that begins so is a tar archive: by a sound header, or by the magic number of a broken one.
pub(super) fn begins(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK_BYTES>() else { return false };
    header::has_magic(block) || Header::parse(block).is_some_and(|header| !header.name.is_empty())
}

/// What a header begins.
enum Entry {
    File,
    /// Nothing that could hold a record; it has no content.
    Nothing,
    /// Content that says something about a member to come.
    LongName,
    LongLink,
    ExtendedHeader,
    /// Content that is of no use here.
    Skipped,
    /// A sparse file of GNU.
    Sparse,
    Refused(String),
}

fn entry_of(header: &Header) -> Entry {
    let points_to = || String::from_utf8_lossy(&header.link).chars().take(1024).collect::<String>();
    match header.kind {
        b'5' => Entry::Nothing,
        // The seventh edition knows folders by their names only.
        b'0' | 0 if header.name.ends_with(b"/") && header.size == 0 => Entry::Nothing,
        b'0' | 0 | b'7' => Entry::File,
        b'1' | b'2' => Entry::Refused(format!("the member is a link to {}, which is not followed", points_to())),
        b'3' | b'4' => Entry::Refused("the member is a device".to_owned()),
        b'6' => Entry::Refused("the member is a named pipe".to_owned()),
        b'L' => Entry::LongName,
        b'K' => Entry::LongLink,
        b'x' | b'X' => Entry::ExtendedHeader,
        // Of the whole archive; the names in a folder; a label.
        b'g' | b'D' | b'V' => Entry::Skipped,
        b'S' => Entry::Sparse,
        b'M' => Entry::Refused("the member began in another volume of the archive".to_owned()),
        other => Entry::Refused(format!("the member is of an unknown kind, {:?}", char::from(other))),
    }
}

/// Whether content follows the header: not that of links, devices and folders, whatever the size says.
fn has_content(kind: u8) -> bool {
    !matches!(kind, b'1'..=b'6')
}

/// Reads an archive to its end.
pub(super) fn read(input: &mut dyn BufRead, members: &mut Members<'_>) -> Result<(), ReadError> {
    let mut reading = Reading { input: Input::new(input), members, extended: Extended::default(), noise: None };
    reading.archive()
}

struct Reading<'i, 'm, 'r> {
    input: Input<'i>,
    members: &'m mut Members<'r>,
    extended: Extended,
    /// Where bytes began that are no header, if the last ones were none.
    noise: Option<u64>,
}

impl Reading<'_, '_, '_> {
    fn archive(&mut self) -> Result<(), ReadError> {
        let mut has_end_mark = false;
        loop {
            let at = self.input.position();
            let block = match self.input.block()? {
                Next::Block(block) => block,
                Next::End { rest } => {
                    if rest.iter().any(|byte| *byte != 0) {
                        self.noise.get_or_insert(at);
                    }
                    self.end_of_noise(at + rest.len() as u64)?;
                    return if has_end_mark { Ok(()) } else { self.cut_off(CUT_OFF, at) };
                }
                Next::Broken(reason) => {
                    self.end_of_noise(at)?;
                    return self.cut_off(&reason, at);
                }
            };
            if block.iter().all(|byte| *byte == 0) {
                self.end_of_noise(at)?;
                has_end_mark = true;
                continue;
            }
            let Some(header) = Header::parse(&block) else {
                self.noise.get_or_insert(at);
                continue;
            };
            self.end_of_noise(at)?;
            has_end_mark = false;
            if !self.members.begin(at)? {
                return Ok(());
            }
            self.entry(header, at)?;
        }
    }

    /// Quarantines bytes that were no header.
    fn end_of_noise(&mut self, end: u64) -> Result<(), ReadError> {
        let Some(byte_offset) = self.noise.take() else { return Ok(()) };
        self.extended = Extended::default();
        let reason = "a header of the archive is broken: reading goes on at the next sound one";
        self.members.refuse(Refused { name: b"", reason, byte_offset, length: end - byte_offset })
    }

    /// The archive ends too early. What was told in a member is not told again.
    fn cut_off(&mut self, reason: &str, byte_offset: u64) -> Result<(), ReadError> {
        if self.input.has_told() {
            return Ok(());
        }
        self.members.refuse(Refused { name: b"", reason, byte_offset, length: 0 })
    }

    fn entry(&mut self, header: Header, at: u64) -> Result<(), ReadError> {
        let entry = entry_of(&header);
        let is_about_another = matches!(entry, Entry::LongName | Entry::LongLink | Entry::ExtendedHeader | Entry::Skipped);
        let extended = if is_about_another { Extended::default() } else { std::mem::take(&mut self.extended) };
        let name = extended.name.unwrap_or(header.name);
        let stated = if is_about_another { header.size } else { extended.size.unwrap_or(header.size) };
        let size = if has_content(header.kind) { stated } else { 0 };
        if header.kind == b'S' && header.sparse_goes_on {
            self.input.skip_sparse_map()?;
        }
        let end = self.input.position().saturating_add(size.next_multiple_of(BLOCK_BYTES as u64));
        let refusal = match entry {
            Entry::Nothing | Entry::LongLink | Entry::Skipped => None,
            Entry::LongName => {
                let name = self.input.some(size.min(MAX_NAME_BYTES))?;
                let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                self.extended.name = Some(name.get(..length).unwrap_or_default().to_vec());
                None
            }
            Entry::ExtendedHeader if size > MAX_EXTENDED_BYTES => {
                self.extended.broken = Some("the extended header of the member is too large");
                None
            }
            Entry::ExtendedHeader => {
                let records = self.input.some(size)?;
                self.extended.add(&records);
                None
            }
            Entry::Sparse => Some("the member is a sparse file".to_owned()),
            Entry::File if extended.is_sparse => Some("the member is a sparse file".to_owned()),
            Entry::File if extended.broken.is_some() => extended.broken.map(str::to_owned),
            Entry::File => {
                if size > 0 {
                    self.members.read(&name, &mut Content::new(&mut self.input, size))?;
                }
                None
            }
            Entry::Refused(reason) => Some(reason),
        };
        if let Some(reason) = refusal {
            self.members.refuse(Refused { name: &name, reason: &reason, byte_offset: at, length: size })?;
        }
        self.input.skip_to(end)?;
        Ok(())
    }
}
