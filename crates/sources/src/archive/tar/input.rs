//! The bytes of a tar archive, block by block and member by member.

use std::io::{self, BufRead, Read};

use super::header::{BLOCK_BYTES, Block};
use crate::archive::budget::reason_of;
use crate::reader::{broken, broken_content};

/// Where in the last block of a sparse file's map it is said whether another one follows.
const SPARSE_GOES_ON: usize = 504;

/// What comes next in an archive.
pub(super) enum Next {
    Block(Box<Block>),
    /// Nothing; or a rest that is shorter than a block and is not empty.
    End {
        rest: Vec<u8>,
    },
    /// The archive's own bytes break here: why.
    Broken(String),
}

/// The bytes of an archive.
pub(super) struct Input<'i> {
    inner: &'i mut dyn BufRead,
    position: u64,
    /// Whether a member's reader was told that the archive breaks off.
    has_told: bool,
    /// Why the archive broke while bytes were skipped; the next block says so.
    broken: Option<String>,
}

impl<'i> Input<'i> {
    pub(super) fn new(inner: &'i mut dyn BufRead) -> Self {
        Self { inner, position: 0, has_told: false, broken: None }
    }

    /// The position of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether a member's reader was told that the archive breaks off.
    pub(super) fn has_told(&self) -> bool {
        self.has_told
    }

    /// The bytes that are there; empty at the end.
    fn available(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.inner.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.position += count as u64;
    }

    /// At most `length` bytes: fewer where the archive ends. Second: why it breaks there, if it does.
    fn bytes(&mut self, length: usize) -> io::Result<(Vec<u8>, Option<String>)> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let chunk = match self.available() {
                Ok([]) => break,
                Ok(chunk) => chunk,
                Err(error) => return Ok((bytes, Some(reason_of(error)?))),
            };
            let count = chunk.len().min(length - bytes.len());
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            self.consume(count);
        }
        Ok((bytes, None))
    }

    /// The next block.
    pub(super) fn block(&mut self) -> io::Result<Next> {
        if let Some(reason) = self.broken.take() {
            return Ok(Next::Broken(reason));
        }
        let (bytes, broken) = self.bytes(BLOCK_BYTES)?;
        if let Some(reason) = broken {
            return Ok(Next::Broken(reason));
        }
        Ok(match Block::try_from(bytes) {
            Ok(block) => Next::Block(Box::new(block)),
            Err(rest) => Next::End { rest },
        })
    }

    /// Some bytes; fewer where the archive ends or breaks, which the next block says.
    pub(super) fn some(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let (bytes, broken) = self.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.broken = broken;
        Ok(bytes)
    }

    /// Skips the rest of a sparse file's map.
    pub(super) fn skip_sparse_map(&mut self) -> io::Result<()> {
        while let Next::Block(block) = self.block()? {
            if block.get(SPARSE_GOES_ON).is_none_or(|flag| *flag == 0) {
                break;
            }
        }
        Ok(())
    }

    /// Skips what lies before a position; less where the archive ends or breaks.
    pub(super) fn skip_to(&mut self, end: u64) -> io::Result<()> {
        while self.position < end {
            let left = usize::try_from(end - self.position).unwrap_or(usize::MAX);
            let count = match self.available() {
                Ok([]) => break,
                Ok(chunk) => chunk.len().min(left),
                Err(error) => {
                    self.broken = Some(reason_of(error)?);
                    break;
                }
            };
            self.consume(count);
        }
        Ok(())
    }
}

/// The content of a member.
pub(super) struct Content<'c, 'i> {
    input: &'c mut Input<'i>,
    left: u64,
}

impl<'c, 'i> Content<'c, 'i> {
    pub(super) fn new(input: &'c mut Input<'i>, size: u64) -> Self {
        Self { input, left: size }
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || target.is_empty() {
            return Ok(0);
        }
        let length = target.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(target) = target.get_mut(..length) else { return Ok(0) };
        let failure = match self.input.available() {
            Ok([]) => broken("the archive is cut off in this member; what followed it is missing"),
            Ok(mut chunk) => {
                let count = chunk.read(target)?;
                self.input.consume(count);
                self.left -= count as u64;
                return Ok(count);
            }
            Err(error) => error,
        };
        if broken_content(&failure).is_some() {
            self.input.has_told = true;
            self.left = 0;
        }
        Err(failure)
    }
}
