//! Which member of `metadata` is meant.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest name, in bytes.
pub const MAX_METADATA_KEY_BYTES: usize = 96;

/// The name of a member of `metadata`. A dot goes deeper, `cloudevent.source`; a member whose own name has dots is found too. It is kept in
/// place, so that what is compared can be copied like a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataKey {
    bytes: [u8; MAX_METADATA_KEY_BYTES],
    length: u8,
}

impl MetadataKey {
    /// The key of a name of 1 to [`MAX_METADATA_KEY_BYTES`] bytes.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; MAX_METADATA_KEY_BYTES];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        let length = u8::try_from(name.len()).ok().filter(|length| *length > 0)?;
        Some(Self { bytes, length })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // Made of a `str`, so it always is one.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The paths that the name may mean: one member of this very name; and, if it has dots, one member inside of another.
    pub fn paths(&self) -> Vec<Vec<&str>> {
        let name = self.as_str();
        let deeper: Vec<&str> = name.split('.').collect();
        let is_path = deeper.len() > 1 && deeper.iter().all(|part| !part.is_empty());
        std::iter::once(vec![name]).chain(is_path.then_some(deeper)).collect()
    }
}

impl fmt::Debug for MetadataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.as_str())
    }
}

impl Serialize for MetadataKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MetadataKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| de::Error::custom("no name of a member of metadata"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_dots_is_a_member_of_that_name_or_one_inside_of_others() {
        let paths = |name: &str| {
            let key = MetadataKey::new(name).unwrap();
            key.paths().iter().map(|path| path.join("|")).collect::<Vec<_>>()
        };
        assert_eq!(paths("team"), ["team"]);
        assert_eq!(paths("cloudevent.source"), ["cloudevent.source", "cloudevent|source"]);
        assert_eq!(paths("a..b"), ["a..b"]);
        assert_eq!(MetadataKey::new(""), None);
        assert_eq!(MetadataKey::new(&"k".repeat(97)), None);
        assert_eq!(MetadataKey::new(&"k".repeat(96)).unwrap().as_str().len(), 96);
    }
}
