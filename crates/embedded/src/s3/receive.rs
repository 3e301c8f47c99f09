//! From a request's body to a file that nobody sees yet.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};

use super::blocking;
use super::files::{Files, Unfinished};

/// Bodies up to this go to the disk in one step, larger ones in steps of about this.
const STEP: usize = 1 << 20;

/// What the client says the body's checksums are.
pub(super) struct Expected {
    pub checksum: Checksum,
    pub content_md5: Option<String>,
    pub trailer: Option<TrailingHeaders>,
    /// The names the client announces for the trailer.
    pub announced: String,
}

impl Expected {
    pub(super) fn new(
        checksum: Checksum,
        content_md5: Option<String>,
        trailer: Option<TrailingHeaders>,
        headers: &HeaderMap,
    ) -> Self {
        let announced = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self { checksum, content_md5, trailer, announced: announced.to_ascii_lowercase() }
    }

    fn hasher(&self) -> ChecksumHasher {
        let wanted = |stated: &Option<String>, name: &str| stated.is_some() || self.announced.contains(name);
        let checksum = &self.checksum;
        ChecksumHasher {
            crc32: wanted(&checksum.checksum_crc32, "x-amz-checksum-crc32").then(Crc32::new),
            crc32c: wanted(&checksum.checksum_crc32c, "x-amz-checksum-crc32c").then(Crc32c::new),
            sha1: wanted(&checksum.checksum_sha1, "x-amz-checksum-sha1").then(Sha1::new),
            sha256: wanted(&checksum.checksum_sha256, "x-amz-checksum-sha256").then(Sha256::new),
            crc64nvme: wanted(&checksum.checksum_crc64nvme, "x-amz-checksum-crc64nvme").then(Crc64Nvme::new),
        }
    }

    /// Compares what was computed with what was stated, in headers or in the trailer.
    fn check(self, computed: &Checksum, md5: Option<String>) -> S3Result<()> {
        let trailer = self.trailer.and_then(|trailer| trailer.take()).unwrap_or_default();
        let stated = &self.checksum;
        let pairs = [
            ("x-amz-checksum-crc32", &computed.checksum_crc32, &stated.checksum_crc32),
            ("x-amz-checksum-crc32c", &computed.checksum_crc32c, &stated.checksum_crc32c),
            ("x-amz-checksum-sha1", &computed.checksum_sha1, &stated.checksum_sha1),
            ("x-amz-checksum-sha256", &computed.checksum_sha256, &stated.checksum_sha256),
            ("x-amz-checksum-crc64nvme", &computed.checksum_crc64nvme, &stated.checksum_crc64nvme),
        ];
        for (name, computed, stated) in pairs {
            let trailing = trailer.get(name).and_then(|value| value.to_str().ok());
            for stated in stated.as_deref().into_iter().chain(trailing) {
                if computed.as_deref() != Some(stated) {
                    let message = format!("the body's checksum is not the one stated in {name}");
                    return Err(S3Error::with_message(S3ErrorCode::BadDigest, message));
                }
            }
        }
        if let Some(stated) = self.content_md5
            && md5.is_some_and(|computed| computed != stated)
        {
            return Err(S3Error::with_message(S3ErrorCode::BadDigest, "the body's MD5 is not the one stated"));
        }
        Ok(())
    }
}

/// A body that came whole and is what the client said.
pub(super) struct Received {
    content: Content,
    /// The checksums that were computed, for the answer.
    pub checksum: Checksum,
}

enum Content {
    Memory(Vec<Bytes>),
    File(Unfinished),
}

impl Received {
    /// Whether there was not a single byte.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Memory(chunks) if chunks.iter().all(Bytes::is_empty))
    }

    /// The body as a file. Blocks.
    pub(super) fn into_unfinished(self, files: &Files) -> io::Result<Unfinished> {
        match self.content {
            Content::File(unfinished) => Ok(unfinished),
            Content::Memory(chunks) => {
                let mut unfinished = files.begin()?;
                for chunk in chunks {
                    unfinished.write(&chunk)?;
                }
                Ok(unfinished)
            }
        }
    }
}

/// Reads a body to its end, past [`STEP`] to disk, and checks it.
pub(super) async fn receive(files: &Arc<Files>, body: Option<StreamingBlob>, expected: Expected) -> S3Result<Received> {
    let mut hasher = expected.hasher();
    let mut md5 = expected.content_md5.is_some().then(Md5::new);
    let mut unfinished: Option<Unfinished> = None;
    let (mut chunks, mut pending) = (Vec::new(), 0_usize);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(broken_body)?;
            hasher.update(&chunk);
            if let Some(md5) = &mut md5 {
                md5.update(&chunk);
            }
            pending += chunk.len();
            chunks.push(chunk);
            if pending > STEP {
                pending = 0;
                unfinished = Some(append(files, unfinished, std::mem::take(&mut chunks)).await?);
            }
        }
    }
    let checksum = hasher.finalize();
    expected.check(&checksum, md5.map(|md5| base64(md5.finalize().as_ref())))?;
    let content = match unfinished {
        None => Content::Memory(chunks),
        Some(file) => Content::File(append(files, Some(file), chunks).await?),
    };
    Ok(Received { content, checksum })
}

async fn append(files: &Arc<Files>, unfinished: Option<Unfinished>, chunks: Vec<Bytes>) -> S3Result<Unfinished> {
    let files = Arc::clone(files);
    blocking(move || {
        let mut unfinished = match unfinished {
            Some(unfinished) => unfinished,
            None => files.begin()?,
        };
        for chunk in chunks {
            unfinished.write(&chunk)?;
        }
        Ok(unfinished)
    })
    .await
}

fn broken_body(error: s3s::StdError) -> S3Error {
    let text = error.to_string();
    let code = if text.contains("Sha256Mismatch") { S3ErrorCode::BadDigest } else { S3ErrorCode::IncompleteBody };
    S3Error::with_message(code, format!("the body is not what its head says: {text}"))
}

/// Standard base64 of a short text of bytes, as the header `Content-MD5` has it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            let is_padding = digit > group.len();
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(if is_padding { '=' } else { char::from(ALPHABET[index as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_rfc_4648_has_it() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
