//! The refusals of more than one call.

use s3s::{S3Error, S3ErrorCode};

pub(super) fn taken() -> S3Error {
    S3Error::with_message(S3ErrorCode::PreconditionFailed, "an object of this key exists")
}

pub(super) fn no_such_upload() -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchUpload, "no such upload; one ends with the server that began it")
}

pub(super) fn invalid_argument(message: String) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, message)
}

pub(super) fn invalid_tag(message: String) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidTag, message)
}

pub(super) fn write_once(key: &str) -> S3Error {
    let message = format!("{key} lies where objects are written once: put with If-None-Match: *, and nothing is deleted");
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}
