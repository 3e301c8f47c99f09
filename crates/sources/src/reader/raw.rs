//! An object's bytes before they are inflated, and what can be wrong with them.

use std::io::{self, Read};

/// What gzip begins with.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The reason inside an `io::Error` that says: the content itself is broken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BrokenContent(String);

/// The bytes below the decoder could not be had; wrapped so that it is not taken for broken content.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unavailable(io::Error);

/// Why the content is broken, if that is what an error says.
pub(crate) fn broken_content(error: &io::Error) -> Option<&BrokenContent> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// An error that says so.
pub(crate) fn broken(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, BrokenContent(reason.into()))
}

/// The error below one that says that bytes could not be had.
pub(super) fn unwrap(error: io::Error) -> io::Error {
    match error.downcast::<Unavailable>() {
        Ok(Unavailable(inner)) => inner,
        Err(error) => error,
    }
}

/// The bytes as they come, with the first four given twice: to `open`, and to the decoder.
pub(super) struct Raw<R> {
    inner: R,
    head: [u8; 4],
    head_length: usize,
    head_given: usize,
}

impl<R: Read> Raw<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: [0; 4], head_length: 0, head_given: 0 }
    }

    /// The first bytes, as far as `read_head` got them.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(..self.head_length).unwrap_or_default()
    }

    /// Fails if the first bytes cannot be had.
    pub(super) fn read_head(&mut self) -> io::Result<()> {
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
