//! Tags of objects: a small JSON file each, `.auditlake/tags/<key>`.
//!
//! When it was written tells the lifecycle when the object was tagged.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::files::{FileError, Files, Mode};
use super::key::Key;

/// Where tags lie, below the root.
pub(super) const TAGS: &str = ".auditlake/tags";
/// Most tags of an object, as S3 has it.
const MOST_TAGS: usize = 10;

/// The tags of an object, by name.
pub(super) type Tags = BTreeMap<String, String>;

/// The file of an object's tags.
pub(super) fn tags_path(files: &Files, key: &Key) -> PathBuf {
    files.root().join(TAGS).join(key.as_str())
}

/// An object's tags; none if it has none.
pub(super) fn read_tags(files: &Files, key: &Key) -> Result<Tags, FileError> {
    files.stamp(key)?;
    match std::fs::read(tags_path(files, key)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_err(io::Error::from)?),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Tags::new()),
        Err(error) => Err(error.into()),
    }
}

/// Gives an object these tags and no others; on disk when it returns.
pub(super) fn write_tags(files: &Files, key: &Key, tags: &Tags) -> Result<(), FileError> {
    files.stamp(key)?;
    if tags.is_empty() {
        return clear_tags(files, key);
    }
    let mut unfinished = files.begin()?;
    unfinished.write(&serde_json::to_vec(tags).map_err(io::Error::from)?)?;
    files.settle(&unfinished)?;
    files.publish(unfinished, &Key::private(TAGS, key), Mode::Replace)?;
    Ok(())
}

/// Removes an object's tags, if it has any: it was deleted, or another took its place.
pub(super) fn clear_tags(files: &Files, key: &Key) -> Result<(), FileError> {
    match std::fs::remove_file(tags_path(files, key)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => {
            files.prune(Key::private(TAGS, key).folder());
            Ok(())
        }
    }
}

/// Tags of an object that is new under its key: the given ones, never those of one that was there before.
pub(super) fn renew_tags(files: &Files, key: &Key, tags: Option<Tags>) -> Result<(), FileError> {
    match tags {
        Some(tags) if !tags.is_empty() => write_tags(files, key, &tags),
        _ => clear_tags(files, key),
    }
}

/// Checks tags as S3 does; the error says what is wrong.
pub(super) fn check_tags(tags: impl IntoIterator<Item = (String, String)>) -> Result<Tags, String> {
    let mut checked = Tags::new();
    for (name, value) in tags {
        if name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 {
            return Err("a tag's name has 1 to 128 characters, its value up to 256".to_owned());
        }
        if checked.insert(name, value).is_some() {
            return Err("a tag's name occurs twice".to_owned());
        }
    }
    if checked.len() > MOST_TAGS {
        return Err(format!("more than {MOST_TAGS} tags"));
    }
    Ok(checked)
}

/// Reads the header `x-amz-tagging`: `name=value&…`, percent-encoded.
pub(super) fn parse_header(header: &str) -> Result<Tags, String> {
    let pairs = header.split('&').filter(|pair| !pair.is_empty());
    let decoded: Result<Vec<(String, String)>, String> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect();
    check_tags(decoded?)
}

fn decode(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next().ok_or_else(wrong)?, rest.next().ok_or_else(wrong)?);
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong);
                digit(high)? << 4 | digit(low)?
            }
            other => other,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagging_header_is_read_as_a_query() {
        let tags = parse_header("sealed=true&a%20b=c%3Dd+e&empty=&bare").unwrap();
        let expected = [("sealed", "true"), ("a b", "c=d e"), ("empty", ""), ("bare", "")];
        assert_eq!(tags, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        for bad in ["a=1&a=2", "=x", "a=%", "a=%zz", "a=%ff"] {
            assert!(parse_header(bad).is_err(), "{bad}");
        }
    }
}
