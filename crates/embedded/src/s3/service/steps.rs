//! What the calls are made of.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::super::files::{Files, Mode, Published, Stamp};
use super::super::key::{Key, is_write_once};
use super::super::list::{Listing, Page, list};
use super::super::receive::{Expected, receive};
use super::super::tags::{clear_tags, renew_tags};
use super::super::uploads::{AssembleError, Upload, assemble};
use super::super::{Failure, blocking};
use super::bucket::{Answer, Service, etag};
use super::refusals::{invalid_argument, write_once};

impl Service {
    pub(super) fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.bucket {
            return Ok(());
        }
        let message = format!("this server holds the bucket {} only", self.bucket);
        Err(S3Error::with_message(S3ErrorCode::NoSuchBucket, message))
    }

    pub(super) fn key(&self, bucket: &str, key: &str) -> S3Result<Key> {
        self.check_bucket(bucket)?;
        Key::parse(key).map_err(invalid_argument)
    }

    pub(super) async fn list_page(&self, listing: Listing) -> S3Result<Page> {
        let files = Arc::clone(&self.files);
        blocking(move || {
            let page = list(files.root(), &listing)?;
            // An empty list must mean that there is nothing.
            files.check_root()?;
            Ok(page)
        })
        .await
    }

    pub(super) async fn put_marker(&self, key: &str, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        // What some tools take for a folder: a key that ends in a slash, without bytes.
        let folder = self.key(&request.input.bucket, key.trim_end_matches('/'))?;
        if is_write_once(key) {
            return Err(write_once(key));
        }
        let expected = Expected::new(Checksum::default(), None, None, &request.headers);
        if !receive(&self.files, request.input.body, expected).await?.is_empty() {
            return Err(invalid_argument("a key that ends in a slash can hold no bytes here".to_owned()));
        }
        let files = Arc::clone(&self.files);
        blocking(move || Ok(files.folders().ensure(folder.as_str()).map(|_| ())?)).await?;
        let stamp = Stamp { size: 0, modified: UNIX_EPOCH };
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(etag(&stamp)), ..PutObjectOutput::default() }))
    }

    /// As [`Service::key`], but a key that no object can have simply names none.
    pub(super) fn readable_key(&self, bucket: &str, key: &str) -> S3Result<Key> {
        self.check_bucket(bucket)?;
        if key.ends_with('/') {
            return Err(S3Error::new(S3ErrorCode::NoSuchKey));
        }
        Key::parse(key).map_err(invalid_argument)
    }

    pub(super) async fn delete(&self, key: &str) -> S3Result<()> {
        if is_write_once(key) {
            return Err(write_once(key));
        }
        let is_marker = key.ends_with('/');
        let key = Key::parse(key.trim_end_matches('/')).map_err(invalid_argument)?;
        let files = Arc::clone(&self.files);
        blocking(move || {
            if is_marker {
                files.prune(key.as_str());
            } else if files.delete(&key)? {
                clear_tags(&files, &key)?;
            }
            Ok(())
        })
        .await
    }
}

/// Puts an upload together and makes it visible; `None` if the key is taken.
pub(super) fn complete(
    files: &Files,
    upload: &Upload,
    named: &[(i32, Option<String>)],
    mode: Mode,
) -> Result<Option<Stamp>, Failure> {
    let unfinished = assemble(files, upload, named).map_err(|error| {
        let code = match &error {
            AssembleError::NoSuchPart(_) => S3ErrorCode::InvalidPart,
            AssembleError::Order => S3ErrorCode::InvalidPartOrder,
            AssembleError::TooSmall(_) => S3ErrorCode::EntityTooSmall,
            AssembleError::Io(_) => S3ErrorCode::InternalError,
        };
        S3Error::with_message(code, error.to_string())
    })?;
    let stamp = files.settle(&unfinished)?;
    if files.publish(unfinished, &upload.key, mode)? == Published::Exists {
        return Ok(None);
    }
    renew_tags(files, &upload.key, Some(upload.tags.clone()))?;
    Ok(Some(stamp))
}
