//! An archive without its list of members: they are found one after the other, by their own headers.

use std::io::{self, Read};
use std::ops::Range;
use std::rc::Rc;

use super::content::{self, Checked, Inflated, Method};
use super::directory::number;
use super::local::{self, LocalHeader};
use crate::archive::Budget;
use crate::archive::budget::reason_of;
use crate::archive::members::{Members, Refused};
use crate::reader::broken;
use crate::source::ReadError;
use crate::spool::Spool;

const NO_LIST: &str = "the archive is cut off: its list of members is missing, so members may be missing, too";
const CUT_OFF: &str = "the archive is cut off in this member; what followed it is missing";
/// What begins the list of members.
const LIST: &[u8] = b"PK\x01\x02";
/// What may begin the record behind a content (section 4.3.9.3).
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// What is known of a member's content.
enum Content {
    /// It is all there.
    Whole(Range<u64>),
    /// It is there up to the end of the file.
    CutOff(Range<u64>),
    /// Where it ends cannot be known, or it is broken: why.
    Lost(String),
}

/// Reads what lies before `end`, from the file's beginning.
pub(super) fn read(file: &Spool, end: u64, members: &mut Members<'_>) -> Result<(), ReadError> {
    // The mark of a first volume.
    let mut at = if local::read(file, 0)?.is_some() { 0 } else { 4 };
    while at < end {
        let Some(header) = local::read(file, at)? else {
            if file.try_bytes(at, LIST.len())? == LIST {
                // The list begins, and is cut off: nothing else is.
                break;
            }
            let reason = "the archive is broken from here on: there is neither a member nor its list";
            return members.refuse(Refused { name: b"", reason, byte_offset: at, length: end - at });
        };
        if !members.begin(at)? {
            return Ok(());
        }
        match member(file, &header, at, end, members)? {
            Some(next) => at = next,
            None => return Ok(()),
        }
    }
    let reason = file.broken.as_deref().map_or_else(|| NO_LIST.to_owned(), |reason| format!("{NO_LIST} ({reason})"));
    members.refuse(Refused { name: b"", reason: &reason, byte_offset: at, length: 0 })
}

/// Reads a member; the offset of the next one, if that is known.
fn member(
    file: &Spool,
    header: &LocalHeader,
    at: u64,
    end: u64,
    members: &mut Members<'_>,
) -> Result<Option<u64>, ReadError> {
    let refused = |reason, length| Refused { name: &header.name, reason, byte_offset: at, length };
    let (content, expected, next) = if header.has_descriptor && header.stored == 0 {
        described(file, header, end, members)?
    } else {
        let content_end = header.content.saturating_add(header.stored);
        let content = if content_end > end {
            Content::CutOff(header.content..end)
        } else {
            Content::Whole(header.content..content_end)
        };
        let next = if header.has_descriptor { after_descriptor(file, content_end)? } else { content_end };
        (content, Some(Checked { bytes: header.size, crc32: header.crc32 }), next)
    };
    let reason = header.is_encrypted.then(|| "the member is encrypted".to_owned()).or_else(|| header.method.refusal());
    if let (Some(reason), Content::Whole(_) | Content::CutOff(_)) = (&reason, &content) {
        members.refuse(refused(reason, header.size))?;
        return Ok(matches!(content, Content::Whole(_)).then_some(next));
    }
    match content {
        Content::Whole(range) if range.is_empty() => Ok(Some(next)),
        Content::Whole(range) => {
            let altered = match expected {
                Some(expected) => content::check(file, header.method, range.clone(), expected, &members.budget())?.err(),
                None => None,
            };
            match altered {
                Some(reason) => members.refuse(refused(&reason, header.size))?,
                None => members.read(&header.name, &mut *content::open(file, header.method, range))?,
            }
            Ok(Some(next))
        }
        Content::CutOff(range) => {
            let mut content =
                Cut { inner: content::open(file, header.method, range), budget: members.budget(), has_told: false };
            members.read(&header.name, &mut content)?;
            Ok(None)
        }
        Content::Lost(reason) => {
            members.refuse(refused(&reason, 0))?;
            Ok(None)
        }
    }
}

/// Finds the end of a content whose size stands behind it: the deflated stream says where it ends.
fn described(
    file: &Spool,
    header: &LocalHeader,
    end: u64,
    members: &Members<'_>,
) -> io::Result<(Content, Option<Checked>, u64)> {
    if header.method != Method::Deflated || header.is_encrypted {
        let reason = "the member's size stands in the list of members, which is missing: what follows was not read";
        return Ok((Content::Lost(reason.to_owned()), None, end));
    }
    let mut inflated = Inflated::new(file.part(header.content, end));
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let left = members.budget().left();
    loop {
        match inflated.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) => {
                let is_cut = inflated.totals().0 + header.content >= end;
                let reason = reason_of(error)?;
                let content = if is_cut { Content::CutOff(header.content..end) } else { Content::Lost(reason) };
                return Ok((content, None, end));
            }
        }
        if inflated.totals().1 > left {
            return Ok((Content::Lost("the archive inflates to more than is allowed".to_owned()), None, end));
        }
    }
    let (stored, bytes) = inflated.totals();
    let content_end = header.content + stored;
    let crc32 = hasher.finalize();
    // The record begins with the checksum, or with a mark before it.
    let record = file.try_bytes(content_end, 8)?;
    let stated = number(record.strip_prefix(DESCRIPTOR).unwrap_or(&record), 0, 4).unwrap_or_default();
    if stated != u64::from(crc32) {
        let reason = "the member was altered: its checksum (CRC-32) is another".to_owned();
        return Ok((Content::Lost(reason), None, end));
    }
    let next = after_descriptor(file, content_end)?;
    Ok((Content::Whole(header.content..content_end), Some(Checked { bytes, crc32 }), next))
}

/// Where the record behind a content ends: its mark is optional, and its sizes have four or eight bytes.
fn after_descriptor(file: &Spool, content_end: u64) -> io::Result<u64> {
    let lengths = if file.try_bytes(content_end, 4)? == DESCRIPTOR { [16, 24] } else { [12, 20] };
    for end in lengths.map(|length| content_end.saturating_add(length)) {
        if local::read(file, end)?.is_some() || file.try_bytes(end, LIST.len())? == LIST {
            return Ok(end);
        }
    }
    Ok(content_end.saturating_add(lengths[0]).min(file.length()))
}

/// A content that is cut off: its end says so.
struct Cut<'s> {
    inner: Box<dyn Read + 's>,
    budget: Rc<Budget>,
    has_told: bool,
}

impl Read for Cut<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.has_told || target.is_empty() {
            return Ok(0);
        }
        match self.inner.read(target) {
            Ok(0) => {}
            Ok(_) if self.budget.left() == 0 => {}
            Ok(count) => {
                self.budget.spend(count as u64);
                return Ok(count);
            }
            Err(error) => {
                reason_of(error)?;
            }
        }
        self.has_told = true;
        Err(broken(CUT_OFF))
    }
}
