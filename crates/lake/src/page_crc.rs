//! Page headers with the checksum of the Parquet format.
//!
//! `PageHeader.crc` (parquet-format `parquet.thrift`): the CRC-32 of gzip over the page's bytes as they are stored, compressed,
//! without the header; for dictionary pages too. The library that we write Parquet with leaves it out.

use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};

/// Bytes that the checksum may add to a header.
const MOST_CRC_BYTES: usize = 6;

/// `PageType.DATA_PAGE`.
const DATA_PAGE: i32 = 0;
/// `PageType.DICTIONARY_PAGE`.
const DICTIONARY_PAGE: i32 = 2;

/// An `i32` field whose number is one more than that of the field before it.
const NEXT_I32: u8 = 0x15;

fn write_i32(value: i32, out: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 31)) as u32;
    out.push(NEXT_I32);
    while zigzag >= 0x80 {
        out.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn length(bytes: usize) -> Result<i32> {
    i32::try_from(bytes).map_err(|_| ParquetError::General("a page is larger than it can say".to_owned()))
}

fn encoding(encoding: Encoding) -> Result<i32> {
    match encoding {
        Encoding::PLAIN => Ok(0),
        Encoding::RLE => Ok(3),
        Encoding::RLE_DICTIONARY => Ok(8),
        other => Err(ParquetError::NYI(format!("pages in {other}"))),
    }
}

fn write_common(page_type: i32, stored: &[u8], uncompressed_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    write_i32(page_type, out);
    write_i32(length(uncompressed_bytes)?, out);
    write_i32(length(stored.len())?, out);
    write_i32(crc32fast::hash(stored).cast_signed(), out);
    Ok(())
}

/// Appends a data page of version 1, levels in RLE: header and bytes.
pub(crate) fn write_data_page(
    stored: &[u8],
    uncompressed_bytes: usize,
    values: usize,
    value_encoding: Encoding,
    out: &mut Vec<u8>,
) -> Result<()> {
    write_common(DATA_PAGE, stored, uncompressed_bytes, out)?;
    // Field 5, a structure.
    out.push(0x1c);
    write_i32(length(values)?, out);
    write_i32(encoding(value_encoding)?, out);
    write_i32(encoding(Encoding::RLE)?, out);
    write_i32(encoding(Encoding::RLE)?, out);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(stored);
    Ok(())
}

/// Appends a dictionary page: header and bytes.
pub(crate) fn write_dictionary_page(
    stored: &[u8],
    uncompressed_bytes: usize,
    values: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    write_common(DICTIONARY_PAGE, stored, uncompressed_bytes, out)?;
    // Field 7, a structure; its last field, `is_sorted`, is false.
    out.push(0x3c);
    write_i32(length(values)?, out);
    write_i32(encoding(Encoding::PLAIN)?, out);
    out.extend_from_slice(&[0x12, 0, 0]);
    out.extend_from_slice(stored);
    Ok(())
}

/// A page header that the library wrote, as far as it must be known.
pub(crate) struct PageHeader<'h> {
    bytes: &'h [u8],
    /// Where the fields after the three sizes begin.
    rest: usize,
    /// Whether it is that of a dictionary page.
    pub is_dictionary: bool,
}

impl<'h> PageHeader<'h> {
    /// Reads a header: type, uncompressed and compressed size, then one structure, no checksum yet.
    pub fn parse(bytes: &'h [u8]) -> Result<Self> {
        let unknown = || ParquetError::General("a page header has another form than expected".to_owned());
        let (mut position, mut page_type) = (0, None);
        for _ in 0..3 {
            if bytes.get(position) != Some(&NEXT_I32) {
                return Err(unknown());
            }
            let value = bytes.get(position + 1..).unwrap_or_default();
            let more = value.iter().position(|byte| byte & 0x80 == 0).ok_or_else(unknown)?;
            page_type = page_type.or(value.first().copied());
            position += more + 2;
        }
        // A structure, two to five fields further on: the checksum comes between.
        match bytes.get(position) {
            Some(field) if field & 0x0f == 0x0c && (0x2..=0x5).contains(&(field >> 4)) => {}
            _ => return Err(unknown()),
        }
        Ok(Self { bytes, rest: position, is_dictionary: page_type == Some((DICTIONARY_PAGE << 1) as u8) })
    }

    /// The header with the checksum of the page's bytes.
    pub fn with_crc(&self, stored: &[u8]) -> Vec<u8> {
        let (sizes, rest) = self.bytes.split_at(self.rest);
        let mut header = Vec::with_capacity(self.bytes.len() + MOST_CRC_BYTES);
        header.extend_from_slice(sizes);
        write_i32(crc32fast::hash(stored).cast_signed(), &mut header);
        if let Some((structure, rest)) = rest.split_first() {
            header.push(structure - 0x10);
            header.extend_from_slice(rest);
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_the_library_gets_the_checksum_as_its_fourth_field() {
        // PageHeader {1: DATA_PAGE, 2: 300, 3: 9, 5: {1: 10, 2: PLAIN, 3: RLE, 4: RLE}} in the compact protocol, by hand.
        let plain = [0x15, 0, 0x15, 0xd8, 0x04, 0x15, 18, 0x2c, 0x15, 20, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];
        let header = PageHeader::parse(&plain).unwrap();
        assert!(!header.is_dictionary);
        // 0xcbf43926 as an i32 is -873187034, its zigzag 1746374067 = 0x68178db3.
        let crc = [0x15, 0xb3, 0x9b, 0xde, 0xc0, 0x06];
        let expected = [&plain[..7], &crc[..], &[0x1c], &plain[8..]].concat();
        assert_eq!(header.with_crc(b"123456789"), expected);
        let mut written = Vec::new();
        write_data_page(b"123456789", 300, 10, Encoding::PLAIN, &mut written).unwrap();
        assert_eq!(written, [&expected[..], b"123456789"].concat());
    }

    #[test]
    fn other_forms_are_refused() {
        assert!(PageHeader::parse(&[]).is_err());
        assert!(PageHeader::parse(&[0x15, 0, 0x15, 2, 0x15, 2, 0x15, 2, 0x1c, 0, 0]).is_err(), "it has a checksum");
        let dictionary = [0x15, 4, 0x15, 2, 0x15, 2, 0x4c, 0x15, 2, 0x15, 0, 0x12, 0, 0];
        assert!(PageHeader::parse(&dictionary).unwrap().is_dictionary);
    }
}
