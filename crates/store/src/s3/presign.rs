//! Presigned GETs.

use async_trait::async_trait;
use aws_sdk_s3::presigning::PresigningConfig;

use super::S3Store;
use super::failure::failure;
use crate::presign::{Download, Presign};
use crate::{ErrorKind, StoreError};

#[async_trait]
impl Presign for S3Store {
    async fn presigned_get(&self, key: &str, download: &Download) -> Result<String, StoreError> {
        const OPERATION: &str = "presign";
        let invalid = |message: String| StoreError::new(ErrorKind::Invalid, OPERATION, key, message);
        let disposition = download.content_disposition();
        let disposition = disposition.ok_or_else(|| invalid("the file name must be plain".to_owned()))?;
        let config = PresigningConfig::expires_in(download.valid_for).map_err(|error| invalid(error.to_string()))?;
        let shared = &self.shared;
        let request = shared.client.get_object().bucket(&shared.bucket).key(shared.full_key(key));
        let request = request.response_content_disposition(disposition).response_content_type(download.content_type);
        let presigned = request.presigned(config).await.map_err(|error| failure(error, OPERATION, key))?;
        Ok(presigned.uri().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::s3::{S3Settings, connect};

    fn download(file_name: &str) -> Download {
        Download { valid_for: Duration::from_secs(3_600), file_name: file_name.to_owned(), content_type: "text/csv" }
    }

    #[tokio::test]
    async fn a_link_is_signed_for_its_time_names_the_file_and_holds_no_secret() {
        let settings =
            S3Settings { prefix: "folder".into(), ..S3Settings::at_endpoint("http://127.0.0.1:9", "b", "id", "s3cret") };
        let store = connect(settings).await.unwrap();
        let link = store.presigned_get("exports/a b.csv", &download("acme-part-0001.csv")).await.unwrap();
        assert!(link.starts_with("http://127.0.0.1:9/b/folder/exports/a%20b.csv?"), "{link}");
        for part in [
            "X-Amz-Expires=3600",
            "X-Amz-Signature=",
            "response-content-disposition=attachment%3B%20filename%3D%22acme-part-0001.csv%22",
            "response-content-type=text%2Fcsv",
        ] {
            assert!(link.contains(part), "{part} in {link}");
        }
        assert!(!link.contains("s3cret"));
        for name in ["", "a\"b", "a/b", "a\r\nb", "ü"] {
            assert_eq!(store.presigned_get("k", &download(name)).await.unwrap_err().kind, ErrorKind::Invalid, "{name:?}");
        }
    }
}
