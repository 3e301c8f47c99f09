//! The store's calls.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, Tag, Tagging};
use bytes::{Bytes, BytesMut};

use super::failure::{failure, refusal};
use super::upload::S3Upload;
use super::{S3Store, Shared, bare_etag, crc32};
use crate::{ErrorKind, Object, ObjectMeta, Put, Store, StoreError, Suffix, Upload};

#[async_trait]
impl Store for S3Store {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.put_once(key, bytes.clone())).await
    }

    async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.replace_once(key, bytes.clone())).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(S3Upload::new(self.clone(), key)))
    }

    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.get_once(key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.start > range.end {
            return Err(StoreError::new(ErrorKind::Invalid, "get_range", key, "the range ends before it begins"));
        }
        if range.is_empty() {
            // HTTP has no way to ask for nothing.
            return Ok(Bytes::new());
        }
        let shared = &self.shared;
        shared.retrier.run(|| shared.get_range_once(key, range.clone())).await
    }

    async fn get_suffix(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.get_suffix_once(key, length)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.head_once(key)).await
    }

    fn page_size(&self) -> usize {
        self.shared.page_size
    }

    async fn list_page(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
        let shared = &self.shared;
        let limit = limit.clamp(1, shared.page_size);
        let mut objects: Vec<ObjectMeta> = Vec::new();
        // A store may cut a page short and still have more: less than `limit` must mean the end, so ask on.
        loop {
            let after = objects.last().map(|object| object.key.as_str()).or(start_after);
            let missing = limit - objects.len();
            let (page, is_truncated) = shared.retrier.run(|| shared.list_once(prefix, after, missing)).await?;
            let is_stuck = page.is_empty();
            objects.extend(page);
            if !is_truncated || objects.len() >= limit {
                objects.truncate(limit);
                return Ok(objects);
            }
            if is_stuck {
                let message = "the store says that there is more but gives nothing";
                return Err(StoreError::new(ErrorKind::Unavailable, "list", prefix, message));
            }
        }
    }

    async fn list_prefixes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let shared = &self.shared;
        let mut found = BTreeSet::new();
        let mut continuation: Option<String> = None;
        loop {
            let (prefixes, next) = shared.retrier.run(|| shared.list_prefixes_once(prefix, continuation.as_deref())).await?;
            found.extend(prefixes);
            if next.is_none() {
                return Ok(found.into_iter().collect());
            }
            continuation = next;
        }
    }

    async fn tag(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.retrier.run(|| shared.tag_once(key, name, value)).await
    }
}

impl Shared {
    pub(super) async fn put_once(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.full_key(key))
            .if_none_match("*")
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .checksum_crc32(crc32(&bytes))
            .body(ByteStream::from(bytes))
            .send()
            .await;
        match sent {
            Ok(output) => Ok(Put::Created { etag: bare_etag(output.e_tag()) }),
            Err(error) if refusal(&error).is_some_and(|refusal| refusal.status == 412) => Ok(Put::Exists),
            Err(error) => Err(failure(error, "put", key)),
        }
    }

    async fn replace_once(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let request = self.client.put_object().bucket(&self.bucket).key(self.full_key(key));
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32).checksum_crc32(crc32(&bytes));
        let sent = request.body(ByteStream::from(bytes)).send().await;
        sent.map(|_| ()).map_err(|error| failure(error, "put", key))
    }

    async fn get_once(&self, key: &str) -> Result<Object, StoreError> {
        let sent = self.client.get_object().bucket(&self.bucket).key(self.full_key(key)).send().await;
        let output = sent.map_err(|error| failure(error, "get", key))?;
        let etag = bare_etag(output.e_tag());
        let length = output.content_length().and_then(|length| u64::try_from(length).ok());
        let bytes = self.collect("get", key, output.body, length).await?;
        Ok(Object { bytes, etag })
    }

    async fn get_range_once(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let request = self.client.get_object().bucket(&self.bucket).key(self.full_key(key)).range(header);
        let output = request.send().await.map_err(|error| failure(error, "get_range", key))?;
        let expected = range.end - range.start;
        let announced = output.content_length().and_then(|length| u64::try_from(length).ok());
        if announced.is_some_and(|announced| announced != expected) {
            return Err(StoreError::new(ErrorKind::Invalid, "get_range", key, "range outside the object"));
        }
        self.collect("get_range", key, output.body, Some(expected)).await
    }

    async fn get_suffix_once(&self, key: &str, length: u64) -> Result<Suffix, StoreError> {
        if length == 0 {
            return self.suffix_of_nothing(key).await;
        }
        let request =
            self.client.get_object().bucket(&self.bucket).key(self.full_key(key)).range(format!("bytes=-{length}"));
        let output = match request.send().await {
            Ok(output) => output,
            // An empty object has no last byte: S3 refuses any range of it.
            Err(error) if refusal(&error).is_some_and(|refusal| refusal.status == 416) => {
                return self.suffix_of_nothing(key).await;
            }
            Err(error) => return Err(failure(error, "get_suffix", key)),
        };
        let etag = bare_etag(output.e_tag());
        let announced = output.content_length().and_then(|length| u64::try_from(length).ok());
        let stated_size = output.content_range().and_then(size_of_content_range);
        let bytes = self.collect("get_suffix", key, output.body, announced).await?;
        // Without a content range the store sent all of it.
        let size = stated_size.unwrap_or(bytes.len() as u64);
        if (bytes.len() as u64) < length.min(size) {
            return Err(StoreError::new(ErrorKind::Unavailable, "get_suffix", key, "the answer is shorter than the range"));
        }
        let surplus = bytes.len().saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(Suffix { bytes: bytes.slice(surplus..), size, etag })
    }

    async fn suffix_of_nothing(&self, key: &str) -> Result<Suffix, StoreError> {
        match self.head_once(key).await? {
            Some(meta) => Ok(Suffix { bytes: Bytes::new(), size: meta.size, etag: meta.etag }),
            None => Err(StoreError::new(ErrorKind::NotFound, "get_suffix", key, "no such object")),
        }
    }

    pub(super) async fn head_once(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        match self.client.head_object().bucket(&self.bucket).key(self.full_key(key)).send().await {
            Ok(output) => {
                let size = output.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
                Ok(Some(ObjectMeta {
                    key: key.to_owned(),
                    size,
                    etag: bare_etag(output.e_tag()),
                    modified_ms: millis(output.last_modified()),
                }))
            }
            Err(error) => match failure(error, "head", key) {
                absent if absent.kind == ErrorKind::NotFound => Ok(None),
                failed => Err(failed),
            },
        }
    }

    async fn list_once(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ObjectMeta>, bool), StoreError> {
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(self.full_key(prefix))
            .set_start_after(after.map(|after| self.full_key(after)))
            .max_keys(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| failure(error, "list", prefix))?;
        let mut objects = Vec::with_capacity(output.contents().len());
        for object in output.contents() {
            let full_key = object.key().unwrap_or_default();
            let Some(key) = self.own_key(full_key) else {
                return Err(StoreError::new(
                    ErrorKind::Invalid,
                    "list",
                    prefix,
                    format!("{full_key} lies outside the prefix"),
                ));
            };
            let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            objects.push(ObjectMeta {
                key: key.to_owned(),
                size,
                etag: bare_etag(object.e_tag()),
                modified_ms: millis(object.last_modified()),
            });
        }
        Ok((objects, output.is_truncated().unwrap_or(false)))
    }

    async fn list_prefixes_once(
        &self,
        prefix: &str,
        continuation: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(self.full_key(prefix))
            .delimiter("/")
            .set_continuation_token(continuation.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failure(error, "list_prefixes", prefix))?;
        let full_prefixes = output.common_prefixes().iter().filter_map(|common| common.prefix());
        let prefixes = full_prefixes.filter_map(|full| self.own_key(full)).map(str::to_owned).collect();
        let next =
            if output.is_truncated().unwrap_or(false) { output.next_continuation_token().map(str::to_owned) } else { None };
        Ok((prefixes, next))
    }

    async fn tag_once(&self, key: &str, name: &str, value: &str) -> Result<(), StoreError> {
        let request = self.client.get_object_tagging().bucket(&self.bucket).key(self.full_key(key));
        let held = request.send().await.map_err(|error| failure(error, "tag", key))?;
        if held.tag_set().iter().any(|tag| tag.key() == name && tag.value() == value) {
            return Ok(());
        }
        let added = Tag::builder().key(name).value(value).build();
        let added = added.map_err(|error| StoreError::new(ErrorKind::Invalid, "tag", key, error.to_string()))?;
        let kept = held.tag_set.into_iter().filter(|tag| tag.key() != name);
        let tags = Tagging::builder().set_tag_set(Some(kept.chain([added]).collect())).build();
        let tags = tags.map_err(|error| StoreError::new(ErrorKind::Invalid, "tag", key, error.to_string()))?;
        let request = self.client.put_object_tagging().bucket(&self.bucket).key(self.full_key(key)).tagging(tags);
        request.send().await.map(|_| ()).map_err(|error| failure(error, "tag", key))
    }

    /// The whole body. A body that breaks off or stalls is an error that may be tried again.
    async fn collect(
        &self,
        operation: &'static str,
        key: &str,
        mut body: ByteStream,
        expected: Option<u64>,
    ) -> Result<Bytes, StoreError> {
        let Some(first) = self.next_chunk(operation, key, &mut body).await? else {
            return check_length(operation, key, Bytes::new(), expected);
        };
        let Some(second) = self.next_chunk(operation, key, &mut body).await? else {
            // A piece is a view into the connection's receive buffer, which may be many times as large and lives as long as the
            // view does. Whoever keeps the answer must keep its bytes alone, so that what is counted is what is held.
            return check_length(operation, key, Bytes::copy_from_slice(&first), expected);
        };
        let capacity = expected.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(capacity.max(first.len() + second.len()));
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&second);
        while let Some(chunk) = self.next_chunk(operation, key, &mut body).await? {
            bytes.extend_from_slice(&chunk);
        }
        check_length(operation, key, bytes.freeze(), expected)
    }

    async fn next_chunk(
        &self,
        operation: &'static str,
        key: &str,
        body: &mut ByteStream,
    ) -> Result<Option<Bytes>, StoreError> {
        match timeout(self.read_timeout, body.next()).await {
            None => Err(StoreError::new(ErrorKind::Timeout, operation, key, "the body stalled")),
            Some(None) => Ok(None),
            Some(Some(Ok(chunk))) => Ok(Some(chunk)),
            Some(Some(Err(error))) => {
                Err(StoreError::new(ErrorKind::Unavailable, operation, key, format!("the body broke off: {error}")))
            }
        }
    }
}

fn millis(time: Option<&DateTime>) -> Option<i64> {
    time.and_then(|time| time.to_millis().ok())
}

async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

fn check_length(operation: &'static str, key: &str, bytes: Bytes, expected: Option<u64>) -> Result<Bytes, StoreError> {
    if expected.is_some_and(|expected| expected != bytes.len() as u64) {
        return Err(StoreError::new(ErrorKind::Unavailable, operation, key, "the body has another length than announced"));
    }
    Ok(bytes)
}

/// The size of the whole object in `bytes 10-19/20`.
fn size_of_content_range(header: &str) -> Option<u64> {
    header.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_the_size_of_the_whole() {
        assert_eq!(size_of_content_range("bytes 42-1233/1234"), Some(1234));
        assert_eq!(size_of_content_range("bytes 42-1233/*"), None);
        assert_eq!(size_of_content_range(""), None);
    }
}
