//! One column of a landing object as Parquet pages (format: parquet-format `Encodings.md`, data pages of version 1).
//!
//! The columns are encoded straight from the events, not by way of Arrow: most of the time that goes into a landing object is
//! spent here. A column begins with a dictionary where its values are expected to repeat and gives it up when they do not.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;

/// A page is closed when its plain values reach this many bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// After this many values a dictionary must have paid.
const DICTIONARY_TRIAL: usize = 4_096;
/// How much of a page is compressed to see whether it is worth it.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Which rows of the page have a value, as definition levels.
#[derive(Debug, Default)]
struct Validity {
    /// One bit a row, lowest first: exactly what a bit-packed run of levels is.
    bits: Vec<u8>,
    rows: usize,
    values: usize,
}

impl Validity {
    #[inline]
    fn push(&mut self, is_valid: bool) {
        if self.rows.is_multiple_of(8) {
            self.bits.push(0);
        }
        if let Some(last) = self.bits.last_mut() {
            *last |= u8::from(is_valid) << (self.rows % 8);
        }
        self.rows += 1;
        self.values += usize::from(is_valid);
    }

    /// Appends the levels: their length in bytes, then one run.
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        if self.values == 0 || self.values == self.rows {
            write_varint((self.rows as u64) << 1, out);
            out.push(u8::from(self.values > 0));
        } else {
            write_varint((self.bits.len() as u64) << 1 | 1, out);
            out.extend_from_slice(&self.bits);
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
fn write_positions(positions: &[u16], runs: usize, entries: usize, out: &mut Vec<u8>) {
    let width = (usize::BITS - entries.saturating_sub(1).leading_zeros()) as usize;
    out.push(width as u8);
    let packed_bytes = positions.len().div_ceil(8) * width;
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

/// The dictionary of a column and, for each of its values so far, its position in it.
#[derive(Debug)]
struct Positions {
    dictionary: Dictionary,
    positions: Vec<u16>,
    runs: usize,
    /// What the values would take up in PLAIN encoding.
    plain_bytes: usize,
}

/// Buffers that all columns of an object use one after another.
pub(super) struct Scratch {
    encoder: snap::raw::Encoder,
    compressed: Vec<u8>,
    body: Vec<u8>,
}

impl Scratch {
    pub fn new() -> Self {
        Self { encoder: snap::raw::Encoder::new(), compressed: Vec::new(), body: Vec::new() }
    }

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

/// Collects the values of one column.
pub(super) struct ColumnChunk {
    /// Strings carry their length, numbers do not.
    length_prefixed: bool,
    nullable: bool,
    validity: Validity,
    positions: Option<Positions>,
    /// Values of the page in PLAIN encoding, unless there is a dictionary.
    plain: Vec<u8>,
    /// Plain pages that are closed: levels and values.
    closed: Vec<(Vec<u8>, usize)>,
    rows: usize,
    rows_in_page: usize,
}

impl ColumnChunk {
    /// A column of strings (`length_prefixed`) or of numbers; `repeats` says that values are expected to repeat.
    pub fn new(length_prefixed: bool, nullable: bool, repeats: bool) -> Self {
        let positions = repeats.then(|| Positions {
            dictionary: Dictionary::new(length_prefixed),
            positions: Vec::new(),
            runs: 0,
            plain_bytes: 0,
        });
        Self {
            length_prefixed,
            nullable,
            validity: Validity::default(),
            positions,
            plain: Vec::new(),
            closed: Vec::new(),
            rows: 0,
            rows_in_page: 0,
        }
    }

    /// Appends a value or, to a nullable column, none.
    #[inline(never)]
    pub fn push(&mut self, value: Option<&[u8]>) {
        self.rows += 1;
        self.rows_in_page += 1;
        if self.nullable {
            self.validity.push(value.is_some());
        }
        let Some(value) = value else { return };
        let Some(positions) = &mut self.positions else { return self.push_plain(value) };
        if !positions.push(value, self.length_prefixed) {
            self.give_up_dictionary(value);
        }
    }

    #[inline]
    fn push_plain(&mut self, value: &[u8]) {
        if self.length_prefixed {
            // Limits keep a text far below 4 GiB.
            self.plain.extend_from_slice(&(value.len() as u32).to_le_bytes());
        }
        self.plain.extend_from_slice(value);
        if self.plain.len() >= PAGE_BYTES {
            self.close_page();
        }
    }

    /// Writes all values so far plain, then `value`.
    #[cold]
    fn give_up_dictionary(&mut self, value: &[u8]) {
        self.write_plain_instead();
        self.push_plain(value);
    }

    fn write_plain_instead(&mut self) {
        let Some(Positions { dictionary, positions, plain_bytes, .. }) = self.positions.take() else { return };
        self.plain.reserve(plain_bytes);
        for position in positions {
            let value = dictionary.value(usize::from(position));
            if self.length_prefixed {
                self.plain.extend_from_slice(&(value.len() as u32).to_le_bytes());
            }
            self.plain.extend_from_slice(value);
        }
    }

    fn levels(&self) -> Vec<u8> {
        let mut levels = Vec::new();
        if self.nullable {
            self.validity.write(&mut levels);
        }
        levels
    }

    fn close_page(&mut self) {
        let mut body = self.levels();
        body.append(&mut self.plain);
        self.closed.push((body, std::mem::take(&mut self.rows_in_page)));
        self.validity = Validity::default();
    }

    /// The pages and their metadata.
    pub fn finish(
        mut self,
        description: &ColumnDescPtr,
        statistics: Option<Statistics>,
        scratch: &mut Scratch,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let dictionary_pays = self.positions.as_ref().is_some_and(Positions::pays);
        if !dictionary_pays {
            self.write_plain_instead();
        }
        let mut pages = PageSink::new();
        if let Some(Positions { dictionary, positions, runs, .. }) = self.positions.take() {
            let mut body = std::mem::take(&mut scratch.body);
            body.clear();
            pages.write_dictionary(&dictionary, scratch)?;
            if self.nullable {
                self.validity.write(&mut body);
            }
            write_positions(&positions, runs, dictionary.len(), &mut body);
            pages.write_data(&body, self.rows, Encoding::RLE_DICTIONARY, scratch)?;
            scratch.body = body;
        } else {
            if self.rows_in_page > 0 {
                self.close_page();
            }
            pages.is_compressed = self.closed.first().is_none_or(|(body, _)| is_worth_compressing(body, scratch));
            for (body, rows) in &self.closed {
                pages.write_data(body, *rows, Encoding::PLAIN, scratch)?;
            }
        }
        pages.finish(description, self.rows, statistics)
    }
}

impl Positions {
    /// Takes a value in; false if the dictionary has no room for it or does not pay.
    #[inline]
    fn push(&mut self, value: &[u8], length_prefixed: bool) -> bool {
        if self.positions.len() == DICTIONARY_TRIAL && self.dictionary.len() * 3 >= DICTIONARY_TRIAL * 2 {
            return false;
        }
        let Some(position) = self.dictionary.position_of(value) else { return false };
        self.runs += usize::from(self.positions.last() != Some(&position));
        self.positions.push(position);
        self.plain_bytes += value.len() + if length_prefixed { 4 } else { 0 };
        true
    }

    /// Whether the dictionary and the positions are smaller than the values themselves.
    fn pays(&self) -> bool {
        !self.positions.is_empty() && self.dictionary.page().len() + self.positions.len() * 2 < self.plain_bytes
    }
}

/// Whether compressing saves a tenth, judged by the beginning of the first page.
fn is_worth_compressing(body: &[u8], scratch: &mut Scratch) -> bool {
    let sample = body.get(..SAMPLE_BYTES).unwrap_or(body);
    scratch.compress(sample).is_ok_and(|compressed| compressed.len() * 10 < sample.len() * 9)
}

/// The pages of one column chunk as bytes.
struct PageSink {
    bytes: TrackedWrite<Vec<u8>>,
    uncompressed: usize,
    dictionary_bytes: Option<usize>,
    is_compressed: bool,
    encodings: Vec<Encoding>,
}

impl PageSink {
    fn new() -> Self {
        Self {
            bytes: TrackedWrite::new(Vec::new()),
            uncompressed: 0,
            dictionary_bytes: None,
            is_compressed: true,
            encodings: vec![Encoding::RLE],
        }
    }

    fn stored(&self, body: &[u8], scratch: &mut Scratch) -> Result<Bytes> {
        if !self.is_compressed {
            return Ok(Bytes::copy_from_slice(body));
        }
        scratch.compress(body).map(Bytes::copy_from_slice)
    }

    fn write(&mut self, page: Page, uncompressed_bytes: usize) -> Result<()> {
        let encoding = page.encoding();
        let written =
            SerializedPageWriter::new(&mut self.bytes).write_page(CompressedPage::new(page, uncompressed_bytes))?;
        self.uncompressed += written.uncompressed_size;
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        Ok(())
    }

    fn write_dictionary(&mut self, dictionary: &Dictionary, scratch: &mut Scratch) -> Result<()> {
        let page = Page::DictionaryPage {
            buf: self.stored(dictionary.page(), scratch)?,
            num_values: count(dictionary.len())?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.write(page, dictionary.page().len())?;
        self.dictionary_bytes = Some(self.bytes.bytes_written());
        Ok(())
    }

    fn write_data(&mut self, body: &[u8], rows: usize, encoding: Encoding, scratch: &mut Scratch) -> Result<()> {
        let page = Page::DataPage {
            buf: self.stored(body, scratch)?,
            num_values: count(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.write(page, body.len())
    }

    fn finish(
        self,
        description: &ColumnDescPtr,
        rows: usize,
        statistics: Option<Statistics>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let compression = if self.is_compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
        let bytes = Bytes::from(self.bytes.into_inner()?);
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

fn count(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(too_many)
}

fn signed(length: usize) -> Result<i64> {
    i64::try_from(length).map_err(too_many)
}
