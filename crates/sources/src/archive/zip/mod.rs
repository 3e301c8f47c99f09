//! zip: members anywhere in the file, and at its end a list of them (PKWARE's APPNOTE.TXT 6.3.10, whose sections are named here).
//!
//! Read are stored and deflated members, zip64, data descriptors, and archives behind something else, such as the program that
//! unpacks them or another archive. A member's checksum and size are compared with the list before any record is read from it: one
//! that was altered gives no event. Where the list is missing, because the archive is cut off, members are found by their own
//! headers, and the last one gives every record before the cut.

mod content;
mod directory;
mod local;
mod salvage;

use std::io;

use super::members::{Members, Refused};
use crate::source::ReadError;
use crate::spool::Spool;
use content::Checked;
use directory::{Directory, END_OF_DIRECTORY, Entry, Listed};
use local::LOCAL_HEADER;

/// How many archives may be joined in one file; each is looked for at the end of what lies before the next.
const MAX_JOINED: usize = 100;

/// Whether an object that begins so is a zip archive. The first of several volumes has a mark before its first member (section 8.5).
pub(super) fn begins(head: &[u8]) -> bool {
    let after = |mark: &[u8]| head.strip_prefix(mark).is_some_and(|rest| rest.starts_with(LOCAL_HEADER));
    head.starts_with(LOCAL_HEADER) || head.starts_with(END_OF_DIRECTORY) || after(b"PK\x07\x08") || after(b"PK00")
}

/// Whether a file ends as a zip archive does.
pub(super) fn is_archive(file: &Spool) -> io::Result<bool> {
    Ok(directory::find(file, file.length())?.is_some())
}

/// Reads an archive to its end.
pub(super) fn read(file: &Spool, members: &mut Members<'_>) -> Result<(), ReadError> {
    let mut end = file.length();
    let mut joined = 0;
    while let Some(directory) = directory::find(file, end)? {
        joined += 1;
        if joined > MAX_JOINED {
            let reason = format!("more than {MAX_JOINED} archives were joined: those before were not read");
            return members.refuse(Refused { name: b"", reason: &reason, byte_offset: 0, length: end });
        }
        if !listed(file, &directory, members)? {
            return Ok(());
        }
        end = directory.base;
        // What lies before an archive is a program, or another archive: then it was joined with this one.
        if end == 0 || !begins(&file.try_bytes(0, 8)?) {
            break;
        }
    }
    if joined == 0 || (end > 0 && begins(&file.try_bytes(0, 8)?)) {
        return salvage::read(file, end, members);
    }
    if let Some(reason) = &file.broken {
        members.refuse(Refused { name: b"", reason, byte_offset: file.length(), length: 0 })?;
    }
    Ok(())
}

/// Reads the members in a list; false if no more are to be read.
fn listed(file: &Spool, directory: &Directory, members: &mut Members<'_>) -> Result<bool, ReadError> {
    let mut list = file.part(directory.start, directory.end);
    let mut count = 0;
    loop {
        let at = list.position();
        let entry = match directory::next(&mut list)? {
            Listed::Entry(entry) => entry,
            Listed::End => break,
            Listed::Broken => {
                let length = directory.end - at;
                let reason = "the archive's list of members is broken from here on";
                members.refuse(Refused { name: b"", reason, byte_offset: at, length })?;
                return Ok(true);
            }
        };
        count += 1;
        let byte_offset = directory.base.saturating_add(entry.local_header);
        if !members.begin(byte_offset)? {
            return Ok(false);
        }
        member(file, directory, &entry, byte_offset, members)?;
    }
    // Without zip64 the count is kept in 16 bits.
    if count % 0x1_0000 != directory.members % 0x1_0000 {
        let reason = format!("the archive says it has {} members, its list names {count}", directory.members);
        members.refuse(Refused { name: b"", reason: &reason, byte_offset: directory.start, length: 0 })?;
    }
    Ok(true)
}

/// Reads a member, or quarantines it.
fn member(
    file: &Spool,
    directory: &Directory,
    entry: &Entry,
    byte_offset: u64,
    members: &mut Members<'_>,
) -> Result<(), ReadError> {
    if entry.is_folder() {
        return Ok(());
    }
    let refusal = match entry.refusal().map_or_else(|| local::content_at(file, byte_offset), |reason| Ok(Err(reason)))? {
        Err(reason) => Some(reason),
        Ok(_) if entry.size == 0 && entry.stored == 0 => None,
        Ok(start) => {
            let end = start.saturating_add(entry.stored);
            if end > directory.start {
                Some("the member's content lies outside of the archive".to_owned())
            } else {
                let expected = Checked { bytes: entry.size, crc32: entry.crc32 };
                match content::check(file, entry.method, start..end, expected, &members.budget())? {
                    Err(reason) => Some(reason),
                    Ok(()) => {
                        members.read(&entry.name, &mut *content::open(file, entry.method, start..end))?;
                        None
                    }
                }
            }
        }
    };
    match refusal {
        Some(reason) => members.refuse(Refused { name: &entry.name, reason: &reason, byte_offset, length: entry.size }),
        None => Ok(()),
    }
}
