//! One column of a landing object as Parquet pages (format: parquet-format `Encodings.md`, data pages of version 1).
//!
//! The columns are encoded straight from the events, not by way of Arrow: most of the time that goes into a landing object is
//! spent here.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::column_values::{ColumnValues, NO_POSITION};
use super::dictionary::Dictionary;
use crate::page_crc;

/// A page is closed when its plain values reach this many bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// How much of a page is compressed to see whether it is worth it.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Which rows of a page have a value, as definition levels.
#[derive(Debug, Default)]
struct Validity {
    /// One bit a row, lowest first: exactly what a bit-packed run of levels is.
    bits: Vec<u8>,
    /// The bits of rows that fill no byte yet.
    rest: u8,
    rows: usize,
    values: usize,
}

impl Validity {
    fn clear(&mut self) {
        self.bits.clear();
        (self.rest, self.rows, self.values) = (0, 0, 0);
    }

    #[inline]
    fn push(&mut self, is_valid: bool) {
        self.rest |= u8::from(is_valid) << (self.rows % 8);
        self.rows += 1;
        self.values += usize::from(is_valid);
        if self.rows.is_multiple_of(8) {
            self.bits.push(self.rest);
            self.rest = 0;
        }
    }

    /// Appends the levels: their length in bytes, then one run.
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        if self.values == 0 || self.values == self.rows {
            write_varint((self.rows as u64) << 1, out);
            out.push(u8::from(self.values > 0));
        } else {
            write_varint((self.rows.div_ceil(8) as u64) << 1 | 1, out);
            out.extend_from_slice(&self.bits);
            if !self.rows.is_multiple_of(8) {
                out.push(self.rest);
            }
        }
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(prefix) = out.get_mut(start..start + 4) {
            prefix.copy_from_slice(&length.to_le_bytes());
        }
    }
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends dictionary positions in the hybrid of runs and bit packing: whichever of the two is smaller for the whole page.
fn write_positions(positions: &[u16], entries: usize, out: &mut Vec<u8>) {
    let width = (usize::BITS - entries.saturating_sub(1).leading_zeros()) as usize;
    out.push(width as u8);
    let packed_bytes = positions.len().div_ceil(8) * width;
    let runs = 1 + positions.iter().zip(positions.iter().skip(1)).filter(|(left, right)| left != right).count();
    if runs * (3 + width.div_ceil(8)) < packed_bytes || width == 0 {
        for run in positions.chunk_by(|left, right| left == right) {
            write_varint((run.len() as u64) << 1, out);
            let value = run.first().copied().unwrap_or(0).to_le_bytes();
            out.extend_from_slice(value.get(..width.div_ceil(8)).unwrap_or_default());
        }
        return;
    }
    write_varint((positions.len().div_ceil(8) as u64) << 1 | 1, out);
    let end = out.len() + packed_bytes;
    out.reserve(packed_bytes + 8);
    let (mut bits, mut filled) = (0_u64, 0);
    for position in positions {
        bits |= u64::from(*position) << filled;
        filled += width;
        if filled >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.resize(end, 0);
}

/// Buffers that all columns of an object use one after another.
pub(super) struct Scratch {
    encoder: snap::raw::Encoder,
    compressed: Vec<u8>,
    /// The levels and values of the page that is being filled.
    body: Vec<u8>,
    /// Its values, while they wait for the levels that stand before them.
    plain: Vec<u8>,
    positions: Vec<u16>,
    validity: Validity,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            encoder: snap::raw::Encoder::new(),
            compressed: Vec::new(),
            body: Vec::new(),
            plain: Vec::new(),
            positions: Vec::new(),
            validity: Validity::default(),
        }
    }
}

impl Scratch {
    /// `bytes` compressed.
    fn compress(&mut self, bytes: &[u8]) -> Result<&[u8]> {
        let most = snap::raw::max_compress_len(bytes.len());
        if self.compressed.len() < most {
            self.compressed.resize(most, 0);
        }
        let length =
            self.encoder.compress(bytes, &mut self.compressed).map_err(|error| ParquetError::External(error.into()))?;
        Ok(self.compressed.get(..length).unwrap_or_default())
    }
}

/// Writes the pages of one column.
pub(super) struct ColumnChunk<'s> {
    description: ColumnDescPtr,
    statistics: Option<Statistics>,
    nullable: bool,
    /// Strings carry their length, numbers do not.
    length_prefixed: bool,
    scratch: &'s mut Scratch,
}

impl<'s> ColumnChunk<'s> {
    /// A column of strings (`length_prefixed`) or of numbers.
    pub fn new(
        description: &ColumnDescPtr,
        length_prefixed: bool,
        statistics: Option<Statistics>,
        scratch: &'s mut Scratch,
    ) -> Self {
        let nullable = description.max_def_level() > 0;
        Self { description: description.clone(), statistics, nullable, length_prefixed, scratch }
    }

    /// The pages and metadata of the values in the order of `rows`.
    pub fn write(
        self,
        values: &ColumnValues,
        rows: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        if values.values() == 0 && self.nullable {
            return self.write_plain(rows.map(|_| None));
        }
        if let Some((dictionary, positions)) = values.as_dictionary() {
            let plain_bytes = values.value_bytes() + if self.length_prefixed { 4 * values.values() } else { 0 };
            if dictionary.page().len() + values.values() * 2 < plain_bytes {
                return self.write_positions(dictionary, positions, rows);
            }
        }
        self.write_plain(rows.map(|row| values.value(row)))
    }

    fn write_positions(
        self,
        dictionary: &Dictionary,
        positions: &[u16],
        order: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let mut placed = std::mem::take(&mut self.scratch.positions);
        let mut body = std::mem::take(&mut self.scratch.body);
        placed.clear();
        body.clear();
        let rows = order.len();
        placed.extend(order.map(|row| positions[row]));
        if self.nullable {
            let validity = &mut self.scratch.validity;
            validity.clear();
            placed.iter().for_each(|position| validity.push(*position != NO_POSITION));
            validity.write(&mut body);
            if validity.values < validity.rows {
                placed.retain(|position| *position != NO_POSITION);
            }
        }
        write_positions(&placed, dictionary.len(), &mut body);
        let mut pages = PageSink::with_capacity(dictionary.page().len() + body.len());
        pages.write_dictionary(dictionary, self.scratch)?;
        pages.write_data(&body, rows, Encoding::RLE_DICTIONARY, self.scratch)?;
        self.scratch.positions = placed;
        self.scratch.body = body;
        pages.finish(&self.description, rows, self.statistics)
    }

    /// The pages and metadata of values in PLAIN encoding.
    pub fn write_plain<'v>(
        self,
        values: impl ExactSizeIterator<Item = Option<&'v [u8]>>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let rows = values.len();
        let mut pages = PageSink::with_capacity(0);
        let scratch = self.scratch;
        let mut plain = std::mem::take(&mut scratch.plain);
        let mut rows_in_page = 0;
        plain.clear();
        scratch.validity.clear();
        for (row, value) in (1..).zip(values) {
            rows_in_page += 1;
            if self.nullable {
                scratch.validity.push(value.is_some());
            }
            if let Some(value) = value {
                if self.length_prefixed {
                    // Limits keep a text far below 4 GiB.
                    plain.extend_from_slice(&(value.len() as u32).to_le_bytes());
                }
                plain.extend_from_slice(value);
            }
            if plain.len() >= PAGE_BYTES || row == rows {
                pages.write_plain(&mut plain, std::mem::take(&mut rows_in_page), self.nullable, scratch)?;
            }
        }
        scratch.plain = plain;
        pages.finish(&self.description, rows, self.statistics)
    }
}

/// Whether compressing saves a fifth (less is not worth the time), judged by the beginning of the first page.
fn is_worth_compressing(body: &[u8], scratch: &mut Scratch) -> bool {
    let sample = body.get(..SAMPLE_BYTES).unwrap_or(body);
    scratch.compress(sample).is_ok_and(|compressed| compressed.len() * 5 < sample.len() * 4)
}

/// The pages of one column chunk as bytes.
struct PageSink {
    bytes: Vec<u8>,
    uncompressed: usize,
    dictionary_bytes: Option<usize>,
    is_compressed: bool,
    encodings: Vec<Encoding>,
}

impl PageSink {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            uncompressed: 0,
            dictionary_bytes: None,
            is_compressed: true,
            encodings: vec![Encoding::RLE],
        }
    }

    /// What of a page is stored: its body, compressed if that is worth it.
    fn stored<'b>(is_compressed: bool, body: &'b [u8], scratch: &'b mut Scratch) -> Result<&'b [u8]> {
        if is_compressed { scratch.compress(body) } else { Ok(body) }
    }

    /// Counts a page of which the stored bytes and the header were just written behind `start`.
    fn count(&mut self, start: usize, stored: usize, uncompressed: usize, encoding: Encoding) {
        self.uncompressed += self.bytes.len() - start - stored + uncompressed;
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
    }

    fn write_dictionary(&mut self, dictionary: &Dictionary, scratch: &mut Scratch) -> Result<()> {
        let (start, body) = (self.bytes.len(), dictionary.page());
        let stored = Self::stored(self.is_compressed, body, scratch)?;
        page_crc::write_dictionary_page(stored, body.len(), dictionary.len(), &mut self.bytes)?;
        self.count(start, stored.len(), body.len(), Encoding::PLAIN);
        self.dictionary_bytes = Some(self.bytes.len());
        Ok(())
    }

    /// Writes the page of the levels in `scratch` and the values in `plain`, and makes both empty.
    fn write_plain(&mut self, plain: &mut Vec<u8>, rows: usize, nullable: bool, scratch: &mut Scratch) -> Result<()> {
        let mut body = std::mem::take(&mut scratch.body);
        body.clear();
        if nullable {
            scratch.validity.write(&mut body);
            scratch.validity.clear();
        }
        if body.is_empty() {
            std::mem::swap(&mut body, plain);
        } else {
            body.extend_from_slice(plain);
        }
        plain.clear();
        if self.uncompressed == 0 {
            self.is_compressed = is_worth_compressing(&body, scratch);
        }
        self.write_data(&body, rows, Encoding::PLAIN, scratch)?;
        scratch.body = body;
        Ok(())
    }

    fn write_data(&mut self, body: &[u8], rows: usize, encoding: Encoding, scratch: &mut Scratch) -> Result<()> {
        let start = self.bytes.len();
        let stored = Self::stored(self.is_compressed, body, scratch)?;
        page_crc::write_data_page(stored, body.len(), rows, encoding, &mut self.bytes)?;
        self.count(start, stored.len(), body.len(), encoding);
        Ok(())
    }

    fn finish(
        self,
        description: &ColumnDescPtr,
        rows: usize,
        statistics: Option<Statistics>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let compression = if self.is_compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
        let bytes = Bytes::from(self.bytes);
        let mut metadata = ColumnChunkMetaData::builder(description.clone())
            .set_compression(compression)
            .set_encodings(self.encodings)
            .set_num_values(signed(rows)?)
            .set_total_compressed_size(signed(bytes.len())?)
            .set_total_uncompressed_size(signed(self.uncompressed)?)
            .set_dictionary_page_offset(self.dictionary_bytes.map(|_| 0))
            .set_data_page_offset(signed(self.dictionary_bytes.unwrap_or(0))?);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes, close))
    }
}

fn too_many<T>(_: T) -> ParquetError {
    ParquetError::General("more rows or bytes than a page can count".to_owned())
}

fn signed(length: usize) -> Result<i64> {
    i64::try_from(length).map_err(too_many)
}
