//! An S3 over a local directory, for the lake on one machine.
//!
//! One bucket, whose objects are plain files `DIR/<key>`: any tool reads the archive by its paths, with or without this server.
//! What S3 knows and files do not (tags, unfinished files) lies in `DIR/.auditlake`.
//!
//! Guarantees:
//! - **on disk before the answer**: bytes, the name, and every folder above it;
//! - **write once**, among all tasks *and processes* that serve the same directory: of all puts of one key with
//!   `If-None-Match: *` exactly one creates;
//! - **whole objects**: a reader sees all bytes of an object or none, also after a power loss;
//! - where the lake is written once (archive, landing, seals, digests, quarantine, `lake.json`) nothing can be overwritten or
//!   deleted, as a deployment's bucket policy has it. Only [`sweep`] removes landing objects, and only sealed ones;
//! - **other tools** read everything and write below `work/` only, by the keys of the lake. A browser that a foreign page leads here is
//!   refused, as by the API.
//!
//! Not kept: content types and other metadata of objects, versions, access lists, encryption headers. Keys must be usable as
//! paths: no empty parts, no `.` or `..`, no backslash or control characters, and none that is at once an object and the folder of
//! others.

mod access;
mod files;
mod folders;
mod key;
mod list;
mod receive;
mod retired;
mod server;
mod service;
mod sweep;
mod tags;
mod uploads;

use s3s::{S3Error, S3ErrorCode, S3Result};

pub use access::WORK;
use files::FileError;
pub use server::{DEFAULT_BUCKET, EmbeddedS3, EmbeddedS3Credentials, EmbeddedS3Error, Others};
pub use sweep::{Swept, sweep};

/// Runs what waits for the disk on a thread where waiting harms nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> S3Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Failure(error))) => Err(error),
        Err(error) => Err(S3Error::with_message(S3ErrorCode::InternalError, format!("the work was given up: {error}"))),
    }
}

/// An answer to the client, made from whatever went wrong on the way.
struct Failure(S3Error);

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self(into_s3_error(error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(into_s3_error(error.into()))
    }
}

fn into_s3_error(error: FileError) -> S3Error {
    use std::io::ErrorKind;
    let code = match &error {
        FileError::NotFound => S3ErrorCode::NoSuchKey,
        FileError::Gone(_) => S3ErrorCode::ServiceUnavailable,
        FileError::Blocked(_) => S3ErrorCode::InvalidRequest,
        FileError::Io(error) => match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => S3ErrorCode::AccessDenied,
            _ => S3ErrorCode::InternalError,
        },
    };
    match &error {
        FileError::Io(error) => tracing::error!(%error, "the disk refused"),
        FileError::Gone(_) => tracing::error!(alarm = true, %error, "nothing can be read or kept"),
        FileError::NotFound | FileError::Blocked(_) => {}
    }
    S3Error::with_message(code, error.to_string())
}
