//! The entries of a lake's log, and its origin.
//!
//! ```text
//! entry 0   auditlake/lake/v1 <sha256 of lake.json>\n
//! entry i   auditlake/seal/v1 <seal time> <sha256 of the record> <heads root>\n
//! ```
//!
//! with hashes as 64 lower-case hexadecimal digits, times in the form of [`UtcTime`], single spaces, and `i = 1 + (seal time −
//! first period) / period`. The origin is `<name>/<first 16 hexadecimal digits of the SHA-256 of lake.json>`.

use crate::hash::{Hash, MAX_TREE_SIZE};
use crate::time::UtcTime;

const LAKE: &str = "auditlake/lake/v1";
const SEAL: &str = "auditlake/seal/v1";
/// The longest name of a log. With the hash and `/receipts` it stays below the 255 bytes that C2SP *tlog-cosignature* has for an origin.
pub const MAX_NAME: usize = 200;
const HASH_DIGITS: usize = 16;

/// Why bytes are no log entry of a lake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It is not one line.
    #[error("a log entry is one line that ends in a newline")]
    NotALine,
    /// It begins with another word.
    #[error("a log entry begins with {LAKE:?} or {SEAL:?}")]
    Format,
    /// It has more or fewer fields than its format.
    #[error("the entry has {found} fields, not {expected}")]
    Fields {
        /// The number of fields of its format.
        expected: usize,
        /// The number that was found.
        found: usize,
    },
    /// A hash is not written as one.
    #[error("the {0} must be 64 lower-case hexadecimal digits")]
    Hash(&'static str),
    /// The seal time is not written as one.
    #[error("the seal time must have the form 2026-03-01T12:00:00.000Z")]
    Time,
}

/// An entry of a lake's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntry {
    /// Entry 0: which lake this is.
    Lake {
        /// The SHA-256 of `lake.json`.
        lake_file: Hash,
    },
    /// One per sealed period.
    Seal {
        /// The start of the period.
        seal_time: UtcTime,
        /// The SHA-256 of the seal record.
        record: Hash,
        /// The root of the heads tree ([`crate::heads`]) after this seal.
        heads_root: Hash,
    },
}

impl LogEntry {
    /// Reads exactly what `Display` writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let text = std::str::from_utf8(bytes).map_err(|_| EntryError::NotALine)?;
        let line = text.strip_suffix('\n').filter(|line| !line.contains('\n')).ok_or(EntryError::NotALine)?;
        let (format, fields) = line.split_once(' ').ok_or(EntryError::Format)?;
        let hash = |text: &str, what| Hash::from_hex(text).ok_or(EntryError::Hash(what));
        let found = fields.split(' ').count();
        let mut fields = fields.split(' ');
        let mut next = || fields.next().unwrap_or_default();
        let expected = match format {
            LAKE => 1,
            SEAL => 3,
            _ => return Err(EntryError::Format),
        };
        if found != expected {
            return Err(EntryError::Fields { expected, found });
        }
        if format == LAKE {
            return Ok(Self::Lake { lake_file: hash(next(), "SHA-256 of lake.json")? });
        }
        let seal_time = UtcTime::parse(next()).ok_or(EntryError::Time)?;
        let record = hash(next(), "SHA-256 of the record")?;
        let heads_root = hash(next(), "heads root")?;
        Ok(Self::Seal { seal_time, record, heads_root })
    }
}

impl std::fmt::Display for LogEntry {
    /// The bytes of the entry, with the newline.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lake { lake_file } => writeln!(formatter, "{LAKE} {lake_file}"),
            Self::Seal { seal_time, record, heads_root } => {
                writeln!(formatter, "{SEAL} {seal_time} {record} {heads_root}")
            }
        }
    }
}

/// The index of the entry of `seal_time`. `None` if the time is before the first period or not the start of a period, or `period` is not
/// a positive number of milliseconds.
pub fn entry_index(seal_time: UtcTime, first_period: UtcTime, period_milliseconds: i64) -> Option<u64> {
    let since = seal_time.milliseconds().checked_sub(first_period.milliseconds())?;
    if since < 0 || period_milliseconds <= 0 || since % period_milliseconds != 0 {
        return None;
    }
    u64::try_from(since / period_milliseconds).ok()?.checked_add(1).filter(|&index| index < MAX_TREE_SIZE)
}

/// Why a text is no origin of a lake's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The name has other characters than a host and a path.
    #[error(
        "the name of a log has parts of letters, digits, '.', '-', '_', '~' and ':' with '/' between them, at most {MAX_NAME} characters: \
         {0:?} is none"
    )]
    Name(String),
    /// The hash of `lake.json` is missing or not written as one.
    #[error("an origin ends in '/' and {HASH_DIGITS} lower-case hexadecimal digits")]
    Hash,
}

/// The origin of a lake's log: a name that the operator chooses, and which lake it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of the lake whose `lake.json` has these bytes. The name is that of a host, or of a host and a path, without
    /// a scheme: `audit.example.com/production`.
    pub fn new(name: &str, lake_file: &[u8]) -> Result<Self, OriginError> {
        check_name(name)?;
        Ok(Self(format!("{name}/{}", hash_digits(lake_file))))
    }

    /// Reads an origin.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (name, hash) = text.rsplit_once('/').ok_or(OriginError::Hash)?;
        check_name(name)?;
        let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash { Ok(Self(text.to_owned())) } else { Err(OriginError::Hash) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the origin of the lake whose `lake.json` has these bytes.
    pub fn is_of(&self, lake_file: &[u8]) -> bool {
        self.0.rsplit_once('/').is_some_and(|(_, digits)| digits == hash_digits(lake_file))
    }

    /// The name of the key that signs receipts: `<origin>/receipts`.
    pub fn receipts(&self) -> String {
        format!("{}/receipts", self.0)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn hash_digits(lake_file: &[u8]) -> String {
    let mut digits = Hash::of(lake_file).to_hex();
    digits.truncate(HASH_DIGITS);
    digits
}

fn check_name(name: &str) -> Result<(), OriginError> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-' | b'_' | b'~' | b':'))
    };
    let is_name = name.len() <= MAX_NAME && name.split('/').all(is_part);
    if is_name { Ok(()) } else { Err(OriginError::Name(name.chars().take(MAX_NAME).collect())) }
}
