//! A Parquet file as a whole: its description stands at its end, so it has to be there before anything can be read.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::reader::broken_content;

/// Files below this size stay in memory (16 MiB); larger ones lie in an unnamed temporary file.
const IN_MEMORY_BYTES: usize = 16 * 1024 * 1024;

/// An object's bytes, all of them, to be read anywhere.
pub(crate) struct Spool {
    content: Content,
    length: u64,
    /// Why the object could not be read to its end, if so: its compressed stream breaks, or it is too large.
    pub broken: Option<String>,
}

enum Content {
    Memory(Bytes),
    Disk(File),
}

impl Spool {
    /// Takes in everything there is. Fails if the bytes cannot be had or not be stored.
    pub(crate) fn fill(input: &mut dyn BufRead) -> io::Result<Self> {
        let mut memory = Vec::new();
        let mut disk: Option<File> = None;
        let mut length = 0_u64;
        let mut broken = None;
        loop {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let Some(reason) = broken_content(&error) else { return Err(error) };
                    broken = Some(reason.to_string());
                    break;
                }
            };
            if chunk.is_empty() {
                break;
            }
            let count = chunk.len();
            if disk.is_none() && memory.len() + count > IN_MEMORY_BYTES {
                let mut file = tempfile::tempfile()?;
                file.write_all(&memory)?;
                memory = Vec::new();
                disk = Some(file);
            }
            match &mut disk {
                Some(file) => file.write_all(chunk)?,
                None => memory.extend_from_slice(chunk),
            }
            length += count as u64;
            input.consume(count);
        }
        let content = disk.map_or_else(|| Content::Memory(Bytes::from(memory)), Content::Disk);
        Ok(Self { content, length, broken })
    }

    /// The file from its beginning.
    pub(crate) fn reader(&self) -> io::Result<impl BufRead> {
        let file = self.get_read(0).map_err(io::Error::other)?;
        Ok(io::BufReader::new(file))
    }

    /// At most `limit` bytes from `start`; fewer where the file ends.
    pub(super) fn some_bytes(&self, start: u64, limit: usize) -> Bytes {
        let left = usize::try_from(self.length.saturating_sub(start)).unwrap_or(usize::MAX);
        self.get_bytes(start, limit.min(left)).unwrap_or_default()
    }

    /// The same file for a reader that wants one of its own.
    pub(super) fn share(&self) -> io::Result<Self> {
        let content = match &self.content {
            Content::Memory(bytes) => Content::Memory(bytes.clone()),
            Content::Disk(file) => Content::Disk(file.try_clone()?),
        };
        Ok(Self { content, length: self.length, broken: None })
    }

    fn check_range(&self, start: u64, length: u64) -> Result<()> {
        let is_inside = start.checked_add(length).is_some_and(|end| end <= self.length);
        is_inside.then_some(()).ok_or_else(|| {
            ParquetError::EOF(format!("{length} bytes at byte {start} lie outside a file of {} bytes", self.length))
        })
    }
}

impl Length for Spool {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Spool {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.check_range(start, 0)?;
        match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(start)?;
                Ok(Box::new(bytes.slice(start..).reader()))
            }
            Content::Disk(file) => Ok(Box::new(file.get_read(start)?)),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.check_range(start, length as u64)?;
        match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(start)?;
                Ok(bytes.slice(start..start + length))
            }
            Content::Disk(file) => {
                let mut buffer = vec![0; length];
                // Nothing else moves the file's position while this reads.
                let mut file: &File = file;
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut buffer)?;
                Ok(Bytes::from(buffer))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_files_read_alike() {
        for length in [100, IN_MEMORY_BYTES + 100] {
            let content: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let spool = Spool::fill(&mut &content[..]).unwrap();
            assert_eq!(matches!(spool.content, Content::Disk(_)), length > IN_MEMORY_BYTES);
            assert_eq!(spool.len(), length as u64);
            let end = length as u64 - 10;
            assert_eq!(spool.get_bytes(end, 10).unwrap(), content[length - 10..]);
            assert_eq!(spool.some_bytes(end, 1_000), content[length - 10..]);
            assert_eq!(spool.some_bytes(end + 11, 5), b""[..]);
            let mut read = Vec::new();
            spool.share().unwrap().get_read(end).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, content[length - 10..]);
            assert!(spool.get_bytes(end, 11).is_err());
            assert!(spool.get_bytes(u64::MAX, 1).is_err());
            assert!(spool.get_read(u64::MAX).is_err());
        }
    }
}
