//! Takes gzip or zstd off an object, as a stream.
//!
//! Two kinds of failure are told apart: the bytes cannot be had (the network, the disk: an ordinary `io::Error`, trying
//! again helps), and the bytes are there but are no whole gzip or zstd stream ([`broken_content`], trying again does not
//! help). Whatever was inflated before a break is delivered first.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{self, DParameter, InBuffer, Operation, OutBuffer};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 128 * 1024;
/// How much `fill_buf` gives at least, unless the object is smaller.
const HEAD_BYTES: usize = 16 * 1024;
/// The largest zstd window that is accepted (2^27 B = 128 MiB), as the `zstd` command does.
const ZSTD_WINDOW_LOG: u32 = 27;
/// The bytes of a zstd block's header (RFC 8878 section 3.1.1.2).
const ZSTD_BLOCK_HEADER_BYTES: usize = 3;
/// The most bytes of a zstd block (RFC 8878 section 3.1.1.2.4).
const ZSTD_BLOCK_BYTES: usize = 128 * 1024;

/// How an object was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
}

/// The reason inside an `io::Error` that says: the content itself is broken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BrokenContent(String);

/// The bytes below the decoder could not be had; wrapped so that it is not taken for broken content.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unavailable(io::Error);

/// Why the content is broken, if that is what an error says.
pub(crate) fn broken_content(error: &io::Error) -> Option<&BrokenContent> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn broken(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, BrokenContent(reason.into()))
}

/// Opens an object: looks at its first bytes and inflates gzip (also several members) or zstd (also several frames).
/// Reading more than `max_inflated_bytes` is a break. Fails if the first bytes cannot be had.
pub fn open<R: Read>(object: R, max_inflated_bytes: u64) -> io::Result<ObjectReader<R>> {
    let mut input =
        BufReader::with_capacity(BUFFER_BYTES, Raw { inner: object, head: [0; 4], head_length: 0, head_given: 0 });
    input.get_mut().read_head()?;
    let raw = input.get_ref();
    let head = raw.head.get(..raw.head_length).unwrap_or_default();
    let (compression, decoder) = if head.starts_with(&GZIP_MAGIC) {
        (Compression::Gzip, Decoder::Gzip(Gzip::new(input)))
    } else if head.starts_with(&ZSTD_MAGIC) {
        (Compression::Zstd, Decoder::Zstd(Zstd::new(input)?))
    } else {
        (Compression::None, Decoder::Plain(input))
    };
    let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
    Ok(ObjectReader {
        decoder,
        compression,
        buffer,
        start: 0,
        end: 0,
        left: max_inflated_bytes,
        ended: false,
        failure: None,
    })
}

/// An object's content, inflated as it is read.
pub struct ObjectReader<R: Read> {
    decoder: Decoder<R>,
    compression: Compression,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    left: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl<R: Read> ObjectReader<R> {
    /// How the object was compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }
}

impl<R: Read> ObjectReader<R> {
    /// Reads on until at least [`HEAD_BYTES`] are there or the object ends, so that `fill_buf` always gives a source enough
    /// to sniff. A failure behind bytes that were read is kept for the next call.
    fn refill(&mut self) -> io::Result<()> {
        (self.start, self.end) = (0, 0);
        if let Some(error) = self.failure.take() {
            self.ended = broken_content(&error).is_some();
            return Err(error);
        }
        while self.end < HEAD_BYTES && !self.ended {
            let Some(free) = self.buffer.get_mut(self.end..) else { break };
            let failure = match self.decoder.read(free) {
                Ok(0) => {
                    self.ended = true;
                    continue;
                }
                Ok(count) if count as u64 <= self.left => {
                    self.left -= count as u64;
                    self.end += count;
                    continue;
                }
                Ok(_) => broken("the object is larger than allowed after inflating"),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Unavailable>()) => unwrap(error),
                Err(error) if broken_content(&error).is_some() => error,
                Err(error) => broken(format!("the object is broken: {error}")),
            };
            if self.end > 0 {
                self.failure = Some(failure);
                break;
            }
            self.ended = broken_content(&failure).is_some();
            return Err(failure);
        }
        Ok(())
    }
}

impl<R: Read> BufRead for ObjectReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.refill()?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl<R: Read> Read for ObjectReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

fn unwrap(error: io::Error) -> io::Error {
    match error.downcast::<Unavailable>() {
        Ok(Unavailable(inner)) => inner,
        Err(error) => error,
    }
}

/// The bytes as they come, with the first four given twice: to `open`, and to the decoder.
struct Raw<R> {
    inner: R,
    head: [u8; 4],
    head_length: usize,
    head_given: usize,
}

impl<R: Read> Raw<R> {
    fn read_head(&mut self) -> io::Result<()> {
        while let Some(rest) = self.head.get_mut(self.head_length..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) => break,
                Ok(count) => self.head_length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if let Some(mut rest) = self.head.get(self.head_given..self.head_length).filter(|rest| !rest.is_empty()) {
            let count = rest.read(target)?;
            self.head_given += count;
            return Ok(count);
        }
        loop {
            match self.inner.read(target) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::new(error.kind(), Unavailable(error))),
            }
        }
    }
}

enum Decoder<R: Read> {
    Plain(BufReader<Raw<R>>),
    Gzip(Gzip<R>),
    Zstd(Zstd<R>),
}

impl<R: Read> Decoder<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Plain(input) => input.read(target),
            Decoder::Gzip(gzip) => gzip.read(target),
            Decoder::Zstd(zstd) => zstd.read(target),
        }
    }
}

/// gzip members one after the other. Unlike `flate2`'s reader it gives out what was inflated in the very step that failed.
struct Gzip<R: Read> {
    input: BufReader<Raw<R>>,
    inflater: Decompress,
    /// Between two members, where the stream may end.
    between: bool,
    failed: Option<&'static str>,
}

impl<R: Read> Gzip<R> {
    fn new(input: BufReader<Raw<R>>) -> Self {
        Self { input, inflater: Decompress::new_gzip(15), between: false, failed: None }
    }

    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(reason) = self.failed {
                return Err(broken(reason));
            }
            let available = self.input.fill_buf()?;
            if self.between {
                match available.first() {
                    None => return Ok(0),
                    // Zero bytes after the last member are padding, as the `gzip` command sees it.
                    Some(0) => {
                        let padding = available.iter().take_while(|byte| **byte == 0).count();
                        self.input.consume(padding);
                        continue;
                    }
                    Some(byte) if *byte == GZIP_MAGIC[0] => {
                        self.inflater = Decompress::new_gzip(15);
                        self.between = false;
                    }
                    Some(_) => {
                        self.failed = Some("bytes that are not gzip follow the gzip stream");
                        continue;
                    }
                }
                continue;
            }
            // With no input left this still gives out what the inflater holds back.
            let at_end = available.is_empty();
            let (before_in, before_out) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(available, target, FlushDecompress::None);
            let taken = usize::try_from(self.inflater.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(self.inflater.total_out() - before_out).unwrap_or(usize::MAX);
            self.input.consume(taken);
            match status {
                Ok(Status::StreamEnd) => self.between = true,
                Ok(Status::Ok | Status::BufError) if taken == 0 && given == 0 => {
                    self.failed =
                        Some(if at_end { "the gzip stream is cut off" } else { "the gzip stream makes no progress" });
                }
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => self.failed = Some("the gzip stream is broken"),
            }
            if given > 0 {
                return Ok(given);
            }
        }
    }
}

/// zstd frames one after the other. The library forgets what it inflated in a step that fails, and how much a step does depends on
/// how much it is given. Here it is given one part of a frame at a time (the frame's header, a block's header, a block), and each
/// one whole: what comes before a broken part is given out, and is the same however the bytes come.
struct Zstd<R: Read> {
    input: BufReader<Raw<R>>,
    inflater: raw::Decoder<'static>,
    /// The part that the library is given, and how much of it was taken.
    part: Vec<u8>,
    taken: usize,
    /// How many bytes the library would take next; 0 between two frames, where the stream may end.
    wanted: usize,
    failed: Option<String>,
}

impl<R: Read> Zstd<R> {
    fn new(input: BufReader<Raw<R>>) -> io::Result<Self> {
        let mut inflater = raw::Decoder::new()?;
        inflater.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { input, inflater, part: Vec::new(), taken: 0, wanted: 0, failed: None })
    }

    /// Reads the next part, or what is left of the object.
    fn next_part(&mut self) -> io::Result<()> {
        // Of a block the library wants the header of the next one, too. Only a frame to be skipped is longer than a block.
        let length = match self.wanted {
            0 => 1,
            few if few <= ZSTD_BLOCK_HEADER_BYTES => few,
            more => (more - ZSTD_BLOCK_HEADER_BYTES).min(ZSTD_BLOCK_BYTES),
        };
        self.taken = 0;
        self.part.clear();
        while self.part.len() < length {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let count = available.len().min(length - self.part.len());
            self.part.extend_from_slice(available.get(..count).unwrap_or_default());
            self.input.consume(count);
        }
        Ok(())
    }

    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(reason) = &self.failed {
                return Err(broken(reason.clone()));
            }
            if self.taken == self.part.len() {
                self.next_part()?;
            }
            let at_end = self.part.is_empty();
            if at_end && self.wanted == 0 {
                return Ok(0);
            }
            let mut from = InBuffer::around(self.part.get(self.taken..).unwrap_or_default());
            let mut to = OutBuffer::around(&mut *target);
            match self.inflater.run(&mut from, &mut to) {
                Ok(wanted) => {
                    self.wanted = wanted;
                    self.taken += from.pos();
                    match to.pos() {
                        // With nothing left the library still gives out what it holds back.
                        0 if at_end => self.failed = Some("the zstd stream is cut off".to_owned()),
                        0 => {}
                        given => return Ok(given),
                    }
                }
                Err(error) => self.failed = Some(format!("the zstd stream is broken: {error}")),
            }
        }
    }
}
