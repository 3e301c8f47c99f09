//! The store over S3, by `aws-sdk-s3`.
