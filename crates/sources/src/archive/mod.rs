//! tar and zip archives: each member is an object of its own, found and read as if it lay beside the archive.
//!
//! Nothing is written to disk under a member's name, and no link is followed: names only help to find the source and appear in
//! messages. A member that cannot be read (encrypted, a link, compressed by a method that is not known, altered) is
//! quarantined under its name with the reason, and so is what an archive lost where it is cut off; the other members are read.
//!
//! Bounds, for all that lies in one object, however deep: archives in each other ([`MAX_DEPTH`]), members ([`MAX_MEMBERS`](budget::MAX_MEMBERS)), and the
//! bytes that are inflated ([`Budget`]). A tar archive is read as a stream. The list of a zip archive stands at its end, so the
//! archive is held, in memory if it is small, else in an unnamed temporary file; the list is read entry by entry.

mod budget;
mod members;
mod tar;
mod zip;

use std::io::BufRead;

use crate::context::ImportContext;
use crate::reading;
use crate::source::{ReadError, Sink, Source};
use crate::spool::Spool;
use crate::summary::Summary;
use members::Members;

pub(crate) use budget::{Budget, Metered, Weighed};
pub(crate) use members::ReadObject;

/// How deep archives may lie in each other: an archive in an archive in an archive is read.
const MAX_DEPTH: usize = 3;

/// A kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tar,
    Zip,
    /// What may be a zip archive behind something else, such as the program that unpacks it. Only its end can tell.
    PerhapsZip,
}

/// What kind of archive an object is that begins so; `None` if it is none.
pub(crate) fn kind_of(head: &[u8], object_name: &str) -> Option<Kind> {
    if zip::begins(head) {
        return Some(Kind::Zip);
    }
    if tar::begins(head) {
        return Some(Kind::Tar);
    }
    // Windows, Linux, macOS, scripts.
    let programs: [&[u8]; 6] = [b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
    let is_program = programs.iter().any(|magic| head.starts_with(magic));
    let is_named_so = object_name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("zip"));
    ((is_program || is_named_so) && !head.is_empty()).then_some(Kind::PerhapsZip)
}

/// What macOS keeps about files and folders in files of their own, which tell of nobody's act. Both name and content must say so:
/// AppleDouble (RFC 1740, appendix B) under `._…`, or the buddy allocator of `.DS_Store`.
pub(crate) fn is_file_attributes(head: &[u8], object_name: &str) -> bool {
    let file_name = object_name.rsplit('/').next().unwrap_or_default();
    (file_name.starts_with("._") && head.starts_with(b"\x00\x05\x16\x07"))
        || (file_name == ".DS_Store" && head.starts_with(b"\x00\x00\x00\x01Bud1"))
}

/// Whether what is read lies too deep for another archive to be looked into.
fn is_too_deep(sink: &mut dyn Sink) -> bool {
    sink.nesting().is_none_or(|nesting| nesting.archives() >= MAX_DEPTH)
}

/// How an object was read.
pub(crate) enum Read {
    /// As an archive. What its members held is counted already; this is the rest.
    Archive(Summary),
    /// It is none after all: its bytes, to be read as anything else.
    Other(Spool),
}

/// Reads an archive to its end. `archive_name` is its own object name; each member is read by `read_object`.
pub(crate) fn read(
    kind: Kind,
    input: &mut dyn BufRead,
    archive_name: &str,
    source: Option<&'static dyn Source>,
    context: &ImportContext,
    read_object: ReadObject,
    sink: &mut dyn Sink,
) -> Result<Read, ReadError> {
    if kind != Kind::PerhapsZip && is_too_deep(sink) {
        let reason = format!("archives lie in each other more than {MAX_DEPTH} deep");
        return reading::quarantine_whole(&reason, input, context, sink).map(Read::Archive);
    }
    if kind == Kind::Tar {
        let mut members = Members::new(archive_name, source, context, read_object, sink);
        tar::read(input, &mut members)?;
        return Ok(Read::Archive(members.finish()));
    }
    let file = Spool::fill(input)?;
    if kind == Kind::PerhapsZip && (!zip::is_archive(&file)? || is_too_deep(sink)) {
        return Ok(Read::Other(file));
    }
    let mut members = Members::new(archive_name, source, context, read_object, sink);
    zip::read(&file, &mut members)?;
    Ok(Read::Archive(members.finish()))
}
