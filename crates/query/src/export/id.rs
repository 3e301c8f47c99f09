//! The id of an export: signed, and enough to find it again, so that nothing has to be kept about exports.
//!
//! It is bound to the organization and to the hash of the filters. It holds no condition's value, so nothing that was asked for
//! leaks through a path.

use auditlake_event::{Organization, Timestamp};
use auditlake_lake::SealTime;

use crate::export::{ExportFormat, ExportJob};
use crate::signed;

/// First byte of every id.
const VERSION: u8 = 1;
/// Length of the filters' hash.
const HASH_BYTES: usize = 32;
/// Longest id, in characters; a gateway takes some 10,000 for a whole request's head.
const MAX_ID_CHARS: usize = 1_000;
/// A key that also signs other things must not let one stand for the other.
const DOMAIN: &str = "auditlake export";

/// What an id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportId {
    /// Which export.
    pub job: ExportJob,
    /// The first period that was not sealed when it was started.
    pub sealed_until: SealTime,
    /// The latest event time, exclusive.
    pub to: Timestamp,
    /// SHA-256 of the filters' canonical JSON.
    pub filter_hash: [u8; HASH_BYTES],
}

/// The text is no id, was made by another installation, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of an export")]
pub struct NotAnExportId;

const fn code_of(format: ExportFormat) -> u8 {
    match format {
        ExportFormat::Csv => 1,
        ExportFormat::NdJson => 2,
        ExportFormat::Parquet => 3,
    }
}

impl ExportId {
    /// The signed text, of `[A-Za-z0-9_-]`. Fails if the handle is longer than some 500 bytes, which no exporter makes.
    pub fn encode(&self, key: &[u8]) -> Result<String, NotAnExportId> {
        let mut bytes = vec![VERSION, code_of(self.job.format)];
        for time in [self.job.created, self.sealed_until.start(), self.to] {
            bytes.extend_from_slice(&time.millis().to_be_bytes());
        }
        bytes.extend_from_slice(&self.filter_hash);
        for text in [self.job.organization.as_str(), &self.job.handle] {
            let length = u16::try_from(text.len()).map_err(|_| NotAnExportId)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let text = signed::sign(DOMAIN, &bytes, key);
        if text.len() > MAX_ID_CHARS { Err(NotAnExportId) } else { Ok(text) }
    }

    /// Reads an id; its signature is checked first, in constant time.
    pub fn decode(text: &str, key: &[u8]) -> Result<Self, NotAnExportId> {
        if text.len() > MAX_ID_CHARS {
            return Err(NotAnExportId);
        }
        let signed = signed::verify(DOMAIN, text, key).ok_or(NotAnExportId)?;
        let mut rest = Rest(&signed);
        if rest.bytes::<1>()? != [VERSION] {
            return Err(NotAnExportId);
        }
        let format = match rest.bytes::<1>()? {
            [1] => ExportFormat::Csv,
            [2] => ExportFormat::NdJson,
            [3] => ExportFormat::Parquet,
            _ => return Err(NotAnExportId),
        };
        let (created, sealed_until, to) = (rest.time()?, SealTime::from_start(rest.time()?), rest.time()?);
        let filter_hash = rest.bytes()?;
        let organization = Organization::parse(rest.text()?).map_err(|_| NotAnExportId)?;
        let handle = rest.text()?.to_owned();
        if !rest.0.is_empty() {
            return Err(NotAnExportId);
        }
        Ok(Self { job: ExportJob { organization, format, created, handle }, sealed_until, to, filter_hash })
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], NotAnExportId> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(NotAnExportId)?;
        self.0 = rest;
        Ok(taken)
    }

    fn bytes<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], NotAnExportId> {
        self.take(COUNT)?.try_into().map_err(|_| NotAnExportId)
    }

    fn time(&mut self) -> Result<Timestamp, NotAnExportId> {
        Ok(Timestamp::from_millis(i64::from_be_bytes(self.bytes()?)))
    }

    fn text(&mut self) -> Result<&'a str, NotAnExportId> {
        let length = u16::from_be_bytes(self.bytes()?);
        std::str::from_utf8(self.take(usize::from(length))?).map_err(|_| NotAnExportId)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cursor::Cursor;
    use crate::question::Position;
    use crate::typed::Query;

    const KEY: &[u8] = b"a key of the test";

    fn id(handle: &str) -> ExportId {
        let time = Timestamp::from_millis(1_772_366_400_000);
        let organization = Organization::parse("acme").unwrap();
        let job = ExportJob { organization, format: ExportFormat::NdJson, created: time, handle: handle.to_owned() };
        ExportId { job, sealed_until: SealTime::from_start(time), to: time.plus_millis(1), filter_hash: [7; 32] }
    }

    #[test]
    fn an_id_is_short_and_says_what_it_was_made_of() {
        let text = id("0195b1d2-0000-4000-8000-000000000000").encode(KEY).unwrap();
        assert!(text.len() < 300, "{}", text.len());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(ExportId::decode(&text, KEY), Ok(id("0195b1d2-0000-4000-8000-000000000000")));
        // Ids outlive a deployment, so their domain may not change.
        assert!(signed::verify("auditlake export", &text, KEY).is_some());
        assert_eq!(ExportId::decode(&text, b"other"), Err(NotAnExportId));
        assert_eq!(id(&"x".repeat(1_000)).encode(KEY), Err(NotAnExportId));
        for nothing in ["", "AQ", "not base64!", &text[1..], &"A".repeat(3_000)] {
            assert_eq!(ExportId::decode(nothing, KEY), Err(NotAnExportId), "{nothing}");
        }
    }

    #[test]
    fn a_cursor_of_the_same_key_is_no_id() {
        let time = Timestamp::from_millis(0);
        let after = Position { event_time: time, nanos: 0, event_id: "i".into(), source: "api".into(), region: "r".into() };
        let query = Query::all(Organization::parse("acme").unwrap());
        let cursor = Cursor { after, order: crate::Order::NewestFirst }.encode(&query, KEY).unwrap();
        assert_eq!(ExportId::decode(&cursor, KEY), Err(NotAnExportId));
    }

    proptest! {
        #[test]
        fn an_id_with_any_character_changed_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let text = id("handle").encode(KEY).unwrap();
            let at = at.index(text.len());
            let changed = format!("{}{}{}", &text[..at], to, &text[at + 1..]);
            prop_assert!(changed == text || ExportId::decode(&changed, KEY).is_err());
        }
    }
}
