//! Takes gzip or zstd off an object, as a stream.
//!
//! Two kinds of failure are told apart: the bytes cannot be had (the network, the disk: an ordinary `io::Error`, trying
//! again helps), and the bytes are there but are no whole gzip or zstd stream ([`broken_content`], trying again does not
//! help). Whatever was inflated before a break is delivered first.

mod gzip;
mod raw;
mod zstd;

use std::io::{self, BufRead, BufReader, Read};

use self::gzip::Gzip;
use self::raw::{GZIP_MAGIC, Raw, Unavailable, unwrap};
use self::zstd::Zstd;

pub(crate) use self::raw::{broken, broken_content};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 128 * 1024;
/// How much `fill_buf` gives at least, unless the object is smaller.
const HEAD_BYTES: usize = 16 * 1024;

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

/// Opens an object: looks at its first bytes and inflates gzip (also several members) or zstd (also several frames).
/// Reading more than `max_inflated_bytes` is a break. Fails if the first bytes cannot be had.
pub fn open<R: Read>(object: R, max_inflated_bytes: u64) -> io::Result<ObjectReader<R>> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, Raw::new(object));
    input.get_mut().read_head()?;
    let head = input.get_ref().head();
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
