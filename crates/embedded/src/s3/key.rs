//! Keys that can be paths, and the zones in which nothing is ever rewritten.

use std::path::{Path, PathBuf};

use auditlake_lake::layout;

pub(super) use crate::private_file::FOLDER as PRIVATE;
/// Most bytes of a key, as S3 has it.
const LONGEST_KEY: usize = 1024;
/// Most bytes of one part of a key, as file systems have it.
const LONGEST_PART: usize = 255;

/// A key that is also a path below the root: parts between single slashes, none of them special.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: String,
}

impl Key {
    /// Reads a key; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_KEY {
            return Err(format!("the key is longer than {LONGEST_KEY} bytes"));
        }
        for part in text.split('/') {
            check_part(part)?;
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The place of something about `key` in a private folder.
    pub(super) fn private(folder: &str, key: &Self) -> Self {
        Self { text: format!("{folder}/{}", key.text) }
    }

    /// The key's text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The folder it lies in, without a slash at its end; empty for the root.
    pub(super) fn folder(&self) -> &str {
        self.text.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last part.
    pub(super) fn name(&self) -> &str {
        self.text.rsplit_once('/').map_or(self.text.as_str(), |(_, name)| name)
    }

    /// The file of the object.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        root.join(&self.text)
    }

    /// Whether the object may be written once only and never be deleted through S3, as the bucket's policy of a deployment
    /// has it.
    pub(super) fn is_write_once(&self) -> bool {
        is_write_once(&self.text)
    }
}

/// Whether a key, or a folder that ends in `/`, lies where nothing is rewritten or deleted.
pub(super) fn is_write_once(key: &str) -> bool {
    const ZONES: [&str; 5] = [layout::ARCHIVE, layout::SEALS, layout::DIGESTS, layout::LANDING, layout::QUARANTINE];
    key == layout::LAKE_FILE || ZONES.iter().any(|zone| key.starts_with(zone))
}

/// What makes a part of a key unfit for a path.
pub(super) fn check_part(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("a key must not be empty, begin or end with a slash, or hold two slashes in a row".to_owned());
    }
    if part == "." || part == ".." {
        return Err(format!("a key must not hold the part {part}"));
    }
    if part.len() > LONGEST_PART {
        return Err(format!("a part of the key is longer than {LONGEST_PART} bytes"));
    }
    if part.contains('\\') || part.chars().any(char::is_control) {
        return Err("a key must not hold a backslash or a control character".to_owned());
    }
    if part.ends_with(PRIVATE) {
        return Err(format!("names that end in {PRIVATE} are reserved"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_leave_the_directory_or_mean_two_things_are_refused() {
        let bad = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/./b",
            "a\\b",
            "..\\a",
            "a\0b",
            "a\nb",
            ".auditlake",
            ".auditlake/tags/a",
            "a/b.auditlake",
            "a/.auditlake/b",
        ];
        for text in bad {
            assert!(Key::parse(text).is_err(), "{text:?}");
        }
        assert!(Key::parse(&"a".repeat(256)).is_err());
        assert!(Key::parse(&"a/".repeat(512)).is_err());
        for text in ["a", "a/b", "..a", "a..b/...", ".hidden", "year=2026/ü ö+%2F&.parquet", ".auditlake2"] {
            assert!(Key::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_key_is_a_folder_and_a_name() {
        let key = Key::parse("a/b/c").unwrap();
        assert_eq!((key.folder(), key.name()), ("a/b", "c"));
        let key = Key::parse("c").unwrap();
        assert_eq!((key.folder(), key.name()), ("", "c"));
    }

    #[test]
    fn the_lake_is_write_once_and_the_rest_is_not() {
        for key in ["lake.json", "landing/x", "etl/v1/data/x", "seals/x", "digests/x", "quarantine/x"] {
            assert!(is_write_once(key), "{key}");
        }
        for key in ["exports/x", "etl/v2/x", "lake.json.bak", "landing", "results/landing/x"] {
            assert!(!is_write_once(key), "{key}");
        }
    }
}
