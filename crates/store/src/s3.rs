//! The store over S3, by `aws-sdk-s3`: AWS's own, the embedded one, or another that speaks its language.
//!
//! - Every put is conditional (`If-None-Match: *`); 412 is [`Put::Exists`](crate::Put::Exists), 409 is
//!   [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
//! - **Retries are ours**, the SDK's are off: its own retry of a put whose first answer got lost would hand back a 412 without
//!   saying that an unclear try came before. [`S3Store`] tries again by its [`RetryPolicy`]; do not wrap it in
//!   [`Retrying`](crate::retry::Retrying) as well.
//! - **Checksums**: every put and part carries a CRC-32 in a header, computed over bytes in memory. Buckets with Object Lock
//!   demand one; being a header and not a chunked trailer, it also passes stores that know nothing of it. Other requests carry
//!   one only where S3 requires it (`when_required`). Answers are checked where the store sends a checksum (`when_supported`):
//!   it costs nothing where it does not.
//! - Without `s3:ListBucket` S3 answers 403 for an absent object. That is reported as
//!   [`ErrorKind::Denied`](crate::ErrorKind::Denied), never as absent.

mod connect;
mod failure;
mod objects;
mod presign;
mod upload;

use std::sync::Arc;

use aws_sdk_s3::Client;

use crate::retry::Retrier;
pub use crate::retry::RetryPolicy;
pub use connect::{S3Credentials, S3Settings, connect, connect_with, http_client};

/// How long an answer, or the next bytes of one, may take.
const READ_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The CRC-32 of bytes as S3 writes it: big-endian, base64.
fn crc32(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(crc32fast::hash(bytes).to_be_bytes())
}

/// A bucket, or a folder of one. Clones share connections.
#[derive(Debug, Clone)]
pub struct S3Store {
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
struct Shared {
    client: Client,
    bucket: String,
    /// Empty, or ends in `/`.
    prefix: String,
    retrier: Retrier,
    /// Longest wait for the next bytes of a body.
    read_timeout: std::time::Duration,
    /// Most keys asked for at once.
    page_size: usize,
}

impl S3Store {
    /// A store over a client that is configured already. The client's own retries should be off (see the module's text).
    /// `prefix` is a folder inside the bucket, empty for all of it; waits between tries follow from `seed`.
    pub fn new(client: Client, bucket: impl Into<String>, prefix: &str, retry: RetryPolicy, seed: u64) -> Self {
        let retrier = Retrier::new(retry, seed);
        Self::of(Shared {
            client,
            bucket: bucket.into(),
            prefix: prefix.to_owned(),
            retrier,
            read_timeout: READ_TIMEOUT,
            page_size: crate::PAGE,
        })
    }

    fn of(shared: Shared) -> Self {
        let folder = shared.prefix.trim_matches('/');
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { shared: Arc::new(Shared { prefix, ..shared }) }
    }

    /// Another bucket by the same client, with the same folder: connections, credentials and retries are shared.
    pub fn sibling(&self, bucket: impl Into<String>) -> Self {
        Self::of(Shared { bucket: bucket.into(), ..self.shared.as_ref().clone() })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.shared.bucket
    }

    /// The folder inside the bucket: empty, or ending in `/`.
    pub fn prefix(&self) -> &str {
        &self.shared.prefix
    }
}

impl Shared {
    /// The key as the bucket knows it.
    fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key without our folder; `None` if it is not in it.
    fn own_key<'a>(&self, full_key: &'a str) -> Option<&'a str> {
        full_key.strip_prefix(self.prefix.as_str())
    }
}

/// An entity tag without its quotes.
fn bare_etag(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}
