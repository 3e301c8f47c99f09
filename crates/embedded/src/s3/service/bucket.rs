//! One bucket over one directory, as the calls see it.

use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::ETag;
use s3s::{S3Response, S3Result};

use super::super::files::{Files, Stamp};
use super::super::uploads::Uploads;

/// One bucket over one directory.
pub(in crate::s3) struct Service {
    pub files: Arc<Files>,
    pub bucket: String,
    pub uploads: Arc<Uploads>,
    pub started: SystemTime,
}

pub(super) type Answer<T> = S3Result<S3Response<T>>;

/// The entity tag of an object.
pub(super) fn etag(stamp: &Stamp) -> ETag {
    ETag::Strong(stamp.etag())
}
