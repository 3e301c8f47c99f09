//! Links by which an object can be downloaded without credentials, for a while.

use std::time::Duration;

use async_trait::async_trait;

use crate::StoreError;

/// What a download looks like to whoever follows a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// How long the link works, at most a week (Signature Version 4). One that was signed with temporary credentials ends with
    /// them, whatever this says.
    pub valid_for: Duration,
    /// The name of the file that a browser saves: ASCII letters, digits, `-`, `_` and `.` only.
    pub file_name: String,
    /// The answer's content type.
    pub content_type: &'static str,
}

/// Signs links. No request is sent, so a link to an object that is not there can be made.
#[async_trait]
pub trait Presign: Send + Sync {
    /// `http(s)://…` that answers GET, also with `Range`. Fails if the file name is none that needs no quoting, or if there are
    /// no credentials to sign with.
    async fn presigned_get(&self, key: &str, download: &Download) -> Result<String, StoreError>;
}

impl Download {
    /// The `Content-Disposition` of the answer (RFC 6266); `None` if the name would need quoting.
    pub(crate) fn content_disposition(&self) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = !self.file_name.is_empty() && self.file_name.bytes().all(is_plain);
        is_name.then(|| format!("attachment; filename=\"{}\"", self.file_name))
    }
}
