//! The bytes of entry bundles: each entry after its length as two bytes, big-endian (C2SP *tlog-tiles*, section "Log entries").

/// The longest entry, in bytes.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// Why bytes are no bundle, or entries do not fit one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The bundle ends inside an entry.
    #[error("the bundle ends inside its entry {0}")]
    Truncated(usize),
    /// The bundle has another number of entries than its name says.
    #[error("the bundle has {found} entries, not {expected}")]
    Count {
        /// The width in the bundle's name.
        expected: usize,
        /// How many entries there are.
        found: usize,
    },
    /// The entry is too long for the two bytes of its length.
    #[error("entry {index} has {length} bytes, more than {MAX_ENTRY}")]
    EntryTooLong {
        /// The position among the entries.
        index: usize,
        /// The entry's bytes.
        length: usize,
    },
}

/// The bytes of a bundle with these entries.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        append_entry(&mut bytes, entry.as_ref(), index)?;
    }
    Ok(bytes)
}

/// Appends one entry; `index` is its position for the error.
pub(crate) fn append_entry(bundle: &mut Vec<u8>, entry: &[u8], index: usize) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong { index, length: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The `width` entries of a bundle. Nothing may follow them.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let expected = usize::from(width);
    let mut entries = Vec::with_capacity(expected);
    let mut rest = bytes;
    while !rest.is_empty() {
        let index = entries.len();
        if index == expected {
            return Err(BundleError::Count { expected, found: index + 1 });
        }
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BundleError::Truncated(index))?;
        let (entry, after) =
            after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(BundleError::Truncated(index))?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() == expected { Ok(entries) } else { Err(BundleError::Count { expected, found: entries.len() }) }
}
