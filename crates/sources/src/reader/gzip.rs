//! gzip, step by step.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::raw::{GZIP_MAGIC, Raw, broken};

/// gzip members one after the other. Unlike `flate2`'s reader it gives out what was inflated in the very step that failed.
pub(super) struct Gzip<R: Read> {
    input: BufReader<Raw<R>>,
    inflater: Decompress,
    /// Between two members, where the stream may end.
    between: bool,
    failed: Option<&'static str>,
}

impl<R: Read> Gzip<R> {
    pub(super) fn new(input: BufReader<Raw<R>>) -> Self {
        Self { input, inflater: Decompress::new_gzip(15), between: false, failed: None }
    }

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
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
