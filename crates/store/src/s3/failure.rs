//! What the SDK's errors mean for a caller.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::{ErrorKind, StoreError};

/// An answer that is an error: its status and S3's code, if the body held one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
}

/// The refusal inside an error; `None` if no whole answer came.
pub(super) fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Refusal> {
    let SdkError::ServiceError(context) = error else { return None };
    let code = context.err().code().unwrap_or_default().to_owned();
    Some(Refusal { status: context.raw().status().as_u16(), code })
}

/// The error of `operation` on `key` as callers see it.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>, operation: &'static str, key: &str) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (kind, message) = match &error {
        SdkError::TimeoutError(_) => (ErrorKind::Timeout, "no answer in time".to_owned()),
        SdkError::DispatchFailure(dispatch) => {
            let context = DisplayErrorContext(&error).to_string();
            if context.contains("credential") || context.contains("Credential") {
                (ErrorKind::Denied, format!("no usable credentials: {context}"))
            } else if dispatch.is_timeout() {
                (ErrorKind::Timeout, format!("no answer in time: {context}"))
            } else {
                (ErrorKind::Unavailable, format!("no connection, or it broke: {context}"))
            }
        }
        SdkError::ResponseError(response) => {
            let kind = kind_of(response.raw().status().as_u16(), "");
            // A good status with an unreadable answer: the effect may be there, the answer is lost.
            let kind = if response.raw().status().is_success() { ErrorKind::Unavailable } else { kind };
            (kind, format!("unreadable answer: {}", DisplayErrorContext(&error)))
        }
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code().unwrap_or_default();
            let said = context.err().message().unwrap_or_default();
            (kind_of(status, code), explain(status, code, said))
        }
        _ => {
            let context = DisplayErrorContext(&error).to_string();
            let is_about_credentials = context.contains("credential") || context.contains("identity");
            let kind = if is_about_credentials { ErrorKind::Denied } else { ErrorKind::Invalid };
            (kind, context)
        }
    };
    StoreError::new(kind, operation, key, message)
}

/// The kind of a refusal by its code, and where that says nothing, by its status.
pub(super) fn kind_of(status: u16, code: &str) -> ErrorKind {
    match code {
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestTimeout"
        | "InternalError"
        // The clock was set while the request was on its way, or is wrong: the next try is signed with the right time or a corrected one.
        | "RequestTimeTooSkewed"
        | "ServiceUnavailable" => return ErrorKind::Unavailable,
        "ConditionalRequestConflict" | "OperationAborted" => return ErrorKind::Conflict,
        "AccessDenied"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch" => return ErrorKind::Denied,
        // Not the object is missing but all of it: whoever waits for an object to come must not wait for this.
        "NoSuchBucket" => return ErrorKind::Invalid,
        _ => {}
    }
    match status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 | 429 | 500 | 502..=599 => ErrorKind::Unavailable,
        409 => ErrorKind::Conflict,
        _ => ErrorKind::Invalid,
    }
}

/// What the store said, and what to do about it where that is known.
fn explain(status: u16, code: &str, said: &str) -> String {
    let said = if said.is_empty() { "no reason given" } else { said };
    let code = if code.is_empty() { "no code" } else { code };
    let advice = match (status, code) {
        (_, "NoSuchBucket") => "; check the bucket's name, the region and the endpoint",
        (_, "RequestTimeTooSkewed") => "; the clock of this machine is wrong",
        (_, "ExpiredToken") => "; the temporary credentials have ended, get new ones",
        (_, "SignatureDoesNotMatch" | "InvalidAccessKeyId") => "; check the access key and the secret key",
        (301 | 307, _) => "; the bucket is in another region or wants another addressing style",
        (401 | 403, _) => {
            "; the caller lacks the permission, or the object does not exist and the caller lacks s3:ListBucket on the bucket"
        }
        _ => "",
    };
    format!("status {status}, {code}: {said}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_kind_its_code_or_status_says() {
        let cases = [
            (403, "", ErrorKind::Denied),
            (401, "", ErrorKind::Denied),
            (400, "ExpiredToken", ErrorKind::Denied),
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "NoSuchBucket", ErrorKind::Invalid),
            (409, "ConditionalRequestConflict", ErrorKind::Conflict),
            (429, "", ErrorKind::Unavailable),
            (503, "SlowDown", ErrorKind::Unavailable),
            (403, "RequestTimeTooSkewed", ErrorKind::Unavailable),
            (200, "InternalError", ErrorKind::Unavailable),
            (400, "RequestTimeout", ErrorKind::Unavailable),
            (501, "NotImplemented", ErrorKind::Invalid),
            (416, "InvalidRange", ErrorKind::Invalid),
        ];
        for (status, code, kind) in cases {
            assert_eq!(kind_of(status, code), kind, "{status} {code}");
        }
    }

    #[test]
    fn a_403_says_what_an_absent_object_looks_like_without_the_permission_to_list() {
        assert!(explain(403, "", "").contains("s3:ListBucket"));
    }
}
