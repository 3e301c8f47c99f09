//! What becomes of a member: it is read under its own name, or refused.

use std::borrow::Cow;
use std::io::Read;
use std::rc::Rc;

use auditlake_event::Event;

use super::budget::{Budget, MAX_MEMBERS};
use crate::context::ImportContext;
use crate::source::{Counted, Nesting, Position, Quarantined, ReadError, SetAside, Sink, SinkError, Source, UNKNOWN};
use crate::summary::Summary;

/// How much of a member's name is shown in messages, in characters: as long as a key of S3 can be.
const SHOWN_CHARS: usize = 1024;

/// Reads an object, or a member as one: returns the name of the source that read it, and what was read.
pub(crate) type ReadObject = fn(
    &mut dyn Read,
    &str,
    Option<&'static dyn Source>,
    &ImportContext,
    &mut dyn Sink,
) -> Result<(&'static str, Summary), ReadError>;

/// The members of an archive, one after the other.
pub(super) struct Members<'r> {
    archive_name: &'r str,
    source: Option<&'static dyn Source>,
    context: &'r ImportContext,
    read_object: ReadObject,
    sink: Counted<'r>,
    budget: Rc<Budget>,
    /// How many members of this archive there were.
    number: u64,
}

/// A member, or a part of an archive that cannot be read.
pub(super) struct Refused<'m> {
    /// Empty for a part of the archive itself.
    pub name: &'m [u8],
    /// Why.
    pub reason: &'m str,
    /// Where it begins in the archive.
    pub byte_offset: u64,
    /// Its size, as far as it is known.
    pub length: u64,
}

impl<'r> Members<'r> {
    pub(super) fn new(
        archive_name: &'r str,
        source: Option<&'static dyn Source>,
        context: &'r ImportContext,
        read_object: ReadObject,
        sink: &'r mut dyn Sink,
    ) -> Self {
        let budget = sink.nesting().map_or_else(|| Rc::new(Budget::new(0)), |nesting| nesting.budget());
        Self { archive_name, source, context, read_object, sink: Counted::new(sink), budget, number: 0 }
    }

    /// What was refused.
    pub(super) fn finish(self) -> Summary {
        self.sink.finish(0)
    }

    /// What may still be inflated.
    pub(super) fn budget(&self) -> Rc<Budget> {
        Rc::clone(&self.budget)
    }

    /// A member begins at an offset. False if no more are read, which quarantine says.
    pub(super) fn begin(&mut self, byte_offset: u64) -> Result<bool, ReadError> {
        let reason = if !self.budget.count_member() {
            format!("there are more than {MAX_MEMBERS} members: the others were not read")
        } else if self.budget.left() == 0 {
            "the archive inflates to more than is allowed: the members from here on were not read".to_owned()
        } else {
            self.number += 1;
            return Ok(true);
        };
        self.refuse(Refused { name: b"", reason: &reason, byte_offset, length: 0 })?;
        Ok(false)
    }

    /// Quarantines a member, or a part of the archive.
    pub(super) fn refuse(&mut self, refused: Refused<'_>) -> Result<(), ReadError> {
        let position = Position { byte_offset: refused.byte_offset, record_index: self.number.saturating_sub(1) };
        let (reason, length, member) = (refused.reason, refused.length, shown(refused.name));
        self.sink.quarantined(&Quarantined { reason, position, bytes: &[], length, member: &member })
    }

    /// Reads a member to its end.
    pub(super) fn read(&mut self, name: &[u8], content: &mut dyn Read) -> Result<(), ReadError> {
        let object_name = beside(self.archive_name, &String::from_utf8_lossy(name));
        let name = shown(name);
        let mut sink = InMember { outer: self.sink.sink(), name: &name };
        let around = sink.nesting().map(|nesting| nesting.enter(&object_name));
        let read = (self.read_object)(content, &object_name, self.source, self.context, &mut sink);
        let (source, summary) = match &read {
            Ok((source, summary)) => (*source, *summary),
            Err(_) => (UNKNOWN, Summary::default()),
        };
        if let (Some(nesting), Some(around)) = (sink.nesting(), around) {
            nesting.leave(around, source, summary);
        }
        read.map(|_| ())
    }
}

/// A member's name in messages: at most [`SHOWN_CHARS`] of it.
fn shown(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(name);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => text,
    }
}

/// The object name of a member: as if the member lay in the archive's folder. It never leads out of it.
fn beside(archive_name: &str, member: &str) -> String {
    let folder = archive_name.rfind('/').and_then(|at| archive_name.get(..=at)).unwrap_or_default();
    let parts: Vec<&str> = member.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    format!("{folder}{}", parts.join("/"))
}

/// Hands on what lies in a member, under its name.
struct InMember<'s> {
    outer: &'s mut dyn Sink,
    name: &'s str,
}

impl Sink for InMember<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.outer.event(event)
    }
    fn quarantined(&mut self, record: &Quarantined<'_>) -> Result<(), SinkError> {
        if record.member.is_empty() {
            return self.outer.quarantined(&Quarantined { member: self.name, ..record.clone() });
        }
        let member = format!("{}!/{}", self.name, record.member);
        self.outer.quarantined(&Quarantined { member: &member, ..record.clone() })
    }
    fn set_aside(&mut self, record: &SetAside<'_>) -> Result<(), SinkError> {
        self.outer.set_aside(record)
    }
    fn nesting(&mut self) -> Option<&mut Nesting> {
        self.outer.nesting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_lies_beside_its_archive_and_never_outside_of_the_folder() {
        for (archive, member, expected) in [
            ("s3://b/logs/trail.tar.gz", "2026/a.json", "s3://b/logs/2026/a.json"),
            ("trail.zip", "./a.json", "a.json"),
            ("/x/trail.zip", "../../etc/passwd", "/x/etc/passwd"),
            ("x/trail.zip", "/etc//passwd", "x/etc/passwd"),
        ] {
            assert_eq!(beside(archive, member), expected);
        }
    }

    #[test]
    fn long_names_are_cut_in_messages() {
        assert_eq!(shown(b"a\xff"), "a\u{fffd}");
        assert_eq!(shown("ü".repeat(1025).as_bytes()), format!("{}…", "ü".repeat(1024)));
    }
}
