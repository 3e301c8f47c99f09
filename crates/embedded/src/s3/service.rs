//! The S3 calls over files.

mod body;
mod bucket;
mod conditions;
pub(super) mod page;
mod refusals;
mod steps;

use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response};

use super::files::Published;
use super::list::Listing;
use super::receive::{Expected, receive};
use super::tags::{Tags, check_tags, parse_header, read_tags, renew_tags, write_tags};
use super::uploads::MOST_PARTS;
use super::{Failure, blocking};
use body::{CHUNK, body, read_chunk};
pub(super) use bucket::Service;
use bucket::{Answer, etag};
use conditions::{Conditions, mode};
use page::{entry_text, page_limit, read_token, split, token};
use refusals::{invalid_argument, invalid_tag, no_such_upload, taken};
use steps::complete;

/// The region every request may name.
const REGION: &str = "us-east-1";

/// The checksums a request states, whichever call it is.
macro_rules! stated_checksum {
    ($input:expr) => {
        Checksum {
            checksum_crc32: $input.checksum_crc32.take(),
            checksum_crc32c: $input.checksum_crc32c.take(),
            checksum_crc64nvme: $input.checksum_crc64nvme.take(),
            checksum_sha1: $input.checksum_sha1.take(),
            checksum_sha256: $input.checksum_sha256.take(),
            ..Checksum::default()
        }
    };
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let bucket = Bucket {
            name: Some(self.bucket.clone()),
            creation_date: Some(Timestamp::from(self.started)),
            ..Bucket::default()
        };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(vec![bucket]), ..ListBucketsOutput::default() }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        if request.input.bucket != self.bucket {
            let message = format!("this server holds the bucket {} only", self.bucket);
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, message));
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", self.bucket)) }))
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        if request.input.key.ends_with('/') {
            let key = request.input.key.clone();
            return self.put_marker(&key, request).await;
        }
        let input = &mut request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let mode = mode(&key, input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let tags = input.tagging.as_deref().map(parse_header).transpose().map_err(invalid_tag)?;
        let (checksum, content_md5) = (stated_checksum!(input), input.content_md5.take());
        let expected = Expected::new(checksum, content_md5, request.trailing_headers.take(), &request.headers);
        let received = receive(&self.files, request.input.body.take(), expected).await?;
        let checksum = received.checksum.clone();
        let files = Arc::clone(&self.files);
        let stamp = blocking(move || {
            let unfinished = received.into_unfinished(&files)?;
            let stamp = files.settle(&unfinished)?;
            match files.publish(unfinished, &key, mode)? {
                Published::Exists => return Ok(None),
                Published::Created => renew_tags(&files, &key, tags)?,
            }
            Ok(Some(stamp))
        })
        .await?;
        let stamp = stamp.ok_or_else(taken)?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(etag(&stamp)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..PutObjectOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        let key = self.readable_key(&input.bucket, &input.key)?;
        let files = Arc::clone(&self.files);
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let range = input.range;
        let (file, stamp, wanted, first) = blocking(move || {
            let (file, stamp) = files.read(&key)?;
            conditions.check(&stamp)?;
            let wanted = match &range {
                None => 0..stamp.size,
                Some(range) => range.check(stamp.size).map_err(S3Error::from)?,
            };
            // What fits into one chunk needs no second trip to the threads that read.
            let first = read_chunk(&file, wanted.start, (wanted.end - wanted.start).min(CHUNK))?;
            Ok((file, stamp, wanted, first))
        })
        .await?;
        let length = wanted.end - wanted.start;
        let content_range =
            range.is_some().then(|| format!("bytes {}-{}/{}", wanted.start, wanted.end.saturating_sub(1), stamp.size));
        let body = body(file, wanted, first);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(body),
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(i64::try_from(length).unwrap_or(i64::MAX)),
            content_range,
            content_type: Some("application/octet-stream".to_owned()),
            e_tag: Some(etag(&stamp)),
            last_modified: Some(Timestamp::from(stamp.modified)),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        let key = self.readable_key(&input.bucket, &input.key)?;
        let files = Arc::clone(&self.files);
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let stamp = blocking(move || Ok(files.stamp(&key)?)).await?;
        conditions.check(&stamp)?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(i64::try_from(stamp.size).unwrap_or(i64::MAX)),
            content_type: Some("application/octet-stream".to_owned()),
            e_tag: Some(etag(&stamp)),
            last_modified: Some(Timestamp::from(stamp.modified)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let limit = page_limit(input.max_keys)?;
        let (after, skip) = match &input.continuation_token {
            Some(token) => read_token(token)?,
            None => (input.start_after.clone(), None),
        };
        let prefix = input.prefix.clone().unwrap_or_default();
        let listing = Listing { prefix, after, skip, delimiter: input.delimiter.clone(), limit };
        let page = self.list_page(listing).await?;
        let next = if page.is_truncated { page.entries.last().map(token) } else { None };
        let (contents, common_prefixes) = split(&page);
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            key_count: Some(i32::try_from(page.entries.len()).unwrap_or(i32::MAX)),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.is_truncated),
            next_continuation_token: next,
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            delimiter: input.delimiter,
            start_after: input.start_after,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let limit = page_limit(input.max_keys)?;
        let is_common_prefix =
            |marker: &String| input.delimiter.as_ref().is_some_and(|delimiter| marker.ends_with(delimiter.as_str()));
        let skip = input.marker.clone().filter(is_common_prefix).filter(|marker| !marker.is_empty());
        let prefix = input.prefix.clone().unwrap_or_default();
        let listing = Listing { prefix, after: input.marker.clone(), skip, delimiter: input.delimiter.clone(), limit };
        let page = self.list_page(listing).await?;
        let next_marker =
            if page.is_truncated { page.entries.last().map(|entry| entry_text(entry).to_owned()) } else { None };
        let (contents, common_prefixes) = split(&page);
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            marker: input.marker,
            max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            is_truncated: Some(page.is_truncated),
            next_marker,
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            delimiter: input.delimiter,
            ..ListObjectsOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let tags = input.tagging.as_deref().map(parse_header).transpose().map_err(invalid_tag)?;
        let upload_id = self.uploads.begin(key, tags.unwrap_or_default(), SystemTime::now());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, mut request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let input = &mut request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let (upload_id, number) = (input.upload_id.clone(), input.part_number);
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(invalid_argument(format!("a part's number lies between 1 and {MOST_PARTS}")));
        }
        if !self.uploads.is_open(&upload_id, &key) {
            return Err(no_such_upload());
        }
        let (checksum, content_md5) = (stated_checksum!(input), input.content_md5.take());
        let expected = Expected::new(checksum, content_md5, request.trailing_headers.take(), &request.headers);
        let received = receive(&self.files, request.input.body.take(), expected).await?;
        let checksum = received.checksum.clone();
        let files = Arc::clone(&self.files);
        let part = blocking(move || Ok(files.shelve(received.into_unfinished(&files)?)?)).await?;
        let stamp = part.stamp;
        if !self.uploads.add(&upload_id, &key, number, part) {
            return Err(no_such_upload());
        }
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(etag(&stamp)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let mode = mode(&key, input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let named: Vec<(i32, Option<String>)> =
            parts.into_iter().map(|part| (part.part_number.unwrap_or_default(), part.e_tag.map(ETag::into_value))).collect();
        // Taken out, it can be completed once; whatever fails puts it back.
        let upload = self.uploads.take(&input.upload_id, &key).ok_or_else(no_such_upload)?;
        let files = Arc::clone(&self.files);
        let (upload, done) = blocking(move || {
            let done = complete(&files, &upload, &named, mode);
            if matches!(done, Ok(Some(_))) {
                // The parts' files are removed here, not where requests are served.
                drop(upload);
                return Ok((None, done));
            }
            Ok((Some(upload), done))
        })
        .await?;
        if let Some(upload) = upload {
            self.uploads.put_back(&input.upload_id, upload);
        }
        let stamp = done.map_err(|Failure(error)| error)?.ok_or_else(taken)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag(&stamp)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let key = self.key(&request.input.bucket, &request.input.key)?;
        let upload = self.uploads.take(&request.input.upload_id, &key).ok_or_else(no_such_upload)?;
        blocking(move || {
            drop(upload);
            Ok(())
        })
        .await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let after = input.part_number_marker.unwrap_or(0);
        let limit = page_limit(input.max_parts)?;
        let found = self.uploads.look(&input.upload_id, &key, |upload| {
            let after = upload.parts.range(after.saturating_add(1)..);
            let parts = after.map(|(number, part)| Part {
                part_number: Some(*number),
                e_tag: Some(etag(&part.stamp)),
                size: Some(i64::try_from(part.stamp.size).unwrap_or(i64::MAX)),
                last_modified: Some(Timestamp::from(part.stamp.modified)),
                ..Part::default()
            });
            parts.take(limit + 1).collect::<Vec<_>>()
        });
        let mut parts = found.ok_or_else(no_such_upload)?;
        let is_truncated = parts.len() > limit;
        parts.truncate(limit);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(is_truncated),
            max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            part_number_marker: input.part_number_marker,
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            parts: Some(parts),
            ..ListPartsOutput::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.uploads.all().into_iter().filter(|(key, _, _)| key.starts_with(&prefix));
        let uploads = uploads.map(|(key, id, begun)| MultipartUpload {
            key: Some(key),
            upload_id: Some(id),
            initiated: Some(Timestamp::from(begun)),
            ..MultipartUpload::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..ListMultipartUploadsOutput::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.check_bucket(&request.input.bucket)?;
        self.delete(&request.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        self.check_bucket(&request.input.bucket)?;
        let is_quiet = request.input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in request.input.delete.objects {
            match self.delete(&object.key).await {
                Ok(()) if is_quiet => {}
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    ..Error::default()
                }),
            }
        }
        let (deleted, errors) = (Some(deleted), Some(errors));
        Ok(S3Response::new(DeleteObjectsOutput { deleted, errors, ..DeleteObjectsOutput::default() }))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let CopySource::Bucket { bucket, key: source, .. } = &input.copy_source else {
            return Err(S3Error::with_message(S3ErrorCode::NotImplemented, "access points are not known here"));
        };
        let source = self.key(bucket, source)?;
        let mode = mode(&key, None, None)?;
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let replaces_tags =
            input.tagging_directive.as_ref().is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
        let new_tags = input.tagging.as_deref().map(parse_header).transpose().map_err(invalid_tag)?;
        let files = Arc::clone(&self.files);
        let stamp = blocking(move || {
            let (mut file, stamp) = files.read(&source)?;
            conditions.check(&stamp)?;
            let tags = if replaces_tags { new_tags.unwrap_or_default() } else { read_tags(&files, &source)? };
            let mut unfinished = files.begin()?;
            unfinished.append(&mut file)?;
            let stamp = files.settle(&unfinished)?;
            files.publish(unfinished, &key, mode)?;
            renew_tags(&files, &key, Some(tags))?;
            Ok(stamp)
        })
        .await?;
        let result = CopyObjectResult {
            e_tag: Some(etag(&stamp)),
            last_modified: Some(Timestamp::from(stamp.modified)),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    async fn put_object_tagging(&self, request: S3Request<PutObjectTaggingInput>) -> Answer<PutObjectTaggingOutput> {
        let input = request.input;
        let key = self.key(&input.bucket, &input.key)?;
        let pairs = input.tagging.tag_set.into_iter();
        let tags = check_tags(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
        let tags = tags.map_err(invalid_tag)?;
        let files = Arc::clone(&self.files);
        blocking(move || Ok(write_tags(&files, &key, &tags)?)).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    }

    async fn get_object_tagging(&self, request: S3Request<GetObjectTaggingInput>) -> Answer<GetObjectTaggingOutput> {
        let key = self.key(&request.input.bucket, &request.input.key)?;
        let files = Arc::clone(&self.files);
        let tags = blocking(move || Ok(read_tags(&files, &key)?)).await?;
        let tag_set = tags.into_iter().map(|(name, value)| Tag { key: Some(name), value: Some(value) }).collect();
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> Answer<DeleteObjectTaggingOutput> {
        let key = self.key(&request.input.bucket, &request.input.key)?;
        let files = Arc::clone(&self.files);
        blocking(move || Ok(write_tags(&files, &key, &Tags::new())?)).await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
    }
}
