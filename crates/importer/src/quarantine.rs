//! What could not become an event, kept with the reason.
//!
//! One object holds the quarantined records of one file, one JSON document a line. Its name is the hash of its bytes, so that the
//! same import leaves the same objects.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use auditlake_lake::hash::sha256_hex;
use auditlake_sources::Quarantined;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// Prefix of all quarantined records of imports.
pub const PREFIX: &str = "quarantine/";
/// An object is closed when it reaches this many bytes (16 MiB).
const MAX_OBJECT_BYTES: usize = 16 * 1024 * 1024;

/// One quarantined record as it is kept.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    /// Where the file is an archive.
    #[serde(skip_serializing_if = "str::is_empty")]
    member: &'a str,
    reason: &'a str,
    byte_offset: u64,
    record_index: u64,
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_base64: Option<String>,
}

/// The quarantined records of the file that is read.
#[derive(Default)]
pub struct Quarantine {
    file: String,
    /// Objects that are full, on disk until the file's source is known: a file may hold nothing but rubbish.
    full: Vec<File>,
    lines: Vec<u8>,
}

impl Quarantine {
    /// A file begins.
    pub fn begin(&mut self, file: &str) {
        file.clone_into(&mut self.file);
        self.full.clear();
        self.lines.clear();
    }

    /// Keeps a record. Fails if the system's temporary folder cannot take it.
    pub fn add(&mut self, record: &Quarantined<'_>) -> io::Result<()> {
        let text = std::str::from_utf8(record.bytes).ok();
        let line = Line {
            file: &self.file,
            member: record.member,
            reason: record.reason,
            byte_offset: record.position.byte_offset,
            record_index: record.position.record_index,
            length: record.length,
            record: text,
            record_base64: if text.is_none() { Some(STANDARD.encode(record.bytes)) } else { None },
        };
        self.lines.extend(serde_json::to_vec(&line).unwrap_or_default());
        self.lines.push(b'\n');
        if self.lines.len() >= MAX_OBJECT_BYTES {
            let mut spilled = tempfile::tempfile()?;
            spilled.write_all(&self.lines)?;
            self.lines.clear();
            self.full.push(spilled);
        }
        Ok(())
    }

    /// The next object of the file, key and bytes; `None` after the last.
    pub fn take_object(&mut self, source: &str) -> io::Result<Option<(String, Vec<u8>)>> {
        let bytes = match self.full.pop() {
            Some(mut spilled) => {
                let mut bytes = Vec::with_capacity(MAX_OBJECT_BYTES);
                spilled.rewind()?;
                spilled.read_to_end(&mut bytes)?;
                bytes
            }
            None if self.lines.is_empty() => return Ok(None),
            None => std::mem::take(&mut self.lines),
        };
        Ok(Some((format!("{PREFIX}source={source}/{}.ndjson", sha256_hex(&bytes)), bytes)))
    }
}

#[cfg(test)]
mod tests {
    use auditlake_sources::Position;

    use super::*;

    #[test]
    fn a_record_is_kept_as_text_or_as_base64_under_the_hash_of_the_object() {
        let mut quarantine = Quarantine::default();
        quarantine.begin("a.json");
        let position = Position { byte_offset: 7, record_index: 2 };
        for bytes in [b"{\"x\":".as_slice(), b"\xff\xfe"] {
            quarantine.add(&Quarantined { reason: "is broken", position, bytes, length: 5, member: "" }).unwrap();
        }
        let (key, bytes) = quarantine.take_object("aws.cloudtrail").unwrap().unwrap();
        let expected = concat!(
            r#"{"file":"a.json","reason":"is broken","byte_offset":7,"record_index":2,"length":5,"record":"{\"x\":"}"#,
            "\n",
            r#"{"file":"a.json","reason":"is broken","byte_offset":7,"record_index":2,"length":5,"record_base64":"//4="}"#,
            "\n"
        );
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
        assert!(key.starts_with("quarantine/source=aws.cloudtrail/") && key.ends_with(".ndjson"), "{key}");
        assert_eq!(quarantine.take_object("aws.cloudtrail").unwrap(), None);
    }

    #[test]
    fn a_record_of_an_archive_names_the_member() {
        let mut quarantine = Quarantine::default();
        quarantine.begin("logs.tar");
        let record = Quarantined {
            reason: "is broken",
            position: Position::default(),
            bytes: b"x",
            length: 1,
            member: "a.zip!/b.json",
        };
        quarantine.add(&record).unwrap();
        let (_, bytes) = quarantine.take_object("unknown").unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&line["file"], &line["member"]), (&"logs.tar".into(), &"a.zip!/b.json".into()));
    }

    #[test]
    fn a_file_of_rubbish_is_kept_whole_in_several_objects() {
        let mut quarantine = Quarantine::default();
        quarantine.begin("rubbish");
        let rubbish = vec![b'x'; 4 * 1024 * 1024];
        for record_index in 0..9 {
            let position = Position { byte_offset: 0, record_index };
            quarantine.add(&Quarantined { reason: "is broken", position, bytes: &rubbish, length: 4, member: "" }).unwrap();
        }
        let (mut objects, mut lines) = (0, 0);
        while let Some((_, bytes)) = quarantine.take_object("s").unwrap() {
            objects += 1;
            lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        }
        assert_eq!((objects, lines), (3, 9));
    }
}
