//! Objects of envelopes: each value is looked through.

use std::io::BufRead;

use crate::context::ImportContext;
use crate::envelope::LISTS;
use crate::finding::first_values;
use crate::reading::{Verdict, look_at_head, read_json};
use crate::records::Format;
use crate::source::{Confidence, ReadError, Sink, Source, UNKNOWN, UNKNOWN_FORMAT};
use crate::summary::Summary;

/// Bytes by which records are looked for behind a broken envelope.
const MARKER: &[u8] = b"{\"";

/// Reads objects of envelopes, whose payloads are known one by one. What holds them is found in `finding.rs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelopes;

impl Source for Envelopes {
    fn name(&self) -> &'static str {
        UNKNOWN
    }

    fn sniff(&self, _: &[u8], _: &str) -> Confidence {
        Confidence::None
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        _: &str,
        context: &ImportContext,
        sink: &mut dyn Sink,
    ) -> Result<Summary, ReadError> {
        let is_list = match look_at_head(input, sink, |head| first_values(head).1) {
            Ok(is_list) => is_list,
            Err(ended) => return ended,
        };
        let lists: &[&str] = if is_list { &LISTS } else { &[] };
        let format = Format { lists, marker: MARKER, max_record_bytes: context.max_record_bytes };
        read_json(input, format, sink, &mut |_, _, _| Ok(Verdict::Quarantine(UNKNOWN_FORMAT.into())))
    }
}
