//! zstd, block by block.

use std::io::{self, BufRead, BufReader, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::raw::{Raw, broken};

/// The largest zstd window that is accepted (2^27 B = 128 MiB), as the `zstd` command does.
const WINDOW_LOG: u32 = 27;
/// The bytes of a zstd block's header (RFC 8878 section 3.1.1.2).
const BLOCK_HEADER_BYTES: usize = 3;
/// The most bytes of a zstd block (RFC 8878 section 3.1.1.2.4).
const BLOCK_BYTES: usize = 128 * 1024;

/// zstd frames one after the other. The library forgets what it inflated in a step that fails, and how much a step does depends on
/// how much it is given. Here it is given one part of a frame at a time (the frame's header, a block's header, a block), and each
/// one whole: what comes before a broken part is given out, and is the same however the bytes come.
pub(super) struct Zstd<R: Read> {
    input: BufReader<Raw<R>>,
    inflater: Decoder<'static>,
    /// The part that the library is given, and how much of it was taken.
    part: Vec<u8>,
    taken: usize,
    /// How many bytes the library would take next; 0 between two frames, where the stream may end.
    wanted: usize,
    failed: Option<String>,
}

impl<R: Read> Zstd<R> {
    pub(super) fn new(input: BufReader<Raw<R>>) -> io::Result<Self> {
        let mut inflater = Decoder::new()?;
        inflater.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self { input, inflater, part: Vec::new(), taken: 0, wanted: 0, failed: None })
    }

    /// Reads the next part, or what is left of the object.
    fn next_part(&mut self) -> io::Result<()> {
        // Of a block the library wants the header of the next one, too. Only a frame to be skipped is longer than a block.
        let length = match self.wanted {
            0 => 1,
            few if few <= BLOCK_HEADER_BYTES => few,
            more => (more - BLOCK_HEADER_BYTES).min(BLOCK_BYTES),
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

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
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
