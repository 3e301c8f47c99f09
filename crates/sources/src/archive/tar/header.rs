//! The header of a tar member: one block of 512 bytes, in the form of POSIX (`ustar`), GNU, or the seventh edition of Unix.

/// Everything in an archive is padded to blocks of this size.
pub(super) const BLOCK_BYTES: usize = 512;
/// A block of an archive.
pub(super) type Block = [u8; BLOCK_BYTES];

/// Where the fields lie (POSIX.1-2017, `pax`, "ustar Interchange Format").
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..265;
const PREFIX: std::ops::Range<usize> = 345..500;
/// Behind the sparse map of a GNU header: whether blocks with more of it follow.
const SPARSE_GOES_ON: usize = 482;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub name: Vec<u8>,
    /// The content's size in the archive, in bytes.
    pub size: u64,
    /// The type flag.
    pub kind: u8,
    /// What a link points to.
    pub link: Vec<u8>,
    /// Whether blocks with more of a sparse file's map follow.
    pub sparse_goes_on: bool,
}

/// Whether a block says of itself that it is a header; it need not be sound.
pub(super) fn has_magic(block: &[u8]) -> bool {
    let magic = block.get(MAGIC).unwrap_or_default();
    magic.starts_with(b"ustar\0") || magic == b"ustar  \0"
}

impl Header {
    /// Reads a header; `None` if its checksum is wrong or its size is no number.
    pub(super) fn parse(block: &Block) -> Option<Self> {
        let field = |range: std::ops::Range<usize>| block.get(range).unwrap_or_default();
        let stated = number(field(CHECKSUM))?;
        if !checksums(block).contains(&stated) {
            return None;
        }
        let mut name = text(field(NAME)).to_vec();
        let prefix = text(field(PREFIX));
        // GNU keeps times where POSIX has the prefix.
        if field(MAGIC).starts_with(b"ustar\0") && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = *block.get(KIND)?;
        let sparse_goes_on = block.get(SPARSE_GOES_ON).is_some_and(|flag| *flag != 0);
        Some(Self { name, size: number(field(SIZE))?, kind, link: text(field(LINK)).to_vec(), sparse_goes_on })
    }
}

/// The sum of the bytes with blanks for the checksum itself; some old programs took them as signed.
fn checksums(block: &Block) -> [u64; 2] {
    let (mut unsigned, mut signed) = (0_u64, 0_i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if CHECKSUM.contains(&index) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(i8::from_ne_bytes([byte]));
    }
    [unsigned, u64::try_from(signed).unwrap_or(unsigned)]
}

/// A text ends at its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number in octal digits, or, with the top bit set, in base 256 (GNU, star). An empty field is 0; a negative number is none.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let mut value = u64::from(first & 0x7f);
        for byte in rest {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return i64::try_from(value).is_ok().then_some(value);
    }
    let digits = text(field).trim_ascii();
    let digit = |value: u64, byte: &u8| matches!(byte, b'0'..=b'7').then(|| value * 8 + u64::from(byte - b'0'));
    digits.iter().try_fold(0, digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        for (field, expected) in [
            (&b"00000001750\0"[..], Some(1000)),
            (b"      1750 \0", Some(1000)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(2 << 32)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"00000000008\0", None),
            (b"-0000000001\0", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }
}
