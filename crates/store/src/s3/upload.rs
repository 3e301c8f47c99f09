//! A write-once object in parts.
//!
//! Parts of exactly [`PART`] bytes are sent as they fill, at most [`IN_FLIGHT`] at once, so that memory is bounded and the
//! writer goes on while the network works. What fits into one part is one conditional put. The condition sits on
//! `CompleteMultipartUpload`, where S3 answers 412 if the key exists and 409 if another writer was there at the same time.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::failure::{failure, refusal};
use super::{S3Store, Shared, bare_etag, crc32};
use crate::{ErrorKind, Put, Store, StoreError, Upload};

/// Bytes of a part. S3 wants at least 5 MiB; all but the last are equally large, as some stores demand.
pub(super) const PART: usize = 8 << 20;
/// Parts on their way at once.
const IN_FLIGHT: usize = 2;
/// S3's limit of parts.
const MOST_PARTS: i32 = 10_000;

pub(super) struct S3Upload {
    store: S3Store,
    key: String,
    buffer: BytesMut,
    upload_id: Option<String>,
    last_number: i32,
    in_flight: JoinSet<Result<CompletedPart, StoreError>>,
    parts: Vec<CompletedPart>,
}

impl S3Upload {
    pub(super) fn new(store: S3Store, key: &str) -> Self {
        Self {
            store,
            key: key.to_owned(),
            buffer: BytesMut::new(),
            upload_id: None,
            last_number: 0,
            in_flight: JoinSet::new(),
            parts: Vec::new(),
        }
    }

    fn shared(&self) -> &Shared {
        &self.store.shared
    }

    async fn begin(&mut self) -> Result<String, StoreError> {
        if let Some(upload_id) = &self.upload_id {
            return Ok(upload_id.clone());
        }
        let upload_id = self.shared().retrier.run(|| self.shared().begin_once(&self.key)).await?;
        self.upload_id = Some(upload_id.clone());
        Ok(upload_id)
    }

    async fn send_part(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let upload_id = self.begin().await?;
        if self.last_number == MOST_PARTS {
            return Err(StoreError::new(ErrorKind::Invalid, "upload.write", &self.key, "more than 10,000 parts"));
        }
        while self.in_flight.len() >= IN_FLIGHT {
            self.join_part().await?;
        }
        self.last_number += 1;
        let (store, key, number) = (self.store.clone(), self.key.clone(), self.last_number);
        self.in_flight.spawn(async move {
            let shared = &store.shared;
            shared.retrier.run(|| shared.part_once(&key, &upload_id, number, bytes.clone())).await
        });
        Ok(())
    }

    async fn join_part(&mut self) -> Result<(), StoreError> {
        match self.in_flight.join_next().await {
            None => Ok(()),
            Some(Ok(part)) => {
                self.parts.push(part?);
                Ok(())
            }
            Some(Err(error)) => {
                let message = format!("the task that sends a part ended: {error}");
                Err(StoreError::new(ErrorKind::Unavailable, "upload.write", &self.key, message))
            }
        }
    }

    async fn complete(&mut self) -> Result<Put, StoreError> {
        let upload_id = self.begin().await?;
        let last = self.buffer.split().freeze();
        if !last.is_empty() {
            self.send_part(last).await?;
        }
        while !self.in_flight.is_empty() {
            self.join_part().await?;
        }
        self.parts.sort_by_key(CompletedPart::part_number);
        let parts = std::mem::take(&mut self.parts);
        let shared = &self.store.shared;
        // A conflict is final here: the parts are gone, the whole upload must be made again.
        let is_passing = |error: &StoreError| error.retryable() && error.kind != ErrorKind::Conflict;
        shared.retrier.run_while(is_passing, || shared.complete_once(&self.key, &upload_id, parts.clone())).await
    }

    /// Frees the parts, as well as it goes; the bucket's lifecycle clears what stays.
    async fn discard(&mut self) -> Result<(), StoreError> {
        self.in_flight.shutdown().await;
        let Some(upload_id) = self.upload_id.take() else { return Ok(()) };
        self.shared().abort_once(&self.key, &upload_id).await
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(&bytes);
        // Strictly more than a part: an object of just one part's size still goes as one put.
        while self.buffer.len() > PART {
            let part = self.buffer.split_to(PART).freeze();
            self.send_part(part).await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Put, StoreError> {
        if self.upload_id.is_none() {
            let bytes = self.buffer.split().freeze();
            return self.store.put_if_absent(&self.key, bytes).await;
        }
        let finished = self.complete().await;
        let is_over = match &finished {
            Ok(Put::Created { .. }) => false,
            Ok(Put::Exists) => true,
            // After a lost answer the object may still come to be: leave the parts alone.
            Err(error) => !matches!(error.kind, ErrorKind::Timeout | ErrorKind::Unavailable),
        };
        if is_over && let Err(error) = self.discard().await {
            tracing::debug!(%error, "could not abort an upload, its parts stay until the bucket's lifecycle clears them");
        }
        finished
    }

    async fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.discard().await
    }
}

impl Shared {
    async fn begin_once(&self, key: &str) -> Result<String, StoreError> {
        let output = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(self.full_key(key))
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| failure(error, "upload", key))?;
        let missing = || StoreError::new(ErrorKind::Invalid, "upload", key, "the store gave the upload no id");
        output.upload_id().map(str::to_owned).ok_or_else(missing)
    }

    async fn part_once(&self, key: &str, upload_id: &str, number: i32, bytes: Bytes) -> Result<CompletedPart, StoreError> {
        let checksum = crc32(&bytes);
        let output = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(self.full_key(key))
            .upload_id(upload_id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .checksum_crc32(checksum.clone())
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| failure(error, "upload.write", key))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(output.e_tag().map(str::to_owned))
            .checksum_crc32(checksum)
            .build())
    }

    async fn complete_once(&self, key: &str, upload_id: &str, parts: Vec<CompletedPart>) -> Result<Put, StoreError> {
        let sent = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(self.full_key(key))
            .upload_id(upload_id)
            .if_none_match("*")
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await;
        let error = match sent {
            Ok(output) => return Ok(Put::Created { etag: bare_etag(output.e_tag()) }),
            Err(error) => error,
        };
        match refusal(&error) {
            Some(refusal) if refusal.status == 412 => Ok(Put::Exists),
            // An earlier try whose answer got lost may have completed it; or somebody aborted it.
            Some(refusal) if refusal.status == 404 && refusal.code == "NoSuchUpload" => match self.head_once(key).await? {
                Some(_) => Ok(Put::Exists),
                None => Err(StoreError::new(ErrorKind::Conflict, "upload.finish", key, "the upload is gone: make it again")),
            },
            _ => Err(failure(error, "upload.finish", key)),
        }
    }

    async fn abort_once(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(self.full_key(key)).upload_id(upload_id);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match failure(error, "upload.abort", key) {
                gone if gone.kind == ErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }
}
