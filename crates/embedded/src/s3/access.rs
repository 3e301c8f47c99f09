//! Who may do what with the storage.
//!
//! The process itself, by keys that live as long as it does, may do everything that the zones allow. Other tools, by the lake's own
//! keys, may **read everything and write below [`WORK`] only**: results of an analysis, tables derived from the archive. A plan, a
//! landing object, a directory of actors or a tag from elsewhere would change what the lake says, so none is taken.

use s3s::access::{S3Access, S3AccessContext};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

/// Where other tools may write.
pub const WORK: &str = "work/";

/// Calls that change nothing.
const READS: [&str; 11] = [
    "GetBucketLocation",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
];
/// Calls that change one object, named by their path.
const WRITES: [&str; 9] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "PutObject",
    "PutObjectTagging",
    "UploadPart",
];

/// The rules.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The access key of the process itself.
    pub own_key: String,
    /// Whether other tools may do what the process itself may.
    pub others_may_write: bool,
}

fn denied(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}

impl Access {
    fn judge(&self, access_key: Option<&str>, operation: &str, path: &S3Path) -> S3Result<()> {
        let Some(access_key) = access_key else { return Err(denied("a request must be signed")) };
        if access_key == self.own_key || self.others_may_write || READS.contains(&operation) {
            return Ok(());
        }
        match path {
            S3Path::Object { key, .. } if WRITES.contains(&operation) && key.starts_with(WORK) => Ok(()),
            // Which objects are meant stands in the body: each is judged by itself.
            S3Path::Bucket { .. } if operation == "DeleteObjects" => Ok(()),
            _ => Err(denied("other tools read everything here, and write below work/ only; see the analysts' guide")),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let access_key = context.credentials().map(|credentials| credentials.access_key.as_str());
        self.judge(access_key, context.s3_op().name(), context.s3_path())
    }

    async fn delete_objects(&self, request: &mut S3Request<s3s::dto::DeleteObjectsInput>) -> S3Result<()> {
        let is_own = request.credentials.as_ref().is_some_and(|credentials| credentials.access_key == self.own_key);
        let mut objects = request.input.delete.objects.iter();
        if is_own || self.others_may_write || objects.all(|object| object.key.starts_with(WORK)) {
            return Ok(());
        }
        Err(denied("other tools delete below work/ only; nothing of this request was deleted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str) -> S3Path {
        S3Path::Object { bucket: "lake".into(), key: key.into() }
    }

    #[test]
    fn others_read_everything_and_write_below_work_only() {
        let access = Access { own_key: "own".to_owned(), others_may_write: false };
        let plan = object("seals/year=2026/month=03/day=01/_20260301T120000Z.plan.json");
        for operation in WRITES {
            assert!(access.judge(Some("own"), operation, &plan).is_ok(), "{operation}");
            assert!(access.judge(Some("other"), operation, &plan).is_err(), "{operation}");
            assert!(access.judge(Some("other"), operation, &object("work/table/a.parquet")).is_ok(), "{operation}");
            assert!(access.judge(None, operation, &object("work/table/a.parquet")).is_err(), "{operation}");
        }
        for operation in READS {
            assert!(access.judge(Some("other"), operation, &plan).is_ok(), "{operation}");
            assert!(access.judge(None, operation, &plan).is_err(), "{operation}");
        }
        for unknown in ["PutBucketPolicy", "RestoreObject", "CreateBucket"] {
            assert!(access.judge(Some("other"), unknown, &S3Path::Bucket { bucket: "lake".into() }).is_err(), "{unknown}");
        }
        for key in ["directory/acme.json", "exports/acme/x", "lake.json", "landing/a", "work", "workx/a", "etl/work/a"] {
            assert!(access.judge(Some("other"), "PutObject", &object(key)).is_err(), "{key}");
        }
    }

    #[test]
    fn where_it_is_allowed_others_write_what_the_process_writes() {
        let access = Access { own_key: "own".to_owned(), others_may_write: true };
        assert!(access.judge(Some("other"), "PutObject", &object("landing/a")).is_ok());
        assert!(access.judge(None, "PutObject", &object("landing/a")).is_err());
    }
}
