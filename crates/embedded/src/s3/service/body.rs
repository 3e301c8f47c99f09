//! The bytes of an object on their way to the client.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use s3s::dto::StreamingBlob;

use super::super::blocking;
use super::super::files::FileError;

/// Bytes read from a file at once.
pub(super) const CHUNK: u64 = 512 << 10;

/// The bytes of a range: the first chunk, which is read already, then the rest as it is asked for.
pub(super) fn body(file: File, wanted: Range<u64>, first: Bytes) -> StreamingBlob {
    let next = wanted.start + first.len() as u64;
    if next >= wanted.end {
        return StreamingBlob::from(s3s::Body::from(first));
    }
    let file = Arc::new(file);
    let rest = futures::stream::unfold((file, next, wanted.end), |(file, next, end)| async move {
        if next >= end {
            return None;
        }
        let source = Arc::clone(&file);
        let chunk = blocking(move || Ok(read_chunk(&source, next, (end - next).min(CHUNK))?)).await;
        let after = match &chunk {
            Ok(chunk) => next + chunk.len() as u64,
            Err(_) => end,
        };
        Some((chunk, (file, after, end)))
    });
    let first = futures::stream::once(async move { Ok(first) });
    StreamingBlob::wrap(futures::StreamExt::chain(first, rest))
}

pub(super) fn read_chunk(file: &File, offset: u64, length: u64) -> Result<Bytes, FileError> {
    let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(Bytes::from(bytes))
}
