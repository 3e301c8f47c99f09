//! Checksums of everything in a Parquet object: what storage alters is found before it is decoded.
//!
//! Pages carry the CRC of the Parquet format for any reader (`page_crc`), but these cover page bodies only. So every
//! object that we write also ends with a checksum of each [`BLOCK_BYTES`] of what lies before its footer (page headers, pages,
//! bloom filters, page indexes) and one of the footer. They stand in the footer's extension field (parquet-format,
//! `BinaryProtocolExtensions.md`: field 32767, binary, the last of the structure), which other readers skip:
//!
//! ```text
//! FileMetaData without its stop byte
//! 08 ff ff 01            the header that parquet-format fixes for the field
//! <length>               varint
//! <CRC-32 of a block>    4 bytes, little-endian, for each block in order; the last block may be shorter
//! <bytes of a block>     4 bytes, little-endian
//! <CRC-32>               4 bytes, little-endian: of the footer from its first byte to here
//! <mark>                 16 bytes
//! 00                     stop
//! ```
//!
//! Guarantees: a changed bit anywhere before the last 8 bytes is found, and one in these makes the footer unreadable or its
//! checksum wrong. The footer's key-value metadata says under [`CHECKSUMS_KEY`] that there are checksums, so that they are not
//! taken for absent when their mark is damaged. Objects of versions that wrote none are read unchecked.

use std::ops::Range;

/// Bytes of the file under one checksum.
pub const BLOCK_BYTES: usize = 8 * 1024;

/// Footer key: says that the object has checksums. The value is that of [`CHECKSUMS_VALUE`].
pub const CHECKSUMS_KEY: &str = "auditlake.checksums";
/// The only way of making checksums so far.
pub const CHECKSUMS_VALUE: &str = "crc32/8192";

/// Header of the extension field.
const FIELD_HEADER: [u8; 4] = [0x08, 0xff, 0xff, 0x01];
/// Stands before the stop byte: a random UUID that no other extension uses.
const MARK: [u8; 16] = [0x5c, 0x0e, 0xa8, 0x21, 0x9f, 0x3b, 0x4d, 0x66, 0xb1, 0x7a, 0x43, 0xd2, 0x8e, 0x90, 0x6f, 0x15];
/// Block size, footer checksum, mark and stop byte.
const TAIL_BYTES: usize = 4 + 4 + 16 + 1;
/// Footer length and `PAR1`.
pub const FILE_END_BYTES: usize = 8;

/// What is wrong with an object's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// Not even the frame of a Parquet file.
    #[error("it is no Parquet file or was cut off")]
    NoFooter,
    /// The footer is not what was written.
    #[error("its footer is not the one that was written: the checksum differs")]
    Footer,
    /// A block is not what was written.
    #[error("its bytes {0} to {1} are not those that were written: the checksum differs")]
    Block(u64, u64),
}

/// The checksums of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    block_bytes: u64,
    /// The bytes before the footer.
    covered: u64,
    blocks: Box<[u32]>,
}

fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Whether the footer says in its key-value metadata that it has checksums.
fn says_that_it_has_checksums(footer: &[u8]) -> bool {
    footer.windows(CHECKSUMS_KEY.len()).any(|window| window == CHECKSUMS_KEY.as_bytes())
}

/// The length of the footer and of the file's end, by its last 8 bytes.
pub fn footer_bytes(file_end: &[u8]) -> Result<usize, ChecksumError> {
    let start = file_end.len().checked_sub(FILE_END_BYTES).ok_or(ChecksumError::NoFooter)?;
    let end = file_end.get(start..).unwrap_or_default();
    let length = read_u32(end).filter(|_| end.ends_with(b"PAR1")).ok_or(ChecksumError::NoFooter)?;
    usize::try_from(length).ok().and_then(|length| length.checked_add(FILE_END_BYTES)).ok_or(ChecksumError::NoFooter)
}

impl Checksums {
    /// Checks the footer of an object of `object_bytes` bytes, of which `tail` is the end with the whole footer. `None` if it was
    /// written without checksums.
    pub fn of(tail: &[u8], object_bytes: u64) -> Result<Option<Self>, ChecksumError> {
        let with_end = footer_bytes(tail)?;
        let start = tail.len().checked_sub(with_end).ok_or(ChecksumError::NoFooter)?;
        let footer = tail.get(start..tail.len() - FILE_END_BYTES).ok_or(ChecksumError::NoFooter)?;
        let covered = object_bytes.checked_sub(with_end as u64).ok_or(ChecksumError::NoFooter)?;
        let Some((before_tail, tail)) = footer.len().checked_sub(TAIL_BYTES).map(|at| footer.split_at(at)) else {
            return Ok(None);
        };
        let is_marked = tail.get(8..24) == Some(&MARK[..]);
        if !is_marked {
            return if says_that_it_has_checksums(footer) { Err(ChecksumError::Footer) } else { Ok(None) };
        }
        let block_bytes = read_u32(tail).map(u64::from).filter(|bytes| *bytes > 0).ok_or(ChecksumError::Footer)?;
        let expected = read_u32(tail.get(4..).unwrap_or_default()).ok_or(ChecksumError::Footer)?;
        let checked = footer.get(..before_tail.len() + 4).unwrap_or_default();
        if crc32fast::hash(checked) != expected || tail.last() != Some(&0) {
            return Err(ChecksumError::Footer);
        }
        let count = usize::try_from(covered.div_ceil(block_bytes)).map_err(|_| ChecksumError::Footer)?;
        let blocks_at = count.checked_mul(4).and_then(|bytes| before_tail.len().checked_sub(bytes));
        let blocks = blocks_at.and_then(|at| before_tail.get(at..)).ok_or(ChecksumError::Footer)?;
        let blocks = blocks.chunks_exact(4).filter_map(read_u32).collect();
        Ok(Some(Self { block_bytes, covered, blocks }))
    }

    /// The blocks that a range touches: what must be read for the range to be checked.
    pub fn whole_blocks(&self, range: Range<u64>) -> Range<u64> {
        let start = range.start / self.block_bytes * self.block_bytes;
        let end = range.end.div_ceil(self.block_bytes).saturating_mul(self.block_bytes).min(self.covered);
        start.min(range.start)..end.max(range.end)
    }

    /// Checks every block that lies whole in `bytes`, which begin at `start` in the object.
    pub fn check(&self, start: u64, bytes: &[u8]) -> Result<(), ChecksumError> {
        let end = start + bytes.len() as u64;
        for (number, expected) in (start.div_ceil(self.block_bytes)..).zip(self.blocks_from(start)) {
            let from = number * self.block_bytes;
            let until = (from + self.block_bytes).min(self.covered);
            if until > end {
                break;
            }
            let place = usize::try_from(from - start).ok().zip(usize::try_from(until - start).ok());
            let block = place.and_then(|(from, until)| bytes.get(from..until));
            if block.is_none_or(|block| crc32fast::hash(block) != *expected) {
                return Err(ChecksumError::Block(from, until));
            }
        }
        Ok(())
    }

    fn blocks_from(&self, start: u64) -> &[u32] {
        let first = usize::try_from(start.div_ceil(self.block_bytes)).unwrap_or(usize::MAX);
        self.blocks.get(first..).unwrap_or_default()
    }

    /// About how much memory they take.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.blocks.len() * 4
    }
}

/// Checks a whole object in memory. One that was written without checksums passes.
pub fn check_object(bytes: &[u8]) -> Result<(), ChecksumError> {
    match Checksums::of(bytes, bytes.len() as u64)? {
        Some(checksums) => checksums.check(0, bytes),
        None => Ok(()),
    }
}

/// Makes the checksums of a file that is written piece by piece.
#[derive(Default)]
pub(crate) struct ChecksumsWriter {
    blocks: Vec<u32>,
    block: crc32fast::Hasher,
    block_filled: usize,
}

impl ChecksumsWriter {
    /// Takes the next bytes of the file, none of which belong to its footer.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = bytes.len().min(BLOCK_BYTES - self.block_filled);
            let (block, rest) = bytes.split_at(taken);
            self.block.update(block);
            self.block_filled += taken;
            if self.block_filled == BLOCK_BYTES {
                self.end_block();
            }
            bytes = rest;
        }
    }

    fn end_block(&mut self) {
        self.blocks.push(std::mem::take(&mut self.block).finalize());
        self.block_filled = 0;
    }

    /// Takes the rest of the file, which ends with its whole footer, and puts the checksums into that.
    pub fn finish(mut self, mut rest: Vec<u8>) -> Result<Vec<u8>, ChecksumError> {
        let footer_start = rest.len().checked_sub(footer_bytes(&rest)?).ok_or(ChecksumError::NoFooter)?;
        self.update(rest.get(..footer_start).unwrap_or_default());
        if self.block_filled > 0 {
            self.end_block();
        }
        // The stop byte of the footer's structure comes after the extension.
        rest.truncate(rest.len() - FILE_END_BYTES - 1);
        rest.extend_from_slice(&FIELD_HEADER);
        let mut length = self.blocks.len() * 4 + TAIL_BYTES - 1;
        while length >= 0x80 {
            rest.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        rest.push(length as u8);
        for block in &self.blocks {
            rest.extend_from_slice(&block.to_le_bytes());
        }
        rest.extend_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        let footer = crc32fast::hash(rest.get(footer_start..).unwrap_or_default());
        rest.extend_from_slice(&footer.to_le_bytes());
        rest.extend_from_slice(&MARK);
        rest.push(0);
        let footer_bytes = u32::try_from(rest.len() - footer_start).map_err(|_| ChecksumError::NoFooter)?;
        rest.extend_from_slice(&footer_bytes.to_le_bytes());
        rest.extend_from_slice(b"PAR1");
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame of a file: content, a footer of a stop byte and a key, the end.
    fn file(content: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..content).map(|index| (index * 7 % 251) as u8).collect();
        let footer = [CHECKSUMS_KEY.as_bytes(), &[0]].concat();
        bytes.extend_from_slice(&footer);
        bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        bytes.extend_from_slice(b"PAR1");
        ChecksumsWriter::default().finish(bytes).unwrap()
    }

    #[test]
    fn the_crc_is_that_of_gzip() {
        // The check value of CRC-32/ISO-HDLC, as every catalogue of CRCs lists it.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for content in [0, 1, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1] {
            let bytes = file(content);
            check_object(&bytes).unwrap();
            for place in (0..bytes.len()).filter(|place| place % 13 == 0 || place + 300 > bytes.len()) {
                for bit in [0, 3, 7] {
                    let mut damaged = bytes.clone();
                    damaged[place] ^= 1 << bit;
                    assert!(check_object(&damaged).is_err(), "{content} {place} {bit}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_in_pieces_has_the_checksums_of_the_whole() {
        let whole = file(3 * BLOCK_BYTES + 17);
        let plain_end = whole.len() - footer_bytes(&whole).unwrap();
        let mut writer = ChecksumsWriter::default();
        let content = &whole[..plain_end];
        for piece in content[..2 * BLOCK_BYTES + 5].chunks(1_000) {
            writer.update(piece);
        }
        let footer = [CHECKSUMS_KEY.as_bytes(), &[0]].concat();
        let mut rest = content[2 * BLOCK_BYTES + 5..].to_vec();
        rest.extend_from_slice(&footer);
        rest.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        rest.extend_from_slice(b"PAR1");
        let rest = writer.finish(rest).unwrap();
        assert_eq!([&content[..2 * BLOCK_BYTES + 5], &rest].concat(), whole);
    }

    #[test]
    fn a_range_is_checked_by_its_whole_blocks() {
        let bytes = file(2 * BLOCK_BYTES + 10);
        let checksums = Checksums::of(&bytes, bytes.len() as u64).unwrap().unwrap();
        let block = BLOCK_BYTES as u64;
        let end = 2 * block + 10;
        assert_eq!(checksums.whole_blocks(5..6), 0..block);
        assert_eq!(checksums.whole_blocks(block - 1..block + 1), 0..2 * block);
        assert_eq!(checksums.whole_blocks(2 * block + 1..2 * block + 2), 2 * block..end);
        assert_eq!(checksums.whole_blocks(2 * block..end + 3), 2 * block..end + 3);
        let mut damaged = bytes.clone();
        damaged[BLOCK_BYTES + 3] ^= 1;
        checksums.check(0, &damaged[..BLOCK_BYTES]).unwrap();
        checksums.check(2 * block, &damaged[2 * BLOCK_BYTES..]).unwrap();
        assert_eq!(checksums.check(1, &damaged[1..2 * BLOCK_BYTES]), Err(ChecksumError::Block(block, 2 * block)));
    }

    #[test]
    fn an_object_without_checksums_passes_and_one_that_lost_them_does_not() {
        let plain = |key: &str| {
            let footer = [key.as_bytes(), &[0]].concat();
            [b"PAR1", &footer[..], &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
        };
        check_object(&plain("an older version wrote this, with much else in its footer")).unwrap();
        assert_eq!(check_object(&plain("auditlake.checksums and no mark of them at all")), Err(ChecksumError::Footer));
    }
}
